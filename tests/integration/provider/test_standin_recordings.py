"""Recorded answers, served byte for byte, and the command that serves them."""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
from pathlib import Path

import pytest

from bridge.standin import StandIn
from bridge.standin.command import add_arguments, run_command, serve_forever
from tests.integration.standin_wire import Seen, ask, chat_body, responses_body

STREAM = (
    b": OPENROUTER PROCESSING\r\n\r\n"
    b'data: {"id":"gen-1","choices":[{"delta":{"content":"Gr\xc3\xbc\xc3\x9fe"}}]}\n\n'
    b'data: {"id":"gen-1","choices":[{"delta":{"content":"!"}}]}\n\n'
    b"data: [DONE]"
)
LIMIT = b'{"error":{"code":429,"message":"busy"}}'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    (tmp_path / "greeting.sse").write_bytes(STREAM)
    (tmp_path / "sub" / "limit.json").write_bytes(LIMIT)
    (tmp_path.parent / "outside.sse").write_bytes(b"private")
    common = {"endpoint": "/api/v1/chat/completions", "model": "m"}
    entries = [
        {**common, "file": "greeting.sse", "transport": "sse", "http_status": 200, "headers": {}},
        {
            **common,
            "file": "sub/limit.json",
            "transport": "json",
            "http_status": 429,
            "headers": {"retry-after": "7"},
        },
        {**common, "file": "../outside.sse"},
    ]
    lines = "\n".join(json.dumps(entry) for entry in entries)
    (tmp_path / "index.jsonl").write_text(lines)
    return tmp_path


def see(folder: Path, path: str, body: object) -> Seen:
    async def scenario() -> Seen:
        async with await StandIn.start(recordings=folder) as standin:
            return await ask(standin, path, body)

    return asyncio.run(scenario())


def test_a_recording_comes_back_byte_for_byte(folder: Path) -> None:
    seen = see(folder, "/api/v1/chat/completions", chat_body("recorded/greeting"))
    assert seen.body == STREAM
    seen = see(folder, "/s/recording=greeting/api/v1/chat/completions", chat_body("any/model"))
    assert seen.body == STREAM


def test_a_recorded_refusal_keeps_status_and_headers(folder: Path) -> None:
    seen = see(folder, "/api/v1/chat/completions", chat_body("recorded/limit"))
    assert seen.status == 429
    assert seen.body == LIMIT
    assert b"retry-after: 7" in seen.head


def test_a_fault_can_strike_a_recording(folder: Path) -> None:
    spec = "/s/recording=greeting,fault=cut-between-frames,after=1/api/v1/chat/completions"
    seen = see(folder, spec, chat_body("any/model"))
    assert seen.ending == "closed"
    assert (
        b"".join(seen.chunks)
        == STREAM[: STREAM.index(b'data: {"id":"gen-1","choices":[{"delta":{"content":"!"')]
    )


def test_a_recording_belongs_to_its_endpoint(folder: Path) -> None:
    seen = see(folder, "/api/v1/responses", responses_body("recorded/greeting"))
    assert seen.status == 400
    assert b"/api/v1/chat/completions" in seen.body


def test_nothing_outside_the_folder_is_served(folder: Path) -> None:
    seen = see(folder, "/api/v1/chat/completions", chat_body("recorded/outside"))
    assert seen.status == 400
    models = see(folder, "/api/v1/models", None)
    assert models.status == 405


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(words)


def test_the_command_says_when_the_index_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(parsed("--port", "0", "--recordings", str(tmp_path))) == 1
    assert "index.jsonl" in capsys.readouterr().err


def test_the_command_says_when_the_port_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert run_command(parsed("--port", port)) == 1
    assert port in capsys.readouterr().err


def test_the_server_prints_its_address_and_stops_when_cancelled(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def scenario() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await serve_forever(port=0)

    asyncio.run(scenario())
    assert "http://127.0.0.1:" in capsys.readouterr().out
