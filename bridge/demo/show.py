"""Plays the scenes: asks, shows the answer as it streams, and checks what came out."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import msgspec

from bridge.demo.installed import Door, read_chunk, tree_of_function
from bridge.demo.scenes import Scene
from bridge.demo.screen import Ink, Screen
from bridge.demo.tree_text import tree_lines
from bridge.standin import RequestRecord, StandIn
from supervisor import report

SCENE_MAX_S: Final = 20.0
STOP_MAX_S: Final = 2.0
_MODELS_NAMED: Final = 3
_TEXT_SHOWN_MAX: Final = 120
_CUT_NOTICE: Final = re.compile(r"\*\*The answer was cut off\.\*\*.*Error id: `(\w+)`", re.DOTALL)


class DemoFailed(Exception):
    """Something did not go as scripted; the text says what."""


class LogTape(logging.Handler):
    """Shows what would stand in the server's log, and keeps it for the checks."""

    def __init__(self, screen: Screen) -> None:
        super().__init__(logging.INFO)
        self._screen = screen
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Take one record."""
        line = f"{record.levelname} {record.name}: {record.getMessage()}"
        self.text += f"{line}\n"
        self._screen.say("log", line, Ink.DIM)

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Take all records of the product while the block lasts."""
        logger, above = logging.getLogger("greenroom"), logging.getLogger()
        before = logger.level, logger.propagate
        # The product passes its records on to the handlers above. Without one, Python would write
        # them between the lines of the screen.
        silent = logging.NullHandler()
        logger.addHandler(self)
        above.addHandler(silent)
        logger.propagate = False
        try:
            yield
        finally:
            above.removeHandler(silent)
            logger.removeHandler(self)
            logger.level, logger.propagate = before


@dataclass(slots=True, kw_only=True)
class Told:
    """What reached the user in one scene. Times are those of the loop."""

    text: str = ""
    thinking: str = ""
    finish_reason: str | None = None
    chunks: int = 0
    tools_run: int = 0
    tree: list[str] = field(default_factory=list)
    stopped_at_s: float | None = None


