"""What must hold of gates: their limits, their breakers, their fairness."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bridge.chaos.breaker_law import BreakerLaw
from bridge.chaos.fairness import forgotten, unfair
from bridge.chaos.gate_events import LetIn
from bridge.chaos.trace import Trace


def limits_hold(trace: Trace) -> Sequence[str]:
    """Say when a gate let in more than the limit of the moment.

    A lowered limit lets what runs finish, so only admissions are looked at.
    """
    return [
        f"{event.visit} was let in as number {event.running} of {event.running_max}"
        for gate in trace.gates
        for event in gate
        if isinstance(event, LetIn) and event.running > event.running_max
    ]


def turns_are_fair(trace: Trace) -> Sequence[str]:
    """Say who had to wait while others had more than their turn."""
    return [broken for gate in trace.gates for broken in unfair(gate)]


def nobody_is_forgotten(trace: Trace) -> Sequence[str]:
    """Say who waited for the answer of a gate that had crashed."""
    return [broken for gate in trace.gates for broken in forgotten(gate)]


def breakers_keep_the_law(trace: Trace) -> Sequence[str]:
    """Say where a breaker did what its state forbids."""
    return [broken for law in _laws(trace) for broken in law.broken]


def breaker_states(trace: Trace) -> Counter[str]:
    """Count the states that breakers went into, for the report."""
    return sum((law.states for law in _laws(trace)), Counter())


def _laws(trace: Trace) -> list[BreakerLaw]:
    laws = []
    for gate in trace.gates:
        law = BreakerLaw(trace.terms)
        law.follow(gate)
        laws.append(law)
    return laws
