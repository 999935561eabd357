"""The values that stand in the texts for failed requests (SPEC 181, 182). Pure.

All that comes from outside is bounded, shows no key and means nothing as Markdown or HTML.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from math import ceil
from types import MappingProxyType
from typing import Final

from actors.ports import Endpoint, ErrorFacts, PortError, ProviderSaid
from actors.sse import NO_EVENT_MAX_S
from actors.values import Model
from bridge.config.setting_groups import ErrorTemplates
from bridge.owui.error_markup import harmless, harmless_block, shortened
from bridge.transforms.model_ids import listed_id

VALUE_CHARS_MAX: Final = 200
SENTENCE_CHARS_MAX: Final = 400
BLOCK_CHARS_MAX: Final = 4000

_DATE_SUFFIX: Final = re.compile(r"-\d{4}-\d{2}-\d{2}$")
# Statuses that no list of the language knows.
_PHRASES: Final = MappingProxyType(
    {522: "Connection Timed Out", 524: "Timed Out", 529: "Overloaded"}
)
_COMPRESSION_WORDS: Final = ("middle-out", "context-compression")

COMMON: Final = (
    *("error_id", "timestamp", "session_id", "user_id", "support_email", "support_url"),
    *("heading", "advice", "detail", "sanitized_detail", "reason", "retry_after_seconds"),
    *("requested_model", "api_model_id", "normalized_model_id", "model_identifier", "endpoint"),
    "error_type",
)
FROM_PROVIDER: Final = (
    *("provider", "raw_body", "status_code", "openrouter_code", "openrouter_message"),
    *("upstream_type", "upstream_message", "request_id", "request_id_reference"),
    *("moderation_reasons", "flagged_excerpt", "context_limit_tokens", "max_output_tokens"),
    *("include_model_limits", "metadata_json", "provider_raw_json", "native_finish_reason"),
    *("error_chunk_id", "error_chunk_created", "streaming_provider", "streaming_model"),
    *("rate_limit_type", "required_cost", "account_balance", "diagnostics", "timeout_seconds"),
)
OTHERS: Final = (
    *("restriction_reasons", "model_id_filter", "free_model_filter", "tool_calling_filter"),
    *("max_function_call_loops", "required_endpoint", "enforced_endpoint"),
)
PLACEHOLDERS: Final[dict[str, str]] = dict.fromkeys((*COMMON, *FROM_PROVIDER, *OTHERS), "")
"""Every placeholder there is, without a value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorContext:
    """What is known about a request, for whoever words its failure. "" and None: not known.

    Attributes:
        requested_model: as it was asked for.
        api_model_id: the exact id that was sent.
        session_id, user_id: of Open WebUI.
        path: the path of the call (`/responses`).
        endpoint: where it was sent, and how long each step might take.
        model: the row of the catalog, for the limits of the model.
        deadline_s: what the whole request might take.
        at: when it failed.
    """

    requested_model: str = ""
    api_model_id: str = ""
    session_id: str = ""
    user_id: str = ""
    path: str = ""
    endpoint: Endpoint | None = None
    model: Model | None = None
    deadline_s: float | None = None
    at: datetime | None = None


def common_values(about: ErrorContext, templates: ErrorTemplates, error_id: str) -> dict[str, str]:
    """Return the values that every text has."""
    asked, sent = _short(about.requested_model), _short(about.api_model_id)
    base_url = about.endpoint.base_url if about.endpoint is not None else ""
    return {
        "error_id": error_id,
        "timestamp": _timestamp(about.at),
        "session_id": _short(about.session_id),
        "user_id": _short(about.user_id),
        # An admin's own words; a link needs them as they are.
        "support_email": " ".join(templates.support_email.split()),
        "support_url": " ".join(templates.support_url.split()),
        "requested_model": asked,
        "api_model_id": sent,
        "normalized_model_id": _short(_normalized(about.api_model_id or about.requested_model)),
        "model_identifier": sent or asked,
        "endpoint": _short(base_url + about.path),
    }


def port_error_values(error: PortError, about: ErrorContext) -> dict[str, str]:
    """Return the values that an error of a port gives."""
    facts = error.facts
    wait_s = facts.retry_after_s
    values = {
        "status_code": "" if facts.status is None else str(facts.status),
        "reason": _short(_reason(facts, type(error).__name__)),
        "error_type": _short(facts.error_type or type(error).__name__),
        "provider": _short(facts.provider),
        "openrouter_code": _short(str(facts.status or "") or facts.code),
        "request_id": _short(facts.request_id),
        "request_id_reference": _reference(facts.request_id),
        "retry_after_seconds": "" if wait_s is None or wait_s <= 0 else str(ceil(wait_s)),
        "timeout_seconds": _timeout(facts.code, about),
        "diagnostics": _diagnostics(facts),
    }
    return values if facts.said is None else values | _said_values(facts.said, facts, about)