class Show:
    """One run of the demo.

    Args:
        screen: where it is shown.
        standin: the provider, told before each scene what to do.
        door: the pipe.
        tape: the log.
        pace_ms: milliseconds between two words of the provider.
    """

    def __init__(
        self, screen: Screen, standin: StandIn, door: Door, tape: LogTape, *, pace_ms: float
    ) -> None:
        self._screen = screen
        self._standin = standin
        self._door = door
        self._tape = tape
        self._pace_ms = pace_ms
        self._history: list[dict[str, str]] = []

    async def list_models(self, wanted: set[str]) -> None:
        """Show what the model list of Open WebUI would hold.

        Raises:
            DemoFailed: the models of the scenes are not in it.
        """
        rows = await self._door.pipes()
        names = [row["name"] for row in rows]
        missing = wanted - {row["id"] for row in rows}
        if missing:
            raise DemoFailed(f"the model list lacks {', '.join(sorted(missing))}; it has {names}")
        named = ", ".join(names[:_MODELS_NAMED])
        self._screen.say("models", f"{len(names)} in the list: {named}, ...")

    async def play(self, scene: Scene, place: str) -> None:
        """Play one scene.

        Raises:
            DemoFailed: it did not go as scripted.
        """
        self._screen.heading(f"{place}  {scene.title}")
        self._screen.say("you", scene.question)
        asked_before = len(self._standin.requests)
        self._standin.plan(*scene.wishes(self._pace_ms))
        try:
            async with asyncio.timeout(SCENE_MAX_S):
                told = await self._ask(scene)
        except TimeoutError:
            raise DemoFailed(f"no end of the answer within {SCENE_MAX_S:.0f} s") from None
        self._check(scene, told)
        if told.tree:
            self._screen.line("tree", "\n".join(told.tree))
        requests = self._standin.requests[asked_before:]
        self._screen.say("ok", await self._outcome(scene, told, requests), Ink.GREEN)

    async def _ask(self, scene: Scene) -> Told:
        self._history.append({"role": "user", "content": scene.question})
        body = {"model": f"greenroom.{scene.model}", "stream": True, "messages": self._history}
        told = Told()
        tools = self._tools(scene, told)
        stream = await self._door.pipe(body, {"id": "demo-user"}, __tools__=tools)
        async with aclosing(stream):
            async for line in stream:
                self._take(line, told)
                if told.text and scene.shows_tree and not told.tree:
                    told.tree = tree_now()
                if told.chunks == scene.stop_after:
                    # Open WebUI does the same when its user presses stop: it drops the generator.
                    told.stopped_at_s = asyncio.get_running_loop().time()
                    break
        self._screen.end()
        if told.stopped_at_s is not None:
            self._screen.say("you", "[stop]")
        self._history.append({"role": "assistant", "content": told.text})
        return told

    def _tools(self, scene: Scene, told: Told) -> dict[str, object]:
        """Offer the tool of the scene in the shape in which Open WebUI offers its own."""

        async def get_weather(city: str, unit: str) -> str:
            told.tools_run += 1
            self._screen.say("tool", f"get_weather({city}, {unit}): {scene.tool_says}", Ink.DIM)
            return scene.tool_says

        spec = {
            "name": "get_weather",
            "description": "Tells the weather of a city.",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}, "unit": {"type": "string"}},
                "required": ["city", "unit"],
            },
        }
        entry = {"tool_id": "weather", "callable": get_weather, "spec": spec}
        return {"get_weather": entry} if scene.tool_says else {}

    def _take(self, line: str, told: Told) -> None:
        try:
            choice = read_chunk(line)
        except msgspec.DecodeError as error:
            raise DemoFailed(f"no chunk that Open WebUI can read: {error}") from error
        if choice is None:
            return
        told.chunks += 1
        told.thinking += choice.delta.reasoning_content
        told.text += choice.delta.content
        told.finish_reason = choice.finish_reason
        if choice.delta.reasoning_content:
            self._screen.type("thinking", choice.delta.reasoning_content, Ink.DIM)
        if choice.delta.content:
            self._screen.type("answer", choice.delta.content)

    def _check(self, scene: Scene, told: Told) -> None:
        _expect("the thinking", told.thinking, scene.thinking)
        runs = int(bool(scene.tool_says))
        _expect("the number of runs of the tool", str(told.tools_run), str(runs))
        if told.stopped_at_s is not None:
            if not told.text or not scene.text.startswith(told.text):
                raise DemoFailed(f"not a beginning of the answer: {_shortened(told.text)}")
            return
        if scene.stop_after is not None:
            raise DemoFailed("the answer was over before the user could stop it")
        if scene.cut_after is None:
            _expect("the answer", told.text, scene.text)
            _expect("the finish reason", told.finish_reason or "", "stop")
            return
        _expect("the answer before the cut", told.text[: len(scene.text)], scene.text)
        notice = _CUT_NOTICE.search(told.text, len(scene.text))
        if notice is None:
            raise DemoFailed(f"no notice of the cut: {_shortened(told.text[len(scene.text) :])}")
        if notice[1] not in self._tape.text:
            raise DemoFailed(f"the error id {notice[1]} of the notice does not stand in the log")

    async def _outcome(self, scene: Scene, told: Told, requests: tuple[RequestRecord, ...]) -> str:
        wanted = len(scene.wishes(self._pace_ms))
        _expect("the number of requests", str(len(requests)), str(wanted))
        if told.stopped_at_s is not None:
            left_ms = 1000 * (await self._left_at_s(requests[-1].serial) - told.stopped_at_s)
            return f"{scene.moral} (after {left_ms:.0f} ms)"
        if not scene.faults:
            return scene.moral
        times_s = [request.received_at_s for request in requests]
        waits = [f"{after - before:.1f} s" for before, after in pairwise(times_s)]
        return f"{scene.moral}; the attempt was started again after {' and after '.join(waits)}"

    async def _left_at_s(self, serial: int) -> float:
        """Wait until the provider sees that its client has gone, and return when that was."""

        def has_left(records: Sequence[RequestRecord]) -> bool:
            return any(
                record.serial == serial and record.disconnected_at_s is not None
                for record in records
            )

        try:
            records = await self._standin.wait_for(has_left, timeout_s=STOP_MAX_S)
        except TimeoutError:
            raise DemoFailed(f"the provider was still connected {STOP_MAX_S:.0f} s later") from None
        return next(
            record.disconnected_at_s
            for record in records
            if record.serial == serial and record.disconnected_at_s is not None
        )


def tree_now() -> list[str]:
    """Draw the tree of the pipe as it is at this moment; nothing when it is not to be found."""
    with tree_of_function() as app:
        return [] if app is None else tree_lines(report(app.system))


def _expect(what: str, got: str, wanted: str) -> None:
    if got != wanted:
        raise DemoFailed(f"{what} should be {_shortened(wanted)} and was {_shortened(got)}")


def _shortened(text: str) -> str:
    return repr(text if len(text) <= _TEXT_SHOWN_MAX else f"{text[:_TEXT_SHOWN_MAX]}...")
