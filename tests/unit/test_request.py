"""One chat: shows what comes, pays credit back, ends exactly once and says how."""

from __future__ import annotations

from functools import partial

from actors.chat_setup import ChatSetup
from actors.kernel.child_spec import Backoff, ChildSpec, Intensity, Restart, RestartPolicy, Then
from actors.kernel.ref import ActorRef
from actors.kernel.signals import Crashed, Normal, Stopped, Terminated
from actors.ports import (
    Cancelled,
    Completed,
    ConnectionFailed,
    Failed,
    ProviderUnavailable,
    RateLimited,
    StreamBroken,
)
from actors.request import RequestActor
from actors.sse import SseActor
from actors.testing.probe import Probe
from actors.values import (
    EndStatus,
    ReasoningAdvanced,
    ReasoningKind,
    StreamEnded,
    TextStated,
    WireFormat,
)
from supervisor.static import Supervisor
from supervisor.strategy import AutoShutdown
from tests.unit.chat_stage import (
    ASKED,
    COMPLETED,
    ENDPOINT,
    Eof,
    ListSink,
    Read,
    ScriptedProvider,
    Silence,
    failed,
    text,
)
from tests.unit.kernel_stage import Stage, on_stage

THREE_TRIES = RestartPolicy(
    counts=(ConnectionFailed, ProviderUnavailable, RateLimited, StreamBroken),
    intensity=Intensity(restarts_max=2, window_s=60.0),
    backoff=Backoff(min_s=1.0, max_s=4.0, floor_max_s=60.0),
    then=Then.STOP,
)


def start(
    stage: Stage, provider: ScriptedProvider, sink: ListSink, reads_max: int = 8
) -> tuple[Probe, ActorRef]:
    """Start a chat the way the app does: a supervisor that ends with its request."""
    setup = ChatSetup(
        provider=provider,
        codecs={WireFormat.RESPONSES: provider.codec},
        reads_max=reads_max,
        mailbox_max=100,
        attempt_policy=THREE_TRIES,
    )
    lead = ChildSpec(
        start=partial(RequestActor, ASKED, ENDPOINT, setup, sink),
        restart=Restart.TEMPORARY,
        is_significant=True,
    )
    chat = stage.system.spawn(
        ChildSpec(
            start=partial(Supervisor, (lead,), auto_shutdown=AutoShutdown.ANY_SIGNIFICANT),
            restart=Restart.TEMPORARY,
        )
    )
    return Probe(stage.system, watch=(chat,)), chat


@on_stage
async def test_an_answer_is_shown_and_ends_once_with_its_usage(stage: Stage) -> None:
    sink = ListSink()
    provider = ScriptedProvider([Read((text("Hel"),)), Read((text("lo"), COMPLETED))])
    probe, _ = start(stage, provider, sink)
    await stage.settle()
    assert sink.text == "Hello"
    assert sink.endings == [Completed(usage=COMPLETED.usage)]
    assert isinstance(probe.only(Terminated).reason, Normal)


@on_stage
async def test_an_answer_cut_by_its_length_says_why(stage: Stage) -> None:
    sink = ListSink()
    ended = StreamEnded(status=EndStatus.INCOMPLETE, incomplete_reason="max_output_tokens")
    start(stage, ScriptedProvider([Read((text("Half"), ended))]), sink)
    await stage.settle()
    assert sink.endings == [Completed(incomplete_reason="max_output_tokens")]


@on_stage
async def test_a_statement_fills_what_no_delta_told(stage: Stage) -> None:
    sink = ListSink()
    stated = TextStated(output_index=1, content_index=0, text=" world")
    start(stage, ScriptedProvider([Read((text("Hello"), stated, COMPLETED))]), sink)
    await stage.settle()
    assert sink.text == "Hello world"


@on_stage
async def test_three_attempts_with_growing_waits_and_then_the_error(stage: Stage) -> None:
    sink = ListSink()
    provider = ScriptedProvider(ProviderUnavailable())
    probe, _ = start(stage, provider, sink)
    await stage.settle()
    assert provider.opened == 1
    await stage.advance(1.0)
    assert provider.opened == 2
    await stage.advance(1.9)
    assert provider.opened == 2
    await stage.advance(0.1)
    assert provider.opened == 3
    (ending,) = sink.endings
    assert isinstance(ending, Failed)
    assert isinstance(ending.error, ProviderUnavailable)
    assert not ending.shown
    reason = probe.only(Terminated).reason
    assert isinstance(reason, Crashed)
    assert reason.error is ending.error


@on_stage
async def test_what_a_failed_attempt_said_without_output_is_forgotten(stage: Stage) -> None:
    sink = ListSink()
    provider = ScriptedProvider([Read(()), Eof()], [Read((text("ok"), COMPLETED))])
    start(stage, provider, sink)
    await stage.settle()
    await stage.advance(1.0)
    assert sink.text == "ok"
    assert len(sink.endings) == 1


