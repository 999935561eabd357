"""Faults of the provider port: everything the stand-in can do wrong, without its socket.

The bytes and the refusals are the stand-in's own, and what the real adapter makes of a refusal
is the real translation; only the transport in between is scripted. The body arrives cut into
pieces of any size, at any pace. Like the real one, this provider knows nothing of a chat but what
a request says, and refuses a history in which calls and outputs do not belong together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from actors.ports import (
    AnswerMalformed,
    ConnectionFailed,
    ErrorFacts,
    ProviderCall,
    ProviderError,
)
from actors.testing.simloop import SimLoop
from actors.values import WireFormat
from bridge.chaos.faults.answers import Part, Refusal, round_name
from bridge.chaos.faults.heard import READERS, Heard, Wanted, problem_of, wanted_of
from bridge.chaos.faults.reels import AFTER_MAX, reel
from bridge.chaos.faults.spelt import SPELLINGS
from bridge.chaos.faults.streams import Cut, Patience, ScriptedStream, Steps
from bridge.chaos.knobs import STORM_S, Rates
from bridge.chaos.trace import Call, Kind, Visit
from bridge.openrouter.errors import provider_error
from bridge.standin.error_answers import PlainAnswer, RetryAfter, error_answer, refusal
from bridge.standin.faults import Moment, ProviderFault
from bridge.standin.stage import Ending, Write

F = ProviderFault

OFF: Final[Mapping[ProviderFault, str]] = MappingProxyType(
    {F.CUT_MID_CHUNK_HEADER: "lies in the framing of a socket"}
)
# Errors in a stream that only one of the endpoints can tell; on the other one nothing happens.
_OF_CHAT: Final = frozenset(
    {
        F.CHAT_ERROR_TYPED,
        F.CHAT_ERROR_EMPTY_CHOICES,
        F.CHAT_ERROR_BARE,
        F.CHAT_FINISH_ERROR,
        F.CHAT_ERROR_AFTER_LENGTH,
    }
)
_OF_RESPONSES: Final = frozenset(
    {F.RESPONSE_FAILED, F.ERROR_FLAT, F.ERROR_NESTED, F.RESPONSE_ERROR}
)
_ELSEWHERE: Final[Mapping[WireFormat, frozenset[ProviderFault]]] = {
    WireFormat.RESPONSES: _OF_CHAT,
    WireFormat.CHAT: _OF_RESPONSES,
}

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


# Slow, and well in the end for whoever waits.
_PATIENT: Final = frozenset({F.SLOW_HEADERS, F.SLOW_FIRST_TOKEN, F.STALL_BETWEEN_FRAMES})

_BY_PATH: Final[Mapping[str, WireFormat]] = {
    spelling.endpoint.value: wire for wire, spelling in SPELLINGS.items()
}


def playable(wires: Collection[WireFormat]) -> tuple[ProviderFault, ...]:
    """Return the faults that can be played on these wires, in the order of the list."""
    off = frozenset.intersection(*(_ELSEWHERE[wire] for wire in wires)) | set(OFF)
    return tuple(fault for fault in ProviderFault if fault not in off)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """Somebody whom the provider answers: who, and with what.

    `gave` says whether a tool has said this to this call.
    """

    visit: Visit
    part: Part
    gave: Callable[[str, str], bool]


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
        self.guests: dict[str, Guest] = {}
        self.calls: list[Call] = []
        self._loop = loop
        self._rates = rates
        self._read_timeout_s = read_timeout_s
        self._fired = fired
        self._has_chat = has_chat

    @staticmethod
    def names(wires: Collection[WireFormat]) -> frozenset[str]:
        """Return every fault that a campaign over these wires must have met."""
        faults = {f"provider {fault.value}" for fault in playable(wires)}
        kinds = {f"wire {wire.value}" for wire in wires}
        others = {"ignores cancellation", "garble ahead", "finds fault", "is down"}
        return frozenset(faults | kinds | {f"provider {what}" for what in others})

    async def open(self, call: ProviderCall) -> ScriptedStream:
        """See `Provider.open`."""
        wire = _BY_PATH[call.path]
        heard = READERS[wire](call.body)
        guest = self.guests[heard.visit]
        visit = guest.visit.id
        wanted = wanted_of(heard, guest.part)
        seen = Call(
            visit=visit,
            round=wanted.number,
            opened_s=self._loop.time(),
            had_chat=self._has_chat(visit),
            problem=wanted.problem or _odd_output(wanted, guest) or self._odd_past(heard, guest),
        )
        self.calls.append(seen)
        guest.visit.round = wanted.number
        guest.visit.outputs.update(wanted.outputs)
        self._fired[f"wire {wire.value}"] += 1
        patience = Patience(self._loop, self._read_timeout_s, self._swallow_s(visit), self._fired)
        try:
            self._check(heard, guest.part, seen)
            return await self._opened(guest, wire, seen, patience)
        except BaseException:
            seen.closed_s = self._loop.time()
            raise

    def _odd_past(self, heard: Heard, guest: Guest) -> str:
        """Say what is wrong with earlier turns of the chat; "" when nothing is."""
        if not (earlier := heard.earlier):
            return ""

        def text_of(name: str) -> str | None:
            turn = self.guests.get(name)
            is_ours = turn is not None and name in guest.visit.turns
            return turn.visit.said(Kind.CONTENT) if turn is not None and is_ours else None

        problem = problem_of(earlier, text_of_visit=text_of, gave=guest.gave)
        return f"in the past {problem}" if problem else ""

    def _check(self, heard: Heard, part: Part, seen: Call) -> None:
        """Refuse what no provider takes, and what this chat is refused.

        Raises:
            ProviderError: a 400, as the adapter translates it.
        """
        if seen.problem:
            raise self._translated(error_answer(400, seen.problem))
        is_cured = heard.is_changed and part.refusal is Refusal.CURABLE
        if part.refusal is not Refusal.NOTHING and not is_cured:
            self._fired["provider finds fault"] += 1
            raise self._translated(error_answer(400, "temperature: this model wants it set"))

    async def _opened(
        self, guest: Guest, wire: WireFormat, seen: Call, patience: Patience
    ) -> ScriptedStream:
        fault = self._fault(seen.visit, wire)
        delay = self._loop.choose(len(HEAD_DELAYS_S), _tag(seen.visit))
        await patience.sleep(HEAD_DELAYS_S[delay])
        if fault is F.SLOW_HEADERS:
            await patience.sleep(SLOW_HEADERS_S)
            fault = None  # From here on it is an answer like any other.
        elif fault is not None:
            await self._fail_early(fault, patience)
        if fault is None or fault.moment is Moment.HARMLESS or fault in _PATIENT:
            guest.visit.rounds_told.add(seen.round)
        seen.is_short = fault is F.CHAT_ERROR_AFTER_LENGTH
        return ScriptedStream(self._loop, self._steps(guest, wire, fault, seen), seen, patience)

    def _fault(self, visit: str, wire: WireFormat) -> ProviderFault | None:
        rates, loop = self._rates, self._loop
        if not self.is_on:
            return None
        is_down = rates.outage is not None and loop.time() < STORM_S
        if is_down and loop.chance(1.0, _tag(visit)):
            self._fired["provider is down"] += 1
            return rates.outage
        if not loop.chance(rates.provider, _tag(visit)):
            return None
        fault = rates.provider_faults[loop.choose(len(rates.provider_faults), _tag(visit))]
        if fault in _ELSEWHERE[wire]:
            return None
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

    def _steps(
        self, guest: Guest, wire: WireFormat, fault: ProviderFault | None, seen: Call
    ) -> Steps:
        loop, tag = self._loop, _tag(seen.visit)
        if fault in _NOT_READABLE:
            return Steps(loop, (Ending.RESET,), tag=tag, cut=Cut.JOINED, pace_s=None)
        cut = _CUTS[loop.choose(len(_CUTS), tag)]
        pace_s = PACES_S[loop.choose(len(PACES_S), tag)]
        after = 1 + loop.choose(AFTER_MAX, tag)
        if fault in _OWN_CUTS:
            cut = Cut.AS_WRITTEN
        steps = reel(
            guest.part.answer(seen.round),
            fault,
            wire=wire,
            after=after,
            name=round_name(seen.visit, seen.round),
            is_joined=cut is not Cut.AS_WRITTEN,
        )
        if self.is_on and loop.chance(self._rates.garble, tag):
            # On top of the fault: events that are read, and say nothing, before it strikes.
            self._fired["provider garble ahead"] += 1
            steps = (GARBLE, *steps)
        if guest.part.pace_s is not None:
            pace_s = guest.part.pace_s
        return Steps(loop, steps, tag=tag, cut=cut, pace_s=pace_s)


def _odd_output(wanted: Wanted, guest: Guest) -> str:
    """Say which output is not what a tool has given to its call; "" when all are."""
    odd = [call_id for call_id, text in wanted.outputs if not guest.gave(call_id, text)]
    return f"{odd[0]} comes with the output of somebody else" if odd else ""


def _tag(visit: str) -> str:
    """Return the stream of choices of one visit's calls."""
    return f"provider {visit}"
