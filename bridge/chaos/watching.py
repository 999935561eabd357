"""Keeps the books of one tree while it runs: every message, ask, bound, end and admission.

`Ledger` comes before all faults, so that it sees what actors did. `Lanes` comes after them, so
that it sees what really arrives.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from actors.catalog import CatalogFetched, FetchFailed
from actors.chat_memory import LOST_AFTER_S
from actors.db_commit import BatchCommitted
from actors.db_writer import ArtifactsRefused, ArtifactsSaved, BatchFailed, DbWriterActor
from actors.kernel.cell import Cell
from actors.kernel.child_spec import Intensity, StartChild
from actors.kernel.dead_letter import DeadLetter, Loss
from actors.kernel.envelope import Envelope
from actors.kernel.errors import SpawnFailed
from actors.kernel.interceptor import Interceptor, SendVerdict
from actors.kernel.parent import ParentActor
from actors.kernel.ref import ActorRef
from actors.kernel.signals import Crashed, NoProc, Shutdown, Signal, Terminated
from actors.kernel.system import ActorSystem, LifeEnded
from actors.ports import PortError
from actors.recall_reader import ArtifactsLoaded, ArtifactsUnread, LoadArtifacts
from actors.session_log import SessionLogActor
from actors.sse import GrantCredit, StreamAdvanced
from actors.storage_turn import LOAD_WAIT_MAX_S, SAVE_WAIT_MAX_S, StorageJob
from actors.tool import CallRaised, CallReturned
from actors.tool_round import TOOL
from actors.values import ToolEnded, ToolStarted
from bridge.chaos.faults.injected import InjectedCrash
from bridge.chaos.faults.roles import Role, call_of, job_of, role_of, visit_of
from bridge.chaos.gate_ledger import GateLedger
from bridge.chaos.trace import Ask, Lived, StorageWait, Trace, Visit
from bridge.policies import ATTEMPT, PLUMBING, STORE
from bridge.storage_tree import COMMITTER, READER
from supervisor.errors import SupervisionError

# What an actor owes itself enters no mailbox from outside.
_INTERNAL: Final = (
    CatalogFetched,
    FetchFailed,
    CallReturned,
    CallRaised,
    BatchCommitted,
    BatchFailed,
    ArtifactsLoaded,
    ArtifactsUnread,
)

# What a chat hears of a piece of storage.
_WORDS: Final[dict[type, str]] = {
    ArtifactsLoaded: "read",
    ArtifactsUnread: "not read",
    ArtifactsSaved: "saved",
    ArtifactsRefused: "not saved",
}
_OF_STORAGE: Final = tuple(_WORDS)

# What a life may end with: what was injected, the weather, and what supervisors make of both.
EXPECTED: Final = (
    InjectedCrash,
    SystemExit,
    asyncio.CancelledError,
    PortError,
    SupervisionError,
    SpawnFailed,
)

# Where actors stand below the root: root/gate, root/chats/CHAT/ATTEMPT.
_PLUMBING_DEPTH: Final = 1
_ATTEMPT_DEPTH: Final = 3

_STORAGE: Final = "root/storage/"

# A policy that holds lets one more life begin, as a probe, each time that the hold is over.
assert STORE.intensity is not None, "the policy of the store bears some failures"
_HELD: Final = Intensity(restarts_max=STORE.intensity.restarts_max + 1, window_s=STORE.hold_s)

# Lives of an attempt after its first.
RETRIES_MAX: Final = 2


class Ledger(Interceptor):
    """See the module docstring.

    Args:
        trace: where everything is written down.
        visits: all visits of the run by their id.
        chats_max: how many chats may live at once.
    """

    def __init__(self, trace: Trace, visits: Mapping[str, Visit], chats_max: int) -> None:
        self.gates = GateLedger(trace)
        self._trace = trace
        self._visits = visits
        self._chats_max = chats_max
        # By identity: message -> how many copies are on their way. Held, so that no other
        # message can get the same identity.
        self._under_way: dict[int, tuple[object, int]] = {}
        # Whose handler has just ended; if that was in a crash, its dead letter comes next.
        self._in_hand: object = None
        self._flows: dict[int, tuple[int, int]] = {}
        self._heard: set[tuple[int, int]] = set()
        self._last_lives: dict[str, LifeEnded] = {}
        # Which life of its supervisor each of them was lived under.
        self._lived_under: dict[str, int] = {}
        # Requests that wait for storage, by name.
        self._waiting: dict[str, Visit] = {}
        self._tree = len(trace.gates)

    # --- messages --------------------------------------------------------------------------------

    def sending(self, cell: Cell, envelope: Envelope) -> SendVerdict:
        """See `Interceptor.sending`; lets everything pass."""
        message = envelope.message
        self._in_hand = None
        self._add(message, 1)
        self._trace.messages["sent"] += 1
        if envelope.reply_to is not None:
            self._note_ask(cell, envelope)
        if isinstance(message, StartChild) and role_of(cell) is Role.CHAT:
            self._visits[visit_of(cell)].goes_on(cell.system.clock.now_s())
        match message:
            case StreamAdvanced(attempt=attempt):
                self._note_read(cell, attempt)
            case GrantCredit(attempt=attempt, reads=reads):
                self._note_grant(envelope.sender, attempt, reads)
            case StartChild(spec=spec, reply_to=ActorRef(cell=asker)) if (
                job := job_of(spec)
            ) is not None:
                self._note_storage(asker, job)
            case StartChild(spec=spec) if (call := call_of(spec)) is not None:
                self._note_started(cell, call.call_id)
            case ToolStarted(call=call):
                self._note_begun(cell, call.call_id)
            case ToolEnded(call=call):
                self._note_over(cell, call.call_id)
            case _:
                pass
        return None

    def sent(self, cell: Cell, envelope: Envelope, was_taken: bool) -> None:
        """See `Interceptor.sent`; what was taken fits into the mailbox."""
        if was_taken and len(cell.queue) > cell.mailbox.messages_max:
            queued, most = len(cell.queue), cell.mailbox.messages_max
            self._trace.breach("bounded", f"{queued} messages wait for {cell.name}, of {most}")

    def received(self, cell: Cell, envelope: Envelope, error: BaseException | None) -> None:
        """See `Interceptor.received`."""
        message = envelope.message
        if isinstance(message, StartChild) and role_of(cell) is Role.CHATS:
            live = len(cell.children or ())
            if live > self._chats_max:
                self._trace.breach("bounded", f"{live} chats live, of {self._chats_max}")
        self._trace.messages["handled"] += 1
        self._in_hand = message
        if id(message) in self._under_way:
            self._add(message, -1)
        elif not isinstance(message, _INTERNAL):
            what = f"{cell.name} handled a {type(message).__name__} that nobody had sent"
            self._trace.breach("conservation", what)

    def doubled(self, message: object) -> None:
        """A fault sends this message once more."""
        self._add(message, 1)

    def lost(self, letter: DeadLetter, message: object) -> None:
        """Hear of a dead letter."""
        self._trace.messages[f"lost: {letter.reason.value}"] += 1
        in_hand, self._in_hand = self._in_hand, None
        was_begun = message is in_hand and letter.reason in (Loss.POISON, Loss.CLOSED)
        if was_begun or letter.reason is Loss.LATE_REPLY:
            return  # It was counted as handled already, or never was a message.
        # What a closed mailbox refuses may not have been under way at all.
        if id(message) in self._under_way:
            self._add(message, -1)

    def _add(self, message: object, count: int) -> None:
        copies = self._under_way.get(id(message), (message, 0))[1] + count
        if copies:
            self._under_way[id(message)] = (message, copies)
        else:
            del self._under_way[id(message)]

    def _note_ask(self, cell: Cell, envelope: Envelope) -> None:
        assert envelope.reply_to is not None, "an ask has somebody to answer to"
        assert envelope.deadline_s is not None, "every ask has a deadline"
        clock = cell.system.clock
        ask = Ask(
            question=type(envelope.message).__name__,
            asked_s=clock.now_s(),
            deadline_s=envelope.deadline_s,
        )

        def answered(_: object) -> None:
            ask.answered_s = clock.now_s()

        self._trace.asks.append(ask)
        envelope.reply_to.add_done_callback(answered)

    # --- credit ----------------------------------------------------------------------------------

    def _note_read(self, cell: Cell, attempt: int) -> None:
        known, under_way = self._flows.get(cell.number, (attempt, 0))
        under_way = under_way + 1 if known == attempt else 1
        self._flows[cell.number] = (attempt, under_way)
        visit = self._visits.get(visit_of(cell))
        if visit is not None and under_way > visit.credit:
            what = f"{under_way} reads under way to {cell.name} on a credit of {visit.credit}"
            self._trace.breach("bounded", what)

    def _note_grant(self, request: Cell | None, attempt: int, reads: int) -> None:
        if request is None or request.number not in self._flows:
            self._trace.breach("bounded", "credit was granted before anything was read")
            return
        known, under_way = self._flows[request.number]
        if known != attempt:
            return  # A late word to an attempt that is over; it counts for nothing.
        self._flows[request.number] = (attempt, under_way - reads)
        if under_way < reads:
            self._trace.breach("bounded", f"{reads} reads paid back of {under_way} under way")

    # --- tools -----------------------------------------------------------------------------------

    def _note_begun(self, request: Cell, call_id: str) -> None:
        visit = self._visits[visit_of(request)]
        if not visit.calls_begun:
            request.on_closed(lambda: setattr(visit, "is_deaf", True))
        if call_id in visit.calls_begun:
            self._trace.breach("one output", f"{call_id} was begun twice")
        visit.calls_begun.add(call_id)

    def _note_started(self, chat: Cell, call_id: str) -> None:
        visit = self._visits[visit_of(chat)]
        visit.calls_started.add(call_id)
        under_way = len(visit.calls_started - visit.calls_over)
        if under_way > visit.parallel_max and not visit.is_deaf:
            what = f"{under_way} calls of {visit.id} are under way, of {visit.parallel_max}"
            self._trace.breach("bounded", what)

    def _note_over(self, request: Cell, call_id: str) -> None:
        visit = self._visits[visit_of(request)]
        if call_id in visit.calls_over or call_id not in visit.calls_begun:
            self._trace.breach("one output", f"{call_id} is over, and was so before or never begun")
        visit.calls_over.add(call_id)

    # --- storage ---------------------------------------------------------------------------------

    def _note_storage(self, request: Cell, job: StorageJob) -> None:
        visit = self._visits[visit_of(request)]
        self._waiting[request.name] = visit
        is_reading = isinstance(job, LoadArtifacts)
        wait = StorageWait(
            what="read" if is_reading else "save",
            asked_s=request.system.clock.now_s(),
            wait_max_s=(LOAD_WAIT_MAX_S if is_reading else SAVE_WAIT_MAX_S) + LOST_AFTER_S,
        )
        visit.storage_waits.append(wait)

    def _note_stored(self, request: Cell, word: object) -> None:
        visit = self._visits[visit_of(request)]
        if isinstance(word, ArtifactsLoaded):
            visit.recalled += [(each.chat_id, each.id) for each in word.recalled.artifacts]
        kind = _WORDS[type(word)]
        if isinstance(word, ArtifactsUnread | ArtifactsRefused):
            kind = f"{kind}: {word.reason.value}"
        self._trace.fired[f"storage {kind}"] += 1

    # --- signals and lives -----------------------------------------------------------------------

    def signalling(self, cell: Cell, signal: Signal) -> float:
        """See `Interceptor.signalling`; a monitor hears of an end once."""
        if cell.system.zombies:
            self._trace.fired["zombie"] += 1
        if isinstance(signal, _OF_STORAGE) and role_of(cell) is Role.REQUEST:
            self._note_stored(cell, signal)
        if isinstance(signal, Terminated) and not isinstance(signal.reason, NoProc):
            pair = (cell.number, signal.ref.cell.number)
            if pair in self._heard:
                self._trace.breach("monitors", f"{cell.name} heard twice that {signal.ref} ended")
            self._heard.add(pair)
        return 0.0

    def life_ended(self, ended: LifeEnded) -> None:
        """Hear of the end of a life; it was followed by another if that one ends as well."""
        self._in_hand = None
        self._note_life(ended)
        if (waiting := self._waiting.pop(ended.name, None)) is not None:
            waiting.goes_on(ended.at_s)
        if isinstance(ended.reason, Crashed):
            if not isinstance(ended.reason.error, EXPECTED):
                self._trace.breach("no bugs", f"{ended.name} crashed with a {ended.reason.kind}")
            if ended.name == "root":
                self._trace.fired["root gave up"] += 1
            elif ended.life > RETRIES_MAX and ended.name.count("/") == _ATTEMPT_DEPTH:
                self._trace.fired["attempts given up"] += 1
            elif ended.life > 1 and self.gates.is_of_tool(ended.name):
                self._trace.fired["tool given up"] += 1

    def _note_life(self, ended: LifeEnded) -> None:
        """Note a restart; who began again together with its supervisor was not restarted by it."""
        name = ended.name
        above = self._last_lives.get(name.rpartition("/")[0])
        under = 1 if above is None else above.life + 1
        before = self._last_lives.get(name)
        if before is not None and before.life < ended.life and self._lived_under[name] == under:
            self._note_restart(before, under)
        self._last_lives[name] = ended
        self._lived_under[name] = under

    def _note_restart(self, ended: LifeEnded, under: int) -> None:
        kind, limit = self._kept_by(ended.name)
        self._trace.lived.append(
            Lived(
                actor=f"{ended.name} of tree {self._tree}, under life {under} of its supervisor",
                ended_s=ended.at_s,
                limit=limit,
            )
        )
        self._trace.fired[f"restart: {kind}"] += 1

    def _kept_by(self, name: str) -> tuple[str, Intensity]:
        """Return what an actor of this name is, and how often it may be restarted."""
        kind = name.rpartition("/")[2]
        if name in (COMMITTER, READER):
            return kind, _HELD
        if name.count("/") == _PLUMBING_DEPTH or name.startswith(_STORAGE):
            policy = PLUMBING
        elif self.gates.is_of_tool(name):
            kind, policy = "tool", TOOL
        else:
            kind, policy = "attempt", ATTEMPT
        assert policy.intensity is not None, "the tree's policies all have an intensity"
        return kind, policy.intensity

    def close_books(self, system: ActorSystem) -> None:
        """Take stock once the tree has ended: nothing may still be under way."""
        for message, copies in self._under_way.values():
            what = f"{copies} {type(message).__name__} neither handled nor counted as lost"
            self._trace.breach("conservation", what)
        for cell in system.cells():
            self._trace.breach("shutdown", f"{cell.name} is still there")


_FINISHING: Final = (ParentActor, DbWriterActor, SessionLogActor)


class Lanes(Interceptor):
    """Checks that what an actor is told by the runtime comes before its mail."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._told_to_end: dict[int, int] = {}

    def signalling(self, cell: Cell, signal: Signal) -> float:
        """See `Interceptor.signalling`."""
        # The writer commits what it has before it ends, mail included, and the stager stages it.
        if isinstance(signal, Shutdown) and not issubclass(cell.actor_class, _FINISHING):
            self._told_to_end[cell.number] = cell.life
        return 0.0

    def receiving(self, cell: Cell, envelope: Envelope) -> float:
        """See `Interceptor.receiving`."""
        if isinstance(envelope.message, _INTERNAL):
            return 0.0  # Of its own work, which a tool may finish first.
        if self._told_to_end.get(cell.number) == cell.life:
            message = type(envelope.message).__name__
            self._trace.breach("stop first", f"{cell.name} took a {message} after its Shutdown")
        return 0.0


def interceptors_of(
    ledger: Ledger, faults: tuple[Interceptor, ...], trace: Trace
) -> tuple[Interceptor, ...]:
    """Return the books and the faults in the order that they need."""
    return (ledger, ledger.gates, *faults, Lanes(trace))


def open_books(ledger: Ledger, system: ActorSystem) -> None:
    """Let a new tree report to its ledger."""
    system.dead_letters.subscribe(ledger.lost)
    system.on_life_ended(ledger.life_ended)
    system.on_life_ended(ledger.gates.life_ended)


def live_names(system: ActorSystem) -> tuple[str, ...]:
    """Return the paths of all actors that have not ended, in alphabetical order."""
    return tuple(sorted(cell.name for cell in system.cells()))


def chats_alive(system: ActorSystem) -> tuple[str, ...]:
    """Return the visits whose chats live."""
    chats = system.find("root/chats")
    children = None if chats is None else chats.cell.children
    return tuple(cell.spec.labels[0] for cell in (children or {}).values())
