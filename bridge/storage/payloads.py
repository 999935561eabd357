"""A stored item as JSON text, in the form of the earlier pipe. Pure.

A payload is one /responses item, and a reasoning item is kept byte for byte. Three things are
ours; the earlier pipe's reader passes over them:

- `"_place"` at its end: how many items of the answer come before it; left out where it is 0;
- thinking of the chat endpoint: `{"type":"reasoning","wire":"chat_completions",
  "reasoning_details":[...]}`;
- what has no form of its own (no JSON, no `type`, a name that means something here):
  `{"type":...,"exact":"opaque","wire":...,"text":"..."}` holds the text itself.

So everything can be written, and reads as what it was. Lone surrogates alone become U+FFFD, as
they do everywhere (SPEC 91).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final, TypeAlias, assert_never

import msgspec
from msgspec import Raw

from actors.artifacts import StoredItem
from actors.values import OpaqueItem, Reasoning, ToolCall, ToolOutput, WireFormat
from bridge.transforms.json_text import json_text, json_value
from bridge.transforms.text import whole

REASONING: Final = "reasoning"
CALL: Final = "function_call"
CALL_OUTPUT: Final = "function_call_output"

# The earlier pipe says so of calls and outputs, and the endpoint takes it.
COMPLETED: Final = "completed"

_PLACE: Final = re.compile(r',"_place":([1-9][0-9]{0,8})\}\Z')
_CHAT: Final = WireFormat.CHAT.value
_EXACT_REASONING: Final = "reasoning"
_EXACT_OPAQUE: Final = "opaque"

_Members: TypeAlias = Mapping[str, Raw]


class PayloadBroken(Exception):
    """A payload says nothing that could be sent back."""


def type_of(item: StoredItem) -> str:
    """Name the kind of an item, as its column says; "" where an opaque item has no type."""
    match item:
        case Reasoning():
            return REASONING
        case ToolCall():
            return CALL
        case ToolOutput():
            return CALL_OUTPUT
        case OpaqueItem(json=text):
            value = json_value(text)
            kind = value.get("type") if isinstance(value, dict) else None
            return kind if isinstance(kind, str) else ""
        case _:
            assert_never(item)


def payload_text(item: StoredItem, place: int) -> str:
    """Write an item; the text can always be encoded, and is always a JSON object."""
    match item:
        case ToolCall(call_id=call_id, name=name, arguments=arguments):
            call = {"type": CALL, "call_id": call_id, "name": name, "arguments": arguments}
            return _placed(json_text({**call, "status": COMPLETED}), place)
        case ToolOutput(call_id=call_id, output=output):
            result = {"type": CALL_OUTPUT, "call_id": call_id, "output": output}
            return _placed(json_text({**result, "status": COMPLETED}), place)
        case Reasoning(wire=wire, json=text):
            plain = text if wire is WireFormat.RESPONSES else _chat_thinking(text)
            return _as_it_is(item, plain, place) or _exact(_EXACT_REASONING, item, place)
        case OpaqueItem(json=text):
            return _as_it_is(item, text, place) or _exact(_EXACT_OPAQUE, item, place)
        case _:
            assert_never(item)


def item_of(payload: str) -> tuple[StoredItem, int]:
    """Read an item and its place.

    Raises:
        PayloadBroken: no JSON object, without a type, or a call without its parts.
    """
    text, place = _without_place(payload)
    members = _members(text)
    if members is None:
        # Half an escape: the reader of before was not so strict.
        text = _mended(text)
        members = _members(text)
    if members is None:
        raise PayloadBroken
    return _item(text, members), place


def _item(text: str, members: _Members) -> StoredItem:
    kind = _string(members, "type")
    if (exact := _string(members, "exact")) in {_EXACT_REASONING, _EXACT_OPAQUE}:
        return _exact_item(exact, members)
    match kind:
        case "function_call":
            return ToolCall(
                call_id=_required(members, "call_id"),
                name=_required(members, "name"),
                arguments=_text_or_json(members, "arguments"),
            )
        case "function_call_output":
            return ToolOutput(
                call_id=_required(members, "call_id"), output=_text_or_json(members, "output")
            )
        case "reasoning" if _string(members, "wire") == _CHAT:
            details = members.get("reasoning_details")
            if details is None:
                raise PayloadBroken
            return Reasoning(wire=WireFormat.CHAT, json=bytes(details).decode())
        case "reasoning":
            return Reasoning(wire=WireFormat.RESPONSES, json=text)
        case None | "":
            raise PayloadBroken
        case _:
            return OpaqueItem(wire=WireFormat.RESPONSES, json=text)


# --- the text itself, where it has no form of its own --------------------------------------------


def _exact(exact: str, item: Reasoning | OpaqueItem, place: int) -> str:
    kind = type_of(item) or exact
    text = whole(item.json)
    fields = {"type": kind, "exact": exact, "wire": item.wire.value, "text": text}
    return _placed(json_text(fields), place)


def _exact_item(exact: str, members: _Members) -> StoredItem:
    text = _required(members, "text")
    try:
        wire = WireFormat(_required(members, "wire"))
    except ValueError:
        raise PayloadBroken from None
    if exact == _EXACT_REASONING:
        return Reasoning(wire=wire, json=text)
    return OpaqueItem(wire=wire, json=text)


def _as_it_is(item: Reasoning | OpaqueItem, text: str, place: int) -> str | None:
    """Return the text with its place where it would read as this very item, else None."""
    payload = _placed(text, place)
    try:
        payload.encode()
        return payload if item_of(payload) == (item, place) else None
    except (PayloadBroken, UnicodeEncodeError):
        return None


def _chat_thinking(details: str) -> str:
    return f'{{"type":"{REASONING}","wire":"{_CHAT}","reasoning_details":{details}}}'


# --- the place ------------------------------------------------------------------------------------


def _placed(text: str, place: int) -> str:
    """Write the place before the last bracket; the rest of the text stays as it is."""
    return f'{text[:-1]},"_place":{place}}}' if place and text.endswith("}") else text


def _without_place(payload: str) -> tuple[str, int]:
    found = _PLACE.search(payload)
    if found is None:
        return payload, 0
    return payload[: found.start()] + "}", int(found[1])


# --- reading --------------------------------------------------------------------------------------


def _members(text: str) -> dict[str, Raw] | None:
    """Take an object apart without reading its values."""
    try:
        return msgspec.json.decode(text, type=dict[str, Raw])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def _mended(text: str) -> str:
    try:
        return json_text(json.loads(text))
    except (ValueError, RecursionError):
        raise PayloadBroken from None


def _string(members: _Members, name: str) -> str | None:
    raw = members.get(name)
    value = None if raw is None else json_value(bytes(raw).decode())
    return value if isinstance(value, str) else None


def _required(members: _Members, name: str) -> str:
    text = _string(members, name)
    if text is None:
        raise PayloadBroken
    return text


def _text_or_json(members: _Members, name: str) -> str:
    """Return a string itself, and anything else as the JSON it is."""
    raw = members.get(name)
    if raw is None:
        raise PayloadBroken
    text = _string(members, name)
    return bytes(raw).decode() if text is None else text
