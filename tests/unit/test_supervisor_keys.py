"""What is remembered of keys, and for how long."""

from __future__ import annotations

from actors import Crashed, Normal
from supervisor import KeyCounts, KeyPolicy
from supervisor.keys import KEYS_MAX, Breakers
from tests.unit.gate_hall import POLICY
from tests.unit.supervision_stage import Oops


def keys(*names: str) -> tuple[KeyPolicy, ...]:
    return tuple(KeyPolicy(key=name, policy=POLICY) for name in names)


def failing(breakers: Breakers, *names: str) -> None:
    breakers.heard(keys(*names), (), Crashed(Oops()))


def test_a_key_that_fails_again_is_not_the_one_unused_longest() -> None:
    breakers = Breakers(lambda: 0.0)
    for number in range(KEYS_MAX):
        failing(breakers, f"k{number}")
    failing(breakers, "k0", "new")
    assert breakers.counts() == KeyCounts(failing=KEYS_MAX, held=0, probing=0)
    for name in ("k0", "k1"):
        failing(breakers, name)
        failing(breakers, name)
    assert breakers.held(keys("k0")) is not None
    assert breakers.held(keys("k1")) is None, "its first failure was forgotten"


def test_what_never_failed_is_not_remembered() -> None:
    breakers = Breakers(lambda: 0.0)
    breakers.heard(keys("a", "b"), (), Normal())
    breakers.heard(keys("c"), (), Crashed(KeyError()))
    assert breakers.enter(keys("a", "b")) == ()
    assert breakers.counts() == KeyCounts(failing=0, held=0, probing=0)
