"""Faults of the provider port: everything the stand-in can do wrong, without its socket.

The bytes and the refusals are the stand-in's own, and what the real adapter makes of a refusal
is the real translation; only the transport in between is scripted. The body arrives cut into
pieces of any size, at any pace.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import msgspec

from actors.ports import (
    AnswerMalformed,
    ConnectionFailed,
    ErrorFacts,
    ProviderCall,
    ProviderError,
)
from actors.testing.simloop import SimLoop
from bridge.chaos.faults.reels import AFTER_MAX, Answer, reel
from bridge.chaos.faults.streams import Cut, Patience, ScriptedStream, Steps
from bridge.chaos.knobs import Rates
from bridge.chaos.trace import Call
from bridge.openrouter.errors import provider_error
from bridge.standin.error_answers import PlainAnswer, RetryAfter, refusal
from bridge.standin.faults import ProviderFault
from bridge.standin.stage import Ending, Write

F = ProviderFault

OFF: Final[Mapping[ProviderFault, str]] = MappingProxyType(
    {
        F.CUT_MID_CHUNK_HEADER: "lies in the framing of a socket",
        F.CHAT_ERROR_TYPED: "belongs to the other endpoint",
        F.CHAT_ERROR_EMPTY_CHOICES: "belongs to the other endpoint",
        F.CHAT_ERROR_BARE: "belongs to the other endpoint",
        F.CHAT_FINISH_ERROR: "belongs to the other endpoint",
        F.CHAT_ERROR_AFTER_LENGTH: "belongs to the other endpoint",
    }
)
PLAYABLE: Final = tuple(fault for fault in ProviderFault if fault not in OFF)

# What the real adapter makes of connections that fail before there is a body.
_NOT_CONNECTED: Final[Mapping[ProviderFault, type[ProviderError]]] = MappingProxyType(
    {
        F.CONNECT_RESET: ConnectionFailed,
        F.CLOSE_BEFORE_HEADERS: ConnectionFailed,
        F.HALF_HEADERS: ConnectionFailed,
        F.GARBAGE_STATUS_LINE: AnswerMalformed,
        F.EMPTY_200: AnswerMalformed,
        F.WRONG_CONTENT_TYPE: AnswerMalformed,
    }
)
# The adapter's decompressor gives up at the first read.
_NOT_READABLE: Final = (F.TRUNCATED_GZIP,)
# These say how the body is cut themselves.
_OWN_CUTS: Final = (F.SPLIT_EVERYWHERE, F.SPLIT_CODE_POINT)

HEAD_DELAYS_S: Final = (0.0, 0.01, 0.2, 2.0)
SLOW_HEADERS_S: Final = 4.0
PACES_S: Final = (None, 0.0, 0.01, 0.3)
SWALLOW_S: Final = (0.4, 3.0)
RETRY_AFTER: Final = RetryAfter(seconds=1, date="Tue, 14 Nov 2023 22:13:20 GMT")

GARBLE: Final = Write(data=b'data: {"type":"response.output_text.de\n\n')

_CUTS: Final = tuple(Cut)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one visit is going to be told; `pace_s` fixes the pause before each read."""

    answer: Answer
    pace_s: float | None = None


class _Model(msgspec.Struct):
    model: str


