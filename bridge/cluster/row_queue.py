"""Rows in Redis: the stream of those that are not in the database yet, and the cache of all.

Keys and forms are those of `keys.py`, `entries.py` and `scripts.py`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from actors.pending import PendingRow, Taken
from actors.ports import ErrorFacts
from bridge.cluster.entries import NO_ENTRY, EntryBroken, read, written
from bridge.cluster.errors import LinkError, LinkMisfit
from bridge.cluster.keys import GROUP, Keys
from bridge.cluster.ledger import RowName, Saved
from bridge.cluster.link import RedisCalls, Reply, Word
from bridge.cluster.prerequisites import ServerVerdict, server_verdict
from bridge.cluster.scripts import (
    ADD,
    ADOPT,
    FORGET,
    FORGOTTEN,
    JOIN,
    PUT_ASIDE,
    SETTLE,
    STATES,
)
from bridge.storage.rows import Row

_log = logging.getLogger("greenroom.storage")

T = TypeVar("T")

# How much may wait, of all workers together (SPEC 163).
ENTRIES_MAX: Final = 100_000
BYTES_MAX: Final = 256 * 1024 * 1024

# Rows that were put aside, of which the newest are kept.
POISON_MAX: Final = 1000

# Seconds after which what a silent worker took is taken from it; after which its name is dropped.
CLAIM_AFTER_S: Final = 30.0
CONSUMER_GONE_S: Final = 3600

# Seconds for which a forgotten row stays forgotten, whoever still has it in hand.
FORGOTTEN_S: Final = 3600

# Seconds for which a row stays in the cache (REDIS_CACHE_TTL_SECONDS).
CACHE_S: Final = 600

_START: Final = b"0-0"
_ROW_WORDS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueBounds:
    """How much may wait in Redis, of all workers together."""

    entries_max: int = ENTRIES_MAX
    bytes_max: int = BYTES_MAX


DEFAULT_BOUNDS = QueueBounds()


class RowQueue:
    """See the module docstring. Every method blocks; any number of threads may use one.

    Args:
        link: the way to Redis.
        keys: the names of keys.
        consumer: the name of this process; no other one has it.
        bounds: of the stream.
        claim_after_s: after which what somebody took and did not settle is taken from them.
    """

    def __init__(
        self,
        link: RedisCalls,
        keys: Keys,
        consumer: str,
        *,
        bounds: QueueBounds = DEFAULT_BOUNDS,
        claim_after_s: float = CLAIM_AFTER_S,
    ) -> None:
        self._link = link
        self.keys = keys
        self._consumer = consumer
        self._bounds = bounds
        self._claim_after_ms = round(1000 * claim_after_s)
        self._claim_from = _START
        self._guard = threading.Lock()
        self._is_joined = False
        self._is_list_left = False
        self._verdict = ServerVerdict()
        self._said: tuple[str, ...] = ()
        # By the valves: whether rows may wait here, and how long copies of others are kept.
        self.is_wanted = True
        self.cache_s = CACHE_S

    @property
    def is_joined(self) -> bool:
        """Whether Redis was well when it was last asked. Nobody waits for one that was not."""
        return self._is_joined

    @property
    def takes_rows(self) -> bool:
        """Whether rows may wait in Redis: it is well, and lets go of nothing by itself."""
        return self.is_wanted and self._is_joined and not self._verdict.queue_missing

    def join(self) -> None:
        """Judge the server, make what is missing in it, and from now on count on it.

        Raises:
            LinkError: it cannot be used now.
        """
        with self._guard:
            if self._is_joined:
                return
            self._judge()
            keys = (self.keys.pending, self.keys.earlier)
            left = self._script(JOIN, keys, (GROUP, CONSUMER_GONE_S))
            self._is_list_left = _number(left) > 0
            self._is_joined = True

    def leave(self) -> None:
        """Count on Redis no more, until the next `join`."""
        self._is_joined = False

    def close(self) -> None:
        """Leave and hang up. Harmless when that is done already."""
        self.leave()
        self._link.close()

    # --- rows that wait --------------------------------------------------------------------------

    def add(self, rows: Sequence[Saved]) -> list[RowName] | None:
        """Take all of them or none into the stream and the cache, durably.

        An id that is there already counts as taken.

        Returns:
            Those that are in the database already. None: there is no room.

        Raises:
            LinkError: they are not known to be taken.
        """
        texts = [written(each.row, each.saved_s) for each in rows]
        bounds = (self._bounds.entries_max, self._bounds.bytes_max)
        names = [each.name for each in rows]
        settled = self._script(ADD, self._keys_of(names), (*bounds, *texts))
        if settled is None:
            return None
        return [names[_number(place) - 1] for place in _list(settled)]

    def take(self, rows_max: int) -> Taken:
        """Take what this process had taken before, what others left lying, or what is new.

        Raises:
            LinkError: nobody knows what was taken; it stays in the stream.
        """
        key, reader = self.keys.pending, ("GROUP", GROUP, self._consumer)
        claim = (GROUP, self._consumer, self._claim_after_ms, self._claim_from)
        waiting, own, claimed = self._all(
            ("XLEN", key),
            ("XREADGROUP", *reader, "COUNT", rows_max, "STREAMS", key, "0"),
            ("XAUTOCLAIM", key, *claim, "COUNT", rows_max),
        )
        found = _read(own)
        if isinstance(claimed, list):
            self._claim_from = _bytes(claimed[0])
            # What was just read as our own may be old enough to be claimed as well.
            known = {entry for entry, _ in found}
            found += [each for each in _entries(claimed[1]) if each[0] not in known]
        if not found:
            fresh = ("XREADGROUP", *reader, "COUNT", rows_max, "STREAMS", key, ">")
            (new,) = self._all(fresh)
            found = _read(new)
        gone = [entry for entry, text in found if text is None]
        if gone:
            self._all(("XACK", key, GROUP, *gone))
        return _taken(found, _number(waiting))

    def settle(self, entries: Sequence[tuple[str, Row]]) -> list[RowName]:
        """Take rows out of the stream for good; their cached copies get a term.

        Returns:
            Those that were forgotten while somebody had them in hand.

        Raises:
            LinkError: they are not known to be out.
        """
        names = [(row.chat_id, row.id) for _, row in entries]
        said = self._script(
            SETTLE, self._keys_of(names), (GROUP, self.cache_s, *(entry for entry, _ in entries))
        )
        return [names[_number(place) - 1] for place in _list(said)]

    def put_aside(self, entries: Sequence[str], names: Sequence[RowName]) -> None:
        """Take entries out of the stream, and keep some of them elsewhere.

        Args:
            entries: what is taken out.
            names: of those that are rows; they stay in the cache for a term.

        Raises:
            LinkError: they are not known to be out.
        """
        stream, weight, *cached = self._keys_of(names)
        keys = (stream, weight, self.keys.poison, *cached)
        self._script(PUT_ASIDE, keys, (GROUP, POISON_MAX, self.cache_s, *entries))

    def states(self, names: Sequence[RowName]) -> list[int]:
        """Return of each row: 0 it waits, 1 it is in the database, 2 Redis has lost it.

        Raises:
            LinkError: it cannot be told now.
        """
        keys = (self.keys.pending, *(self.keys.artifact(*name) for name in names))
        return [_number(state) for state in _list(self._script(STATES, keys, ()))]

    def adopt(self, rows_max: int) -> int:
        """Take over some rows of a list that the earlier pipe left behind; return how many.

        Raises:
            LinkError: some may have been taken over.
        """
        if not self._is_list_left:
            return 0
        keys = (self.keys.pending, self.keys.pending_bytes, self.keys.earlier)
        adopted = _number(self._script(ADOPT, keys, (rows_max,)))
        self._is_list_left = adopted == rows_max
        return adopted

    # --- the cache -------------------------------------------------------------------------------

    def cached(self, chat: str, ids: Sequence[str]) -> tuple[dict[str, Row], frozenset[str]]:
        """Return the cached rows of a chat by id, and the ids of those that were forgotten.

        Raises:
            LinkError: nobody can say.
        """
        if not ids:
            return {}, frozenset()
        (values,) = self._all(("MGET", *(self.keys.artifact(chat, each) for each in ids)))
        rows: dict[str, Row] = {}
        forgotten: set[str] = set()
        for row_id, value in zip(ids, _list(values), strict=True):
            if value == FORGOTTEN:
                forgotten.add(row_id)
                continue
            row = _cached(value) if isinstance(value, bytes) else None
            # Two names may make one key where a name holds colons.
            if row is not None and (row.chat_id, row.id) == (chat, row_id):
                rows[row_id] = row
        return rows, frozenset(forgotten)

    def keep(self, rows: Mapping[str, Row]) -> None:
        """Cache rows that were read from the database, where nothing is cached.

        Raises:
            LinkError: some may be cached.
        """
        self._all(
            *(
                (
                    "SET",
                    self.keys.artifact(row.chat_id, row.id),
                    NO_ENTRY + b" " + written(row),
                    "EX",
                    self.cache_s,
                    "NX",
                )
                for row in rows.values()
            )
        )

    def forget(self, names: Sequence[RowName]) -> int:
        """Forget rows, wherever they are in Redis; return how many of them were waiting.

        Raises:
            LinkError: they are not known to be forgotten.
        """
        return _number(self._script(FORGET, self._keys_of(names), (GROUP, FORGOTTEN_S)))

    def _judge(self) -> None:
        """Look whether the server is of use; tell what is wrong, and once."""
        (info,) = self._link.pipeline([("INFO",)])
        # Where nobody may ask for it, what is done shows what works.
        text = info.decode(errors="replace") if isinstance(info, bytes) else ""
        self._verdict = server_verdict(text)
        said = (*self._verdict.missing, *self._verdict.queue_missing, *self._verdict.warnings)
        for sentence in said:
            if sentence not in self._said:
                _log.warning("Redis: %s", sentence)
        self._said = said
        if self._verdict.missing:
            raise LinkMisfit(ErrorFacts(detail=self._verdict.missing[0]))

    # --- how it is asked -------------------------------------------------------------------------

    def _keys_of(self, names: Sequence[RowName]) -> tuple[str, ...]:
        cached = (self.keys.artifact(*name) for name in names)
        return (self.keys.pending, self.keys.pending_bytes, *cached)

    def _script(self, text: str, keys: Sequence[Word], arguments: Sequence[Word]) -> Reply:
        return self._asked(lambda: self._link.script(text, keys, arguments))

    def _all(self, *commands: Sequence[Word]) -> Sequence[Reply]:
        """Do commands in one round trip, all of which must go well."""

        def ask() -> list[Reply]:
            answers: list[Reply] = []
            for answer in self._link.pipeline(commands):
                if isinstance(answer, LinkError):
                    raise answer
                answers.append(answer)
            return answers

        return self._asked(ask)

    def _asked(self, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except LinkError:
            # Whoever drains the stream finds out when it is well again.
            self.leave()
            raise


def _cached(value: bytes) -> Row | None:
    try:
        return read(value.partition(b" ")[2])[0]
    except EntryBroken:
        return None


def _taken(found: Sequence[tuple[bytes, bytes | None]], waiting: int) -> Taken:
    rows: list[PendingRow] = []
    broken: list[PendingRow] = []
    for entry, text in found:
        if text is None:
            continue
        row = PendingRow(entry=entry.decode(), row=text)
        try:
            read(text)
        except EntryBroken:
            broken.append(row)
        else:
            rows.append(row)
    return Taken(rows=tuple(rows), broken=tuple(broken), waiting=waiting)


def _read(reply: Reply) -> list[tuple[bytes, bytes | None]]:
    """Read the answer of XREADGROUP for one stream; None: there is nothing."""
    return [each for stream in _list(reply) for each in _entries(_list(stream)[1])]


def _entries(reply: Reply) -> list[tuple[bytes, bytes | None]]:
    """Read entries; None: it was taken out of the stream while somebody had it in hand."""
    found: list[tuple[bytes, bytes | None]] = []
    for each in _list(reply):
        if not isinstance(each, list):
            continue
        entry, fields = each
        words = _list(fields)
        # An entry of ours has one field; of anybody else's, it is no row.
        text = words[1] if len(words) == _ROW_WORDS and words[0] == b"row" else b""
        found.append((_bytes(entry), _bytes(text) if words else None))
    return found


def _list(reply: Reply) -> list[Reply]:
    return reply if isinstance(reply, list) else []


def _number(reply: Reply) -> int:
    if not isinstance(reply, int):
        raise LinkMisfit
    return reply


def _bytes(reply: Reply) -> bytes:
    if not isinstance(reply, bytes):
        raise LinkMisfit
    return reply
