"""A Redis in memory, for simulations: the commands and scripts that rows in Redis need.

Scripts are known by their text, and each is written here a second time, step by step;
`tests/integration` asks a real server the same and compares the answers. A command that is not
needed is not known. Strings, streams with groups of readers, and the list of an earlier pipe are
kept; time is the wall clock that is handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from actors.kernel.clock import Watch
from actors.ports import ErrorFacts
from bridge.chaos.memory_stream import Entry, Stream, entry_id
from bridge.cluster.errors import MISFIT, LinkError, LinkMisfit
from bridge.cluster.link import Command, RedisCalls, Reply, Word
from bridge.cluster.scripts import (
    ADD,
    ADOPT,
    FORGET,
    FORGOTTEN,
    GIVE_BACK_LEASE,
    JOIN,
    PUT_ASIDE,
    SETTLE,
    STATES,
    TAKE_LEASE,
)

_INFO: Final = (
    b"redis_version:7.2.4\r\nrole:master\r\ncluster_enabled:0\r\n"
    b"maxmemory_policy:noeviction\r\naof_enabled:1\r\n"
)
_OK: Final = b"OK"
_WAITS, _SETTLED, _LOST = range(3)
# What PTTL says of a key without a term, and of none.
_NO_TERM, _NO_KEY = -1, -2


@dataclass(slots=True)
class _Value:
    text: bytes
    until_ms: int | None = None


@dataclass(slots=True)
class _Asked:
    """The names and numbers of a script: KEYS and ARGV."""

    keys: list[bytes]
    words: list[bytes] = field(default_factory=list)


class MemoryRedis:
    """One server. What it is asked is done at once, a command or a script at a time.

    Args:
        watch: its clock.
    """

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._values: dict[bytes, _Value] = {}
        self._streams: dict[bytes, Stream] = {}
        self._lists: dict[bytes, list[bytes]] = {}
        self._commands: dict[bytes, Callable[[list[bytes]], Reply]] = {
            b"INFO": lambda _: _INFO,
            b"MGET": lambda keys: [self._get(key) for key in keys],
            b"GET": lambda words: self._get(words[0]),
            b"SET": self._set,
            b"PTTL": lambda words: self._left_ms(words[0]),
            b"RPUSH": self._rpush,
            b"XLEN": lambda words: len(self._stream(words[0])),
            b"XACK": lambda words: self._stream(words[0]).acknowledge(words[1], words[2:]),
            b"XREADGROUP": self._xreadgroup,
            b"XAUTOCLAIM": self._xautoclaim,
            b"EVAL": self._eval,
        }
        self._scripts: dict[bytes, Callable[[_Asked], Reply]] = {
            text.encode(): script
            for text, script in (
                (ADD, self._add),
                (SETTLE, self._settle),
                (PUT_ASIDE, self._put_aside),
                (STATES, self._states),
                (FORGET, self._forget),
                (JOIN, self._join),
                (ADOPT, self._adopt),
                (TAKE_LEASE, self._take_lease),
                (GIVE_BACK_LEASE, self._give_back_lease),
            )
        }

    def do(self, command: Command) -> Reply | LinkError:
        """Do one command; what goes wrong with it is its answer."""
        name, *words = map(_bytes, command)
        try:
            return self._commands[name](words)
        except _Wrong as wrong:
            return LinkMisfit(ErrorFacts(code=wrong.code, detail=MISFIT))

    def empty(self) -> None:
        """Lose everything."""
        self._values.clear()
        self._streams.clear()
        self._lists.clear()

    def evict(self) -> None:
        """Drop every string that has a term."""
        self._values = {key: each for key, each in self._values.items() if each.until_ms is None}

    def waiting(self) -> list[bytes]:
        """Return what stands in the streams of rows that wait, oldest first."""
        return [
            entry.value
            for key, stream in self._streams.items()
            if key.endswith(b":pending")
            for entry in stream.entries()
        ]

    def found(self, entries: Sequence[bytes]) -> list[bytes]:
        """Return what of these entries waits in the streams of rows."""
        return [
            entry.value
            for key, stream in self._streams.items()
            if key.endswith(b":pending")
            for each in entries
            if (entry := stream.find(each)) is not None
        ]

    # --- strings ---------------------------------------------------------------------------------

    def _now_ms(self) -> int:
        return int(self._watch.wall_s() * 1000)

    def _value(self, key: bytes) -> _Value | None:
        value = self._values.get(key)
        if value is not None and value.until_ms is not None and value.until_ms <= self._now_ms():
            del self._values[key]
            return None
        return value

    def _get(self, key: bytes) -> bytes | None:
        value = self._value(key)
        return None if value is None else value.text

    def _set(self, words: list[bytes]) -> Reply:
        key, text, *options = words
        if b"NX" in options and self._value(key) is not None:
            return None
        until_ms = None
        for unit, factor in ((b"EX", 1000), (b"PX", 1)):
            if unit in options:
                until_ms = self._now_ms() + factor * int(options[options.index(unit) + 1])
        self._values[key] = _Value(text, until_ms)
        return _OK

    def _left_ms(self, key: bytes) -> int:
        value = self._value(key)
        if value is None:
            return _NO_TERM if key in self._streams or key in self._lists else _NO_KEY
        return _NO_TERM if value.until_ms is None else value.until_ms - self._now_ms()

    def _expire(self, key: bytes, term_ms: int) -> int:
        value = self._value(key)
        if value is None:
            return 0
        value.until_ms = self._now_ms() + term_ms
        return 1

    def _count(self, key: bytes, by: int) -> None:
        held = int(self._get(key) or 0)
        self._values[key] = _Value(b"%d" % (held + by))

    def _rpush(self, words: list[bytes]) -> int:
        there = self._lists.setdefault(words[0], [])
        there += words[1:]
        return len(there)

    # --- streams ---------------------------------------------------------------------------------

    def _stream(self, key: bytes) -> Stream:
        return self._streams.get(key) or Stream()

    def _grouped(self, key: bytes, group: bytes) -> Stream:
        stream = self._streams.get(key)
        if stream is None or not stream.has_group(group):
            raise _Wrong("NOGROUP")
        return stream

    def _xreadgroup(self, words: list[bytes]) -> Reply:
        _, group, reader, _, count, _, key, start = words
        stream, now_ms = self._grouped(key, group), self._now_ms()
        if start == b">":
            new = stream.read_new(group, reader, int(count), now_ms)
            return [[key, _listed(new)]] if new else None
        return [[key, _listed(stream.read_own(group, reader, int(count), now_ms))]]

    def _xautoclaim(self, words: list[bytes]) -> Reply:
        key, group, reader, idle_ms, start, _, count = words
        stream = self._grouped(key, group)
        following, claimed, gone = stream.claim(
            group,
            reader,
            idle_ms=int(idle_ms),
            start=start,
            count=int(count),
            now_ms=self._now_ms(),
        )
        return [following, _listed(claimed), list(gone)]

    def _append(self, key: bytes, row: bytes) -> bytes:
        return self._streams.setdefault(key, Stream()).add(row, self._now_ms())

    def _take_out(self, key: bytes, group: bytes, entry: bytes) -> int:
        """Take an entry out for good; return what it weighed."""
        stream = self._stream(key)
        found = stream.find(entry)
        stream.acknowledge(group, [entry])
        stream.delete(entry)
        return 0 if found is None else len(found.value)

    def _weigh(self, stream: bytes, weight: bytes, freed: int) -> None:
        if not len(self._stream(stream)):
            self._values.pop(weight, None)
        elif freed > 0:
            self._count(weight, -freed)

    # --- scripts: see `bridge/cluster/scripts.py` -------------------------------------------------

    def _eval(self, words: list[bytes]) -> Reply:
        text, count, *rest = words
        number = int(count)
        return self._scripts[text](_Asked(keys=rest[:number], words=rest[number:]))

    def _add(self, asked: _Asked) -> Reply:
        stream, weight, *cached = asked.keys
        entries_max, bytes_max, *rows = asked.words
        new: dict[bytes, bytes] = {}
        settled: list[Reply] = []
        for place, (key, row) in enumerate(zip(cached, rows, strict=True), 1):
            known = self._get(key)
            if known is not None and known != FORGOTTEN and self._left_ms(key) >= 0:
                settled.append(place)
            if known is None or known == FORGOTTEN:
                new.setdefault(key, row)
        if not new:
            return settled
        size = sum(map(len, new.values()))
        if len(self._stream(stream)) + len(new) > int(entries_max):
            return None
        if int(self._get(weight) or 0) + size > int(bytes_max):
            return None
        for key, row in new.items():
            entry = self._append(stream, row)
            self._values[key] = _Value(entry + b" " + row)
        self._count(weight, size)
        return settled

    def _settle(self, asked: _Asked) -> Reply:
        stream, weight, *cached = asked.keys
        group, term_s, *entries = asked.words
        freed, forgotten = 0, list[Reply]()
        for place, (key, entry) in enumerate(zip(cached, entries, strict=True), 1):
            freed += self._take_out(stream, group, entry)
            if self._get(key) == FORGOTTEN:
                forgotten.append(place)
            self._expire(key, 1000 * int(term_s))
        self._weigh(stream, weight, freed)
        return forgotten

    def _put_aside(self, asked: _Asked) -> Reply:
        stream, weight, poison, *cached = asked.keys
        group, _, term_s, *entries = asked.words
        freed = 0
        for entry in entries:
            found = self._stream(stream).find(entry)
            if found is not None:
                self._append(poison, found.value)
            freed += self._take_out(stream, group, entry)
        for key in cached:
            self._expire(key, 1000 * int(term_s))
        self._weigh(stream, weight, freed)
        return 1

    def _states(self, asked: _Asked) -> Reply:
        stream, *cached = asked.keys
        states: list[Reply] = []
        for key in cached:
            left_ms, state = self._left_ms(key), _LOST
            if left_ms >= 0:
                state = _SETTLED
            elif left_ms == _NO_TERM:
                entry = entry_id(self._get(key))
                if entry is not None and self._stream(stream).find(entry) is not None:
                    state = _WAITS
            states.append(state)
        return states

    def _forget(self, asked: _Asked) -> Reply:
        stream, weight, *cached = asked.keys
        group, term_s = asked.words
        freed = waiting = 0
        for key in cached:
            entry = entry_id(self._get(key))
            if entry is not None and self._stream(stream).find(entry) is not None:
                freed += self._take_out(stream, group, entry)
                waiting += 1
            self._values[key] = _Value(FORGOTTEN, self._now_ms() + 1000 * int(term_s))
        self._weigh(stream, weight, freed)
        return waiting

    def _join(self, asked: _Asked) -> Reply:
        key, earlier = asked.keys
        group, gone_s = asked.words
        if key in self._lists:
            self._lists.setdefault(earlier, []).extend(self._lists.pop(key))
        stream = self._streams.setdefault(key, Stream())
        stream.make_group(group)
        stream.drop_readers(group, idle_ms=1000 * int(gone_s), now_ms=self._now_ms())
        return len(self._lists.get(earlier, ()))

    def _adopt(self, asked: _Asked) -> Reply:
        stream, weight, earlier = asked.keys
        rows_max = int(asked.words[0])
        rows = self._lists.get(earlier, [])
        adopted = rows[:rows_max]
        for row in adopted:
            self._append(stream, row)
            self._count(weight, len(row))
        if len(adopted) == len(rows):
            self._lists.pop(earlier, None)
        else:
            del rows[: len(adopted)]
        return len(adopted)

    def _take_lease(self, asked: _Asked) -> Reply:
        (key,), (holder, term_ms) = asked.keys, asked.words
        there = self._get(key)
        if there is not None and there != holder:
            return 0
        self._values[key] = _Value(holder, self._now_ms() + int(term_ms))
        return 1

    def _give_back_lease(self, asked: _Asked) -> Reply:
        (key,), (holder,) = asked.keys, asked.words
        if self._get(key) != holder:
            return 0
        del self._values[key]
        return 1


class MemoryLink(RedisCalls):
    """A way to a server in memory."""

    def __init__(self, server: MemoryRedis) -> None:
        self._server = server

    def pipeline(self, commands: Sequence[Command]) -> Sequence[Reply | LinkError]:
        """See `RedisCalls`."""
        return [self._server.do(command) for command in commands]

    def close(self) -> None:
        """See `RedisCalls`."""


class _Wrong(Exception):
    """A command that cannot be done; `code` is the server's word for it."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


def _listed(entries: Sequence[Entry]) -> list[Reply]:
    return [[entry.id, None if entry.is_gone else [b"row", entry.value]] for entry in entries]


def _bytes(word: Word) -> bytes:
    if isinstance(word, bytes):
        return word
    return str(word).encode()
