"""An answer as a row of steps, and the setting in which faults play. Pure.

Whoever plays the steps needs to know nothing about HTTP, scripts or faults.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from bridge.standin.error_answers import Headers, PlainAnswer
from bridge.standin.frames import Endpoint, Frame, FrameKind
from bridge.standin.http1 import LAST_CHUNK, HttpRequest, chunk, response_head
from bridge.standin.wishes import Wish

EVENT_STREAM_TYPE = "text/event-stream"
# Long enough to reach another process as a read of its own, mostly.
CUT_PAUSE_S = 0.002


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """These bytes go to the socket as they are."""

    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Everything before is sent; then nothing happens for a while. Zero: let others run."""

    seconds: float


class Ending(Enum):
    """How an answer stops; always the last step."""

    # The answer is over, the connection may be used again.
    DONE = "done"
    # The connection is closed in the usual way.
    CLOSE = "close"
    # The connection is reset.
    RESET = "reset"
    # Nothing happens any more until the client leaves.
    HANG = "hang"


Step: TypeAlias = Write | Pause | Ending
Steps: TypeAlias = Iterator[Step]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What a fault has to work with: the undisturbed answer, cut where the fault strikes."""

    before: tuple[Frame, ...]
    rest: tuple[Frame, ...]
    wish: Wish
    endpoint: Endpoint
    response_id: str
    model: str
    content_type: str
    takes_chunks: bool
    keeps_alive: bool

    @property
    def frames(self) -> tuple[Frame, ...]:
        """The whole answer."""
        return self.before + self.rest

    def head(self, *, content_type: str = "", extra: Headers = ()) -> Write:
        """Write the headers of a 200."""
        headers = [
            ("content-type", content_type or self.content_type),
            ("cache-control", "no-cache"),
            ("x-generation-id", self.response_id),
            ("connection", "keep-alive" if self.keeps_alive else "close"),
            *extra,
        ]
        if self.takes_chunks:
            headers.append(("transfer-encoding", "chunked"))
        return Write(data=response_head(200, headers))

    def body(self, data: bytes) -> Write:
        """Write a piece of the body."""
        return Write(data=chunk(data) if self.takes_chunks and data else data)

    def told(self, frames: Iterable[Frame]) -> Steps:
        """Write frames at the wanted pace; only what a model says takes time."""
        pace_s = self.wish.pace_s
        for frame in frames:
            yield self.body(frame.data)
            if pace_s and frame.kind in (FrameKind.OUTPUT, FrameKind.REASONING):
                yield Pause(seconds=pace_s)

    def cut_at(self, data: bytes, cuts: Iterable[int], *, pause_s: float) -> Steps:
        """Write a body whose pieces end at these places."""
        start = 0
        for place in sorted({cut for cut in cuts if 0 < cut < len(data)}):
            yield self.body(data[start:place])
            yield Pause(seconds=pause_s)
            start = place
        yield self.body(data[start:])

    def ended(self) -> Steps:
        """End the body in the proper way."""
        if self.takes_chunks:
            yield Write(data=LAST_CHUNK)
        yield Ending.DONE if self.keeps_alive else Ending.CLOSE


def split_for_fault(
    frames: tuple[Frame, ...], outputs_before: int
) -> tuple[tuple[Frame, ...], tuple[Frame, ...]]:
    """Cut an answer after its n-th visible delta; 0 means before anything the model said.

    An answer with fewer deltas is cut after its last one.
    """
    told = [i for i, frame in enumerate(frames) if frame.kind is FrameKind.OUTPUT]
    thought = [i for i, frame in enumerate(frames) if frame.kind is FrameKind.REASONING]
    ends = [i for i, frame in enumerate(frames) if frame.kind in (FrameKind.END, FrameKind.DONE)]
    if outputs_before and told:
        place = told[min(outputs_before, len(told)) - 1] + 1
    else:
        place = min([*told, *thought, *ends], default=len(frames))
    return frames[:place], frames[place:]


def plain_steps(answer: PlainAnswer, request: HttpRequest) -> Steps:
    """Send an answer whole, with its length."""
    headers = [
        ("content-type", answer.content_type),
        ("content-length", str(len(answer.body))),
        ("connection", "keep-alive" if request.keeps_alive else "close"),
        *answer.headers,
    ]
    yield Write(data=response_head(answer.status, headers) + answer.body)
    yield Ending.DONE if request.keeps_alive else Ending.CLOSE


def whole_steps(stage: Stage) -> Steps:
    """Play the answer undisturbed."""
    yield stage.head()
    if stage.wish.cuts:
        data = b"".join(frame.data for frame in stage.frames)
        pause_s = max(stage.wish.pace_s, CUT_PAUSE_S)
        yield from stage.cut_at(data, stage.wish.cuts, pause_s=pause_s)
    else:
        yield from stage.told(stage.frames)
    yield from stage.ended()
