"""Runs the calls that one answer ended with, and gathers what they give back.

Lifetime   temporary: one for each round of calls, and none for an answer without.
Parent     the chat's supervisor; the tools it has started are its siblings.

Receives   StartedChild, StartRefused   from the supervisor: a tool
           ToolFinished, ToolFailed     a call is over
           Terminated     a tool's actor has ended for good
           ToolOver       note to itself: that, behind the mail the tool had sent before
           BatchDue, IdleDue            calls have run for too long
Sends      StartChild, StopChild        to the supervisor
           ToolStarted, ToolEnded, ToolHeld   to the request, for people to see
           RoundOver      to the request, once: every call has its output

A call always gets an output, or the provider would refuse the next round. One whose arguments are
no JSON was cut off or garbled, and is not run (FACTS, row 1).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias, assert_never

from actors.call_book import (
    open_book,
    open_calls,
    outputs_in_order,
    startable,
    with_begun,
    with_output,
)
from actors.kernel.actor import LoopActor
from actors.kernel.child_spec import (
    ChildSpec,
    Intensity,
    Restart,
    RestartPolicy,
    StartChild,
    StartedChild,
    StartRefused,
    StopChild,
    Then,
)
from actors.kernel.ref import ActorRef
from actors.kernel.signals import Crashed, ExitReason, Terminated
from actors.ports import ToolBox, ToolUnreachable
from actors.tool import ToolActor, ToolFailed, ToolFinished, ToolPermits, reason_of, too_slow
from actors.tool_plan import are_arguments_json
from actors.values import ToolCall, ToolEnded, ToolOutput, ToolResult, ToolStarted

# A tool that cannot have run is tried once more (SPEC 72); any other failure is final.
TOOL = RestartPolicy(
    counts=(ToolUnreachable,),
    intensity=Intensity(restarts_max=1, window_s=3600.0),
    then=Then.STOP,
)

# Longer than this a call does not wait for a permit, however slow the others are.
PERMIT_WAIT_MAX_S = 60.0

_NO_JSON = (
    "The tool was not run: its arguments are not a JSON object. They may have been cut off; "
    "call it again with complete arguments."
)
_NOT_STARTED = "The tool was not run: the server is too busy, or stopping."
_NO_TIME = "The tool was not run: the calls before it took too long."
_LOST = "The tool ended without a result."


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSetup:
    """How the tools of one chat are run.

    Attributes:
        box: where they are.
        rounds_max: how often calls are run in one chat (SPEC 69); the model may then answer.
        parallel_max: calls of one chat that run at once.
        batch_max: calls of the same name that start together.
        call_timeout_s: how long one call may take.
        batch_timeout_s: how long a batch may, never less than one call (SPEC 73).
        idle_timeout_s: how long nothing may come of any call; None: as long as a batch may take.
        drain_s: what a tool that nobody waits for any more gets to finish in (SPEC 76).
        permits: who lets calls in; None: nobody needs to.
        tool: the actor that runs a call.
    """

    box: ToolBox
    rounds_max: int = 25
    parallel_max: int = 5
    batch_max: int = 4
    call_timeout_s: float = 60.0
    batch_timeout_s: float = 120.0
    idle_timeout_s: float | None = None
    drain_s: float = 10.0
    permits: ToolPermits | None = None
    tool: type[ToolActor] = ToolActor


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolOver:
    """A tool's actor has ended, and everything it sent has been handled."""

    ref: ActorRef[Any]
    reason: ExitReason


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchDue:
    """The time of this batch is over."""

    batch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleDue:
    """No call has ended for too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolHeld:
    """A call was not let in, because this user's tool has failed too often lately."""

    name: str
    retry_after_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundOver:
    """All calls are over; `outputs` stand in the order of the calls."""

    outputs: tuple[ToolOutput, ...]


RoundMessage: TypeAlias = (
    StartedChild
    | StartRefused
    | ToolFinished
    | ToolFailed
    | Terminated
    | ToolOver
    | BatchDue
    | IdleDue
)


