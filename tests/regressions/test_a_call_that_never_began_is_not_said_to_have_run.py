"""A call that waited for its turn was told to the model as one that may have had an effect."""

from __future__ import annotations

from actors.values import ToolEnded, ToolOutput, ToolStarted
from tests.unit.chat_stage import ListSink, ScriptedProvider
from tests.unit.kernel_stage import Stage, on_stage
from tests.unit.tool_stage import ScriptedBox, Takes, answer, call, calls, start_chat


@on_stage
async def test_a_call_that_never_began_is_not_said_to_have_run(stage: Stage) -> None:
    sink, box = ListSink(), ScriptedBox({"look": [Takes(60.0)]})
    provider = ScriptedProvider([calls(call("c1"), call("c2"))], answer())
    start_chat(stage, provider, sink, box, parallel_max=1, idle_timeout_s=5.0)
    await stage.settle()
    await stage.advance(5.0)
    outputs = [item for item in provider.codec.requests[1].items if isinstance(item, ToolOutput)]
    assert [len(box.invoked), *(output.call_id for output in outputs)] == [1, "c1", "c2"]
    assert outputs[0].output.endswith("It is not known whether it had an effect.")
    assert outputs[1].output == "The tool was not run: the calls before it took too long."
    told = [event for event in sink.shown if isinstance(event, ToolStarted | ToolEnded)]
    assert [(type(event), event.call.call_id) for event in told] == [
        (ToolStarted, "c1"),
        (ToolEnded, "c1"),
        (ToolStarted, "c2"),
        (ToolEnded, "c2"),
    ]
