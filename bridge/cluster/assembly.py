"""All that one process has of Redis, put together."""

from __future__ import annotations

from dataclasses import dataclass

from actors.kernel.clock import Watch
from bridge.cluster.cost_snapshots import RedisCosts
from bridge.cluster.draining import Drain
from bridge.cluster.keys import Keys
from bridge.cluster.lease import RedisLease
from bridge.cluster.ledger import Ledger
from bridge.cluster.link import RedisCalls
from bridge.cluster.reads import Reads
from bridge.cluster.row_queue import CLAIM_AFTER_S, RowQueue
from bridge.cluster.row_store import RowStore
from bridge.cluster.write_behind import WriteBehindStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """What a process shares with others.

    Attributes:
        store: the artifact store that actors get instead of the database's.
        pending: what the drain actor moves.
        lease: which process deletes what has expired.
        costs: where snapshots of costs go.
        link: the way to Redis, for whatever else is shared. Closed with the cluster.
        queue: the rows in Redis.
        ledger: those that this process has acknowledged and not seen in the database.
    """

    store: WriteBehindStore
    pending: Drain
    lease: RedisLease
    costs: RedisCosts
    link: RedisCalls
    queue: RowQueue
    ledger: Ledger

    def obey(self, *, is_wanted: bool, cache_s: int) -> None:
        """Follow the valves: whether new rows may wait in Redis, and the term of copies.

        What waits already is moved into the database either way.
        """
        self.queue.is_wanted = is_wanted
        self.queue.cache_s = cache_s

    def close(self) -> None:
        """Let go of Redis and of the database. Blocks."""
        self.lease.give_back_all()
        self.store.close()


def assembled(
    sql: RowStore,
    link: RedisCalls,
    *,
    pipe_id: str,
    process: str,
    watch: Watch | None = None,
    claim_after_s: float = CLAIM_AFTER_S,
) -> Cluster:
    """Put it together; nothing is connected yet.

    Args:
        sql: the database behind.
        link: the way to Redis.
        pipe_id: all keys are under it.
        process: a name that no other process has, nor had: host, number and a word of chance.
        watch: tells the time that rows carry.
        claim_after_s: see `RowQueue`.
    """
    keys, ledger, reads = Keys(pipe_id), Ledger(), Reads()
    queue = RowQueue(link, keys, process, claim_after_s=claim_after_s)
    return Cluster(
        store=WriteBehindStore(sql, queue, ledger, reads, watch=watch),
        pending=Drain(sql, queue, ledger, reads, watch=watch),
        lease=RedisLease(link, keys, process),
        costs=RedisCosts(link, keys),
        link=link,
        queue=queue,
        ledger=ledger,
    )
