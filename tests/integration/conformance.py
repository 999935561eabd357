"""Recorded streams and what a client must end up with, read from a folder outside the project.

`GREENROOM_CONFORMANCE` names a folder that holds `streams/index.jsonl` and the files it lists.
`GREENROOM_CONFORMANCE_ALL=1` asks for every cut; otherwise a tenth is drawn from `seed()`.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path
from random import Random  # noqa: TID251 - a draw of cuts, from a seed that is printed

from actors.values import (
    Annotated,
    EventSkipped,
    ImageMade,
    MessagePhased,
    ReasoningAdvanced,
    ReasoningKind,
    ReasoningMade,
    ReasoningStated,
    RefusalAdvanced,
    RefusalStated,
    SearchAdvanced,
    StreamEnded,
    StreamEvent,
    TextAdvanced,
    TextStated,
    ToolCallBegan,
    ToolCalled,
)

Other = (
    ToolCallBegan | ToolCalled | ReasoningMade | MessagePhased | Annotated | ImageMade
    | SearchAdvanced
)  # fmt: skip

CUT_POSITIONS_MAX_BYTES = 16_000
CUTS_OF_LARGE_STREAMS = 500
MULTI_CUTS = 200


@dataclass(frozen=True, kw_only=True)
class Recording:
    """One row of the index, with its body."""

    file: str
    endpoint: str
    transport: str
    body: bytes
    expect: dict[str, object]


def folder() -> Path | None:
    named = os.environ.get("GREENROOM_CONFORMANCE")
    return Path(named) / "streams" if named else None


@cache
def recordings() -> tuple[Recording, ...]:
    """All rows of the index; none without the folder."""
    streams = folder()
    if streams is None:
        return ()
    rows = map(json.loads, (streams / "index.jsonl").read_text("utf-8").splitlines())
    return tuple(
        Recording(
            file=row["file"],
            endpoint=row["endpoint"],
            transport=row["transport"],
            body=(streams / row["file"]).read_bytes(),
            expect=row["expect"],
        )
        for row in rows
    )


def streams_of(path: str) -> tuple[Recording, ...]:
    """The event streams of one endpoint, by the end of its path."""
    return _of(path, "sse")


def bodies_of(path: str) -> tuple[Recording, ...]:
    """The JSON bodies of one endpoint, errors included."""
    return _of(path, "json")


def _of(path: str, transport: str) -> tuple[Recording, ...]:
    return tuple(
        recording
        for recording in recordings()
        if recording.transport == transport and recording.endpoint.endswith(path)
    )


@cache
def seed() -> int:
    """The seed of this run's draw: `GREENROOM_SEED`, or a fresh one."""
    return int(os.environ.get("GREENROOM_SEED") or int.from_bytes(os.urandom(4), "big"))


def is_whole() -> bool:
    return os.environ.get("GREENROOM_CONFORMANCE_ALL") == "1"


def chunkings(recording: Recording) -> Iterator[list[bytes]]:
    """The body in one piece, in two at many places, and in many pieces; a tenth if not whole."""
    body, random = recording.body, Random(f"{seed()} {recording.file}")
    yield [body]
    places: list[int] = list(range(1, len(body)))
    if len(body) > CUT_POSITIONS_MAX_BYTES:
        places = random.sample(places, CUTS_OF_LARGE_STREAMS)
    share = 1 if is_whole() else 10
    for place in random.sample(places, len(places) // share):
        yield [body[:place], body[place:]]
    for _ in range(MULTI_CUTS // share):
        yield pieces(body, sorted(random.sample(range(1, len(body)), random.randint(2, 40))))


def pieces(body: bytes, places: list[int]) -> list[bytes]:
    """Cut the body at the places, which are in order."""
    edges = [0, *places, len(body)]
    return [body[start:end] for start, end in pairwise(edges)]


@dataclass
class Fold:
    """Adds events up, part by part; statements fill parts of which nothing came.

    `others` are whole when they are told, and kept in the order of the stream.
    """

    ends: list[StreamEnded] = field(default_factory=list)
    others: list[Other] = field(default_factory=list)
    skipped: int = 0
    told: dict[tuple[str, int, int], str] = field(default_factory=dict)

    def take(self, event: StreamEvent) -> None:
        match event:
            case TextAdvanced() | TextStated():
                place = ("text", event.output_index, event.content_index)
            case RefusalAdvanced() | RefusalStated():
                place = ("refusal", event.output_index, event.content_index)
            case ReasoningAdvanced() | ReasoningStated():
                place = (event.kind.value, event.output_index, event.part_index)
            case StreamEnded():
                self.ends.append(event)
                return
            case EventSkipped():
                self.skipped += event.count
                return
            case _:
                self.others.append(event)
                return
        if isinstance(event, TextStated | RefusalStated | ReasoningStated):
            self.told.setdefault(place, event.text)
        else:
            self.told[place] = self.told.get(place, "") + event.text

    def parts(self, kind: str) -> list[str]:
        """The parts of one kind, in the order of their places."""
        return [text for place, text in sorted(self.told.items()) if place[0] == kind]

    @property
    def calls(self) -> list[ToolCalled]:
        """The calls, in the order of the output."""
        called = [event for event in self.others if isinstance(event, ToolCalled)]
        return sorted(called, key=lambda event: event.output_index)

    @property
    def annotations(self) -> list[Annotated]:
        return [event for event in self.others if isinstance(event, Annotated)]

    @property
    def images(self) -> list[ImageMade]:
        return [event for event in self.others if isinstance(event, ImageMade)]

    @property
    def thoughts(self) -> list[ReasoningMade]:
        return [event for event in self.others if isinstance(event, ReasoningMade)]

    @property
    def text(self) -> str:
        return "".join(self.parts("text"))

    @property
    def refusal(self) -> str:
        return "".join(self.parts("refusal"))

    @property
    def reasoning_text(self) -> str:
        return "".join(self.parts(ReasoningKind.RAW.value))

    @property
    def reasoning_summary(self) -> str:
        return "".join(self.parts(ReasoningKind.SUMMARY.value))

    @property
    def end(self) -> StreamEnded:
        (end,) = self.ends
        return end
