"""Leads one chat from the request to its one terminal outcome.

Lifetime   temporary and significant: the chat's supervisor ends with it.
Parent     the chat's supervisor; beside it the attempt (`SseActor`).

Receives   StartedChild, StartRefused   from the supervisor, about the attempt
           StreamAdvanced   events of one socket read; shown, then paid back as credit
           AttemptBroken    the stream failed after visible output
           AttemptOver      from itself: the attempt ended, after all that it had sent
           RoomMade         from itself: the reader caught up
           Terminated       of the attempt
Sends      StartChild       to the supervisor
           GrantCredit      to the attempt

Its own end carries the outcome: normal, or crashed with the provider's error, which is how
the gate's policies learn of failures that were handled well. A stop is an orderly shutdown.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias, assert_never

from actors.conversation import Conversation, advance
from actors.kernel.actor import LoopActor
from actors.kernel.child_spec import (
    ChildSpec,
    Restart,
    RestartPolicy,
    StartChild,
    StartedChild,
    StartRefused,
)
from actors.kernel.ref import ActorRef
from actors.kernel.signals import NORMAL, Crashed, ExitReason, Killed, Stopped, Terminated
from actors.ports import (
    Cancelled,
    Codec,
    Completed,
    Ending,
    Endpoint,
    ErrorFacts,
    EventSink,
    Failed,
    PortError,
    Provider,
    ProviderError,
    ProviderUnavailable,
)
from actors.sse import AttemptBroken, GrantCredit, SseActor, SseMessage, StreamAdvanced
from actors.values import ChatRequest, EndStatus, StreamEnded

# Room in the mailbox for what does not come as credit: see `ChatSetup.mailbox_max`.
RESERVED_MESSAGES = 8

# How long a request whose attempt was killed waits for its own shutdown, before it fails.
ALONE_MAX_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptOver:
    """The attempt has ended, and everything it sent has been handled."""

    reason: ExitReason


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomMade:
    """The sink takes events again."""


RequestMessage: TypeAlias = (
    StartedChild
    | StartRefused
    | StreamAdvanced
    | AttemptBroken
    | AttemptOver
    | RoomMade
    | Terminated
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatSetup:
    """What all chats share: the ports, and how an attempt is kept.

    Attributes:
        reads_max: socket reads under way from the attempt to the request.
        mailbox_max: messages that may wait for the request; never fewer than the credit.
        attempt_policy: how often an attempt is made again, and when.
        attempt: the actor that makes it.
    """

    provider: Provider = field(repr=False)
    codec: Codec = field(repr=False)
    reads_max: int
    mailbox_max: int
    attempt_policy: RestartPolicy
    attempt: type[SseActor] = SseActor

    @property
    def credit(self) -> int:
        """Reads that the request can always take, however small its mailbox."""
        return max(1, min(self.reads_max, self.mailbox_max))


class ChatNotStarted(ProviderError):
    """No attempt could be started: the runtime is at a bound, or stopping."""


class RequestActor(LoopActor[RequestMessage]):
    """See the module docstring.

    Args:
        request: what was asked.
        endpoint: where it goes.
        setup: the ports and policies of this chat.
        sink: where the answer is shown; finished exactly once, by this actor or its door.
    """

    def __init__(
        self, request: ChatRequest, endpoint: Endpoint, setup: ChatSetup, sink: EventSink
    ) -> None:
        self._request = request
        self._endpoint = endpoint
        self._setup = setup
        self._credit = setup.credit
        self._sink = sink
        self._conversation = Conversation()
        self._attempt = 0
        self._attempt_ref: ActorRef[SseMessage] | None = None
        self._owed = 0
        self._outcome: ExitReason | None = None

    def on_start(self) -> None:
        """Ask the supervisor for the first attempt."""
        setup = self._setup
        call = setup.codec.encode(self._request, self._endpoint)
        spec: ChildSpec[Any] = ChildSpec(
            start=partial(
                setup.attempt, setup.provider, setup.codec, call, self.actor_ref, self._credit
            ),
            restart=Restart.TRANSIENT,
            shutdown_s=0.0,
            policy=setup.attempt_policy,
        )
        parent = self.parent
        assert parent is not None, "a request lives under its chat's supervisor"
        parent.tell(StartChild(spec=spec, reply_to=self.actor_ref, monitor=True))

    def receive(self, message: RequestMessage) -> None:
        """See the module docstring."""
        match message:
            case StreamAdvanced():
                self._on_advanced(message)
            case RoomMade():
                self._grant()
            case StartedChild(ref=ref):
                self._attempt_ref = ref
                self._grant()
            case StartRefused():
                self._fail(ChatNotStarted(ErrorFacts(code="not-started")))
            case AttemptBroken(error=error):
                self._fail(error)
            case Terminated(reason=reason):
                # Signals overtake messages; what the attempt sent before comes first.
                self.actor_ref.tell(AttemptOver(reason=reason))
            case AttemptOver(reason=reason):
                self._on_attempt_over(reason)
            case _:
                assert_never(message)

    def _on_advanced(self, message: StreamAdvanced) -> None:
        if self._outcome is not None:
            return
        if message.attempt != self._attempt:
            assert not self._conversation.has_output, "nothing is re-posted after visible output"
            self._attempt, self._conversation = message.attempt, Conversation()
            self._owed = 0
        self._conversation, shown = advance(self._conversation, message.events)
        self._owed += 1
        has_room = self._sink.show(shown) if shown else True
        if self._conversation.ended is not None:
            self._on_ended(self._conversation.ended)
        elif has_room:
            # In halves of the window: the attempt never runs dry, and hears half as often.
            if 2 * self._owed >= self._credit:
                self._grant()
        else:
            ref = self.actor_ref
            self._sink.when_room(lambda: ref.offer(RoomMade()))

    def _grant(self) -> None:
        """Pay back the reads that were shown."""
        if self._attempt_ref is not None and self._owed:
            reads, self._owed = self._owed, 0
            self._attempt_ref.offer(GrantCredit(attempt=self._attempt, reads=reads))

    def _on_ended(self, ended: StreamEnded) -> None:
        """The provider's last word."""
        if ended.status in (EndStatus.FAILED, EndStatus.ERROR):
            failure = ended.failure
            error: ProviderError = (
                ProviderUnavailable() if failure is None else self._setup.codec.error(failure)
            )
            self._fail(error)
            return
        completed = Completed(usage=ended.usage, incomplete_reason=ended.incomplete_reason)
        self._end(completed, NORMAL)

    def _on_attempt_over(self, reason: ExitReason) -> None:
        if isinstance(reason, Crashed):
            self._fail(reason.error)
        elif isinstance(reason, Killed | Stopped):
            # Nearly always our supervisor did it, and our own shutdown is on the way.
            self.start_timer("alone", AttemptOver(reason=NORMAL), ALONE_MAX_S)
        else:
            self._fail(ProviderUnavailable(ErrorFacts(code="attempt-ended")))

    def _fail(self, error: BaseException) -> None:
        """End with an error; what was shown stays."""
        failed = Failed(
            error=error,
            error_id=self.system.entropy.token(8),
            shown=self._conversation.has_output,
        )
        self._end(failed, Crashed(error))

    def _end(self, ending: Ending, outcome: ExitReason) -> None:
        """Tell the one terminal outcome (SPEC 97) and close the tree."""
        if self._outcome is None:
            self._outcome = outcome
            self._sink.finish(ending)
            self.exit(outcome)

    def on_stop(self) -> None:
        """A stop ends the answer as it stands."""
        if self._outcome is None:
            self._outcome = NORMAL
            self._sink.finish(Cancelled())


def is_weather(error: BaseException) -> bool:
    """Say whether an error came from outside; anything else is a bug of ours."""
    return isinstance(error, PortError)
