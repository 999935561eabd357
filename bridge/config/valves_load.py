"""Valves: how much runs at once, how much may wait, and when requests are paused."""

from __future__ import annotations

from pydantic import Field

from bridge.config.valve_model import ForgivingModel


class LoadValves(ForgivingModel):
    """See the module docstring."""

    MAX_CONCURRENT_REQUESTS: int = Field(
        default=200,
        ge=1,
        le=2000,
        description=(
            "Requests that run at once in one server process (1 to 2000); further ones wait."
        ),
    )
    SSE_WORKERS_PER_REQUEST: int = Field(
        default=1,
        ge=1,
        le=8,
        description=(
            "Has no effect: one reader for each answer is as quick as many (1 to 8 are "
            "accepted). Kept so that settings of the earlier pipe fit."
        ),
    )
    STREAMING_CHUNK_QUEUE_MAXSIZE: int = Field(
        default=0,
        ge=0,
        description=(
            "Network reads of one answer that may be under way inside the pipe before it stops "
            "reading; 0 uses the built-in 8."
        ),
    )
    STREAMING_EVENT_QUEUE_MAXSIZE: int = Field(
        default=0,
        ge=0,
        description=("Messages that may wait for one running request; 0 uses the built-in 1000."),
    )
    STREAMING_EVENT_QUEUE_WARN_SIZE: int = Field(
        default=1000,
        ge=100,
        description=(
            "Pieces of one answer waiting for Open WebUI from which a backlog is logged, at most "
            "every 30 seconds (100 or more)."
        ),
    )
    MIDDLEWARE_STREAM_QUEUE_MAXSIZE: int = Field(
        default=0,
        ge=0,
        description=(
            "Pieces of one answer that may wait for Open WebUI to take them; 0 bounds them by "
            "the built-in 256 KiB alone."
        ),
    )
    MIDDLEWARE_STREAM_QUEUE_PUT_TIMEOUT_SECONDS: float = Field(
        default=1.0,
        ge=0,
        description=(
            "Seconds Open WebUI may leave a full answer queue standing before it is logged as a "
            "slow reader; 0 never logs it."
        ),
    )
    BREAKER_MAX_FAILURES: int = Field(
        default=5,
        ge=1,
        le=50,
        description=(
            "Failed requests of one user within the window that pause this user's requests "
            "(1 to 50)."
        ),
    )
    BREAKER_WINDOW_SECONDS: int = Field(
        default=60,
        ge=5,
        le=900,
        description=(
            "Seconds within which failures are counted, and for which the pause lasts (5 to 900)."
        ),
    )
    BREAKER_HISTORY_SIZE: int = Field(
        default=5,
        ge=1,
        le=200,
        description=(
            "Failures remembered per user (1 to 200), never fewer than BREAKER_MAX_FAILURES; more "
            "than those change nothing."
        ),
    )
    SHUTDOWN_GRACE_SECONDS: float = Field(
        default=20.0,
        ge=0,
        le=600,
        description=(
            "Seconds that running requests get to finish when the pipe is shut down (0 to 600). A "
            "pipe that is replaced by an update lets all of them finish."
        ),
    )
