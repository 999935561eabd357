"""The world of a scenario: trees that are started and shut down, their faults, their visitors."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from actors.kernel.clock import LoopClock
from actors.kernel.entropy import SeededEntropy
from actors.kernel.system import StopReport
from actors.ports import Endpoint, Secret
from actors.testing.simloop import SimLoop
from actors.values import Mark, WireFormat
from bridge.app import App, Parts, Ports
from bridge.chaos.faults.actor import ActorFaults
from bridge.chaos.faults.answers import Part
from bridge.chaos.faults.catalog import ScriptedCatalog
from bridge.chaos.faults.codec import BuggyCodec
from bridge.chaos.faults.logs import LogFaults, LogShelf, StagedLogs
from bridge.chaos.faults.mailbox import MailboxFaults
from bridge.chaos.faults.provider import Guest, ScriptedProvider, playable
from bridge.chaos.faults.remedies import ScriptedRemedies
from bridge.chaos.faults.roles import Role
from bridge.chaos.faults.store import ScriptedStore, StoreThreads
from bridge.chaos.faults.tools import ScriptedTools
from bridge.chaos.gate_events import BreakerTerms
from bridge.chaos.gate_watch import watched
from bridge.chaos.knobs import Bounds, Knobs, draw_knobs
from bridge.chaos.scenarios.door import Door, Manners, Order
from bridge.chaos.scenarios.log_desk import LogDesk
from bridge.chaos.scenarios.parts import sim_parts
from bridge.chaos.scenarios.past import PART, old_turn, told
from bridge.chaos.scenarios.workers import Workers
from bridge.chaos.trace import Closing, Expected, Kind, Trace, Visit
from bridge.chaos.watching import (
    Ledger,
    chats_alive,
    interceptors_of,
    live_names,
    open_books,
)
from bridge.chaos.wires import CODECS, WIRES
from bridge.chaos.writer_watch import LineBook, watched_writer
from bridge.config.setting_groups import MemorySettings
from bridge.config.settings import Settings
from bridge.policies import (
    MODEL_FAILURES_FACTOR,
    SERVER_FAILURES_FACTOR,
    model_policy,
    storage_policy,
    user_policy,
)

GRACE_S: Final = 20.0

# A zombie's last breath.
LEAVING_S: Final = 5.0

FIXED_ACTORS: Final = (
    "root",
    "root/catalog",
    "root/chats",
    "root/gate",
    "root/log_assembler",
    "root/log_cleaner",
    "root/session_log",
    "root/storage",
    "root/storage/cleaner",
    "root/storage/committer",
    "root/storage/permits",
    "root/storage/reader",
    "root/storage/writer",
    "root/tools",
)

FIXED_WITH_REDIS: Final = tuple(
    sorted((*FIXED_ACTORS, "root/storage/drain", "root/sharer", "root/exchange"))
)

DEFAULT_MEMORY: Final = MemorySettings()

# Earlier turns of a chat that a history tells of.
TURNS_MAX: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What somebody comes for.

    Attributes:
        model: who is asked.
        wire: in which format.
        part: what the provider and the tools have in store.
        runs_tools: whether tools are run here, or by whoever asked.
        chat: which of the user's chats is gone on with; "" begins one of its own.
        has_past: whether that chat began long ago.
        strays: whether the history names what belongs to another chat.
    """

    part: Part
    model: str = "sim/a"
    wire: WireFormat = WIRES[0]
    runs_tools: bool = True
    chat: str = ""
    has_past: bool = False
    strays: bool = False


