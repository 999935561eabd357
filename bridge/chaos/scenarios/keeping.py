"""Several chats are carried on, turn after turn, while the store that remembers them breaks.

hostile    chats go on, and each turn leaves a session log; saves and reads fail, are lost on the
           way, or the store is away for an hour; the tree is closed and started again; somebody
           pastes the marks of another chat
healed     the store is well: every chat is marked again by itself, and is sent all that it was
           told is kept, in its place; every log is in an archive
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from actors.kernel.child_spec import ChildSpec
from actors.kernel.clock import LoopClock
from actors.kernel.entropy import SeededEntropy
from actors.kernel.errors import KernelError
from actors.kernel.system import ActorSystem, StopReport
from actors.log_values import LogOwner, LogSegment
from actors.ports import (
    ArchiveUnwritable,
    ArtifactStore,
    Completed,
    Ending,
    Endpoint,
    ProviderCall,
    ProviderError,
    ProviderUnavailable,
    Secret,
    SessionLogSettings,
    StoreUnavailable,
)
from actors.session_log import StageSegment
from actors.testing.inline_worker import inline_workers
from actors.testing.simloop import SimLoop
from actors.values import (
    Catalog,
    ChatRequest,
    EndStatus,
    Item,
    Mark,
    Marked,
    Reasoning,
    ReasoningMade,
    Role,
    Shown,
    StreamEnded,
    StreamEvent,
    StreamFailure,
    TextAdvanced,
    TextPart,
    Turn,
    WireFormat,
)
from bridge.app import PRODUCT, App, Parts, Place, Ports
from bridge.chaos.faults.provider import playable
from bridge.chaos.faults.storage import FaultyStore, StorageFault
from bridge.chaos.knobs import draw_knobs
from bridge.chaos.memory_logs import MemoryArchive, MemorySegments
from bridge.chaos.memory_store import MemoryArtifactStore, MemoryTable
from bridge.chaos.scenarios.broken import InvariantBroken
from bridge.chaos.scenarios.house import settings_for
from bridge.chaos.trace import Trace
from bridge.chaos.wires import WIRES
from bridge.policies import PLUMBING
from bridge.session_logs.children import SESSION_LOG, session_log_children
from supervisor.gate import Admitted

T = TypeVar("T")

CHATS: Final = 3
TURNS_MAX: Final = 6
HOUR_S: Final = 3600.0

# Between two looks of the assembler, at the most.
LATEST_LOOK_S: Final = 60.0

LOG_SETTINGS: Final = SessionLogSettings(is_enabled=True, password=Secret("sesame"))

# A store that kept failing is held for half a minute, a user for a window; then both are probed.
BACK_WITHIN_S: Final = 900.0
GRACE_S: Final = 20.0
ANSWER_S: Final = 60.0

_RATES: Final = (0.0, 0.1, 0.4, 0.9)
_GAPS_S: Final = (0.0, 0.3, 5.0, 40.0)


class TapeStream:
    """One answer: the name of the request that it is for."""

    def __init__(self, name: bytes) -> None:
        self._left = [name, b""]

    async def read(self) -> bytes:
        """See `ProviderStream`."""
        await asyncio.sleep(0)
        return self._left.pop(0)

    def finish(self) -> None:
        """See `ProviderStream`."""

    def abort(self) -> None:
        """See `ProviderStream`."""


class TapeDecoder:
    """Thinking that names its request, and a word."""

    payloads = 1

    def feed(self, data: bytes) -> Sequence[StreamEvent]:
        """See `StreamDecoder`."""
        name = data.decode()
        return (
            ReasoningMade(output_index=0, reasoning=thought(name)),
            TextAdvanced(output_index=1, content_index=0, text=f"So it is, {name}."),
            StreamEnded(status=EndStatus.COMPLETED),
        )

    def finish(self) -> Sequence[StreamEvent]:
        """See `StreamDecoder`."""
        return ()


class Tape:
    """Provider, codec and catalog: it notes what it was asked, and answers everything."""

    def __init__(self) -> None:
        self.asked: dict[str, ChatRequest] = {}

    def encode(self, request: ChatRequest, endpoint: Endpoint) -> ProviderCall:
        """See `Codec`."""
        self.asked[request.request_id] = request
        return ProviderCall(endpoint=endpoint, path="/tape", body=request.request_id.encode())

    def decoder(self, *, is_streaming: bool = True) -> TapeDecoder:
        """See `Codec`."""
        return TapeDecoder()

    def error(self, failure: StreamFailure) -> ProviderError:
        """See `Codec`."""
        return ProviderUnavailable()

    async def open(self, call: ProviderCall) -> TapeStream:
        """See `Provider`."""
        await asyncio.sleep(0)
        return TapeStream(call.body)

    async def fetch(self, endpoint: Endpoint) -> Catalog:
        """See `CatalogSource`."""
        raise ProviderUnavailable


class LoopWatch:
    """The time of a simulation, as a store tells it."""

    def __init__(self, loop: SimLoop) -> None:
        self._loop = loop

    def now_s(self) -> float:
        """See `Watch`."""
        return self._loop.time()

    def wall_s(self) -> float:
        """See `Watch`."""
        return self._loop.time()


class Paper:
    """An `EventSink` that is never full."""

    def __init__(self, over: asyncio.Future[Ending]) -> None:
        self.marks: list[str] = []
        self._over = over

    def show(self, events: Sequence[Shown]) -> bool:
        """See `EventSink`."""
        self.marks += [each for event in events if isinstance(event, Marked) for each in event.ids]
        return True

    def when_room(self, callback: Callable[[], object]) -> None:
        """See `EventSink`."""

    def finish(self, ending: Ending) -> None:
        """See `EventSink`."""
        if not self._over.done():
            self._over.set_result(ending)


@dataclass(slots=True, kw_only=True)
class Chat:
    """One chat, as its user has it.

    Attributes:
        items: its history, marks and all.
        kept: what each mark of it stands for.
        turns: how many there were.
    """

    id: str
    user: str
    items: list[Item] = field(default_factory=list)
    kept: dict[str, Reasoning] = field(default_factory=dict)
    turns: int = 0


class Logbook:
    """The session logs of all trees: an `Annex` whose store fails like the other one.

    Args:
        loop: decides.
        rate: how often a call fails.
        fired: counts what was met.
    """

    def __init__(self, loop: SimLoop, rate: float, fired: Counter[str]) -> None:
        self.is_on = True
        self.told: set[str] = set()
        self.segments = MemorySegments(self._meet)
        self.archive = MemoryArchive(self._meet_archive)
        self._loop = loop
        self._rate = rate
        self._fired = fired

    def children(self) -> tuple[ChildSpec[Any], ...]:
        """See `Annex`."""
        return session_log_children(
            self.archive, self.segments, policy=PLUMBING, settings=LOG_SETTINGS
        )

    def connect(self, system: ActorSystem) -> None:
        """See `Annex`."""

    def close(self) -> None:
        """See `Annex`."""

    def exit(self) -> None:
        """See `Annex`."""

    def write(self, system: ActorSystem, chat: Chat, name: str) -> None:
        """Hand over the log of a turn, if there is anybody to take it."""
        now_s = self._loop.time()
        owner = LogOwner(user_id=chat.user, chat_id=chat.id, message_id=name, request_id=name)
        segment = LogSegment(
            id=f"{len(self.told):020d}",
            owner=owner,
            entries=(),
            created_s=now_s,
            is_terminal=True,
        )
        stager = system.find(f"root/{SESSION_LOG}")
        stage = StageSegment(segment=segment, settings=LOG_SETTINGS)
        if stager is not None and stager.offer(stage):
            self.told.add(segment.id)
            self._fired["logged"] += 1

    @property
    def lost(self) -> set[str]:
        """Logs that were handed over, and stand nowhere."""
        return self.told - self.archive.segments.keys() - self.segments.staged.keys()

    def _meet(self, call: str) -> None:
        if self.is_on and self._loop.chance(self._rate, "logs"):
            self._fired[f"log store fails: {call}"] += 1
            raise StoreUnavailable

    def _meet_archive(self, call: str) -> None:
        if self.is_on and self._loop.chance(self._rate, "logs"):
            self._fired["archive unwritable"] += 1
            raise ArchiveUnwritable


class Keeping:
    """One run of the scenario.

    Args:
        loop: decides everything that is open.
        parts: what the tree is made of.
        wrap: what stands between the faults and the table; a test brings a broken store.
    """

    def __init__(
        self,
        loop: SimLoop,
        parts: Parts = PRODUCT,
        wrap: Callable[[ArtifactStore], ArtifactStore] = lambda store: store,
    ) -> None:
        self._loop = loop
        self._parts = parts
        bounds = draw_knobs(loop, playable(WIRES), WIRES).bounds
        self._settings = settings_for(bounds, 10)
        self.trace = Trace({})
        kinds = tuple(StorageFault)
        first = loop.choose(len(kinds), "kinds")
        self._table = MemoryTable()
        self._store = FaultyStore(
            loop,
            wrap(MemoryArtifactStore(self._table, LoopWatch(loop))),
            kinds[first:],
            _RATES[loop.choose(len(_RATES), "rate")],
            self.trace.fired,
        )
        self._logbook = Logbook(
            loop, _RATES[loop.choose(len(_RATES), "log rate")], self.trace.fired
        )
        self._tape = Tape()
        self._chats = [Chat(id=f"chat{n}", user=f"user{n % 2}") for n in range(CHATS)]
        self._app: App | None = None
        self._trees = 0
        self._closing: list[asyncio.Task[StopReport]] = []

    async def play(self) -> None:
        """Run all of it.

        Raises:
            InvariantBroken: a promise was not kept.
        """
        away = self._loop.create_task(self._goes_away())
        await asyncio.gather(*(self._carry_on(chat) for chat in self._chats))
        await away
        self._store.is_on = self._store.is_away = self._logbook.is_on = False
        for chat in self._chats:
            await self._comes_back(chat)
        # The lock of an assembler that could not give it back is void by then.
        await asyncio.sleep(LOG_SETTINGS.lock_stale_s + LATEST_LOOK_S)
        self._close()
        for report in await asyncio.gather(*self._closing):
            if report.abandoned:
                self.trace.breach("nobody left", f"left behind: {', '.join(report.abandoned)}")
        if lost := self._logbook.lost:
            self.trace.breach("logged", f"{len(lost)} session logs stand nowhere")
        if self._logbook.segments.staged:
            left = len(self._logbook.segments.staged)
            self.trace.breach("logged", f"{left} session logs are staged and in no archive")
        if self.trace.breaches:
            raise InvariantBroken(tuple(self.trace.breaches))

    # --- what breaks -----------------------------------------------------------------------------

    async def _goes_away(self) -> None:
        """The store may be away for an hour, and the tree may be closed meanwhile."""
        loop = self._loop
        if loop.chance(0.3, "away"):
            await asyncio.sleep(_drawn(loop, _GAPS_S, "away"))
            self._store.is_away = True
            self.trace.fired["storage away for an hour"] += 1
            await asyncio.sleep(HOUR_S)
            self._store.is_away = False
        if loop.chance(0.4, "closed"):
            await asyncio.sleep(_drawn(loop, _GAPS_S, "closed"))
            self.trace.fired["tree closed between turns"] += 1
            self._close()

    # --- chats -----------------------------------------------------------------------------------

    async def _carry_on(self, chat: Chat) -> None:
        loop = self._loop
        for _ in range(1 + loop.choose(TURNS_MAX, chat.id)):
            await asyncio.sleep(_drawn(loop, _GAPS_S, chat.id))
            others = [each for each in self._chats if each is not chat and each.kept]
            if others and loop.chance(0.2, chat.id):
                # Somebody pastes what stands in an answer of another chat.
                self.trace.fired["a foreign mark"] += 1
                foreign = next(iter(others[0].kept))
                chat.items.insert(_last_answer(chat.items), Mark(artifact_id=foreign))
            await self._turn(chat)

    async def _comes_back(self, chat: Chat) -> None:
        """With a store that is well, a chat is marked again and sent all that is kept of it."""
        until_s = self._loop.time() + BACK_WITHIN_S
        while True:
            kept = tuple(chat.kept.values())
            is_marked = await self._turn(chat)
            asked = self._tape.asked.get(f"{chat.id}.{chat.turns}")
            sent = () if asked is None else asked.items
            missing = [each for each in kept if each not in sent]
            if is_marked and not missing:
                return
            if self._loop.time() > until_s:
                break
            await asyncio.sleep(10.0)
        if not is_marked:
            self.trace.breach("recovery", f"{chat.id} is not marked though the store is well")
        if missing:
            self.trace.breach(
                "kept", f"{chat.id} was not sent {len(missing)} of {len(kept)} kept thoughts"
            )

    async def _turn(self, chat: Chat) -> bool:
        """Ask once; say whether the answer was marked."""
        chat.turns += 1
        name = f"{chat.id}.{chat.turns}"
        chat.items.append(Turn(role=Role.USER, parts=(TextPart(text=name),)))
        over: asyncio.Future[Ending] = self._loop.create_future()
        paper = Paper(over)
        app = self._entered()
        request = ChatRequest(
            request_id=name, model="sim/a", items=tuple(chat.items), wire=WireFormat.RESPONSES
        )
        place = Place(chat_id=chat.id, message_id=name)
        answer: object = None
        with suppress(KernelError):  # The tree is being closed.
            answer = await app.admitted(request, self._settings, paper, user=chat.user, place=place)
        if not isinstance(answer, Admitted):
            self.trace.fired["not admitted"] += 1
            return False
        self._logbook.write(app.system, chat, name)
        app.system.monitor(answer.ref, lambda _: over.done() or over.cancel())
        try:
            ending = await asyncio.wait_for(asyncio.shield(over), ANSWER_S)
        except TimeoutError:
            self.trace.breach("answered", f"{name} has no end after {ANSWER_S:.0f} s")
            return False
        except asyncio.CancelledError:
            self.trace.fired["the tree went away"] += 1
            return False
        if isinstance(ending, Completed):
            self._look(chat, name, paper.marks)
        elif not app.is_alive:
            self.trace.fired["the tree went away"] += 1
        else:
            self.trace.breach("answered", f"{name} ended as {type(ending).__name__}")
        return bool(paper.marks)

    def _look(self, chat: Chat, name: str, marks: Sequence[str]) -> None:
        """Write down an answer, and look at what was sent and what was promised."""
        for item in self._tape.asked[name].items:
            if isinstance(item, Mark):
                self.trace.breach("kept", f"{name} was sent with a mark in it")
            if isinstance(item, Reasoning) and not json.loads(item.json)["of"].startswith(
                f"{chat.id}."
            ):
                self.trace.breach("isolation", f"{name} was sent the thinking of another chat")
        lost = set(marks) - self._table.ids
        if lost:
            self.trace.breach("kept", f"{name} has {len(lost)} marks of nothing")
        self.trace.fired["marked" if marks else "not marked"] += 1
        for each in marks:
            chat.kept[each] = thought(name)
            chat.items.append(Mark(artifact_id=each))
        chat.items.append(Turn(role=Role.ASSISTANT, parts=(TextPart(text=f"So it is, {name}."),)))

    # --- trees -----------------------------------------------------------------------------------

    def _entered(self) -> App:
        if self._app is None or not self._app.is_alive:
            self._app = self._started()
        return self._app

    def _started(self) -> App:
        self._trees += 1
        ports = Ports(
            provider=self._tape,
            codecs={WireFormat.RESPONSES: self._tape},
            catalog_source=self._tape,
            close=lambda: None,
            store=self._store,
            annex=self._logbook,
        )
        return App(
            ports,
            name=f"keeping{self._trees}",
            # Wall clocks are virtual as well: locks and rows grow old by them.
            clock=LoopClock(self._loop, self._loop.time),
            entropy=SeededEntropy(f"{self._loop.choices.seed}/keeping{self._trees}"),
            start_worker=inline_workers(self._loop),
            parts=self._parts,
        )

    def _close(self) -> None:
        app, self._app = self._app, None
        if app is not None:
            self._closing.append(self._loop.create_task(app.close(GRACE_S)))


def thought(name: str) -> Reasoning:
    """Return what is thought in the answer to a request."""
    said = json.dumps({"type": "reasoning", "id": f"rs_{name}", "of": name})
    return Reasoning(wire=WireFormat.RESPONSES, json=said)


def _last_answer(items: Sequence[Item]) -> int:
    """Return where the last answer begins: right behind the last question."""
    asked = (isinstance(item, Turn) and item.role is Role.USER for item in items)
    return max((at + 1 for at, is_asked in enumerate(asked) if is_asked), default=0)


def _drawn(loop: SimLoop, options: Sequence[T], tag: str) -> T:
    return options[loop.choose(len(options), tag)]
