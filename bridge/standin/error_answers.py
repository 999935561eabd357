"""What a refusal looks like before any stream: status, headers and body. Pure.

The phrases that clients look for are kept (`Provider returned error`, `can only afford`); all
other words are our own.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from bridge.standin.faults import ProviderFault
from bridge.standin.frames import Json, JsonObject

Headers = tuple[tuple[str, str], ...]

JSON_TYPE = "application/json"
HTML_TYPE = "text/html; charset=UTF-8"
_UPSTREAM_SAID = "Provider returned error"
_ABSURD_RETRY_AFTER_S = 1_000_000_000
_QUOTA_RESET_EPOCH_MS = "1790553600000"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainAnswer:
    """An answer that is sent whole: everything but an event stream."""

    status: int
    body: bytes = b""
    content_type: str = JSON_TYPE
    headers: Headers = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryAfter:
    """The two ways to say when: seconds, and the same as an HTTP date."""

    seconds: int
    date: str


def json_answer(document: Json, *, status: int = 200, headers: Headers = ()) -> PlainAnswer:
    """Return a JSON document as an answer."""
    return PlainAnswer(status=status, body=msgspec.json.encode(document), headers=headers)


def error_answer(
    status: int, message: str, *, metadata: JsonObject | None = None, headers: Headers = ()
) -> PlainAnswer:
    """Return an error in the platform's usual form."""
    error: dict[str, Json] = {"code": status, "message": message}
    if metadata is not None:
        error["metadata"] = metadata
    return json_answer({"error": error, "user_id": "user_standin"}, status=status, headers=headers)


def upstream_refusal(cause: JsonObject, *, status: int = 400) -> PlainAnswer:
    """Return a provider's refusal; the cause is JSON inside a string."""
    raw = msgspec.json.encode(cause).decode()
    return error_answer(status, _UPSTREAM_SAID, metadata=_raw(raw))


def validation_answer(message: str, *, issues: Json = None) -> PlainAnswer:
    """Return a `/responses` validation error: a word as code, metadata beside the error."""
    metadata: Json = None
    if issues is not None:
        metadata = {"raw": msgspec.json.format(msgspec.json.encode(issues), indent=2).decode()}
    error: JsonObject = {"code": "invalid_prompt", "message": message}
    return json_answer({"error": error, "metadata": metadata}, status=400)


def refusal(fault: ProviderFault, *, path: str, retry: RetryAfter) -> PlainAnswer | None:
    """Return the answer of a fault that shows as a status, or None for every other fault.

    Args:
        fault: the fault.
        path: the path of the request, for the redirect that points at itself.
        retry: what the faults with a Retry-After say.
    """
    for table in (_REQUEST_AT_FAULT, _UPSTREAM_AT_FAULT, _NO_ANSWER):
        if fault in table:
            return table[fault]
    if fault in _RATE_LIMIT_WITH_HEADER or fault is ProviderFault.STATUS_503:
        return _with_retry_after(fault, retry)
    if fault is ProviderFault.REDIRECT_LOOP:
        return PlainAnswer(status=307, headers=(("location", path),))
    return None


def _raw(text: str, *, provider: str = "Stand-In", **more: Json) -> JsonObject:
    return {"raw": text, "provider_name": provider, "is_byok": False, **more}


_REQUEST_AT_FAULT: dict[ProviderFault, PlainAnswer] = {
    ProviderFault.STATUS_400: error_answer(
        400, "The request cannot be read.", metadata={"error_type": "invalid_request"}
    ),
    ProviderFault.STATUS_400_UPSTREAM_RAW: error_answer(
        400,
        _UPSTREAM_SAID,
        metadata=_raw(
            '{"error":{"type":"invalid_request_error","message":"One image per prompt, please."}}'
        ),
    ),
    ProviderFault.STATUS_400_CONTEXT_LENGTH: error_answer(
        400,
        "This endpoint's maximum context length is 8192 tokens. However, you requested about "
        "9001 tokens.",
        metadata={
            "provider_name": None,
            "error_type": "context_length_exceeded",
            "previous_errors": [{"code": 400, "message": "maximum context length is 8192 tokens"}],
        },
    ),
    ProviderFault.STATUS_400_REASONING_REJECTED: error_answer(
        400,
        _UPSTREAM_SAID,
        metadata=_raw(
            '{"error":{"message":"The encrypted content could not be verified.",'
            '"type":"invalid_request_error","code":"invalid_encrypted_content"}}'
        ),
    ),
    ProviderFault.STATUS_400_VALIDATION: validation_answer(
        "Invalid Responses API request",
        issues=[{"code": "invalid_type", "expected": "string", "path": ["input"]}],
    ),
    ProviderFault.STATUS_401: error_answer(401, "The key was not recognised."),
    ProviderFault.STATUS_402_CREDITS: error_answer(
        402,
        "This request requires more credits, or fewer max_tokens. You requested up to 4096 "
        "tokens, but can only afford 1000.",
        metadata={"provider_name": None, "limit_source": "openrouter_credits"},
    ),
    ProviderFault.STATUS_402_KEY_CAP: error_answer(
        402,
        "This request requires more credits than the key's monthly limit leaves: it can only "
        "afford 77.",
        metadata={"limit_source": "key"},
    ),
    ProviderFault.STATUS_402_IN_FLIGHT: error_answer(
        402,
        "The balance is bound by requests that are still running.",
        metadata={
            "reason": "in_flight_budget_exhausted",
            "limit_source": "openrouter_in_flight_budget",
            "remedy_hint": "Try again when they are done.",
        },
        headers=(("retry-after", "1"),),
    ),
    ProviderFault.STATUS_403_MODERATION: error_answer(
        403,
        "standin/plain requires moderation, and the input was flagged.",
        metadata={
            "reasons": ["harassment"],
            "flagged_input": "what the user wrote ...",
            "provider_name": "Stand-In",
            "model_slug": "standin/plain",
        },
    ),
    ProviderFault.STATUS_403_KEY_LIMIT: error_answer(403, "Key limit exceeded (daily limit)."),
    ProviderFault.STATUS_404: error_answer(404, "No endpoints found for standin/plain."),
    ProviderFault.STATUS_404_TOOLS: error_answer(404, "No endpoints found that support tool use."),
    ProviderFault.STATUS_404_POLICY: error_answer(
        404, "No endpoints found matching your data policy."
    ),
    ProviderFault.STATUS_413: error_answer(
        413, "The request is too large.", metadata={"error_type": "payload_too_large"}
    ),
    ProviderFault.STATUS_422: error_answer(
        422, "The request cannot be processed.", metadata={"error_type": "unprocessable"}
    ),
}

