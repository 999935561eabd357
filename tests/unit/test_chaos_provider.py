"""The scripted provider plays what the list of faults says, as the real decoder reads it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

import pytest

from actors.conversation import Conversation, advance
from actors.ports import Endpoint, PortError, ProviderCall, ProviderError, Secret
from actors.testing.choices import Choices
from actors.testing.simloop import SimLoop
from actors.testing.simulate import simulate
from actors.values import EndStatus, ReasoningAdvanced
from bridge.chaos.faults.provider import OFF, PLAYABLE, Part, ScriptedProvider
from bridge.chaos.faults.reels import Answer, Shape
from bridge.chaos.knobs import Rates
from bridge.openrouter.codec_responses import ResponsesCodec
from bridge.standin.faults import Moment, ProviderFault

CALL = ProviderCall(
    endpoint=Endpoint(base_url="https://sim.invalid", api_key=Secret("sk-sim")),
    path="/responses",
    body=b'{"model":"v1"}',
)
ANSWER = Answer(shape=Shape.THINKING, words=9)
CALM = Rates(
    provider=0.0,
    provider_faults=(),
    garble=0.0,
    swallow=0.0,
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


async def listen(provider: ScriptedProvider) -> Heard:
    """Read one answer to its end, as an attempt does."""
    heard, decoder = Heard(), ResponsesCodec().decoder()
    try:
        stream = await provider.open(CALL)
        for _ in range(READS_MAX):
            data = await stream.read()
            events = decoder.feed(data) if data else decoder.finish()
            heard.conversation, shown = advance(heard.conversation, events)
            for event in shown:
                if isinstance(event, ReasoningAdvanced):
                    heard.reasoning += event.text
                else:
                    heard.content += event.text
            if not data or heard.conversation.ended is not None:
                break
    except ProviderError as error:
        heard.error = error
    return heard


def played(fault: ProviderFault | None, seed: int) -> Heard:
    """Play a fault on the first call that it can strike."""
    heard: list[Heard] = []

    async def scenario(loop: SimLoop) -> None:
        faults = () if fault is None else (fault,)
        rates = replace(CALM, provider=1.0 if faults else 0.0, provider_faults=faults)
        provider = ScriptedProvider(
            loop, rates, read_timeout_s=300.0, fired=Counter(), has_chat=lambda _: True
        )
        provider.parts["v1"] = Part(answer=ANSWER)
        heard.append(await listen(provider))
        assert [(call.visit, call.had_chat) for call in provider.calls] == [("v1", True)]

    run = simulate(scenario, Choices.from_seed(seed))
    assert run.error is None
    return heard[0]


def test_every_fault_is_played_or_left_out_for_a_reason() -> None:
    assert set(PLAYABLE) | set(OFF) == set(ProviderFault)
    assert not set(PLAYABLE) & set(OFF)
    assert all(OFF.values())


@pytest.mark.parametrize("seed", range(12))
def test_without_a_fault_the_answer_is_whole_however_it_is_cut(seed: int) -> None:
    heard = played(None, seed)
    assert (heard.content, heard.reasoning) == ANSWER.told("v1")
    assert heard.is_whole


@pytest.mark.parametrize("fault", PLAYABLE)
def test_a_fault_does_what_the_list_says(fault: ProviderFault) -> None:
    for seed in range(3):
        heard = played(fault, seed)
        content, reasoning = ANSWER.told("v1")
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