class House:
    """Starts trees and lets visitors in.

    Args:
        loop: decides everything that is open.
        parts: what a tree is made of.
    """

    def __init__(self, loop: SimLoop, parts: Parts) -> None:
        self.knobs: Knobs = draw_knobs(loop, playable(WIRES), WIRES)
        bounds, rates = self.knobs.bounds, self.knobs.rates
        self.trace = Trace(_terms(settings_for(bounds, bounds.running_max)))
        fired = self.trace.fired
        self._loop = loop
        self._parts = sim_parts(parts)
        self._provider = ScriptedProvider(
            loop,
            rates,
            read_timeout_s=bounds.read_timeout_s,
            fired=fired,
            has_chat=self._has_chat,
        )
        self._tools = ScriptedTools(
            loop,
            rates.tool,
            rates.tool_faults,
            timeout_s=bounds.tools.timeout_s,
            fired=fired,
            has_permit=self._has_permit,
        )
        self._remedies = ScriptedRemedies(loop, rates.remedy, WIRES, fired)
        self._codecs = {
            wire: BuggyCodec(codec(), loop, rates.codec, fired) for wire, codec in CODECS.items()
        }
        self._catalog = ScriptedCatalog(loop, rates.catalog, fired)
        self._store = ScriptedStore(loop, rates.store, fired, self.trace.storage)
        self._log_faults = LogFaults(loop, rates.logs, fired, self._store.owe)
        self._desk = LogDesk(
            loop,
            StagedLogs(self._log_faults, self.trace.logs),
            LogShelf(self._log_faults, self.trace.logs),
            self._parts,
            self._store.owed_s,
        )
        self._workers: Workers | None = None
        if rates.redis.is_there:
            self._workers = Workers(loop, rates.redis, self._store, self.trace, self._parts)
        self._line = LineBook(self.trace, bounds.line)
        self._actor_faults = ActorFaults(loop, rates, fired)
        self._mailbox_faults: list[MailboxFaults] = []
        # By chat: the turns that were there before the run.
        self._old: dict[str, Visit] = {}
        self._is_healed = False
        self._visits: dict[str, Visit] = {}
        self._app: App | None = None
        self._trees: list[tuple[App, Ledger]] = []
        self._closing: list[asyncio.Task[StopReport]] = []
        self.trace.calls = self._provider.calls
        self.trace.runs = self._tools.runs
        self.trace.remedies = self._remedies.given

    # --- visitors --------------------------------------------------------------------------------

    def visit(
        self, user: str, errand: Errand, settings: Settings, manners: Manners
    ) -> tuple[Visit, Door]:
        """Return a new visit, and the door to run for it."""
        part, name = errand.part, f"v{len(self._visits)}"
        chat = f"{user}/{errand.chat or name}"
        turns = self._turns(chat, has_past=errand.has_past)
        strays = self._strays(chat) if errand.strays else ()
        if strays:
            self.trace.fired["storage asked for another chat's"] += 1
        visit = Visit(
            id=name,
            user=user,
            chat=chat,
            turns=tuple(turn.id for turn in turns),
            brought=tuple(each for turn in turns for each in turn.marks),
            strays=strays,
            is_held_up=bool(self.knobs.rates.hang and Role.REQUEST in self.knobs.rates.hang_roles),
            expected=_expected(name, errand, settings),
            credit=max(1, min(settings.reads_in_flight_max, settings.request_mailbox_max)),
            parallel_max=settings.tools.parallel_max,
            asked_s=self._loop.time(),
        )
        self._visits[visit.id] = visit
        self.trace.visits.append(visit)
        self._provider.guests[visit.id] = Guest(visit=visit, part=part, gave=self._tools.gave)
        order = Order(
            model=errand.model,
            wire=errand.wire,
            box=self._tools.box(visit, part) if errand.runs_tools else None,
            remedies=self._remedies,
            past=(*told(turns), *(Mark(artifact_id=each) for each in strays)),
            is_kept=self._is_kept,
            over=lambda: self._log(visit, is_terminal=errand.runs_tools),
        )
        return visit, Door(self.enter(), visit, order, settings, manners, self.trace)

    def _is_kept(self, artifact_id: str) -> bool:
        if artifact_id in self._store.table.ids:
            return True
        return self._workers is not None and self._workers.holds(artifact_id)

    @property
    def shares(self) -> bool:
        """Whether trees share with each other, through a Redis."""
        return self._workers is not None

    @property
    def backlog(self) -> int:
        """Rows that Redis has acknowledged and the database does not have yet."""
        return 0 if self._workers is None else self._workers.backlog

    def _log(self, visit: Visit, *, is_terminal: bool) -> None:
        visit.log_id = self._desk.end(visit, is_terminal=is_terminal)

    def _turns(self, chat: str, *, has_past: bool) -> tuple[Visit, ...]:
        """Return the last turns of a chat that are over, and have left something."""
        old = [self._old_turn(chat)] if has_past else []
        here = [each for each in self.trace.visits if each.chat == chat and each.is_over]
        left = [each for each in (*old, *here) if each.marks or each.said(Kind.CONTENT)]
        return tuple(left[-TURNS_MAX:])

    def _old_turn(self, chat: str) -> Visit:
        """Return the turn with which a chat began long ago."""
        if chat not in self._old:
            user, name = chat.partition("/")[0], f"o{len(self._old)}"
            turn, rows = old_turn(name, user, chat, self._loop.wall_s())
            self._store.table.add(rows, self._loop.wall_s())
            self._provider.guests[name] = Guest(visit=turn, part=PART, gave=self._tools.gave)
            self._old[chat] = turn
        return self._old[chat]

    def _strays(self, chat: str) -> tuple[str, ...]:
        """Return the marks of the last answer in any other chat."""
        turns = (*self._old.values(), *self.trace.visits)
        marks = [each.marks for each in turns if each.chat != chat and each.marks]
        return tuple(marks[-1]) if marks else ()

    def heal(self) -> None:
        """Stop every fault, for trees to come as well."""
        self._is_healed = True
        for fault in (
            self._provider,
            self._tools,
            self._remedies,
            self._catalog,
            self._store,
            self._log_faults,
        ):
            fault.is_on = False
        if self._workers is not None:
            self._workers.redis.is_on = False
        for codec in self._codecs.values():
            codec.is_on = False
        self._actor_faults.is_on = False
        for faults in self._mailbox_faults:
            faults.is_on = False

    def _has_chat(self, visit: str) -> bool:
        return any(visit in chats_alive(app.system) for app, _ in self._trees)

    def _has_permit(self, visit: str, call_id: str) -> bool:
        return any(ledger.gates.has_permit(visit, call_id) for _, ledger in self._trees)

    # --- trees -----------------------------------------------------------------------------------

    def enter(self) -> App:
        """Return the tree; start another one if it has given up, as the real door does."""
        if self._app is not None and not self._app.is_alive:
            self._let_go(self._app)
        if self._app is None:
            self._app = self._start()
        return self._app

    def close_busy(self) -> None:
        """Shut the tree down if chats run in it."""
        if self._app is not None and chats_alive(self._app.system):
            self.trace.fired["tree closed while busy"] += 1
            self._let_go(self._app)

    def kill_busy(self) -> None:
        """End the tree as a process ends that is killed, if chats run in it."""
        if self._app is not None and chats_alive(self._app.system):
            self.trace.fired["tree killed while busy"] += 1
            self._app.root.kill()
            self._leave(self._app)

    def check_nobody_left(self) -> None:
        """After quiet only the fixed actors live; a tree that gave up has none."""
        if self._app is not None and self._app.is_alive:
            names = live_names(self._app.system)
            if names != (FIXED_ACTORS if self._workers is None else FIXED_WITH_REDIS):
                self.trace.breach("nobody left", f"after quiet there live {', '.join(names)}")
        self._line.check_drained()

    async def close_all(self) -> None:
        """Shut every tree down and look at what is left."""
        if self._app is not None:
            self._let_go(self._app)
        reports = await asyncio.gather(*self._closing)
        await asyncio.sleep(LEAVING_S)
        for (app, ledger), report in zip(self._trees, reports, strict=True):
            ledger.close_books(app.system)
            self.trace.closings.append(
                Closing(
                    grace_s=GRACE_S,
                    elapsed_s=report.elapsed_s,
                    abandoned=report.abandoned,
                    live=app.system.live,
                    zombies=app.system.zombies,
                )
            )
        self.trace.storage.rows = self._store.table.artifacts
        this = asyncio.current_task()
        for task in self._loop.tasks():
            if not task.done() and task is not this:
                self.trace.breach("nobody left", f"the task {task.get_name()} is still running")

    def _start(self) -> App:
        rates, bounds = self.knobs.rates, self.knobs.bounds
        number = len(self._trees)
        ledger = Ledger(self.trace, self._visits, bounds.chats_max)
        mailbox = MailboxFaults(self._loop, rates, self.trace.fired, ledger.doubled)
        mailbox.is_on = not self._is_healed
        self._mailbox_faults.append(mailbox)
        hired = None if self._workers is None else self._workers.hire(number)
        ports = Ports(
            provider=self._provider,
            codecs=self._codecs,
            catalog_source=self._catalog,
            close=lambda: None,
            store=self._store if hired is None else hired.store,
            pending=None if hired is None else hired.pending,
            lease=None if hired is None else hired.lease,
            sharing=None if hired is None else hired.sharing,
            annex=self._desk,
        )
        app = App(
            ports,
            name=f"sim{number}",
            clock=LoopClock(self._loop, self._loop.wall_s),
            entropy=SeededEntropy(f"{self._loop.choices.seed}/tree{number}"),
            interceptors=interceptors_of(ledger, (self._actor_faults, mailbox), self.trace),
            start_worker=StoreThreads(self._loop, self._store),
            parts=replace(
                self._parts,
                gate=watched(self._parts.gate, ledger.gates.book, self._actor_faults.starting_gate),
                chats_max=bounds.chats_max,
                waiting_max=bounds.waiting_max,
                writer=watched_writer(self._parts.writer, self._line),
                line=bounds.line,
            ),
        )
        open_books(ledger, app.system)
        self._trees.append((app, ledger))
        return app

    def _let_go(self, app: App) -> None:
        self._app = None
        self._closing.append(self._loop.create_task(self._closed(app)))

    async def _closed(self, app: App) -> StopReport:
        report = await app.close(GRACE_S)
        self._leave(app)
        return report

    def _leave(self, app: App) -> None:
        """The process of a tree has ended."""
        if self._workers is not None:
            (number,) = [n for n, (each, _) in enumerate(self._trees) if each is app]
            self._workers.leave(number)


