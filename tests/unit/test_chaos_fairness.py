"""Who waits at a gate, seen from outside: when that is unfair, and when it is forgotten."""

from __future__ import annotations

from bridge.chaos.fairness import LEFT_LATE_S, TOLD_WITHIN_S, forgotten, unfair
from bridge.chaos.gate_events import Answered, Asked, GateBorn, LetIn


def asked(visit: str, at_s: float = 0.0) -> Asked:
    """The first letter of a visit is its user."""
    return Asked(at_s=at_s, visit=visit, user=visit[0])


def let_in(visit: str, at_s: float = 0.0) -> LetIn:
    return LetIn(at_s=at_s, visit=visit, user=visit[0], keys=(), running=1, running_max=9)


def answered(visit: str, at_s: float = 0.0) -> Answered:
    return Answered(at_s=at_s, visit=visit)


def test_each_other_user_may_have_one_turn_before_the_first_of_a_line() -> None:
    waiting = asked("a1"), asked("b1"), asked("b2"), asked("c1")
    assert unfair((*waiting, let_in("b1"), let_in("c1"), let_in("a1"))) == []
    passed = (*waiting, let_in("b1"), let_in("c1"), let_in("b2"))
    assert unfair(passed) == ["a1 of a was passed 3 times by others"]


def test_who_has_others_of_the_same_user_before_it_waits_for_their_turns_as_well() -> None:
    waiting = asked("a1"), asked("a2"), asked("b1"), asked("b2"), asked("b3")
    turns = let_in("b1"), let_in("a1"), let_in("b2"), let_in("a2")
    assert unfair((*waiting, *turns)) == []
    assert unfair((*waiting, let_in("a1"), let_in("b1"), let_in("b2"), let_in("b3"))) == [
        "a2 of a was passed 3 times by others"
    ]


def test_a_place_that_was_left_may_cost_its_user_a_turn_for_a_while() -> None:
    def passed(left_s: float) -> list[str]:
        return unfair(
            (
                asked("a1"),
                answered("a1"),
                asked("a2", left_s),
                *(asked(visit, left_s) for visit in ("b1", "b2")),
                *(let_in(visit, left_s) for visit in ("b1", "b2")),
            )
        )

    assert passed(LEFT_LATE_S) == []
    assert len(passed(LEFT_LATE_S + 1.0)) == 1


def test_who_is_answered_or_inside_or_of_an_earlier_life_is_passed_by_nobody() -> None:
    others = asked("b1"), asked("b2"), let_in("b1"), let_in("b2")
    assert unfair((asked("a1"), *others)) != []
    assert unfair((asked("a1"), answered("a1"), *others)) == []
    assert unfair((let_in("a1"), asked("a1"), *others)) == []
    assert unfair((asked("a1"), GateBorn(at_s=0.0), *others)) == []


def test_who_had_asked_a_gate_that_crashed_is_told_soon() -> None:
    def told(at_s: float) -> list[str]:
        return forgotten((asked("a1"), GateBorn(at_s=1.0), answered("a1", at_s)))

    assert told(1.0 + TOLD_WITHIN_S) == []
    assert told(3.0) == ["a1 was told 2.000 s after its gate had crashed"]
    assert forgotten((asked("a1"), GateBorn(at_s=1.0))) == [
        "a1 was never told that its gate had crashed"
    ]


def test_who_asks_again_has_heard_and_who_is_inside_need_not_hear() -> None:
    assert forgotten((asked("a1"), GateBorn(at_s=1.0), asked("a1", 1.0), answered("a1", 9.0))) == []
    assert forgotten((asked("a1"), let_in("a1"), GateBorn(at_s=1.0))) == []
    assert forgotten((let_in("a1"), asked("a1"), GateBorn(at_s=1.0))) == []
