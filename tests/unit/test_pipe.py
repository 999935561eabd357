"""The door when what is behind it cannot even be made."""

import asyncio
import json
import logging
from typing import Any

import pytest

from bridge.app import Ports
from bridge.owui.pipe import pipe_class

INTERNAL = "**Something went wrong inside this function.**"
KEY = "sk-or-v1-very-secret"


def no_ports() -> Ports:
    raise RuntimeError("there is no world")


def broken_door() -> Any:
    door: Any = pipe_class("broken", "one", None, no_ports)()
    door.valves = door.Valves(API_KEY=KEY)
    return door


def question(*, stream: bool) -> dict[str, object]:
    messages = [{"role": "user", "content": "a secret question"}]
    return {"model": "broken.maker.model", "stream": stream, "messages": messages}


async def text_of(answer: Any) -> str:
    chunks = [json.loads(line.removeprefix("data: ")) async for line in answer]
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    return "".join(delta.get("content", "") for delta in deltas)


def test_a_bug_of_ours_becomes_an_answer_on_every_way() -> None:
    async def main() -> None:
        door = broken_door()
        assert (await text_of(await door.pipe(question(stream=True)))).startswith(INTERNAL)
        whole = await door.pipe(question(stream=False))
        assert whole["choices"][0]["message"]["content"].startswith(INTERNAL)
        task = await door.pipe(question(stream=False), __task__="title_generation")
        assert task.startswith("[Task error]")
        assert door.residence.guests == 0

    asyncio.run(main())


def test_a_bug_of_ours_leaves_one_entry_in_the_list_of_models() -> None:
    door = broken_door()
    (entry,) = asyncio.run(door.pipes())
    assert entry["id"] == "greenroom-setup"
    assert door.residence.guests == 0


def test_a_bug_of_ours_is_logged_with_its_place_and_without_secrets(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        door = broken_door()
        await door.pipes()
        await door.pipe(question(stream=False))

    asyncio.run(main())
    told = [logging.Formatter().format(record) for record in caplog.records]
    assert len([text for text in told if "no_ports" in text]) == 2
    assert not [text for text in told if KEY in text or "a secret question" in text]


def test_making_a_door_needs_no_loop_and_starts_nothing() -> None:
    door = pipe_class("quiet", "one", None, no_ports)()
    assert door.type == "manifold"
    assert door.residence.guests == 0


@pytest.mark.parametrize("key", ["", "encrypted:xxx"])
def test_without_a_usable_key_nothing_is_started(key: str) -> None:
    door = broken_door()
    door.valves = door.Valves(API_KEY=key)
    (entry,) = asyncio.run(door.pipes())
    assert "inside" not in entry["name"]
    whole = asyncio.run(door.pipe(question(stream=False)))
    assert "valve API_KEY" in whole["choices"][0]["message"]["content"]
