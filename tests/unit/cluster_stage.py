"""Two workers of one cluster, each a system of its own, in one simulation."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from actors import ActorSystem, AskFuture, SeededEntropy
from actors.testing.inline_worker import inline_workers
from bridge.chaos.memory_cluster import MemoryServer
from tests.unit.gate_hall import Hall
from tests.unit.supervision_stage import Stage


@dataclass
class Cluster:
    """Two halls, and where they meet."""

    server: MemoryServer
    a: Hall
    b: Hall

    @property
    def running(self) -> int:
        """How many run in both."""
        return self.a.running() + self.b.running()

    async def fill(self, hall: Hall, count: int, *, prefix: str = "f") -> list[AskFuture]:
        """Ask for so many at once, and let a moment pass."""
        asked = [hall.admit(f"{prefix}{number}") for number in range(count)]
        await hall.stage.wait(0.2)
        return asked


@asynccontextmanager
async def cluster(
    stage: Stage, *, running_max: int = 10, server: MemoryServer | None = None, **options: Any
) -> AsyncIterator[Cluster]:
    """Two workers that have found each other; the second one is stopped at the end."""
    system = ActorSystem("other", entropy=SeededEntropy(1), start_worker=inline_workers(stage.loop))
    other = Stage(stage.loop, system)
    server = server or MemoryServer(stage.system.clock)
    a = Hall(stage, running_max=running_max, server=server, worker="a", **options)
    b = Hall(other, running_max=running_max, server=server, worker="b", **options)
    # The first that come say how many permits there are.
    for hall in (a, b):
        hall.admit("first")
        await stage.wait(10.0)
        await hall.end("first")
    await stage.wait(10.0)
    yield Cluster(server, a, b)
    stopped = await system.stop(grace_s=60.0)
    assert stopped.abandoned == ()
    assert system.live == 0
