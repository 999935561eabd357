"""Leads one chat from its start to its one outcome.

Lifetime   temporary. Its end ends the chat's small tree (it is the significant child).
Parent     the chat's supervisor; beside it the attempt that reads the answer, and the tools.

Receives   StartedChild, StartRefused   from its supervisor: an attempt, or a round of tools
           StreamAdvanced  what one socket read said
           AttemptBroken   the stream failed after visible output
           Terminated      an attempt or a round of tools has ended for good
           ChildOver       note to itself: that, behind the mail it had sent before
           RoomMade        the sink takes events again
           ToolStarted, ToolEnded, ToolHeld, RoundOver   from a round of tools
           ArtifactsLoaded, ArtifactsUnread, ArtifactsSaved, ArtifactsRefused
                           what became of a piece of storage
           StorageLost     a piece of storage never said a word
           DeadlineDue     the chat has taken too long
Sends      StartChild, StopChild   to its supervisor
           GrantCredit     to the attempt

A chat is a row of rounds. Each is one provider call, with as many attempts as its policy allows;
when the answer ends with calls of tools, these are run, and the next round tells the model what
they gave. A call that was refused may be sent once more, changed by a remedy. Where there is
storage, what the history names is read before the first round, and what is kept of the answer is
saved before its end; a chat goes on without either (SPEC 42, 45).

Its own end carries the outcome: normal, or crashed with the provider's error, which is how
the gate's policies learn of failures that were handled well. A stop is an orderly shutdown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias, assert_never

from msgspec.structs import replace

from actors.chat_memory import ChatMemory, LoadAnswer, MemorySetup, SaveAnswer
from actors.chat_setup import ChatSetup
from actors.chat_trace import is_traced, trace
from actors.conversation import NOTHING_SAID, advance, is_visible, reply_items
from actors.db_writer import ArtifactsRefused, ArtifactsSaved, NotSaved
from actors.kernel.actor import LoopActor
from actors.kernel.child_spec import (
    ChildSpec,
    Restart,
    StartChild,
    StartedChild,
    StartRefused,
    StopChild,
)
from actors.kernel.ref import ActorRef
from actors.kernel.signals import NORMAL, Crashed, ExitReason, Killed, Stopped, Terminated
from actors.ports import (
    Cancelled,
    Completed,
    Ending,
    Endpoint,
    ErrorFacts,
    EventSink,
    Failed,
    PortError,
    ProviderError,
    ProviderTimedOut,
    ProviderUnavailable,
)
from actors.recall_reader import ArtifactsLoaded, ArtifactsUnread, NotRead
from actors.sse import AttemptBroken, GrantCredit, SseMessage, StreamAdvanced
from actors.storage_turn import StorageJob
from actors.tool_plan import are_arguments_json
from actors.tool_round import RoundOver, ToolHeld, ToolSetup
from actors.values import (
    ChatRequest,
    EndStatus,
    Notice,
    Noticed,
    Shown,
    StreamEnded,
    ToolCall,
    ToolEnded,
    ToolOutput,
    ToolsHandedOver,
    ToolStarted,
    Usage,
    summed,
)

# Names the start of a piece of storage, which the request has no further business with.
_STORAGE = -1

# Bound once: in Python 3.11 a look at a member of an enum costs as much as a call.
_TRANSIENT = Restart.TRANSIENT
_FAILURES = (EndStatus.FAILED, EndStatus.ERROR)

# How long a request whose attempt was killed waits for its own shutdown, before it fails.
ALONE_MAX_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildOver:
    """An attempt or a round has ended, and everything it sent has been handled."""

    ref: ActorRef[Any]
    reason: ExitReason


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomMade:
    """The sink takes events again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineDue:
    """The time of the whole chat is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageLost:
    """A piece of storage has not said what became of it."""


RequestMessage: TypeAlias = (
    StartedChild
    | StartRefused
    | StreamAdvanced
    | AttemptBroken
    | ChildOver
    | RoomMade
    | ToolStarted
    | ToolEnded
    | ToolHeld
    | RoundOver
    | DeadlineDue
    | ArtifactsLoaded
    | ArtifactsUnread
    | ArtifactsSaved
    | ArtifactsRefused
    | StorageLost
    | Terminated
)


class ChatNotStarted(ProviderError):
    """No attempt could be started: the runtime is at a bound, or stopping."""


class RequestActor(LoopActor[RequestMessage]):
    """See the module docstring.

    Args:
        request: what was asked.
        endpoint: where it goes.
        setup: the ports and policies of this chat.
        sink: where the answer is shown; finished exactly once, by this actor or its door.
        tools: how calls are run; None: whoever asked runs them (SPEC 78).
        memory: what is remembered of chats; None: nothing.
    """

    def __init__(
        self,
        request: ChatRequest,
        endpoint: Endpoint,
        setup: ChatSetup,
        sink: EventSink,
        tools: ToolSetup | None = None,
        memory: MemorySetup | None = None,
    ) -> None:
        self._request = request
        self._endpoint = endpoint
        self._setup = setup
        self._credit = setup.credit
        self._grant_at = (self._credit + 1) // 2
        self._sink = sink
        self._tools = tools
        self._memory = None if memory is None else ChatMemory(memory, self.system)
        self._conversation = NOTHING_SAID
        self._attempt = 0
        self._attempt_ref: ActorRef[SseMessage] | None = None
        self._owed = 0
        self._outcome: ExitReason | None = None
        # What a chat of one round never fills: earlier rounds, and children that have had theirs.
        self._round = 1
        self._is_calling = False
        self._said: list[Shown] = []
        self._has_shown = False
        self._usage: Usage | None = None
        self._calls_run = 0
        self._remedies_used: tuple[str, ...] = ()
        self._child: ActorRef[Any] | None = None
        self._children_past: frozenset[ActorRef[Any]] = frozenset()
        self._early_ends: dict[ActorRef[Any], ChildOver] = {}
        self._is_recalling = False
        # The whole answer, while what is kept of it is being saved.
        self._completed: Completed | None = None

    def on_start(self) -> None:
        """Read what the history names, if it names anything, and ask for the first attempt."""
        if self._setup.deadline_s is not None:
            self.start_timer("deadline", DeadlineDue(), self._setup.deadline_s)
        memory, request = self._memory, self._request
        if is_traced():
            trace(
                request.request_id,
                "request.begun",
                "model %s on %s, %d items, %d tools",
                request.model,
                request.wire.value,
                len(request.items),
                len(request.tools),
            )
        if memory is not None and (question := memory.question(request.items)) is not None:
            self._is_recalling = True
            self._start_storage(memory, question)
        else:
            self._begin_attempt()

    def receive(self, message: RequestMessage) -> None:  # noqa: PLR0912 - one arm per message
        """See the module docstring."""
        match message:
            case StreamAdvanced():
                self._on_advanced(message)
            case RoomMade():
                self._grant()
            case StartedChild(ref=ref, token=token):
                self._on_started(ref, token)
            case StartRefused(token=token):
                self._on_start_refused(token)
            case AttemptBroken(error=error):
                self._fail(error)
            case Terminated(ref=ref, reason=reason):
                # Signals overtake messages; what the child sent before comes first.
                self.actor_ref.tell(ChildOver(ref=ref, reason=reason))
            case ChildOver():
                self._on_child_over(message)
            case RoundOver(outputs=outputs):
                self._on_round_over(outputs)
            case DeadlineDue():
                self._on_deadline()
            case ToolStarted() | ToolEnded() | ToolHeld():
                self._on_tool(message)
            case StorageLost():
                self._on_storage_lost()
            case ArtifactsLoaded() | ArtifactsUnread():
                self._on_recalled(message)
            case ArtifactsSaved() | ArtifactsRefused():
                self._on_kept(message)
            case _:
                assert_never(message)

    # --- children --------------------------------------------------------------------------------

    @property
    def _token(self) -> int:
        """Names the child whose start or work is waited for: answers to earlier ones are void."""
        return 2 * self._attempt_series + self._is_calling

    @property
    def _attempt_series(self) -> int:
        return self._round + len(self._remedies_used)

    def _begin_attempt(self) -> None:
        """Send the request of this round; its supervisor sends it again as its policy says."""
        setup, request = self._setup, self._request
        codec = setup.codecs[request.wire]
        call = codec.encode(request, self._endpoint)
        series = self._attempt_series
        me = self.actor_ref
        spec: ChildSpec[Any] = ChildSpec(
            start=partial(setup.attempt, setup.provider, codec, call, me, self._credit, series),
            restart=_TRANSIENT,
            shutdown_s=0.0,
            policy=setup.attempt_policy,
        )
        trace(request.request_id, "attempt.begun", "attempt %d, round %d", series, self._round)
        self._start(spec)

    def _start(self, spec: ChildSpec[Any]) -> None:
        parent = self.parent
        assert parent is not None, "a request lives under its chat's supervisor"
        start = StartChild(spec=spec, reply_to=self.actor_ref, token=self._token, monitor=True)
        parent.tell(start)

    def _on_started(self, ref: ActorRef[Any], token: int) -> None:
        if token == _STORAGE:
            return
        if token != self._token or self._child is not None:
            # Word of it was held up, and its part is over.
            self._dismiss(ref)
            return
        self._child = ref
        if not self._is_calling:
            self._attempt_ref = ref
            self._grant()
        early = self._early_ends.pop(ref, None)
        if early is not None:
            self._on_child_over(early)

    def _on_start_refused(self, token: int) -> None:
        if token == _STORAGE:
            self._on_storage_lost()
        elif token == self._token:
            self._fail(ChatNotStarted(ErrorFacts(code="not-started")))

    def _leave_child(self) -> None:
        """The child of this step has done its part, whatever becomes of it."""
        child, self._child, self._attempt_ref = self._child, None, None
        self._early_ends.clear()
        if child is not None:
            self._dismiss(child)

    def _dismiss(self, ref: ActorRef[Any]) -> None:
        self._children_past |= {ref}
        if self.parent is not None:
            self.parent.tell(StopChild(ref=ref))

    def _on_child_over(self, over: ChildOver) -> None:
        if over.ref in self._children_past:
            self._children_past -= {over.ref}
        elif self._child is None:
            self._early_ends[over.ref] = over
        elif over.ref is self._child:
            self._on_over(over.reason)

    def _on_over(self, reason: ExitReason) -> None:
        if isinstance(reason, Crashed):
            self._fail(reason.error)
        elif isinstance(reason, Killed | Stopped):
            # Nearly always our supervisor did it, and our own shutdown is on the way.
            assert self._child is not None, "what has ended was a child"
            alone = ChildOver(ref=self._child, reason=NORMAL)
            self.start_timer("alone", alone, ALONE_MAX_S)
        else:
            self._fail(ProviderUnavailable(ErrorFacts(code="attempt-ended")))

    # --- storage ---------------------------------------------------------------------------------

    def _start_storage(self, memory: ChatMemory, job: StorageJob) -> None:
        """Have it done beside the request; the answer comes, or `StorageLost` does."""
        parent = self.parent
        assert parent is not None, "a request lives under its chat's supervisor"
        self.start_timer("storage", StorageLost(), memory.wait_max_s(job))
        spec = memory.child(job, self.actor_ref)
        parent.tell(StartChild(spec=spec, reply_to=self.actor_ref, token=_STORAGE))

    def _on_recalled(self, answer: LoadAnswer) -> None:
        """Put what was read in its places, and begin."""
        memory = self._memory
        if not self._is_recalling or memory is None or self._outcome is not None:
            return
        self._is_recalling = False
        self.cancel_timer("storage")
        request = self._request
        items, shown = memory.recall(request.items, answer, model=request.model)
        self._request = replace(request, items=items)
        trace(
            request.request_id,
            "artifacts.read",
            "%s: %d items of %d were put together",
            type(answer).__name__,
            len(items),
            len(request.items),
        )
        if shown:
            self._show(shown)
        self._begin_attempt()

    def _on_kept(self, answer: SaveAnswer) -> None:
        """Mark the answer with what was acknowledged, and end (SPEC 155)."""
        memory, completed = self._memory, self._completed
        if memory is not None and completed is not None and self._outcome is None:
            trace(self._request.request_id, "artifacts.kept", "%s", type(answer).__name__)
            self._show(memory.saved(answer))
            self._end_complete(memory, completed)

    def _on_storage_lost(self) -> None:
        self._on_recalled(ArtifactsUnread(reason=NotRead.BUSY))
        self._on_kept(ArtifactsRefused(token=0, reason=NotSaved.FAILED))

    # --- an answer -------------------------------------------------------------------------------

    def _on_advanced(self, message: StreamAdvanced) -> None:
        if self._outcome is not None or self._completed is not None:
            return
        if message.attempt != self._attempt:
            if message.attempt < self._attempt:
                return  # Of an attempt that a remedy or a later round has replaced.
            assert not is_visible(self._conversation), "nothing is re-posted after visible output"
            self._attempt, self._conversation = message.attempt, NOTHING_SAID
            self._owed = 0
        conversation, shown = advance(self._conversation, message.events)
        self._conversation = conversation
        self._owed += 1
        has_room = True
        if shown:  # What `_show` does, without a call for every delta.
            if self._tools is not None:
                self._said += shown
            has_room = self._sink.show(shown)
        if conversation.ended is not None:
            self._on_ended(conversation.ended)
        elif has_room:
            # In halves of the window: the attempt never runs dry, and hears half as often.
            if self._owed >= self._grant_at:
                self._grant()
        else:
            ref = self.actor_ref
            self._sink.when_room(lambda: ref.offer(RoomMade()))

    def _show(self, shown: Sequence[Shown]) -> bool:
        if self._outcome is not None:
            return True
        if self._tools is not None:
            self._said += shown
        return self._sink.show(shown)

    def _grant(self) -> None:
        """Pay back the reads that were shown."""
        if self._attempt_ref is not None and self._owed:
            reads, self._owed = self._owed, 0
            self._attempt_ref.offer(GrantCredit(attempt=self._attempt, reads=reads))

    def _on_ended(self, ended: StreamEnded) -> None:
        """The provider's last word in this round."""
        if ended.status in _FAILURES:
            failure = ended.failure
            codec = self._setup.codecs[self._request.wire]
            self._fail(ProviderUnavailable() if failure is None else codec.error(failure))
            return
        self._usage = summed(self._usage, ended.usage)
        if self._setup.spent is not None and ended.usage is not None:
            self._setup.spent(ended.model or self._request.model, ended.usage)
        if self._conversation.calls:
            self._on_calls(ended)
        else:
            self._complete(ended)

    def _complete(self, ended: StreamEnded, *, has_calls: bool = False) -> None:
        completed = Completed(
            usage=self._usage,
            incomplete_reason=ended.incomplete_reason,
            rounds=self._round,
            tool_calls=self._calls_run,
            has_calls=has_calls,
        )
        memory = self._memory
        if memory is None:
            self._end(completed, NORMAL)
            return
        memory.keep(self._conversation, hands_over=has_calls)
        save = memory.to_save(ended.model or self._request.model)
        if save is None:
            self._end_complete(memory, completed)
            return
        self._completed = completed
        self._leave_child()
        self._start_storage(memory, save)

    def _end_complete(self, memory: ChatMemory, completed: Completed) -> None:
        # Calls that are handed over bring the same history back.
        if not completed.has_calls:
            memory.forget()
        self._end(completed, NORMAL)

    # --- tools -----------------------------------------------------------------------------------

    def _on_calls(self, ended: StreamEnded) -> None:
        """The answer ends with calls: run them, hand them over, or say why not."""
        # Items overlap on the wire: the model's own order is that of the output.
        wanted = sorted(self._conversation.calls, key=lambda each: each.output_index)
        calls = tuple(each.call for each in wanted)
        tools = self._tools
        if ended.status is EndStatus.INCOMPLETE:
            # Cut off while it was still being worded: nothing of it is run (FACTS, row 1).
            self._show((Noticed(notice=Notice.CALL_CUT_OFF, about=calls[-1].name),))
            self._complete(ended)
        elif tools is None:
            self._hand_over(calls, ended)
        elif self._round > tools.rounds_max:
            spent = Noticed(notice=Notice.TOOL_ROUNDS_SPENT, amount=tools.rounds_max)
            self._show((spent,))
            self._complete(ended)
        else:
            self._run(calls, tools)

    def _hand_over(self, calls: tuple[ToolCall, ...], ended: StreamEnded) -> None:
        """Whoever asked runs the calls; one that is half-written is never handed on."""
        whole = tuple(call for call in calls if are_arguments_json(call))
        if len(whole) < len(calls):
            self._show((Noticed(notice=Notice.CALL_CUT_OFF, about=calls[-1].name),))
        if whole:
            self._show((ToolsHandedOver(calls=whole),))
        self._complete(ended, has_calls=bool(whole))

    def _run(self, calls: tuple[ToolCall, ...], tools: ToolSetup) -> None:
        self._calls_run += len(calls)
        names = ", ".join(call.name for call in calls)
        trace(self._request.request_id, "tools.begun", "%d calls: %s", len(calls), names)
        self._has_shown = True
        self._leave_child()
        self._is_calling = True
        spec: ChildSpec[Any] = ChildSpec(
            start=partial(self._setup.tool_round, calls, tools, self.actor_ref),
            restart=Restart.TEMPORARY,
            shutdown_s=0.0,
        )
        self._start(spec)

    def _on_tool(self, message: ToolStarted | ToolEnded | ToolHeld) -> None:
        if isinstance(message, ToolHeld):
            wait_s = message.retry_after_s
            self._show((Noticed(notice=Notice.TOOL_PAUSED, about=message.name, amount=wait_s),))
        else:
            self._show((message,))
            if isinstance(message, ToolEnded):
                name, seconds = message.call.name, message.elapsed_s
                trace(self._request.request_id, "tool.ended", "%s after %.3f s", name, seconds)

    def _on_round_over(self, outputs: tuple[ToolOutput, ...]) -> None:
        """Every call has its output: the model goes on from there."""
        if self._outcome is not None or not self._is_calling:
            return
        self._leave_child()
        if self._memory is not None:
            self._memory.keep(self._conversation, outputs)
        reply = reply_items(self._conversation, self._said)
        self._request = replace(self._request, items=(*self._request.items, *reply, *outputs))
        self._said = []
        self._conversation = NOTHING_SAID
        self._is_calling = False
        self._round += 1
        self._begin_attempt()

    # --- the outcome -----------------------------------------------------------------------------

    def _fail(self, error: BaseException) -> None:
        """End with an error, unless a remedy is left; what was shown stays."""
        if self._outcome is not None or self._completed is not None or self._is_remedied(error):
            return
        failed = Failed(
            error=error,
            error_id=self.system.entropy.token(8),
            shown=self._has_shown or is_visible(self._conversation),
        )
        self._end(failed, Crashed(error))

    def _on_deadline(self) -> None:
        if self._completed is not None:
            # Only the word of the store is missing.
            self._on_storage_lost()
        else:
            self._fail(ProviderTimedOut(ErrorFacts(code="deadline")))

    def _is_remedied(self, error: BaseException) -> bool:
        """Send a call that was refused once more, changed, if that may help (SPEC 101, 119-122)."""
        remedies = self._setup.remedies
        if remedies is None or self._is_calling or is_visible(self._conversation):
            return False
        if not isinstance(error, ProviderError) or isinstance(error, ChatNotStarted):
            return False
        found = remedies.find(self._request, error, self._remedies_used)
        if found is None or (self._has_shown and found.request.wire is not self._request.wire):
            # A half-told answer does not change over to another endpoint.
            return False
        self._leave_child()
        self._request = found.request
        self._remedies_used = (*self._remedies_used, found.name)
        cause = type(error).__name__
        trace(found.request.request_id, "request.remedied", "%s after %s", found.name, cause)
        self._conversation = NOTHING_SAID
        if found.notice is not None:
            self._show((found.notice,))
        self._begin_attempt()
        return True

    def _end(self, ending: Ending, outcome: ExitReason) -> None:
        """Tell the one terminal outcome (SPEC 97) and close the tree."""
        if self._outcome is None:
            self._outcome = outcome
            if is_traced():
                trace(self._request.request_id, "request.ended", "%s", _fact_of(ending))
            self._sink.finish(ending)
            self.exit(outcome)

    def on_stop(self) -> None:
        """A stop ends the answer as it stands."""
        if self._outcome is None:
            self._outcome = NORMAL
            trace(self._request.request_id, "request.ended", "stopped")
            self._sink.finish(Cancelled())


def _fact_of(ending: Ending) -> str:
    """Say how it ended, in a word or two for logs."""
    match ending:
        case Failed(error=error, error_id=error_id):
            return f"failed: {type(error).__name__}, error id {error_id}"
        case Completed(rounds=rounds, tool_calls=tool_calls, incomplete_reason=reason):
            cut = f", incomplete: {reason}" if reason is not None else ""
            return f"completed in {rounds} rounds with {tool_calls} tool calls{cut}"
        case _:
            return "stopped"


def is_weather(error: BaseException) -> bool:
    """Say whether an error came from outside; anything else is a bug of ours."""
    return isinstance(error, PortError)
