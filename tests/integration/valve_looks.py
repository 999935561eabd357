"""How one sees what a valve does: each look asks something, and returns what came of it.

What is looked at is what left the house (the requests that the stand-in got), what came out of
the door, what a tool went through, how long it took, or what was written down. Never a setting.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any, TypeAlias

from bridge.standin.faults import ProviderFault
from bridge.standin.objections import Objection
from bridge.standin.wishes import Wish
from tests.integration.door_stage import handed_over, script_text
from tests.integration.promise_stage import WHOLE, Scene, Went
from tests.integration.quiet_stage import heard_log
from tests.integration.tool_bench import Bench

F = ProviderFault
PLAIN = "standin.plain"
THINKER = "openai.gpt-5.2"
CLAUDE = "anthropic.claude-sonnet-4.5"
SEARCHER = "openai.gpt-4o"
FILE_WAIT_S = 5.0

Look: TypeAlias = Callable[[Any], Awaitable[object]]


async def ask(stage: Scene, model: str = PLAIN, wish: Wish | None = None, **given: Any) -> Went:
    """Ask once, and hear the answer to its end."""
    stage.standin.plan(wish or Wish(script="plain"))
    fields = given.pop("fields", {})
    return await stage.ask(stage.question(model, **fields), **given)


# --- what left the house -----------------------------------------------------------------------


def sent(*path: str, model: str = PLAIN, fields: dict[str, Any] | None = None) -> Look:
    """What stands at this place in the body; None where nothing does."""

    async def look(stage: Scene) -> object:
        await ask(stage, model, fields=fields or {})
        return member(stage.posts[-1].body, *path)

    return look


def member(value: Any, *path: str) -> object:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def header(name: str, model: str = PLAIN) -> Look:
    """A header of the request."""

    async def look(stage: Scene) -> object:
        await ask(stage, model)
        return stage.posts[-1].headers.get(name)

    return look


async def endpoint(stage: Scene) -> object:
    """Where the request went."""
    await ask(stage)
    return stage.posts[-1].path


async def endpoints_tried(stage: Scene) -> object:
    """Where a request went whose model is not to be had on /responses."""
    before = len(stage.posts)
    stage.standin.plan(*(Wish(script="plain", objects_to=(Objection.RESPONSES,)),) * 2)
    await stage.ask()
    asked = len(stage.posts) - before
    stage.standin.reset()
    return asked


async def search_pages(stage: Scene) -> object:
    """How many pages a search may read."""
    given = stage.surroundings("ada")["__metadata__"]
    assert isinstance(given, dict)
    wanted = given | {"features": {"openrouter_web_search": True}}
    await ask(stage, SEARCHER, __metadata__=wanted)
    plugins: Any = member(stage.posts[-1].body, "plugins")
    (search,) = [plugin for plugin in plugins if plugin["id"] == "web"]
    return search.get("max_results")


async def effort_of_a_task(stage: Scene) -> object:
    """How hard a title is thought about."""
    await stage.door.pipe(
        stage.question(THINKER) | {"stream": False},
        **handed_over(stage.door, stage.surroundings("ada") | {"__task__": "title_generation"}),
    )
    return member(stage.posts[-1].body, "reasoning", "effort")


async def oldest_output(stage: Scene) -> object:
    """How many characters are left of what a tool said three turns ago."""
    function = {"name": "get_weather", "arguments": "{}"}
    messages: list[dict[str, Any]] = []
    for turn in range(3):
        call = {"id": f"call_{turn}", "type": "function", "function": function}
        messages += [
            {"role": "user", "content": "And now?"},
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": call["id"], "content": "x" * 2000},
            {"role": "assistant", "content": "Rain."},
        ]
    await ask(stage, fields={"messages": [*messages, {"role": "user", "content": "And now?"}]})
    items: Any = member(stage.posts[-1].body, "input")
    outputs = [item for item in items if item.get("type") == "function_call_output"]
    return len(outputs[0]["output"])


async def strictness(stage: Scene) -> object:
    """Whether the model has to keep to the schema of a tool."""
    await ask(stage, __tools__=Bench().registry())
    tools: Any = member(stage.posts[-1].body, "tools")
    return {tool.get("strict") for tool in tools}


# --- what came out of the door -----------------------------------------------------------------


def answer(wish: Wish) -> Look:
    """Whether an answer came whole."""

    async def look(stage: Scene) -> object:
        said = (await ask(stage, wish=wish)).said
        return said.ends == ("stop",) and "Error id" not in said.text

    return look


def words(*wishes: Wish, model: str = PLAIN, starts: str = "", holds: str = "") -> Look:
    """Whether the text of an answer starts with, or holds, these words."""

    async def look(stage: Scene) -> object:
        stage.standin.plan(*wishes)
        text = (await stage.ask(stage.question(model))).said.text
        stage.standin.reset()
        return bool(text) and text.startswith(starts) and holds in text

    return look


async def words_of_a_bug(stage: Any) -> object:
    """Whether a bug of ours is told in the words of the valve."""
    stage.world.bug = RuntimeError("a mistake of ours")
    try:
        return (await stage.ask()).said.text.startswith("Ours")
    finally:
        stage.world.bug = None


async def rounds_text(stage: Scene) -> object:
    """Whether an answer whose rounds are spent ends with the words of the valve."""
    stage.standin.plan(Wish(script="endless-calls", times=9))
    went = await stage.ask(__tools__=Bench().registry())
    stage.standin.reset()
    return "Ours" in went.said.text


async def thinking(stage: Scene) -> object:
    """Where thinking is shown: in its box, and in status lines."""
    went = await ask(stage, wish=Wish(script="thinking"))
    thought = script_text("thinking")
    assert thought in went.said.text
    return bool(went.said.thoughts), any("question is short" in line for line in statuses(went))


async def last_status(stage: Scene) -> object:
    """How the last status line begins."""
    went = await ask(stage, wish=Wish(script="thinking"))
    return statuses(went)[-1].partition(" ")[0]


def statuses(went: Went) -> list[str]:
    told = [event["data"] for event in went.said.events if event["type"] == "status"]
    return [str(data["description"]) for data in told]


async def everything(stage: Scene) -> object:
    """All that one sees of an answer, and all that was asked for it."""
    went = await ask(stage)
    assert went.said.text == WHOLE
    return went.said.events, went.said.usage, json.dumps(stage.posts[-1].body)


def listed(*wanted: str) -> Look:
    """Which of these models are on offer."""

    async def look(stage: Scene) -> object:
        there = {row["id"] for row in await stage.door.pipes()}
        return {model for model in wanted if model in there}

    return look


async def is_refused(stage: Scene) -> object:
    """Whether somebody who has failed before is asked to wait."""
    return "temporarily disabled" in (await ask(stage)).said.text


# --- how long it takes, and how much at once ---------------------------------------------------


async def is_over_soon(stage: Scene) -> object:
    """Whether both attempts at a title have given up on a deaf address after three seconds."""
    loop = asyncio.get_running_loop()
    since_s = loop.time()
    question = stage.question() | {"stream": False}
    await stage.door.pipe(question, __task__="title_generation")
    return loop.time() - since_s < 3.2


async def fetches_after_a_while(stage: Any) -> object:
    """How often the list of models is fetched anew within two minutes."""
    before = stage.world.fetches
    await asyncio.sleep(120)
    await ask(stage)
    await asyncio.sleep(1)
    return stage.world.fetches - before


async def answers_at_once(stage: Any) -> object:
    """How many of three answers are under way at the same time."""
    stage.standin.plan(*(Wish(n=5, b=10, pace_ms=1000),) * 3)
    stage.world.open_most = 0
    await asyncio.gather(*(stage.ask(user=user) for user in ("ada", "bob", "eve")))
    return stage.world.open_most


async def reads_ahead(stage: Any) -> object:
    """How often the provider is read while nobody takes the answer."""
    stage.standin.plan(Wish(n=60, b=20, pace_ms=10))
    async with half_taken(stage) as reads:
        return stage.world.streams[-1].reads - reads


async def is_backlog_logged(stage: Any) -> object:
    """Whether three hundred pieces that nobody takes are worth a line in the log."""
    return await is_logged(stage, "wait for Open WebUI")


async def is_slow_reader_logged(stage: Any) -> object:
    """Whether a reader who takes nothing for ten seconds is worth a line in the log."""
    return await is_logged(stage, "has not taken")


async def is_logged(stage: Any, line: str) -> bool:
    stage.standin.plan(Wish(n=300, b=20))
    with heard_log() as log:
        async with half_taken(stage):
            return any(line in text for text in log.texts)


class half_taken:  # noqa: N801 - used like a function
    """An answer of which only the first text was taken, ten seconds ago."""

    def __init__(self, stage: Any) -> None:
        self._stage = stage

    async def __aenter__(self) -> int:
        """Return how often the provider had been read when the taking stopped."""
        given = handed_over(self._stage.door, self._stage.surroundings("ada"))
        lines: AsyncIterator[str] = await self._stage.door.pipe(self._stage.question(), **given)
        self._lines = lines
        async for line in lines:
            if '"content":' in line:
                break
        reads: int = self._stage.world.streams[-1].reads
        await asyncio.sleep(10)
        return reads

    async def __aexit__(self, *_: object) -> None:
        async with aclosing(self._lines) as lines:  # type: ignore[type-var]
            async for _line in lines:
                pass


async def close_in_the_middle(stage: Any) -> object:
    """Whether an answer of ten seconds is told to its end while the house is closed."""
    stage.standin.plan(Wish(n=10, b=20, pace_ms=1000))
    asking = stage.begin()
    await asyncio.sleep(2)
    await stage.door.close()
    return (await asking).said.ends == ("stop",)


# --- tools -------------------------------------------------------------------------------------


class Slow:
    """A tool that takes its time; it notes how many run at once, and what became of them."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.running = self.most = self.finished = self.cancelled = 0

    async def __call__(self, **_: Any) -> str:
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(self._seconds)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1
        self.finished += 1
        return "slow but sure"


