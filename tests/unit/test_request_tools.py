"""A chat with tools: rounds, their outputs, their limits, and what is never run."""

from __future__ import annotations

from collections.abc import Collection

import pytest
from msgspec.structs import replace

from actors.kernel.signals import Crashed, Terminated
from actors.ports import (
    Cancelled,
    Completed,
    ErrorFacts,
    Failed,
    ProviderError,
    ProviderTimedOut,
    ProviderUnavailable,
    Remedied,
    RequestRejected,
    StreamBroken,
    ToolBroke,
    ToolRefused,
    ToolUnreachable,
)
from actors.values import (
    ChatRequest,
    EndStatus,
    Notice,
    Noticed,
    Reasoning,
    ReasoningMade,
    Role,
    StreamEnded,
    TextPart,
    ToolCalled,
    ToolEnded,
    ToolOutput,
    ToolsHandedOver,
    ToolStarted,
    Turn,
    Usage,
    WireFormat,
)
from tests.unit.chat_stage import ASKED, COMPLETED, ListSink, Read, ScriptedProvider, text
from tests.unit.kernel_stage import Stage, on_stage
from tests.unit.tool_stage import Bug, ScriptedBox, Takes, answer, call, calls, start_chat


def outputs_of(provider: ScriptedProvider, request: int = 1) -> dict[str, str]:
    """What the model reads of its calls in the n-th request."""
    items = provider.codec.requests[request].items
    return {item.call_id: item.output for item in items if isinstance(item, ToolOutput)}


def ended(sink: ListSink) -> list[ToolEnded]:
    return [event for event in sink.shown if isinstance(event, ToolEnded)]


def notices(sink: ListSink) -> list[Notice]:
    return [event.notice for event in sink.shown if isinstance(event, Noticed)]


@on_stage
async def test_a_call_is_run_and_the_model_goes_on_from_its_output(stage: Stage) -> None:
    sink, box = ListSink(), ScriptedBox({"look": ["42"]})
    wanted = call("c1", arguments='{"at": 1}')
    provider = ScriptedProvider([Read((text("Let me see."),)), calls(wanted)], answer("It is 42."))
    start_chat(stage, provider, sink, box)
    await stage.settle()
    assert box.invoked == [wanted]
    assert sink.text == "Let me see.It is 42."
    said = Turn(role=Role.ASSISTANT, parts=(TextPart(text="Let me see."),))
    followed = (said, wanted, ToolOutput(call_id="c1", output="42"))
    assert provider.codec.requests[1].items == (*ASKED.items, *followed)
    usage = Usage(input_tokens=2, output_tokens=4, total_tokens=6)
    assert sink.endings == [Completed(usage=usage, rounds=2, tool_calls=1)]


@on_stage
async def test_a_call_is_shown_when_it_starts_and_when_it_is_over(stage: Stage) -> None:
    sink, box = ListSink(), ScriptedBox({"look": [Takes(2.0, "42")]})
    start_chat(stage, ScriptedProvider([calls(call("c1"))], answer()), sink, box)
    await stage.settle()
    assert ToolStarted(call=call("c1")) in sink.shown
    assert ended(sink) == []
    await stage.advance(2.0)
    (shown,) = ended(sink)
    assert (shown.result.output, shown.is_failed, shown.elapsed_s) == ("42", False, 2.0)


@on_stage
async def test_thinking_goes_back_unchanged_before_the_call_it_led_to(stage: Stage) -> None:
    sink, box = ListSink(), ScriptedBox({"look": ["42"]})
    thought = Reasoning(wire=WireFormat.RESPONSES, json='{"type":"reasoning","id":"rs_1"}')
    made = ReasoningMade(output_index=0, reasoning=thought)
    wanted = ToolCalled(output_index=1, call=call("c1"))
    provider = ScriptedProvider([Read((wanted, made, COMPLETED))], answer())
    start_chat(stage, provider, sink, box)
    await stage.settle()
    assert provider.codec.requests[1].items[1:3] == (thought, call("c1"))


@on_stage
async def test_calls_run_at_once_and_their_outputs_keep_the_models_order(stage: Stage) -> None:
    sink, box = ListSink(), ScriptedBox({"slow": [Takes(5.0, "s")], "quick": [Takes(1.0, "q")]})
    provider = ScriptedProvider([calls(call("a", "slow"), call("b", "quick"))], answer())
    start_chat(stage, provider, sink, box)
    await stage.settle()
    assert len(box.invoked) == 2
    await stage.advance(1.0)
    await stage.advance(4.0)
    assert list(outputs_of(provider).items()) == [("a", "s"), ("b", "q")]


