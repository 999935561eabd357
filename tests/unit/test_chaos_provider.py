"""The scripted provider plays what the list of faults says, as the real decoder reads it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

import pytest

from actors.conversation import Conversation, advance
from actors.ports import Endpoint, PortError, ProviderError, RequestRejected, Secret
from actors.testing.choices import Choices
from actors.testing.simloop import SimLoop
from actors.testing.simulate import simulate
from actors.values import (
    ChatRequest,
    EndStatus,
    Item,
    Parameter,
    ReasoningAdvanced,
    Role,
    TextPart,
    ToolCall,
    ToolCallBegan,
    ToolOutput,
    Turn,
    WireFormat,
)
from bridge.chaos.faults.answers import Answer, Part, Refusal, Shape, Wants
from bridge.chaos.faults.provider import OFF, Guest, ScriptedProvider, playable
from bridge.chaos.knobs import Rates
from bridge.chaos.trace import Expected, Visit
from bridge.openrouter.codec_responses import ResponsesCodec
from bridge.standin.faults import Moment, ProviderFault

ENDPOINT = Endpoint(base_url="https://sim.invalid", api_key=Secret("sk-sim"))
PLAYABLE = playable((WireFormat.RESPONSES,))
ASKED = Turn(role=Role.USER, parts=(TextPart(text="v1"),))
ANSWER = Answer(shape=Shape.THINKING, words=9)
ALONE = Part(answers=(ANSWER,))
CALM = Rates(
    outage=None,
    provider=0.0,
    provider_faults=(),
    garble=0.0,
    swallow=0.0,
    tool=0.0,
    tool_faults=(),
    remedy=0.0,
    codec=0.0,
    catalog=0.0,
    crash=0.0,
    crash_roles=(),
    hang=0.0,
    hang_roles=(),
    slow=0.0,
    refuse=0.0,
    duplicate=0.0,
    delay=0.0,
    overtake=0.0,
    signal_delay=0.0,
    storm=None,
    closes_busy=False,
)
# Enough for any answer byte by byte; comments for ever end here.
READS_MAX = 20_000

# Slow, and well in the end for whoever waits.
PATIENT = {
    ProviderFault.SLOW_HEADERS,
    ProviderFault.SLOW_FIRST_TOKEN,
    ProviderFault.STALL_BETWEEN_FRAMES,
}
# The stream goes on; only how long nothing was said tells that something is wrong.
ENDLESS = {ProviderFault.KEEP_ALIVES_ONLY}


@dataclass
class Heard:
    """One answer as a client hears it."""

    conversation: Conversation = field(default_factory=Conversation)
    content: str = ""
    reasoning: str = ""
    error: PortError | None = None

    @property
    def is_whole(self) -> bool:
        ended = self.conversation.ended
        return ended is not None and ended.status is EndStatus.COMPLETED


def visit() -> Visit:
    return Visit(
        id="v1",
        user="ann",
        expected=Expected(content="", reasoning=""),
        credit=1,
        parallel_max=1,
        asked_s=0.0,
    )


async def listen(provider: ScriptedProvider, request: ChatRequest) -> Heard:
    """Read one answer to its end, as an attempt does."""
    heard, decoder = Heard(), ResponsesCodec().decoder()
    try:
        stream = await provider.open(ResponsesCodec().encode(request, ENDPOINT))
        for _ in range(READS_MAX):
            data = await stream.read()
            events = decoder.feed(data) if data else decoder.finish()
            heard.conversation, shown = advance(heard.conversation, events)
            for event in shown:
                if isinstance(event, ReasoningAdvanced):
                    heard.reasoning += event.text
                elif not isinstance(event, ToolCallBegan):
                    heard.content += event.text
            if not data or heard.conversation.ended is not None:
                break
    except ProviderError as error:
        heard.error = error
    return heard


def played(
    fault: ProviderFault | None,
    seed: int,
    part: Part = ALONE,
    items: tuple[Item, ...] = (),
    parameters: tuple[Parameter, ...] = (),
    outage: ProviderFault | None = None,
) -> tuple[Heard, Visit]:
    """Play a fault on the first call that it can strike."""
    heard: list[Heard] = []
    guest = Guest(visit=visit(), part=part, gave=lambda _, text: text != "somebody else's")

    async def scenario(loop: SimLoop) -> None:
        faults = () if fault is None else (fault,)
        rates = replace(
            CALM, provider=1.0 if faults else 0.0, provider_faults=faults, outage=outage
        )
        provider = ScriptedProvider(
            loop, rates, read_timeout_s=300.0, fired=Counter(), has_chat=lambda _: True
        )
        provider.guests["v1"] = guest
        request = ChatRequest(
            request_id="v1", model="m", items=(ASKED, *items), parameters=parameters
        )
        heard.append(await listen(provider, request))
        assert [(call.visit, call.had_chat) for call in provider.calls] == [("v1", True)]

    run = simulate(scenario, Choices.from_seed(seed))
    assert run.error is None
    return heard[0], guest.visit


def test_every_fault_is_played_on_one_of_the_wires_or_left_out_for_a_reason() -> None:
    on = set(playable(tuple(WireFormat)))
    assert on | set(OFF) == set(ProviderFault)
    assert not on & set(OFF)
    assert all(OFF.values())
    assert set(PLAYABLE) < on


def test_in_an_outage_every_call_fails() -> None:
    for seed in range(3):
        heard, _ = played(None, seed, outage=ProviderFault.STATUS_529)
        assert heard.error is not None
        assert heard.error.facts.status == 529


CALLS = Part(answers=(Answer(shape=Shape.PLAIN, words=2, wants=Wants.ALIKE), ANSWER))


def history(*outputs: str) -> tuple[Item, ...]:
    """The first round of `CALLS`, and these outputs of its calls."""
    answer = CALLS.answer(1)
    content, _ = answer.told("v1r1")
    wanted = answer.calls("v1r1")
    return (
        Turn(role=Role.ASSISTANT, parts=(TextPart(text=content),)),
        *(ToolCall(call_id=c.call_id, name=c.name, arguments=c.arguments) for c in wanted),
        *(
            ToolOutput(call_id=call.call_id, output=output)
            for call, output in zip(wanted, outputs, strict=False)
        ),
    )


def test_the_next_round_is_told_when_every_call_has_its_output() -> None:
    heard, seen = played(None, 1, CALLS, history("1", "2", "3"))
    assert heard.content == ANSWER.told("v1r2")[0]
    assert (seen.round, seen.rounds_told) == (2, {2})
    assert tuple(seen.outputs.values()) == ("1", "2", "3")


WRONG = {
    "an output is missing": history("1", "2"),
    "an output is there twice": (*history("1", "2", "3"), history("1")[-1]),
    "the outputs are in another order": (*history()[:4], *reversed(history("1", "2", "3")[4:])),
    "a call is missing": (*history()[:3], *history("1", "2", "3")[4:]),
    "the text is another one": history("1", "2", "3")[1:],
    "the output is somebody else's": history("1", "somebody else's", "3"),
}


@pytest.mark.parametrize("items", WRONG.values(), ids=WRONG)
def test_a_history_is_refused_in_which(items: tuple[Item, ...]) -> None:
    heard, seen = played(None, 1, CALLS, items)
    assert isinstance(heard.error, RequestRejected)
    assert seen.rounds_told == set()


def test_a_chat_may_be_refused_until_it_is_changed_or_for_good() -> None:
    def error(refusal: Refusal, *parameters: Parameter) -> PortError | None:
        part = Part(answers=(ANSWER,), refusal=refusal)
        return played(None, 1, part, parameters=parameters)[0].error

    changed = Parameter(name="temperature", json="0.5")
    assert isinstance(error(Refusal.CURABLE), RequestRejected)
    assert error(Refusal.CURABLE, changed) is None
    assert isinstance(error(Refusal.STUBBORN, changed), RequestRejected)


@pytest.mark.parametrize("seed", range(12))
def test_without_a_fault_the_answer_is_whole_however_it_is_cut(seed: int) -> None:
    heard, seen = played(None, seed)
    assert (heard.content, heard.reasoning) == ANSWER.told("v1r1")
    assert heard.is_whole
    assert seen.rounds_told == {1}


@pytest.mark.parametrize("fault", PLAYABLE)
def test_a_fault_does_what_the_list_says(fault: ProviderFault) -> None:
    for seed in range(3):
        heard, seen = played(fault, seed)
        content, reasoning = ANSWER.told("v1r1")
        assert seen.rounds_told == ({1} if heard.is_whole else set())
        assert content.startswith(heard.content)
        assert reasoning.startswith(heard.reasoning)
        if fault.moment is Moment.HARMLESS or fault in PATIENT:
            assert heard.is_whole
            assert (heard.content, heard.reasoning) == (content, reasoning)
        else:
            assert not heard.is_whole
        if fault.moment is Moment.BEFORE_OUTPUT and fault not in PATIENT:
            assert heard.content == ""
            says_it_passes = heard.error is None or heard.error.transient
            assert says_it_passes or not fault.is_transient
