"""An error in its sender's own words, for whoever words it for people. Pure.

Read out of a whole answer, or out of the one event of a stream that tells the error: OpenRouter,
the providers behind it and other hosts each put the same things in other places. All of it may
quote what the user wrote. It is for that user and never for a log.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final

from actors.ports import ProviderSaid
from actors.values import StreamFailure
from bridge.openrouter.error_body import find_error, message_in, name, word
from bridge.openrouter.loose_json import decode, member, text, texts

SAID_CHARS_MAX: Final = 4000
"""A person may want to pass it on; more than this is a dump."""

REASON_CHARS_MAX: Final = 100
REASONS_MAX: Final = 10

# What an event holds beside the error can be the whole conversation.
_TELLING: Final = (
    *("type", "id", "created", "created_at", "model", "provider", "status"),
    *("error", "error_type", "code", "message", "param", "metadata", "incomplete_details"),
)
_TELLING_CHOICE: Final = ("index", "finish_reason", "native_finish_reason", "error")

_DOLLARS: Final = r"[^$.]{0,40}\$\s?([0-9][0-9,]*(?:\.[0-9]+)?)"
_COST: Final = re.compile(r"\b(?:requires?|required|costs?|needs?|needed)\b" + _DOLLARS, re.I)
_BALANCE: Final = re.compile(
    r"\b(?:balance|available|remaining|have|has|left|afford)\b" + _DOLLARS, re.I
)
_CONTEXT: Final = re.compile(
    r"\b(?:maximum |max )?context (?:length|window|limit|size)\b[^0-9.]{0,30}([0-9][0-9,]*)", re.I
)
_OUTPUT: Final = re.compile(
    r"\bmax(?:imum)? (?:allowed )?(?:number of )?(?:output|completion) tokens?\b"
    r"[^0-9.]{0,30}([0-9][0-9,]*)",
    re.I,
)
_COST_KEYS: Final = ("required_cost", "cost", "required_credits")
_BALANCE_KEYS: Final = ("account_balance", "balance", "available_credits", "remaining_credits")


def said_in_answer(body: bytes, received: Mapping[str, str]) -> ProviderSaid | None:
    """Gather the words of an HTTP answer.

    Args:
        body: as much of it as was read; may be cut, HTML, or empty.
        received: its headers, names in lower case.

    Returns:
        None when the answer says nothing at all.
    """
    answer = decode(body)
    known = answer if isinstance(answer, dict) else {}
    raw = body[: 4 * SAID_CHARS_MAX].decode("utf-8", "replace").strip()
    scope = _line(received.get("x-ratelimit-scope", ""))
    return _said(known, find_error(known) or {}, raw, scope) if raw or scope else None


def said_in_stream(failure: StreamFailure) -> ProviderSaid:
    """Gather the words of an error inside a stream; without its event, what the failure holds."""
    event = event_of(failure)
    said = _said(event, find_error(event) or {}, _pretty(event), "")
    if said.message or not failure.message:
        return said
    return ProviderSaid(message=_clip(failure.message), raw_body=said.raw_body)


def event_of(failure: StreamFailure) -> dict[str, object]:
    """Return the event in the shape of an answer, without what is no part of the error.

    Shapes: `error` in the event or in its `response`, `code` and `message` flat in the event, an
    `error` or a `finish_reason` in the first choice.
    """
    event = decode(failure.json)
    if not isinstance(event, dict):
        return {}
    answer = _pared(event, _TELLING)
    response = event.get("response")
    if isinstance(response, dict):
        # The metadata of a response are what the request sent along.
        told = _pared(response, _TELLING)
        told.pop("metadata", None)
        answer |= told
        answer["type"] = event.get("type")
    choices = event.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        answer["choices"] = [_pared(choices[0], _TELLING_CHOICE)]
    if not answer.get("error") and ("message" in answer or "code" in answer):
        answer["error"] = _pared(answer, ("code", "message", "param", "error_type", "metadata"))
    return answer


def _said(
    answer: Mapping[str, object], error: Mapping[str, object], raw_body: str, scope: str
) -> ProviderSaid:
    found = error.get("metadata") or answer.get("metadata")
    metadata = found if isinstance(found, dict) else {}
    raw = metadata.get("raw")
    message = text(error.get("message")).strip()
    upstream = message_in(raw)
    sentence = f"{message}\n{upstream}"
    choice = next(iter(_list(answer.get("choices"))), None)
    return ProviderSaid(
        raw_body=_clip(raw_body),
        message=_clip(message),
        upstream_message=_clip(upstream),
        upstream_type=_upstream_type(raw) or _first(metadata, "provider_error_code", "error_type"),
        moderation_reasons=_reasons(metadata),
        flagged_excerpt=_clip(text(metadata.get("flagged_input"))),
        metadata_json=_pretty({key: metadata[key] for key in metadata if key != "raw"}),
        provider_raw_json=_raw_json(raw),
        native_finish_reason=word(member(choice, "native_finish_reason")),
        chunk_id=word(answer.get("id")),
        chunk_created=_number(answer.get("created") or answer.get("created_at")),
        model=word(answer.get("model")) or word(metadata.get("model_slug")),
        provider=name(metadata.get("provider_name")) or name(answer.get("provider")),
        rate_limit_type=scope
        or _mirrored(metadata.get("headers"), "x-ratelimit-scope")
        or word(metadata.get("limit_source")),
        required_cost=_amount(metadata, _COST_KEYS) or _found(_COST, sentence),
        account_balance=_amount(metadata, _BALANCE_KEYS) or _found(_BALANCE, sentence),
        context_limit_tokens=_found(_CONTEXT, sentence),
        output_tokens_max=_found(_OUTPUT, sentence),
    )


def _upstream_type(raw: object) -> str:
    value = decode(raw) if isinstance(raw, str) else raw
    error = member(value, "error")
    inner = error if isinstance(error, dict) else value
    return _first(inner, "type", "code", "status") if isinstance(inner, dict) else ""


def _raw_json(raw: object) -> str:
    value = decode(raw) if isinstance(raw, str) else raw
    return _pretty(value) if isinstance(value, dict | list) else ""


def _reasons(metadata: Mapping[str, object]) -> tuple[str, ...]:
    named = (*texts(metadata.get("reasons")), *texts(metadata.get("patterns")))
    return tuple(_line(reason) for reason in named[:REASONS_MAX] if reason.strip())


def _mirrored(headers: object, wanted: str) -> str:
    if not isinstance(headers, dict):
        return ""
    return next((_line(text(headers[key])) for key in headers if key.lower() == wanted), "")


def _amount(metadata: Mapping[str, object], keys: tuple[str, ...]) -> str:
    return next((amount for key in keys if (amount := _number(metadata.get(key)))), "")


def _number(value: object) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{value}" if is_number else word(value)


def _found(pattern: re.Pattern[str], sentence: str) -> str:
    match = pattern.search(sentence[:SAID_CHARS_MAX])
    return match[1].replace(",", "") if match else ""


def _first(value: Mapping[str, object], *keys: str) -> str:
    return next((found for key in keys if (found := word(value.get(key)))), "")


def _pared(value: Mapping[str, object], keys: tuple[str, ...]) -> dict[str, object]:
    return {key: value[key] for key in keys if value.get(key) is not None}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _pretty(value: object) -> str:
    if not value:
        return ""
    try:
        return _clip(json.dumps(value, indent=2, ensure_ascii=False))
    except RecursionError:
        return ""


def _line(value: str) -> str:
    return " ".join(value[:REASON_CHARS_MAX].split())


def _clip(value: str) -> str:
    return value if len(value) <= SAID_CHARS_MAX else value[: SAID_CHARS_MAX - 1] + "…"
