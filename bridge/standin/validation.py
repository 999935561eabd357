"""How the platform answers requests that are not in order. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from bridge.standin.error_answers import PlainAnswer, error_answer, validation_answer
from bridge.standin.frames import Endpoint, Json, JsonObject
from bridge.standin.tool_rules import tools_problem

# A key that starts like this is refused, so that a wrong key can be tried out.
REFUSED_KEY_PREFIX = "sk-refused"
METADATA_PAIRS_MAX = 16
METADATA_KEY_CHARACTERS_MAX = 64
METADATA_VALUE_CHARACTERS_MAX = 512
IDENTIFIER_CHARACTERS_MAX = 256

_EFFORTS = ("max", "xhigh", "high", "medium", "low", "minimal", "none")
_NUMBERS = (
    "frequency_penalty",
    "max_completion_tokens",
    "max_output_tokens",
    "max_tokens",
    "presence_penalty",
    "seed",
    "temperature",
    "top_k",
    "top_p",
)
_ROLES = ("system", "developer", "user", "assistant", "tool")


def key_problem(headers: Mapping[str, str]) -> PlainAnswer | None:
    """Return the refusal of a missing or wrong key, or None."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        return error_answer(401, "Missing Authentication header")
    if key.startswith(REFUSED_KEY_PREFIX):
        return error_answer(401, "The key was not recognised.")
    return None


def parse_body(body: bytes) -> JsonObject | None:
    """Return the JSON object of a body, or None when it is none."""
    try:
        document: Json = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return document if isinstance(document, Mapping) else None


def body_problem(endpoint: Endpoint, document: JsonObject) -> PlainAnswer | None:
    """Return the refusal of a request that breaks a rule, or None."""
    is_responses = endpoint is Endpoint.RESPONSES
    problem = _responses_problem(document) if is_responses else _chat_problem(document)
    return (
        problem
        or _number_problem(document)
        or _reasoning_problem(document)
        or tools_problem(endpoint, document)
    )


def unknown_model(model: str) -> PlainAnswer:
    """Return the refusal of a model that the catalog does not have."""
    return error_answer(400, f"{model} is not a valid model ID")


def _responses_problem(document: JsonObject) -> PlainAnswer | None:
    if not document.get("model"):
        return validation_answer("Missing required parameter: 'model'.")
    given = document.get("input")
    if not isinstance(given, str | list):
        return _issue("input", "expected string or array")
    if not all(_is_item(item) for item in given if not isinstance(given, str)):
        return _issue("input", "expected items with a type or a role")
    if document.get("store"):
        return _issue("store", "expected false: nothing is kept")
    if document.get("previous_response_id") is not None:
        return _issue("previous_response_id", "expected null: nothing is kept")
    if "audio" in _strings(document.get("modalities")):
        return _issue("modalities", "expected text or image")
    return _identifier_problem(document, ("user", "session_id")) or _metadata_problem(document)


def _chat_problem(document: JsonObject) -> PlainAnswer | None:
    if not document.get("model"):
        return error_answer(400, "No models provided")
    messages = document.get("messages")
    if not isinstance(messages, list) or not messages:
        return error_answer(400, "Input required: messages")
    if not all(isinstance(one, Mapping) and one.get("role") in _ROLES for one in messages):
        return error_answer(400, "Invalid discriminator value: messages.role")
    return _identifier_problem(document, ("session_id",)) or _metadata_problem(document)


def _number_problem(document: JsonObject) -> PlainAnswer | None:
    for name in _NUMBERS:
        value = document.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            return _issue(name, "expected number")
    return None


def _is_item(item: Json) -> bool:
    if not isinstance(item, Mapping):
        return False
    return isinstance(item.get("type"), str) or item.get("role") in _ROLES


def _reasoning_problem(document: JsonObject) -> PlainAnswer | None:
    reasoning = document.get("reasoning")
    if reasoning is not None and not isinstance(reasoning, Mapping):
        return _issue("reasoning", "expected object")
    said = reasoning or {}
    efforts = (said.get("effort"), document.get("reasoning_effort"))
    if any(effort is not None and effort not in _EFFORTS for effort in efforts):
        return _issue("reasoning", f"expected an effort of {', '.join(_EFFORTS)}")
    if said.get("effort") is not None and said.get("max_tokens") is not None:
        return _issue("reasoning", "only one of effort and max_tokens may be set")
    if reasoning is not None and efforts[1] is not None:
        message = 'Only one of "reasoning" and "reasoning_effort" may be provided'
        return error_answer(400, message)
    return None


def _identifier_problem(document: JsonObject, names: tuple[str, ...]) -> PlainAnswer | None:
    for name in names:
        value = document.get(name)
        if value is not None and not isinstance(value, str):
            return _issue(name, "expected string")
        if value is not None and len(value) > IDENTIFIER_CHARACTERS_MAX:
            return _issue(name, f"at most {IDENTIFIER_CHARACTERS_MAX} characters")
    return None


def _metadata_problem(document: JsonObject) -> PlainAnswer | None:
    metadata = document.get("metadata")
    if metadata is None:
        return None
    if not isinstance(metadata, Mapping) or len(metadata) > METADATA_PAIRS_MAX:
        return _issue("metadata", f"expected at most {METADATA_PAIRS_MAX} pairs")
    if all(_is_metadata_pair(name, value) for name, value in metadata.items()):
        return None
    return _issue("metadata", "a key or a value is not accepted")


def _is_metadata_pair(name: str, value: Json) -> bool:
    return (
        len(name) <= METADATA_KEY_CHARACTERS_MAX
        and not set(name) & set("[]")
        and isinstance(value, str)
        and len(value) <= METADATA_VALUE_CHARACTERS_MAX
    )


def _strings(value: Json) -> tuple[str, ...]:
    items = value if isinstance(value, list) else []
    return tuple(item for item in items if isinstance(item, str))


def _issue(name: str, expectation: str) -> PlainAnswer:
    issue: JsonObject = {"code": "invalid_type", "path": [name], "message": expectation}
    return validation_answer("Invalid Responses API request", issues=[issue])
