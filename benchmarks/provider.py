"""A provider on loopback that is never the bottleneck: what to answer stands in the address.

    python -m benchmarks.provider            prints the port, serves until its input ends

The base address is `http://127.0.0.1:PORT/n=200,b=12/api/v1`; what may stand in it says
`answers.py`. A delta of a paced answer carries the time it was sent, `<NANOSECONDS>` of the
monotonic clock that all processes of a machine share.
"""

from __future__ import annotations

import asyncio
import functools
import json
import sys
import threading
import time
from typing import Final, cast

from benchmarks.answers import WORDS, Answer, answer_for, calls_for, chunk, parse_spec
from benchmarks.loops import run

MODELS_ON_OFFER: Final = 300

# A request that brings outputs has had its calls.
OUTPUT: Final = b'"function_call_output"'


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
        body, self._unread = rest[:length], rest[length:]
        method, path, _ = head.split(b" ", 2)
        self._answer(method, path.decode(), body)

    def _answer(self, method: bytes, path: str, body: bytes) -> None:
        if path.endswith("/models"):
            self._plain(b"200 OK", models())
        elif method == b"POST" and path.endswith("/responses"):
            text = path.split("/")[1]
            spec, answer = parse_spec(text), answer_for(text)
            if spec.t and OUTPUT not in body:
                self._transport.write(calls_for(text))
            elif spec.i:
                gap_s = spec.i / 1000
                self._transport.write(answer.opening)
                self._pace(answer, 0, self._loop.time() + gap_s, gap_s)
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
