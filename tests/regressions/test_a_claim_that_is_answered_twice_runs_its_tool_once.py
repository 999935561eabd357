"""Each permit that a tool was told of began the call anew, beside the one that ran."""

from __future__ import annotations

from tests.regressions.workbench import Answering, Workbench, output_of
from tests.unit.kernel_stage import Stage, on_stage
from tests.unit.tool_stage import ScriptedBox, Takes


@on_stage
async def test_a_claim_that_is_answered_twice_runs_its_tool_once(stage: Stage) -> None:
    box = ScriptedBox({"look": [Takes(1.0, "42")]})
    provider = Workbench(stage, Answering).start(box)
    await stage.settle()
    await stage.advance(1.0)
    assert len(box.invoked) == 1
    assert output_of(provider) == "42"
