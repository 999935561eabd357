"""Valves: what is kept of answers for later turns, where, and how it is sealed."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from bridge.config.secret_text import SecretText
from bridge.config.valve_choices import RetentionChoice
from bridge.config.valve_model import ForgivingModel

NO_SECRET: Final = SecretText("")


class StorageValves(ForgivingModel):
    """See the module docstring."""

    PERSIST_REASONING_TOKENS: RetentionChoice = Field(
        default="conversation",
        description=(
            "How long the thinking of models is kept and sent back to them: disabled not at all, "
            "next_reply for one more answer, conversation for the whole chat."
        ),
    )
    PERSIST_TOOL_RESULTS: bool = Field(
        default=True,
        description="Keep tool calls and what they gave, so that later turns know of them.",
    )
    ARTIFACT_DATABASE_URL: SecretText = Field(
        default=NO_SECRET,
        description=(
            "Where thinking and tool results are kept, as an SQLAlchemy address "
            "(postgresql://..., sqlite:///...); blank is Open WebUI's own database."
        ),
    )
    ARTIFACT_ENCRYPTION_KEY: SecretText = Field(
        default=NO_SECRET,
        description=(
            "Seals what is kept; 16 random characters or more. Blank keeps it readable. A new key "
            "begins a new table; name the old key below to go on reading the old one."
        ),
    )
    ARTIFACT_ENCRYPTION_KEY_PREVIOUS: SecretText = Field(
        default=NO_SECRET,
        description=(
            "Earlier keys, separated by line ends or blanks, newest first: what they sealed can "
            "still be read. greenroom rotate-key moves it under the new key."
        ),
    )
    ENCRYPT_ALL: bool = Field(
        default=True,
        description="Seal everything that is kept; off seals thinking alone. Needs a key.",
    )
    ENABLE_LZ4_COMPRESSION: bool = Field(
        default=True,
        description="Compress what is sealed, where that makes it smaller.",
    )
    MIN_COMPRESS_BYTES: int = Field(
        default=0,
        ge=0,
        description="Bytes below which nothing is compressed (0 or more).",
    )
    ARTIFACT_CLEANUP_DAYS: int = Field(
        default=90,
        ge=1,
        le=365,
        description="Days after its last use until something is deleted (1 to 365).",
    )
    ARTIFACT_CLEANUP_INTERVAL_HOURS: float = Field(
        default=1.0,
        ge=0.5,
        le=24,
        description="Hours between two looks for what is to be deleted (0.5 to 24).",
    )
    DB_BATCH_SIZE: int = Field(
        default=10,
        ge=5,
        le=20,
        description=(
            "Rows of one commit while the database is in trouble (5 to 20); a healthy one is given "
            "all that has gathered."
        ),
    )
