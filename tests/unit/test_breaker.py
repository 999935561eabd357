"""The breaker's table: each state against each thing that can happen to it."""

from __future__ import annotations

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


@pytest.mark.parametrize(
    ("state", "answer"),
    [
        (CLOSED, Pass(CLOSED)),
        (Closed((99.0, 99.5)), Pass(Closed((99.0, 99.5)))),
        (Open(until_s=107.0), Refuse(retry_after_s=7.0)),
        (Open(until_s=100.0), Pass(HalfOpen())),
        (Open(until_s=50.0), Pass(HalfOpen())),
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
        (Closed((98.0, 99.0)), Open(until_s=130.0)),
        (Closed((80.0, 99.0)), Closed((99.0, NOW_S))),
        (Open(until_s=120.0), Open(until_s=120.0)),
        (HalfOpen(successes=1), Open(until_s=130.0)),
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
    assert failed(HalfOpen(), now_s=NOW_S, policy=POLICY, floor_s=floor_s) == Open(until_s)


def test_without_an_intensity_it_never_opens() -> None:
    state: State = CLOSED
    for _ in range(100):
        state = failed(state, now_s=NOW_S, policy=NEVER)
    assert state == CLOSED
