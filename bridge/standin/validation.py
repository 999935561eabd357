"""How the platform answers requests that are not in order. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from bridge.standin.error_answers import PlainAnswer, error_answer, validation_answer
from bridge.standin.frames import Endpoint, Json, JsonObject

# A key that starts like this is refused, so that a wrong key can be tried out.
REFUSED_KEY_PREFIX = "sk-refused"
METADATA_PAIRS_MAX = 16
METADATA_KEY_CHARACTERS_MAX = 64
METADATA_VALUE_CHARACTERS_MAX = 512
IDENTIFIER_CHARACTERS_MAX = 256


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
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return document if isinstance(document, Mapping) else None


def body_problem(endpoint: Endpoint, document: JsonObject) -> PlainAnswer | None:
    """Return the refusal of a request that breaks a rule, or None."""
    if endpoint is Endpoint.RESPONSES:
        return _responses_problem(document)
    return _chat_problem(document)


def unknown_model(model: str) -> PlainAnswer:
    """Return the refusal of a model that the catalog does not have."""
    return error_answer(400, f"{model} is not a valid model ID")


def _responses_problem(document: JsonObject) -> PlainAnswer | None:
    if not document.get("model"):
        return validation_answer("Missing required parameter: 'model'.")
    given = document.get("input")
    if not isinstance(given, str | list):
        return _issue("input", "expected string or array")
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
    return _identifier_problem(document, ("session_id",)) or _metadata_problem(document)


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
