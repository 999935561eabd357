"""Bugs in the codec port: an encoder or a decoder that raises what it never should."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from actors.ports import Codec, Endpoint, ProviderCall, ProviderError, StreamDecoder
from actors.testing.simloop import SimLoop
from actors.values import ChatRequest, StreamEvent, StreamFailure
from bridge.chaos.faults.injected import InjectedCrash


class BuggyCodec:
    """The real codec, which now and then raises.

    Where it raises decides who crashes: `encode` the request actor as it starts, `decoder` the
    attempt in its constructor, `feed` the attempt in the middle of an answer.
    """

    def __init__(self, real: Codec, loop: SimLoop, rate: float, fired: Counter[str]) -> None:
        self.is_on = True
        self._real = real
        self._loop = loop
        self._rate = rate
        self._fired = fired

    @staticmethod
    def names() -> frozenset[str]:
        """Return every fault that a campaign must have met."""
        return frozenset(f"codec bug in {place}" for place in ("encode", "decoder", "feed"))

    def strike(self, place: str) -> None:
        """Raise, if the seed says so."""
        if self.is_on and self._loop.chance(self._rate, f"codec/{place}"):
            self._fired[f"codec bug in {place}"] += 1
            raise InjectedCrash

    def encode(self, request: ChatRequest, endpoint: Endpoint) -> ProviderCall:
        """See `Codec.encode`."""
        self.strike("encode")
        return self._real.encode(request, endpoint)

    def decoder(self, *, is_streaming: bool = True) -> StreamDecoder:
        """See `Codec.decoder`."""
        self.strike("decoder")
        return _BuggyDecoder(self._real.decoder(is_streaming=is_streaming), self)

    def error(self, failure: StreamFailure) -> ProviderError:
        """See `Codec.error`."""
        return self._real.error(failure)


class _BuggyDecoder:
    def __init__(self, real: StreamDecoder, codec: BuggyCodec) -> None:
        self._real = real
        self._codec = codec

    @property
    def payloads(self) -> int:
        return self._real.payloads

    def feed(self, data: bytes) -> Sequence[StreamEvent]:
        self._codec.strike("feed")
        return self._real.feed(data)

    def finish(self) -> Sequence[StreamEvent]:
        return self._real.finish()
