"""From what OpenRouter answers to the errors of the port. Pure: no socket, no clock.

Two ways lead here: an answer that is no event stream (`provider_error`), and an error event
inside a stream (`stream_error`). The class says what may be done about it, the facts say why.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from actors.ports import (
    AccessRefused,
    AnswerMalformed,
    AuthRejected,
    BudgetInFlight,
    CreditsExhausted,
    ErrorFacts,
    ProviderError,
    ProviderTimedOut,
    ProviderUnavailable,
    QuotaExhausted,
    RateLimited,
    RequestRejected,
)
from actors.values import StreamFailure
from bridge.openrouter.error_body import (
    DETAIL_CHARS_MAX,
    ErrorBody,
    name,
    read_error,
    read_error_body,
    status_in,
    word,
)
from bridge.openrouter.loose_json import whole_number
from bridge.openrouter.provider_said import event_of, said_in_answer, said_in_stream

_BY_STATUS: dict[int, type[ProviderError]] = {
    401: AuthRejected,
    402: CreditsExhausted,
    403: AccessRefused,
    408: ProviderTimedOut,
    429: RateLimited,
    504: ProviderTimedOut,
    522: ProviderTimedOut,
    524: ProviderTimedOut,
}

_BY_WORD: dict[str, type[ProviderError]] = {
    "rate_limited": RateLimited,
    "too_many_requests": RateLimited,
    "server": ProviderUnavailable,
    "server_error": ProviderUnavailable,
    "internal_server_error": ProviderUnavailable,
    "engine_overloaded": ProviderUnavailable,
    "overloaded": ProviderUnavailable,
    "overloaded_error": ProviderUnavailable,
    "failed_to_download_image": RequestRejected,
    "context_length_exceeded": RequestRejected,
    "max_tokens_exceeded": RequestRejected,
    "token_limit_exceeded": RequestRejected,
    "string_too_long": RequestRejected,
    "not_found": RequestRejected,
    "precondition_failed": RequestRejected,
    "payload_too_large": RequestRejected,
    "unprocessable": RequestRejected,
    "insufficient_quota": CreditsExhausted,
    "insufficient_credits": CreditsExhausted,
    "payment_required": CreditsExhausted,
    "invalid_api_key": AuthRejected,
    "permission_denied": AccessRefused,
    "refusal": AccessRefused,
}

# For words of the same family that no list has yet; the first fragment found decides.
_BY_FRAGMENT: tuple[tuple[str, type[ProviderError]], ...] = (
    ("content_policy", AccessRefused),
    ("content_filter", AccessRefused),
    ("moderation", AccessRefused),
    ("authentication", AuthRejected),
    ("rate_limit", RateLimited),
    ("timeout", ProviderTimedOut),
    ("timed_out", ProviderTimedOut),
    ("provider_", ProviderUnavailable),
    ("invalid_", RequestRejected),
    ("unsupported_", RequestRejected),
    ("image", RequestRejected),
)

_IN_FLIGHT_WORDS = frozenset({"openrouter_in_flight_budget", "in_flight_budget_exhausted"})
_DAILY_LIMIT = "openrouter_free_tier_daily"
_DAILY_LIMIT_SENTENCE = "free-models-per-day"
_CLOSED_TO_THIS_CALLER = frozenset({"region_restricted", "privacy_restricted"})

_SECONDS = re.compile(r"\s*[0-9]{1,12}(\.[0-9]+)?\s*", re.ASCII)
_EPOCH_MS_MIN = 10**11
"""Smaller reset times must be meant in seconds: as milliseconds they would lie before 1974."""

_OK_STATUSES = range(200, 300)
_SERVER_STATUS_MIN = 500


def provider_error(
    status: int, headers: Mapping[str, str], body: bytes, *, now_epoch_s: float | None = None
) -> ProviderError:
    """Translate an HTTP answer that is not the expected one.

    Args:
        status: as received. A 2xx is an error too: of the body's wording, or for having none.
        headers: as received, names in any case.
        body: as much of it as was read; may be cut, HTML, or empty.
        now_epoch_s: wall time, for reset times when the answer carries no `Date`.

    Returns:
        The error to raise; `facts.status` is the status that counted.
    """
    received = {header.lower(): value for header, value in headers.items()}
    said = read_error_body(body)
    if status in _OK_STATUSES and said.status is not None:
        status = said.status
    now_s = _epoch_s(received.get("date", "")) or now_epoch_s
    facts = ErrorFacts(
        status=status,
        code=said.code or said.availability or said.limit_source or said.reason,
        error_type=said.error_type,
        provider=said.provider or name(received.get("x-provider-name")),
        request_id=_request_id(received),
        detail=said.detail,
        said=said_in_answer(body, received),
    )
    if status in _OK_STATUSES and not said.is_error:
        return AnswerMalformed(replace(facts, code="not-a-stream" if body.strip() else "empty"))
    kind = _kind(status, said)
    return kind(replace(facts, retry_after_s=_retry_after_s(kind, received, said, now_s)))


def stream_error(failure: StreamFailure) -> ProviderError:
    """Translate an error that came inside a stream, behind a status of 200.

    The precise word is `error_type`; `code` may be coarse, or a status number in disguise.
    """
    told, said = read_error(event_of(failure)), said_in_stream(failure)
    code = failure.code or told.code
    error_type = failure.error_type or told.error_type
    status = told.status if status_in(code) is None else status_in(code)
    detail = told.detail or failure.message[:DETAIL_CHARS_MAX]
    kind = _by_word(error_type) or _by_word(code) or _by_status(status)
    kind = _as_limited(kind, replace(told, detail=detail))
    if told.retryable is not None:
        kind = _as_available(kind, told)
    own_word = word(code) if status_in(code) is None else ""
    return kind(
        ErrorFacts(
            status=status,
            code=own_word or told.availability or told.limit_source or told.reason,
            error_type=word(error_type),
            provider=said.provider,
            # The ids of responses are made up and lead nowhere.
            request_id=said.chunk_id if said.chunk_id.startswith("gen-") else "",
            retry_after_s=_retry_after_s(kind, {}, told, None),
            detail=detail,
            said=said,
        )
    )


def retry_after_s(value: str, now_epoch_s: float | None) -> float | None:
    """Read a `Retry-After` value: seconds or an HTTP date. None when it names no wait ahead.

    Source: RFC 9110, 10.2.3.
    """
    if _SECONDS.fullmatch(value):
        return float(value)
    at_s = _epoch_s(value)
    if at_s is None or now_epoch_s is None or at_s <= now_epoch_s:
        return None
    return at_s - now_epoch_s


def _kind(status: int, said: ErrorBody) -> type[ProviderError]:
    if status in _OK_STATUSES:
        kind = _by_word(said.error_type) or _by_word(said.code) or ProviderUnavailable
    else:
        kind = _by_status(status)
    kind = _as_limited(kind, said)
    return kind if said.retryable is None else _as_available(kind, said)


def _as_limited(kind: type[ProviderError], said: ErrorBody) -> type[ProviderError]:
    """Tell apart limits that pass and limits that do not; they share a status or a word."""
    if kind is CreditsExhausted and _IN_FLIGHT_WORDS & {said.limit_source, said.reason}:
        return BudgetInFlight
    return QuotaExhausted if kind is RateLimited and _is_daily(said) else kind


def _as_available(kind: type[ProviderError], said: ErrorBody) -> type[ProviderError]:
    """Let `error.availability.retryable` decide where the status alone would say otherwise."""
    if said.retryable:
        return ProviderUnavailable if kind in (RequestRejected, AccessRefused) else kind
    if not kind.transient:
        return kind
    if kind is RateLimited:
        return QuotaExhausted
    return AccessRefused if said.availability in _CLOSED_TO_THIS_CALLER else RequestRejected


def _is_daily(said: ErrorBody) -> bool:
    # Older answers name the limit in their sentence alone.
    return said.limit_source == _DAILY_LIMIT or _DAILY_LIMIT_SENTENCE in said.detail


def _by_status(status: int | None) -> type[ProviderError]:
    if status is None:
        return ProviderUnavailable
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return ProviderUnavailable if status >= _SERVER_STATUS_MIN else RequestRejected


def _by_word(spelled: str) -> type[ProviderError] | None:
    known = spelled.lower()
    if known in _BY_WORD:
        return _BY_WORD[known]
    return next((kind for fragment, kind in _BY_FRAGMENT if fragment in known), None)


def _retry_after_s(
    kind: type[ProviderError], received: Mapping[str, str], said: ErrorBody, now_s: float | None
) -> float | None:
    asked_s = retry_after_s(received.get("retry-after", ""), now_s)
    if asked_s is None:
        asked_s = retry_after_s(said.retry_after, now_s)
    if kind not in (RateLimited, QuotaExhausted):
        return asked_s
    reset_s = _until_reset_s(received, said, now_s)
    # The quota comes back at its reset and not before; other limits are softer than that.
    first, second = (reset_s, asked_s) if kind is QuotaExhausted else (asked_s, reset_s)
    return second if first is None else first


def _until_reset_s(
    received: Mapping[str, str], said: ErrorBody, now_s: float | None
) -> float | None:
    reset = said.rate_limit_reset_ms or whole_number(received.get("x-ratelimit-reset"))
    if reset is None or now_s is None:
        return None
    ahead_s = (reset / 1000 if reset >= _EPOCH_MS_MIN else reset) - now_s
    return ahead_s if ahead_s > 0 else None


def _epoch_s(date: str) -> float | None:
    try:
        at = parsedate_to_datetime(date)
    except (ValueError, TypeError, OverflowError):
        return None
    return (at if at.tzinfo else datetime.combine(at.date(), at.time(), UTC)).timestamp()


def _request_id(received: Mapping[str, str]) -> str:
    headers = ("x-generation-id", "x-request-id", "cf-ray")
    return next((found for header in headers if (found := word(received.get(header)))), "")
