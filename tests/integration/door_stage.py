"""What the tests of the door share: a door without Open WebUI, and a reader of what it says."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from bridge.owui.pipe import pipe_class
from bridge.owui.residence import residences_here
from bridge.standin.scripts import named_script

FUNCTION = "door"
PLAIN = "standin.plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One answer, put together from its chunks."""

    text: str
    thoughts: str
    ends: tuple[str, ...]
    usages: int


def read(lines: list[str]) -> Said:
    text, thoughts, ends, usages = "", "", [], 0
    for line in lines:
        assert line.startswith("data: ")
        chunk = json.loads(line.removeprefix("data: "))
        usages += "usage" in chunk
        for choice in chunk["choices"]:
            assert not ends, "nothing follows the end"
            text += choice["delta"].get("content", "")
            thoughts += choice["delta"].get("reasoning_content", "")
            ends += filter(None, [choice["finish_reason"]])
    return Said(text=text, thoughts=thoughts, ends=tuple(ends), usages=usages)


def body(model: str = PLAIN, *, stream: bool = True, **more: object) -> dict[str, object]:
    messages = [{"role": "user", "content": "Hello there"}]
    return {"model": f"{FUNCTION}.{model}", "stream": stream, "messages": messages, **more}


def script_text(name: str) -> str:
    script = named_script(name)
    assert script is not None
    spoken = [beat for beat in script.beats if getattr(beat, "voice", None)]
    return "".join(beat.text for beat in spoken if beat.voice.value in {"text", "refusal"})


async def listen(door: Any, question: object, user: str = "ada") -> Said:
    """Ask and hear the answer to its end."""
    answer = await door.pipe(question, __user__={"id": user})
    return read([line async for line in answer])


@asynccontextmanager
async def open_door(
    base_url: str, *, build: str = "one", function_id: str = FUNCTION, **valves: object
) -> AsyncIterator[Any]:
    """One function, as Open WebUI would have it, closed at the end."""
    door: Any = pipe_class(function_id, build, None)()
    set_valves(door, base_url, **valves)
    try:
        yield door
    finally:
        await door.close()


def set_valves(door: Any, base_url: str, **valves: object) -> None:
    door.valves = door.Valves(**{"BASE_URL": base_url, "API_KEY": "sk-or-1", **valves})


def builds_here(function_id: str = FUNCTION) -> list[str]:
    """The builds that have not left, oldest first."""
    return [place.partition(" ")[0] for place in residences_here().get(function_id, {})]
