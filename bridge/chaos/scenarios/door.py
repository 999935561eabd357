"""One user's visit: what a door does with the tree, in the order in which the real one does it.

The steps are those of `bridge.owui.pipe`: ask for the catalog, ask to come in, watch the chat,
take what is shown, and whatever happens, end the chat when the user has gone.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from actors.catalog import CatalogKnown
from actors.kernel.errors import ActorStopped, AskTimedOut, KernelError, MailboxFull
from actors.kernel.ref import ActorRef
from actors.kernel.signals import Terminated
from actors.testing.simloop import SimLoop
from actors.values import ChatRequest, Role, TextPart, Turn
from bridge.app import App
from bridge.chaos.faults.actor import InjectedCrash
from bridge.chaos.faults.sink import DoorSink
from bridge.chaos.trace import Answer, Trace, Visit
from bridge.config.settings import Settings
from supervisor.gate import Admitted, Refusal, Refused

CATALOG_WAIT_S = 45.0

_REFUSALS = {
    Refusal.FULL: Answer.FULL,
    Refusal.HELD: Answer.HELD,
    Refusal.NOT_STARTED: Answer.NOT_STARTED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How a user behaves.

    `stop_s` is when stop is pressed, at the latest; `pauses_s` are drawn from between two pieces.
    """

    stop_s: float
    pauses_s: tuple[float, ...] = (0.0,)
    asks_catalog: bool = False


class Door:
    """See the module docstring.

    Args:
        app: the tree at this moment.
        visit: where everything is written down.
        settings: the valves at this moment.
        manners: how the user behaves.
        trace: counts what was met.
    """

    def __init__(
        self, app: App, visit: Visit, settings: Settings, manners: Manners, trace: Trace
    ) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimLoop), "a visit is simulated"
        self.retry_after_s = 0.0
        self._loop = loop
        self._app = app
        self._visit = visit
        self._settings = settings
        self._manners = manners
        self._fired = trace.fired
        self._sink = DoorSink(
            visit,
            trace.fired,
            bytes_max=settings.handover_bytes_max,
            pieces_max=settings.handover_lines_max,
        )

    async def run(self) -> None:
        """Visit, until the answer has ended or the user leaves."""
        task = asyncio.current_task()
        assert task is not None, "a visit is a task of its own"
        leaving = self._loop.call_later(self._manners.stop_s, self._leave, task)
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

    def _leave(self, task: asyncio.Task[object]) -> None:
        """Press stop: Open WebUI cancels the task that takes the answer."""
        visit = self._visit
        visit.stopped_s = self._loop.time()
        if not visit.is_admitted:
            stage = "before admission"
        elif visit.first_shown_s is None:
            stage = "before output"
        else:
            stage = "in the middle" if self._sink.ending is None else "as it ends"
        self._fired[f"stop {stage}"] += 1
        task.cancel()

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
        visit = self._visit
        request = ChatRequest(
            request_id=visit.id,
            model=visit.id,
            items=(Turn(role=Role.USER, parts=(TextPart(text="hello"),)),),
        )
        try:
            return await self._app.admitted(request, self._settings, self._sink, user=visit.user)
        except (KernelError, InjectedCrash) as error:
            return error

    def _chat_ended(self, _: Terminated) -> None:
        self._visit.notices += 1
        self._visit.gone_s = self._loop.time()
        self._sink.abandon()

    def _see(self, pieces: list[tuple[bool, str]]) -> None:
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
