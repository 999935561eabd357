"""The composition root: settings to ports to tree. Read it second.

    root  one_for_one
    |- catalog   the provider's models                                   permanent
    |- tools     grants permits to the tools of all chats                permanent
    |- chats     dynamic, CHATS_MAX                                      permanent
    |  `- chat   closes with its significant child: request; beside it the attempt,
    |            and the tools of the moment                             temporary
    |- gate      after a restart it counts the chats that are running    permanent
    |- storage   keeps artifacts: see `storage_tree.py`                  permanent
    |- sharer    leases permits from those of all workers                permanent
    |- exchange  tells other workers of failures, and hears of theirs    permanent
    `- costs     passes on what each call used                           permanent

A door may bring more actors along; they stand last. What stands last ends first, so what is still
to be kept is kept before anything else goes.

All restart policies stand in `policies.py`.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from types import MappingProxyType
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

import supervisor as our_supervisor
from actors.catalog import GetCatalog
from actors.chat_memory import MemorySetup
from actors.chat_setup import ChatSetup
from actors.costs import RecordCost
from actors.db_line import ExitFlush
from actors.kernel.child_spec import StopChild
from actors.kernel.clock import Clock
from actors.kernel.entropy import Entropy
from actors.kernel.future import AskFuture
from actors.kernel.interceptor import Interceptor
from actors.kernel.loop_guard import LoopGuard
from actors.kernel.ref import ActorRef
from actors.kernel.system import ActorSystem, StopReport, WorkerThread
from actors.ports import (
    EventSink,
    Remedies,
    ToolBox,
)
from actors.recall import without_marks
from actors.tool import ToolPermits
from actors.tool_round import ToolSetup
from actors.values import ChatRequest, Usage
from bridge.config.settings import Settings
from bridge.policies import (
    ATTEMPT,
    TASK_ATTEMPT,
    model_policy,
    server_policy,
    tool_policy,
    user_policy,
)
from bridge.storage_tree import Kept, StorageRooms
from bridge.transforms.chat_chunks import usage_dict
from bridge.transforms.json_text import json_text
from bridge.tree import COSTS, PRODUCT, Parts, Ports, chat_spec, root_spec
from supervisor.gate import Admit, Admitted, KeyPolicy, Refused

__all__ = ["NO_SERVERS", "PRODUCT", "App", "Parts", "Payer", "Place", "Ports"]

_log = logging.getLogger("greenroom.app")

NO_SERVERS: Final[Mapping[str, str]] = MappingProxyType({})

# What the tree gets to stop in when its grace is used up.
STOP_S: Final = 2.0

# What may still be kept when the program ends, or when the tree has stopped without its word.
LAST_FLUSH_S: Final = 5.0


class Place(Struct, frozen=True, kw_only=True):
    """The answer that is being made. Neither is empty (SPEC 154)."""

    chat_id: str
    message_id: str


class Payer(Struct, frozen=True, kw_only=True):
    """Whose calls are accounted for (SPEC 178); nothing is where one of these is missing."""

    user_id: str
    email: str
    name: str

    def __repr__(self) -> str:
        return "Payer(...)"


class App:
    """One running tree. Make it inside the loop it will live on.

    Args:
        ports: the adapters, or their simulated twins.
        name: for logs and thread names.
        clock, entropy, interceptors, start_worker, parts: what a simulation brings along.
        guards_loop: watch the loop from a thread, and name the actor that holds it up.
        guards_exit: keep what can be kept when the program ends and nobody has closed this
            (SPEC 192).

    Raises:
        ImportError: another package called `supervisor` took the place of ours.
    """

    def __init__(
        self,
        ports: Ports,
        *,
        name: str = "greenroom",
        clock: Clock | None = None,
        entropy: Entropy | None = None,
        interceptors: tuple[Interceptor, ...] = (),
        guards_loop: bool = False,
        guards_exit: bool = False,
        start_worker: Callable[[str], WorkerThread] | None = None,
        parts: Parts = PRODUCT,
    ) -> None:
        _check_packages()
        self._ports = ports
        self._parts = parts
        self.system = ActorSystem(
            name,
            clock=clock,
            entropy=entropy,
            interceptors=interceptors,
            start_worker=start_worker,
        )
        self._kept = Kept(parts.line)
        self.root: ActorRef[Any] = self.system.spawn(root_spec(ports, parts, self._kept))
        # Refs outlive restarts; after the end of the tree they say so to whoever still asks.
        self._gate = self._found("root/gate")
        self._chats = self._found("root/chats")
        self._tools = self._found("root/tools")
        self._rooms = None if ports.store is None else StorageRooms(self.system, self._kept)
        if ports.annex is not None:
            ports.annex.connect(self.system)
        self._is_closing = False
        self._last_flush: ExitFlush | None = None
        if guards_exit and ports.store is not None:
            self._last_flush = ExitFlush(self._kept.line, ports.store)
            atexit.register(self.leave)
        self._guard = LoopGuard(self.system) if guards_loop else None
        if self._guard is not None:
            self._guard.start()
        self._catalog = self._found("root/catalog")

    # --- what doors ask for --------------------------------------------------------------------

    def admit(
        self,
        request: ChatRequest,
        settings: Settings,
        sink: EventSink,
        *,
        user: str,
        box: ToolBox | None = None,
        servers: Mapping[str, str] = NO_SERVERS,
        remedies: Remedies | None = None,
        place: Place | None = None,
        payer: Payer | None = None,
        is_task: bool = False,
    ) -> AskFuture:
        """Ask the gate to run a chat; the answer is `Admitted` or `Refused`.

        The wait for admission is bounded (`ADMISSION_WAIT_MAX_S`). Who does not want the answer
        any more says so with `take_back`; `admitted` does it by itself.

        Args:
            request: what was asked.
            settings: of this request.
            sink: where the answer is shown.
            user: whose request it is; users take turns, and each has policies of their own.
            box: the tools that are run here; None: whoever asked runs them.
            servers: the ids of the servers that tools run on, by the tools' names.
            remedies: what may be changed in a call that was refused.
            place: the answer that is made; None: nothing of it is remembered, and its history has
                no marks.
            payer: who is accounted for; None: nobody.
            is_task: a small job beside a chat, which is not worth many attempts (SPEC 145).
        """
        parts = self._parts
        setup = ChatSetup(
            provider=self._ports.provider,
            codecs=self._ports.codecs,
            reads_max=settings.reads_in_flight_max,
            mailbox_max=settings.request_mailbox_max,
            attempt_policy=TASK_ATTEMPT if is_task else ATTEMPT,
            remedies=remedies,
            deadline_s=settings.request_deadline_s,
            spent=self._spent(settings, payer),
            attempt=parts.attempt,
            tool_round=parts.tool_round,
        )
        tools = None if box is None else self._tool_setup(settings, box, servers, user)
        memory = None
        if place is not None:
            memory = self._memory(settings, user, place, tools)
            if memory is None:
                request = replace(request, items=without_marks(request.items))
        admit = Admit(
            spec=chat_spec(request, settings, setup, sink, parts, tools, memory),
            keys=_keys(settings, user, request.model),
            running_max=settings.requests_max,
            waiting_max=parts.waiting_max,
            fair_key=user,
        )
        wait_s = parts.admission_wait_max_s
        return self._gate.ask(admit, block=False, timeout=wait_s)

    async def admitted(
        self,
        request: ChatRequest,
        settings: Settings,
        sink: EventSink,
        *,
        user: str,
        box: ToolBox | None = None,
        servers: Mapping[str, str] = NO_SERVERS,
        remedies: Remedies | None = None,
        place: Place | None = None,
        payer: Payer | None = None,
        is_task: bool = False,
    ) -> Admitted | Refused:
        """Ask as `admit` does and wait; who is cancelled meanwhile leaves no chat behind.

        Raises:
            KernelError: the gate did not answer.
        """
        asking = self.admit(
            request,
            settings,
            sink,
            user=user,
            box=box,
            servers=servers,
            remedies=remedies,
            place=place,
            payer=payer,
            is_task=is_task,
        )
        try:
            answer: Admitted | Refused = await asking
        except asyncio.CancelledError:
            self.take_back(asking)
            raise
        return answer

    @staticmethod
    def take_back(asking: AskFuture) -> None:
        """Give up what `admit` was asked for; harmless after a refusal.

        A place in the queue is free again. It may have been admitted in this very turn, and
        nobody else knows of the chat: then it ends.
        """
        asking.cancel()
        asking.add_done_callback(_end_admitted)

    def _tool_setup(
        self, settings: Settings, box: ToolBox, servers: Mapping[str, str], user: str
    ) -> ToolSetup:
        tools = settings.tools
        failures_max, window_s = settings.breaker_failures_max, settings.breaker_window_s
        return ToolSetup(
            box=box,
            rounds_max=tools.rounds_max,
            parallel_max=tools.parallel_max,
            batch_max=tools.batch_max,
            call_timeout_s=tools.timeout_s,
            batch_timeout_s=tools.batch_timeout_s,
            idle_timeout_s=tools.idle_timeout_s,
            drain_s=tools.shutdown_s,
            permits=ToolPermits(
                gate=self._tools,
                running_max=tools.parallel_global_max,
                user=user,
                policy=tool_policy(failures_max, window_s),
                server_policy=server_policy(failures_max, window_s),
                servers=servers,
                history_max=settings.breaker_history_max,
            ),
            tool=self._parts.tool,
        )

    def _spent(
        self, settings: Settings, payer: Payer | None
    ) -> Callable[[str, Usage], object] | None:
        """Return what records the calls of a chat, where somebody wants that."""
        sharing = settings.sharing
        if payer is None or not (sharing.dumps_costs and sharing.is_wanted):
            return None
        costs = self.system.find(COSTS)
        if costs is None:
            return None
        return partial(_record, costs, payer, round(sharing.costs_ttl_s))

    def _memory(
        self, settings: Settings, user: str, place: Place, tools: ToolSetup | None
    ) -> MemorySetup | None:
        rooms = self._rooms
        if rooms is None or settings.storage.problem is not None:
            return None
        if self._ports.obey is not None and not self._ports.obey(settings):
            return None
        rooms.obey(settings.storage, settings.sharing)
        return rooms.memory(
            settings,
            user=user,
            chat_id=place.chat_id,
            message_id=place.message_id,
            runs_tools=tools is not None,
        )

    def now_s(self) -> float:
        """The tree's own time, monotonic."""
        return self.system.clock.now_s()

    def catalog(self, settings: Settings, *, wait_s: float) -> AskFuture:
        """Ask for the models; the answer is `CatalogKnown` or `CatalogMissing`."""
        question = GetCatalog(endpoint=settings.endpoint, refresh_s=settings.catalog_refresh_s)
        return self._catalog.ask(question, block=False, timeout=wait_s)

    @property
    def is_alive(self) -> bool:
        """Whether the tree takes requests: its root has not given up, and nobody closes it."""
        return self.root.is_alive() and not self._is_closing

    def _a_running_chat(self) -> ActorRef[Any] | None:
        chats = self._chats.cell.children or {}
        return next((cell.ref for cell in chats.values()), None)

    async def close(self, grace_s: float) -> StopReport:
        """Stop admitting, let running chats finish, stop the tree from the leaves up (SPEC 192).

        All of it has `grace_s` seconds, and the stop itself at least `STOP_S`; who waits for
        admission is refused at once. Then the world is let go of.
        """
        self._is_closing = True
        deadline_s = self.now_s() + grace_s
        self.root.offer(StopChild(ref=self._gate))
        while (chat := self._a_running_chat()) is not None and self.now_s() < deadline_s:
            await self.system.wait_until(deadline_s, chat.cell.on_closed)
        if self._ports.annex is not None:
            await asyncio.to_thread(self._ports.annex.close)
        report = await self.system.stop(max(deadline_s - self.now_s(), STOP_S))
        if self._last_flush is not None:
            atexit.unregister(self.leave)
            await asyncio.to_thread(self._flush, self._last_flush)
            self._last_flush.dismiss()
        if self._guard is not None:
            self._guard.stop()
        closing = self._ports.close()
        if asyncio.iscoroutine(closing):
            await closing
        if report.abandoned:
            _log.warning("shutdown left behind: %s", ", ".join(report.abandoned))
        return report

    def leave(self) -> None:
        """Keep what can be kept without the loop, within a bound: there is no time for a close."""
        if self._last_flush is not None:
            self._flush(self._last_flush)
        if self._ports.annex is not None:
            self._ports.annex.exit()

    @staticmethod
    def _flush(last_flush: ExitFlush) -> None:
        if left := last_flush.flush(LAST_FLUSH_S):
            _log.warning("%d saves were lost at the end: the store did not take them", left)

    def _found(self, name: str) -> ActorRef[Any]:
        ref = self.system.find(name)
        assert ref is not None, "the root has started all of its children"
        return ref