_UPSTREAM_AT_FAULT: dict[ProviderFault, PlainAnswer] = {
    ProviderFault.STATUS_408: error_answer(408, "The operation timed out."),
    ProviderFault.STATUS_429_PLAIN: error_answer(
        429,
        _UPSTREAM_SAID,
        metadata=_raw(
            "standin/plain is temporarily rate-limited upstream.",
            provider_error_code="engine_overloaded",
            limit_source="upstream_provider_shared_pool",
        ),
    ),
    ProviderFault.STATUS_429_DAILY_QUOTA: error_answer(
        429,
        "Rate limit exceeded: free-models-per-day.",
        metadata={
            "headers": {
                "X-RateLimit-Limit": "50",
                "X-RateLimit-Remaining": "0",
                "X-RateLimit-Reset": _QUOTA_RESET_EPOCH_MS,
            },
            "limit_source": "openrouter_free_tier_daily",
            "remedy_hint": "Wait for the reset.",
            "provider_name": None,
        },
        headers=(
            ("x-ratelimit-limit", "50"),
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", _QUOTA_RESET_EPOCH_MS),
        ),
    ),
    ProviderFault.STATUS_500: error_answer(
        500, "Internal error", metadata={"error_type": "server"}
    ),
    ProviderFault.STATUS_502: error_answer(
        502, "The upstream connection was lost.", metadata={"error_type": "provider_unavailable"}
    ),
    ProviderFault.STATUS_504: error_answer(504, "The upstream took too long."),
    ProviderFault.STATUS_524: error_answer(524, "The edge gave up waiting."),
    ProviderFault.STATUS_529: error_answer(
        529, _UPSTREAM_SAID, metadata={"error_type": "provider_overloaded"}
    ),
    ProviderFault.ERROR_CODE_TEXT: json_answer(
        {"error": {"code": "overloaded", "message": "Come back later."}}, status=503
    ),
    ProviderFault.ERROR_WITHOUT_CODE: json_answer(
        {"error": {"message": "Come back later.", "error_type": "server", "http_status": 502}},
        status=502,
    ),
}

_PAGE = b"<!DOCTYPE html><html><head><title>Bad gateway</title></head><body>502</body></html>"

_NO_ANSWER: dict[ProviderFault, PlainAnswer] = {
    ProviderFault.HTML_ERROR_BODY: PlainAnswer(status=502, body=_PAGE, content_type=HTML_TYPE),
    ProviderFault.EMPTY_ERROR_BODY: PlainAnswer(status=502),
    ProviderFault.HTML_200: PlainAnswer(
        status=200, body=b"<html><body>Please log in</body></html>", content_type=HTML_TYPE
    ),
    ProviderFault.ERROR_ONLY_200: json_answer(
        {"choices": [], "error": {"code": 502, "message": "The upstream is overloaded."}}
    ),
    ProviderFault.ERROR_IN_CHOICE_200: json_answer(
        {
            "id": "gen-standin",
            "object": "chat.completion",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": ""},
                    "finish_reason": "error",
                    "native_finish_reason": "MALFORMED_FUNCTION_CALL",
                    "error": {"code": 400, "message": "The model's own call was malformed."},
                }
            ],
        }
    ),
}

_RATE_LIMIT_WITH_HEADER = (
    ProviderFault.STATUS_429_RETRY_AFTER_SECONDS,
    ProviderFault.STATUS_429_RETRY_AFTER_DATE,
    ProviderFault.STATUS_429_RETRY_AFTER_ABSURD,
    ProviderFault.STATUS_429_RETRY_AFTER_GARBAGE,
)


def _with_retry_after(fault: ProviderFault, retry: RetryAfter) -> PlainAnswer:
    values = {
        ProviderFault.STATUS_429_RETRY_AFTER_DATE: retry.date,
        ProviderFault.STATUS_429_RETRY_AFTER_ABSURD: str(_ABSURD_RETRY_AFTER_S),
        ProviderFault.STATUS_429_RETRY_AFTER_GARBAGE: "soon, we hope",
    }
    headers = (("retry-after", values.get(fault, str(retry.seconds))),)
    if fault is ProviderFault.STATUS_503:
        return error_answer(503, "No provider is available.", headers=headers)
    return error_answer(
        429,
        _UPSTREAM_SAID,
        metadata=_raw("standin/plain is busy.", limit_source="upstream_provider_shared_pool"),
        headers=headers,
    )
