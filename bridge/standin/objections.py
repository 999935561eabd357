"""What a model may object to in a request, by name, and the words in which it is refused. Pure.

A fault strikes whatever is asked; an objection lasts until the request has changed. The phrases
that clients look for are kept, all other words are our own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Self

from bridge.standin.error_answers import PlainAnswer, error_answer, json_answer, upstream_refusal
from bridge.standin.frames import Endpoint, Json, JsonObject

SUPPORTED_EFFORTS = ("low", "high")


class Objection(Enum):
    """One objection. The value is its name."""

    imitates: str

    EFFORT = "effort", "a reasoning effort other than low or high; the refusal lists them"
    THINKING = "thinking", "any setting of reasoning, on a model that cannot think"
    CACHE_CONTROL = "cache-control", "a cache_control mark anywhere"
    RESPONSES = "responses", "the endpoint /responses; /chat/completions is fine"
    CHAT = "chat", "the endpoint /chat/completions; /responses is fine"
    TOOLS = "tools", "tools, for which there is no endpoint"
    REASONING = "reasoning", "reasoning in the history, made elsewhere; cured by leaving it out"
    LOST_REASONING = (
        "lost-reasoning",
        "its own reasoning of this turn when it does not come back unchanged and in its place",
    )

    def __new__(cls, name: str, imitates: str) -> Self:
        """Keep the name as the value and the rest as an attribute."""
        member = object.__new__(cls)
        member._value_ = name
        member.imitates = imitates
        return member

    @classmethod
    def named(cls, name: str) -> Objection:
        """Return the objection of that name.

        Raises:
            ValueError: there is none.
        """
        found = next((objection for objection in cls if objection.value == name), None)
        if found is None:
            raise ValueError(name)
        return found


def objection_to(
    objection: Objection, endpoint: Endpoint, document: JsonObject
) -> PlainAnswer | None:
    """Return the refusal, or None when the request holds nothing to object to.

    `LOST_REASONING` needs to know what was played before; see `followups`.
    """
    match objection:
        case Objection.EFFORT:
            effort = requested_effort(document)
            is_fine = effort is None or effort in SUPPORTED_EFFORTS
            return None if is_fine else _unsupported_effort(effort)
        case Objection.THINKING:
            return _no_thinking() if _asks_to_think(document) else None
        case Objection.CACHE_CONTROL:
            return _no_cache_marks() if "cache_control" in _names(document) else None
        case Objection.RESPONSES:
            return _wrong_endpoint(document, "chat") if endpoint is Endpoint.RESPONSES else None
        case Objection.CHAT:
            return _wrong_endpoint(document, "responses") if endpoint is Endpoint.CHAT else None
        case Objection.TOOLS:
            no_endpoint = error_answer(404, "No endpoints found that support tool use.")
            return no_endpoint if document.get("tools") else None
        case Objection.REASONING:
            return invalid_signature() if _holds_reasoning(document) else None
        case _:
            return None


def invalid_signature() -> PlainAnswer:
    """Refuse reasoning that is not as its maker gave it out."""
    return upstream_refusal(
        {
            "type": "error",
            "error": {
                "type": "invalid_request_error",
                "message": "messages.1.content.0: Invalid signature in thinking block",
            },
        }
    )


def requested_effort(document: JsonObject) -> Json:
    """Return the reasoning effort that a request asks for, or None."""
    reasoning = document.get("reasoning")
    effort = reasoning.get("effort") if isinstance(reasoning, Mapping) else None
    return effort if effort is not None else document.get("reasoning_effort")


def _asks_to_think(document: JsonObject) -> bool:
    reasoning = document.get("reasoning")
    if isinstance(reasoning, Mapping) and any(
        value not in (None, False, "none") for value in reasoning.values()
    ):
        return True
    effort = document.get("reasoning_effort")
    return bool(document.get("include_reasoning")) or effort not in (None, "none")


def _holds_reasoning(document: JsonObject) -> bool:
    given = document.get("input", document.get("messages"))
    items = given if isinstance(given, list) else []
    return any(
        isinstance(item, Mapping)
        and (item.get("type") == "reasoning" or bool(item.get("reasoning_details")))
        for item in items
    )


def _names(value: Json) -> Iterator[str]:
    """Name every field of a document, however deep."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield name
            yield from _names(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _names(inner)


def _unsupported_effort(effort: Json) -> PlainAnswer:
    listed = " and ".join(f"'{supported}'" for supported in SUPPORTED_EFFORTS)
    return upstream_refusal(
        {
            "error": {
                "message": f"Unsupported value: '{effort}' is not supported with the 'stand-in' "
                f"model. Supported values are: {listed}.",
                "type": "invalid_request_error",
                "param": "reasoning.effort",
                "code": "unsupported_value",
            }
        }
    )


def _no_thinking() -> PlainAnswer:
    return upstream_refusal(
        {
            "error": {
                "code": 400,
                "message": "Unable to submit request because Thinking_config.include_thoughts "
                "is only enabled when thinking is enabled.",
                "status": "INVALID_ARGUMENT",
            }
        }
    )


def _no_cache_marks() -> PlainAnswer:
    return upstream_refusal(
        {
            "type": "error",
            "error": {
                "type": "invalid_request_error",
                "message": "cache_control: Extra inputs are not permitted",
            },
        }
    )


def _wrong_endpoint(document: JsonObject, right: str) -> PlainAnswer:
    model = document.get("model")
    path = {"chat": "/chat/completions", "responses": "/responses"}[right]
    error: JsonObject = {
        "code": 400,
        "message": f"{model} is not supported on this endpoint. Please use {path}.",
        "metadata": {"error_type": "invalid_request"},
        "availability": {
            "code": "wrong_endpoint",
            "retryable": False,
            "requested_models": [model],
        },
    }
    return json_answer({"error": error, "user_id": "user_standin"}, status=400)
