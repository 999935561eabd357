"""The second statement of what a breaker may do, against which gates are held."""

from __future__ import annotations

from bridge.chaos.breaker_law import BreakerLaw
from bridge.chaos.gate_events import (
    BreakerTerms,
    GateBorn,
    GateEvent,
    HeardElsewhere,
    HeardEnd,
    HeardStart,
    LetIn,
    Recounted,
    Verdict,
)
from supervisor.cluster import KeyNews, Turn

ANN, MODEL = "user:ann", "model:m"
TERMS = {
    "user": BreakerTerms(failures_max=2, window_s=10.0, hold_s=30.0, floor_max_s=60.0),
    "model": BreakerTerms(failures_max=3, window_s=10.0, hold_s=5.0, floor_max_s=60.0),
}


def let_in(visit: str, at_s: float, *keys: str) -> LetIn:
    return LetIn(at_s=at_s, visit=visit, user="ann", keys=keys or (ANN,), running=1, running_max=9)


def ended(
    visit: str, at_s: float, verdict: Verdict = Verdict.FAILURE, floor_s: float = 0.0
) -> HeardEnd:
    verdicts = {ANN: verdict, MODEL: verdict}
    return HeardEnd(at_s=at_s, visit=visit, verdicts=verdicts, floor_s=floor_s)


def ran(visit: str, at_s: float, verdict: Verdict = Verdict.FAILURE) -> tuple[GateEvent, ...]:
    return let_in(visit, at_s), HeardStart(visit=visit), ended(visit, at_s, verdict)


def law_of(*events: GateEvent) -> BreakerLaw:
    law = BreakerLaw(TERMS)
    law.follow(events)
    return law


def test_the_second_failure_in_the_window_opens_and_nothing_may_come_in_then() -> None:
    law = law_of(*ran("v1", 0.0), *ran("v2", 9.0), let_in("v3", 38.9))
    assert law.states["breaker opened: user"] == 1
    assert law.broken == ["v3 was let in 0.100 s before user:ann may"]


def test_failures_further_apart_than_the_window_open_nothing() -> None:
    assert not law_of(*ran("v1", 0.0), *ran("v2", 10.1), *ran("v3", 20.2)).states


def told(turn: Turn, at_s: float, floor_s: float = 0.0) -> HeardElsewhere:
    return HeardElsewhere(news=KeyNews(gate="", key=ANN, turn=turn, floor_s=floor_s), at_s=at_s)


def test_failures_in_other_workers_count_like_those_here() -> None:
    law = law_of(*ran("v1", 0.0), told(Turn.FAILED, 5.0), let_in("v2", 34.0))
    assert law.broken == ["v2 was let in 1.000 s before user:ann may"]


def test_a_probe_that_fails_elsewhere_opens_and_one_that_is_well_closes() -> None:
    opened = law_of(told(Turn.PROBE_FAILED, 0.0), let_in("v1", 20.0))
    assert opened.broken == ["v1 was let in 10.000 s before user:ann may"]
    closed = law_of(told(Turn.PROBE_FAILED, 0.0), told(Turn.RECOVERED, 5.0), let_in("v1", 20.0))
    assert closed.broken == []


def test_old_news_of_a_recovery_does_not_close() -> None:
    law = law_of(*ran("v1", 5.0), *ran("v2", 6.0), told(Turn.RECOVERED, 4.0), let_in("v3", 20.0))
    assert law.broken == ["v3 was let in 16.000 s before user:ann may"]


def test_after_the_hold_one_probe_may_come_in_and_no_second_one() -> None:
    law = law_of(*ran("v1", 0.0), *ran("v2", 0.0), let_in("v3", 30.0), let_in("v4", 30.0))
    assert law.broken == ["v4 was let in beside v3, the probe of user:ann"]


def test_a_good_probe_closes_and_a_bad_one_opens_again() -> None:
    opened = (*ran("v1", 0.0), *ran("v2", 0.0))
    good = law_of(*opened, *ran("v3", 30.0, Verdict.SUCCESS), let_in("v4", 30.0))
    bad = law_of(*opened, *ran("v3", 30.0), let_in("v4", 30.0))
    assert (good.broken, good.states["breaker closed again: user"]) == ([], 1)
    assert len(bad.broken) == 1


def test_a_probe_that_says_nothing_gives_its_place_to_the_next() -> None:
    law = law_of(
        *ran("v1", 0.0), *ran("v2", 0.0), *ran("v3", 30.0, Verdict.NEITHER), let_in("v4", 30.0)
    )
    assert law.broken == []


def test_what_was_let_in_before_it_opened_says_nothing_about_a_probe() -> None:
    late = let_in("late", 0.0), HeardStart(visit="late")
    law = law_of(
        *late,
        *ran("v1", 0.0),
        *ran("v2", 0.0),
        let_in("v3", 30.0),
        HeardStart(visit="v3"),
        ended("late", 31.0, Verdict.SUCCESS),
        let_in("v4", 31.0),
    )
    assert len(law.broken) == 1


def test_a_failure_may_ask_for_a_longer_hold_within_reason() -> None:
    def held_s(floor_s: float) -> float:
        first, started = let_in("v1", 0.0), HeardStart(visit="v1")
        terms = BreakerTerms(failures_max=1, window_s=9, hold_s=30, floor_max_s=60)
        law = BreakerLaw({"user": terms})
        law.follow((first, started, ended("v1", 0.0, floor_s=floor_s), let_in("v2", 0.0)))
        return float(law.broken[0].split()[4])

    assert [held_s(1.0), held_s(45.0), held_s(1e9)] == [30.0, 45.0, 60.0]


def test_an_end_that_is_heard_before_its_start_counts_once_it_has_started() -> None:
    early = let_in("v1", 0.0), ended("v1", 0.0), HeardStart(visit="v1")
    assert law_of(*early, *ran("v2", 0.0)).states["breaker opened: user"] == 1


def test_a_new_life_of_the_gate_knows_no_key() -> None:
    assert (
        law_of(*ran("v1", 0.0), *ran("v2", 0.0), GateBorn(at_s=0.0), let_in("v3", 0.0)).broken == []
    )


def test_a_start_that_was_lost_is_no_probe_any_more() -> None:
    law = law_of(
        *ran("v1", 0.0), *ran("v2", 0.0), let_in("v3", 30.0), Recounted(), let_in("v4", 31.0)
    )
    assert law.broken == []


def test_each_key_of_a_visit_has_a_breaker_of_its_own() -> None:
    both = [(let_in(v, 0.0, ANN, MODEL), HeardStart(visit=v), ended(v, 0.0)) for v in "abc"]
    law = law_of(*(event for each in both for event in each), let_in("d", 6.0, MODEL))
    assert law.states == {
        "breaker opened: user": 1,
        "breaker opened: model": 1,
        "breaker half-open: model": 1,
    }
    assert law.broken == ["c was let in 30.000 s before user:ann may"]


def test_an_end_says_nothing_of_a_key_without_a_verdict() -> None:
    silent = HeardEnd(at_s=0.0, visit="v3", verdicts={MODEL: Verdict.FAILURE})
    law = law_of(*ran("v1", 0.0), let_in("v3", 0.0), HeardStart(visit="v3"), silent)
    assert not law.states
