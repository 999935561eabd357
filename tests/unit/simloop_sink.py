"""A sink on virtual time, and what a reader sees of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import cast

from actors.ports import Completed, Ending
from actors.testing.choices import Choices
from actors.testing.simulate import simulate
from actors.values import (
    ReasoningAdvanced,
    ReasoningKind,
    Shown,
    ToolCall,
    ToolEnded,
    ToolResult,
    ToolStarted,
)
from bridge.owui.event_sink import OwuiSink, SlowReaderLog, StoreImage
from bridge.owui.show_looks import Looks
from bridge.transforms.chat_chunks import ChunkWriter, Piece, PieceKind

CONTENT, REASONING, EVENT = PieceKind.CONTENT, PieceKind.REASONING, PieceKind.EVENT
UI = Looks(has_events=True)

Data = dict[str, object]


def a_sink(looks: Looks = UI, store_image: StoreImage | None = None) -> OwuiSink:
    return OwuiSink(
        bytes_max=1_000_000,
        pieces_max=None,
        warn_pieces=1000,
        slow_after_s=None,
        slow_log=SlowReaderLog(),
        looks=looks,
        store_image=store_image,
    )


def play(scene: Callable[[], Awaitable[None]]) -> None:
    """Run a scene on the simulated loop, where waiting costs nothing."""

    async def scenario(_: asyncio.AbstractEventLoop) -> None:
        await scene()

    run = simulate(scenario, Choices.from_seed(0))
    if run.error is not None:
        raise run.error


def thought(
    words: str, part: int = 0, item: int = 0, kind: ReasoningKind = ReasoningKind.RAW
) -> ReasoningAdvanced:
    return ReasoningAdvanced(output_index=item, part_index=part, kind=kind, text=words)


def call(name: str = "clock", call_id: str = "c1", arguments: str = "{}") -> ToolCall:
    return ToolCall(call_id=call_id, name=name, arguments=arguments)


def started(name: str = "clock", call_id: str = "c1") -> ToolStarted:
    return ToolStarted(call=call(name, call_id))


def ended(
    name: str = "clock",
    call_id: str = "c1",
    result: ToolResult | None = None,
    *,
    is_failed: bool = False,
) -> ToolEnded:
    return ToolEnded(
        call=call(name, call_id),
        result=result or ToolResult(output="noon"),
        is_failed=is_failed,
        elapsed_s=1.5,
    )


class Screen:
    """Takes everything a sink shows, as a generator at the door does, and sorts it."""

    def __init__(self, sink: OwuiSink) -> None:
        self._sink = sink
        self._writer = ChunkWriter(model="m", completion_id="c", created_s=1)
        self.lines: list[str] = []
        self.content = ""
        self.reasoning = ""
        self.events: list[tuple[str, Data]] = []
        self.calls: list[Data] = []

    async def watch(self) -> None:
        """Take until the end."""
        while pieces := await self._sink.take():
            await self.draw(pieces)

    async def draw(self, pieces: list[Piece]) -> None:
        if self._sink.has_images:
            pieces = await self._sink.stored(pieces)
        lines = self._writer.lines(pieces)
        self.lines += lines
        for line in lines:
            value = json.loads(line.removeprefix("data: "))
            if "event" in value:
                self.events.append((value["event"]["type"], value["event"]["data"]))
                continue
            delta = value["choices"][0]["delta"]
            self.content += delta.get("content", "")
            self.reasoning += delta.get("reasoning_content", "")
            self.calls += delta.get("tool_calls", [])

    def all_of(self, kind: str) -> list[Data]:
        return [data for of_kind, data in self.events if of_kind == kind]

    @property
    def statuses(self) -> list[str]:
        return [cast("str", data["description"]) for data in self.all_of("status")]

    @property
    def is_settled(self) -> bool:
        """Whether nothing spins once the answer is over."""
        statuses = self.all_of("status")
        return not statuses or statuses[-1]["done"] is True


def seen(
    *reads: Sequence[Shown],
    looks: Looks = UI,
    ending: Ending | None = None,
    store_image: StoreImage | None = None,
    gap_s: float = 0.0,
) -> Screen:
    """Show these reads one after the other and say what was on the screen in the end."""
    screens: list[Screen] = []

    async def scene() -> None:
        sink = a_sink(looks, store_image)
        screen = Screen(sink)
        screens.append(screen)

        async def lead() -> None:
            for events in reads:
                await asyncio.sleep(gap_s)
                sink.show(events)
            await asyncio.sleep(gap_s)
            sink.finish(ending or Completed())

        await asyncio.gather(screen.watch(), lead())

    play(scene)
    return screens[0]