def bench(tool: Slow) -> dict[str, Any]:
    return Bench(get_weather=tool, get_time=tool).registry()


async def tools_at_once(stage: Scene) -> object:
    """How many of three calls of one answer run at the same time."""
    tool = Slow(2)
    await ask(stage, wish=Wish(script="parallel-calls", times=2), __tools__=bench(tool))
    return tool.most


async def tools_at_once_of_all(stage: Scene) -> object:
    """How many calls of three answers, one of each, run at the same time."""
    tool = Slow(2)
    stage.standin.plan(Wish(script="no-arguments", times=6))
    await asyncio.gather(
        *(stage.ask(user=user, __tools__=bench(tool)) for user in ("ada", "bob", "eve"))
    )
    return tool.most


def calls_given_up(seconds: float) -> Look:
    """How many of three calls, each of so many seconds, are given up."""

    async def look(stage: Scene) -> object:
        tool = Slow(seconds)
        await ask(stage, wish=Wish(script="parallel-calls", times=2), __tools__=bench(tool))
        given: Any = member(stage.posts[-1].body, "input")
        told = [item["output"] for item in given if item.get("type") == "function_call_output"]
        assert len(told) == 3
        return sum("did not finish within" in output for output in told)

    return look


async def tools_let_finish(stage: Scene) -> object:
    """How many of three calls that nobody waits for any more may come to their end."""
    tool = Slow(5)
    await ask(stage, wish=Wish(script="parallel-calls", times=2), __tools__=bench(tool))
    await asyncio.sleep(10)
    assert tool.finished + tool.cancelled == 3
    return tool.finished