@on_stage
async def test_no_more_calls_run_at_once_than_one_request_may(stage: Stage) -> None:
    sink, box = ListSink(), ScriptedBox({"look": [Takes(1.0)]})
    provider = ScriptedProvider([calls(*(call(f"c{n}") for n in range(5)))], answer())
    start_chat(stage, provider, sink, box, parallel_max=2)
    await stage.settle()
    running = [len(box.invoked)]
    for _ in range(2):
        await stage.advance(1.0)
        running.append(len(box.invoked))
    assert running == [2, 4, 5]


@on_stage
async def test_a_call_whose_arguments_are_no_json_is_not_run_and_the_model_told(
    stage: Stage,
) -> None:
    sink, box = ListSink(), ScriptedBox({"look": ["42"]})
    provider = ScriptedProvider(
        [calls(call("bad", arguments='{"a": "half'), call("good", arguments=""))], answer()
    )
    start_chat(stage, provider, sink, box)
    await stage.settle()
    assert [each.call_id for each in box.invoked] == ["good"]
    assert "not a JSON object" in outputs_of(provider)["bad"]
    assert {each.call.call_id: each.is_failed for each in ended(sink)} == {
        "bad": True,
        "good": False,
    }


@on_stage
async def test_a_call_in_an_answer_that_was_cut_off_is_never_run(stage: Stage) -> None:
    sink, box = ListSink(), ScriptedBox({"look": ["42"]})
    cut = StreamEnded(status=EndStatus.INCOMPLETE, incomplete_reason="max_output_tokens")
    half = ToolCalled(output_index=0, call=call("c1", arguments='{"a'))
    start_chat(stage, ScriptedProvider([Read((half, cut))]), sink, box)
    await stage.settle()
    assert box.invoked == []
    assert notices(sink) == [Notice.CALL_CUT_OFF]
    assert sink.endings == [Completed(incomplete_reason="max_output_tokens")]


@on_stage
async def test_a_model_that_never_stops_calling_is_stopped_at_the_limit(stage: Stage) -> None:
    sink, box = ListSink(), ScriptedBox({"look": ["42"]})
    provider = ScriptedProvider(*([calls(call("c1"))] for _ in range(5)))
    start_chat(stage, provider, sink, box, rounds_max=3)
    await stage.settle()
    assert provider.opened == 4
    assert len(box.invoked) == 3, "what nobody will read is not run"
    assert notices(sink) == [Notice.TOOL_ROUNDS_SPENT]
    (ending,) = sink.endings
    assert isinstance(ending, Completed)
    assert ending.rounds == 4


@on_stage
async def test_without_a_box_whole_calls_are_handed_over_and_half_ones_are_not(
    stage: Stage,
) -> None:
    sink = ListSink()
    provider = ScriptedProvider([calls(call("a"), call("b", arguments='{"x'))])
    start_chat(stage, provider, sink, None)
    await stage.settle()
    assert ToolsHandedOver(calls=(call("a"),)) in sink.shown
    assert notices(sink) == [Notice.CALL_CUT_OFF]
    assert sink.endings == [Completed(usage=COMPLETED.usage, has_calls=True)]


# --- tools that misbehave ----------------------------------------------------------------------


@on_stage
async def test_a_hanging_call_is_stopped_and_what_did_finish_keeps_its_output(
    stage: Stage,
) -> None:
    sink, box = ListSink(), ScriptedBox({"hang": [Takes(1e6)], "quick": ["q"]})
    provider = ScriptedProvider([calls(call("a", "hang"), call("b", "quick"))], answer())
    start_chat(stage, provider, sink, box, call_timeout_s=60.0)
    await stage.settle()
    await stage.advance(60.0)
    assert outputs_of(provider)["b"] == "q"
    assert "within 60 seconds" in outputs_of(provider)["a"]
    assert box.cancelled == ["a"]
    assert sink.text == "done"


