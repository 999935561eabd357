"""Defects that a campaign has to find: broken parts, put where the sound ones belong."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from actors.artifacts import Artifact, Recalled
from actors.chat_memory import MemorySetup
from actors.chat_setup import ChatSetup
from actors.db_commit import BatchCommitted, CommitBatch, DbCommitActor
from actors.db_line import Line, LineBounds
from actors.db_writer import (
    ArtifactsRefused,
    ArtifactsSaved,
    DbWriterActor,
    RetryDue,
    SaveArtifacts,
    WriterMessage,
)
from actors.kernel.child_spec import ChildSpec
from actors.kernel.ref import ActorRef
from actors.kernel.signals import (
    KILLED,
    NORMAL,
    ChildExited,
    Crashed,
    ExitReason,
    Normal,
    Poisoned,
    Shutdown,
    Terminated,
)
from actors.log_assembler import AssemblerActor
from actors.log_values import BundleKey, LogBundle, LogSegment, StagedSegments
from actors.pending import PendingRows, Taken, Tended
from actors.ports import (
    ArtifactStore,
    Cancelled,
    Codec,
    Endpoint,
    EventSink,
    Failed,
    Filed,
    LogArchive,
    Provider,
    ProviderCall,
    ProviderError,
    Remedied,
    Remedies,
    SegmentStore,
    SessionLogSettings,
    StoreBusy,
    StoreUnavailable,
    Swept,
    ToolBox,
    ToolBroke,
)
from actors.recall_reader import (
    ArtifactsLoaded,
    ArtifactsUnread,
    ForgetArtifacts,
    LoadArtifacts,
    RecallActor,
    RecallMessage,
)
from actors.request import ChildOver, RequestActor, RequestMessage, RoomMade, StorageLost
from actors.session_log import SessionLogActor
from actors.sse import AttemptBroken, GrantCredit, SseActor, SseMessage, StreamAdvanced
from actors.tool import ToolActor
from actors.tool_plan import are_arguments_json
from actors.tool_round import RoundOver, ToolRoundActor, ToolSetup
from actors.values import ChatRequest, ToolCall, ToolResult
from bridge.app import Parts
from bridge.chaos.scenarios.parts import SimParts
from supervisor.failure_exchange import FailuresElsewhere
from supervisor.gate import Admit, GateActor, GateMessage
from supervisor.static import Supervisor, SupervisorMessage
from supervisor.strategy import AutoShutdown


class LostRestart(Supervisor):
    """Forgets a child that fails within a second of another one: nobody starts it again."""

    last_exit_s = -math.inf

    def receive(self, message: SupervisorMessage) -> None:
        if isinstance(message, ChildExited) and message.is_waiting:
            now_s = self.system.clock.now_s()
            is_close, self.last_exit_s = now_s - self.last_exit_s < 1.0, now_s
            if is_close:
                return
        super().receive(message)


class DoubleTerminal(RequestActor):
    """Says at its end that it was stopped, whatever it has said before."""

    def __init__(
        self,
        request: ChatRequest,
        endpoint: Endpoint,
        setup: ChatSetup,
        sink: EventSink,
        tools: ToolSetup | None = None,
        memory: MemorySetup | None = None,
    ) -> None:
        super().__init__(request, endpoint, setup, sink, tools, memory)
        self.told = sink

    def on_stop(self) -> None:
        super().on_stop()
        self.told.finish(Cancelled())


class PermitLeak(GateActor):
    """Keeps the permit of a chat that was killed."""

    def receive(self, message: GateMessage) -> None:
        if isinstance(message, Terminated) and message.reason == KILLED:
            return
        super().receive(message)


class ReorderedDelta(RequestActor):
    """Lets a read wait while the sink is full, and shows the next one first."""

    kept_back: StreamAdvanced | None = None
    reads = 0

    def receive(self, message: RequestMessage) -> None:
        if isinstance(message, StreamAdvanced) and self.kept_back is None:
            self.reads += 1
            if self.reads == 3:
                self.kept_back = message
                self.start_timer("late", RoomMade(), 0.05)
                return
        super().receive(message)
        if self.kept_back is not None and isinstance(message, StreamAdvanced | RoomMade):
            late, self.kept_back = self.kept_back, None
            super().receive(late)


@dataclass
class Muted:
    """Passes on to the request everything but the news that the stream broke."""

    listener: ActorRef[Any]
    was_broken: ProviderError | None = None

    def offer(self, message: StreamAdvanced | AttemptBroken) -> bool:
        if isinstance(message, AttemptBroken):
            self.was_broken = message.error
            return True
        return self.listener.offer(message)


class RetryAfterOutput(SseActor):
    """Tries again although something was shown."""

    def __init__(
        self,
        provider: Provider,
        codec: Codec,
        call: ProviderCall,
        listener: ActorRef[StreamAdvanced | AttemptBroken],
        credit: int,
        series: int = 1,
    ) -> None:
        self.muted = Muted(listener)
        super().__init__(provider, codec, call, self.muted, credit, series)  # type: ignore[arg-type]

    def refuse_restarts(self) -> None:
        """Do nothing about it."""

    def exit(self, reason: ExitReason = NORMAL) -> None:
        broken = self.muted.was_broken
        super().exit(reason if broken is None else Crashed(broken))


class StopBehindMail(RequestActor):
    """Puts a stop at the end of its queue, where a message would go."""

    handles_shutdown = True

    def receive(self, message: RequestMessage | Shutdown) -> None:
        if isinstance(message, Shutdown):
            self.actor_ref.tell(ChildOver(ref=self.actor_ref, reason=NORMAL))
        else:
            super().receive(message)


class NeverOpens(GateActor):
    """Takes every failure for something that says nothing."""

    def receive(self, message: GateMessage) -> None:
        if isinstance(message, Terminated) and isinstance(message.reason, Crashed):
            message = Terminated(message.ref, KILLED)
        super().receive(message)


class LeakedActor(Supervisor):
    """Goes on when the request of its chat has ended."""

    def __init__(
        self, children: Sequence[ChildSpec[Any]] = (), *, auto_shutdown: AutoShutdown
    ) -> None:
        super().__init__(children, auto_shutdown=AutoShutdown.NEVER)


class CreditTwice(SseActor):
    """Counts every grant double."""

    async def receive(self, message: SseMessage) -> None:
        if isinstance(message, GrantCredit):
            message = GrantCredit(attempt=message.attempt, reads=2 * message.reads)
        await super().receive(message)


# --- tools, remedies, turns ----------------------------------------------------------------------


@dataclass
class Insistent:
    """Tools that are run again when they broke."""

    real: ToolBox

    async def invoke(self, call: ToolCall) -> ToolResult:
        try:
            return await self.real.invoke(call)
        except ToolBroke:
            return await self.real.invoke(call)


class RunTwice(ToolActor):
    """Runs a call again although it may have had an effect."""

    def __init__(self, call: ToolCall, box: ToolBox, *others: Any) -> None:
        super().__init__(call, Insistent(box), *others)


@dataclass
class LetLoose:
    """Tools that nobody can cancel."""

    real: ToolBox

    async def invoke(self, call: ToolCall) -> ToolResult:
        run = asyncio.get_running_loop().create_task(self.real.invoke(call))
        run.add_done_callback(lambda _: run.cancelled() or run.exception())
        return await asyncio.shield(run)


class Outliving(ToolActor):
    """Leaves its tool running when it ends."""

    def __init__(self, call: ToolCall, box: ToolBox, *others: Any) -> None:
        super().__init__(call, LetLoose(box), *others)


class Unasked(ToolActor):
    """Begins without having asked for a permit."""

    def __init__(self, *others: Any) -> None:
        *before, _ = others
        super().__init__(*before, None)


class DeafToPoison(ToolActor):
    """Does not hear that its gate crashed on its claim."""

    def on_poisoned(self, notice: Poisoned) -> None:
        """Do nothing about it."""


@dataclass
class Shortened:
    """Passes everything on to the request but the last output of a round."""

    listener: ActorRef[Any]

    def offer(self, message: object) -> bool:
        if isinstance(message, RoundOver):
            message = RoundOver(outputs=message.outputs[:-1])
        return self.listener.offer(message)


class LostOutput(ToolRoundActor):
    """Loses the output of the last call."""

    def __init__(
        self, calls: tuple[ToolCall, ...], setup: ToolSetup, listener: ActorRef[Any]
    ) -> None:
        super().__init__(calls, setup, Shortened(listener))  # type: ignore[arg-type]


class HalfWritten(ToolRoundActor):
    """Takes a call that the model has not finished for one without arguments."""

    def __init__(
        self, calls: tuple[ToolCall, ...], setup: ToolSetup, listener: ActorRef[Any]
    ) -> None:
        super().__init__(tuple(map(self.mended, calls)), setup, listener)

    def mended(self, call: ToolCall) -> ToolCall:
        if are_arguments_json(call):
            return call
        return ToolCall(call_id=call.call_id, name=call.name, arguments="")


class ToolPermitLeak(GateActor):
    """Keeps the permit of a tool that was stopped."""

    def receive(self, message: GateMessage) -> None:
        if not (isinstance(message, Terminated) and self.is_of_stopped_tool(message)):
            super().receive(message)

    def is_of_stopped_tool(self, message: Terminated) -> bool:
        is_tool = issubclass(message.ref.cell.actor_class, ToolActor)
        return is_tool and not isinstance(message.reason, Normal | Crashed)


@dataclass
class Forgetful:
    """Remedies that do not know what was tried before."""

    real: Remedies

    def find(
        self, request: ChatRequest, error: ProviderError, used: Collection[str]
    ) -> Remedied | None:
        # Not for ever, so that the chat has an end.
        return self.real.find(request, error, () if len(used) < 2 else used)


@dataclass
class SetupWithout:
    """A setup whose remedies forget."""

    real: ChatSetup

    @property
    def remedies(self) -> Forgetful:
        assert self.real.remedies is not None, "every chat of the simulation has remedies"
        return Forgetful(self.real.remedies)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


class RemedyTwice(RequestActor):
    """Tries a remedy again that has not helped."""

    def __init__(
        self,
        request: ChatRequest,
        endpoint: Endpoint,
        setup: ChatSetup,
        sink: EventSink,
        tools: ToolSetup | None = None,
        memory: MemorySetup | None = None,
    ) -> None:
        without: Any = SetupWithout(setup)
        super().__init__(request, endpoint, without, sink, tools, memory)


class NoTurns(GateActor):
    """Lets all wait in one line, so that whoever sends many holds up everybody."""

    def receive(self, message: GateMessage) -> None:
        if isinstance(message, Admit):
            message = Admit(
                spec=message.spec,
                keys=message.keys,
                running_max=message.running_max,
                waiting_max=message.waiting_max,
            )
        super().receive(message)


# --- storage -------------------------------------------------------------------------------------


class EarlyWord(DbWriterActor):
    """Says that it has saved what it has only taken in."""

    def receive(self, message: WriterMessage) -> None:
        if isinstance(message, SaveArtifacts) and message.reply_to is not None:
            message.reply_to.cell.signal(ArtifactsSaved(token=message.token))
        super().receive(message)


class MarksAnyway(RequestActor):
    """Takes a refusal for an acknowledgement."""

    def receive(self, message: RequestMessage) -> None:
        if isinstance(message, ArtifactsRefused):
            message = ArtifactsSaved(token=message.token)
        super().receive(message)


class SaysItIsDone(DbCommitActor):
    """Takes a store that is busy for one that has done it."""

    def receive(self, message: CommitBatch) -> BatchCommitted:
        try:
            return super().receive(message)
        except StoreBusy:
            return BatchCommitted()


class NewIds(DbCommitActor):
    """Sends what may have been committed under other ids, before it is sent again."""

    def receive(self, message: CommitBatch) -> BatchCommitted:
        try:
            return super().receive(message)
        except StoreUnavailable:
            groups = tuple(tuple(map(self.renamed, group)) for group in message.groups)
            super().receive(CommitBatch(groups=groups))
            raise

    def renamed(self, artifact: Artifact) -> Artifact:
        return replace(artifact, id=artifact.id[::-1])


class TornGroup(DbCommitActor):
    """Commits row by row."""

    def receive(self, message: CommitBatch) -> BatchCommitted:
        rows = [(artifact,) for group in message.groups for artifact in group]
        for row in rows:
            super().receive(CommitBatch(groups=(row,)))
        return BatchCommitted()


@dataclass
class AnyChat:
    """A store that looks for an id in every chat that it has seen."""

    real: ArtifactStore
    chats: list[str] = field(default_factory=list)

    def load(self, chat_id: str, ids: Sequence[str]) -> Recalled:
        if chat_id not in self.chats:
            self.chats.append(chat_id)
        found = [self.real.load(each, ids) for each in self.chats]
        artifacts = tuple(artifact for each in found for artifact in each.artifacts)
        return Recalled(artifacts=artifacts, missing=len(ids) - len(artifacts))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


class ReadsAnyChat(RecallActor):
    """Does not look whose rows it reads."""

    def __init__(self, store: ArtifactStore) -> None:
        anybodys: Any = AnyChat(store)
        super().__init__(anybodys)


class ForgetsAtOnce(RecallActor):
    """Deletes what it reads, although no answer has been given with it."""

    def receive(self, message: RecallMessage) -> ArtifactsLoaded | None:
        loaded = super().receive(message)
        if isinstance(message, LoadArtifacts):
            super().receive(ForgetArtifacts(chat_id=message.chat_id, ids=message.ids))
        return loaded


class WaitsForStorage(RequestActor):
    """Goes on only once storage has done what it was asked to."""

    def receive(self, message: RequestMessage) -> None:
        if not isinstance(message, StorageLost | ArtifactsRefused | ArtifactsUnread):
            super().receive(message)


class FailsWithStorage(DoubleTerminal):
    """Takes it for a failure of the chat that nothing could be kept."""

    def on_stop(self) -> None:
        """Say nothing more."""

    def receive(self, message: RequestMessage) -> None:
        if isinstance(message, ArtifactsRefused):
            error = StoreUnavailable()
            self.told.finish(Failed(error=error, error_id="", shown=True))
            self.exit(Crashed(error))
        else:
            super().receive(message)


class EndlessLine(DbWriterActor):
    """Lets any number of rows wait."""

    def __init__(self, committer: ActorRef[CommitBatch] | str, line: Line) -> None:
        line.bounds = LineBounds(commit_rows_max=line.bounds.commit_rows_max)
        super().__init__(committer, line)


class NeverAgain(DbWriterActor):
    """Does not send a failed batch again."""

    def receive(self, message: WriterMessage) -> None:
        if not isinstance(message, RetryDue):
            super().receive(message)


# --- session logs --------------------------------------------------------------------------------


@dataclass
class Unread:
    """A store of segments that deletes what has not been put into an archive."""

    real: SegmentStore

    def load(self, key: BundleKey) -> StagedSegments:
        staged = self.real.load(key)
        self.real.remove(staged.ids)
        return staged

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


class RemovesFirst(AssemblerActor):
    """Deletes what is staged before its archive is in place."""

    def __init__(
        self,
        store: SegmentStore,
        archive: LogArchive,
        settings: SessionLogSettings | None = None,
    ) -> None:
        removing: Any = Unread(store)
        super().__init__(removing, archive, settings)


class NeverStarts(AssemblerActor):
    """Waits for settings although it has some."""

    def on_start(self) -> None:
        """Plan nothing."""


class DropsAtTrouble(SessionLogActor):
    """Takes what could not be staged for kept."""

    def __init__(self, store: SegmentStore | None, archive: LogArchive) -> None:
        super().__init__(None, Nowhere())


class Nowhere:
    """An archive that keeps nothing."""

    def merge(self, bundle: LogBundle, settings: SessionLogSettings) -> Filed:
        return Filed(path="")

    def write_direct(self, segment: LogSegment, settings: SessionLogSettings) -> Filed:
        return Filed(path="")

    def sweep(self, settings: SessionLogSettings, *, files_max: int) -> Swept:
        return Swept()


class DeafToOthers(GateActor):
    """Does not count what fails in other workers."""

    def receive(self, message: GateMessage) -> None:
        if not isinstance(message, FailuresElsewhere):
            super().receive(message)


class PassedOn:
    """What the drain moves, as it is."""

    def __init__(self, pending: PendingRows) -> None:
        self.inner = pending
        self.open, self.take, self.commit = pending.open, pending.take, pending.commit
        self.try_out, self.settle = pending.try_out, pending.settle
        self.put_aside, self.tend, self.rescue = pending.put_aside, pending.tend, pending.rescue


class SettlesFirst(PassedOn):
    """Takes rows out of the queue as soon as they are read."""

    def __init__(self, pending: PendingRows) -> None:
        super().__init__(pending)
        self.take = self.taken

    def taken(self, rows_max: int) -> Taken:
        found = self.inner.take(rows_max)
        self.inner.settle(found.rows)
        return found


class TrustsRedis(PassedOn):
    """Does not look after what it has acknowledged."""

    def __init__(self, pending: PendingRows) -> None:
        super().__init__(pending)
        self.tend, self.rescue = Tended, lambda: 0


class SettlesNothing(PassedOn):
    """Leaves in the queue what is in the database."""

    def __init__(self, pending: PendingRows) -> None:
        super().__init__(pending)
        self.settle = lambda rows: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """A tree with one broken part, and the promises that this may break."""

    name: str
    parts: Parts
    breaks: frozenset[str]


DEFECTS = (
    Defect(
        name="a restart is lost",
        parts=Parts(root=LostRestart),
        breaks=frozenset({"recovery", "nobody left"}),
    ),
    Defect(
        name="an answer ends twice",
        parts=Parts(request=DoubleTerminal),
        breaks=frozenset({"one end"}),
    ),
    Defect(
        name="a permit leaks",
        parts=Parts(gate=PermitLeak),
        breaks=frozenset({"recovery"}),
    ),
    Defect(
        name="an ask has no deadline",
        parts=Parts(admission_wait_max_s=math.inf),
        breaks=frozenset({"asks"}),
    ),
    Defect(
        name="a delta is out of order",
        parts=Parts(request=ReorderedDelta),
        breaks=frozenset({"text"}),
    ),
    Defect(
        name="an answer is asked for again after its first words",
        parts=Parts(attempt=RetryAfterOutput),
        breaks=frozenset({"no retry after output"}),
    ),
    Defect(
        name="a stop waits behind the mail",
        parts=Parts(request=StopBehindMail),
        breaks=frozenset({"stop first"}),
    ),
    Defect(
        name="a breaker never opens",
        parts=Parts(gate=NeverOpens),
        breaks=frozenset({"breaker"}),
    ),
    Defect(
        name="an actor is left over",
        parts=Parts(chat=LeakedActor),
        breaks=frozenset({"nobody left", "one end", "recovery"}),
    ),
    Defect(
        name="credit is granted twice",
        parts=Parts(attempt=CreditTwice),
        breaks=frozenset({"bounded"}),
    ),
    Defect(
        name="a tool runs twice",
        parts=Parts(tool=RunTwice),
        breaks=frozenset({"tools run once"}),
    ),
    Defect(
        name="an output is lost",
        parts=Parts(tool_round=LostOutput),
        breaks=frozenset({"history"}),
    ),
    Defect(
        name="a half-written call is run",
        parts=Parts(tool_round=HalfWritten),
        breaks=frozenset({"right calls"}),
    ),
    Defect(
        name="a tool's permit leaks",
        parts=Parts(gate=ToolPermitLeak),
        breaks=frozenset({"recovery"}),
    ),
    Defect(
        name="a tool begins without a permit",
        parts=Parts(tool=Unasked),
        breaks=frozenset({"tool permits"}),
    ),
    Defect(
        name="a tool outlives its chat",
        parts=Parts(tool=Outliving),
        breaks=frozenset({"tools stop"}),
    ),
    Defect(
        name="a claim is forgotten in a crash",
        parts=Parts(tool=DeafToPoison),
        breaks=frozenset({"nobody forgotten"}),
    ),
    Defect(
        name="a remedy is tried twice",
        parts=Parts(request=RemedyTwice),
        breaks=frozenset({"remedies"}),
    ),
    Defect(
        name="users do not take turns",
        parts=Parts(gate=NoTurns),
        breaks=frozenset({"fairness"}),
    ),
    Defect(
        name="a save is acknowledged before its commit",
        parts=Parts(writer=EarlyWord),
        breaks=frozenset({"marks", "kept"}),
    ),
    Defect(
        name="an answer is marked without an acknowledgement",
        parts=Parts(request=MarksAnyway),
        breaks=frozenset({"marks", "kept"}),
    ),
    Defect(
        name="a commit that failed is taken for done",
        parts=Parts(committer=SaysItIsDone),
        breaks=frozenset({"marks", "kept"}),
    ),
    Defect(
        name="rows are saved again under other ids",
        parts=Parts(committer=NewIds),
        breaks=frozenset({"rows"}),
    ),
    Defect(
        name="an answer is kept in pieces",
        parts=Parts(committer=TornGroup),
        breaks=frozenset({"rows"}),
    ),
    Defect(
        name="a reader ignores whose rows it reads",
        parts=Parts(reader=ReadsAnyChat),
        breaks=frozenset({"chats apart", "isolation"}),
    ),
    Defect(
        name="rows are deleted before they were of use",
        parts=Parts(reader=ForgetsAtOnce),
        breaks=frozenset({"forgotten"}),
    ),
    Defect(
        name="a chat waits for storage that is away",
        parts=Parts(request=WaitsForStorage),
        breaks=frozenset({"storage waits"}),
    ),
    Defect(
        name="a chat fails because nothing can be kept",
        parts=Parts(request=FailsWithStorage),
        breaks=frozenset({"storage waits"}),
    ),
    Defect(
        name="the line has no bound",
        parts=Parts(writer=EndlessLine),
        breaks=frozenset({"line"}),
    ),
    Defect(
        name="a failed batch is not sent again",
        parts=Parts(writer=NeverAgain),
        breaks=frozenset({"drained", "recovery"}),
    ),
    Defect(
        name="a log is deleted before its archive is in place",
        parts=SimParts(assembler=RemovesFirst),
        breaks=frozenset({"logs"}),
    ),
    Defect(
        name="staged logs are never assembled",
        parts=SimParts(assembler=NeverStarts),
        breaks=frozenset({"recovery"}),
    ),
    Defect(
        name="a log that is handed over is dropped",
        parts=SimParts(stager=DropsAtTrouble),
        breaks=frozenset({"recovery"}),
    ),
    Defect(
        name="what fails in another worker is not counted",
        parts=Parts(gate=DeafToOthers),
        breaks=frozenset({"breaker"}),
    ),
    Defect(
        name="a row leaves Redis before its commit",
        parts=SimParts(pending=SettlesFirst),
        breaks=frozenset({"queue", "marks"}),
    ),
    Defect(
        name="what Redis has lost is not saved by who acknowledged it",
        parts=SimParts(pending=TrustsRedis),
        breaks=frozenset({"marks", "rows", "kept", "recovery"}),
    ),
    Defect(
        name="what a dead worker has taken is left to it",
        parts=SimParts(claim_after_s=1e9),
        breaks=frozenset({"recovery", "marks"}),
    ),
    Defect(
        name="a row stays in Redis after its commit",
        parts=SimParts(pending=SettlesNothing),
        breaks=frozenset({"recovery"}),
    ),
)
