"""What a request says of the conversation so far, free of either endpoint's spelling. Pure.

Only the turn that is under way is read: what follows the last message of the user.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from bridge.standin.call_ids import round_of
from bridge.standin.frames import Endpoint, Json, JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Thought:
    """What was thought in one go; every text is joined, however it was told."""

    text: str = ""
    summary: str = ""
    sealed: str = ""
    signature: str = ""

    def joined(self, other: Thought) -> Thought:
        """Return both as one."""
        return Thought(
            text=self.text + other.text,
            summary=self.summary + other.summary,
            sealed=self.sealed + other.sealed,
            signature=self.signature + other.signature,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call that the model is said to have made."""

    call_id: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What a call is said to have given back."""

    call_id: str
    text: str


Event: TypeAlias = Thought | Call | Output


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedTool:
    """A function that the model may call."""

    name: str
    parameters: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """The turn under way: what the user said last, and what came of it so far."""

    question: str
    events: tuple[Event, ...]
    tools: tuple[OfferedTool, ...]

    @property
    def outputs(self) -> tuple[Output, ...]:
        """What the tools gave back, oldest first."""
        return tuple(event for event in self.events if isinstance(event, Output))

    @property
    def rounds_over(self) -> int:
        """How many answers with calls have been followed by outputs."""
        rounds = [round_of(output.call_id) for output in self.outputs]
        ours = [number for number in rounds if number is not None]
        # Calls that somebody else made up count as one round together.
        return max(ours) + 1 if ours else int(bool(rounds))

    @property
    def newest_outputs(self) -> tuple[Output, ...]:
        """What came since the last answer."""
        newest = self.rounds_over - 1
        ours = tuple(out for out in self.outputs if round_of(out.call_id) == newest)
        return ours or self.outputs


def heard_in(endpoint: Endpoint, document: JsonObject) -> Heard:
    """Read a request."""
    if endpoint is Endpoint.RESPONSES:
        question, turn = _turn(document.get("input"))
        events = tuple(_joined(event for item in turn for event in _item_events(item)))
    else:
        question, turn = _turn(document.get("messages"))
        events = tuple(_joined(event for item in turn for event in _message_events(item)))
    return Heard(question=question, events=events, tools=tuple(_tools(document.get("tools"))))


def _turn(given: Json) -> tuple[str, Sequence[JsonObject]]:
    """Return what the user said last, and all that follows it."""
    if isinstance(given, str):
        return given, ()
    items = [item for item in _items(given) if isinstance(item, Mapping)]
    asked = [place for place, item in enumerate(items) if item.get("role") == "user"]
    if not asked:
        return "", items
    return content_text(items[asked[-1]].get("content")), items[asked[-1] + 1 :]


def content_text(content: Json) -> str:
    """Return the text of a message, whether it came as a string or in parts."""
    if isinstance(content, str):
        return content
    texts = (part.get("text") for part in _items(content) if isinstance(part, Mapping))
    return "\n".join(text for text in texts if isinstance(text, str))


def _item_events(item: JsonObject) -> Iterator[Event]:
    match item.get("type"):
        case "reasoning":
            yield Thought(
                text=_texts(item.get("content")),
                summary=_texts(item.get("summary")),
                sealed=_text(item.get("encrypted_content")),
                signature=_text(item.get("signature")),
            )
        case "function_call":
            yield Call(call_id=_text(item.get("call_id")), name=_text(item.get("name")))
        case "function_call_output":
            yield Output(call_id=_text(item.get("call_id")), text=content_text(item.get("output")))


def _message_events(message: JsonObject) -> Iterator[Event]:
    for detail in _items(message.get("reasoning_details")):
        if isinstance(detail, Mapping):
            yield Thought(
                text=_text(detail.get("text")),
                summary=_text(detail.get("summary")),
                sealed=_text(detail.get("data")),
                signature=_text(detail.get("signature")),
            )
    for call in _items(message.get("tool_calls")):
        if isinstance(call, Mapping):
            function = call.get("function")
            named = function if isinstance(function, Mapping) else {}
            yield Call(call_id=_text(call.get("id")), name=_text(named.get("name")))
    if message.get("role") == "tool":
        yield Output(
            call_id=_text(message.get("tool_call_id")), text=content_text(message.get("content"))
        )


def _joined(events: Iterable[Event]) -> Iterator[Event]:
    """Join thoughts that follow each other: the two endpoints cut them in different places."""
    pending: Thought | None = None
    for event in events:
        if isinstance(event, Thought):
            pending = event if pending is None else pending.joined(event)
            continue
        if pending is not None:
            yield pending
            pending = None
        yield event
    if pending is not None:
        yield pending


def _tools(given: Json) -> Iterator[OfferedTool]:
    for tool in _items(given):
        if not isinstance(tool, Mapping) or tool.get("type") != "function":
            continue
        function = tool.get("function", tool)
        if isinstance(function, Mapping):
            parameters = function.get("parameters")
            yield OfferedTool(
                name=_text(function.get("name")),
                parameters=parameters if isinstance(parameters, Mapping) else {},
            )


def _items(value: Json) -> Sequence[Json]:
    return value if isinstance(value, list) else ()


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _texts(parts: Json) -> str:
    return "".join(_text(part.get("text")) for part in _items(parts) if isinstance(part, Mapping))
