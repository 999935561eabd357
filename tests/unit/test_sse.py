"""One attempt: reads under credit, retried only before anything was shown."""

from __future__ import annotations

from actors.kernel.child_spec import Restart
from actors.kernel.ref import ActorRef
from actors.kernel.signals import Crashed, Terminated
from actors.ports import AuthRejected, ConnectionFailed, ProviderUnavailable, StreamBroken
from actors.sse import NO_EVENT_MAX_S, AttemptBroken, GrantCredit, SseActor, StreamAdvanced
from actors.testing.probe import Probe
from actors.values import EventSkipped
from tests.unit.chat_stage import (
    CALL,
    COMPLETED,
    Eof,
    Read,
    ScriptedProvider,
    Silence,
    failed,
    text,
)
from tests.unit.kernel_stage import Stage, on_stage


def start(stage: Stage, provider: ScriptedProvider, credit: int = 8) -> tuple[Probe, ActorRef]:
    """Start an attempt under a parent that begins the next one at once."""
    request = Probe(stage.system)
    ref = stage.keep(
        SseActor,
        provider,
        provider.codec,
        CALL,
        request.ref,
        credit,
        restart=Restart.TRANSIENT,
        shutdown_s=0.0,
    )
    request.watch(ref)
    return request, ref


@on_stage
async def test_each_read_is_one_message_and_the_connection_is_given_back(stage: Stage) -> None:
    provider = ScriptedProvider([Read((text("Hel"),)), Read((text("lo"), COMPLETED))])
    request, _ = start(stage, provider)
    await stage.settle()
    told = request.of(StreamAdvanced)
    assert [list(each.events) for each in told] == [[text("Hel")], [text("lo"), COMPLETED]]
    assert (provider.streams[0].finished, provider.streams[0].aborted) == (1, 0)


@on_stage
async def test_without_credit_the_socket_is_not_read(stage: Stage) -> None:
    provider = ScriptedProvider([Read((text(str(n)),)) for n in range(9)])
    request, ref = start(stage, provider, credit=2)
    await stage.settle()
    assert len(request.of(StreamAdvanced)) == provider.streams[0].reads == 2
    ref.tell(GrantCredit(attempt=1, reads=3))
    await stage.settle()
    assert len(request.of(StreamAdvanced)) == provider.streams[0].reads == 5


@on_stage
async def test_a_failure_before_output_ends_this_life_and_the_next_one_starts_afresh(
    stage: Stage,
) -> None:
    provider = ScriptedProvider(ConnectionFailed(), [Read((text("ok"), COMPLETED))])
    request, _ = start(stage, provider)
    await stage.settle()
    assert provider.opened == 2
    assert request.only(StreamAdvanced).attempt == 2
    assert not stage.system.dead_letters.by_reason


@on_stage
async def test_a_stream_that_ends_early_before_output_is_tried_again(stage: Stage) -> None:
    provider = ScriptedProvider([Eof()], [Read((COMPLETED,))])
    start(stage, provider)
    await stage.settle()
    assert provider.opened == 2
    assert provider.streams[0].aborted == 1


@on_stage
async def test_after_output_a_break_is_told_and_nothing_is_sent_again(stage: Stage) -> None:
    provider = ScriptedProvider([Read((text("Hel"),)), StreamBroken()], [Read((COMPLETED,))])
    request, _ = start(stage, provider)
    await stage.settle()
    assert isinstance(request.only(AttemptBroken).error, StreamBroken)
    assert provider.opened == 1
    assert provider.streams[0].aborted == 1


@on_stage
async def test_a_clean_end_without_a_terminal_event_is_a_break(stage: Stage) -> None:
    provider = ScriptedProvider([Read((text("Hel"),)), Eof()])
    request, _ = start(stage, provider)
    await stage.settle()
    assert isinstance(request.only(AttemptBroken).error, StreamBroken)


@on_stage
async def test_a_curable_error_inside_the_stream_before_output_is_tried_again(
    stage: Stage,
) -> None:
    provider = ScriptedProvider([Read((failed("server_error"),))], [Read((COMPLETED,))])
    request, _ = start(stage, provider)
    await stage.settle()
    assert provider.opened == 2
    assert request.only(StreamAdvanced).events == (COMPLETED,)


@on_stage
async def test_an_error_that_no_retry_cures_is_told_as_it_is(stage: Stage) -> None:
    provider = ScriptedProvider([Read((failed("invalid_prompt"),))])
    request, _ = start(stage, provider)
    await stage.settle()
    assert provider.opened == 1
    assert request.only(StreamAdvanced).events == (failed("invalid_prompt"),)


@on_stage
async def test_a_bug_after_output_is_not_tried_again_either(stage: Stage) -> None:
    def bug() -> None:
        raise ZeroDivisionError

    provider = ScriptedProvider([Read((text("Hel"),)), bug, Eof()], [Read((COMPLETED,))])
    request, _ = start(stage, provider)
    await stage.settle()
    assert provider.opened == 1
    reason = request.only(Terminated).reason
    assert isinstance(reason, Crashed)
    assert reason.kind == "ZeroDivisionError"


@on_stage
async def test_comments_alone_stand_for_an_answer_only_so_long(stage: Stage) -> None:
    def later() -> None:
        stage.clock.advance(NO_EVENT_MAX_S / 2 + 1)

    comment = Read((), payloads=0)
    provider = ScriptedProvider([Read((text("Hel"),)), later, comment, later, comment, Silence()])
    request, _ = start(stage, provider)
    await stage.settle()
    assert request.only(AttemptBroken).error.facts.code == "no-event"


@on_stage
async def test_events_that_mean_nothing_here_are_life_all_the_same(stage: Stage) -> None:
    def later() -> None:
        stage.clock.advance(NO_EVENT_MAX_S / 2 + 1)

    unknown = Read((), payloads=1)
    provider = ScriptedProvider([later, unknown, later, unknown, later, Read((COMPLETED,))])
    request, _ = start(stage, provider)
    await stage.settle()
    assert request.only(StreamAdvanced).events == (COMPLETED,)


@on_stage
async def test_a_kill_closes_the_connection_at_once(stage: Stage) -> None:
    provider = ScriptedProvider([Read((text("Hel"),)), Silence()])
    _, ref = start(stage, provider)
    await stage.settle()
    ref.shut_down(0.0)
    await stage.settle()
    assert provider.streams[0].aborted == 1


@on_stage
async def test_credit_that_arrives_after_the_end_opens_nothing(stage: Stage) -> None:
    provider = ScriptedProvider([Read((EventSkipped(count=1),)), Read((text("x"), COMPLETED))])
    _, ref = start(stage, provider)
    await stage.settle()
    ref.tell(GrantCredit(attempt=1, reads=5))
    await stage.settle()
    assert provider.opened == 1


@on_stage
async def test_a_refusal_that_is_final_ends_the_attempt_with_its_error(stage: Stage) -> None:
    for error in (AuthRejected(), ProviderUnavailable()):
        provider = ScriptedProvider(error, [Read((COMPLETED,))])
        start(stage, provider)
        await stage.settle()
        # Which errors are worth another attempt is for the supervisor's policy to say.
        assert provider.opened == 2
