"""A tree that nobody uses stops by itself, and nothing is lost by that (SPEC 192).

Nobody calls `close()` in Open WebUI. When it stops is looked at on virtual time; what it leaves
behind, with a real database and real archives, after a much shorter rest.
"""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pyzipper

from bridge.owui.pipe import pipe_class
from bridge.owui.residence import IDLE_STOP_S
from bridge.standin.server import StandIn
from bridge.standin.wishes import Wish
from tests.integration.door_stage import FUNCTION, ask, body, set_valves
from tests.integration.kept_rows import kept_kinds
from tests.integration.promise_stage import tasks_end
from tests.integration.quiet_stage import QuietScene, play_quietly
from tests.integration.tool_bench import Bench

PASSWORD = "open sesame, please"
REST_S = 0.3
PATIENCE_S = 20.0

# How the threads of a tree are called; others are the loop's own.
OURS = "greenroom"


def threads_of_trees() -> set[threading.Thread]:
    return {each for each in threading.enumerate() if each.name.startswith(OURS)}


def test_a_tree_that_nobody_used_for_a_quarter_of_an_hour_stops() -> None:
    async def play(stage: QuietScene) -> None:
        residence = stage.door.residence
        for _ in range(2):
            await stage.ask(stage.question())
            # Counted from the end of the last call.
            await asyncio.sleep(IDLE_STOP_S - 1.0)
            assert residence.has_tree
        await asyncio.sleep(2.0)
        assert not residence.has_tree

    play_quietly(play)


def test_a_tree_that_stopped_by_itself_starts_again_on_use() -> None:
    async def play(stage: QuietScene) -> None:
        await stage.ask(stage.question())
        await asyncio.sleep(IDLE_STOP_S + 1.0)
        went = await stage.ask(stage.question())
        assert went.said.ends == ("stop",)
        assert stage.door.residence.has_tree

    play_quietly(play)


def test_an_answer_that_takes_longer_is_no_rest() -> None:
    async def play(stage: QuietScene) -> None:
        await stage.ask(stage.question())
        went = await stage.ask(stage.question())
        assert went.said.ends == ("stop",)
        assert stage.door.residence.has_tree

    slow = Wish(n=20, b=8, pace_ms=100_000)
    play_quietly(play, Wish(script="plain"), slow, HTTP_SOCK_READ_SECONDS=600)


def test_what_was_acknowledged_is_kept_when_the_tree_has_stopped_by_itself(tmp_path: Path) -> None:
    async def main() -> None:
        before, threads = asyncio.all_tasks(), threads_of_trees()
        async with await StandIn.start() as standin:
            door: Any = pipe_class(FUNCTION, "one", None, None, idle_stop_s=REST_S)()
            set_valves(
                door,
                standin.base_url,
                ARTIFACT_DATABASE_URL=f"sqlite:///{tmp_path / 'kept.db'}",
                SESSION_LOG_STORE_ENABLED=True,
                SESSION_LOG_DIR=str(tmp_path / "logs"),
                SESSION_LOG_ZIP_PASSWORD=PASSWORD,
            )
            standin.plan(Wish(script="sealed-calls", times=3))
            ids = {"user_id": "ada", "chat_id": "c", "message_id": "m", "session_id": "s"}
            question = body("openai.gpt-5.2")
            said = await ask(
                door,
                question,
                __user__={"id": "ada"},
                __metadata__=ids,
                __tools__=Bench().registry(),
            )
            assert said.ends == ("stop",)
            assert "]: #" in said.text, "there is a mark for what was kept"
            async with asyncio.timeout(PATIENCE_S):
                while door.residence.has_tree or threads_of_trees() - threads:  # noqa: ASYNC110 - no event tells of a thread's end
                    await asyncio.sleep(0.05)
        await tasks_end(before)

    asyncio.run(main())
    kinds = kept_kinds(tmp_path / "kept.db")
    assert kinds.count("function_call") == kinds.count("function_call_output") == 2
    assert kinds.count("reasoning") >= 2
    assert not [kind for kind in kinds if kind.startswith("session_log")], "all is assembled"
    (archive,) = (tmp_path / "logs").rglob("*.zip")
    with closing(pyzipper.AESZipFile(archive)) as file:
        file.setpassword(PASSWORD.encode())
        lines = [json.loads(line) for line in file.read("logs.jsonl").splitlines()]
    assert lines[-1]["event_type"] == "request.ended"
