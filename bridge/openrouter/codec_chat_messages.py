"""The history as chat messages. Pure.

Chat knows no items: what a model thought, said and called in one answer is one message, and a
run of such items becomes one. Everything else stays a message of its own, word for word.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from msgspec import Raw, Struct

from actors.values import Item, Mark, OpaqueItem, Reasoning, Role, ToolCall, ToolOutput, Turn
from bridge.openrouter.codec_chat_cache import marked
from bridge.openrouter.loose_json import member
from bridge.openrouter.wire_chat import written
from bridge.openrouter.wire_chat_blocks import Block, block_of, text_block
from bridge.openrouter.wire_chat_details import details_of
from bridge.openrouter.wire_chat_json import raw_json, read_json

_ASSISTANT = Role.ASSISTANT.value
_SYSTEM = Role.SYSTEM.value
_GUIDING = (_SYSTEM, Role.DEVELOPER.value)
_CITATION = "url_citation"


class _Function(Struct):
    name: str
    arguments: str


class _Call(Struct):
    id: str
    type: str
    function: _Function


class Message(Struct, omit_defaults=True):
    """One message on the wire. `content` is null where an answer only calls."""

    role: str
    content: list[Raw] | str | None
    tool_calls: list[_Call] | None = None
    reasoning_details: Raw | None = None
    annotations: list[Raw] | None = None
    phase: str | None = None
    tool_call_id: str | None = None


@dataclass(slots=True, kw_only=True)
class _Draft:
    """A message under way. Only an answer has more than its blocks."""

    role: str
    blocks: list[Block] = field(default_factory=list)
    calls: list[_Call] = field(default_factory=list)
    thoughts: list[Reasoning] = field(default_factory=list)
    annotations: list[Raw] = field(default_factory=list)
    phase: str = ""
    output: ToolOutput | None = None

    @property
    def is_sent(self) -> bool:
        """Whether there is anything in it. Some providers refuse thinking that led to nothing."""
        return bool(self.blocks or self.calls or self.output is not None)


def messages_of(
    items: Iterable[Item], *, instructions: str, cache_ttl: str | None, marks_elsewhere: int
) -> list[Message]:
    """Write the history.

    Args:
        items: the conversation, oldest first; a turn without parts has nothing to say.
        instructions: go before the system message, or make one.
        cache_ttl: None leaves all cache marks as they came.
        marks_elsewhere: how many cache marks the request has outside of its messages.
    """
    drafts = [draft for draft in _drafts(items) if draft.is_sent]
    if instructions:
        drafts = _with_instructions(drafts, instructions)
    contents: Sequence[Sequence[Block]] = [draft.blocks for draft in drafts]
    if cache_ttl is not None:
        roles = [(draft.role, draft.blocks) for draft in drafts]
        contents = marked(roles, ttl=cache_ttl, marks_elsewhere=marks_elsewhere)
    return [_message(draft, blocks) for draft, blocks in zip(drafts, contents, strict=True)]


def _drafts(items: Iterable[Item]) -> list[_Draft]:
    drafts: list[_Draft] = []
    answer: _Draft | None = None
    # Thinking belongs to what it led to.
    thoughts: list[Reasoning] = []
    for item in items:
        if isinstance(item, OpaqueItem | Mark) or (isinstance(item, Turn) and not item.parts):
            # Items of the other endpoint have no place here; a mark left over names nothing.
            continue
        if isinstance(item, Reasoning):
            thoughts.append(item)
            continue
        if isinstance(item, ToolOutput) or (isinstance(item, Turn) and not _is_answer(item)):
            if answer is not None:
                answer.thoughts += thoughts
            answer, thoughts = None, []
            drafts.append(_apart(item))
            continue
        if answer is None or _is_of_another_phase(answer, item):
            answer = _Draft(role=_ASSISTANT)
            drafts.append(answer)
        answer.thoughts += thoughts
        thoughts = []
        _add(answer, item)
    if answer is not None:
        answer.thoughts += thoughts
    return drafts


def _is_answer(turn: Turn) -> bool:
    return turn.role is Role.ASSISTANT


def _is_of_another_phase(answer: _Draft, item: Item) -> bool:
    """Whether a text must not join the message: it has one place in a longer work, not two.

    Calls that wait for their output must stay the last thing said, so they are never left behind.
    """
    if not isinstance(item, Turn) or not answer.blocks or answer.calls:
        return False
    return answer.phase != item.phase


def _apart(item: Turn | ToolOutput) -> _Draft:
    if isinstance(item, ToolOutput):
        return _Draft(role="tool", output=item)
    return _Draft(role=item.role.value, blocks=_blocks(item))


def _add(answer: _Draft, item: Turn | ToolCall) -> None:
    if isinstance(item, Turn):
        answer.blocks += _blocks(item)
        notes = map(_annotation, item.annotations)
        answer.annotations += [note for note in notes if note is not None]
        answer.phase = answer.phase or item.phase
        return
    arguments = item.arguments if item.arguments.strip() else "{}"
    function = _Function(name=item.name, arguments=arguments)
    answer.calls.append(_Call(id=item.call_id, type="function", function=function))


def _blocks(turn: Turn) -> list[Block]:
    return [block for part in turn.parts if (block := block_of(part)) is not None]


def _annotation(json: str) -> Raw | None:
    """Pass a note on; a citation in the flat spelling of /responses is nested."""
    note = read_json(json)
    if not isinstance(note, dict):
        return None
    if note.get("type") != _CITATION or member(note, _CITATION) is not None:
        return raw_json(json)
    cited = {name: value for name, value in note.items() if name != "type"}
    return Raw(written({"type": _CITATION, _CITATION: cited}).encode())


def _with_instructions(drafts: list[_Draft], instructions: str) -> list[_Draft]:
    if not drafts or drafts[0].role not in _GUIDING:
        return [_Draft(role=_SYSTEM, blocks=[text_block(instructions)]), *drafts]
    first = drafts[0]
    # Blocks may be put together without anything in between.
    blocks = [text_block(f"{instructions}\n\n"), *first.blocks]
    return [_Draft(role=first.role, blocks=blocks), *drafts[1:]]


def _message(draft: _Draft, blocks: Sequence[Block]) -> Message:
    if draft.output is not None:
        output = draft.output
        return Message(role=draft.role, content=output.output, tool_call_id=output.call_id)
    return Message(
        role=draft.role,
        content=[Raw(block.json) for block in blocks] or None,
        tool_calls=draft.calls or None,
        reasoning_details=details_of(draft.thoughts),
        annotations=draft.annotations or None,
        phase=draft.phase or None,
    )