class ScriptedProvider:
    """A `Provider` without a network.

    Args:
        loop: decides which call fails, how, and how the bytes come.
        rates: how often, and which faults are on.
        read_timeout_s: after so much silence the adapter gives up.
        fired: counts what was played.
        has_chat: whether the chat of a visit is alive.
    """

    def __init__(
        self,
        loop: SimLoop,
        rates: Rates,
        *,
        read_timeout_s: float,
        fired: Counter[str],
        has_chat: Callable[[str], bool],
    ) -> None:
        self.is_on = True
        self.parts: dict[str, Part] = {}
        self.calls: list[Call] = []
        self._loop = loop
        self._rates = rates
        self._read_timeout_s = read_timeout_s
        self._fired = fired
        self._has_chat = has_chat

    @staticmethod
    def names() -> frozenset[str]:
        """Return every fault that a campaign must have met."""
        faults = {f"provider {fault.value}" for fault in PLAYABLE}
        return frozenset(faults | {"provider ignores cancellation", "provider garble ahead"})

    async def open(self, call: ProviderCall) -> ScriptedStream:
        """See `Provider.open`."""
        visit = msgspec.json.decode(call.body, type=_Model).model
        seen = Call(visit=visit, opened_s=self._loop.time(), had_chat=self._has_chat(visit))
        self.calls.append(seen)
        swallow_s = self._swallow_s(visit)
        patience = Patience(self._loop, self._read_timeout_s, swallow_s, self._fired)
        try:
            return await self._opened(self.parts[visit], seen, patience)
        except BaseException:
            seen.closed_s = self._loop.time()
            raise

    async def _opened(self, part: Part, seen: Call, patience: Patience) -> ScriptedStream:
        fault = self._fault(seen.visit)
        delay = self._loop.choose(len(HEAD_DELAYS_S), _tag(seen.visit))
        await patience.sleep(HEAD_DELAYS_S[delay])
        if fault is F.SLOW_HEADERS:
            await patience.sleep(SLOW_HEADERS_S)
            fault = None  # From here on it is an answer like any other.
        elif fault is not None:
            await self._fail_early(fault, patience)
        return ScriptedStream(self._loop, self._steps(part, fault, seen.visit), seen, patience)

    def _fault(self, visit: str) -> ProviderFault | None:
        rates, loop = self._rates, self._loop
        if not self.is_on or not loop.chance(rates.provider, _tag(visit)):
            return None
        fault = rates.provider_faults[loop.choose(len(rates.provider_faults), _tag(visit))]
        self._fired[f"provider {fault.value}"] += 1
        return fault

    def _swallow_s(self, visit: str) -> float:
        if not self.is_on or not self._loop.chance(self._rates.swallow, _tag(visit)):
            return 0.0
        return SWALLOW_S[self._loop.choose(len(SWALLOW_S), _tag(visit))]

    async def _fail_early(self, fault: ProviderFault, patience: Patience) -> None:
        """Fail as the real adapter does before there is a stream, or do nothing.

        Raises:
            ProviderError: what the adapter would raise.
        """
        if (error := _NOT_CONNECTED.get(fault)) is not None:
            raise error(ErrorFacts(code="simulated"))
        if fault is F.HALF_OPEN:
            await patience.silence()
        answer = refusal(fault, path="/responses", retry=RETRY_AFTER)
        if answer is not None:
            raise self._translated(answer)

    def _translated(self, answer: PlainAnswer) -> ProviderError:
        headers = {"content-type": answer.content_type, **dict(answer.headers)}
        now_s = self._loop.wall_s()
        return provider_error(answer.status, headers, answer.body, now_epoch_s=now_s)

    def _steps(self, part: Part, fault: ProviderFault | None, visit: str) -> Steps:
        loop, tag = self._loop, _tag(visit)
        if fault in _NOT_READABLE:
            return Steps(loop, (Ending.RESET,), tag=tag, cut=Cut.JOINED, pace_s=None)
        cut = _CUTS[loop.choose(len(_CUTS), tag)]
        pace_s = PACES_S[loop.choose(len(PACES_S), tag)]
        after = 1 + loop.choose(AFTER_MAX, tag)
        if fault in _OWN_CUTS:
            cut = Cut.AS_WRITTEN
        is_joined = cut is not Cut.AS_WRITTEN
        steps = reel(part.answer, fault, after=after, visit=visit, is_joined=is_joined)
        if self.is_on and loop.chance(self._rates.garble, tag):
            # On top of the fault: events that are read, and say nothing, before it strikes.
            self._fired["provider garble ahead"] += 1
            steps = (GARBLE, *steps)
        if part.pace_s is not None:
            pace_s = part.pace_s
        return Steps(loop, steps, tag=tag, cut=cut, pace_s=pace_s)


def _tag(visit: str) -> str:
    """Return the stream of choices of one visit's calls."""
    return f"provider {visit}"
