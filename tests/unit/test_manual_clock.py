from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.kernel.clock import Clock
from actors.testing.manual_clock import TIMERS_PER_ADVANCE_MAX, ManualClock


def test_time_stands_still_until_it_is_moved() -> None:
    clock = ManualClock(start_s=10, wall_start_s=1_000)
    as_port: Clock = clock
    assert (as_port.now_s(), as_port.wall_s()) == (10, 1_000)
    clock.advance(2.5)
    assert (as_port.now_s(), as_port.wall_s()) == (12.5, 1_002.5)


def test_a_timer_runs_at_its_time_and_not_before() -> None:
    clock = ManualClock()
    ran_s: list[float] = []
    clock.call_at(3, lambda: ran_s.append(clock.now_s()))
    clock.advance(2.9)
    assert ran_s == []
    assert clock.next_due_s() == 3
    clock.advance(10)
    assert ran_s == [3]
    assert clock.now_s() == 12.9
    assert clock.next_due_s() is None


@given(st.lists(st.integers(min_value=0, max_value=5)))
def test_timers_run_by_time_and_among_equals_as_planned(whens_s: list[int]) -> None:
    clock = ManualClock()
    ran: list[tuple[int, int]] = []
    for number, when_s in enumerate(whens_s):
        clock.call_at(when_s, lambda entry=(when_s, number): ran.append(entry))  # type: ignore[misc]
    clock.advance(5)
    assert ran == sorted(ran)
    assert len(ran) == len(whens_s)


def test_a_timer_planned_by_a_timer_runs_in_the_same_advance_if_it_falls_due() -> None:
    clock = ManualClock()
    ran_s: list[float] = []

    def tick() -> None:
        ran_s.append(clock.now_s())
        clock.call_at(clock.now_s() + 1, tick)

    clock.call_at(1, tick)
    clock.advance(3.5)
    assert ran_s == [1, 2, 3]
    clock.advance(0.5)
    assert ran_s == [1, 2, 3, 4]


def test_a_timer_for_the_past_runs_at_the_next_advance_and_time_does_not_go_back() -> None:
    clock = ManualClock(start_s=100)
    ran_s: list[float] = []
    clock.call_at(50, lambda: ran_s.append(clock.now_s()))
    assert ran_s == []
    clock.advance(0)
    assert ran_s == [100]


def test_a_cancelled_timer_does_not_run() -> None:
    clock = ManualClock()
    ran: list[str] = []
    first = clock.call_at(1, lambda: ran.append("first"))
    second = clock.call_at(2, lambda: ran.append("second"))
    clock.call_at(1, second.cancel)
    clock.advance(5)
    first.cancel()
    assert ran == ["first"]


def test_the_wall_clock_can_jump_without_moving_timers() -> None:
    clock = ManualClock()
    before_s = clock.wall_s()
    clock.jump_wall(-3_600)
    assert clock.wall_s() == before_s - 3_600
    assert clock.now_s() == 0


def test_a_failing_timer_stops_time_where_it_stood() -> None:
    clock = ManualClock()
    ran: list[str] = []

    def fail() -> None:
        raise ValueError("a bug in a callback")

    clock.call_at(1, fail)
    clock.call_at(2, lambda: ran.append("later"))
    with pytest.raises(ValueError, match="a bug"):
        clock.advance(5)
    assert (clock.now_s(), ran) == (1, [])
    clock.advance(1)
    assert ran == ["later"]


def test_time_neither_runs_backward_nor_inside_itself() -> None:
    clock = ManualClock()
    with pytest.raises(AssertionError, match="forward"):
        clock.advance(-1)
    clock.call_at(1, lambda: clock.advance(1))
    with pytest.raises(AssertionError, match="its own clock"):
        clock.advance(1)


def test_a_timer_that_plans_itself_for_the_same_instant_is_stopped() -> None:
    clock = ManualClock()

    def again() -> None:
        clock.call_at(clock.now_s(), again)

    again()
    with pytest.raises(AssertionError, match=str(TIMERS_PER_ADVANCE_MAX)):
        clock.advance(1)
