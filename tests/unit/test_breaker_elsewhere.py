"""What happened to a key in another worker, and what its breaker is then (SPEC 194)."""

from __future__ import annotations

import pytest

from supervisor.breaker import CLOSED, Closed, HalfOpen, Open, State, failed, rejudged, told
from supervisor.cluster import KeyNews, Terms, Turn
from tests.unit.gate_hall import HOLD_S, POLICY

TERMS = Terms(restarts_max=2, window_s=60.0, hold_s=HOLD_S, floor_max_s=60.0)
OPEN = Open(until_s=20.0, since_s=10.0, failures_s=(8.0, 9.0, 10.0))
PROBING = HalfOpen(failures_s=(8.0, 9.0, 10.0))


def news(turn: Turn, floor_s: float = 0.0) -> KeyNews:
    terms = None if turn is Turn.RECOVERED else TERMS
    return KeyNews(gate="g", key="k", turn=turn, terms=terms, floor_s=floor_s)


def test_failures_count_as_if_they_had_happened_here() -> None:
    here: State = CLOSED
    there: State = CLOSED
    for at_s in (1.0, 2.0, 3.0):
        here = failed(here, now_s=at_s, policy=POLICY)
        there = told(there, news(Turn.FAILED), at_s=at_s)
    assert isinstance(there, Open)
    assert there == here


def test_a_failure_that_is_heard_late_counts_no_earlier_than_the_last_one() -> None:
    after = told(Closed((5.0,)), news(Turn.FAILED), at_s=3.0)
    assert after == Closed((5.0, 5.0))


@pytest.mark.parametrize("state", [OPEN, PROBING])
def test_a_failure_of_work_from_before_the_hold_is_no_news(state: State) -> None:
    assert told(state, news(Turn.FAILED), at_s=30.0) == state


@pytest.mark.parametrize("state", [OPEN, PROBING, CLOSED, Closed((1.0,))])
def test_a_probe_that_failed_holds_again_whatever_is_known_here(state: State) -> None:
    after = told(state, news(Turn.PROBE_FAILED), at_s=25.0)
    assert isinstance(after, Open)
    assert (after.since_s, after.until_s) == (25.0, 25.0 + HOLD_S)
    assert rejudged(after, now_s=26.0, policy=POLICY) == after


def test_a_second_probe_that_failed_makes_no_hold_longer() -> None:
    assert told(OPEN, news(Turn.PROBE_FAILED), at_s=15.0) == OPEN


@pytest.mark.parametrize("state", [OPEN, PROBING, Closed((8.0,))])
def test_a_recovery_forgets_what_was_before_it(state: State) -> None:
    assert told(state, news(Turn.RECOVERED), at_s=21.0) == CLOSED


@pytest.mark.parametrize("state", [OPEN, Closed((8.0, 10.0)), PROBING])
def test_a_recovery_that_is_heard_late_does_not_forget_what_came_after(state: State) -> None:
    assert told(state, news(Turn.RECOVERED), at_s=9.5) == state


def test_a_wait_that_was_asked_for_is_kept_within_reason() -> None:
    after = told(CLOSED, news(Turn.PROBE_FAILED, floor_s=1e6), at_s=0.0)
    assert isinstance(after, Open)
    assert after.until_s == TERMS.floor_max_s
