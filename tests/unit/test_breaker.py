"""The breaker's table: each state against each thing that can happen to it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from actors import Backoff, Intensity, RestartPolicy, Then
from supervisor import Closed, HalfOpen, Open
from supervisor.breaker import (
    CLOSED,
    PROBE_RETRY_S,
    Pass,
    Refuse,
    State,
    admit,
    failed,
    rejudged,
    succeeded,
    undecided,
)

NOW_S = 100.0
POLICY = RestartPolicy(
    intensity=Intensity(restarts_max=2, window_s=10.0),
    backoff=Backoff(floor_max_s=50.0),
    then=Then.HOLD,
    hold_s=30.0,
    probes_needed=2,
)
NEVER = RestartPolicy(then=Then.HOLD)


def opened(failures_s: tuple[float, ...] = ()) -> Open:
    """What has opened just now."""
    return Open(until_s=NOW_S + 30.0, since_s=NOW_S, failures_s=failures_s)


def by(*, restarts_max: int = 2, window_s: float = 10.0, hold_s: float = 30.0) -> RestartPolicy:
    """The policy after somebody has changed it."""
    intensity = Intensity(restarts_max=restarts_max, window_s=window_s)
    return replace(POLICY, intensity=intensity, hold_s=hold_s)


@pytest.mark.parametrize(
    ("state", "answer"),
    [
        (CLOSED, Pass(CLOSED)),
        (Closed((99.0, 99.5)), Pass(Closed((99.0, 99.5)))),
        (Open(until_s=107.0), Refuse(retry_after_s=7.0)),
        (Open(until_s=100.0), Pass(HalfOpen())),
        (Open(until_s=50.0), Pass(HalfOpen())),
        (Open(until_s=50.0, failures_s=(9.0,)), Pass(HalfOpen(failures_s=(9.0,)))),
        (HalfOpen(is_probing=True), Refuse(retry_after_s=PROBE_RETRY_S)),
        (HalfOpen(successes=1, is_probing=False), Pass(HalfOpen(successes=1, is_probing=True))),
    ],
    ids=repr,
)
def test_who_asks_to_pass_gets_one_answer(state: State, answer: Pass | Refuse) -> None:
    assert admit(state, now_s=NOW_S) == answer


@pytest.mark.parametrize(
    ("state", "after"),
    [
        (CLOSED, Closed((NOW_S,))),
        (Closed((98.0,)), Closed((98.0, NOW_S))),
        (Closed((98.0, 99.0)), opened((98.0, 99.0, NOW_S))),
        (Closed((80.0, 99.0)), Closed((99.0, NOW_S))),
        (Open(until_s=120.0), Open(until_s=120.0)),
        (HalfOpen(successes=1), opened()),
        (HalfOpen(failures_s=(60.0, 61.0)), opened((60.0, 61.0))),
    ],
    ids=repr,
)
def test_a_failure_moves_it_towards_open(state: State, after: State) -> None:
    assert failed(state, now_s=NOW_S, policy=POLICY) == after


@pytest.mark.parametrize(
    ("state", "after"),
    [
        (CLOSED, CLOSED),
        (Closed((99.0,)), Closed((99.0,))),
        (Open(until_s=120.0), Open(until_s=120.0)),
        (HalfOpen(), HalfOpen(successes=1, is_probing=False)),
        (HalfOpen(successes=1), CLOSED),
    ],
    ids=repr,
)
def test_only_the_probes_successes_close_it(state: State, after: State) -> None:
    assert succeeded(state, policy=POLICY) == after


@pytest.mark.parametrize(
    ("state", "after"),
    [
        (CLOSED, CLOSED),
        (Open(until_s=120.0), Open(until_s=120.0)),
        (HalfOpen(successes=1), HalfOpen(successes=1, is_probing=False)),
    ],
    ids=repr,
)
def test_an_end_that_says_nothing_gives_the_probe_back(state: State, after: State) -> None:
    assert undecided(state) == after


@pytest.mark.parametrize(
    ("floor_s", "until_s"),
    [(None, 130.0), (10.0, 130.0), (45.0, 145.0), (1e9, 150.0), (float("nan"), 130.0)],
)
def test_a_retry_after_lengthens_the_hold_up_to_its_cap(
    floor_s: float | None, until_s: float
) -> None:
    after = failed(HalfOpen(), now_s=NOW_S, policy=POLICY, floor_s=floor_s)
    assert isinstance(after, Open)
    assert after.until_s == until_s


def test_without_an_intensity_it_never_opens() -> None:
    state: State = CLOSED
    for _ in range(100):
        state = failed(state, now_s=NOW_S, policy=NEVER)
    assert state == CLOSED


# --- a policy that was changed ----------------------------------------------------------------

THREE = (90.0, 91.0, 92.0)
HELD = Open(until_s=122.0, since_s=92.0, failures_s=THREE)


@pytest.mark.parametrize(
    ("policy", "after"),
    [
        (POLICY, HELD),
        (by(hold_s=9.0), Open(until_s=101.0, since_s=92.0, failures_s=THREE)),
        (by(hold_s=5.0), Open(until_s=97.0, since_s=92.0, failures_s=THREE)),
        (by(hold_s=900.0), Open(until_s=992.0, since_s=92.0, failures_s=THREE)),
        (by(restarts_max=3), Closed(THREE)),
        (by(window_s=1.5), Closed(THREE)),
        (NEVER, Closed(THREE)),
    ],
)
def test_a_hold_lasts_as_the_policy_of_now_says(policy: RestartPolicy, after: State) -> None:
    """SPEC 16, 21."""
    assert rejudged(HELD, now_s=NOW_S, policy=policy) == after


def test_a_wait_that_the_failure_asked_for_holds_under_a_changed_policy_too() -> None:
    held = failed(Closed((98.0, 99.0)), now_s=NOW_S, policy=POLICY, floor_s=40.0)
    shorter = rejudged(held, now_s=NOW_S, policy=by(hold_s=1.0))
    assert isinstance(shorter, Open)
    assert shorter.until_s == NOW_S + 40.0


@pytest.mark.parametrize(
    ("policy", "now_s", "after"),
    [
        (POLICY, NOW_S, Closed((90.0, 91.0))),
        (by(restarts_max=1), NOW_S, Open(until_s=121.0, since_s=91.0, failures_s=(90.0, 91.0))),
        (by(restarts_max=1), 121.0, Closed((90.0, 91.0))),
        (by(restarts_max=1, window_s=0.5), NOW_S, Closed((90.0, 91.0))),
        (by(restarts_max=0, hold_s=5.0), NOW_S, Closed((90.0, 91.0))),
    ],
)
def test_failures_that_a_stricter_policy_would_not_have_borne_hold_at_once(
    policy: RestartPolicy, now_s: float, after: State
) -> None:
    assert rejudged(Closed((90.0, 91.0)), now_s=now_s, policy=policy) == after


@pytest.mark.parametrize("is_probing", [True, False])
def test_a_policy_that_bears_more_needs_no_probe(is_probing: bool) -> None:
    state = HalfOpen(is_probing=is_probing, failures_s=THREE)
    assert rejudged(state, now_s=NOW_S, policy=by(restarts_max=3)) == Closed(THREE)
    assert rejudged(state, now_s=NOW_S, policy=by(hold_s=1.0)) == state


@pytest.mark.parametrize(
    ("history_max", "kept_s"),
    [(0, (99.0, NOW_S)), (2, (99.0, NOW_S)), (3, (50.0, 99.0, NOW_S)), (9, (50.0, 99.0, NOW_S))],
)
def test_a_history_remembers_failures_that_the_window_has_passed_over(
    history_max: int, kept_s: tuple[float, ...]
) -> None:
    """SPEC 21: the history kept is the larger of its own size and what the window needs."""
    after = failed(Closed((50.0, 99.0)), now_s=NOW_S, policy=POLICY, history_max=history_max)
    assert after == Closed(kept_s)


def test_a_remembered_failure_counts_again_in_a_longer_window() -> None:
    remembered = failed(Closed((50.0, 99.0)), now_s=NOW_S, policy=POLICY, history_max=3)
    assert isinstance(rejudged(remembered, now_s=NOW_S, policy=by(window_s=50.0)), Open)
    forgotten = failed(Closed((50.0, 99.0)), now_s=NOW_S, policy=POLICY)
    assert isinstance(rejudged(forgotten, now_s=NOW_S, policy=by(window_s=50.0)), Closed)
