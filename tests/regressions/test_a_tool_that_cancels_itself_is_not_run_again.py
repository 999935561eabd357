"""A cancellation from inside a tool ended its actor as a kill, after which it was started again."""

from __future__ import annotations

from tests.regressions.workbench import CancelledInside, Workbench, output_of
from tests.unit.kernel_stage import Stage, on_stage


@on_stage
async def test_a_tool_that_cancels_itself_is_not_run_again(stage: Stage) -> None:
    box = CancelledInside({})
    bench = Workbench(stage)
    provider = bench.start(box)
    await stage.settle()
    assert len(box.invoked) == 1
    assert output_of(provider) == "The tool ended without a result."
    assert bench.sink.text == "done"
