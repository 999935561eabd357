"""A child that was slow to let go was named as left behind, although it had time to end."""

from __future__ import annotations

import asyncio
from functools import partial

from actors.kernel.actor import LoopActor
from actors.kernel.child_spec import ChildSpec
from actors.kernel.parent import ParentActor
from actors.kernel.system import ActorSystem


class SlowToLetGo(LoopActor[str]):
    """Its handler finishes something after it was cancelled."""

    def __init__(self, is_done: asyncio.Event) -> None:
        self._is_done = is_done

    def on_start(self) -> None:
        self.actor_ref.tell("work")

    async def receive(self, message: str) -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            await self._is_done.wait()
            raise


class Parent(ParentActor[object]):
    """Ends at once when it is asked to."""

    def __init__(self, is_done: asyncio.Event) -> None:
        self._is_done = is_done

    def on_start(self) -> None:
        self.spawn(ChildSpec(start=partial(SlowToLetGo, self._is_done)))

    def receive(self, message: object) -> None:
        """Hear of the child's end."""


def test_a_shutdown_waits_for_children_that_outlive_their_parent() -> None:
    async def scenario() -> None:
        is_done = asyncio.Event()
        system = ActorSystem()
        system.spawn(ChildSpec(start=partial(Parent, is_done)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        stopping = asyncio.get_running_loop().create_task(system.stop(5.0))
        for _ in range(10):
            await asyncio.sleep(0)
        assert not stopping.done()
        is_done.set()
        report = await stopping
        assert (report.abandoned, system.live) == ((), 0)

    asyncio.run(scenario())
