"""Valves: what several workers share through Redis or Valkey. Its address is `REDIS_URL`."""

from __future__ import annotations

from pydantic import Field

from bridge.config.valve_model import ForgivingModel


class RedisValves(ForgivingModel):
    """See the module docstring."""

    ENABLE_REDIS_CACHE: bool = Field(
        default=True,
        description=(
            "Where REDIS_URL is set: share limits and breakers with other workers, and let Redis "
            "acknowledge what is kept before the database has it."
        ),
    )
    REDIS_CACHE_TTL_SECONDS: int = Field(
        default=600,
        ge=60,
        le=3600,
        description="Seconds that Redis keeps what the database has as well (60 to 3600).",
    )
    REDIS_PENDING_WARN_THRESHOLD: int = Field(
        default=100,
        ge=1,
        le=10000,
        description="Rows waiting for the database from which on the log says so (1 to 10000).",
    )
    REDIS_FLUSH_FAILURE_LIMIT: int = Field(
        default=5,
        ge=1,
        le=50,
        description=(
            "Failures in a row until writing to the database is held for half a minute (1 to 50)."
        ),
    )
    COSTS_REDIS_DUMP: bool = Field(
        default=False,
        description="Put what each call of the provider used and cost into Redis, for accounting.",
    )
    COSTS_REDIS_TTL_SECONDS: int = Field(
        default=900,
        ge=60,
        le=3600,
        description="Seconds that these figures stay in Redis (60 to 3600).",
    )
