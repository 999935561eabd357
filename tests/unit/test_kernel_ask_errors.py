from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pykka
import pytest

from actors.kernel.actor import LoopActor
from actors.kernel.child_spec import Directive, Restart
from actors.kernel.errors import ActorStopped, AskTimedOut, MessagePoisoned, WouldBlock
from actors.kernel.signals import ChildExited, ChildFaltered, Crashed, Terminated
from tests.unit.kernel_stage import Gated, Recorder, Stage, on_stage


class Weather(Exception):
    """An error that an asker can live with."""


class Failing(LoopActor[BaseException]):
    """Raises what it is sent."""

    answers = (Weather,)

    def receive(self, message: BaseException) -> None:
        raise message


class FailingLater(LoopActor[BaseException]):
    """The same with a task."""

    answers = (Weather,)

    async def receive(self, message: BaseException) -> None:
        await asyncio.sleep(0)
        raise message


BOTH = pytest.mark.parametrize("actor", [Failing, FailingLater])


@BOTH
@on_stage
async def test_an_error_among_the_answers_leaves_the_actor_alone(stage: Stage, actor: Any) -> None:
    heard: list[Any] = []
    ref = stage.keep(actor, heard=heard)
    with pytest.raises(Weather):
        await ref.ask(Weather(), block=False)
    await stage.settle()
    assert ref.cell.life == 1
    assert [type(each) for each in heard] == [ChildFaltered]


@BOTH
@on_stage
async def test_an_error_among_the_answers_is_a_crash_for_a_tell(stage: Stage, actor: Any) -> None:
    ref = stage.keep(actor)
    ref.tell(Weather())
    await stage.settle()
    assert ref.cell.life == 2


@BOTH
@on_stage
async def test_any_other_error_answers_the_ask_and_crashes_the_actor(
    stage: Stage, actor: Any
) -> None:
    ref = stage.keep(actor)
    with pytest.raises(ZeroDivisionError):
        await ref.ask(ZeroDivisionError(), block=False)
    await stage.settle()
    assert ref.cell.life == 2


@pytest.mark.parametrize("error", [SystemExit(), KeyboardInterrupt(), GeneratorExit()])
@BOTH
@on_stage
async def test_what_ends_programs_ends_one_actor_and_does_not_reach_the_asker(
    stage: Stage, actor: Any, error: BaseException
) -> None:
    ref = stage.spawn(actor)
    other = stage.spawn(Recorder, [])
    ends: list[Terminated] = []
    stage.system.monitor(ref, ends.append)
    with pytest.raises(MessagePoisoned):
        await ref.ask(error, block=False)
    await stage.settle()
    assert [type(end.reason) for end in ends] == [Crashed]
    # Ctrl-C is for the whole system: it is asked to shut down, in order.
    assert other.is_alive() is not isinstance(error, KeyboardInterrupt)


@BOTH
@on_stage
async def test_a_decider_says_what_an_error_means(stage: Stage, actor: Any) -> None:
    deciders = (
        (KeyError, Directive.ISOLATE),
        (ValueError, Directive.STOP),
        (OSError, Directive.ESCALATE),
    )
    heard: list[Any] = []
    isolated = stage.keep(actor, deciders=deciders)
    stopped = stage.keep(actor, deciders=deciders)
    escalated = stage.keep(actor, deciders=deciders, heard=heard)
    isolated.tell(KeyError())
    stopped.tell(ValueError())
    escalated.tell(OSError())
    await stage.settle()
    assert isolated.cell.life == 1
    assert not stopped.is_alive()
    assert [each.escalates for each in heard if isinstance(each, ChildExited)] == [True]


@on_stage
async def test_a_timer_s_error_can_be_isolated_as_well(stage: Stage) -> None:
    class Ticking(LoopActor[str]):
        def receive(self, message: str) -> str:
            if message == "tick":
                raise KeyError
            self.start_timer("t", "tick", 1)
            return message

    ref = stage.keep(Ticking, deciders=((KeyError, Directive.ISOLATE),))
    ref.tell("start")
    await stage.settle()
    await stage.advance(1)
    assert await ref.ask("start", block=False) == "start"
    assert ref.cell.life == 1


