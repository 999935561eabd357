"""What a request says, read as a provider reads it, in either spelling.

A provider knows nothing of the chat but the request: which answer is wanted follows from what the
history holds. It takes no history in which a call has no output, or two, or somebody else's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

import msgspec
from msgspec import Raw, Struct

from actors.values import WireFormat
from bridge.chaos.faults.answers import Part, round_name


class Kind(Enum):
    """What an entry of a history is."""

    USER = "user"
    THOUGHT = "thought"
    TEXT = "text"
    CALL = "call"
    OUTPUT = "output"


# A kind, and what identifies the entry: a text, a call whole, the id and text of an output.
Entry: TypeAlias = tuple[Kind, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One request. `said` is its history; `is_changed` says that a remedy was used on it."""

    said: tuple[Entry, ...]
    is_changed: bool

    @property
    def asked_at(self) -> int:
        """Where the last question stands."""
        return max(at for at, (kind, _) in enumerate(self.said) if kind is Kind.USER)

    @property
    def visit(self) -> str:
        """Whose request it is: that is all that the user ever says."""
        return self.said[self.asked_at][1][0]

    @property
    def earlier(self) -> tuple[Entry, ...]:
        """What stands before the last question: earlier turns of the chat."""
        return self.said[: self.asked_at]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which answer a request asks for, from 1; the outputs it brought; what is wrong with it."""

    number: int
    outputs: tuple[tuple[str, str], ...]
    problem: str = ""


def wanted_of(heard: Heard, part: Part) -> Wanted:
    """Hold a history against what was said in the chat.

    Args:
        heard: the request.
        part: what the provider has said, and will say.
    """
    number, outputs = 1, []
    left = list(heard.said[heard.asked_at + 1 :])
    while left:
        for entry in _spoken(heard.visit, part, number):
            if not left or left[0] != entry:
                return _wrong(number, entry, left)
            left.pop(0)
        for call in part.answer(number).calls(round_name(heard.visit, number)):
            if not left or left[0][0] is not Kind.OUTPUT or left[0][1][0] != call.call_id:
                return _wrong(number, (Kind.OUTPUT, (call.call_id,)), left)
            call_id, text = left.pop(0)[1]
            outputs.append((call_id, text))
        number += 1
    return Wanted(number=number, outputs=tuple(outputs))


def problem_of(
    earlier: Iterable[Entry],
    *,
    text_of_visit: Callable[[str], str | None],
    gave: Callable[[str, str], bool],
) -> str:
    """Say what a provider would find fault with in earlier turns, or what was never said; "".

    Args:
        earlier: what stands before the last question.
        text_of_visit: the words of an answer of this chat; None: it is none of this chat.
        gave: whether a tool has said this to this call.
    """
    visit, follows = "", Kind.USER
    waiting: list[str] = []
    seen: set[str] = set()
    for kind, about in (*earlier, (Kind.USER, ("",))):
        if kind is not Kind.OUTPUT and kind is not Kind.CALL and waiting:
            return f"{waiting[0]} has no output"
        if follows is Kind.THOUGHT and kind in (Kind.USER, Kind.OUTPUT):
            return f"a thought of {visit} led to nothing"
        match kind:
            case Kind.USER:
                visit = about[0]
                if visit and text_of_visit(visit) is None:
                    return f"{visit} is of another chat"
            case Kind.TEXT:
                if about[0] != text_of_visit(visit):
                    return f"{visit} was not answered {about[0]!r}"
            case Kind.CALL:
                if about[0] in seen or not about[0].startswith(f"call_{visit}r"):
                    return f"{about[0]} stands in the turn of {visit}, or twice"
                seen.add(about[0])
                waiting.append(about[0])
            case Kind.OUTPUT:
                if about[0] not in waiting or not gave(*about):
                    return f"{about[0]} has an output that is not its own"
                waiting.remove(about[0])
            case Kind.THOUGHT:
                pass
        follows = kind
    return ""


def _wrong(number: int, entry: Entry, left: list[Entry]) -> Wanted:
    found = "nothing" if not left else f"{left[0][0].value} {left[0][1]}"
    problem = f"instead of {entry[0].value} {entry[1]} there is {found}"
    return Wanted(number=number, outputs=(), problem=problem)


def _spoken(visit: str, part: Part, number: int) -> Iterator[Entry]:
    """Give what an answer has to look like when it is sent back."""
    answer, name = part.answer(number), round_name(visit, number)
    content, reasoning = answer.told(name)
    if reasoning:
        yield Kind.THOUGHT, ()
    if content:
        yield Kind.TEXT, (content,)
    for call in answer.calls(name):
        yield Kind.CALL, (call.call_id, call.name, call.sent_back)


# --- reading -------------------------------------------------------------------------------------


class _Block(Struct):
    text: str = ""


class _Item(Struct):
    type: str
    role: str = ""
    content: list[_Block] | None = None
    call_id: str = ""
    name: str = ""
    arguments: str = ""
    output: str = ""


class _ResponsesBody(Struct):
    input: list[_Item]
    temperature: float | None = None


class _Function(Struct):
    name: str
    arguments: str


class _Call(Struct):
    id: str
    function: _Function


class _Message(Struct):
    role: str
    content: list[_Block] | str | None = None
    tool_calls: list[_Call] | None = None
    reasoning_details: list[Raw] | None = None
    tool_call_id: str = ""


class _ChatBody(Struct):
    messages: list[_Message]
    temperature: float | None = None


def _heard_responses(body: bytes) -> Heard:
    request = msgspec.json.decode(body, type=_ResponsesBody)
    said = tuple(map(_item_entry, request.input))
    return Heard(said=said, is_changed=request.temperature is not None)


def _item_entry(item: _Item) -> Entry:
    match item.type:
        case "function_call":
            return Kind.CALL, (item.call_id, item.name, item.arguments)
        case "function_call_output":
            return Kind.OUTPUT, (item.call_id, item.output)
        case "reasoning":
            return Kind.THOUGHT, ()
        case _:
            return _text_kind(item.role), (_text_of(item.content),)


def _heard_chat(body: bytes) -> Heard:
    request = msgspec.json.decode(body, type=_ChatBody)
    said = tuple(entry for message in request.messages for entry in _message_entries(message))
    return Heard(said=said, is_changed=request.temperature is not None)


def _message_entries(message: _Message) -> Iterator[Entry]:
    text = _text_of(message.content)
    if message.role == "tool":
        yield Kind.OUTPUT, (message.tool_call_id, text)
        return
    if message.reasoning_details:
        yield Kind.THOUGHT, ()
    if text:
        yield _text_kind(message.role), (text,)
    for call in message.tool_calls or ():
        yield Kind.CALL, (call.id, call.function.name, call.function.arguments)


def _text_kind(role: str) -> Kind:
    return Kind.TEXT if role == "assistant" else Kind.USER


def _text_of(content: list[_Block] | str | None) -> str:
    if isinstance(content, str):
        return content
    return "".join(block.text for block in content or ())


READERS: Final[Mapping[WireFormat, Callable[[bytes], Heard]]] = {
    WireFormat.RESPONSES: _heard_responses,
    WireFormat.CHAT: _heard_chat,
}
