"""The wait before a restart, for all policies and any number of failures."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors import Backoff
from supervisor.backoff import delay_s


@st.composite
def backoffs(draw: st.DrawFn) -> Backoff:
    """Anything that a policy may say."""
    min_s = draw(st.floats(min_value=0, max_value=100))
    return Backoff(
        min_s=min_s,
        max_s=draw(st.floats(min_value=min_s, max_value=10_000)),
        factor=draw(st.floats(min_value=1, max_value=1_000)),
        jitter=draw(st.floats(min_value=0, max_value=1)),
        floor_max_s=draw(st.floats(min_value=0, max_value=1_000)),
    )


failures = st.integers(min_value=1, max_value=5_000)
chances = st.floats(min_value=0, max_value=1)
floors = st.none() | st.floats()


@given(backoff=backoffs(), count=failures, chance=chances)
def test_the_wait_stays_between_what_jitter_leaves_and_the_maximum(
    backoff: Backoff, count: int, chance: float
) -> None:
    wait_s = delay_s(backoff, failures=count, chance=chance, floor_s=None)
    least_s = backoff.min_s * (1 - backoff.jitter)
    assert least_s * (1 - 1e-9) <= wait_s <= backoff.max_s


@given(backoff=backoffs(), count=failures, chance=chances)
def test_one_more_failure_never_makes_the_wait_shorter(
    backoff: Backoff, count: int, chance: float
) -> None:
    waits_s = [
        delay_s(backoff, failures=each, chance=chance, floor_s=None) for each in (count, count + 1)
    ]
    assert waits_s == sorted(waits_s)


@given(backoff=backoffs(), count=failures, chance=chances, floor_s=floors)
def test_a_floor_is_honoured_up_to_its_cap_and_never_shortens(
    backoff: Backoff, count: int, chance: float, floor_s: float | None
) -> None:
    without_s = delay_s(backoff, failures=count, chance=chance, floor_s=None)
    wait_s = delay_s(backoff, failures=count, chance=chance, floor_s=floor_s)
    if floor_s is None or math.isnan(floor_s):
        assert wait_s == without_s
    else:
        assert wait_s == max(without_s, min(floor_s, backoff.floor_max_s))
    assert math.isfinite(wait_s)


@given(backoff=backoffs())
def test_the_first_wait_without_jitter_is_the_minimum(backoff: Backoff) -> None:
    assert delay_s(backoff, failures=1, chance=0.0, floor_s=None) == backoff.min_s


def test_the_wait_grows_by_its_factor() -> None:
    backoff = Backoff(min_s=0.5, max_s=10.0, factor=3.0)
    waits_s = [delay_s(backoff, failures=each, chance=0.0, floor_s=None) for each in range(1, 6)]
    assert waits_s == [0.5, 1.5, 4.5, 10.0, 10.0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_s": -1.0, "max_s": 1.0},
        {"min_s": 2.0, "max_s": 1.0},
        {"min_s": 1.0, "max_s": math.inf},
        {"min_s": math.nan, "max_s": 1.0},
        {"factor": 0.5},
        {"jitter": 1.5},
    ],
    ids=str,
)
def test_a_backoff_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="backoff"):
        Backoff(**wrong)


def test_a_tiny_minimum_may_grow_past_what_a_power_can_hold() -> None:
    backoff = Backoff(min_s=1e-300, max_s=1e300, factor=2.0)
    wait_s = delay_s(backoff, failures=1501, chance=0.0, floor_s=None)
    assert 1e151 < wait_s < 1e152
