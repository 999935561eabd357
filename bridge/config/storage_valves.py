"""Reads the valves of what is kept: opens secrets, refuses a key that protects nothing. Pure."""

from __future__ import annotations

from typing import Final

from actors.log_values import Compression, LogFormat
from actors.ports import Secret, SessionLogSettings
from actors.recall import ReasoningRetention
from bridge.config.errors import ValveProblem
from bridge.config.setting_groups import MemorySettings, SharingSettings, StorageSettings
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
    secrets = {
        "ARTIFACT_DATABASE_URL": valves.ARTIFACT_DATABASE_URL,
        "ARTIFACT_ENCRYPTION_KEY": valves.ARTIFACT_ENCRYPTION_KEY,
        "ARTIFACT_ENCRYPTION_KEY_PREVIOUS": valves.ARTIFACT_ENCRYPTION_KEY_PREVIOUS,
    }
    opened = {name: _opened(secret, secret_key) for name, secret in secrets.items()}
    problem = next((_unopened(name) for name, secret in opened.items() if secret is None), None)
    url, key, previous = (secret or "" for secret in opened.values())
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


def sharing_settings(valves: Valves) -> SharingSettings:
    """Turn the valves of Redis into settings."""
    return SharingSettings(
        is_wanted=valves.ENABLE_REDIS_CACHE,
        cache_ttl_s=float(valves.REDIS_CACHE_TTL_SECONDS),
        warn_rows=valves.REDIS_PENDING_WARN_THRESHOLD,
        flush_failures_max=valves.REDIS_FLUSH_FAILURE_LIMIT,
        dumps_costs=valves.COSTS_REDIS_DUMP,
        costs_ttl_s=float(valves.COSTS_REDIS_TTL_SECONDS),
    )


def session_log_settings(
    valves: Valves, secret_key: str
) -> tuple[SessionLogSettings, ValveProblem | None]:
    """Turn the valves of session logs into settings; without their password they are off.

    Args:
        valves: what the admin set.
        secret_key: `WEBUI_SECRET_KEY`, or "" when there is none.
    """
    password = _opened(valves.SESSION_LOG_ZIP_PASSWORD, secret_key)
    is_enabled = valves.SESSION_LOG_STORE_ENABLED
    problem = None
    if is_enabled and password is None:
        problem = _unopened("SESSION_LOG_ZIP_PASSWORD")
    settings = SessionLogSettings(
        is_enabled=is_enabled,
        folder=valves.SESSION_LOG_DIR.strip(),
        password=Secret(password or ""),
        retention_days=valves.SESSION_LOG_RETENTION_DAYS,
        cleanup_interval_s=float(valves.SESSION_LOG_CLEANUP_INTERVAL_SECONDS),
        compression=Compression(valves.SESSION_LOG_ZIP_COMPRESSION),
        compress_level=valves.SESSION_LOG_ZIP_COMPRESSLEVEL,
        lines_max=valves.SESSION_LOG_MAX_LINES,
        log_format=LogFormat(valves.SESSION_LOG_FORMAT),
        assembler_interval_s=float(valves.SESSION_LOG_ASSEMBLER_INTERVAL_SECONDS),
        assembler_jitter_s=float(valves.SESSION_LOG_ASSEMBLER_JITTER_SECONDS),
        batch_max=valves.SESSION_LOG_ASSEMBLER_BATCH_SIZE,
        stale_finalize_s=float(valves.SESSION_LOG_STALE_FINALIZE_SECONDS),
        lock_stale_s=float(valves.SESSION_LOG_LOCK_STALE_SECONDS),
    )
    return settings, problem


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
