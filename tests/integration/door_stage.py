"""What the tests of the door share: a door without Open WebUI, and a reader of what it says."""

import inspect
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from bridge.app import Ports
from bridge.owui.pipe import pipe_class
from bridge.owui.real_ports import provider_ports
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
    # What came beside the text: side events, pieces of tool calls, and the last usage.
    events: tuple[dict[str, Any], ...] = ()
    calls: tuple[dict[str, Any], ...] = ()
    usage: dict[str, Any] | None = None


def read(lines: list[str]) -> Said:
    text, thoughts, ends, usages = "", "", [], 0
    events: list[dict[str, Any]] = []
    calls: list[dict[str, Any]] = []
    usage = None
    for line in lines:
        assert line.startswith("data: ")
        chunk = json.loads(line.removeprefix("data: "))
        usages += "usage" in chunk
        usage = chunk.get("usage", usage)
        events += [chunk["event"]] if "event" in chunk else []
        for choice in chunk.get("choices", ()):
            assert not ends, "nothing follows the end"
            text += choice["delta"].get("content", "")
            thoughts += choice["delta"].get("reasoning_content", "")
            calls += choice["delta"].get("tool_calls", ())
            ends += filter(None, [choice["finish_reason"]])
    return Said(
        text=text,
        thoughts=thoughts,
        ends=tuple(ends),
        usages=usages,
        events=tuple(events),
        calls=tuple(calls),
        usage=usage,
    )


def read_whole(whole: dict[str, Any]) -> Said:
    """The same of an answer that came in one piece."""
    (choice,) = whole["choices"]
    message = choice["message"]
    return Said(
        text=message["content"] or "",
        thoughts=message.get("reasoning_content") or "",
        ends=(choice["finish_reason"],),
        usages=int("usage" in whole),
        calls=tuple(message.get("tool_calls") or ()),
        usage=whole.get("usage"),
    )


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


def handed_over(door: Any, given: dict[str, object]) -> dict[str, object]:
    """As Open WebUI does: by name, and only what the door asks for."""
    asked_for = inspect.signature(door.pipe).parameters
    return {name: value for name, value in given.items() if name in asked_for}


async def ask(door: Any, question: dict[str, Any], **given: object) -> Said:
    """Ask in the way the question says, streamed or whole, and hear the answer to its end."""
    answer = await door.pipe(question, **handed_over(door, given))
    if question.get("stream"):
        return read([line async for line in answer])
    return read_whole(answer)


@asynccontextmanager
async def open_door(
    base_url: str,
    *,
    build: str = "one",
    function_id: str = FUNCTION,
    ports: Callable[[], Ports] = provider_ports,
    **valves: object,
) -> AsyncIterator[Any]:
    """One function, as Open WebUI would have it, closed at the end."""
    door: Any = pipe_class(function_id, build, None, ports)()
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
