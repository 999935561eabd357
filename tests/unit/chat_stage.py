"""A small stage for the chat actors: scripted ports, manual time, a probe for a supervisor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from actors.kernel.system import ActorSystem
from actors.ports import (
    Ending,
    Endpoint,
    ProviderCall,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
    Secret,
)
from actors.testing.manual_clock import ManualClock
from actors.values import (
    ChatRequest,
    EndStatus,
    Role,
    Shown,
    StreamEnded,
    StreamEvent,
    StreamFailure,
    TextAdvanced,
    TextPart,
    Turn,
    Usage,
)

ENDPOINT = Endpoint(base_url="http://provider.invalid/api", api_key=Secret("sk-or-test"))
CALL = ProviderCall(endpoint=ENDPOINT, path="/responses", body=b"{}")
ASKED = ChatRequest(
    request_id="r1",
    model="maker/model",
    items=(Turn(role=Role.USER, parts=(TextPart(text="hello"),)),),
)
COMPLETED = StreamEnded(
    status=EndStatus.COMPLETED, usage=Usage(input_tokens=1, output_tokens=2, total_tokens=3)
)


def text(words: str, item: int = 0) -> TextAdvanced:
    return TextAdvanced(output_index=item, content_index=0, text=words)


def failed(code: str) -> StreamEnded:
    return StreamEnded(status=EndStatus.FAILED, failure=StreamFailure(code=code))


def staged_system() -> tuple[ActorSystem, ManualClock]:
    clock = ManualClock()
    return ActorSystem(clock=clock), clock


# One step of a scripted stream: events of a read, the end of the body, an error, or silence.
@dataclass(frozen=True)
class Read:
    events: tuple[StreamEvent, ...] = ()
    payloads: int = 1


@dataclass(frozen=True)
class Eof:
    """The body ends."""


@dataclass(frozen=True)
class Silence:
    """Nothing comes any more."""


Step = Read | Eof | Silence | ProviderError | Callable[[], None]


class ScriptedStream:
    """Plays its steps; the bytes of a read are the number of the step in the script."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = list(steps)
        self._position = 0
        self.reads = 0
        self.finished = 0
        self.aborted = 0

    async def read(self) -> bytes:
        await asyncio.sleep(0)
        self.reads += 1
        step = self._steps[self._position]
        self._position += 1
        while callable(step) and not isinstance(step, Read | Eof | Silence | ProviderError):
            step()
            step = self._steps[self._position]
            self._position += 1
        if isinstance(step, Silence):
            await asyncio.get_running_loop().create_future()
        if isinstance(step, ProviderError):
            raise step
        return b"" if isinstance(step, Eof) else b"%d" % (self._position - 1)

    def finish(self) -> None:
        self.finished += 1

    def abort(self) -> None:
        self.aborted += 1

    def at(self, position: int) -> Read:
        step = self._steps[position]
        assert isinstance(step, Read)
        return step


class ScriptedDecoder:
    def __init__(self, codec: ScriptedCodec) -> None:
        self._stream = codec.streams[len(codec.decoders) % len(codec.streams)]
        self.payloads = 0

    def feed(self, data: bytes) -> Sequence[StreamEvent]:
        step = self._stream.at(int(data))
        self.payloads += step.payloads
        return step.events

    def finish(self) -> Sequence[StreamEvent]:
        return ()


@dataclass
class ScriptedCodec:
    """Hands out one decoder per attempt, each for the stream of that attempt."""

    streams: list[ScriptedStream]
    decoders: list[ScriptedDecoder] = field(default_factory=list)
    requests: list[ChatRequest] = field(default_factory=list)

    def encode(self, request: ChatRequest, endpoint: Endpoint) -> ProviderCall:
        self.requests.append(request)
        return CALL

    def decoder(self, *, is_streaming: bool = True) -> ScriptedDecoder:
        made = ScriptedDecoder(self)
        self.decoders.append(made)
        return made

    def error(self, failure: StreamFailure) -> ProviderError:
        match failure.code:
            case "rate_limit_exceeded":
                return RateLimited()
            case "invalid_prompt":
                return RequestRejected()
            case _:
                return ProviderUnavailable()


class ScriptedProvider:
    """Attempt n gets outcome n: a stream, or an error at the door. The last one stays."""

    def __init__(self, *outcomes: Sequence[Step] | ProviderError) -> None:
        self.streams = [
            ScriptedStream([] if isinstance(each, ProviderError) else each) for each in outcomes
        ]
        self.codec = ScriptedCodec(self.streams)
        self._outcomes = outcomes
        self.opened = 0

    async def open(self, call: ProviderCall) -> ScriptedStream:
        assert call is CALL
        await asyncio.sleep(0)
        position = min(self.opened, len(self._outcomes) - 1)
        self.opened += 1
        outcome = self._outcomes[position]
        if isinstance(outcome, ProviderError):
            raise outcome
        return self.streams[position]


class ListSink:
    """Remembers what was shown; says that it is full after `room` events."""

    def __init__(self, room: int = 1_000_000) -> None:
        self.shown: list[StreamEvent] = []
        self.endings: list[Ending] = []
        self.waiting: list[Callable[[], object]] = []
        self._room = room

    def show(self, events: Sequence[Shown]) -> bool:
        self.shown += events
        self._room -= len(events)
        return self._room > 0

    def when_room(self, callback: Callable[[], object]) -> None:
        self.waiting.append(callback)

    def make_room(self) -> None:
        self._room = 1_000_000
        waiting, self.waiting = self.waiting, []
        for callback in waiting:
            callback()

    def finish(self, ending: Ending) -> None:
        self.endings.append(ending)

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.shown if isinstance(event, TextAdvanced))
