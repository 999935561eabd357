"""The restart budget, for all histories."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors import Intensity
from supervisor.intensity import record_restart

LIMIT = Intensity(restarts_max=3, window_s=5.0)

gaps = st.lists(st.floats(min_value=0, max_value=20), max_size=50)
limits = st.builds(
    Intensity,
    restarts_max=st.integers(min_value=0, max_value=6),
    window_s=st.floats(min_value=0.1, max_value=30),
)


@given(gaps_s=gaps)
def test_no_window_ever_holds_more_restarts_than_the_limit(gaps_s: list[float]) -> None:
    history_s: tuple[float, ...] = ()
    allowed_s: list[float] = []
    for now_s in accumulate(gaps_s):
        if (kept_s := record_restart(history_s, now_s=now_s, limit=LIMIT)) is None:
            break
        history_s = kept_s
        allowed_s.append(now_s)
    for end_s in allowed_s:
        inside = [at_s for at_s in allowed_s if 0 <= end_s - at_s <= LIMIT.window_s]
        assert len(inside) <= LIMIT.restarts_max


@given(gaps_s=gaps, limit=limits)
def test_it_gives_up_only_when_one_window_is_too_full(
    gaps_s: list[float], limit: Intensity
) -> None:
    history_s: tuple[float, ...] = ()
    seen_s: list[float] = []
    for now_s in accumulate(gaps_s):
        seen_s.append(now_s)
        inside = [at_s for at_s in seen_s if now_s - at_s <= limit.window_s]
        kept_s = record_restart(history_s, now_s=now_s, limit=limit)
        assert (kept_s is None) == (len(inside) > limit.restarts_max)
        if kept_s is None:
            return
        history_s = kept_s


@given(gaps_s=gaps, limit=limits)
def test_what_is_remembered_is_bounded_and_in_order(gaps_s: list[float], limit: Intensity) -> None:
    history_s: tuple[float, ...] = ()
    for now_s in accumulate(gaps_s):
        history_s = record_restart(history_s, now_s=now_s, limit=limit) or ()
        assert len(history_s) <= limit.restarts_max
        assert list(history_s) == sorted(history_s)


@pytest.mark.parametrize(("restarts_max", "window_s"), [(-1, 5.0), (3, 0.0), (3, float("nan"))])
def test_a_budget_that_makes_no_sense_is_refused(restarts_max: int, window_s: float) -> None:
    with pytest.raises(ValueError, match="intensity"):
        Intensity(restarts_max=restarts_max, window_s=window_s)