@on_stage
async def test_a_batch_has_a_time_of_its_own_and_a_late_tool_its_grace(stage: Stage) -> None:
    sink, box = ListSink(), ScriptedBox({"slow": [Takes(50.0)], "other": ["o"]})
    provider = ScriptedProvider(
        [calls(*(call(f"s{n}", "slow") for n in range(4)), call("o", "other"))], answer()
    )
    limits = {"parallel_max": 2, "call_timeout_s": 60.0, "batch_timeout_s": 70.0, "drain_s": 5.0}
    start_chat(stage, provider, sink, box, **limits)
    await stage.settle()
    await stage.advance(50.0)
    await stage.advance(20.0)
    outputs = outputs_of(provider)
    assert (outputs["s0"], outputs["s1"], outputs["o"]) == ("late", "late", "o")
    assert "within 70 seconds" in outputs["s2"]
    assert box.cancelled == [], "a tool that nobody waits for may still finish"
    await stage.advance(5.0)
    assert sorted(box.cancelled) == ["s2", "s3"]


@on_stage
async def test_when_nothing_comes_of_any_call_for_long_enough_they_are_given_up(
    stage: Stage,
) -> None:
    sink, box = ListSink(), ScriptedBox({"a": [Takes(4.0, "a")], "b": [Takes(100.0)]})
    provider = ScriptedProvider([calls(call("1", "a"), call("2", "b"))], answer())
    start_chat(stage, provider, sink, box, idle_timeout_s=5.0)
    await stage.settle()
    await stage.advance(4.0)
    await stage.advance(4.9)
    assert provider.opened == 1
    await stage.advance(0.2)
    assert outputs_of(provider)["1"] == "a"
    assert "within 5 seconds" in outputs_of(provider)["2"]


@on_stage
async def test_a_tool_that_cannot_have_run_is_tried_once_more(stage: Stage) -> None:
    sink, box = ListSink(), ScriptedBox({"look": [ToolUnreachable(), "42"]})
    provider = ScriptedProvider([calls(call("c1"))], answer())
    start_chat(stage, provider, sink, box)
    await stage.settle()
    assert len(box.invoked) == 2
    assert outputs_of(provider) == {"c1": "42"}
    assert [each.is_failed for each in ended(sink)] == [False]


@pytest.mark.parametrize(
    ("error", "times"), [(ToolUnreachable, 2), (ToolBroke, 1), (ToolRefused, 1)]
)
def test_what_may_have_run_is_never_run_again(error: type[ToolBroke], times: int) -> None:
    @on_stage
    async def scene(stage: Stage) -> None:
        sink = ListSink()
        box = ScriptedBox({"look": [error(ErrorFacts(detail="no luck"))]})
        provider = ScriptedProvider([calls(call("c1"))], answer())
        start_chat(stage, provider, sink, box)
        await stage.settle()
        assert len(box.invoked) == times
        assert outputs_of(provider) == {"c1": "no luck"}
        assert sink.text == "done"

    scene()


@on_stage
async def test_a_crashed_tool_is_reported_to_the_model(stage: Stage) -> None:
    sink, box = ListSink(), ScriptedBox({"look": [Bug()]})
    provider = ScriptedProvider([calls(call("c1"))], answer())
    start_chat(stage, provider, sink, box)
    await stage.settle()
    assert outputs_of(provider) == {"c1": "The tool failed and gave no reason."}
    assert len(box.invoked) == 1
    assert sink.text == "done"


# --- stop, failure, deadline -------------------------------------------------------------------


@on_stage
async def test_a_stop_ends_the_tools_with_the_chat(stage: Stage) -> None:
    sink, box = ListSink(), ScriptedBox({"look": [Takes(1e6)]})
    _, chat = start_chat(stage, ScriptedProvider([calls(call("c1"))], answer()), sink, box)
    await stage.settle()
    chat.shut_down(0.1)
    await stage.settle()
    assert box.cancelled == ["c1"]
    assert sink.endings == [Cancelled()]
    assert not chat.is_alive()


@on_stage
async def test_a_later_round_is_tried_again_before_it_has_said_anything(stage: Stage) -> None:
    sink, box = ListSink(), ScriptedBox({"look": ["42"]})
    provider = ScriptedProvider([calls(call("c1"))], ProviderUnavailable(), answer())
    start_chat(stage, provider, sink, box)
    await stage.settle()
    await stage.advance(1.0)
    assert len(box.invoked) == 1, "the tool does not run again"
    assert sink.text == "done"


