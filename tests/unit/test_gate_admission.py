"""Who comes in, in which order, and who is turned away at once."""

from __future__ import annotations

import pytest

from actors import AskTimedOut, Loss
from supervisor import Admit, Admitted, Refusal, Refused
from tests.unit.gate_hall import Hall
from tests.unit.supervision_stage import AsyncChild, Stage, simulated


@simulated(seeds=3)
async def test_waiters_come_in_one_by_one_in_the_order_they_asked(stage: Stage) -> None:
    hall = Hall(stage, running_max=1)
    names = ["a", "b", "c"]
    asked = {name: hall.admit(name) for name in names}
    for index, name in enumerate(names):
        assert isinstance(await hall.soon(asked[name]), Admitted)
        assert [each.is_done for each in asked.values()].count(True) == index + 1
        await hall.end(name)


@simulated(seeds=3)
async def test_a_raised_limit_lets_waiters_in_with_the_next_request(stage: Stage) -> None:
    hall = Hall(stage, running_max=1)
    asked = [hall.admit(name) for name in "abcd"]
    await stage.wait()
    assert [each.is_done for each in asked] == [True, False, False, False]
    hall.running_max = 3
    assert await hall.answer("e") is None
    assert [each.is_done for each in asked] == [True, True, True, False]


@simulated(seeds=3)
async def test_a_lowered_limit_lets_what_runs_finish(stage: Stage) -> None:
    hall = Hall(stage, running_max=3)
    for name in "abc":
        await hall.answer(name)
    hall.running_max = 1
    waiting = hall.admit("d")
    for name in "ab":
        await hall.end(name)
        assert await hall.soon(waiting) is None
    assert hall.running() == 1
    await hall.end("c")
    assert isinstance(await hall.soon(waiting), Admitted)


@pytest.mark.parametrize("waiting_max", [0, 1, 5])
@simulated(seeds=3)
async def test_a_full_waiting_room_refuses_at_once(stage: Stage, waiting_max: int) -> None:
    hall = Hall(stage, running_max=1, waiting_max=waiting_max)
    await hall.answer("running")
    waiting = [hall.admit(f"w{number}") for number in range(waiting_max)]
    assert await hall.answer("late") == Refused(why=Refusal.FULL)
    assert not any(each.is_done for each in waiting)


@simulated(seeds=3)
async def test_with_room_to_run_nobody_needs_a_place_to_wait(stage: Stage) -> None:
    hall = Hall(stage, running_max=2, waiting_max=0)
    assert isinstance(await hall.answer("a"), Admitted)
    assert isinstance(await hall.answer("b"), Admitted)


@simulated(seeds=3)
async def test_who_gave_up_is_passed_over_and_takes_no_permit(stage: Stage) -> None:
    hall = Hall(stage, running_max=1)
    await hall.answer("a")
    expires, cancelled = hall.admit("b", timeout_s=1.0), hall.admit("c")
    patient = hall.admit("d")
    cancelled.cancel()
    await stage.wait(2.0)
    assert isinstance(expires.error, AskTimedOut)
    await hall.end("a")
    assert isinstance(await hall.soon(patient), Admitted)
    assert stage.of("b") == stage.of("c") == []
    assert hall.running() == 1


@simulated(seeds=3)
async def test_who_gave_up_leaves_a_place_in_the_waiting_room(stage: Stage) -> None:
    hall = Hall(stage, running_max=1, waiting_max=1)
    await hall.answer("a")
    hall.admit("b").cancel()
    hall.admit("c", timeout_s=1.0)
    await stage.wait(2.0)
    waiting = hall.admit("d")
    assert await hall.soon(waiting) is None
    await hall.end("a")
    assert isinstance(await hall.soon(waiting), Admitted)


@simulated(seeds=20)
async def test_work_whose_asker_leaves_while_it_starts_is_stopped(stage: Stage) -> None:
    hall = Hall(stage, running_max=1)
    asked = hall.admit("a", kind=AsyncChild)
    for _ in range(stage.loop.choose(6, "turns")):
        await stage.wait(0.0)
    asked.cancel()
    await stage.wait()
    if "start a" in stage.log and hall.running():
        # It had its answer before it left, so what runs is its own business.
        assert stage.system.dead_letters.by_reason[Loss.LATE_REPLY] == 0
        await hall.end("a")
    assert isinstance(await hall.answer("b"), Admitted)


@simulated()
async def test_a_request_that_nobody_waits_for_starts_nothing(stage: Stage) -> None:
    hall = Hall(stage)
    hall.gate.tell(Admit(spec=stage.child("a"), keys=(), running_max=1))
    await stage.wait()
    assert stage.of("a") == []
    assert isinstance(await hall.answer("b"), Admitted)


@simulated()
async def test_a_gate_that_stops_refuses_those_who_wait(stage: Stage) -> None:
    hall = Hall(stage, running_max=1)
    await hall.answer("a")
    waiting = hall.admit("b")
    await stage.wait()
    hall.gate.shut_down(1.0)
    assert await hall.soon(waiting) == Refused(why=Refusal.NOT_STARTED)
