"""A gate that crashed on a claim knew nothing of it afterwards, and the tool waited for ever."""

from __future__ import annotations

from tests.regressions.workbench import Crashing, Workbench, output_of
from tests.unit.kernel_stage import Stage, on_stage
from tests.unit.tool_stage import ScriptedBox


@on_stage
async def test_a_claim_that_crashed_its_gate_is_made_again(stage: Stage) -> None:
    box = ScriptedBox({"look": ["42"]})
    provider = Workbench(stage, Crashing).start(box)
    await stage.settle()
    assert len(box.invoked) == 1
    assert output_of(provider) == "42"
