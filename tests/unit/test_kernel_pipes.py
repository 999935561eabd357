from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest

from actors.kernel.actor import LoopActor
from actors.kernel.child_spec import Directive
from actors.kernel.signals import ChildExited, Crashed
from tests.unit.kernel_stage import Recorder, Stage, on_stage


class Piping(LoopActor[Any]):
    """Pipes the work that it is sent; everything else it remembers."""

    def __init__(self, seen: list[Any]) -> None:
        self._seen = seen

    def receive(self, message: Any) -> Any:
        match message:
            case (work, failed):
                self.pipe_to_self(work, done=lambda result: f"done: {result}", failed=failed)
            case "crash":
                raise ValueError
            case _:
                self._seen.append(message)

    def on_failure(self, *_: object) -> None:
        self._seen.append("failure")


def named(error: Exception) -> str:
    return f"failed: {type(error).__name__}"


async def returning(value: Any) -> Any:
    await asyncio.sleep(0)
    return value


async def raising(error: BaseException) -> Any:
    await asyncio.sleep(0)
    raise error


@on_stage
async def test_what_piped_work_returns_comes_back_as_a_message(stage: Stage) -> None:
    seen: list[Any] = []
    ref = stage.spawn(Piping, seen)
    ref.tell((returning(7), named))
    ref.tell("meanwhile")
    await stage.settle()
    assert seen == ["meanwhile", "done: 7"]


@on_stage
async def test_what_piped_work_raises_comes_back_as_a_message(stage: Stage) -> None:
    seen: list[Any] = []
    stage.spawn(Piping, seen).tell((raising(KeyError()), named))
    await stage.settle()
    assert seen == ["failed: KeyError"]


@pytest.mark.parametrize("error", [KeyError(), SystemExit(), asyncio.CancelledError()])
@on_stage
async def test_an_error_that_nothing_was_said_about_crashes_the_actor(
    stage: Stage, error: BaseException
) -> None:
    seen: list[Any] = []
    heard: list[Any] = []
    stage.keep(Piping, seen, heard=heard).tell((raising(error), None))
    await stage.settle()
    exits = [each for each in heard if isinstance(each, ChildExited)]
    assert len(exits) == 1
    if not isinstance(error, asyncio.CancelledError):
        assert exits[0].reason == Crashed(error)
        assert seen == ["failure"]


@on_stage
async def test_an_error_of_the_function_that_makes_the_message_crashes_as_well(
    stage: Stage,
) -> None:
    seen: list[Any] = []
    ref = stage.keep(Piping, seen)
    ref.tell((raising(KeyError()), lambda error: error.args[0]))
    await stage.settle()
    assert ref.cell.life == 2
    assert seen == ["failure"]


@on_stage
async def test_a_decider_speaks_for_piped_work_too(stage: Stage) -> None:
    ref = stage.keep(Piping, [], deciders=((KeyError, Directive.ISOLATE),))
    ref.tell((raising(KeyError()), None))
    await stage.settle()
    assert ref.cell.life == 1


@on_stage
async def test_piped_work_ends_with_the_life_that_began_it(stage: Stage) -> None:
    cancelled: list[str] = []

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append("cancelled")
            raise

    seen: list[Any] = []
    ref = stage.keep(Piping, seen)
    ref.tell((endless(), named))
    await stage.settle()
    ref.tell("crash")
    await stage.settle()
    assert cancelled == ["cancelled"]
    assert seen == ["failure"]


@on_stage
async def test_work_that_swallows_its_cancellation_does_not_reach_the_next_life(
    stage: Stage,
) -> None:
    gate = asyncio.Event()

    async def stubborn() -> str:
        while not gate.is_set():
            try:
                await gate.wait()
            except asyncio.CancelledError:
                continue
        return "from the grave"

    seen: list[Any] = []
    ref = stage.keep(Piping, seen)
    ref.tell((stubborn(), None))
    await stage.settle()
    ref.tell("crash")
    await stage.settle()
    gate.set()
    await stage.settle()
    assert seen == ["failure"]


@on_stage
async def test_work_of_an_actor_that_ends_at_once_is_never_begun_and_leaves_no_warning(
    stage: Stage,
) -> None:
    class Hasty(Piping):
        def receive(self, message: Awaitable[Any]) -> None:
            self.pipe_to_self(message, done=str)
            self.exit()

    stage.spawn(Hasty, []).tell(returning(1))
    await stage.settle()
    assert stage.system.live == 0


@on_stage
async def test_an_ask_can_be_piped_and_its_error_is_the_receiver_s(stage: Stage) -> None:
    class Asking(Piping):
        def on_start(self) -> None:
            self.pipe_to_self(target.ask("hello", block=False), done=str, failed=named)

    target = stage.spawn(Recorder, [])
    seen: list[Any] = []
    stage.spawn(Asking, seen)
    await stage.settle()
    target.kill()
    stage.spawn(Asking, seen)
    await stage.settle()
    assert seen == ["hello", "failed: ActorStopped"]


@on_stage
async def test_blocking_calls_are_piped_through_a_small_pool_of_threads(stage: Stage) -> None:
    arrived = asyncio.Event()

    class Calling(LoopActor[str]):
        def on_start(self) -> None:
            self.pipe_to_self(self.system.run_blocking(lambda: "read"), done=str)

        def receive(self, message: str) -> None:
            assert message == "read"
            arrived.set()

    stage.spawn(Calling)
    await arrived.wait()
