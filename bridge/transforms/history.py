"""Messages of a chat, as Open WebUI and OpenAI clients write them, to items of a conversation.

Pure, and linear in what it reads. A message is taken as it comes: what cannot be sent is left
out and counted, never an error (SPEC 26, 29-36). Message by message, so that a history that has
grown gives the same items as before, and more (SPEC 121).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from actors.pairing import paired
from actors.values import (
    Item,
    OpaquePart,
    Part,
    Reasoning,
    Role,
    TextPart,
    ToolCall,
    ToolOutput,
    Turn,
    WireFormat,
)
from bridge.transforms.blocks import parts_of, text_of
from bridge.transforms.details import without_details
from bridge.transforms.json_text import NULL, json_text
from bridge.transforms.marks import (
    MARKS_PER_CHAT_MAX,
    MARKS_PER_MESSAGE_MAX,
    has_marks,
    in_order,
    newest,
    without_marks,
)
from bridge.transforms.text import whole

TOOL_ROLE: Final = "tool"
NO_ARGUMENTS: Final = "{}"

_ROLES: Final = {role.value: role for role in Role}
# Bound once: in Python 3.11 a look at a member of an enum costs as much as a call.
_ASSISTANT: Final = Role.ASSISTANT
_TEXT_ALONE: Final = {TextPart}
_PHASES: Final = frozenset({"commentary", "final_answer"})


class History(Struct, frozen=True, kw_only=True, gc=False):
    """A conversation, and what did not go in as it came.

    `messages_dropped` had no role that is sent, or nothing to say; `items_dropped` are calls
    and outputs without each other, and thinking that led to nothing. `blocks_opaque` are
    content blocks that are not known and passed on unchanged. `marks_dropped` were more than a
    conversation may have.
    """

    items: tuple[Item, ...]
    messages_dropped: int = 0
    items_dropped: int = 0
    blocks_opaque: int = 0
    marks_dropped: int = 0


def history_of(messages: object, *, keeps_marks: bool = False, recalls: bool = False) -> History:
    """Read the messages of a body.

    Args:
        messages: what stands there; anything but a list counts as empty.
        keeps_marks: whether texts keep what they say about caching; see `parts_of`.
        recalls: marks of artifacts become items in their places (SPEC 39, 40). Otherwise they
            are only taken out of the answers: no model reads them.
    """
    listed: Sequence[object] = messages if isinstance(messages, list | tuple) else ()
    items: list[Item] = []
    dropped = 0
    # Ids that were made up for calls without one, for outputs that have none either.
    unnamed: deque[str] = deque()
    reading = _Reading(unnamed=unnamed, keeps_marks=keeps_marks, recalls=recalls)
    for position, message in enumerate(listed):
        before = len(items)
        # `dict` first: to ask for the abstract class costs a multiple.
        if isinstance(message, (dict, Mapping)):
            spelled = message.get("role")
            role = _ROLES.get(spelled) if isinstance(spelled, str) else None
            if role is _ASSISTANT:
                items += _answer(message, position, reading)
            elif role is not None:
                if parts := parts_of(message.get("content"), keeps_marks=keeps_marks):
                    items.append(Turn(role=role, parts=parts))
            elif spelled == TOOL_ROLE:
                items.append(_output(message, unnamed))
        dropped += len(items) == before
    may_be_many = recalls and len(items) > MARKS_PER_CHAT_MAX
    kept = newest(items, MARKS_PER_CHAT_MAX) if may_be_many else items
    pairs = paired(kept)
    return History(
        items=pairs.items,
        messages_dropped=dropped,
        items_dropped=pairs.dropped,
        marks_dropped=len(items) - len(kept),
        blocks_opaque=_blocks_opaque(pairs.items),
    )


def _blocks_opaque(items: Sequence[Item]) -> int:
    count = 0
    for item in items:
        if type(item) is Turn and {*map(type, item.parts)} != _TEXT_ALONE:
            for part in item.parts:
                count += type(part) is OpaquePart
    return count


class _Reading(Struct, kw_only=True, gc=False):
    """How messages are read; see `history_of`. `unnamed` are ids that were made up for calls."""

    unnamed: deque[str]
    keeps_marks: bool
    recalls: bool


def _answer(message: Mapping[object, object], position: int, reading: _Reading) -> Iterator[Item]:
    """Read an answer: its thinking comes before what it led to (FACTS, Reasoning)."""
    thinking = _objects(message.get("reasoning_details"))
    if thinking and (as_json := json_text(thinking)) != NULL:
        yield Reasoning(wire=WireFormat.CHAT, json=as_json)
    parts = _spoken(parts_of(message.get("content"), keeps_marks=reading.keeps_marks))
    refusal = message.get("refusal")
    if not parts and isinstance(refusal, str) and refusal:
        parts = (TextPart(text=whole(refusal)),)
    if parts:
        if not has_marks(parts):
            yield _turn(message, parts)
        elif reading.recalls:
            yield from _marked(message, parts)
        elif said := without_marks(parts):
            yield _turn(message, said)
    # Ids that nobody asked for by the next answer belong to calls without an output.
    unnamed = reading.unnamed
    unnamed.clear()
    calls = message.get("tool_calls")
    for index, call in enumerate(calls if isinstance(calls, list | tuple) else ()):
        made_up = f"call_{position}_{index}"
        if (read := _call(call, made_up)) is not None:
            if read.call_id == made_up:
                unnamed.append(made_up)
            yield read


def _marked(message: Mapping[object, object], parts: tuple[Part, ...]) -> list[Item]:
    """Read what was said around marks; what was noted on it goes with the last of it."""
    pieces = in_order(parts)
    last = max((at for at, piece in enumerate(pieces) if isinstance(piece, tuple)), default=-1)
    items: list[Item] = [
        _turn(message, piece, has_notes=at == last) if isinstance(piece, tuple) else piece
        for at, piece in enumerate(pieces)
    ]
    return newest(items, MARKS_PER_MESSAGE_MAX)


def _turn(
    message: Mapping[object, object], parts: tuple[Part, ...], *, has_notes: bool = True
) -> Turn:
    phase = message.get("phase")
    notes = _objects(message.get("annotations")) if has_notes else ()
    return Turn(
        role=_ASSISTANT,
        parts=parts,
        annotations=tuple(as_json for note in notes if (as_json := json_text(note)) != NULL),
        phase=phase if isinstance(phase, str) and phase in _PHASES else "",
    )


def _spoken(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    spoken: list[Part] = []
    for part in parts:
        if isinstance(part, TextPart):
            text = without_details(part.text)
            if text:
                spoken.append(part if text == part.text else replace(part, text=text))
        else:
            spoken.append(part)
    return tuple(spoken)


def _call(call: object, made_up: str) -> ToolCall | None:
    """Read a call, nested as chat has it or flat; None without the name of a tool."""
    if not isinstance(call, Mapping):
        return None
    function = call.get("function")
    source: Mapping[object, object] = function if isinstance(function, Mapping) else call
    name = source.get("name")
    if not isinstance(name, str) or not name.strip():
        return None
    return ToolCall(
        call_id=_id(call, "id", "call_id") or made_up,
        name=whole(name),
        arguments=_arguments(source.get("arguments")),
    )


def _arguments(value: object) -> str:
    """Return arguments as JSON text; none at all is an empty object (SPEC 32)."""
    if isinstance(value, str):
        return whole(value) if value.strip() else NO_ARGUMENTS
    as_json = NO_ARGUMENTS if value is None else json_text(value)
    return NO_ARGUMENTS if as_json == NULL else as_json


def _output(message: Mapping[object, object], unnamed: deque[str]) -> ToolOutput:
    named = _id(message, "tool_call_id", "call_id")
    call_id = named or (unnamed.popleft() if unnamed else "")
    return ToolOutput(call_id=call_id, output=text_of(message.get("content")))


def _id(source: Mapping[object, object], *names: str) -> str:
    found = (source.get(name) for name in names)
    return next((whole(each) for each in found if isinstance(each, str) and each), "")


def _objects(value: object) -> list[object]:
    """Return a list of objects as it is; empty for any other kind of value."""
    if not isinstance(value, list | tuple):
        return []
    return [each for each in value if isinstance(each, Mapping)]
