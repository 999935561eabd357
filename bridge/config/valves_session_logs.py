"""Valves: encrypted archives of what each request logged."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from bridge.config.secret_text import SecretText
from bridge.config.valve_choices import CompressionChoice, LogFormatChoice
from bridge.config.valve_model import ForgivingModel

_NO_PASSWORD: Final = SecretText("")


class SessionLogValves(ForgivingModel):
    """See the module docstring."""

    SESSION_LOG_STORE_ENABLED: bool = Field(
        default=False,
        description=(
            "Keep what each request of a chat logs, of every level, in an encrypted archive for "
            "each message. Needs a password below."
        ),
    )
    SESSION_LOG_DIR: str = Field(
        default="session_logs",
        description="Folder of the archives, which have a folder for each user and chat in it.",
    )
    SESSION_LOG_ZIP_PASSWORD: SecretText = Field(
        default=_NO_PASSWORD,
        description="Opens the archives (AES). Without it there are none.",
    )
    SESSION_LOG_RETENTION_DAYS: int = Field(
        default=90,
        ge=1,
        description="Days until an archive is deleted (1 or more).",
    )
    SESSION_LOG_CLEANUP_INTERVAL_SECONDS: int = Field(
        default=3600,
        ge=60,
        description="Seconds between two looks for archives to delete (60 or more).",
    )
    SESSION_LOG_ZIP_COMPRESSION: CompressionChoice = Field(
        default="lzma",
        description="How archives are compressed.",
    )
    SESSION_LOG_ZIP_COMPRESSLEVEL: int | None = Field(
        default=None,
        ge=0,
        le=9,
        description="How hard deflated and bzip2 try (0 to 9); blank leaves it to them.",
    )
    SESSION_LOG_MAX_LINES: int = Field(
        default=20000,
        ge=100,
        le=200000,
        description="Lines of one request (100 to 200000); of more, the oldest make room.",
    )
    SESSION_LOG_FORMAT: LogFormatChoice = Field(
        default="jsonl",
        description="What an archive holds: jsonl one JSON object a line, text plain lines, both.",
    )
    SESSION_LOG_ASSEMBLER_INTERVAL_SECONDS: int = Field(
        default=15,
        ge=1,
        description="Seconds between two looks for messages whose archive can be written.",
    )
    SESSION_LOG_ASSEMBLER_JITTER_SECONDS: int = Field(
        default=10,
        ge=0,
        description="Seconds by which that varies at most, so that workers take turns.",
    )
    SESSION_LOG_ASSEMBLER_BATCH_SIZE: int = Field(
        default=25,
        ge=1,
        le=500,
        description="Messages that are written in one go (1 to 500).",
    )
    SESSION_LOG_STALE_FINALIZE_SECONDS: int = Field(
        default=21600,
        ge=60,
        description=(
            "Seconds after which a message whose end never came is written as it is (60 or more)."
        ),
    )
    SESSION_LOG_LOCK_STALE_SECONDS: int = Field(
        default=1800,
        ge=60,
        description="Seconds after which a worker that writes counts as gone (60 or more).",
    )
