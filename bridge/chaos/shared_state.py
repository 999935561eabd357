"""What the processes of a run share beside rows: permits and failures, over the scripted Redis.

The server in memory keeps the rules of the real one (`supervisor/dealing.py`); it is away, emptied
and cut whenever the Redis is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from bridge.chaos.faults.redis import ScriptedRedis
from bridge.chaos.memory_cluster import MemoryFailureBoard, MemoryPermitLedger, MemoryServer
from bridge.cluster.errors import LinkError
from supervisor.cluster import ClusterAway, KeyNews, Standing

T = TypeVar("T")


class SharedState:
    """One process' way to it: a `PermitLedger` and a `FailureBoard`.

    Args:
        redis: what fails.
        server: where processes meet.
        worker: the name of this one.
        heard: told how many news came from others.
    """

    def __init__(
        self,
        redis: ScriptedRedis,
        server: MemoryServer,
        worker: str,
        heard: Callable[[int], object],
    ) -> None:
        self._redis = redis
        self._ledger = MemoryPermitLedger(server)
        self._board = MemoryFailureBoard(server, worker)
        self._heard = heard

    def renew(self, worker: str, standing: Standing) -> int | None:
        """See `PermitLedger`."""
        return self._asked(lambda: self._ledger.renew(worker, standing))

    def release(self, worker: str) -> None:
        """See `PermitLedger`."""
        self._asked(lambda: self._ledger.release(worker))

    def exchange(self, news: Sequence[KeyNews]) -> Sequence[KeyNews]:
        """See `FailureBoard`."""
        theirs = self._asked(lambda: self._board.exchange(news))
        self._heard(len(theirs))
        return theirs

    def _asked(self, ask: Callable[[], T]) -> T:
        try:
            return self._redis.ask(ask)
        except LinkError as error:
            raise ClusterAway(type(error).__name__) from error
