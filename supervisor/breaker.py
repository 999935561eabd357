"""A circuit breaker is the state of a restart policy that holds. Pure.

closed --too many failures--> open --hold is over--> half-open --probes succeed--> closed
                               ^                        |
                               +------ probe fails -----+
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from actors.kernel.child_spec import RestartPolicy
from supervisor.intensity import record_restart


@dataclass(frozen=True, slots=True)
class Closed:
    """Everything passes. `failures_s`: recent failures, monotonic seconds, oldest first."""

    failures_s: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Open:
    """Nothing passes before `until_s`."""

    until_s: float


@dataclass(frozen=True, slots=True)
class HalfOpen:
    """One probe is under way; `successes` of them went well so far."""

    successes: int = 0
    is_probing: bool = True


State: TypeAlias = Closed | Open | HalfOpen

CLOSED = Closed()


@dataclass(frozen=True, slots=True)
class Pass:
    """Go on. `state` is what the breaker is from here on."""

    state: State


@dataclass(frozen=True, slots=True)
class Refuse:
    """Refused at once; try again in `retry_after_s` seconds."""

    retry_after_s: float


# While a probe is under way nobody can say how long; this is what others are told.
PROBE_RETRY_S = 1.0


def admit(state: State, *, now_s: float) -> Pass | Refuse:
    """Ask whether a call may pass. In a half-open breaker only the one probe may."""
    match state:
        case Closed():
            return Pass(state)
        case Open(until_s=until_s):
            return Pass(HalfOpen()) if now_s >= until_s else Refuse(until_s - now_s)
        case HalfOpen(is_probing=False, successes=successes):
            return Pass(HalfOpen(successes=successes))
        case HalfOpen():
            return Refuse(PROBE_RETRY_S)


def failed(
    state: State, *, now_s: float, policy: RestartPolicy, floor_s: float | None = None
) -> State:
    """Record a failure that counts.

    Args:
        state: before it.
        now_s: when, on the clock of the state's own times.
        policy: its intensity says how many failures are borne inside the window.
        floor_s: `Retry-After` of the failure; the hold is at least that long, within reason.
    """
    hold_s = max(policy.hold_s, min(floor_s or 0.0, policy.backoff.floor_max_s))
    match state:
        case Closed(failures_s=failures_s):
            if policy.intensity is None:
                return state
            kept_s = record_restart(failures_s, now_s=now_s, limit=policy.intensity)
            return Open(now_s + hold_s) if kept_s is None else Closed(kept_s)
        case HalfOpen():
            return Open(now_s + hold_s)
        case Open():
            # A call admitted before it opened has failed late: that is no news.
            return state


def succeeded(state: State, *, policy: RestartPolicy) -> State:
    """Record a success."""
    match state:
        case HalfOpen(successes=successes):
            if successes + 1 >= policy.probes_needed:
                return CLOSED
            return HalfOpen(successes=successes + 1, is_probing=False)
        case _:
            return state


def undecided(state: State) -> State:
    """A call ended without saying anything about health (stopped by its user)."""
    if isinstance(state, HalfOpen):
        return HalfOpen(successes=state.successes, is_probing=False)
    return state