@on_stage
async def test_a_later_round_that_fails_for_good_keeps_what_was_shown(stage: Stage) -> None:
    sink, box = ListSink(), ScriptedBox({"look": ["42"]})
    provider = ScriptedProvider([calls(call("c1"))], RequestRejected())
    probe, _ = start_chat(stage, provider, sink, box)
    await stage.settle()
    (ending,) = sink.endings
    assert isinstance(ending, Failed)
    assert ending.shown
    assert isinstance(probe.only(Terminated).reason, Crashed)


@on_stage
async def test_a_broken_answer_with_calls_runs_none_of_them(stage: Stage) -> None:
    sink, box = ListSink(), ScriptedBox({"look": ["42"]})
    wanted = ToolCalled(output_index=1, call=call("c1"))
    provider = ScriptedProvider([Read((text("Hm"), wanted)), StreamBroken()])
    start_chat(stage, provider, sink, box)
    await stage.settle()
    assert box.invoked == []
    assert isinstance(sink.endings[0], Failed)


@on_stage
async def test_a_chat_has_a_deadline_and_its_tools_end_with_it(stage: Stage) -> None:
    sink, box = ListSink(), ScriptedBox({"look": [Takes(50.0)]})
    provider = ScriptedProvider([calls(call("c1"))], answer())
    start_chat(stage, provider, sink, box, deadline_s=30.0, drain_s=1.0)
    await stage.settle()
    await stage.advance(30.0)
    (ending,) = sink.endings
    assert isinstance(ending, Failed)
    assert isinstance(ending.error, ProviderTimedOut)
    await stage.advance(1.0)
    assert box.cancelled == ["c1"]


# --- remedies ----------------------------------------------------------------------------------


class Cures:
    """Changes the model to the next of a list; remembers what it was asked."""

    def __init__(self, *models: str, wire: WireFormat = WireFormat.RESPONSES) -> None:
        self._models = models
        self._wire = wire
        self.asked: list[tuple[str, ...]] = []

    def find(
        self, request: ChatRequest, error: ProviderError, used: Collection[str]
    ) -> Remedied | None:
        self.asked.append(tuple(used))
        if len(used) == len(self._models) or not isinstance(error, RequestRejected):
            return None
        model = self._models[len(used)]
        notice = Noticed(notice=Notice.EFFORT_CHANGED, about="low")
        changed = replace(request, model=model, wire=self._wire)
        return Remedied(name=model, request=changed, notice=notice)


@on_stage
async def test_a_refused_request_is_sent_once_more_as_its_remedy_says(stage: Stage) -> None:
    sink, cures = ListSink(), Cures("maker/other", "maker/third")
    provider = ScriptedProvider(RequestRejected(), RequestRejected(), answer())
    start_chat(stage, provider, sink, None, remedies=cures)
    await stage.settle()
    sent = [request.model for request in provider.codec.requests]
    assert sent == ["maker/model", "maker/other", "maker/third"]
    assert cures.asked == [(), ("maker/other",)]
    assert notices(sink) == [Notice.EFFORT_CHANGED] * 2
    assert sink.text == "done"
    assert len(sink.endings) == 1


@on_stage
async def test_without_a_further_remedy_the_error_stands(stage: Stage) -> None:
    sink = ListSink()
    provider = ScriptedProvider(RequestRejected())
    start_chat(stage, provider, sink, None, remedies=Cures("maker/other"))
    await stage.settle()
    assert provider.opened == 2
    (ending,) = sink.endings
    assert isinstance(ending, Failed)
    assert isinstance(ending.error, RequestRejected)


@on_stage
async def test_after_the_first_words_there_is_no_remedy(stage: Stage) -> None:
    sink, cures = ListSink(), Cures("maker/other")
    provider = ScriptedProvider([Read((text("Hm"),)), RequestRejected()], answer())
    start_chat(stage, provider, sink, None, remedies=cures)
    await stage.settle()
    assert provider.opened == 1
    assert cures.asked == []
    assert sink.text == "Hm"


@on_stage
async def test_a_chat_whose_tools_have_run_does_not_change_its_endpoint(stage: Stage) -> None:
    sink, box = ListSink(), ScriptedBox({"look": ["42"]})
    cures = Cures("maker/other", wire=WireFormat.CHAT)
    provider = ScriptedProvider([calls(call("c1"))], RequestRejected())
    start_chat(stage, provider, sink, box, remedies=cures)
    await stage.settle()
    assert provider.opened == 2
    assert isinstance(sink.endings[0], Failed)
