"""One user's visit: what a door does with the tree, in the order in which the real one does it.

The steps are those of `bridge.owui.pipe`: ask for the catalog, ask to come in, watch the chat,
take what is shown, and whatever happens, end the chat when the user has gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from actors.catalog import CatalogKnown
from actors.kernel.errors import ActorStopped, AskTimedOut, KernelError, MailboxFull
from actors.kernel.ref import ActorRef
from actors.kernel.signals import Terminated
from actors.ports import Remedies, ToolBox
from actors.testing.simloop import SimLoop
from actors.values import ChatRequest, Item, Role, TextPart, Tool, Turn, WireFormat
from bridge.app import App, Place
from bridge.chaos.faults.answers import FIND, TOOLS, WRITE
from bridge.chaos.faults.injected import InjectedCrash
from bridge.chaos.faults.sink import DoorSink, Moment, Piece
from bridge.chaos.trace import Answer, Trace, Visit
from bridge.config.settings import Settings
from supervisor.gate import Admitted, Refusal, Refused

CATALOG_WAIT_S: Final = 45.0

# How soon after what it sees a finger is on the button.
REACTIONS_S: Final = (0.0, 0.01, 0.3)

# Two of the tools run on one server.
SERVERS: Final = {FIND: "shed", WRITE: "shed"}

OFFERED: Final = tuple(
    Tool(name=name, description="", parameters_json='{"type":"object"}') for name in TOOLS
)

_REFUSALS = {
    Refusal.FULL: Answer.FULL,
    Refusal.HELD: Answer.HELD,
    Refusal.NOT_STARTED: Answer.NOT_STARTED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How a user behaves.

    Attributes:
        stop_s: when stop is pressed, at the latest.
        stop_on: what makes the user press it.
        pauses_s: drawn from between two pieces.
    """

    stop_s: float
    stop_on: Moment | None = None
    pauses_s: tuple[float, ...] = (0.0,)
    asks_catalog: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the chat is to be like.

    Attributes:
        model: who is asked.
        wire: in which format.
        box: the tools that are run here; None: whoever asked runs them.
        remedies: what may be changed in a refused call.
        past: earlier turns of the chat, with their marks.
        is_kept: whether there is a row of this id now.
        over: told when the visit is over, however it went.
    """

    model: str
    wire: WireFormat
    box: ToolBox | None
    remedies: Remedies
    past: tuple[Item, ...]
    is_kept: Callable[[str], bool]
    over: Callable[[], object]


class Door:
    """See the module docstring.

    Args:
        app: the tree at this moment.
        visit: where everything is written down.
        order: what is asked for.
        settings: the valves at this moment.
        manners: how the user behaves.
        trace: counts what was met.
    """

    def __init__(
        self,
        app: App,
        visit: Visit,
        order: Order,
        settings: Settings,
        manners: Manners,
        trace: Trace,
    ) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimLoop), "a visit is simulated"
        self.retry_after_s = 0.0
        self._loop = loop
        self._app = app
        self._visit = visit
        self._order = order
        self._settings = settings
        self._manners = manners
        self._fired = trace.fired
        self._task: asyncio.Task[object] | None = None
        self._sink = DoorSink(
            visit,
            trace.fired,
            bytes_max=settings.handover_bytes_max,
            pieces_max=settings.handover_lines_max,
            met=self._met,
            is_kept=order.is_kept,
            now_s=loop.time,
        )

    async def run(self) -> None:
        """Visit, until the answer has ended or the user leaves."""
        self._task = asyncio.current_task()
        leaving = self._loop.call_later(self._manners.stop_s, self._leave, "in time")
        try:
            await self._visited()
        except asyncio.CancelledError:
            if self._visit.stopped_s is None:
                raise  # The simulation itself is over.
            if not self._visit.answers:
                self._visit.answers.append(Answer.LEFT)
        finally:
            leaving.cancel()
            self._visit.is_over = True
            self._order.over()

    def _met(self, moment: Moment) -> None:
        """See something of the answer, and perhaps press stop for it."""
        if moment is self._manners.stop_on:
            reaction_s = REACTIONS_S[self._loop.choose(len(REACTIONS_S), "reaction")]
            self._loop.call_later(reaction_s, self._leave, moment.value)

    def _leave(self, why: str) -> None:
        """Press stop: Open WebUI cancels the task that takes the answer."""
        visit, task = self._visit, self._task
        assert task is not None, "who leaves has come"
        if visit.is_over or visit.stopped_s is not None:
            return
        visit.stopped_s = self._loop.time()
        self._fired[f"stop {self._stage()}"] += 1
        self._fired[f"stop when {why}"] += 1
        task.cancel()

    def _stage(self) -> str:
        """Say how far the visit has come."""
        visit = self._visit
        if not visit.is_admitted:
            return "before admission"
        if self._sink.ending is not None:
            return "as it ends"
        if len(visit.calls_begun) > len(visit.calls_over):
            return "while a tool runs"
        if visit.round > 1:
            return "in a later round"
        return "before output" if visit.first_shown_s is None else "in the middle"

    async def _visited(self) -> None:
        if self._manners.asks_catalog:
            await self._ask_catalog()
        chat: ActorRef[object] | None = None
        try:
            chat = await self._admitted()
            if chat is None:
                return
            while pieces := await self._sink.take():
                self._see(pieces)
                await self._pause()
            chat = None
            self._visit.ends.append(self._sink.end)
            self._fired[f"end: {self._sink.end.value}"] += 1
        finally:
            if chat is not None:
                chat.shut_down(1.0)

    async def _ask_catalog(self) -> None:
        try:
            answer = await self._app.catalog(self._settings, wait_s=CATALOG_WAIT_S)
        except (KernelError, InjectedCrash):
            self._fired["catalog: no answer"] += 1
            return
        kind = "known" if isinstance(answer, CatalogKnown) else "missing"
        self._fired[f"catalog: {kind}"] += 1

    async def _admitted(self) -> ActorRef[object] | None:
        answer = await self._ask()
        self._visit.answered_s = self._loop.time()
        self._fired[f"gate: {_kind(answer).value}"] += 1
        self._visit.answers.append(_kind(answer))
        if isinstance(answer, Admitted):
            self._app.system.monitor(answer.ref, self._chat_ended)
            return answer.ref
        if isinstance(answer, Refused):
            self.retry_after_s = answer.retry_after_s
        return None

    async def _ask(self) -> Admitted | Refused | Exception:
        visit, order = self._visit, self._order
        request = ChatRequest(
            request_id=visit.id,
            model=order.model,
            items=(*order.past, Turn(role=Role.USER, parts=(TextPart(text=visit.id),))),
            tools=OFFERED,
            wire=order.wire,
        )
        try:
            return await self._app.admitted(
                request,
                self._settings,
                self._sink,
                user=visit.user,
                box=order.box,
                servers=SERVERS,
                remedies=order.remedies,
                place=Place(chat_id=visit.chat, message_id=f"m-{visit.id}"),
            )
        except (KernelError, InjectedCrash) as error:
            return error

    def _chat_ended(self, _: Terminated) -> None:
        self._visit.notices += 1
        self._visit.gone_s = self._loop.time()
        self._sink.abandon()

    def _see(self, pieces: list[Piece]) -> None:
        if self._visit.first_shown_s is None:
            self._visit.first_shown_s = self._loop.time()
        self._visit.pieces += pieces

    async def _pause(self) -> None:
        pauses_s = self._manners.pauses_s
        if pause_s := pauses_s[self._loop.choose(len(pauses_s), "reader")]:
            self._fired["sink slow reader"] += 1
            await asyncio.sleep(pause_s)


def _kind(answer: Admitted | Refused | Exception) -> Answer:
    match answer:
        case Admitted():
            return Answer.ADMITTED
        case Refused(why=why):
            return _REFUSALS[why]
        case MailboxFull():
            return Answer.MAILBOX_FULL
        case AskTimedOut():
            return Answer.TIMED_OUT
        case ActorStopped():
            return Answer.GATE_GONE
        case _:
            return Answer.GATE_FAILED
