"""The door over every fault of the provider: one end, in bounded time, and no text is lost."""

import asyncio
import re

import pytest

from bridge.standin.faults import Moment, ProviderFault
from bridge.standin.server import StandIn
from tests.integration.door_stage import PLAIN, Said, body, listen, open_door, script_text

BOUND_S = 60.0
AT_ONCE = 16
CUT = "**The answer was cut off.**"
ENDS = {"stop", "length", "content_filter", "error"}
IMPATIENT = {
    "HTTP_SOCK_READ_SECONDS": 3,
    "HTTP_TOTAL_TIMEOUT_SECONDS": 6,
    "BREAKER_MAX_FAILURES": 50,
}

# The undisturbed answer is longer than what the fault leaves over.
WHOLE = script_text("plain")

# A Retry-After of thirty years is honoured for a minute, twice: too long to wait for here. The
# faults of the other endpoint do not strike.
FAULTS = [
    fault
    for fault in ProviderFault
    if fault is not ProviderFault.STATUS_429_RETRY_AFTER_ABSURD
    and not fault.value.startswith("chat-")
]


async def answer_to(fault: ProviderFault, standin: StandIn) -> Said:
    url = standin.spec_url(f"fault={fault.value},script=plain,wait_ms=50")
    async with open_door(url, function_id=f"door_{fault.name.lower()}", **IMPATIENT) as door:
        model = f"{door.id}.{PLAIN}"
        said, whole = await asyncio.gather(
            listen(door, body() | {"model": model}, user=fault.value),
            door.pipe(body(stream=False) | {"model": model}, __user__={"id": "bob"}),
        )
        await check_alike(said, whole)
        assert door.residence.guests == 0
    return said


def first_words(text: str) -> str:
    """What is told, but for ids and for how long is left until a time of day."""
    words = text.partition("\n\n> ")[0].partition("Error id")[0]
    return re.sub(r"in (a moment|1 second|\d+ seconds)", "in a while", words)


async def check_alike(said: Said, whole: dict[str, object]) -> None:
    """Both ways of asking tell the same, but for ids and waits."""
    (choice,) = whole["choices"]  # type: ignore[misc]
    text = choice["message"]["content"]
    assert first_words(text) == first_words(said.text)
    assert (choice["finish_reason"],) == said.ends


async def answers_to(faults: list[ProviderFault]) -> dict[ProviderFault, Said]:
    limit = asyncio.Semaphore(AT_ONCE)
    async with await StandIn.start() as standin:

        async def one(fault: ProviderFault) -> Said:
            async with limit, asyncio.timeout(BOUND_S):
                return await answer_to(fault, standin)

        return dict(zip(faults, await asyncio.gather(*map(one, faults)), strict=True))


@pytest.mark.parametrize("moment", Moment, ids=[moment.value for moment in Moment])
def test_a_stream_ends_exactly_once_and_keeps_its_text(moment: Moment) -> None:
    answers = asyncio.run(answers_to([fault for fault in FAULTS if fault.moment is moment]))
    for fault, said in answers.items():
        assert len(said.ends) == 1, fault
        assert set(said.ends) <= ENDS, fault
        assert said.text, fault
        if moment is Moment.AFTER_OUTPUT and said.text != WHOLE:
            shown, cut, _ = said.text.partition(f"\n\n---\n\n{CUT}")
            assert cut, fault
            assert shown, fault
            assert WHOLE.startswith(shown), fault
            assert said.ends == ("length",), fault
        if moment is Moment.HARMLESS:
            assert said.text == WHOLE, fault
