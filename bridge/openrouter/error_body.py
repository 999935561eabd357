"""What an error body says, whichever of its many shapes it has. Pure.

OpenRouter, the providers behind it and the edge in front of it each word errors their own way:
a numeric or a string `code`, `metadata` inside or beside `error`, the real cause as JSON text in
`metadata.raw`, an HTML page, nothing at all. Here they become one value.
"""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass, field

from bridge.openrouter.loose_json import decode, member, text, whole_number

DETAIL_CHARS_MAX = 2000
"""A person reads the detail; more than this is a dump."""

WORD_CHARS_MAX = 64
"""Codes, types and names may reach a log, so they have to look the part."""

RAW_NESTING_MAX = 6
"""Levels of objects and quoted JSON to look through: a gateway upstream wraps its own cause."""

_WORD = re.compile(r"[A-Za-z0-9_.:/-]+")
_NAME = re.compile(r"[A-Za-z0-9_.:/ ()-]+")
_TITLE = re.compile(r"<title[^>]*>([^<]*)", re.IGNORECASE)
_SAYS_NOTHING = frozenset({"", "Provider returned error"})
_ERROR_STATUSES = range(400, 600)
_JSON_START = re.compile(r"[{\[]")


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorBody:
    """One error as its sender worded it; an empty string or None stands for "not said".

    `is_error` tells whether the body was JSON with an error in it. `status` is the numeric code
    inside the body. `detail` may quote the user's prompt. `rate_limit_reset_ms` is an epoch.
    """

    is_error: bool = False
    status: int | None = None
    code: str = ""
    error_type: str = ""
    provider: str = ""
    limit_source: str = ""
    reason: str = ""
    availability: str = ""
    retryable: bool | None = None
    retry_after: str = ""
    rate_limit_reset_ms: int | None = None
    detail: str = field(default="", repr=False)


def read_error_body(body: bytes) -> ErrorBody:
    """Read a body of any kind: JSON, HTML, plain text, cut off, or empty."""
    answer = decode(body)
    if not isinstance(answer, dict):
        return ErrorBody(detail=_plain_detail(body))
    return read_error(answer)


def read_error(answer: dict[str, object]) -> ErrorBody:
    """Read an answer that is JSON, or an event of a stream in the shape of one."""
    error = find_error(answer)
    if error is None:
        return ErrorBody(detail=_clip(message_in(answer)))
    return _from_json(error, answer)


def word(value: object) -> str:
    """Return a code that is safe to log, or an empty string: one word, no sentence."""
    return _short(value, _WORD)


def name(value: object) -> str:
    """Return the name of a company or a product, or an empty string."""
    return _short(value, _NAME)


def status_in(code: object) -> int | None:
    """Return an HTTP error status written as a number or in digits, else None."""
    number = whole_number(code)
    return number if number in _ERROR_STATUSES else None


def message_in(value: object, depth: int = RAW_NESTING_MAX) -> str:
    """Dig the sentence out of an error value: objects, lists, and JSON inside of text.

    Returns:
        The innermost message found within `depth` levels; plain text is its own message.
    """
    if isinstance(value, str):
        return _message_in_text(value, depth)
    if depth == 0 or not isinstance(value, dict | list):
        return ""
    if isinstance(value, list):
        return message_in(value[0], depth - 1) if value else ""
    for path in (("metadata", "raw"), ("error",), ("message",), ("detail",), ("errors",)):
        found = message_in(member(value, *path), depth - 1)
        if found not in _SAYS_NOTHING:
            return found
    return ""


def _from_json(error: dict[str, object], answer: dict[str, object]) -> ErrorBody:
    metadata = error.get("metadata") or answer.get("metadata")
    available = error.get("availability")
    code = error.get("code")
    status = status_in(code)
    retryable = member(available, "retryable")
    return ErrorBody(
        is_error=True,
        status=status_in(error.get("http_status")) if status is None else status,
        code="" if status is not None else word(code),
        error_type=_first_word(
            member(metadata, "error_type"),
            error.get("error_type"),
            answer.get("error_type"),
            error.get("type"),
        ),
        provider=name(member(metadata, "provider_name")),
        limit_source=word(member(metadata, "limit_source")),
        reason=_first_word(
            member(metadata, "reason"),
            member(metadata, "provider_error_code"),
            member(metadata, "provider_code"),
        ),
        availability=word(member(available, "code")),
        retryable=retryable if isinstance(retryable, bool) else None,
        retry_after=str(member(available, "retry_after") or ""),
        rate_limit_reset_ms=_reset_ms(member(metadata, "headers")),
        detail=_detail(text(error.get("message")).strip(), member(metadata, "raw")),
    )


def find_error(answer: dict[str, object]) -> dict[str, object] | None:
    """Return the error object: at the top, or inside the first choice of a 200 answer."""
    choices = answer.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    for found in (answer.get("error"), member(choice, "error")):
        if isinstance(found, dict):
            return found
        if isinstance(found, str) and found:
            return {"message": found}
    if member(choice, "finish_reason") == "error":
        # Nothing but the native reason tells why.
        return {"code": member(choice, "native_finish_reason")}
    return None


def _detail(message: str, raw: object) -> str:
    cause = message_in(raw)
    if message in _SAYS_NOTHING:
        return _clip(cause or message)
    if not cause or cause in message:
        return _clip(message)
    return _clip(f"{message}: {cause}")


def _message_in_text(value: str, depth: int) -> str:
    plain = value.strip()
    start = _JSON_START.search(plain)
    if depth == 0 or start is None:
        return plain
    try:
        # Unlike the fast decoder this one minds neither the words before nor those after.
        inner: object = json.JSONDecoder().raw_decode(plain, start.start())[0]
    except (ValueError, RecursionError):
        return plain
    return message_in(inner, depth - 1) or plain


def _plain_detail(body: bytes) -> str:
    """Return a text body as it is, of an HTML page the title alone."""
    page = body[: 4 * DETAIL_CHARS_MAX].decode("utf-8", "replace").strip()
    if page.startswith("<"):
        title = _TITLE.search(page)
        return _clip(html.unescape(title[1]).strip()) if title else ""
    return "" if _JSON_START.match(page) else _clip(page)


def _clip(message: str) -> str:
    return message if len(message) <= DETAIL_CHARS_MAX else message[: DETAIL_CHARS_MAX - 1] + "…"


def _short(value: object, look: re.Pattern[str]) -> str:
    found = text(value)[: WORD_CHARS_MAX + 1].strip()
    return found if len(found) <= WORD_CHARS_MAX and look.fullmatch(found) else ""


def _first_word(*values: object) -> str:
    return next((found for value in values if (found := word(value))), "")


def _reset_ms(mirrored: object) -> int | None:
    if not isinstance(mirrored, dict):
        return None
    found = (value for key, value in mirrored.items() if key.lower() == "x-ratelimit-reset")
    return whole_number(next(found, None))