def settings_for(
    bounds: Bounds, running_max: int, memory: MemorySettings = DEFAULT_MEMORY
) -> Settings:
    """Return the valves of a run, with the limit of the moment."""
    return Settings(
        endpoint=Endpoint(
            base_url="https://sim.invalid/api/v1",
            api_key=Secret("sk-sim"),
            read_timeout_s=bounds.read_timeout_s,
        ),
        key_problem=None,
        base_url_problem=None,
        valve_problems=(),
        models_wanted=(),
        catalog_refresh_s=60.0,
        requests_max=running_max,
        breaker_failures_max=bounds.failures_max,
        breaker_window_s=bounds.breaker_window_s,
        breaker_history_max=bounds.failures_max,
        reads_in_flight_max=bounds.reads_max,
        request_mailbox_max=bounds.mailbox_max,
        backlog_warn_size=1000,
        handover_lines_max=bounds.handover_pieces,
        handover_bytes_max=bounds.handover_bytes,
        slow_reader_after_s=None,
        log_level="INFO",
        shutdown_grace_s=GRACE_S,
        request_deadline_s=bounds.deadline_s,
        tools=bounds.tools,
        memory=memory,
    )


def _expected(visit: str, errand: Errand, settings: Settings) -> Expected:
    part = errand.part
    # After the last round of tools the provider is asked once more, for the answer (SPEC 69).
    requests_max = settings.tools.rounds_max + 1
    rounds = part.rounds(requests_max=requests_max, runs_tools=errand.runs_tools)
    content, reasoning = part.told(visit, rounds)
    return Expected(content=content, reasoning=reasoning, rounds=rounds)


def _terms(settings: Settings) -> Mapping[str, BreakerTerms]:
    """Say what the breakers of a run have to do, by the kind of their keys."""
    failures_max, window_s = settings.breaker_failures_max, settings.breaker_window_s
    of_user, of_model = user_policy(failures_max, window_s), model_policy(failures_max, window_s)
    one = BreakerTerms(
        failures_max=failures_max,
        window_s=window_s,
        hold_s=window_s,
        floor_max_s=of_user.backoff.floor_max_s,
    )
    all_of_model = BreakerTerms(
        failures_max=MODEL_FAILURES_FACTOR * failures_max,
        window_s=window_s,
        hold_s=of_model.hold_s,
        floor_max_s=of_model.backoff.floor_max_s,
    )
    all_of_server = replace(one, failures_max=SERVER_FAILURES_FACTOR * failures_max)
    of_storage = storage_policy(failures_max, window_s)
    storage = replace(one, hold_s=of_storage.hold_s, floor_max_s=of_storage.backoff.floor_max_s)
    return {
        "user": one,
        "tool": one,
        "storage": storage,
        "server": all_of_server,
        "model": all_of_model,
    }
