"""Small scripts of chat answers, in the words of the wire."""

import json
from collections.abc import Iterable
from typing import TypeVar

from actors.values import ReasoningMade, StreamEnded, StreamEvent
from bridge.openrouter.codec_chat import ChatCodec

DONE = b"data: [DONE]\n\n"

_Event = TypeVar("_Event", bound=StreamEvent)


def sse(*events: object) -> bytes:
    """Each event as OpenRouter frames it; text outside ASCII stays as it is."""
    return b"".join(
        b"data: " + json.dumps(event, ensure_ascii=False).encode() + b"\n\n" for event in events
    )


def chunk(
    *,
    finish: str | None = None,
    native: str | None = None,
    top: dict[str, object] | None = None,
    **delta: object,
) -> dict[str, object]:
    choice = {
        "index": 0,
        "delta": {"role": "assistant", **delta},
        "finish_reason": finish,
        "native_finish_reason": native,
    }
    return {"id": "gen-1", "model": "maker/model", "choices": [choice], **(top or {})}


def text_delta(text: str) -> dict[str, object]:
    return chunk(content=text)


def detail(text: str, **fields: object) -> dict[str, object]:
    return {"type": "reasoning.text", "text": text, "format": "unknown", "index": 0, **fields}


def summary(text: str, **fields: object) -> dict[str, object]:
    return {"type": "reasoning.summary", "summary": text, "index": 0, **fields}


def thought(text: str, *details: object) -> dict[str, object]:
    """Thinking as OpenRouter words it: twice."""
    return chunk(content="", reasoning=text, reasoning_details=list(details) or [detail(text)])


def call_piece(
    index: int | None = 0, call_id: str | None = None, name: str | None = None, arguments: str = ""
) -> dict[str, object]:
    function = {"name": name, "arguments": arguments}
    return chunk(content=None, tool_calls=[{"index": index, "id": call_id, "function": function}])


def finished(reason: str = "stop", *, usage: object = None, native: str | None = None) -> object:
    return chunk(finish=reason, native=native, content="", top={"usage": usage} if usage else None)


def decoded(*chunks: bytes, is_streaming: bool = True) -> list[StreamEvent]:
    """All events of an answer that arrives in these chunks."""
    decoder = ChatCodec().decoder(is_streaming=is_streaming)
    events = [event for chunk in chunks for event in decoder.feed(chunk)]
    return [*events, *decoder.finish()]


def body(document: object) -> list[StreamEvent]:
    """All events of an answer that comes as one body."""
    return decoded(json.dumps(document).encode(), is_streaming=False)


def only(events: Iterable[StreamEvent], kind: type[_Event]) -> list[_Event]:
    return [event for event in events if isinstance(event, kind)]


def the_end(events: Iterable[StreamEvent]) -> StreamEnded:
    (end,) = only(events, StreamEnded)
    return end


def details_made(events: Iterable[StreamEvent]) -> object:
    """What is to be sent back of the thinking."""
    (made,) = only(events, ReasoningMade)
    return json.loads(made.reasoning.json)
