"""Write-behind stores on a real Valkey with a database behind, and all that belongs to them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from types import TracebackType
from typing import Self

import redis

from actors.artifacts import Artifact, Recalled
from actors.db_drain import stored
from actors.ports import ArtifactStore, Secret
from actors.testing.manual_clock import ManualClock
from bridge.cluster.draining import Drain
from bridge.cluster.keys import Keys
from bridge.cluster.ledger import Ledger
from bridge.cluster.link import Link, dialler, installed_redis
from bridge.cluster.reads import Reads
from bridge.cluster.row_queue import DEFAULT_BOUNDS, QueueBounds, RowQueue
from bridge.cluster.write_behind import WriteBehindStore
from bridge.storage.artifact_store import SqlArtifactStore
from tests.integration.servers import HOST
from tests.integration.store_stages import SqlStage

PIPES = count(1)
WORKERS = count(1)


def link_to(port: int, *, call_max_s: float = 1.5) -> Link:
    library = installed_redis()
    assert library is not None
    return Link(dialler(library, Secret(f"redis://{HOST}:{port}/0")), call_max_s=call_max_s)


@dataclass(frozen=True, kw_only=True)
class Worker:
    """What one process has: a store, and what drains the queue behind it."""

    store: WriteBehindStore
    drain: Drain
    queue: RowQueue
    ledger: Ledger
    sql: SqlArtifactStore


def worker(
    sql: SqlStage,
    port: int,
    keys: Keys,
    *,
    bounds: QueueBounds = DEFAULT_BOUNDS,
    ledger: Ledger | None = None,
    reads: Reads | None = None,
    claim_after_s: float = 30.0,
    call_max_s: float = 1.5,
    consumer: str = "",
) -> Worker:
    table = sql.store()
    assert isinstance(table, SqlArtifactStore)
    queue = RowQueue(
        link_to(port, call_max_s=call_max_s),
        keys,
        consumer or f"worker-{next(WORKERS)}",
        bounds=bounds,
        claim_after_s=claim_after_s,
    )
    ledger = ledger if ledger is not None else Ledger()
    reads = reads or Reads()
    return Worker(
        store=WriteBehindStore(table, queue, ledger, reads, watch=sql.clock),
        drain=Drain(table, queue, ledger, reads, watch=sql.clock),
        queue=queue,
        ledger=ledger,
        sql=table,
    )


def drain_all(drain: Drain) -> int:
    """Do what the actor does until the queue is empty; return how many rows were moved."""
    drain.open()
    moved = 0
    while (taken := drain.take(100)).rows or taken.broken:
        unfit = stored(drain, taken.rows) if taken.rows else ()
        drain.settle([row for index, row in enumerate(taken.rows) if index not in unfit])
        aside = [*taken.broken, *(taken.rows[index] for index in unfit)]
        if aside:
            drain.put_aside(aside)
        moved += len(taken.rows) - len(unfit)
    return moved


@dataclass(kw_only=True)
class StagedStore:
    """A write-behind store whose queue is drained when a test needs it. An `ArtifactStore`."""

    inner: WriteBehindStore
    stage: ClusterStage

    def open(self) -> None:
        self.inner.open()

    def save(self, artifacts: Sequence[Artifact]) -> None:
        self.inner.save(artifacts)
        if self.stage.is_settled:
            self.stage.drain()

    def load(self, chat_id: str, ids: Sequence[str]) -> Recalled:
        return self.inner.load(chat_id, ids)

    def forget(self, chat_id: str, ids: Sequence[str]) -> int:
        return self.inner.forget(chat_id, ids)

    def sweep(self, older_than_s: float, rows_max: int) -> int:
        # Rows wait for moments and are kept for days: a sweep finds them in the database.
        self.stage.drain()
        swept = self.inner.sweep(older_than_s, rows_max)
        # Copies in the cache live for minutes of real time: none is as old as a row that is swept.
        self.stage.drop_cache()
        return swept

    def close(self) -> None:
        self.inner.close()


@dataclass
class ClusterStage:
    """The rows of a pipe of its own, in Valkey and in a database.

    With `is_settled` the queue is drained after each save, so that reading meets the cache and
    the database; else what is read waits still.
    """

    sql: SqlStage
    port: int
    is_settled: bool = False
    keys: Keys = field(default_factory=lambda: Keys(f"Pipe_{next(PIPES)}"))
    guard: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.ledger, self.reads = Ledger(), Reads()
        self.drainer = worker(self.sql, self.port, self.keys, ledger=self.ledger, reads=self.reads)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.drainer.store.close()

    @property
    def clock(self) -> ManualClock:
        return self.sql.clock

    def store(self) -> ArtifactStore:
        made = worker(self.sql, self.port, self.keys, ledger=self.ledger, reads=self.reads)
        return StagedStore(inner=made.store, stage=self)

    def drain(self) -> None:
        with self.guard:
            drain_all(self.drainer.drain)

    def spoil(self, artifact_id: str) -> None:
        self.drain()
        self.sql.spoil(artifact_id)
        self.drop_cache()

    def drop_cache(self) -> None:
        """Let copies of what is in the database run out."""
        with redis.Redis(port=self.port) as client:
            for key in client.scan_iter(f"{self.keys.pipe_id.lower()}:artifact:*"):
                if client.pttl(key) >= 0:
                    client.delete(key)

    def rows(self) -> int:
        self.drain()
        return self.sql.rows()
