"""What the processes of a run have in Redis, and what each has acknowledged.

Each tree is a process: with a name of its own, and a ledger that ends with it. Redis outlives them
all. So what one has acknowledged can be lost only where both end before the database has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from actors.kernel.clock import LoopClock
from actors.pending import PendingRows
from actors.ports import ArtifactStore, Lease
from actors.testing.simloop import SimLoop
from bridge.chaos.faults.redis import ScriptedLink, ScriptedRedis
from bridge.chaos.faults.store import ScriptedStore
from bridge.chaos.knobs import RedisRates
from bridge.chaos.memory_cluster import MemoryServer
from bridge.chaos.scenarios.parts import SimParts
from bridge.chaos.shared_state import SharedState
from bridge.chaos.stored_rows import StoredRows
from bridge.chaos.trace import Trace
from bridge.cluster.assembly import Cluster, assembled
from bridge.cluster.keys import Keys
from bridge.cluster.ledger import RowName
from bridge.sharing_tree import Sharing
from bridge.storage.rows import Row

PIPE_ID = "sim"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hired:
    """What one process has: see `Ports`."""

    store: ArtifactStore
    pending: PendingRows
    lease: Lease
    sharing: Sharing


class BookedStore:
    """An `ArtifactStore` that tells what is to be forgotten before it is."""

    def __init__(
        self, store: ArtifactStore, forgetting: Callable[[str, Sequence[str]], object]
    ) -> None:
        self._store = store
        self._forgetting = forgetting
        self.open, self.save, self.load = store.open, store.save, store.load
        self.sweep, self.close = store.sweep, store.close

    def forget(self, chat_id: str, ids: Sequence[str]) -> int:
        """See `ArtifactStore`."""
        self._forgetting(chat_id, ids)
        return self._store.forget(chat_id, ids)


class Workers:
    """All processes of a run that share its Redis.

    Args:
        loop: decides everything that is open.
        rates: of the faults of Redis.
        store: the database behind.
        trace: where it is written down what is wrong.
        parts: what processes are made of.
    """

    def __init__(
        self,
        loop: SimLoop,
        rates: RedisRates,
        store: ScriptedStore,
        trace: Trace,
        parts: SimParts,
    ) -> None:
        self.redis = ScriptedRedis(
            loop,
            Keys(PIPE_ID),
            rates,
            trace.fired,
            store.owe,
            emptying=self._emptying,
            leaving=self._leaving,
            claimed=self._claimed,
        )
        self._rows = StoredRows(store)
        self._watch = LoopClock(loop, loop.wall_s)
        self._meeting = MemoryServer(self._watch)
        self._table = store.table
        self._trace = trace
        self._parts = parts
        # By the number of their trees.
        self._living: dict[int, Cluster] = {}

    def hire(self, number: int) -> Hired:
        """Begin a process; return what its tree gets of Redis."""
        name = f"worker{number}"
        shared = SharedState(self.redis, self._meeting, name, self._heard)
        cluster = assembled(
            self._rows,
            ScriptedLink(self.redis),
            pipe_id=PIPE_ID,
            process=name,
            watch=self._watch,
            claim_after_s=self._parts.claim_after_s,
        )
        self._living[number] = cluster
        return Hired(
            store=BookedStore(cluster.store, self._book_forgotten),
            pending=self._parts.pending(cluster.pending),
            lease=cluster.lease,
            sharing=Sharing(ledger=shared, board=shared, worker=name),
        )

    def leave(self, number: int) -> None:
        """A process has ended, in whatever way; nobody knows any more what it had acknowledged."""
        cluster = self._living.pop(number, None)
        if cluster is None or not self.redis.is_on:
            # Once nothing breaks any more, there is no excuse.
            return
        waiting = self.redis.waiting()
        acknowledged = cluster.ledger.oldest(len(cluster.ledger))
        self._lose(each.row for each in acknowledged if each.name not in waiting)

    def holds(self, artifact_id: str) -> bool:
        """Whether somebody has this row who will move it into the database."""
        names = {*self.redis.waiting(), *self._acknowledged()}
        return any(row_id == artifact_id for _, row_id in names)

    @property
    def backlog(self) -> int:
        """Rows that are acknowledged, and not in the database as far as anybody knows."""
        return len(self.redis.server.waiting()) + len(self._acknowledged())

    def _acknowledged(self) -> frozenset[RowName]:
        return frozenset(
            each.name
            for cluster in self._living.values()
            for each in cluster.ledger.oldest(len(cluster.ledger))
        )

    def _book_forgotten(self, chat_id: str, ids: Sequence[str]) -> None:
        """Write down what is deleted before the database has it; the store knows of the rest."""
        rows = {row.id: row for row in self.redis.waiting().values()}
        for cluster in self._living.values():
            found = cluster.ledger.find(chat_id, ids)
            rows |= {row.id: row for row in found.values()}
        for row_id in ids:
            if (row := rows.get(row_id)) is not None:
                artifact = self._rows.artifact_of(row, row.id, row.chat_id)
                self._trace.storage.forgotten.append((chat_id, artifact))

    def _heard(self, count: int) -> None:
        self._trace.fired["redis news of other workers"] += count

    def _emptying(self) -> None:
        self._meeting.empty()
        known = self._acknowledged()
        self._lose(row for name, row in self.redis.waiting().items() if name not in known)

    def _lose(self, rows: Iterable[Row]) -> None:
        there = self._table.ids
        lost = {row.id: row.message_id for row in rows if row.id not in there}
        if lost:
            self._trace.fired["redis and its worker lost"] += 1
            self._trace.storage.lost_twice |= lost

    def _claimed(self, count: int) -> None:
        self._trace.fired["redis rows claimed"] += count

    def _leaving(self, ids: Sequence[str]) -> None:
        there = self._table.ids | {row.id for _, row in self._trace.storage.forgotten}
        for row_id in ids:
            self._trace.fired["redis rows moved"] += 1
            if row_id not in there:
                what = f"{row_id} left the queue before the database had it"
                self._trace.breach("queue", what)
