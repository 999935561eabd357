"""Reads the valves of storage: opens the secrets, and refuses a key that protects nothing. Pure."""

from __future__ import annotations

from typing import Final

from actors.ports import Secret
from actors.recall import ReasoningRetention
from bridge.config.errors import ValveProblem
from bridge.config.setting_groups import MemorySettings, StorageSettings
from bridge.config.valves import Valves
from bridge.crypto.secret_box import Undecryptable, decrypt_valve

KEY_CHARS_MIN: Final = 16

_HOUR_S: Final = 3600.0
_DAY_S: Final = 24 * _HOUR_S

_UNOPENED: Final = "the secret as it was typed; the stored one does not open with WEBUI_SECRET_KEY"


def storage_settings(valves: Valves, secret_key: str) -> StorageSettings:
    """Turn the valves into settings.

    Args:
        valves: what the admin set.
        secret_key: `WEBUI_SECRET_KEY`, or "" when there is none.
    """
    names = (
        "ARTIFACT_DATABASE_URL",
        "ARTIFACT_ENCRYPTION_KEY",
        "ARTIFACT_ENCRYPTION_KEY_PREVIOUS",
    )
    opened = {name: _opened(getattr(valves, name), secret_key) for name in names}
    problem = next((_unopened(name) for name in names if opened[name] is None), None)
    url, key, previous = (opened[name] or "" for name in names)
    if key and len(key) < KEY_CHARS_MIN:
        # Short keys of earlier days may still open what they sealed.
        problem = problem or _too_short(len(key))
    return StorageSettings(
        database_url=Secret(url),
        key=Secret(key),
        keys_previous=tuple(map(Secret, dict.fromkeys(previous.split()))),
        problem=problem,
        seals_all=valves.ENCRYPT_ALL,
        compresses=valves.ENABLE_LZ4_COMPRESSION,
        compress_min_bytes=valves.MIN_COMPRESS_BYTES,
        keep_s=valves.ARTIFACT_CLEANUP_DAYS * _DAY_S,
        sweep_interval_s=valves.ARTIFACT_CLEANUP_INTERVAL_HOURS * _HOUR_S,
    )


def memory_settings(valves: Valves) -> MemorySettings:
    """Turn the valves that a user may set as well into settings."""
    return MemorySettings(
        retention=ReasoningRetention(valves.PERSIST_REASONING_TOKENS),
        keeps_tools=valves.PERSIST_TOOL_RESULTS,
        batch_rows=valves.DB_BATCH_SIZE,
    )


def _opened(stored: str, secret_key: str) -> str | None:
    opened = decrypt_valve(stored.strip(), secret_key)
    return None if isinstance(opened, Undecryptable) else opened.secret.reveal().strip()


def _unopened(valve: str) -> ValveProblem:
    return ValveProblem(valve=valve, value="", accepted=_UNOPENED)


def _too_short(chars: int) -> ValveProblem:
    return ValveProblem(
        valve="ARTIFACT_ENCRYPTION_KEY",
        value="",
        accepted=f"{KEY_CHARS_MIN} characters or more, and not {chars}",
    )
