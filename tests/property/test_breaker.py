"""The breaker, for all sequences of what can happen to it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from actors import Intensity, RestartPolicy, Then
from supervisor import Closed, HalfOpen, Open
from supervisor.breaker import (
    CLOSED,
    Pass,
    State,
    admit,
    failed,
    rejudged,
    succeeded,
    undecided,
)

POLICY = RestartPolicy(
    intensity=Intensity(restarts_max=2, window_s=10.0),
    then=Then.HOLD,
    hold_s=5.0,
    probes_needed=2,
)
steps = st.lists(
    st.tuples(
        st.sampled_from(("ask", "fail", "succeed", "stop")), st.floats(min_value=0, max_value=8)
    ),
    max_size=60,
)


def kind(state: State) -> str:
    return type(state).__name__


def step(state: State, what: str, now_s: float) -> State:
    match what:
        case "ask":
            answer = admit(state, now_s=now_s)
            return answer.state if isinstance(answer, Pass) else state
        case "fail":
            return failed(state, now_s=now_s, policy=POLICY)
        case "succeed":
            return succeeded(state, policy=POLICY)
        case _:
            return undecided(state)


@given(script=steps)
def test_it_only_ever_moves_along_its_arrows(script: list[tuple[str, float]]) -> None:
    state: State = CLOSED
    now_s = 0.0
    for what, after_s in script:
        now_s += after_s
        before, state = state, step(state, what, now_s)
        move = (kind(before), what, kind(state))
        assert kind(before) == kind(state) or move in {
            ("Closed", "fail", "Open"),
            ("Open", "ask", "HalfOpen"),
            ("HalfOpen", "fail", "Open"),
            ("HalfOpen", "succeed", "Closed"),
        }


@given(script=steps)
def test_nothing_passes_before_the_hold_is_over_and_then_one_at_a_time(
    script: list[tuple[str, float]],
) -> None:
    state: State = CLOSED
    now_s = 0.0
    for what, after_s in script:
        now_s += after_s
        before, state = state, step(state, what, now_s)
        if isinstance(before, Open) and isinstance(state, HalfOpen):
            assert now_s >= before.until_s
        if what == "ask" and isinstance(before, HalfOpen) and before.is_probing:
            assert state == before, "the one probe is out"
        if isinstance(state, Closed):
            assert len(state.failures_s) <= 2


@given(script=steps, until_s=st.floats(min_value=0, max_value=100))
def test_it_can_always_be_closed_again(script: list[tuple[str, float]], until_s: float) -> None:
    """Whatever happened, waiting long enough and two good probes heal it."""
    state: State = Open(until_s=until_s)
    now_s = 0.0
    for what, after_s in script:
        now_s += after_s
        state = step(state, what, now_s)
    now_s += 1_000.0
    state = step(undecided(state), "ask", now_s)
    for _ in range(2):
        state = step(step(state, "ask", now_s), "succeed", now_s)
    assert isinstance(state, Closed)


@given(script=steps, history_max=st.integers(min_value=0, max_value=9))
def test_by_an_unchanged_policy_it_is_what_it_is_at_any_time(
    script: list[tuple[str, float]], history_max: int
) -> None:
    state: State = CLOSED
    now_s = 0.0
    for what, after_s in script:
        now_s += after_s
        if what == "fail":
            state = failed(state, now_s=now_s, policy=POLICY, history_max=history_max)
        else:
            state = step(state, what, now_s)
        assert rejudged(state, now_s=now_s, policy=POLICY) == state
        assert len(getattr(state, "failures_s", ())) <= max(history_max, 3)
