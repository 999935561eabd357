"""Request parameters that the two endpoints shape differently. Pure.

Each function takes either shape and gives the one of its endpoint, or None for what does not
exist (SPEC 106).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bridge.openrouter.wire_parameter_values import integer, members, told, word

_SCHEMA_MEMBERS: Final = ("name", "description", "schema", "strict")
_PLAIN_FORMATS: Final = ("text", "json_object")
_CHOICES: Final = ("auto", "none", "required")


def flat_format(value: object) -> dict[str, object] | None:
    """Shape an output format for /responses: the schema's members stand beside `type`."""
    kind = members(value, ("type",)).get("type")
    if kind in _PLAIN_FORMATS:
        return {"type": kind}
    schema = _schema(value) if kind == "json_schema" else None
    return None if schema is None else {"type": kind, **schema}


def nested_format(value: object) -> dict[str, object] | None:
    """Shape an output format for chat: the schema stands under a name of its own."""
    kind = members(value, ("type",)).get("type")
    if kind == "grammar":
        grammar = members(value, ("grammar",)).get("grammar")
        return {"type": kind, "grammar": grammar} if word(grammar) else None
    if kind in (*_PLAIN_FORMATS, "python"):
        return {"type": kind}
    schema = _schema(value) if kind == "json_schema" else None
    return None if schema is None else {"type": kind, "json_schema": schema}


def flat_choice(given: Mapping[str, object]) -> object:
    """Shape the choice of tools for /responses: a function is named beside `type`."""
    choice = _choice(given)
    if isinstance(choice, dict) and choice.get("type") == "function":
        return {"type": "function", "name": choice["name"]}
    return choice


def nested_choice(given: Mapping[str, object]) -> object:
    """Shape the choice of tools for chat: a function is named in an object of its own.

    A set of allowed tools is unknown here; what is left of it is whether one must be called.
    """
    choice = _choice(given)
    if not isinstance(choice, dict):
        return choice
    if choice.get("type") == "function":
        return {"type": "function", "function": {"name": choice["name"]}}
    if choice.get("type") == "allowed_tools":
        mode = word(choice.get("mode"))
        return mode if mode in _CHOICES else None
    return choice


def reasoning(given: Mapping[str, object], names: tuple[str, ...]) -> dict[str, object] | None:
    """Build `reasoning` of those members that the endpoint knows.

    The older `reasoning_effort` is added where the request has no effort and no budget of its
    own. Effort and budget exclude each other, and the caller's own word stands.
    """
    wanted = members(given.get("reasoning"), names)
    wanted["effort"] = word(wanted.get("effort"))
    wanted["max_tokens"] = integer(wanted.get("max_tokens"))
    if wanted["effort"] is None and wanted["max_tokens"] is None:
        wanted["effort"] = word(given.get("reasoning_effort"))
    return told(wanted) or None


def _schema(value: object) -> dict[str, object] | None:
    """Find a schema with its name, in either shape."""
    schema = members(value, _SCHEMA_MEMBERS) or members(
        members(value, ("json_schema",)).get("json_schema"), _SCHEMA_MEMBERS
    )
    if not word(schema.get("name")) or not isinstance(schema.get("schema"), dict):
        return None
    return schema


def _choice(given: Mapping[str, object]) -> object:
    """Read the choice of tools, also under its older name; a function is always flat here."""
    return _read_choice(given.get("tool_choice")) or _read_choice(given.get("function_call"))


def _read_choice(value: object) -> object:
    if isinstance(value, str):
        return value.strip() if value.strip() in _CHOICES else None
    kind = word(members(value, ("type",)).get("type"))
    if kind not in (None, "function"):
        return value
    # The name stands beside `type`, under `function`, or, in the oldest spelling, alone.
    nested = members(value, ("function",)).get("function")
    name = word(members(value, ("name",)).get("name") or members(nested, ("name",)).get("name"))
    return {"type": "function", "name": name} if name else None
