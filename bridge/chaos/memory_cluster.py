"""What workers share, in memory: the second implementation of its ports, for simulations.

What a server is to the real ones, a `MemoryServer` is to these: any number of workers meet there,
and it can go away, or lose all it had.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from msgspec.structs import replace

from actors.kernel.clock import Watch
from supervisor.cluster import ClusterAway, KeyNews, Standing
from supervisor.dealing import Book, renewed

# News that are remembered, and returned at once.
NEWS_MAX = 10_000
NEWS_PER_READ_MAX = 500


class MemoryServer:
    """Where workers meet.

    Args:
        watch: its clock.
    """

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._lock = threading.Lock()
        self.is_away = False
        # Workers that cannot reach it.
        self.cut_off: set[str] = set()
        self._book: Book | None = None
        # Who put it up, when, and what. The first of them has the number `_first`.
        self._news: list[tuple[str, float, KeyNews]] = []
        self._first = 0

    def empty(self) -> None:
        """Lose everything."""
        with self._lock:
            self._book = None
            self._first += len(self._news)
            self._news.clear()

    @property
    def told(self) -> int:
        """How many news were ever put up."""
        with self._lock:
            return self._first + len(self._news)

    @property
    def book(self) -> Book:
        """The ledger as it is."""
        with self._lock:
            return self._book or Book()

    def renew(self, worker: str, standing: Standing) -> int | None:
        """Renew in one step."""
        with self._lock:
            self._check(worker)
            now_s = self._watch.now_s()
            self._book, share = renewed(self._book, worker, standing, now_s=now_s)
            return share

    def release(self, worker: str) -> None:
        """Forget a worker."""
        with self._lock:
            self._check(worker)
            if self._book is not None:
                leases = {name: each for name, each in self._book.leases.items() if name != worker}
                self._book = replace(self._book, leases=leases)

    def exchange(
        self, worker: str, news: Sequence[KeyNews], begin: int
    ) -> tuple[Sequence[KeyNews], int]:
        """Put up news; return those of others from this number on, and the number to go on with."""
        with self._lock:
            self._check(worker)
            now_s = self._watch.now_s()
            self._news += [(worker, now_s - each.age_s, each) for each in news]
            surplus = max(0, len(self._news) - NEWS_MAX)
            del self._news[:surplus]
            self._first += surplus
            start = max(0, begin - self._first)
            read = self._news[start : start + NEWS_PER_READ_MAX]
            theirs = [
                replace(each, age_s=now_s - at_s) for who, at_s, each in read if who != worker
            ]
            return theirs, self._first + start + len(read)

    def _check(self, worker: str) -> None:
        if self.is_away or worker in self.cut_off:
            raise ClusterAway("it was taken away")


class MemoryPermitLedger:
    """See `PermitLedger`."""

    def __init__(self, server: MemoryServer) -> None:
        self._server = server

    def renew(self, worker: str, standing: Standing) -> int | None:
        """See `PermitLedger`."""
        return self._server.renew(worker, standing)

    def release(self, worker: str) -> None:
        """See `PermitLedger`."""
        self._server.release(worker)


class MemoryFailureBoard:
    """See `FailureBoard`. An exchange happens or does not, so nothing is ever put up twice."""

    def __init__(self, server: MemoryServer, worker: str) -> None:
        self._server = server
        self._worker = worker
        self._begin = 0

    def exchange(self, news: Sequence[KeyNews]) -> Sequence[KeyNews]:
        """See `FailureBoard`."""
        theirs, self._begin = self._server.exchange(self._worker, news, self._begin)
        return theirs
