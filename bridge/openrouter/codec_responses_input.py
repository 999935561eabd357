"""The history as the `input` and `tools` of POST /responses. Pure.

Each item depends on itself and its position alone, never on what follows: a longer history
begins with the same bytes, so that a provider's prompt cache recognises it (SPEC 121).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, assert_never

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from actors.values import (
    ImagePart,
    Item,
    Mark,
    OpaqueItem,
    OpaquePart,
    OpaqueTool,
    Part,
    Reasoning,
    Role,
    TextPart,
    Tool,
    ToolCall,
    ToolOutput,
    Turn,
    WireFormat,
)
from bridge.openrouter.codec_responses_blocks import (
    INPUT_TEXT,
    NEVER_SENT,
    OUTPUT_TEXT,
    document_of,
    is_media,
    type_of,
    wire_block,
    wire_note,
)
from bridge.openrouter.codec_responses_reasoning import ReasoningItem, items_from_details
from bridge.openrouter.loose_json import text

# Bound once: in Python 3.11 a look at a member of an enum costs as much as a call.
_ASSISTANT: Final = Role.ASSISTANT

NO_ARGUMENTS: Final = "{}"
NO_PARAMETERS: Final = b'{"type":"object","properties":{}}'


class _InputText(Struct, tag_field="type", tag="input_text"):
    text: str


class _OutputText(Struct, tag_field="type", tag="output_text"):
    text: str
    annotations: list[Raw] = []


class _InputImage(Struct, tag_field="type", tag="input_image"):
    image_url: str
    detail: str


_Content = _InputText | _OutputText | _InputImage | Raw


class _Message(Struct, tag_field="type", tag="message"):
    role: Role
    content: list[_Content]


class _SpokenMessage(_Message, tag="message"):
    """An answer of before that holds more than words; the endpoint takes it as input."""

    phase: str | UnsetType = UNSET


class _Answer(_Message, tag="message"):
    """An answer of before. The endpoint wants an id and a status on these, and only on these."""

    id: str
    status: str = "completed"
    phase: str | UnsetType = UNSET


class _Call(Struct, tag_field="type", tag="function_call"):
    call_id: str
    name: str
    arguments: str


class _CallOutput(Struct, tag_field="type", tag="function_call_output"):
    call_id: str
    output: str


class _Function(Struct, tag_field="type", tag="function"):
    name: str
    parameters: Raw | None
    description: str | UnsetType = UNSET
    strict: bool | UnsetType = UNSET


_WireItem = _Message | _Call | _CallOutput | ReasoningItem | Raw


def wire_input(items: Sequence[Item]) -> list[_WireItem]:
    """Turn the history into items, in its order."""
    written: list[_WireItem] = []
    for position, item in enumerate(items):
        if isinstance(item, Turn):
            # A turn without parts has nothing to say.
            if content := _contents(item):
                written.append(_message(position, item, content))
        else:
            written += _wire_items(position, item)
    return written


def wire_tools(tools: Iterable[Tool | OpaqueTool]) -> list[_Function | Raw]:
    """Write the tools, flat as this endpoint wants them."""
    return [_function(tool) if isinstance(tool, Tool) else _opaque_tool(tool) for tool in tools]


def _wire_items(
    position: int, item: ToolCall | ToolOutput | Reasoning | OpaqueItem | Mark
) -> Iterator[_WireItem]:
    match item:
        case ToolCall(call_id=call_id, name=name, arguments=arguments):
            yield _Call(call_id=call_id, name=name, arguments=arguments or NO_ARGUMENTS)
        case ToolOutput(call_id=call_id, output=output):
            yield _CallOutput(call_id=call_id, output=output)
        case Reasoning(wire=WireFormat.CHAT, json=json):
            yield from items_from_details(json, id_prefix=f"rs_{position}")
        case Reasoning(json=json):
            kind = type_of(json)
            # What is no item at all would spoil the body around it.
            if kind is not None and kind not in NEVER_SENT:
                yield Raw(json.encode())
        case OpaqueItem(wire=wire, json=json):
            if wire is WireFormat.RESPONSES and type_of(json) is not None:
                yield Raw(json.encode())
        case Mark():
            # What it names could not be had: the conversation goes on without.
            pass
        case _:
            assert_never(item)


def _message(position: int, turn: Turn, content: list[_Content]) -> _Message:
    role = turn.role
    if role is not _ASSISTANT:
        return _Message(role=role, content=content)
    phase = turn.phase or UNSET
    if _is_spoken(turn):
        return _SpokenMessage(role=role, content=content, phase=phase)
    return _Answer(role=role, content=content, id=f"msg_{position}", phase=phase)


def _is_spoken(turn: Turn) -> bool:
    """Say whether a turn holds what the endpoint takes from no answer: an image, a file."""
    return any(
        isinstance(part, ImagePart) or (isinstance(part, OpaquePart) and is_media(part.json))
        for part in turn.parts
    )


def _contents(turn: Turn) -> list[_Content]:
    parts = turn.parts
    if turn.role is not _ASSISTANT and len(parts) == 1 and type(part := parts[0]) is TextPart:
        # Nearly every question; answers look for more below.
        return [_InputText(text=part.text)]
    is_answer = turn.role is _ASSISTANT and not _is_spoken(turn)
    text_type = OUTPUT_TEXT if is_answer else INPUT_TEXT
    content = [block for part in parts if (block := _content(part, text_type)) is not None]
    if not turn.annotations:
        return content
    texts = [block for block in content if isinstance(block, _OutputText)]
    if texts:
        notes = filter(None, map(wire_note, turn.annotations))
        texts[-1].annotations = [Raw(note) for note in notes]
    return content


def _content(part: Part, text_type: str) -> _Content | None:
    if isinstance(part, TextPart):
        kind = _OutputText if text_type == OUTPUT_TEXT else _InputText
        return kind(text=part.text)
    if isinstance(part, ImagePart):
        return _InputImage(image_url=part.url, detail=part.detail)
    block = wire_block(part.json, text_type)
    return None if block is None else Raw(block)


def _function(tool: Tool) -> _Function:
    return _Function(
        name=tool.name,
        parameters=Raw(tool.parameters_json.encode() or NO_PARAMETERS),
        description=tool.description or UNSET,
        strict=UNSET if tool.strict is None else tool.strict,
    )


def _opaque_tool(tool: OpaqueTool) -> _Function | Raw:
    """Pass a tool on as it is; of a function in the spelling of chat, take it out of its box."""
    document = document_of(tool.json)
    nested = None if document is None else document.get("function")
    if document is None or document.get("type") != "function" or not isinstance(nested, dict):
        return Raw(tool.json.encode())
    parameters, strict = nested.get("parameters"), nested.get("strict")
    return _Function(
        name=text(nested.get("name")),
        parameters=Raw(msgspec.json.encode(parameters))
        if isinstance(parameters, dict)
        else Raw(NO_PARAMETERS),
        description=text(nested.get("description")) or UNSET,
        strict=strict if isinstance(strict, bool) else UNSET,
    )
