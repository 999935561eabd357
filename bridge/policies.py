"""All restart policies: who is tried again how often, and what opens then.

A breaker is nothing else than a policy that holds. What counts as a failure stands with each.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from actors.kernel.child_spec import Backoff, Intensity, RestartPolicy, Then
from actors.ports import (
    AccessRefused,
    AnswerMalformed,
    AuthRejected,
    BudgetInFlight,
    ConnectionFailed,
    CreditsExhausted,
    ProviderTimedOut,
    ProviderUnavailable,
    QuotaExhausted,
    RateLimited,
    RequestRejected,
    StreamBroken,
    ToolTimedOut,
    ToolUnreachable,
)

# How many times as much a model bears as a user, and how long it is held at the most.
MODEL_FAILURES_FACTOR: Final = 4
MODEL_HOLD_MAX_S: Final = 30.0

# The same for a server that runs several tools.
SERVER_FAILURES_FACTOR: Final = 2

WORTH_ANOTHER_TRY: Final = (
    RateLimited,
    ProviderUnavailable,
    ProviderTimedOut,
    ConnectionFailed,
    StreamBroken,
    AnswerMalformed,
    BudgetInFlight,
)

# Plumbing: a handful of crashes is borne, then the root gives up and the door starts anew.
PLUMBING: Final = RestartPolicy(
    intensity=Intensity(restarts_max=10, window_s=60.0),
    backoff=Backoff(min_s=0.05, max_s=2.0, jitter=0.2),
    then=Then.ESCALATE,
)

# A job beside a chat, such as its title: two in all, and quickly (SPEC 145).
TASK_ATTEMPT: Final = RestartPolicy(
    counts=WORTH_ANOTHER_TRY,
    intensity=Intensity(restarts_max=1, window_s=3600.0),
    backoff=Backoff(min_s=0.2, max_s=0.2, reset_after_s=3600.0, floor_max_s=0.2),
    then=Then.STOP,
)

# An attempt, before visible output (SPEC 83): three in all, and then the chat has failed.
ATTEMPT: Final = RestartPolicy(
    counts=WORTH_ANOTHER_TRY,
    intensity=Intensity(restarts_max=2, window_s=3600.0),
    backoff=Backoff(min_s=0.5, max_s=4.0, jitter=0.5, reset_after_s=3600.0, floor_max_s=60.0),
    then=Then.STOP,
)


@lru_cache(maxsize=64)
def user_policy(failures_max: int, window_s: float) -> RestartPolicy:
    """One user's requests (SPEC 21): the n-th failure in the window holds them for a window.

    A failure is a 5xx, a timeout, a lost connection, a broken stream, or a bug of ours. What a
    user did (4xx), a rate limit and a stop are not.
    """
    return RestartPolicy(
        counts=(Exception,),
        spares=(
            RateLimited,
            QuotaExhausted,
            AuthRejected,
            CreditsExhausted,
            BudgetInFlight,
            AccessRefused,
            RequestRejected,
        ),
        intensity=Intensity(restarts_max=failures_max - 1, window_s=window_s),
        then=Then.HOLD,
        hold_s=window_s,
    )


@lru_cache(maxsize=64)
def model_policy(failures_max: int, window_s: float) -> RestartPolicy:
    """All requests to one model, whoever sent them: a storm of failures holds it for a moment.

    Many users share a model, so it takes more failures than one user's policy bears; here a rate
    limit counts as well (SPEC 21).
    """
    return RestartPolicy(
        counts=(RateLimited, ProviderUnavailable, ProviderTimedOut),
        intensity=Intensity(
            restarts_max=MODEL_FAILURES_FACTOR * failures_max - 1, window_s=window_s
        ),
        then=Then.HOLD,
        hold_s=min(window_s, MODEL_HOLD_MAX_S),
    )


@lru_cache(maxsize=64)
def tool_policy(failures_max: int, window_s: float) -> RestartPolicy:
    """One user's tool (SPEC 75): a failed output is a failure, whatever the reason."""
    return RestartPolicy(
        counts=(Exception,),
        intensity=Intensity(restarts_max=failures_max - 1, window_s=window_s),
        then=Then.HOLD,
        hold_s=window_s,
    )


@lru_cache(maxsize=64)
def server_policy(failures_max: int, window_s: float) -> RestartPolicy:
    """One user's tools on one server: only what says that the server itself is in trouble."""
    return RestartPolicy(
        counts=(ToolUnreachable, ToolTimedOut),
        intensity=Intensity(
            restarts_max=SERVER_FAILURES_FACTOR * failures_max - 1, window_s=window_s
        ),
        then=Then.HOLD,
        hold_s=window_s,
    )


# What works on the store, on a thread of its own: three tries in all, then it is held for a while
# and probed, for as long as the process lives (SPEC 155, 164).
STORE: Final = RestartPolicy(
    intensity=Intensity(restarts_max=2, window_s=60.0),
    backoff=Backoff(min_s=0.5, max_s=2.0, jitter=0.5),
    then=Then.HOLD,
    hold_s=30.0,
)

# What moves rows from a queue into the database bears failures by a valve (SPEC 164); the one that
# is too many holds it at once.
DRAIN: Final = RestartPolicy(
    intensity=Intensity(restarts_max=0, window_s=60.0),
    then=Then.HOLD,
    hold_s=30.0,
)


@lru_cache(maxsize=64)
def storage_policy(failures_max: int, window_s: float) -> RestartPolicy:
    """One user's reads and writes of the store (SPEC 160)."""
    return RestartPolicy(
        counts=(Exception,),
        intensity=Intensity(restarts_max=failures_max - 1, window_s=window_s),
        then=Then.HOLD,
        hold_s=window_s,
    )
