"""A circuit breaker is the state of a restart policy that holds. Pure.

closed --too many failures--> open --hold is over--> half-open --probes succeed--> closed
                               ^                        |
                               +------ probe fails -----+

Where the policy may change meanwhile, `rejudged` says what a state is by the policy of now.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TypeAlias

from actors.kernel.child_spec import Backoff, Intensity, RestartPolicy, Then
from supervisor.cluster import KeyNews, Terms, Turn
from supervisor.intensity import record_restart


@dataclass(frozen=True, slots=True)
class Closed:
    """Everything passes. `failures_s`: what is remembered, monotonic seconds, oldest first."""

    failures_s: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Open:
    """Nothing passes before `until_s`.

    The rest is for another policy to judge by: since when, the wait that the failure asked for,
    and the failures that were too many; none when it was not opened by counting them.
    """

    until_s: float
    since_s: float = -math.inf
    floor_s: float = 0.0
    failures_s: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class HalfOpen:
    """One probe is under way; `successes` of them went well so far. `failures_s`: see `Open`."""

    successes: int = 0
    is_probing: bool = True
    failures_s: tuple[float, ...] = ()


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
        case Open(until_s=until_s, failures_s=failures_s):
            if now_s < until_s:
                return Refuse(until_s - now_s)
            return Pass(HalfOpen(failures_s=failures_s))
        case HalfOpen(is_probing=False):
            return Pass(replace(state, is_probing=True))
        case HalfOpen():
            return Refuse(PROBE_RETRY_S)


def failed(
    state: State,
    *,
    now_s: float,
    policy: RestartPolicy,
    floor_s: float | None = None,
    history_max: int = 0,
) -> State:
    """Record a failure that counts.

    Args:
        state: before it.
        now_s: when, on the clock of the state's own times.
        policy: its intensity says how many failures are borne inside the window.
        floor_s: `Retry-After` of the failure; the hold is at least that long, within reason.
        history_max: failures to remember even when the window has passed over them.
    """
    match state:
        case Closed(failures_s=failures_s):
            if policy.intensity is None:
                return state
            recent_s = record_restart(failures_s, now_s=now_s, limit=policy.intensity)
            needed = policy.intensity.restarts_max + 1 if recent_s is None else len(recent_s)
            kept_s = (*failures_s, now_s)[-max(history_max, needed) :]
            if recent_s is None:
                return _open(now_s, floor_s, kept_s, policy)
            return Closed(kept_s)
        case HalfOpen(failures_s=failures_s):
            return _open(now_s, floor_s, failures_s, policy)
        case Open():
            # A call admitted before it opened has failed late: that is no news.
            return state


def succeeded(state: State, *, policy: RestartPolicy) -> State:
    """Record a success."""
    match state:
        case HalfOpen(successes=successes):
            if successes + 1 >= policy.probes_needed:
                return CLOSED
            return replace(state, successes=successes + 1, is_probing=False)
        case _:
            return state


def undecided(state: State) -> State:
    """A call ended without saying anything about health (stopped by its user)."""
    if isinstance(state, HalfOpen):
        return replace(state, is_probing=False)
    return state


def rejudged(state: State, *, now_s: float, policy: RestartPolicy) -> State:
    """Return what the state is by a policy that may have changed since.

    A hold lasts as long as the policy of now says, counted from when it began; what this policy
    would have borne is not held at all. Failures that it would not have borne hold from the last
    one of them, if that hold is not over yet. By an unchanged policy a state is what it is.
    """
    match state:
        case Closed(failures_s=failures_s) if failures_s:
            last_s = failures_s[-1]
            if now_s < last_s + policy.hold_s and _are_too_many(failures_s, policy):
                return _open(last_s, None, failures_s, policy)
        case Open(since_s=since_s, floor_s=floor_s, failures_s=failures_s) if failures_s:
            if _are_too_many(failures_s, policy):
                return _open(since_s, floor_s, failures_s, policy)
            return Closed(failures_s)
        case HalfOpen(failures_s=failures_s) if failures_s:
            if not _are_too_many(failures_s, policy):
                return Closed(failures_s)
        case _:
            pass
    return state


def told(state: State, news: KeyNews, *, at_s: float) -> State:
    """Record what happened to the same key in another worker.

    Every worker probes by itself after a hold; whichever probe ends first decides for all.

    Args:
        state: before it.
        news: what happened.
        at_s: when, on the clock of the state's own times.
    """
    if news.turn is Turn.RECOVERED or news.terms is None:
        return CLOSED if at_s >= _latest_s(state) else state
    policy = _policy(news.terms)
    if news.turn is Turn.PROBE_FAILED:
        if isinstance(state, Open) and at_s < state.until_s:
            return state  # The hold of a probe that failed before this one.
        # What is remembered here would not have opened it, and is not to close it again.
        failures_s = () if isinstance(state, Closed) else state.failures_s
        return _open(at_s, news.floor_s, failures_s, policy)
    if isinstance(state, HalfOpen):
        return state  # Let in before it opened: no news, and the probe decides.
    return failed(
        state,
        now_s=max(at_s, _latest_s(state)),
        policy=policy,
        floor_s=news.floor_s,
        history_max=news.terms.history_max,
    )


def _latest_s(state: State) -> float:
    """When the last failure was that the state comes from."""
    last_s = state.failures_s[-1] if state.failures_s else -math.inf
    return max(last_s, state.since_s) if isinstance(state, Open) else last_s


def _policy(terms: Terms) -> RestartPolicy:
    return RestartPolicy(
        intensity=Intensity(restarts_max=terms.restarts_max, window_s=terms.window_s),
        backoff=Backoff(floor_max_s=terms.floor_max_s),
        then=Then.HOLD,
        hold_s=terms.hold_s,
    )


def _open(
    since_s: float, floor_s: float | None, failures_s: tuple[float, ...], policy: RestartPolicy
) -> Open:
    asked_s = floor_s if floor_s is not None and floor_s > 0 else 0.0  # It may be no number.
    hold_s = max(policy.hold_s, min(asked_s, policy.backoff.floor_max_s))
    return Open(since_s + hold_s, since_s, asked_s, failures_s)


def _are_too_many(failures_s: tuple[float, ...], policy: RestartPolicy) -> bool:
    """Whether the last failure was one too many."""
    limit = policy.intensity
    if limit is None:
        return False
    return record_restart(failures_s[:-1], now_s=failures_s[-1], limit=limit) is None
