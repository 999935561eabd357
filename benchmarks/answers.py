"""What the provider of the benchmarks answers, as bytes: rendered once, then only written.

Keys of a spec such as `n=200,b=12`, all integers:

    n   deltas of the answer (200)
    b   bytes of text in each (12)
    i   milliseconds between two deltas; 0 sends the whole answer in one write (0)
    e   1: name every event on an `event:` line as well, as some hosts do (0)
    t   calls that come first, all in one answer; the deltas follow when their outputs came (0)
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

WORDS = "a quick brown fox jumps over the lazy dog while seven wizards box quietly in the dark "

HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)

# Models word arguments in pieces of about this size.
ARGUMENT_CHARS = 8

# What happens in a stream: the name of an event, and what it says.
Event: TypeAlias = tuple[str, dict[str, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What one address asks for."""

    n: int = 200
    b: int = 12
    i: int = 0
    e: int = 0
    t: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer as bytes. `deltas` are (before, after) the stamp; `whole` is all in one."""

    opening: bytes
    deltas: tuple[tuple[bytes, bytes], ...]
    closing: bytes
    whole: bytes


@functools.lru_cache(maxsize=64)
def parse_spec(text: str) -> Spec:
    """Read `n=200,b=12`; what is not named keeps its default."""
    given = dict(part.split("=", 1) for part in text.split(",") if "=" in part)
    return Spec(**{name: int(value) for name, value in given.items()})


def tool_name(number: int) -> str:
    """Return what the tool of the n-th call is called."""
    return f"look_up_{number}"


def piece(number: int, size: int) -> str:
    """Return the text of one delta."""
    start = number * size % len(WORDS)
    return (WORDS * (size // len(WORDS) + 2))[start : start + size]


def chunk(payload: bytes) -> bytes:
    """Frame one HTTP chunk; every event is one, as a provider that flushes sends it."""
    return b"%x\r\n%s\r\n" % (len(payload), payload)


@functools.lru_cache(maxsize=64)
def answer_for(text: str) -> Answer:
    """Render the stream of a spec that has the deltas."""
    spec = parse_spec(text)
    frames = _frames(spec, _message(spec))
    first = next(n for n, frame in enumerate(frames) if b"output_text.delta" in frame)
    last = first + spec.n
    closing = b"".join(frames[last:]) + chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"
    opening = HEAD + b"".join(frames[:first])
    deltas = tuple(_cut(frame) for frame in frames[first:last])
    whole = opening + b"".join(frames[first:last]) + closing
    return Answer(opening=opening, deltas=deltas, closing=closing, whole=whole)


@functools.lru_cache(maxsize=64)
def calls_for(text: str) -> bytes:
    """Render the stream of a spec that has the calls."""
    spec = parse_spec(text)
    frames = _frames(spec, _calls(spec))
    return HEAD + b"".join(frames) + chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"


def _frames(spec: Spec, said: Sequence[Event]) -> list[bytes]:
    events = [
        {"type": kind, **fields, "sequence_number": number}
        for number, (kind, fields) in enumerate(said)
    ]
    return [chunk(_frame(spec, event)) for event in events]


def _frame(spec: Spec, event: dict[str, object]) -> bytes:
    name = f"event: {event['type']}\n" if spec.e else ""
    return f"{name}data: {json.dumps(event, separators=(',', ':'))}\n\n".encode()


def _cut(frame: bytes) -> tuple[bytes, bytes]:
    """Split a framed delta around its text; the chunk is framed anew with each stamp."""
    payload = frame.split(b"\r\n", 1)[1].removesuffix(b"\r\n")
    start = payload.index(b'"delta":"') + len(b'"delta":"')
    return payload[:start], payload[payload.index(b'"', start) :]


# --- what happens in a stream, each thing as often as a /responses stream says it ---------------


def _message(spec: Spec) -> list[Event]:
    """Say one message."""
    place = {"item_id": "msg_bench", "output_index": 0, "content_index": 0}
    texts = [piece(number, spec.b) for number in range(spec.n)]
    full = "".join(texts)
    part = {"type": "output_text", "text": full, "annotations": []}
    message = {"type": "message", "id": "msg_bench", "role": "assistant", "status": "completed"}
    done = message | {"content": [part]}
    added = message | {"status": "in_progress", "content": []}
    return _response(
        spec,
        [done],
        [
            ("response.output_item.added", {"output_index": 0, "item": added}),
            ("response.content_part.added", place | {"part": part | {"text": ""}}),
            *(("response.output_text.delta", place | {"delta": text}) for text in texts),
            ("response.output_text.done", place | {"text": full}),
            ("response.content_part.done", place | {"part": part}),
            ("response.output_item.done", {"output_index": 0, "item": done}),
        ],
    )


def _calls(spec: Spec) -> list[Event]:
    """Call all tools, one item each."""
    items: list[dict[str, object]] = []
    said: list[Event] = []
    for number in range(spec.t):
        arguments = json.dumps({"query": f"the house number {number}", "limit": 3})
        place = {"item_id": f"fc_{number}", "output_index": number}
        item: dict[str, object] = {
            "type": "function_call",
            "id": f"fc_{number}",
            "call_id": f"call_{number}",
            "name": tool_name(number),
            "arguments": arguments,
            "status": "completed",
        }
        added = item | {"arguments": "", "status": "in_progress"}
        starts = range(0, len(arguments), ARGUMENT_CHARS)
        pieces = (arguments[start : start + ARGUMENT_CHARS] for start in starts)
        told = place | {"name": tool_name(number), "arguments": arguments}
        said += [
            ("response.output_item.added", {"output_index": number, "item": added}),
            *(("response.function_call_arguments.delta", place | {"delta": p}) for p in pieces),
            ("response.function_call_arguments.done", told),
            ("response.output_item.done", {"output_index": number, "item": item}),
        ]
        items.append(item)
    return _response(spec, items, said)


def _response(
    spec: Spec, output: Sequence[dict[str, object]], said: Sequence[Event]
) -> list[Event]:
    """Put around it what every stream begins and ends with."""
    response: dict[str, object] = {
        "id": "gen-bench",
        "object": "response",
        "created_at": 1_700_000_000,
        "model": "bench/model",
        "status": "in_progress",
        "output": [],
        "tools": [],
        "temperature": 1.0,
        "top_p": 1.0,
        "metadata": {},
        "error": None,
        "usage": None,
    }
    usage = {
        "input_tokens": 42,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": spec.n,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 42 + spec.n,
        "cost": 0.00123,
    }
    ended = response | {"status": "completed", "output": list(output), "usage": usage}
    return [
        ("response.created", {"response": response}),
        ("response.in_progress", {"response": response}),
        *said,
        ("response.completed", {"response": ended}),
    ]