async def rounds(stage: Scene) -> object:
    """How often a model that never stops calling is obeyed."""
    made = Bench()
    stage.standin.plan(Wish(script="endless-calls", times=9))
    await stage.ask(__tools__=made.registry())
    stage.standin.reset()
    return len(made.runs)


async def who_runs_tools(stage: Scene) -> object:
    """How an answer with a call ends, and how often the tool ran here."""
    made = Bench()
    went = await ask(stage, wish=Wish(script="tool-call", times=2), __tools__=made.registry())
    stage.standin.reset()
    return went.said.ends, len(made.runs)


# --- what was written down ---------------------------------------------------------------------


async def is_failure_logged(stage: Scene) -> object:
    """Whether a request that was refused leaves a line in the log."""
    with heard_log() as log:
        await ask(stage, wish=Wish(script="plain", fault=F.STATUS_400))
        return any("request failed" in text for text in log.texts)


def timed(*names: str) -> Look:
    """How many requests have been timed in each of these files."""

    async def look(stage: Any) -> object:
        await ask(stage)
        path = Path(stage.door.valves.TIMING_LOG_FILE)
        if stage.door.valves.ENABLE_TIMING_LOG:
            async with asyncio.timeout(FILE_WAIT_S):
                # A thread writes it, a moment later, and tells nobody.
                while not is_told(path):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        return tuple(requests_in(path.parent / name) for name in names)

    return look


def is_told(path: Path) -> bool:
    return path.exists() and '"end"' in path.read_text()


def requests_in(path: Path) -> int:
    lines = path.read_text().splitlines() if path.exists() else []
    return len({json.loads(line)["request_id"] for line in lines})
