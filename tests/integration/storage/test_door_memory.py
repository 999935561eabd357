"""What a later turn knows of an earlier one, through the whole house and a database on disk.

SPEC 37 to 45; session logs as SPEC 166 to 175.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pyzipper

from bridge.standin.wishes import Wish
from tests.integration.kept_rows import kept_rows
from tests.integration.promise_stage import Scene, Way, Went, Wire, scene
from tests.integration.tool_bench import Bench

KEY = "a key that nobody can guess"
MARK = re.compile(r"\[[^\]]*\]:\s*#|\[openrouter:[^\]]*\]")
THINKER = "openai.gpt-5.2"
WIRES = pytest.mark.parametrize("wire", Wire, ids=[wire.value for wire in Wire])
WAYS = pytest.mark.parametrize("way", Way, ids=[way.value for way in Way])


@asynccontextmanager
async def kept_scene(
    folder: Path, *wishes: Wish, way: Way = Way.STREAM, wire: Wire = Wire.RESPONSES, **valves: Any
) -> AsyncIterator[Scene]:
    address = f"sqlite:///{folder / 'kept.db'}"
    valves = {"ARTIFACT_DATABASE_URL": address, **valves}
    async with scene(*wishes, way=way, wire=wire, ports=None, **valves) as stage:
        yield stage


async def turns(stage: Scene, *questions: str, **given: Any) -> list[Went]:
    """Ask one after the other, each with the whole history, as Open WebUI does."""
    went: list[Went] = []
    messages: list[dict[str, Any]] = []
    for number, question in enumerate(questions, 1):
        messages.append({"role": "user", "content": question})
        body = stage.question(THINKER) | {"messages": list(messages)}
        around = stage.surroundings("ada")
        ids = {**around["__metadata__"], "message_id": f"message-{number}"}  # type: ignore[dict-item]
        went.append(await stage.ask(body, **{"__metadata__": ids, **given}))
        messages.append({"role": "assistant", "content": went[-1].said.text})
    return went


def rows(folder: Path) -> list[tuple[Any, ...]]:
    return kept_rows(folder / "kept.db")


def play(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(main())


def kinds(sent: dict[str, Any]) -> list[str]:
    """What a request to the provider holds, in its order."""
    if "input" in sent:
        return [
            item["role"] if item["type"] == "message" else item["type"] for item in sent["input"]
        ]
    told: list[str] = []
    for message in sent["messages"]:
        told += ["reasoning"] if message.get("reasoning_details") else []
        told += ["function_call"] * len(message.get("tool_calls") or ())
        if message["role"] == "tool":
            told.append("function_call_output")
        elif message.get("content"):
            told.append(message["role"])
    return told


THOUGHT, CALLED = ["reasoning"], ["function_call", "function_call_output"]
THINKS = Wish(script="thinking")
CALLS = Wish(script="three-rounds", times=4)


@WIRES
@WAYS
def test_thinking_and_tools_of_earlier_turns_are_sent_in_their_places(
    tmp_path: Path, way: Way, wire: Wire
) -> None:
    async def main() -> None:
        async with kept_scene(tmp_path, CALLS, THINKS, way=way, wire=wire) as stage:
            await turns(stage, "One?", "Two?", "Three?", __tools__=Bench().registry())
            sent = kinds(stage.posts[-1].body)
        assert sent == [
            *("user", *CALLED, *CALLED, *CALLED, "assistant"),
            *("user", *THOUGHT, "assistant"),
            "user",
        ]

    play(main)
    written = {(row[1], row[2], row[6]) for row in rows(tmp_path)}
    assert written == {("chat-1", "message-1", 0), ("chat-1", "message-2", 0)}


def test_a_tree_that_was_stopped_remembers(tmp_path: Path) -> None:
    async def main() -> None:
        async with kept_scene(tmp_path, THINKS) as stage:
            (first,) = await turns(stage, "One?")
            await stage.door.close()
            assert await again(stage, first) == ["user", *THOUGHT, "assistant", "user"]

    play(main)


def test_with_a_key_nothing_on_disk_can_be_read_and_everything_is_recalled(tmp_path: Path) -> None:
    async def main() -> None:
        async with kept_scene(tmp_path, CALLS, ARTIFACT_ENCRYPTION_KEY=KEY) as stage:
            await turns(stage, "One?", "Two?", __tools__=Bench().registry())
            sent = kinds(stage.posts[-1].body)
        assert sent.count("function_call_output") == 3

    play(main)
    assert rows(tmp_path)
    assert all(row[6] == 1 for row in rows(tmp_path))
    assert "18 degrees" not in str(rows(tmp_path))


def test_a_new_key_reads_what_the_previous_one_sealed(tmp_path: Path) -> None:
    async def main() -> None:
        async with kept_scene(tmp_path, CALLS, ARTIFACT_ENCRYPTION_KEY=KEY) as stage:
            bench = Bench().registry()
            first = await turns(stage, "One?", __tools__=bench)
            stage.change(
                ARTIFACT_ENCRYPTION_KEY="another key, as good as the first",
                ARTIFACT_ENCRYPTION_KEY_PREVIOUS=KEY.replace(" ", ""),
            )
            lost = await again(stage, first[0], __tools__=bench)
            stage.change(ARTIFACT_ENCRYPTION_KEY=KEY, ARTIFACT_ENCRYPTION_KEY_PREVIOUS="")
            found = await again(stage, first[0], __tools__=bench)
        assert lost.count("function_call_output") == 0
        assert found.count("function_call_output") == 3

    play(main)


async def again(stage: Scene, first: Went, **given: Any) -> list[str]:
    """Ask after a first turn, and return what the provider was sent."""
    messages = [
        {"role": "user", "content": "One?"},
        {"role": "assistant", "content": first.said.text},
        {"role": "user", "content": "Two?"},
    ]
    await stage.ask(stage.question(THINKER) | {"messages": messages}, **given)
    return kinds(stage.posts[-1].body)


@pytest.mark.parametrize(
    "valves",
    [
        {"ARTIFACT_DATABASE_URL": "postgresql://ada:nobody-sees-this@127.0.0.1:1/none"},
        {"ARTIFACT_DATABASE_URL": "sqlite:////proc/none/kept.db"},
        {"ARTIFACT_DATABASE_URL": "no address at all"},
    ],
    ids=["away", "no folder", "no address"],
)
def test_a_database_that_cannot_be_used_leaves_the_answer_without_marks(
    tmp_path: Path, valves: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """SPEC 45: and the admin reads why, once."""

    async def main() -> None:
        async with kept_scene(tmp_path, THINKS, **valves) as stage:
            went = await turns(stage, "One?", "Two?")
            assert not any(MARK.search(each.said.text) for each in went)
            told = [str(event) for event in stage.beside(went[0])]
            assert any("Storage" in each for each in told), told
            assert went[0].said.ends == ("stop",)

    play(main)
    said = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert len([text for text in said if "are not kept" in text]) == 1
    assert "nobody-sees-this" not in caplog.text


def test_a_key_that_protects_nothing_keeps_nothing_and_says_so(tmp_path: Path) -> None:
    async def main() -> None:
        async with kept_scene(tmp_path, THINKS, ARTIFACT_ENCRYPTION_KEY="k") as stage:
            went = await turns(stage, "One?")
            assert not MARK.search(went[0].said.text)
            listed = await stage.door.pipes()
            assert "ARTIFACT_ENCRYPTION_KEY" in str(listed) or any(
                row["id"] == "greenroom-setup" for row in listed
            )

    play(main)
    assert not (tmp_path / "kept.db").exists()


@pytest.mark.parametrize("chat_id", ["local:abc", "temporary:abc", "channel:abc", ""])
def test_of_a_chat_that_is_not_kept_nothing_is_kept(tmp_path: Path, chat_id: str) -> None:
    async def main() -> None:
        async with kept_scene(tmp_path, THINKS) as stage:
            around = {"user_id": "ada", "chat_id": chat_id, "message_id": "m", "session_id": "s"}
            went = await stage.ask(stage.question(THINKER), __metadata__=around)
            assert not MARK.search(went.said.text)

    play(main)
    assert not (tmp_path / "kept.db").exists() or rows(tmp_path) == []


def test_thinking_for_one_reply_is_gone_after_it(tmp_path: Path) -> None:
    """SPEC 43."""

    async def main() -> None:
        async with kept_scene(
            tmp_path, THINKS, Wish(script="plain"), PERSIST_REASONING_TOKENS="next_reply"
        ) as stage:
            await turns(stage, "One?", "Two?", "Three?")
            second, third = (kinds(post.body) for post in stage.posts[-2:])
            assert second == ["user", *THOUGHT, "assistant", "user"]
            assert third == ["user", "assistant", "user", "assistant", "user"]

    play(main)
    assert rows(tmp_path) == []


@WAYS
def test_a_chat_leaves_a_session_log_that_opens_with_the_password_alone(
    tmp_path: Path, way: Way
) -> None:
    """SPEC 168 to 174: closing assembles what is staged."""
    password = "open sesame, please"

    async def main() -> None:
        async with kept_scene(
            tmp_path,
            CALLS,
            way=way,
            SESSION_LOG_STORE_ENABLED=True,
            SESSION_LOG_DIR=str(tmp_path / "logs"),
            SESSION_LOG_ZIP_PASSWORD=password,
        ) as stage:
            await turns(stage, "One secret question?", __tools__=Bench().registry())

    play(main)
    (archive,) = (tmp_path / "logs").rglob("*.zip")
    assert archive.relative_to(tmp_path / "logs") == Path("ada/chat-1/message-1.zip")
    with pyzipper.AESZipFile(archive) as file:
        with pytest.raises(RuntimeError):
            file.read("logs.jsonl")
        file.setpassword(password.encode())
        lines = [json.loads(line) for line in file.read("logs.jsonl").splitlines()]
    steps = [line["event_type"] for line in lines]
    assert steps[0] == "request.begun"
    assert steps.count("tool.ended") == 3
    assert steps[-1] == "request.ended"
    assert {line["user_id"] for line in lines} == {"ada"}
    assert "secret question" not in str(lines)
    assert all(
        row[4] not in {"session_log_segment", "session_log_terminal"} for row in rows(tmp_path)
    )
