"""How long to wait before the next attempt. Pure: chance comes in as a number."""

from __future__ import annotations

import math

from actors.kernel.child_spec import Backoff

__all__ = ["Backoff", "delay_s"]

# Past e ** 700 a float is at its end; from the tiniest minimum a wait can still grow beyond it.
EXPONENT_MAX = 700.0


def delay_s(backoff: Backoff, *, failures: int, chance: float, floor_s: float | None) -> float:
    """Return the seconds to wait before attempt number `failures + 1`.

    Args:
        backoff: bounds, growth and jitter.
        failures: failures in a row, 1 for the first.
        chance: a number between 0 and 1; 1 takes the whole jitter off.
        floor_s: what the failure itself asked for (`Retry-After`), or None. It is honoured up
            to `backoff.floor_max_s` and is never shortened by jitter.

    Source: Akka `BackoffSupervisor`; "equal jitter" of Brooker, Exponential Backoff And Jitter.
    """
    assert failures >= 1, "a delay follows a failure"
    grown_s = _grown_s(backoff, steps=failures - 1)
    jittered_s = grown_s * (1.0 - backoff.jitter * chance)
    if floor_s is None or math.isnan(floor_s):
        return jittered_s
    return max(jittered_s, min(floor_s, backoff.floor_max_s))


def _grown_s(backoff: Backoff, *, steps: int) -> float:
    if backoff.min_s == 0:
        return 0.0
    # In logarithms first, because 2 ** 2000 overflows and no restart count is too large here.
    growth = steps * math.log(backoff.factor)
    if growth > math.log(backoff.max_s) - math.log(backoff.min_s):
        return backoff.max_s
    if growth > EXPONENT_MAX:
        return min(backoff.max_s, math.exp(math.log(backoff.min_s) + growth))
    return min(backoff.max_s, backoff.min_s * backoff.factor**steps)
