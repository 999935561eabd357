"""Valves: what is written down about the work."""

from __future__ import annotations

import os
from typing import Final

from pydantic import Field

from bridge.config.valve_choices import LOG_LEVELS, LevelName, LogLevel
from bridge.config.valve_model import ForgivingModel

DEFAULT_TIMING_FILE: Final = "logs/timing.jsonl"


def _default_log_level() -> LevelName:
    wanted = os.environ.get("GLOBAL_LOG_LEVEL", "").strip().upper()
    return next((level for level in LOG_LEVELS if level == wanted), "INFO")


class LogValves(ForgivingModel):
    """See the module docstring."""

    LOG_LEVEL: LogLevel = Field(
        default_factory=_default_log_level,
        description="Least severe messages that reach the server's log.",
    )
    ENABLE_TIMING_LOG: bool = Field(
        default=False,
        description="Write when each step of a request begins and ends into TIMING_LOG_FILE.",
    )
    TIMING_LOG_FILE: str = Field(
        default=DEFAULT_TIMING_FILE,
        description=(
            "File for these times, one JSON object per line; missing folders are made. A relative "
            "path starts at the server's working folder."
        ),
    )
