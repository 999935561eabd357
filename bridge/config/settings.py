"""What the code reads: one frozen snapshot of all settings, made from the valves of a request.

Pure. What makes a setting unusable is data here: the doors decide whom to tell, and how.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final
from urllib.parse import SplitResult, urlsplit

from actors.ports import Endpoint, Secret
from bridge.config.errors import ValveProblem, shown_value
from bridge.config.secret_text import SECRET_KEY_VARIABLE
from bridge.config.valves import ALL_MODELS, DEFAULT_BASE_URL, Valves
from bridge.crypto.secret_box import Undecryptable, decrypt_valve, is_encrypted

READS_IN_FLIGHT_MAX: Final = 8
REQUEST_MAILBOX_MAX: Final = 1000
HANDOVER_BYTES_MAX: Final = 256 * 1024

# A month. Longer waits mean "never", and some event loops cannot count that far.
DURATION_MAX_S: Final = 30 * 24 * 3600.0

KEY_PREFIX: Final = "sk-"
_URL_ACCEPTED: Final = "an address like https://openrouter.ai/api/v1"
_PORT_MAX: Final = 65535


class KeyProblem(Enum):
    """Why nothing can be sent upstream."""

    MISSING = "missing"
    # There is a key, but it does not open, or what comes out cannot be a key (SPEC 15).
    UNDECRYPTABLE = "undecryptable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """An immutable snapshot; it travels in messages, so a changed valve rules the next request.

    Attributes:
        endpoint: where requests go. Of use only while neither problem below is set.
        key_problem: what is wrong with the API key, or None.
        base_url_problem: what is wrong with the address, or None.
        valve_problems: other valves whose value is not obeyed; their defaults stand here.
        models_wanted: ids as the admin wrote them; empty means the whole catalog.
        catalog_refresh_s: how long a fetched catalog counts as fresh.
        requests_max: requests that run at once in this process.
        breaker_failures_max: the failure that opens a user's breaker (the n-th).
        breaker_window_s: how long a failure counts, and how long the breaker holds.
        breaker_history_max: failures kept per user; never fewer than `breaker_failures_max`.
        reads_in_flight_max: socket reads of one stream not yet taken over by the request.
        request_mailbox_max: messages that may wait for one request actor.
        backlog_warn_size: waiting messages from which a backlog is logged.
        handover_lines_max: lines waiting for Open WebUI, or None: bounded in bytes alone.
        handover_bytes_max: bytes waiting for Open WebUI, whatever the number of lines.
        slow_reader_after_s: how long a full hand-over may stand unlogged; None: for ever.
        log_level: name of the least severe level that is logged.
        shutdown_grace_s: what running requests get to finish.
    """

    endpoint: Endpoint
    key_problem: KeyProblem | None
    base_url_problem: ValveProblem | None
    valve_problems: tuple[ValveProblem, ...]
    models_wanted: tuple[str, ...]
    catalog_refresh_s: float
    requests_max: int
    breaker_failures_max: int
    breaker_window_s: float
    breaker_history_max: int
    reads_in_flight_max: int
    request_mailbox_max: int
    backlog_warn_size: int
    handover_lines_max: int | None
    handover_bytes_max: int
    slow_reader_after_s: float | None
    log_level: str
    shutdown_grace_s: float


def settings_from(valves: Valves, env: Mapping[str, str]) -> Settings:
    """Turn the valves of one request into settings.

    Args:
        valves: what the admin set.
        env: the environment of the process; `WEBUI_SECRET_KEY` opens the API key.
    """
    base_url, base_url_problem = _base_url(valves.BASE_URL)
    api_key, key_problem = _api_key(valves.API_KEY, env.get(SECRET_KEY_VARIABLE, ""))
    total_s = valves.HTTP_TOTAL_TIMEOUT_SECONDS
    slow_s = valves.MIDDLEWARE_STREAM_QUEUE_PUT_TIMEOUT_SECONDS
    return Settings(
        endpoint=Endpoint(
            base_url=base_url,
            api_key=api_key,
            connect_timeout_s=_duration_s(valves.HTTP_CONNECT_TIMEOUT_SECONDS),
            read_timeout_s=_duration_s(valves.HTTP_SOCK_READ_SECONDS),
            total_timeout_s=None if total_s is None else _duration_s(total_s),
        ),
        key_problem=key_problem,
        base_url_problem=base_url_problem,
        valve_problems=valves.problems(),
        models_wanted=_models_wanted(valves.MODEL_ID),
        catalog_refresh_s=_duration_s(valves.MODEL_CATALOG_REFRESH_SECONDS),
        requests_max=valves.MAX_CONCURRENT_REQUESTS,
        breaker_failures_max=valves.BREAKER_MAX_FAILURES,
        breaker_window_s=_duration_s(valves.BREAKER_WINDOW_SECONDS),
        # A history shorter than the limit could never reach it (SPEC 21).
        breaker_history_max=max(valves.BREAKER_HISTORY_SIZE, valves.BREAKER_MAX_FAILURES),
        reads_in_flight_max=valves.STREAMING_CHUNK_QUEUE_MAXSIZE or READS_IN_FLIGHT_MAX,
        request_mailbox_max=valves.STREAMING_EVENT_QUEUE_MAXSIZE or REQUEST_MAILBOX_MAX,
        backlog_warn_size=valves.STREAMING_EVENT_QUEUE_WARN_SIZE,
        handover_lines_max=valves.MIDDLEWARE_STREAM_QUEUE_MAXSIZE or None,
        handover_bytes_max=HANDOVER_BYTES_MAX,
        slow_reader_after_s=_duration_s(slow_s) or None,
        log_level=valves.LOG_LEVEL,
        shutdown_grace_s=_duration_s(valves.SHUTDOWN_GRACE_SECONDS),
    )


def _duration_s(seconds: float) -> float:
    return float(min(seconds, DURATION_MAX_S))


def _models_wanted(text: str) -> tuple[str, ...]:
    """Split a comma list; `auto` anywhere in it, or nothing at all, stands for every model."""
    wanted = tuple(dict.fromkeys(name for part in text.split(",") if (name := part.strip())))
    return () if any(name.lower() == ALL_MODELS for name in wanted) else wanted


def _api_key(stored: str, secret_key: str) -> tuple[Secret, KeyProblem | None]:
    """Open the key and judge whether it can be one."""
    opened = decrypt_valve(stored.strip(), secret_key)
    if isinstance(opened, Undecryptable):
        return Secret(""), KeyProblem.UNDECRYPTABLE
    key = opened.secret.reveal().strip()
    if not key:
        return Secret(""), KeyProblem.MISSING
    # Another secret key can open an old token to nonsense. A key that was stored plain may
    # belong to any gateway; both have to fit into a header.
    is_plausible = key.startswith(KEY_PREFIX) or not is_encrypted(stored)
    if not is_plausible or not _fits_header(key):
        return Secret(""), KeyProblem.UNDECRYPTABLE
    return Secret(key), None


def _fits_header(key: str) -> bool:
    return key.isascii() and key.isprintable() and " " not in key


@lru_cache(maxsize=16)
def _base_url(text: str) -> tuple[str, ValveProblem | None]:
    """Normalise the address (no trailing slash) and say what is wrong with it, if anything."""
    url = text.strip().rstrip("/") or DEFAULT_BASE_URL
    try:
        parts = urlsplit(url)
        is_usable = _is_usable(url, parts)
    except ValueError:  # urlsplit's word for a broken port or IPv6 bracket
        return url, _url_problem(url)
    return url, None if is_usable else _url_problem(url)


def _is_usable(url: str, parts: SplitResult) -> bool:
    return (
        url.isprintable()
        and " " not in url
        and parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and (parts.port is None or 0 < parts.port <= _PORT_MAX)
        # Credentials in the address would fight with the key's header; the path of a call is
        # appended, so nothing may follow ours.
        and "@" not in parts.netloc
        and "?" not in url
        and "#" not in url
    )


def _url_problem(url: str) -> ValveProblem:
    return ValveProblem(valve="BASE_URL", value=shown_value(url), accepted=_URL_ACCEPTED)
