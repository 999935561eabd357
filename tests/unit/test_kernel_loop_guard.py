"""The one suite in real time: a loop that stands still cannot be asked for another clock."""

from __future__ import annotations

import logging
import threading
import time  # noqa: TID251 - only real time can hold up a loop
from typing import Any

import pytest

from actors.kernel.actor import LoopActor
from actors.kernel.loop_guard import LoopGuard, Stall
from tests.unit.kernel_stage import Recorder, Stage, on_stage

STALL_S = 0.05
BUSY_S = 0.25


def hold_up_the_loop() -> None:
    """Be busy for a while."""
    end_s = time.monotonic() + BUSY_S
    while time.monotonic() < end_s:
        pass


class Busy(LoopActor[Any]):
    """Blocks the loop, as no actor should."""

    def receive(self, message: Any) -> Any:
        secret = "swordfish"
        hold_up_the_loop()
        return message or secret


class BusyTask(Busy):
    """The same, in a task."""

    async def receive(self, message: Any) -> Any:
        return super().receive(message)


@pytest.mark.parametrize("actor", [Busy, BusyTask])
@on_stage
async def test_a_handler_that_holds_up_the_loop_is_named_with_its_place(
    stage: Stage, actor: Any, caplog: pytest.LogCaptureFixture
) -> None:
    stalls: list[Stall] = []
    guard = LoopGuard(stage.system, STALL_S, stalls.append)
    guard.start()
    guard.start()
    ref = stage.spawn(actor, name="busy")
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert await ref.ask("swordfish", block=False) == "swordfish"
    guard.stop()
    guard.stop()
    assert {(stall.actor, stall.message_class) for stall in stalls} == {("busy", "str")}
    assert stalls[0].stack[-1].startswith("test_kernel_loop_guard.py:")
    assert stalls[0].stack[-1].endswith(" in hold_up_the_loop")
    assert stalls[0].stack[-2].endswith(" in receive")
    assert STALL_S <= stalls[0].elapsed_s < BUSY_S + 1
    # One line in the log however often it happens, and no value in it.
    assert len(caplog.records) == 1
    assert "busy with str" in caplog.text
    assert "swordfish" not in caplog.text + repr(stalls)


@on_stage
async def test_a_stall_outside_all_actors_is_reported_without_a_name(stage: Stage) -> None:
    stalls: list[Stall] = []
    guard = LoopGuard(stage.system, STALL_S, stalls.append)
    guard.start()
    hold_up_the_loop()
    guard.stop()
    assert [(stall.actor, stall.message_class) for stall in stalls] == [("", "")]


@on_stage
async def test_a_loop_that_answers_is_left_alone_and_the_guard_s_thread_ends(stage: Stage) -> None:
    stalls: list[Stall] = []
    guard = LoopGuard(stage.system, 0.5, stalls.append)
    threads = threading.active_count()
    guard.start()
    ref = stage.spawn(Recorder, [])
    for number in range(100):
        assert await ref.ask(number, block=False) == number
    guard.stop()
    assert stalls == []
    assert threading.active_count() == threads