@on_stage
async def test_a_broken_stream_keeps_its_text_and_is_never_sent_again(stage: Stage) -> None:
    sink = ListSink()
    provider = ScriptedProvider([Read((text("Hel"),)), StreamBroken()], [Read((COMPLETED,))])
    probe, _ = start(stage, provider, sink)
    await stage.advance(100.0)
    (ending,) = sink.endings
    assert isinstance(ending, Failed)
    assert ending.shown
    assert (sink.text, provider.opened) == ("Hel", 1)
    assert isinstance(probe.only(Terminated).reason, Crashed)


@on_stage
async def test_an_error_in_the_stream_after_output_ends_the_answer_with_it(stage: Stage) -> None:
    sink = ListSink()
    provider = ScriptedProvider([Read((text("Hel"), failed("server_error")))])
    start(stage, provider, sink)
    await stage.advance(100.0)
    (ending,) = sink.endings
    assert isinstance(ending, Failed)
    assert isinstance(ending.error, ProviderUnavailable)
    assert provider.opened == 1


@on_stage
async def test_a_bug_in_an_attempt_is_told_after_all_that_was_sent(stage: Stage) -> None:
    def bug() -> None:
        raise ZeroDivisionError

    sink = ListSink()
    start(stage, ScriptedProvider([Read((text("a"),)), Read((text("b"),)), bug, Eof()]), sink)
    await stage.settle()
    (ending,) = sink.endings
    assert isinstance(ending, Failed)
    assert isinstance(ending.error, ZeroDivisionError)
    assert sink.text == "ab"


@on_stage
async def test_a_full_sink_stops_the_socket_until_it_has_room(stage: Stage) -> None:
    sink = ListSink(room=2)
    reads = [Read((text(str(n)),)) for n in range(20)]
    provider = ScriptedProvider([*reads, Read((COMPLETED,))])
    start(stage, provider, sink, reads_max=4)
    await stage.settle()
    held_at = provider.streams[0].reads
    assert held_at <= 2 + 2 * 4
    assert not sink.endings
    sink.make_room()
    await stage.settle()
    assert sink.text == "".join(str(n) for n in range(20))
    assert len(sink.endings) == 1


@on_stage
async def test_a_window_of_one_read_is_enough(stage: Stage) -> None:
    sink = ListSink()
    reads = [Read((text("x"),)) for _ in range(10)]
    start(stage, ScriptedProvider([*reads, Read((COMPLETED,))]), sink, reads_max=1)
    await stage.settle()
    assert sink.text == "x" * 10
    assert len(sink.endings) == 1


@on_stage
async def test_a_stop_closes_the_connection_and_keeps_the_text(stage: Stage) -> None:
    sink = ListSink()
    provider = ScriptedProvider([Read((text("Hel"),)), Silence()])
    probe, chat = start(stage, provider, sink)
    await stage.settle()
    chat.shut_down(1.0)
    await stage.settle()
    assert provider.streams[0].aborted == 1
    assert sink.endings == [Cancelled()]
    assert isinstance(probe.only(Terminated).reason, Stopped)


@on_stage
async def test_a_stop_during_the_wait_for_a_retry_ends_it(stage: Stage) -> None:
    sink = ListSink()
    provider = ScriptedProvider(ConnectionFailed())
    _, chat = start(stage, provider, sink)
    await stage.settle()
    chat.shut_down(1.0)
    await stage.settle()
    await stage.advance(100.0)
    assert provider.opened == 1
    assert sink.endings == [Cancelled()]


@on_stage
async def test_thinking_counts_as_output(stage: Stage) -> None:
    thought = ReasoningAdvanced(output_index=0, part_index=0, kind=ReasoningKind.RAW, text="hm")
    sink = ListSink()
    provider = ScriptedProvider([Read((thought,)), StreamBroken()])
    start(stage, provider, sink)
    await stage.advance(100.0)
    (ending,) = sink.endings
    assert isinstance(ending, Failed)
    assert ending.shown
    assert provider.opened == 1


@on_stage
async def test_nothing_is_left_of_a_chat_that_has_ended(stage: Stage) -> None:
    start(stage, ScriptedProvider([Read((text("a"), COMPLETED))]), ListSink())
    await stage.settle()
    assert [cell.actor_class.__name__ for cell in stage.system.cells()] == ["_ProbeActor"]
    assert not stage.system.dead_letters.by_reason


@on_stage
async def test_an_attempt_that_somebody_killed_does_not_leave_the_chat_waiting(
    stage: Stage,
) -> None:
    sink = ListSink()
    start(stage, ScriptedProvider([Read((text("Hel"),)), Silence()]), sink)
    await stage.settle()
    (attempt,) = [c for c in stage.system.cells() if c.actor_class is SseActor]
    attempt.kill()
    await stage.settle()
    assert not sink.endings
    await stage.advance(1.0)
    (ending,) = sink.endings
    assert isinstance(ending, Failed)
    assert ending.shown
