"""A grant that came late widened the window of the next attempt, which has one of its own."""

from __future__ import annotations

from actors.kernel.child_spec import Restart
from actors.ports import StreamBroken
from actors.sse import GrantCredit, SseActor, StreamAdvanced
from actors.testing.probe import Probe
from actors.values import EventSkipped
from tests.unit.chat_stage import CALL, Read, ScriptedProvider, text
from tests.unit.kernel_stage import Stage, on_stage

CREDIT = 2


@on_stage
async def test_credit_for_one_attempt_is_void_for_the_next(stage: Stage) -> None:
    odd = Read((EventSkipped(count=1),))
    provider = ScriptedProvider(
        [odd, StreamBroken()], [Read((text(str(number)),)) for number in range(9)]
    )
    request = Probe(stage.system)
    attempt = stage.keep(
        SseActor,
        provider,
        provider.codec,
        CALL,
        request.ref,
        CREDIT,
        restart=Restart.TRANSIENT,
        shutdown_s=0.0,
    )
    await stage.settle()
    attempt.tell(GrantCredit(attempt=1, reads=1))
    await stage.settle()
    assert [read.attempt for read in request.of(StreamAdvanced)] == [1, 2, 2]
    attempt.tell(GrantCredit(attempt=2, reads=1))
    await stage.settle()
    assert [read.attempt for read in request.of(StreamAdvanced)] == [1, 2, 2, 2]