def _check_packages() -> None:
    """Refuse to start on somebody else's package; the process manager installs `supervisor` too."""
    if not hasattr(our_supervisor, "GateActor"):
        raise ImportError(
            f"the package 'supervisor' at {our_supervisor.__file__} is not Greenroom's; "
            "uninstall the process manager of that name from this environment"
        )


@lru_cache(maxsize=1024)
def _user_key(user: str, failures_max: int, window_s: float, history_max: int) -> KeyPolicy:
    policy = user_policy(failures_max, window_s)
    return KeyPolicy(key=f"user:{user}", policy=policy, history_max=history_max)


@lru_cache(maxsize=1024)
def _model_key(model: str, failures_max: int, window_s: float) -> KeyPolicy:
    return KeyPolicy(key=f"model:{model}", policy=model_policy(failures_max, window_s))


def _keys(settings: Settings, user: str, model: str) -> tuple[KeyPolicy, ...]:
    """Whose failures a request counts with: its user's, and its model's."""
    failures_max, window_s = settings.breaker_failures_max, settings.breaker_window_s
    return (
        _user_key(user, failures_max, window_s, settings.breaker_history_max),
        _model_key(model, failures_max, window_s),
    )


def _record(
    costs: ActorRef[RecordCost], payer: Payer, keep_s: int, model: str, usage: Usage
) -> None:
    cost = RecordCost(
        user_id=payer.user_id,
        email=payer.email,
        name=payer.name,
        model_id=model,
        usage=json_text(usage_dict(usage)),
        keep_s=keep_s,
    )
    costs.offer(cost)


def _end_admitted(asking: AskFuture) -> None:
    """End a chat whose door has gone."""
    if asking.error is None:
        answer = asking.get()
        if isinstance(answer, Admitted):
            answer.ref.shut_down(0.0)
