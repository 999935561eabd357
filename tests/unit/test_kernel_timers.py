from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from actors.kernel.actor import LoopActor
from actors.kernel.interceptor import Interceptor
from tests.unit.kernel_stage import Stage, on_stage, on_stage_with


class Timed(LoopActor[Any]):
    """Does with its timers what it is told, and notes what they bring and when."""

    def __init__(self, stage: Stage, seen: list[tuple[float, Any]]) -> None:
        self._stage = stage
        self._seen = seen

    def receive(self, message: Any) -> object:
        match message:
            case ("start", key, what, after_s):
                self.start_timer(key, what, after_s)
            case ("cancel", key):
                self.cancel_timer(key)
            case ("silence", after_s):
                self.set_receive_timeout(after_s, "silence")
            case "crash":
                raise ValueError
            case _:
                self._seen.append((self._stage.clock.now_s(), message))
        return None


@dataclass(frozen=True, slots=True)
class Closing:
    """Wait at the gate, then cancel a timer."""

    gate: asyncio.Event
    cancels: str = ""


class TimedTask(Timed):
    """The same, with handlers that may take a while."""

    async def receive(self, message: Any) -> None:
        if isinstance(message, Closing):
            await message.gate.wait()
            self.cancel_timer(message.cancels)
        else:
            super().receive(message)


BOTH = pytest.mark.parametrize("actor", [Timed, TimedTask])


@BOTH
@on_stage
async def test_a_timer_brings_its_message_once_at_its_time(stage: Stage, actor: Any) -> None:
    seen: list[Any] = []
    ref = stage.spawn(actor, stage, seen)
    ref.tell(("start", "a", "due", 3))
    await stage.settle()
    await stage.advance(2)
    assert seen == []
    await stage.advance(10)
    # The clock has moved on before the message was handled.
    assert [what for _, what in seen] == ["due"]


@BOTH
@on_stage
async def test_a_timer_replaces_one_with_the_same_key(stage: Stage, actor: Any) -> None:
    seen: list[Any] = []
    ref = stage.spawn(actor, stage, seen)
    ref.tell(("start", "a", "first", 3))
    ref.tell(("start", "a", "second", 5))
    ref.tell(("start", "b", "other", 4))
    await stage.settle()
    for _ in range(6):
        await stage.advance(1)
    assert seen == [(4, "other"), (5, "second")]


@on_stage
async def test_a_cancelled_timer_says_nothing_even_if_it_has_fired(stage: Stage) -> None:
    seen: list[Any] = []
    gate = asyncio.Event()
    ref = stage.spawn(TimedTask, stage, seen)
    ref.tell(("start", "a", "early", 1))
    ref.tell(("start", "b", "fired", 2))
    ref.tell(("start", "c", "wanted", 2))
    ref.tell(("cancel", "a"))
    await stage.settle()
    ref.tell(Closing(gate, cancels="b"))
    await stage.settle()
    await stage.advance(5)
    gate.set()
    await stage.settle()
    assert [what for _, what in seen] == ["wanted"]


@pytest.mark.parametrize("waits_s", [0.5, 2.0])
@on_stage
async def test_a_timer_ends_with_its_life_even_if_it_has_fired(
    stage: Stage, waits_s: float
) -> None:
    class Mortal(Timed):
        async def receive(self, message: Any) -> None:
            if message == "go":
                self.start_timer("t", "due", 1)
                await gate.wait()
                raise ValueError
            super().receive(message)

    seen: list[Any] = []
    gate = asyncio.Event()
    ref = stage.keep(Mortal, stage, seen)
    ref.tell("go")
    await stage.settle()
    await stage.advance(waits_s)
    gate.set()
    await stage.settle()
    await stage.advance(5)
    assert ref.cell.life == 2
    assert seen == []


@BOTH
@on_stage
async def test_a_receive_timeout_comes_after_that_much_silence_and_again(
    stage: Stage, actor: Any
) -> None:
    seen: list[Any] = []
    stage.spawn(actor, stage, seen).tell(("silence", 10))
    await stage.settle()
    for _ in range(35):
        await stage.advance(1)
    assert seen == [(10, "silence"), (20, "silence"), (30, "silence")]


@BOTH
@on_stage
async def test_mail_puts_a_receive_timeout_off(stage: Stage, actor: Any) -> None:
    seen: list[Any] = []
    ref = stage.spawn(actor, stage, seen)
    ref.tell(("silence", 10))
    await stage.settle()
    for second in range(30):
        await stage.advance(1)
        if second in (4, 12):
            ref.tell("mail")
            await stage.settle()
    assert seen == [(5, "mail"), (13, "mail"), (23, "silence")]


@on_stage
async def test_timers_do_not_count_as_mail(stage: Stage) -> None:
    seen: list[Any] = []
    ref = stage.spawn(Timed, stage, seen)
    ref.tell(("silence", 10))
    ref.tell(("start", "t", "due", 6))
    await stage.settle()
    for _ in range(11):
        await stage.advance(1)
    assert seen == [(6, "due"), (10, "silence")]


@on_stage
async def test_the_silence_begins_when_a_long_handler_has_ended(stage: Stage) -> None:
    seen: list[Any] = []
    gate = asyncio.Event()
    ref = stage.spawn(TimedTask, stage, seen)
    ref.tell(("silence", 10))
    ref.tell(Closing(gate))
    await stage.settle()
    for second in range(60):
        await stage.advance(1)
        if second == 36:
            gate.set()
            await stage.settle()
    assert seen == [(47, "silence"), (57, "silence")]


@pytest.mark.parametrize("end", [("silence", None), "crash"])
@on_stage
async def test_a_receive_timeout_can_be_ended_and_ends_with_its_life(
    stage: Stage, end: Any
) -> None:
    seen: list[Any] = []
    ref = stage.keep(Timed, stage, seen)
    ref.tell(("silence", 10))
    ref.tell(end)
    await stage.settle()
    await stage.advance(50)
    assert seen == []
    assert stage.clock.next_due_s() is None


@on_stage_with(lambda: (Late(),))
async def test_mail_that_comes_in_before_the_timeout_is_handled_puts_it_off(stage: Stage) -> None:
    seen: list[Any] = []
    ref = stage.spawn(Timed, stage, seen)
    ref.tell(("silence", 10))
    await stage.settle()
    await stage.advance(10)  # It fires, and arrives a second late.
    stage.clock.advance(1)
    ref.tell("mail")
    await stage.settle()
    assert [what for _, what in seen] == ["mail"]


class Late(Interceptor):
    """Delays every signal by a second."""

    def signalling(self, *_: object) -> float:
        return 1.0
