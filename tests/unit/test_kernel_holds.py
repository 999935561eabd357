"""What a breaker does to a mailbox: refuse at once, then let one message at a time through."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest

from actors.kernel.actor import LoopActor
from actors.kernel.child_spec import ChildSpec, Restart
from actors.kernel.dead_letter import Loss
from actors.kernel.errors import ActorHeld
from actors.kernel.parent import ParentActor
from actors.kernel.ref import ActorRef
from actors.kernel.signals import ChildExited, ChildSucceeded
from tests.unit.kernel_stage import Gated, Recorder, Stage, on_stage


class Holder(ParentActor[Any]):
    """Holds its child on command; a child that ends waits until it is told to go on."""

    def __init__(self, spec: ChildSpec[Any], seen: list[Any]) -> None:
        self._spec = spec
        self._seen = seen

    def on_start(self) -> None:
        self._child: ActorRef[Any] = self.spawn(self._spec)

    def receive(self, message: Any) -> None:
        match message:
            case ("hold", until_s):
                self.hold_child(self._child, until_s)
            case "probe":
                self.begin_probing(self._child)
            case "restart as probe":
                self.restart_child(self._child, as_probe=True)
            case "close the breaker":
                self.end_probing(self._child)
            case _:
                self._seen.append(message)


class Crashing(Recorder):
    """Crashes on command."""

    def receive(self, message: Any) -> Any:
        if message == "crash":
            raise ValueError
        return super().receive(message)


async def tell(stage: Stage, holder: ActorRef[Any], order: Any) -> None:
    holder.tell(order)
    await stage.settle()


def held(stage: Stage, actor: type[LoopActor[Any]], *args: Any, heard: Any = None) -> Any:
    """Start an actor under a holder; return both refs."""
    spec: ChildSpec[Any] = ChildSpec(start=partial(actor, *args), restart=Restart.TRANSIENT)
    holder = stage.spawn(Holder, spec, heard if heard is not None else [])
    return holder, stage.system.cells()[-1].ref


@on_stage
async def test_a_held_actor_refuses_at_once_and_says_when_to_come_back(stage: Stage) -> None:
    seen: list[Any] = []
    holder, ref = held(stage, Recorder, seen)
    await tell(stage, holder, ("hold", 30.0))
    stage.clock.advance(10)
    with pytest.raises(ActorHeld) as caught:
        await ref.ask(1, block=False)
    assert caught.value.retry_after_s == 20
    assert ref.offer(2) is False
    assert stage.lost(Loss.HELD) == 2
    assert seen == []


@on_stage
async def test_what_was_queued_is_refused_too_except_for_a_stop(stage: Stage) -> None:
    gate = asyncio.Event()
    holder, ref = held(stage, Gated, [], gate)
    ref.tell("in hand")
    await stage.settle()
    answer = ref.ask("queued", block=False)
    stopped = ref.stop(block=False)
    await tell(stage, holder, ("hold", 30.0))
    assert isinstance(answer.error, ActorHeld)
    gate.set()
    assert await stopped is True


@on_stage
async def test_on_probation_one_message_at_a_time_goes_through(stage: Stage) -> None:
    gate = asyncio.Event()
    heard: list[Any] = []
    holder, ref = held(stage, Gated, [], gate, heard=heard)
    await tell(stage, holder, ("hold", 30.0))
    await tell(stage, holder, "probe")
    probe, refused = ref.ask(1, block=False), ref.ask(2, block=False)
    await stage.settle()
    assert isinstance(refused.error, ActorHeld)
    gate.set()
    assert await probe == 1
    await stage.settle()
    assert heard == [ChildSucceeded(ref)]
    assert await ref.ask(3, block=False) == 3
    await tell(stage, holder, "close the breaker")
    both = [ref.ask(number, block=False) for number in (4, 5)]
    assert [await answer for answer in both] == [4, 5]


@on_stage
async def test_a_probe_that_expired_in_the_mailbox_makes_room_for_the_next(stage: Stage) -> None:
    heard: list[Any] = []
    seen: list[Any] = []
    holder, ref = held(stage, Crashing, seen, heard=heard)
    ref.tell("crash")
    await stage.settle()
    assert [type(each) for each in heard] == [ChildExited]
    ref.ask("expires", block=False, timeout=1)
    await stage.advance(2)
    await tell(stage, holder, "restart as probe")
    assert await ref.ask("next", block=False) == "next"
    assert seen == ["next"]
