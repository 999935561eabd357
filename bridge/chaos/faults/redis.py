"""Faults of a Redis that several trees share, one after the other or at once.

A `ScriptedRedis` outlives all trees, as a server does; each tree has a `ScriptedLink` of its own
to it, as each process has. What a round trip takes longer is owed by the thread that made it
(`storage.StoreThreads`).

Off, and why:
    a cluster, a server that evicts, a wrong password      found at the start, and told: no state
    that changes; `tests/integration` has them
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, TypeVar

from actors.kernel.clock import LoopClock
from actors.ports import ErrorFacts
from actors.testing.simloop import SimLoop
from bridge.chaos.faults.redis_faults import RedisFault
from bridge.chaos.knobs import RedisRates
from bridge.chaos.memory_redis import MemoryRedis
from bridge.cluster.entries import EntryBroken, read
from bridge.cluster.errors import AWAY, FULL, READ_ONLY, LinkAway, LinkError, LinkFull, LinkReadOnly
from bridge.cluster.keys import GROUP, Keys
from bridge.cluster.ledger import RowName
from bridge.cluster.link import Command, RedisCalls, Reply
from bridge.cluster.scripts import ADD, SETTLE
from bridge.storage.rows import Row

SLOW_S: Final = (0.05, 0.5, 1.4)
TAKEN_ROWS_MAX: Final = 5

# What only reads.
_READS: Final = frozenset({"INFO", "MGET", "GET", "PTTL", "XLEN"})


T = TypeVar("T")


class ScriptedRedis:
    """The server, and when it fails.

    Args:
        loop: decides when.
        keys: what its users call things.
        rates: how often, and how.
        fired: counts what has struck.
        owe: told how many seconds longer the call takes that is under way.
        emptying: called when all it holds is about to be lost.
        leaving: called with the ids of rows that are about to leave the queue for good.
        claimed: called with the number of rows that were taken from another process.
    """

    def __init__(
        self,
        loop: SimLoop,
        keys: Keys,
        rates: RedisRates,
        fired: Counter[str],
        owe: Callable[[float], object],
        *,
        emptying: Callable[[], object],
        leaving: Callable[[Sequence[str]], object],
        claimed: Callable[[int], object],
    ) -> None:
        self.is_on = True
        self.server = MemoryRedis(LoopClock(loop, loop.wall_s))
        self._loop = loop
        self._keys = keys
        self._rates = rates
        self._fired = fired
        self._owe = owe
        self._emptying = emptying
        self._leaving = leaving
        self._claimed = claimed
        # Each restart cuts the connections that were made before it.
        self.starts = 0
        self._emptied_at_s = math.inf if rates.emptied_at_s is None else rates.emptied_at_s
        self._dead = 0

    @staticmethod
    def names() -> frozenset[str]:
        """Return every fault that a campaign must have met."""
        return frozenset({f"redis {fault.value}" for fault in RedisFault} | {"redis away"})

    def waiting(self) -> dict[RowName, Row]:
        """Return the rows that wait for the database, by name."""
        return {(row.chat_id, row.id): row for row in _rows(self.server.waiting())}

    def exchange(self, commands: Sequence[Command]) -> Sequence[Reply | LinkError]:
        """Do commands, or fail as the seed says.

        Raises:
            LinkAway: nobody knows what was done.
        """
        fault = self._struck()
        answers = [self._done(command, fault) for command in commands]
        self._lose_word(fault)
        return answers

    def ask(self, ask: Callable[[], T]) -> T:
        """Do what writes in one go, or fail as the seed says.

        Raises:
            LinkError: it was not done, or nobody knows.
        """
        fault = self._struck()
        if fault is RedisFault.READ_ONLY:
            raise LinkReadOnly(ErrorFacts(code="READONLY", detail=READ_ONLY))
        if fault is RedisFault.FULL:
            raise LinkFull(ErrorFacts(code="OOM", detail=FULL))
        answer = ask()
        self._lose_word(fault)
        return answer

    def _struck(self) -> RedisFault | None:
        """Fail, be slow, lose something, or say what is to happen with what is asked.

        Raises:
            LinkAway: nothing is done.
        """
        self.check_away()
        fault = self._drawn()
        if fault is RedisFault.EMPTIED:
            self._emptying()
            self.server.empty()
        if fault in (RedisFault.RESTARTED, RedisFault.EMPTIED):
            self.starts += 1
        if fault in (RedisFault.GONE, RedisFault.RESTARTED, RedisFault.EMPTIED):
            raise LinkAway(ErrorFacts(detail=AWAY))
        if fault is RedisFault.EVICTS:
            self.server.evict()
        elif fault is RedisFault.ROWS_TAKEN:
            self._let_die()
        if fault is RedisFault.SLOW:
            self._owe(SLOW_S[self._loop.choose(len(SLOW_S), "redis")])
        return fault

    def _lose_word(self, fault: RedisFault | None) -> None:
        if fault is RedisFault.LOST_WORD:
            raise LinkAway(ErrorFacts(detail=AWAY))

    def check_away(self) -> None:
        """Fail while it is away.

        Raises:
            LinkAway: it is.
        """
        from_s, away_s = self._rates.away_from_s, self._rates.away_s
        if self.is_on and from_s is not None and from_s <= self._loop.time() < from_s + away_s:
            self._fired["redis away"] += 1
            raise LinkAway(ErrorFacts(detail=AWAY))

    def _drawn(self) -> RedisFault | None:
        rates, loop = self._rates, self._loop
        if not self.is_on:
            return None
        if self._emptied_at_s <= loop.time() and self.server.waiting():
            self._emptied_at_s = math.inf
            fault = RedisFault.EMPTIED
        elif loop.chance(rates.rate, "redis"):
            fault = rates.faults[loop.choose(len(rates.faults), "redis")]
        else:
            return None
        self._fired[f"redis {fault.value}"] += 1
        return fault

    def _let_die(self) -> None:
        """Let some other worker take rows and never be heard of again."""
        self._dead += 1
        reader = ("GROUP", GROUP, f"dead{self._dead}", "COUNT", TAKEN_ROWS_MAX)
        self.server.do(("XREADGROUP", *reader, "STREAMS", self._keys.pending, ">"))

    def _done(self, command: Command, fault: RedisFault | None) -> Reply | LinkError:
        name, *words = command
        script = words[0] if name == "EVAL" else ""
        if fault is RedisFault.READ_ONLY and name not in _READS:
            return LinkReadOnly(ErrorFacts(code="READONLY", detail=READ_ONLY))
        if fault is RedisFault.FULL and (name == "SET" or script == ADD):
            return LinkFull(ErrorFacts(code="OOM", detail=FULL))
        if script == SETTLE:
            count = int(words[1])
            entries = [str(each).encode() for each in words[4 + count :]]
            self._leaving([row.id for row in _rows(self.server.found(entries))])
        answer = self.server.do(command)
        if name == "XAUTOCLAIM" and isinstance(answer, list) and isinstance(answer[1], list):
            self._claimed(len(answer[1]))
        return answer


class ScriptedLink(RedisCalls):
    """One tree's way to the server; a restart of it cuts this as well."""

    def __init__(self, redis: ScriptedRedis) -> None:
        self._redis = redis
        self._start = redis.starts

    def pipeline(self, commands: Sequence[Command]) -> Sequence[Reply | LinkError]:
        """See `RedisCalls`."""
        if self._start != self._redis.starts:
            self._start = self._redis.starts
            raise LinkAway(ErrorFacts(detail=AWAY))
        return self._redis.exchange(commands)

    def close(self) -> None:
        """See `RedisCalls`."""


def _rows(texts: Sequence[bytes]) -> list[Row]:
    rows = []
    for text in texts:
        with suppress(EntryBroken):
            rows.append(read(text)[0])
    return rows
