"""Who waits, and whose turn it is: keys take turns; inside one key first come, first served.

However many somebody sends at once, others are not behind all of them. Every step costs the same
however many wait.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class WaitingRoom(Generic[T]):
    """Entries in lines, one line for each key. Entries are hashable; each is there once.

    `count` is how many there are.
    """

    def __init__(self) -> None:
        self.count = 0
        # Both ordered: the lines by whose turn it is, and each line by who came first.
        self._lines: OrderedDict[str, OrderedDict[T, None]] = OrderedDict()
        self._key_of: dict[T, str] = {}
        # Length -> the keys whose lines are that long.
        self._by_length: dict[int, OrderedDict[str, None]] = {}
        self._longest = 0

    def __iter__(self) -> Iterator[T]:
        """All who wait, line by line."""
        return (entry for line in self._lines.values() for entry in line)

    def add(self, key: str, entry: T) -> None:
        """Join the end of the key's line; a key that had none gets its turn after the others."""
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = OrderedDict()
        line[entry] = None
        self._key_of[entry] = key
        self.count += 1
        self._resized(key, len(line) - 1, len(line))

    def take(self) -> T:
        """Take out the first of the key whose turn it is. There has to be somebody."""
        key = next(iter(self._lines))
        line = self._lines[key]
        entry, _ = line.popitem(last=False)
        self._lines.move_to_end(key)
        self._left(entry, line)
        return entry

    def discard(self, entry: T) -> bool:
        """Take out this one. False: it was not there."""
        key = self._key_of.get(entry)
        if key is None:
            return False
        line = self._lines[key]
        del line[entry]
        self._left(entry, line)
        return True

    def displace(self, key: str) -> T | None:
        """Take out the newest of the longest line, if that makes fair room for one more of `key`.

        None: `key` would then have as many places as were taken from, or more. To trade places
        between equals would only throw out who has waited longer.
        """
        mine = self._lines.get(key)
        if (0 if mine is None else len(mine)) + 1 >= self._longest:
            return None
        # Of several lines as long, the one that became so last.
        longest = next(reversed(self._by_length[self._longest]))
        line = self._lines[longest]
        entry, _ = line.popitem()
        self._left(entry, line)
        return entry

    def _left(self, entry: T, line: OrderedDict[T, None]) -> None:
        key = self._key_of.pop(entry)
        self.count -= 1
        if not line:
            del self._lines[key]
        self._resized(key, len(line) + 1, len(line))

    def _resized(self, key: str, before: int, after: int) -> None:
        """Keep the books of who is how long; lengths change by one at a time."""
        if before:
            same = self._by_length[before]
            del same[key]
            if not same:
                del self._by_length[before]
        if after:
            longer = self._by_length.get(after)
            if longer is None:
                longer = self._by_length[after] = OrderedDict()
            longer[key] = None
        if after > self._longest or (before == self._longest and before not in self._by_length):
            self._longest = after