def restriction_values(
    reasons: Sequence[str], model_ids: str, free_models: str, tool_models: str
) -> dict[str, str]:
    """Return the values of a model that the valves keep out."""
    return {
        "restriction_reasons": _short(", ".join(reasons)),
        "model_id_filter": _short(model_ids),
        "free_model_filter": _short(free_models),
        "tool_calling_filter": _short(tool_models),
    }


def _said_values(said: ProviderSaid, facts: ErrorFacts, about: ErrorContext) -> dict[str, str]:
    is_streamed = bool(said.chunk_id)
    values = {
        "raw_body": _block(said.raw_body),
        "openrouter_message": _sentence(said.message),
        "upstream_type": _short(said.upstream_type),
        "upstream_message": _sentence(said.upstream_message),
        "moderation_reasons": _sentence(", ".join(said.moderation_reasons)),
        "flagged_excerpt": _sentence(said.flagged_excerpt),
        "metadata_json": _block(said.metadata_json),
        "provider_raw_json": _block(said.provider_raw_json),
        "native_finish_reason": _short(said.native_finish_reason),
        "error_chunk_id": _short(said.chunk_id),
        "error_chunk_created": _short(said.chunk_created),
        "streaming_provider": _short(said.provider if is_streamed else ""),
        "streaming_model": _short(said.model if is_streamed else ""),
        "rate_limit_type": _short(said.rate_limit_type),
        "required_cost": _short(said.required_cost),
        "account_balance": _short(said.account_balance),
        "provider": _short(facts.provider or said.provider),
    }
    if said.model and not (about.api_model_id or about.requested_model):
        values["model_identifier"] = _short(said.model)
    return values | _limit_values(said, about.model)


def _limit_values(said: ProviderSaid, model: Model | None) -> dict[str, str]:
    """Return the limits of the model, with the hint only where the conversation was too long."""
    sentence = f"{said.message} {said.upstream_message}".lower()
    context = model.context_tokens if model is not None else None
    output = model.output_tokens_max if model is not None else None
    is_too_long = any(word in sentence for word in _COMPRESSION_WORDS)
    return {
        "include_model_limits": "true" if is_too_long else "",
        "context_limit_tokens": _short(said.context_limit_tokens or str(context or "")),
        "max_output_tokens": _short(said.output_tokens_max or str(output or "")),
    }


def _reason(facts: ErrorFacts, kind: str) -> str:
    """Return a word for the cause: of the status, of our own, or the class at least."""
    return _phrase(facts.status) or facts.code or facts.error_type or kind


def _phrase(status: int | None) -> str:
    if status is None or status in _PHRASES:
        return "" if status is None else _PHRASES[status]
    try:
        return HTTPStatus(status).phrase
    except ValueError:  # a status of nobody's
        return ""


def _timeout(code: str, about: ErrorContext) -> str:
    """Return how long was waited, by our own word for what ran out."""
    endpoint = about.endpoint
    limits: Mapping[str, float | None] = {
        "no-event": NO_EVENT_MAX_S,
        "deadline": about.deadline_s,
        "connect-timeout": endpoint.connect_timeout_s if endpoint is not None else None,
        "read-timeout": endpoint.read_timeout_s if endpoint is not None else None,
        "total-timeout": endpoint.total_timeout_s if endpoint is not None else None,
    }
    limit_s = limits.get(code)
    return "" if limit_s is None else f"{limit_s:g}"


def _diagnostics(facts: ErrorFacts) -> str:
    """Return all that is known as a list, a line for each."""
    known = {
        "Status": "" if facts.status is None else str(facts.status),
        "Code": facts.code,
        "Type": facts.error_type,
        "Provider": facts.provider,
        "Request": facts.request_id,
    }
    return "\n".join(f"- {name}: {_short(value)}" for name, value in known.items() if value)


def _reference(request_id: str) -> str:
    return f"Request id at OpenRouter: {_short(request_id)}" if request_id else ""


def _normalized(model: str) -> str:
    """Spell an id as patterns and look-ups do (SPEC 124)."""
    return _DATE_SUFFIX.sub("", listed_id(model).lower())


def _timestamp(at: datetime | None) -> str:
    return "" if at is None else f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _short(value: str) -> str:
    return harmless(shortened(value, VALUE_CHARS_MAX))


def _sentence(value: str) -> str:
    return harmless(shortened(value, SENTENCE_CHARS_MAX))


def _block(value: str) -> str:
    return harmless_block(value, BLOCK_CHARS_MAX)