@on_stage
async def test_the_asker_of_an_actor_that_is_killed_is_told_and_lives_on(stage: Stage) -> None:
    class Asker(LoopActor[Any]):
        async def receive(self, message: Any) -> str:
            try:
                await target.ask(message, block=False)
            except MessagePoisoned:
                return "told"
            return "answered"

    target = stage.spawn(Gated, [], asyncio.Event())
    asker = stage.spawn(Asker)
    answer = asker.ask("hello", block=False)
    await stage.settle()
    target.kill()
    assert await answer == "told"
    assert asker.is_alive()


@on_stage
async def test_a_handler_that_fails_while_it_is_killed_still_answers_its_asker(
    stage: Stage,
) -> None:
    class Unwilling(LoopActor[Any]):
        async def receive(self, message: Any) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                raise ZeroDivisionError

    ref = stage.spawn(Unwilling, restart=Restart.TEMPORARY)
    answer = ref.ask(1, block=False)
    await stage.settle()
    ref.kill()
    await stage.settle()
    assert isinstance(answer.error, ZeroDivisionError)
    assert not ref.is_alive()


@on_stage
async def test_to_wait_for_an_answer_in_the_loop_s_thread_is_refused(stage: Stage) -> None:
    ref = stage.spawn(Recorder, [])
    with pytest.raises(WouldBlock):
        ref.ask(1)
    with pytest.raises(WouldBlock):
        ref.stop()
    answer = ref.ask(1, block=False)
    with pytest.raises(WouldBlock):
        answer.get()
    assert await answer == 1
    assert answer.get() == 1


async def in_thread(call: Callable[[], Any]) -> Any:
    """Run a call in a thread that is no actor's, and give back how it ended."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[Any] = loop.create_future()

    def run() -> None:
        try:
            result: Any = call()
        except pykka.ActorDeadError as error:
            result = error
        except pykka.Timeout as error:
            result = error
        loop.call_soon_threadsafe(outcome.set_result, result)

    threading.Thread(target=run, daemon=True).start()
    return await outcome


@on_stage
async def test_a_foreign_thread_can_tell_ask_and_stop_as_in_pykka(stage: Stage) -> None:
    seen: list[Any] = []
    ref = stage.spawn(Recorder, seen)
    assert await in_thread(lambda: ref.tell("told")) is None
    assert await in_thread(lambda: ref.offer("offered")) is True
    assert await in_thread(lambda: ref.ask("asked", timeout=5)) == "asked"
    assert await in_thread(lambda: ref.ask("future", block=False).get(timeout=5)) == "future"
    assert await in_thread(ref.stop) is True
    assert await in_thread(ref.stop) is False
    assert isinstance(await in_thread(lambda: ref.ask("late", timeout=5)), ActorStopped)
    assert isinstance(await in_thread(lambda: ref.tell("late")), ActorStopped)
    assert seen == ["told", "offered", "asked", "future"]


@on_stage
async def test_a_foreign_thread_waits_no_longer_than_it_wanted_to(stage: Stage) -> None:
    gate = asyncio.Event()
    ref = stage.spawn(Gated, [], gate)
    assert isinstance(await in_thread(lambda: ref.ask(1, timeout=0.01)), AskTimedOut)
    gate.set()


def test_an_ask_after_the_end_of_the_loop_fails_at_once() -> None:
    refs: list[Any] = []

    @on_stage
    async def scene(stage: Stage) -> None:
        refs.append(stage.spawn(Recorder, []))
        await stage.settle()

    scene()
    outcomes: list[Any] = []

    def ask() -> None:
        try:
            refs[0].ask("hello")
        except ActorStopped as error:
            outcomes.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(5)
    assert len(outcomes) == 1
