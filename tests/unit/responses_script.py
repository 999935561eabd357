"""Small scripts of /responses streams, in the words of the wire."""

import json
from collections.abc import Iterable

from actors.values import StreamEnded, StreamEvent
from bridge.openrouter.codec_responses import ResponsesCodec

DONE = b"data: [DONE]\n\n"


def sse(*events: object) -> bytes:
    """Each event as OpenRouter frames it; text outside ASCII stays as it is."""
    return b"".join(
        b"data: " + json.dumps(event, ensure_ascii=False).encode() + b"\n\n" for event in events
    )


def event(kind: str, **fields: object) -> dict[str, object]:
    return {"type": kind, **fields}


def text_delta(text: str, output: int = 0, content: int = 0) -> dict[str, object]:
    return event(
        "response.output_text.delta", output_index=output, content_index=content, delta=text
    )


def raw_delta(text: str, output: int = 0, content: int = 0) -> dict[str, object]:
    return event(
        "response.reasoning_text.delta", output_index=output, content_index=content, delta=text
    )


def summary_delta(text: str, output: int = 0, summary: int = 0) -> dict[str, object]:
    return event(
        "response.reasoning_summary_text.delta",
        output_index=output,
        summary_index=summary,
        delta=text,
    )


def message(*texts: str) -> dict[str, object]:
    parts = [{"type": "output_text", "text": text, "annotations": []} for text in texts]
    return {"type": "message", "id": "msg_tmp_1", "role": "assistant", "content": parts}


def item_added(item: object, output: int = 0) -> dict[str, object]:
    return event("response.output_item.added", output_index=output, item=item)


def item_done(item: object, output: int = 0) -> dict[str, object]:
    return event("response.output_item.done", output_index=output, item=item)


def function_call(arguments: str = "", **fields: object) -> dict[str, object]:
    call = {"type": "function_call", "id": "fc_tmp_1", "call_id": "call_1", "name": "look"}
    return {**call, "arguments": arguments, **fields}


def arguments_delta(delta: str, output: int = 0) -> dict[str, object]:
    return event("response.function_call_arguments.delta", output_index=output, delta=delta)


def completed(*output: object, **fields: object) -> dict[str, object]:
    response = {"id": "gen-1", "model": "maker/model", "status": "completed", "output": output}
    return event("response.completed", response={**response, **fields})


def decoded(*chunks: bytes) -> list[StreamEvent]:
    """All events of a stream that arrives in these chunks."""
    decoder = ResponsesCodec().decoder()
    events = [event for chunk in chunks for event in decoder.feed(chunk)]
    return [*events, *decoder.finish()]


def before_the_end(*events: object) -> list[StreamEvent]:
    """What a stream tells that ends well, without its end."""
    return decoded(sse(*events, completed()))[:-1]


def decoded_body(*chunks: bytes) -> list[StreamEvent]:
    """All events of a body that arrives in these chunks."""
    decoder = ResponsesCodec().decoder(is_streaming=False)
    events = [event for chunk in chunks for event in decoder.feed(chunk)]
    return [*events, *decoder.finish()]


def the_end(events: Iterable[StreamEvent]) -> StreamEnded:
    (end,) = (event for event in events if isinstance(event, StreamEnded))
    return end
