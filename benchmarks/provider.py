"""A provider on loopback that is never the bottleneck: what to answer stands in the address.

    python -m benchmarks.provider            prints the port, serves until its input ends

The base address is `http://127.0.0.1:PORT/n=200,b=12/api/v1`. Keys of the spec, all integers:

    n   deltas of the answer (200)
    b   bytes of text in each (12)
    i   milliseconds between two deltas; 0 sends the whole answer in one write (0)
    e   1: name every event on an `event:` line as well, as some hosts do (0)

Answers are rendered once and then only written. A delta of a paced answer carries the time it
was sent, `<NANOSECONDS>` of the monotonic clock that all processes of a machine share.
"""

from __future__ import annotations

import asyncio
import functools
import json
import sys
import threading
import time
from dataclasses import dataclass
from typing import cast

from benchmarks.loops import run

WORDS = "a quick brown fox jumps over the lazy dog while seven wizards box quietly in the dark "

HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
MODELS_ON_OFFER = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What one address asks for."""

    n: int = 200
    b: int = 12
    i: int = 0
    e: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer as bytes. `deltas` are (before, after) the stamp; `whole` is all in one."""

    opening: bytes
    deltas: tuple[tuple[bytes, bytes], ...]
    closing: bytes
    whole: bytes


def parse_spec(text: str) -> Spec:
    """Read `n=200,b=12`; what is not named keeps its default."""
    given = dict(part.split("=", 1) for part in text.split(",") if "=" in part)
    return Spec(**{name: int(value) for name, value in given.items()})


def piece(number: int, size: int) -> str:
    """Return the text of one delta."""
    start = number * size % len(WORDS)
    return (WORDS * (size // len(WORDS) + 2))[start : start + size]


def chunk(payload: bytes) -> bytes:
    """Frame one HTTP chunk; every event is one, as a provider that flushes sends it."""
    return b"%x\r\n%s\r\n" % (len(payload), payload)


@functools.lru_cache(maxsize=64)
def answer_for(text: str) -> Answer:
    """Render the whole stream of a spec."""
    spec = parse_spec(text)
    frames = [chunk(_frame(spec, event)) for event in _events(spec)]
    first = next(n for n, frame in enumerate(frames) if b"output_text.delta" in frame)
    last = first + spec.n
    closing = b"".join(frames[last:]) + chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"
    opening = HEAD + b"".join(frames[:first])
    deltas = tuple(_cut(frame) for frame in frames[first:last])
    whole = opening + b"".join(frames[first:last]) + closing
    return Answer(opening=opening, deltas=deltas, closing=closing, whole=whole)


def _frame(spec: Spec, event: dict[str, object]) -> bytes:
    name = f"event: {event['type']}\n" if spec.e else ""
    return f"{name}data: {json.dumps(event, separators=(',', ':'))}\n\n".encode()


def _cut(frame: bytes) -> tuple[bytes, bytes]:
    """Split a framed delta around its text; the chunk is framed anew with each stamp."""
    payload = frame.split(b"\r\n", 1)[1].removesuffix(b"\r\n")
    start = payload.index(b'"delta":"') + len(b'"delta":"')
    return payload[:start], payload[payload.index(b'"', start) :]


def _events(spec: Spec) -> list[dict[str, object]]:
    """Everything a /responses stream says about one message, each thing as often as it does."""
    item = "msg_bench"
    place = {"item_id": item, "output_index": 0, "content_index": 0}
    texts = [piece(number, spec.b) for number in range(spec.n)]
    full = "".join(texts)
    part = {"type": "output_text", "text": full, "annotations": []}
    message = {"type": "message", "id": item, "role": "assistant", "status": "completed"}
    done = message | {"content": [part]}
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
    added = message | {"status": "in_progress", "content": []}
    ended = response | {"status": "completed", "output": [done], "usage": usage}
    said: list[tuple[str, dict[str, object]]] = [
        ("response.created", {"response": response}),
        ("response.in_progress", {"response": response}),
        ("response.output_item.added", {"output_index": 0, "item": added}),
        ("response.content_part.added", place | {"part": part | {"text": ""}}),
        *(("response.output_text.delta", place | {"delta": text}) for text in texts),
        ("response.output_text.done", place | {"text": full}),
        ("response.content_part.done", place | {"part": part}),
        ("response.output_item.done", {"output_index": 0, "item": done}),
        ("response.completed", {"response": ended}),
    ]
    return [
        {"type": kind, **fields, "sequence_number": number}
        for number, (kind, fields) in enumerate(said)
    ]


@functools.lru_cache(maxsize=1)
def models() -> bytes:
    """Render a catalog of the usual length; the model that is measured stands in it."""
    rows = [_model("bench/model"), *(_model(f"maker/model-{n}") for n in range(MODELS_ON_OFFER))]
    return json.dumps({"data": rows}).encode()


def _model(name: str) -> dict[str, object]:
    return {
        "id": name,
        "name": name.title(),
        "created": 1_700_000_000,
        "description": WORDS * 5,
        "context_length": 128_000,
        "architecture": {"input_modalities": ["text"], "output_modalities": ["text"]},
        "pricing": {"prompt": "0.000001", "completion": "0.000002"},
        "top_provider": {"context_length": 128_000, "max_completion_tokens": 4096},
        "supported_parameters": ["max_tokens", "temperature", "tools", "top_p"],
    }


class Connection(asyncio.Protocol):
    """One keep-alive connection; requests come one after another."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._unread = b""
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not derive from the class that they implement.
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._unread += data
        head, blank, rest = self._unread.partition(b"\r\n\r\n")
        if not blank:
            return
        length = _content_length(head)
        if len(rest) < length:
            return
        self._unread = rest[length:]
        method, path, _ = head.split(b" ", 2)
        self._answer(method, path.decode())

    def _answer(self, method: bytes, path: str) -> None:
        if path.endswith("/models"):
            self._plain(b"200 OK", models())
        elif method == b"POST" and path.endswith("/responses"):
            spec = path.split("/")[1]
            answer = answer_for("" if spec == "api" else spec)
            gap_ms = parse_spec(spec).i if "=" in spec else 0
            if gap_ms:
                self._transport.write(answer.opening)
                self._pace(answer, 0, self._loop.time() + gap_ms / 1000, gap_ms / 1000)
            else:
                self._transport.write(answer.whole)
        else:
            self._plain(b"404 Not Found", b"{}")

    def _plain(self, status: bytes, body: bytes) -> None:
        self._transport.write(
            b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
            % (status, len(body), body)
        )

    def _pace(self, answer: Answer, number: int, due_s: float, gap_s: float) -> None:
        """Plan the next delta; a late one does not delay those that follow."""
        if number < len(answer.deltas):
            self._timer = self._loop.call_at(
                due_s, self._send_delta, answer, number, due_s + gap_s, gap_s
            )
        else:
            self._transport.write(answer.closing)

    def _send_delta(self, answer: Answer, number: int, next_s: float, gap_s: float) -> None:
        before, after = answer.deltas[number]
        stamped = b"%s<%d>%s" % (before, time.monotonic_ns(), after)
        self._transport.write(chunk(stamped))
        self._pace(answer, number + 1, next_s, gap_s)


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


async def serve() -> None:
    """Listen, tell the port, and end with the process that started this one."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    ended = asyncio.Event()

    def wait_for_the_end() -> None:
        sys.stdin.read()
        loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    await ended.wait()
    server.close()


if __name__ == "__main__":
    run(serve())
