"""Tools as chat takes them: functions nested, tools of the provider as they are. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec import Raw, Struct

from actors.values import OpaqueTool, Tool
from bridge.openrouter.loose_json import member, text
from bridge.openrouter.wire_chat_json import raw_json, read_json

_FUNCTION_MEMBERS: Final = ("name", "description", "parameters", "strict")
_NO_PARAMETERS: Final = Raw(b'{"type":"object","properties":{}}')


class _Function(Struct, omit_defaults=True):
    name: str
    parameters: Raw
    description: str = ""
    strict: bool | None = None


class _FunctionTool(Struct, tag_field="type", tag="function"):
    function: _Function


def tools_of(tools: Iterable[Tool | OpaqueTool]) -> list[Raw]:
    """Write the tools in their order; one that is no JSON is left out."""
    told = (_function(tool) if isinstance(tool, Tool) else _opaque(tool) for tool in tools)
    return [tool for tool in told if tool is not None]


def marks_in(tools: Iterable[Tool | OpaqueTool]) -> int:
    """Count the tools that carry a cache mark of their own."""
    return sum(
        isinstance(tool, OpaqueTool) and bool(member(read_json(tool.json), "cache_control"))
        for tool in tools
    )


def _function(tool: Tool) -> Raw:
    parameters = raw_json(tool.parameters_json)
    is_schema = parameters is not None and bytes(parameters).lstrip().startswith(b"{")
    function = _Function(
        name=tool.name,
        description=tool.description,
        parameters=parameters if parameters is not None and is_schema else _NO_PARAMETERS,
        strict=tool.strict,
    )
    return Raw(msgspec.json.encode(_FunctionTool(function=function)))


def _opaque(tool: OpaqueTool) -> Raw | None:
    """Pass a tool on; a function in the flat spelling of /responses is nested."""
    value = read_json(tool.json)
    is_flat = member(value, "type") == "function" and member(value, "function") is None
    if not isinstance(value, dict) or not (is_flat and text(value.get("name"))):
        return raw_json(tool.json) if isinstance(value, dict) else None
    function = {name: value[name] for name in _FUNCTION_MEMBERS if value.get(name) is not None}
    others = {
        name: other
        for name, other in value.items()
        if name not in ("type", *_FUNCTION_MEMBERS) and other is not None
    }
    return Raw(msgspec.json.encode({"type": "function", "function": function, **others}))