class ToolRoundActor(LoopActor[RoundMessage]):
    """See the module docstring.

    Args:
        calls: what the model wants to be run, in its order.
        setup: how.
        listener: the request actor.
    """

    def __init__(
        self,
        calls: tuple[ToolCall, ...],
        setup: ToolSetup,
        listener: ActorRef[ToolStarted | ToolEnded | ToolHeld | RoundOver],
    ) -> None:
        self._setup = setup
        self._listener = listener
        self._book = open_book(calls, batch_max=setup.batch_max)
        # A token names the call on its way to an actor, the ref from then on.
        self._tokens: dict[int, ToolCall] = {}
        self._refs: dict[ActorRef[Any], ToolCall] = {}
        self._ended: dict[ActorRef[Any], ExitReason] = {}
        self._batches_begun: set[int] = set()

    def on_start(self) -> None:
        """Refuse what cannot be run, and start the rest."""
        for call in self._book.calls:
            if not are_arguments_json(call):
                self._listener.offer(ToolStarted(call=call))
                self._note(call, _NO_JSON)
        self._await_news()
        self._go_on()

    def receive(self, message: RoundMessage) -> None:
        """See the module docstring."""
        match message:
            case StartedChild(ref=ref, token=token):
                self._on_started(ref, self._tokens.pop(token))
            case StartRefused(token=token):
                self._note(self._tokens.pop(token), _NOT_STARTED)
            case ToolFinished(call=call, result=result, elapsed_s=elapsed_s):
                self._note(call, result, elapsed_s, is_failed=False)
            case ToolFailed():
                self._on_failed(message)
            case Terminated(ref=ref, reason=reason):
                # Signals overtake messages; what the tool sent before comes first.
                self.actor_ref.tell(ToolOver(ref=ref, reason=reason))
            case ToolOver(ref=ref, reason=reason):
                self._on_over(ref, reason)
            case BatchDue(batch=batch):
                self._give_up(open_calls(self._book, batch), self._batch_timeout_s)
            case IdleDue():
                assert self._setup.idle_timeout_s is not None, "only then it is planned"
                self._give_up(open_calls(self._book), self._setup.idle_timeout_s)
            case _:
                assert_never(message)
        self._go_on()

    # --- starting --------------------------------------------------------------------------------

    def _go_on(self) -> None:
        """Start what may start; tell the request when nothing is left to run."""
        if self._book.is_over:
            self._listener.offer(RoundOver(outputs=outputs_in_order(self._book)))
            self.exit()
            return
        for batch, call in startable(self._book, parallel_max=self._setup.parallel_max):
            self._start(batch, call)

    def _start(self, batch: int, call: ToolCall) -> None:
        setup = self._setup
        self._book = with_begun(self._book, call.call_id)
        if batch not in self._batches_begun:
            self._batches_begun.add(batch)
            self.start_timer(("batch", batch), BatchDue(batch=batch), self._batch_timeout_s)
        token = len(self._book.begun)
        self._tokens[token] = call
        wait_max_s = min(PERMIT_WAIT_MAX_S, self._batch_timeout_s)
        spec: ChildSpec[Any] = ChildSpec(
            start=partial(
                setup.tool,
                call,
                setup.box,
                self.actor_ref,
                setup.call_timeout_s,
                wait_max_s,
                setup.drain_s,
                setup.permits,
            ),
            restart=Restart.TRANSIENT,
            shutdown_s=setup.drain_s,
            policy=TOOL,
        )
        parent = self.parent
        assert parent is not None, "a round lives under its chat's supervisor"
        self._listener.offer(ToolStarted(call=call))
        start = StartChild(spec=spec, reply_to=self.actor_ref, token=token, monitor=True)
        parent.tell(start)

    @property
    def _batch_timeout_s(self) -> float:
        return max(self._setup.call_timeout_s, self._setup.batch_timeout_s)

    def _on_started(self, ref: ActorRef[Any], call: ToolCall) -> None:
        self._refs[ref] = call
        if ref in self._ended:
            self._on_over(ref, self._ended.pop(ref))
        elif not self._book.is_open(call.call_id):
            self._dismiss(ref)

    # --- what became of a call -------------------------------------------------------------------

    def _on_failed(self, failed: ToolFailed) -> None:
        if failed.retry_after_s is not None:
            held = ToolHeld(name=failed.call.name, retry_after_s=failed.retry_after_s)
            self._listener.offer(held)
        self._note(failed.call, failed.reason, failed.elapsed_s)

    def _on_over(self, ref: ActorRef[Any], reason: ExitReason) -> None:
        """A tool's actor has ended. Whoever told its outcome before has been heard."""
        call = self._refs.pop(ref, None)
        if call is None:
            self._ended[ref] = reason
        elif self._book.is_open(call.call_id):
            self._note(call, reason_of(reason.error) if isinstance(reason, Crashed) else _LOST)

    def _give_up(self, calls: tuple[ToolCall, ...], limit_s: float) -> None:
        """Nobody waits for these calls any longer; what did finish keeps its output (SPEC 73)."""
        given_up = {call.call_id for call in calls}
        for call in calls:
            has_begun = call.call_id in self._book.begun
            if not has_begun:
                self._listener.offer(ToolStarted(call=call))
            self._note(call, too_slow(call.name, limit_s) if has_begun else _NO_TIME)
        for ref, call in self._refs.items():
            if call.call_id in given_up:
                self._dismiss(ref)

    def _dismiss(self, ref: ActorRef[Any]) -> None:
        if self.parent is not None:
            self.parent.tell(StopChild(ref=ref))

    def _note(
        self,
        call: ToolCall,
        result: ToolResult | str,
        elapsed_s: float = 0.0,
        *,
        is_failed: bool = True,
    ) -> None:
        """Write down the output of a call; what comes later for it is not heard."""
        if not self._book.is_open(call.call_id):
            return
        made = ToolResult(output=result) if isinstance(result, str) else result
        output = ToolOutput(call_id=call.call_id, output=made.output)
        self._book = with_output(self._book, output)
        ended = ToolEnded(call=call, result=made, is_failed=is_failed, elapsed_s=elapsed_s)
        self._listener.offer(ended)
        self._await_news()

    def _await_news(self) -> None:
        if self._setup.idle_timeout_s is not None:
            self.start_timer("idle", IdleDue(), self._setup.idle_timeout_s)
