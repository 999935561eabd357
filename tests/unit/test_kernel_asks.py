from __future__ import annotations

import asyncio
from typing import Any

import pytest

from actors.kernel.actor import LoopActor
from actors.kernel.dead_letter import Loss
from actors.kernel.errors import ActorStopped, AskTimedOut
from actors.kernel.future import Reply
from actors.kernel.ref import ActorRef
from tests.unit.kernel_stage import Gated, Recorder, Stage, on_stage


class Deferring(LoopActor[Any]):
    """Answers later, when the test says so."""

    def __init__(self, replies: list[Reply]) -> None:
        self._replies = replies

    def receive(self, message: Any) -> None:
        self._replies.append(self.reply_later())


class Relay(LoopActor[Any]):
    """Asks the next one, with a generous timeout of its own."""

    def __init__(self, target: ActorRef[Any]) -> None:
        self._target = target

    async def receive(self, message: Any) -> Any:
        return await self._target.ask(message, block=False, timeout=1000)


@on_stage
async def test_an_ask_gets_the_value_that_the_handler_returns(stage: Stage) -> None:
    ref = stage.spawn(Recorder, [])
    assert await ref.ask("hello", block=False) == "hello"


@on_stage
async def test_an_ask_without_a_timeout_has_the_deadline_of_the_system(stage: Stage) -> None:
    ref = stage.spawn(Deferring, [])
    answer = ref.ask("hello", block=False)
    await stage.advance(stage.system.ask_timeout_s - 0.1)
    assert not answer.is_done
    await stage.advance(0.1)
    with pytest.raises(AskTimedOut):
        await answer


@on_stage
async def test_a_nested_ask_gets_what_is_left_of_its_asker_s_time(stage: Stage) -> None:
    last = stage.spawn(Deferring, [])
    relay: ActorRef[Any] = last
    for _ in range(3):
        relay = stage.spawn(Relay, relay)
    answer = relay.ask("hello", block=False, timeout=7)
    await stage.settle()
    assert last.is_alive()
    await stage.advance(7)
    with pytest.raises(AskTimedOut):
        await answer
    # All waits ended together: had one gone on, its actor would not have come to rest.
    assert not any(cell.is_executing for cell in stage.system.cells())


@on_stage
async def test_an_ask_that_expired_in_the_mailbox_is_not_handled(stage: Stage) -> None:
    seen: list[Any] = []
    gate = asyncio.Event()
    ref = stage.spawn(Gated, seen, gate)
    ref.tell("first")
    answer = ref.ask("late", block=False, timeout=3)
    await stage.settle()
    await stage.advance(3)
    gate.set()
    await stage.settle()
    assert seen == ["first"]
    assert answer.is_done
    assert stage.lost(Loss.EXPIRED) == 1


@on_stage
async def test_an_ask_whose_asker_was_cancelled_is_not_handled(stage: Stage) -> None:
    seen: list[Any] = []
    gate = asyncio.Event()
    ref = stage.spawn(Gated, seen, gate)
    ref.tell("first")

    async def asker() -> None:
        await ref.ask("unwanted", block=False)

    asking = stage.begin(asker())
    await stage.settle()
    asking.cancel()
    gate.set()
    await stage.settle()
    assert seen == ["first"]
    assert stage.lost(Loss.EXPIRED) == 1
    with pytest.raises(asyncio.CancelledError):
        await asking


@on_stage
async def test_an_ask_to_the_dead_fails_at_once(stage: Stage) -> None:
    ref = stage.spawn(Recorder, [])
    ref.kill()
    answer = ref.ask("hello", block=False)
    assert answer.is_done
    with pytest.raises(ActorStopped):
        await answer
    assert stage.lost(Loss.CLOSED) == 1


@on_stage
async def test_asks_that_race_a_stop_are_answered_or_fail_but_never_hang(stage: Stage) -> None:
    ref = stage.spawn(Recorder, [])
    before = ref.ask("before", block=False)
    stopped = ref.stop(block=False)
    after = ref.ask("after", block=False)
    assert await before == "before"
    with pytest.raises(ActorStopped):
        await after
    assert await stopped is True


@on_stage
async def test_asks_in_the_mailbox_of_an_actor_that_is_killed_fail_at_once(stage: Stage) -> None:
    ref = stage.spawn(Gated, [], asyncio.Event())
    answers = [ref.ask(number, block=False) for number in range(3)]
    await stage.settle()
    ref.kill()
    await stage.settle()
    assert all(answer.is_done for answer in answers)
    assert isinstance(answers[2].error, ActorStopped)


@on_stage
async def test_a_reply_after_the_deadline_is_counted_as_late(stage: Stage) -> None:
    gate = asyncio.Event()
    ref = stage.spawn(Gated, [], gate)
    answer = ref.ask("hello", block=False, timeout=1)
    await stage.settle()
    await stage.advance(1)
    gate.set()
    await stage.settle()
    assert isinstance(answer.error, AskTimedOut)
    assert stage.lost(Loss.LATE_REPLY) == 1


@on_stage
async def test_a_handler_may_answer_later(stage: Stage) -> None:
    replies: list[Reply] = []
    ref = stage.spawn(Deferring, replies)
    value, error = ref.ask(1, block=False), ref.ask(2, block=False)
    await stage.settle()
    assert not value.is_done
    assert replies[0].is_wanted
    replies[0].set("answer")
    replies[1].fail(ValueError("no"))
    assert await value == "answer"
    with pytest.raises(ValueError, match="no"):
        await error
    assert not replies[0].is_wanted


@on_stage
async def test_a_deferred_reply_that_nobody_wants_any_more_is_counted(stage: Stage) -> None:
    replies: list[Reply] = []
    ref = stage.spawn(Deferring, replies)
    ref.ask(1, block=False, timeout=1)
    ref.tell("a tell wants no reply")
    await stage.settle()
    await stage.advance(2)
    assert [reply.is_wanted for reply in replies] == [False, False]
    for reply in replies:
        reply.set("too late")
    assert stage.lost(Loss.LATE_REPLY) == 1


@on_stage
async def test_timers_pipes_and_spawns_do_not_inherit_a_deadline(stage: Stage) -> None:
    deadlines: list[Any] = []

    class Target(LoopActor[Any]):
        def receive(self, message: Any) -> None:
            in_hand = stage.system.current_cell()
            assert in_hand is not None
            assert in_hand.in_hand is not None
            deadlines.append((message, in_hand.in_hand.deadline_s))

    target = stage.spawn(Target)

    class Asker(LoopActor[Any]):
        def receive(self, message: Any) -> None:
            if message == "go":
                target.ask("from the handler", block=False, timeout=50)
                self.start_timer("t", "timer", 0)
                self.pipe_to_self(self._work(), str)
            elif message == "timer":
                target.ask("from a timer", block=False, timeout=50)

        async def _work(self) -> str:
            return str(await target.ask("from a pipe", block=False, timeout=50))

    stage.spawn(Asker).ask("go", block=False, timeout=5)
    await stage.settle()
    await stage.advance(0)
    assert dict(deadlines) == {"from the handler": 5, "from a pipe": 50, "from a timer": 50}
