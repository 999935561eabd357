"""What a report tells of a gate: numbers, and nobody's name."""

from __future__ import annotations

from supervisor import Branch, GateFigures, KeyCounts, report
from tests.unit.gate_hall import HOLD_S, Hall
from tests.unit.supervision_stage import Stage, simulated

SECRET = "user:ann@example.invalid"


def gate_of(stage: Stage) -> Branch:
    [found] = [each for each in report(stage.system).roots[0].walk() if each.name == "sup/gate"]
    return found


@simulated()
async def test_it_counts_who_runs_who_waits_and_the_states_of_keys(stage: Stage) -> None:
    hall = Hall(stage, running_max=9)
    await hall.fail("probing")
    await stage.wait(HOLD_S)
    await hall.fail(SECRET)
    await hall.fail("failing", 2)
    await hall.answer("a", "probing")
    await hall.answer("b")
    hall.running_max = 2
    await hall.answer("c")
    branch = gate_of(stage)
    assert branch.gate == GateFigures(
        running=2, running_max=2, waiting=1, keys=KeyCounts(failing=1, held=1, probing=1)
    )
    assert SECRET not in repr(report(stage.system))


@simulated()
async def test_only_a_gate_that_runs_has_figures(stage: Stage) -> None:
    hall = Hall(stage)
    assert [each.name for each in report(stage.system).roots[0].walk() if each.gate] == ["sup/gate"]
    hall.gate.kill()
    assert gate_of(stage).gate is None, "between two lives there is nobody to count"
