"""The clock of a real loop: a timer never runs before its time, whatever the loop rounds to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
import uvloop

from actors.kernel.clock import LoopClock


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_timer_never_runs_before_its_time(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def early_by() -> list[float]:
        clock = LoopClock(asyncio.get_running_loop())
        early: list[float] = []
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def note(when_s: float) -> None:
            early.append(when_s - clock.now_s())
            if len(early) == 100:
                over.set_result(None)

        for number in range(100):
            # A tenth of a millisecond apart, so that every way of rounding is met.
            when_s = clock.now_s() + 0.005 + number / 10_000
            clock.call_at(when_s, lambda when_s=when_s: note(when_s))
        await over
        return early

    with asyncio.Runner(loop_factory=new_loop) as runner:
        assert max(runner.run(early_by())) <= 1e-9


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_timer_that_is_due_waits_for_no_millisecond(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def turns() -> int:
        clock = LoopClock(asyncio.get_running_loop())
        ran: list[float] = []
        clock.call_at(clock.now_s(), lambda: ran.append(clock.now_s()))
        turns = 0
        while not ran:
            await asyncio.sleep(0)
            turns += 1
        return turns

    with asyncio.Runner(loop_factory=new_loop) as runner:
        assert runner.run(turns()) <= 2
