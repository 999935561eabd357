"""Tools as clients write them into a body, to tools of the house. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from actors.values import OpaqueTool, Tool
from bridge.transforms.json_text import NULL, json_text
from bridge.transforms.text import whole

NAME_CHARS_MAX: Final = 64

_FUNCTION: Final = "function"
_NO_PARAMETERS: Final[Mapping[str, object]] = {"type": "object", "properties": {}}


def tools_of(body: object) -> tuple[Tool | OpaqueTool, ...]:
    """Read `tools`: functions, nested as in Chat Completions or flat as in Responses.

    A tool of any other type runs at the provider and is passed on unchanged. What is no tool is
    left out: a function without a usable name, with parameters that are no schema, or with a
    name that came before (a provider refuses all of them).
    """
    listed = body.get("tools") if isinstance(body, Mapping) else None
    tools: dict[tuple[type, str], Tool | OpaqueTool] = {}
    for entry in listed if isinstance(listed, list | tuple) else ():
        tool = _tool(entry)
        if tool is not None:
            named = tool.name if isinstance(tool, Tool) else tool.json
            tools.setdefault((type(tool), named), tool)
    return tuple(tools.values())


def tool_choice_from(function_call: object) -> object:
    """Translate the old `function_call` to a `tool_choice` (SPEC 106); None: it says nothing."""
    if isinstance(function_call, Mapping):
        name = function_call.get("name")
        is_named = isinstance(name, str) and name
        return {"type": _FUNCTION, _FUNCTION: {"name": name}} if is_named else None
    return function_call if function_call in ("auto", "none", "required") else None


def _tool(entry: object) -> Tool | OpaqueTool | None:
    if not isinstance(entry, Mapping):
        return None
    nested = entry.get(_FUNCTION)
    kind = entry.get("type", _FUNCTION if isinstance(nested, Mapping) else None)
    if kind == _FUNCTION:
        return _function(nested if isinstance(nested, Mapping) else entry)
    as_json = json_text(entry) if isinstance(kind, str) and kind else NULL
    return OpaqueTool(json=as_json) if as_json != NULL else None


def _function(source: Mapping[object, object]) -> Tool | None:
    name, description = source.get("name"), source.get("description")
    parameters = source.get("parameters")
    strict = source.get("strict")
    if not isinstance(name, str) or not name.strip() or len(name) > NAME_CHARS_MAX:
        return None
    schema = json_text(_NO_PARAMETERS if parameters is None else parameters)
    if schema == NULL or not (parameters is None or isinstance(parameters, Mapping)):
        return None
    return Tool(
        name=whole(name),
        description=whole(description) if isinstance(description, str) else "",
        parameters_json=schema,
        strict=strict if isinstance(strict, bool) else None,
    )
