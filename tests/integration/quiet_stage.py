"""A door on virtual time: the stand-in is asked without a socket, so that waiting costs nothing.

What is behind the ports is the stand-in as it is, records included. What is left out is HTTP: a
body comes in reads of exactly one event, as fast as it is read.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from itertools import count
from logging import Handler, LogRecord, getLogger
from typing import Any

from actors.ports import (
    AnswerMalformed,
    ConnectionFailed,
    Endpoint,
    ErrorFacts,
    ProviderCall,
    ProviderError,
    ProviderTimedOut,
    StreamBroken,
)
from actors.testing.choices import Choices
from actors.testing.simulate import simulate
from actors.values import Catalog, WireFormat
from bridge.app import Ports
from bridge.openrouter.catalog_rows import read_catalog
from bridge.openrouter.codec_chat import ChatCodec
from bridge.openrouter.codec_responses import ResponsesCodec
from bridge.openrouter.errors import provider_error
from bridge.owui.pipe import pipe_class
from bridge.standin.http1 import HttpRequest
from bridge.standin.records import RequestRecord
from bridge.standin.server import StandIn
from bridge.standin.stage import Ending, Pause, Steps, Write
from bridge.standin.wishes import Wish
from tests.integration.promise_stage import Scene, Way, Wire

BASE_URL = "https://quiet.invalid/api/v1"
KEY = "sk-or-quiet"
HEAD_END = b"\r\n\r\n"
OK = 200
# No test needs a bound of its own: on virtual time a wait that never ends is a deadlock.
PATIENT_S = 100_000.0

_serials = count(1)


class QuietStream:
    """One answer of the stand-in, one event to a read."""

    def __init__(
        self, standin: StandIn, steps: Steps, record: RequestRecord | None, timeout_s: float
    ) -> None:
        self._standin = standin
        self._steps = steps
        self._record = record
        self._timeout_s = timeout_s
        self._rest = b""
        self.reads = 0
        self.is_open = True

    async def head(self) -> tuple[int, dict[str, str]]:
        """Read the status and the headers."""
        head = b""
        while HEAD_END not in head:
            more = await self._next()
            if not more:
                raise ConnectionFailed(ErrorFacts(code="closed-before-answer"))
            head += more
        head, _, self._rest = head.partition(HEAD_END)
        status_line, *lines = head.decode("latin-1").split("\r\n")
        fields = (line.partition(":") for line in lines)
        return int(status_line.split()[1]), {name.lower(): v.strip() for name, _, v in fields}

    async def body(self) -> bytes:
        """Read all that is left."""
        body = b""
        while data := await self.read():
            body += data
        return body

    async def read(self) -> bytes:
        """See `ProviderStream.read`."""
        self.reads += 1
        if self._rest:
            rest, self._rest = self._rest, b""
            return rest
        return await self._next()

    def finish(self) -> None:
        """See `ProviderStream.finish`."""
        self._close(is_whole=True)

    def abort(self) -> None:
        """See `ProviderStream.abort`."""
        self._close(is_whole=False)

    async def _next(self) -> bytes:
        while True:
            match next(self._steps):
                case Write(data=data):
                    if data:
                        return data
                case Pause(seconds=seconds):
                    await self._pass(seconds)
                case Ending.HANG:
                    await self._pass(self._timeout_s)
                case Ending.RESET:
                    self._close(is_whole=True)
                    raise StreamBroken(ErrorFacts(code="connection-lost"))
                case _:
                    self._close(is_whole=True)
                    return b""

    async def _pass(self, seconds: float) -> None:
        try:
            await asyncio.sleep(min(seconds, self._timeout_s))
        except asyncio.CancelledError:
            self.abort()
            raise
        if seconds >= self._timeout_s:
            self.abort()
            raise ProviderTimedOut(ErrorFacts(code="read-timeout"))

    def _close(self, *, is_whole: bool) -> None:
        if not self.is_open:
            return
        self.is_open = False
        if self._record is not None:
            if is_whole:
                self._record.finished = True
            else:
                self._record.disconnected_at_s = asyncio.get_running_loop().time()
            self._standin.record_changed()


class QuietWorld:
    """A `Provider` and a `CatalogSource` in front of a stand-in that listens nowhere.

    Attributes:
        standin: what is behind it.
        streams: every answer that was begun.
        fetches: how often the catalog was asked for.
        open_most: the most answers that were under way at once.
        trees: how often somebody wanted the ports of a new tree.
        bug: raised instead of the next answers, as a mistake of ours would be.
        no_catalog: why there is none at the moment.
    """

    def __init__(self) -> None:
        self.standin = StandIn()
        self.streams: list[QuietStream] = []
        self.fetches = 0
        self.trees = 0
        self.open_most = 0
        self.bug: Exception | None = None
        self.no_catalog: ProviderError | None = None

    def ports(self) -> Ports:
        self.trees += 1
        return Ports(
            provider=self,
            codecs={WireFormat.RESPONSES: ResponsesCodec(), WireFormat.CHAT: ChatCodec()},
            catalog_source=self,
            close=lambda: None,
        )

    @property
    def open_streams(self) -> int:
        """Answers that are under way."""
        return sum(stream.is_open for stream in self.streams)

    async def open(self, call: ProviderCall) -> QuietStream:
        """See `Provider.open`."""
        await asyncio.sleep(0)
        if self.bug is not None:
            raise self.bug
        timeout_s = call.endpoint.read_timeout_s
        stream = self._asked(call.endpoint, "POST", call.path, timeout_s, call.headers, call.body)
        self.streams.append(stream)
        self.open_most = max(self.open_most, self.open_streams)
        status, headers = await stream.head()
        if status != OK:
            raise provider_error(status, headers, await stream.body(), now_epoch_s=0.0)
        wanted = "text/event-stream" if call.is_streaming else "application/json"
        if headers.get("content-type", "").partition(";")[0] != wanted:
            stream.abort()
            raise AnswerMalformed(ErrorFacts(code="wrong-type"))
        return stream

    async def fetch(self, endpoint: Endpoint) -> Catalog:
        """See `CatalogSource.fetch`."""
        self.fetches += 1
        if self.no_catalog is not None:
            raise self.no_catalog
        stream = self._asked(endpoint, "GET", "/models", endpoint.read_timeout_s)
        status, headers = await stream.head()
        body = await stream.body()
        if status != OK:
            raise provider_error(status, headers, body, now_epoch_s=0.0)
        return read_catalog(body).catalog

    def _asked(
        self,
        endpoint: Endpoint,
        method: str,
        path: str,
        timeout_s: float,
        headers: tuple[tuple[str, str], ...] = (),
        body: bytes = b"",
    ) -> QuietStream:
        if endpoint.base_url != BASE_URL:
            raise ConnectionFailed(ErrorFacts(code="dns"))
        own = {name.lower(): value for name, value in headers}
        request = HttpRequest(
            method=method,
            target=f"/api/v1{path}",
            # The older version: a body without the framing of chunks.
            version="HTTP/1.0",
            headers={"authorization": f"Bearer {endpoint.api_key.reveal()}", **own},
            body=body,
        )
        return QuietStream(self.standin, *self.standin.answer(request), timeout_s)


class QuietScene(Scene):
    """A scene on virtual time.

    Attributes:
        world: what is behind the ports.
        chosen: what Open WebUI hands over as the valves of whoever asks.
    """

    world: QuietWorld
    chosen: object = None

    async def ask(self, *args: Any, **given: Any) -> Any:
        return await super().ask(*args, **{"bound_s": PATIENT_S, **given})

    def surroundings(self, user: str) -> dict[str, object]:
        """See `Scene.surroundings`."""
        around = super().surroundings(user)
        if self.chosen is not None:
            around["__user__"] = {"id": user, "name": user, "role": "user", "valves": self.chosen}
        return around


def play_quietly(
    play: Callable[[QuietScene], Awaitable[object]],
    *wishes: Wish,
    way: Way = Way.STREAM,
    wire: Wire = Wire.RESPONSES,
    **valves: object,
) -> None:
    """Open a door on a simulated loop, play in it, close it, and look whether all have left."""

    async def scenario(_: asyncio.AbstractEventLoop) -> None:
        world = QuietWorld()
        name = f"quiet_{next(_serials)}"
        door: Any = pipe_class(name, "one", None, world.ports, guards_loop=False)()
        chosen = {"BASE_URL": BASE_URL, "API_KEY": KEY, "DEFAULT_LLM_ENDPOINT": wire.value}
        door.valves = door.Valves(**{**chosen, **valves})
        await door.pipes()
        world.standin.plan(*wishes)
        stage = QuietScene(standin=world.standin, door=door, way=way, wire=wire)
        stage.world = world
        await play(stage)
        assert door.residence.guests == 0, "every visit has ended"
        await door.close()
        assert world.open_streams == 0, "every connection is closed"

    run = simulate(scenario, Choices.from_seed(0))
    if run.error is not None:
        raise run.error


class Heard(Handler):
    """Keeps the records of a log as they are made, whoever passes them on."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[LogRecord] = []

    def emit(self, record: LogRecord) -> None:
        self.records.append(record)

    @property
    def texts(self) -> list[str]:
        return [record.getMessage() for record in self.records]


@contextmanager
def heard_log(name: str = "greenroom") -> Iterator[Heard]:
    """Listen to a logger, whatever its level is set to meanwhile."""
    logger, heard = getLogger(name), Heard()
    logger.addHandler(heard)
    try:
        yield heard
    finally:
        logger.removeHandler(heard)
