"""Requests that hold half a character, as a program that cuts text by UTF-16 units leaves it. Pure.

No UTF-8 can hold such a half; a request with one is mended before it is written (SPEC 91).
"""

from __future__ import annotations

from msgspec.structs import replace

from actors.values import (
    ChatRequest,
    ImagePart,
    Item,
    Mark,
    OpaqueItem,
    OpaqueTool,
    Part,
    Reasoning,
    TextPart,
    Tool,
    ToolCall,
    ToolOutput,
    Turn,
)
from bridge.openrouter.wire_text import mend


def mended(request: ChatRequest) -> ChatRequest:
    """Return the request with every surrogate half in it joined or replaced.

    Parameters are left as they are: they are decoded, and mended on the way, where they are sent.
    """
    return replace(
        request,
        model=mend(request.model),
        items=tuple(map(_mended_item, request.items)),
        tools=tuple(map(_mended_tool, request.tools)),
    )


def _mended_item(item: Item) -> Item:
    match item:
        case Turn():
            return replace(
                item,
                parts=tuple(map(_mended_part, item.parts)),
                annotations=tuple(map(mend, item.annotations)),
                phase=mend(item.phase),
            )
        case ToolCall():
            return replace(
                item,
                call_id=mend(item.call_id),
                name=mend(item.name),
                arguments=mend(item.arguments),
            )
        case ToolOutput():
            return replace(item, call_id=mend(item.call_id), output=mend(item.output))
        case Reasoning() | OpaqueItem():
            return replace(item, json=mend(item.json))
        case Mark():
            return item


def _mended_part(part: Part) -> Part:
    if isinstance(part, TextPart):
        return replace(part, text=mend(part.text))
    if isinstance(part, ImagePart):
        return replace(part, url=mend(part.url), detail=mend(part.detail))
    return replace(part, json=mend(part.json))


def _mended_tool(tool: Tool | OpaqueTool) -> Tool | OpaqueTool:
    if isinstance(tool, OpaqueTool):
        return replace(tool, json=mend(tool.json))
    return replace(
        tool,
        name=mend(tool.name),
        description=mend(tool.description),
        parameters_json=mend(tool.parameters_json),
    )
