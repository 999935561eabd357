"""What a later life finds of an earlier one's watches, and how a later answer hears it is late."""

from __future__ import annotations

from typing import Any

import pytest

from actors.kernel.actor import LoopActor
from actors.kernel.future import Reply
from actors.kernel.ref import ActorRef
from tests.unit.kernel_stage import Recorder, Stage, on_stage


class Guardian(LoopActor[Any]):
    """Monitors whom it is given, and notes at each start whom it monitors already."""

    def __init__(self, found: list[Any]) -> None:
        self._found = found

    def on_start(self) -> None:
        self._found.append(self.monitored)

    def receive(self, message: Any) -> object:
        match message:
            case ActorRef():
                self.monitor(message)
            case ("unwatch", ref):
                self.demonitor(ref)
            case "crash":
                raise ValueError
            case "whom":
                return self.monitored
            case _:
                pass
        return None


@on_stage
async def test_a_later_life_finds_whom_earlier_ones_monitor_and_who_still_lives(
    stage: Stage,
) -> None:
    found: list[Any] = []
    guardian = stage.keep(Guardian, found)
    ends, first, second, third = (stage.spawn(Recorder, []) for _ in range(4))
    for ref in (third, ends, first, second, first):
        guardian.tell(ref)
    guardian.tell(("unwatch", second))
    guardian.tell("crash")
    await stage.settle()
    ends.kill()
    guardian.tell("crash")
    await stage.settle()
    assert found == [(), (ends, first, third), (first, third)], "the oldest first"


@on_stage
async def test_who_ended_before_it_was_monitored_is_not_among_them(stage: Stage) -> None:
    guardian = stage.keep(Guardian, [])
    gone = stage.spawn(Recorder, [])
    gone.kill()
    guardian.tell(gone)
    asked = guardian.ask("whom", block=False)
    await stage.settle()
    assert asked.get() == ()


class Postponing(LoopActor[str]):
    """Gives its answers later, and notes when nobody wants them any more."""

    def __init__(self, replies: list[Reply], unwanted: list[str]) -> None:
        self._replies, self._unwanted = replies, unwanted

    def receive(self, message: str) -> None:
        reply = self.reply_later()
        reply.when_unwanted(lambda: self._unwanted.append(message))
        self._replies.append(reply)


@pytest.mark.parametrize("how", ["answered", "cancelled", "expired"])
@on_stage
async def test_a_later_answer_hears_once_that_nobody_waits_any_more(stage: Stage, how: str) -> None:
    replies: list[Reply] = []
    unwanted: list[str] = []
    ref = stage.spawn(Postponing, replies, unwanted)
    asked = ref.ask("question", block=False, timeout=5.0)
    ref.tell("nobody asks")
    await stage.settle()
    assert unwanted == []
    match how:
        case "answered":
            replies[0].set("answer")
        case "cancelled":
            asked.cancel()
        case _:
            await stage.advance(6.0)
    assert unwanted == ["question"]
    await stage.advance(6.0)
    assert unwanted == ["question"]
