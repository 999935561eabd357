"""Where the kernel's unit tests play: one system, and a clock that stands still."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

from actors.kernel.actor import LoopActor
from actors.kernel.child_spec import ChildSpec, Restart
from actors.kernel.dead_letter import Loss
from actors.kernel.entropy import SeededEntropy
from actors.kernel.interceptor import Interceptor
from actors.kernel.parent import ParentActor
from actors.kernel.ref import ActorRef
from actors.kernel.signals import ChildExited, Crashed, ExitReason
from actors.kernel.system import ActorSystem, WorkerThread
from actors.testing.manual_clock import ManualClock
from actors.testing.settle import settle

REAL_TIMEOUT_S = 10.0

Scene: TypeAlias = Callable[..., Awaitable[None]]


class Keeper(ParentActor[Any]):
    """The least of a supervisor: whatever waits for a next life gets one at once."""

    def __init__(self, spec: ChildSpec[Any], seen: list[Any]) -> None:
        self._spec = spec
        self._seen = seen

    def on_start(self) -> None:
        self.spawn(self._spec)

    def receive(self, message: Any) -> None:
        self._seen.append(message)
        if isinstance(message, ChildExited) and message.is_waiting:
            self.restart_child(message.ref)


class Stage:
    """One system on a `ManualClock`, and short words for what every test does."""

    def __init__(
        self,
        interceptors: tuple[Interceptor, ...] = (),
        start_worker: Callable[[str], WorkerThread] | None = None,
    ) -> None:
        self.clock = ManualClock()
        self.system = ActorSystem(
            "test",
            clock=self.clock,
            entropy=SeededEntropy(1),
            interceptors=interceptors,
            start_worker=start_worker,
        )
        self.loop_errors: list[Mapping[str, Any]] = []
        self.system.loop.set_exception_handler(lambda _, context: self.loop_errors.append(context))

    def spawn(self, start: Callable[..., Any], *args: Any, **spec: Any) -> ActorRef[Any]:
        """Start a root actor, temporary like every root."""
        return self.system.spawn(ChildSpec(start=partial(start, *args), **spec))

    def keep(
        self, start: Callable[..., Any], *args: Any, heard: list[Any] | None = None, **spec: Any
    ) -> ActorRef[Any]:
        """Start an actor under a parent that restarts it at once; `heard` is what that hears."""
        spec.setdefault("restart", Restart.PERMANENT)
        child: ChildSpec[Any] = ChildSpec(start=partial(start, *args), **spec)
        self.spawn(Keeper, child, heard if heard is not None else [])
        return self.system.cells()[-1].ref

    async def settle(self) -> None:
        await settle(self.system)

    async def advance(self, seconds: float) -> None:
        """Let time pass, and everything happen that follows from it."""
        self.clock.advance(seconds)
        await self.settle()

    def lost(self, reason: Loss) -> int:
        """How many dead letters there are for this reason."""
        return self.system.dead_letters.by_reason[reason]

    def begin(self, work: Awaitable[Any]) -> asyncio.Future[Any]:
        """Let code outside actors go on beside the test."""
        return asyncio.ensure_future(work)  # noqa: TID251 - a test stands outside the actors

    async def close(self) -> None:
        stopping = self.begin(self.system.stop(grace_s=1.0))
        while not stopping.done():
            await self.advance(0.5)
        assert not self.loop_errors, self.loop_errors


def crash_kind(reason: ExitReason) -> str:
    """Name the class of the error of a crash, and be sure that it is one."""
    assert isinstance(reason, Crashed)
    return reason.kind


async def until(is_so: Callable[[], object]) -> None:
    """Let the loop run until something is so; the time limit of the test bounds it."""
    while not is_so():  # noqa: ASYNC110 - there is no event to wait for, on purpose
        await asyncio.sleep(0)


class Recorder(LoopActor[Any]):
    """Remembers what it gets; answers an ask with the same message."""

    def __init__(self, seen: list[Any]) -> None:
        self._seen = seen

    def receive(self, message: Any) -> Any:
        self._seen.append(message)
        return message


class Gated(LoopActor[Any]):
    """Notes what it gets, then waits until its gate is open."""

    def __init__(self, seen: list[Any], gate: asyncio.Event) -> None:
        self._seen = seen
        self._gate = gate

    async def receive(self, message: Any) -> Any:
        self._seen.append(message)
        await self._gate.wait()
        return message


def on_stage(scene: Scene) -> Callable[..., None]:
    """Run an `async def test(stage, ...)` in a loop and a system of its own."""
    return on_stage_with(tuple)(scene)


def on_stage_with(
    interceptors: Callable[[], tuple[Interceptor, ...]],
) -> Callable[[Scene], Callable[..., None]]:
    """Run it with interceptors around every send and receive."""
    return partial(_staged, interceptors)


def _staged(
    interceptors: Callable[[], tuple[Interceptor, ...]], scene: Scene
) -> Callable[..., None]:
    async def play(**fixtures: Any) -> None:
        stage = Stage(interceptors())
        try:
            await scene(stage, **fixtures)
        finally:
            await stage.close()

    @functools.wraps(scene)
    def test(**fixtures: Any) -> None:
        asyncio.run(asyncio.wait_for(play(**fixtures), REAL_TIMEOUT_S))

    signature = inspect.signature(scene)
    without_stage = [*signature.parameters.values()][1:]
    test.__signature__ = signature.replace(parameters=without_stage)  # type: ignore[attr-defined]
    return test
