"""Reads one attempt of one answer from the provider, while it holds credit.

Lifetime   transient, killed at a stop. Every life is a new attempt: what it needs comes by
           constructor. From the first visible output on it is temporary: nothing is re-posted.
Parent     the chat's supervisor, whose restart policy for it is the retry (SPEC 83).

Receives   OpenStream       from itself, at the start of each life
           GrantCredit      the request has shown a read and has room for another
Sends      StreamAdvanced   to the request: the events of one socket read
           AttemptBroken    to the request: the stream failed after visible output

Before visible output a failure at the port ends this life with the port's error, and the
supervisor decides. A bug is not caught.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, assert_never

from msgspec import Struct

from actors.conversation import has_output
from actors.kernel.actor import LoopActor
from actors.kernel.ref import ActorRef
from actors.kernel.signals import Crashed
from actors.ports import (
    Codec,
    ErrorFacts,
    Provider,
    ProviderCall,
    ProviderError,
    ProviderStream,
    StreamBroken,
)
from actors.values import EndStatus, StreamEnded, StreamEvent

# Comments keep a connection alive for ever; this is how long they may stand for an answer.
NO_EVENT_MAX_S = 900.0

# Far more attempts than any policy makes of one call.
SERIES_ATTEMPTS_MAX = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenStream:
    """Send the request and read."""


class GrantCredit(Struct, frozen=True, kw_only=True, gc=False):
    """So many more reads may be sent. Void for another attempt, which has a credit of its own."""

    attempt: int
    reads: int


class StreamAdvanced(Struct, frozen=True, kw_only=True):
    """What one socket read said. `attempt` counts up, from 1 in the first call of a chat."""

    attempt: int
    events: Sequence[StreamEvent]

    def __repr__(self) -> str:
        # The answer itself is nobody else's business.
        return f"StreamAdvanced(attempt={self.attempt}, {len(self.events)} events)"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptBroken:
    """The stream failed after something had been shown; there is no other attempt."""

    error: ProviderError


SseMessage: TypeAlias = OpenStream | GrantCredit


class SseActor(LoopActor[SseMessage]):
    """See the module docstring.

    Args:
        provider: where the call goes.
        codec: reads the stream.
        call: what is sent, in every life the same.
        listener: the request actor.
        credit: reads that may be under way to the request at the start.
        series: which call of the chat this is, from 1; attempts of a later one count higher.
    """

    def __init__(
        self,
        provider: Provider,
        codec: Codec,
        call: ProviderCall,
        listener: ActorRef[StreamAdvanced | AttemptBroken],
        credit: int,
        series: int = 1,
    ) -> None:
        self._provider = provider
        self._codec = codec
        self._decoder = codec.decoder(is_streaming=call.is_streaming)
        self._call = call
        self._listener = listener
        self._credit = credit
        self._stream: ProviderStream | None = None
        self._has_output = False
        self._is_over = False
        self._series = series
        self._attempt = 0
        self._payloads = 0
        self._last_event_s = 0.0

    def on_start(self) -> None:
        """Begin at once."""
        # Looked up once for all reads.
        self._attempt = (self._series - 1) * SERIES_ATTEMPTS_MAX + self.life
        self._now_s = self.system.clock.now_s
        self._last_event_s = self._now_s()
        self.actor_ref.tell(OpenStream())

    async def receive(self, message: SseMessage) -> None:
        """Open, then read as long as there is credit."""
        match message:
            case OpenStream():
                pass
            case GrantCredit(attempt=attempt, reads=reads):
                self._credit += reads if attempt == self._attempt else 0
            case _:
                assert_never(message)
        if self._is_over:
            return
        try:
            if self._stream is None:
                self._stream = await self._provider.open(self._call)
            await self._read_on(self._stream)
        except ProviderError as error:  # Weather: before output the supervisor tries again.
            if self._has_output:
                self._listener.offer(AttemptBroken(error=error))
                self.exit()
            else:
                self.exit(Crashed(error))

    async def _read_on(self, stream: ProviderStream) -> None:
        decoder = self._decoder
        while self._credit > 0:
            data = await stream.read()
            events = decoder.feed(data) if data else decoder.finish()
            if decoder.payloads > self._payloads:
                self._payloads, self._last_event_s = decoder.payloads, self._now_s()
            else:
                self._check_life()
            if events and self._hand_over(events):
                # The adapter sees to the rest of the body, and keeps the connection if it can;
                # the chat's supervisor ends this actor together with the request.
                self._stream, self._is_over = None, True
                stream.finish()
                return
            if not data:
                raise StreamBroken(ErrorFacts(code="ended-without-terminal-event"))

    def _hand_over(self, events: Sequence[StreamEvent]) -> bool:
        """Send a read to the request. True: it held the terminal event, the last there is."""
        last = events[-1]
        ended = last if type(last) is StreamEnded else None
        if not self._has_output:
            self._has_output = has_output(events)
            if ended is not None and not self._has_output:
                self._fail_early(ended)
            if ended is not None or self._has_output:
                self.refuse_restarts()
        self._credit -= 1
        self._listener.offer(StreamAdvanced(attempt=self._attempt, events=events))
        return ended is not None

    def _fail_early(self, ended: StreamEnded) -> None:
        """An error inside the stream before any output is a failed attempt like any other.

        Raises:
            ProviderError: when another attempt may cure it.
        """
        if ended.status in (EndStatus.FAILED, EndStatus.ERROR) and ended.failure is not None:
            error = self._codec.error(ended.failure)
            if error.transient:
                raise error

    def _check_life(self) -> None:
        """Comments keep the connection alive, but only so long (SPEC 23)."""
        if self._now_s() - self._last_event_s > NO_EVENT_MAX_S:
            raise StreamBroken(ErrorFacts(code="no-event"))

    def release(self) -> None:
        """Close the connection, unless it was given back."""
        if self._stream is not None:
            self._stream.abort()
