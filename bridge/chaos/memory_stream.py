"""A stream of Redis in memory, with groups of readers: a part of `MemoryRedis`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

# What a claim looks at, for each entry that it may return.
_LOOKS: Final = 10

_START: Final = b"0-0"
_ENTRY: Final = re.compile(rb"(\d+-\d+) ")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. `is_gone`: it was deleted while somebody had it in hand."""

    id: bytes
    value: bytes = b""
    is_gone: bool = False


@dataclass(slots=True)
class _Taken:
    """Who has an entry in hand, and since when."""

    reader: bytes
    at_ms: int


@dataclass(slots=True)
class _Group:
    """Readers that share a stream: up to where they have read, and what they have in hand."""

    last: bytes = _START
    taken: dict[bytes, _Taken] = field(default_factory=dict)
    readers: dict[bytes, int] = field(default_factory=dict)

    def saw(self, reader: bytes, now_ms: int) -> None:
        self.readers[reader] = now_ms


class Stream:
    """Entries of one field, in the order of their ids."""

    def __init__(self) -> None:
        self._values: dict[bytes, bytes] = {}
        self._last = (0, 0)
        self._groups: dict[bytes, _Group] = {}

    def __len__(self) -> int:
        return len(self._values)

    def entries(self) -> list[Entry]:
        """Return all there are, oldest first."""
        return [Entry(each, value) for each, value in self._values.items()]

    def add(self, value: bytes, now_ms: int) -> bytes:
        """Append an entry and return its id: the time, and a number within it."""
        last_ms, number = self._last
        self._last = (now_ms, 0) if now_ms > last_ms else (last_ms, number + 1)
        name = b"%d-%d" % self._last
        self._values[name] = value
        return name

    def find(self, entry: bytes) -> Entry | None:
        """Return an entry; None: there is none of this id."""
        value = self._values.get(entry)
        return None if value is None else Entry(entry, value)

    def delete(self, entry: bytes) -> None:
        """Delete an entry; whoever has it in hand keeps having it."""
        self._values.pop(entry, None)

    # --- groups ----------------------------------------------------------------------------------

    def has_group(self, group: bytes) -> bool:
        """Whether there is a group of this name."""
        return group in self._groups

    def make_group(self, group: bytes) -> None:
        """Make a group that begins with the oldest entry; harmless where it is there."""
        self._groups.setdefault(group, _Group())

    def drop_readers(self, group: bytes, *, idle_ms: int, now_ms: int) -> None:
        """Forget readers that have nothing in hand and were not heard of for so long."""
        found = self._groups[group]
        busy = {each.reader for each in found.taken.values()}
        for reader, seen_ms in tuple(found.readers.items()):
            if reader not in busy and now_ms - seen_ms > idle_ms:
                del found.readers[reader]

    def acknowledge(self, group: bytes, entries: Sequence[bytes]) -> int:
        """Let go of entries in hand; return how many of them were."""
        found = self._groups.get(group)
        if found is None:
            return 0
        return sum(found.taken.pop(each, None) is not None for each in entries)

    def read_new(self, group: bytes, reader: bytes, count: int, now_ms: int) -> list[Entry]:
        """Take entries that no reader of the group was given."""
        found = self._groups[group]
        found.saw(reader, now_ms)
        after = _order(found.last)
        new = [each for each in self.entries() if _order(each.id) > after][:count]
        for each in new:
            found.taken[each.id] = _Taken(reader, now_ms)
            found.last = each.id
        return new

    def read_own(self, group: bytes, reader: bytes, count: int, now_ms: int) -> list[Entry]:
        """Return what the reader has in hand, oldest first; it counts as taken just now."""
        found = self._groups[group]
        found.saw(reader, now_ms)
        own = [each for each in sorted(found.taken, key=_order) if self._has(found, each, reader)]
        for each in own[:count]:
            found.taken[each].at_ms = now_ms
        return [self._shown(each) for each in own[:count]]

    def claim(
        self, group: bytes, reader: bytes, *, idle_ms: int, start: bytes, count: int, now_ms: int
    ) -> tuple[bytes, list[Entry], list[bytes]]:
        """Take what others have had in hand for too long.

        Returns:
            Where the next claim begins, what was taken, and the ids of what was deleted meanwhile:
            that is in nobody's hand any more.
        """
        found = self._groups[group]
        found.saw(reader, now_ms)
        claimed: list[Entry] = []
        gone: list[bytes] = []
        ids = [each for each in sorted(found.taken, key=_order) if _order(each) >= _order(start)]
        looked = 0
        for each in ids:
            if looked == _LOOKS * count or len(claimed) == count:
                break
            looked += 1
            if each not in self._values:
                del found.taken[each]
                gone.append(each)
            elif now_ms - found.taken[each].at_ms >= idle_ms:
                found.taken[each] = _Taken(reader, now_ms)
                claimed.append(self._shown(each))
        following = ids[looked] if looked < len(ids) else _START
        return following, claimed, gone

    def holder(self, group: bytes, entry: bytes) -> bytes | None:
        """Return who has an entry in hand."""
        found = self._groups.get(group)
        taken = None if found is None else found.taken.get(entry)
        return None if taken is None else taken.reader

    @staticmethod
    def _has(group: _Group, entry: bytes, reader: bytes) -> bool:
        return group.taken[entry].reader == reader

    def _shown(self, entry: bytes) -> Entry:
        return self.find(entry) or Entry(entry, is_gone=True)


def entry_id(cached: bytes | None) -> bytes | None:
    """Return where in the stream a cached row stands; None: in none, or nobody knows."""
    found = _ENTRY.match(cached or b"")
    return None if found is None else found[1]


def _order(entry: bytes) -> tuple[int, int]:
    time_ms, _, number = entry.partition(b"-")
    return int(time_ms), int(number or 0)
