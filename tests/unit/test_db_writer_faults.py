"""The store fails at its first call, its second, and so on: the writer's law holds throughout."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from actors.db_commit import DbCommitActor
from actors.db_line import Line
from actors.db_writer import DbWriterActor, NotSaved, SaveArtifacts
from actors.kernel.child_spec import ChildSpec
from actors.ports import StoreBusy, StoreMisfit, StoreUnavailable
from actors.testing.probe import Probe
from supervisor.static import Supervisor
from tests.unit.kernel_stage import Stage as RealStage
from tests.unit.kernel_stage import on_stage, until
from tests.unit.storage_stage import (
    HOLD_S,
    PLUMBING,
    STORE_POLICY,
    FakeStore,
    LostWord,
    Room,
    artifact,
    furnished,
)
from tests.unit.supervision_stage import Stage, simulated

CALLS = 12
TRANSIENT = (StoreBusy, StoreUnavailable, LostWord)
ALL = (*TRANSIENT, StoreMisfit, RuntimeError)


async def three_waves(stage: Stage, room: Room) -> None:
    """Two bursts and a straggler, and then time for everything that follows."""
    for number in range(4):
        room.save(f"a{number}", f"x{number}")
    await stage.wait(0.02)
    for number in range(4):
        room.save(f"b{number}")
    await stage.wait(6.0)
    room.save("c")
    await stage.wait(6.0)


@pytest.mark.parametrize("error", ALL)
@pytest.mark.parametrize("call", range(1, CALLS + 1))
@simulated(seeds=3)
async def test_one_failure_of_the_store_loses_no_acknowledged_row(
    stage: Stage, call: int, error: type[Exception]
) -> None:
    room = await furnished(stage, FakeStore(faults={call: error()}))
    await three_waves(stage, room)
    room.check_law()
    if error in TRANSIENT:
        assert len(room.saved) == len(room.sent)


@pytest.mark.parametrize("error", [StoreBusy, StoreUnavailable, StoreMisfit, RuntimeError])
@pytest.mark.parametrize("call", range(1, CALLS + 1))
@simulated(seeds=3)
async def test_a_store_that_fails_from_some_call_on_is_held_and_comes_back(
    stage: Stage, call: int, error: type[Exception]
) -> None:
    room = await furnished(stage, FakeStore(fails_from=call, failure=error()))
    await three_waves(stage, room)
    room.check_law()
    room.store.fails_from = None
    await stage.wait(HOLD_S + 5.0)
    after = room.save("after")
    await stage.wait(6.0)
    assert after in room.saved
    room.check_law()


@pytest.mark.parametrize("moment_s", [0.0, 0.003, 0.012, 0.03, 0.6])
@simulated(seeds=10)
async def test_a_kill_of_the_committer_at_any_moment_costs_nobody_an_answer(
    stage: Stage, moment_s: float
) -> None:
    room = await furnished(stage, FakeStore(faults={3: StoreBusy()}))
    for number in range(5):
        room.save(f"a{number}")
    await stage.wait(moment_s)
    room.committer.kill()
    room.save("b")
    await stage.wait(10.0)
    room.check_law()
    assert len(room.saved) == 6


@pytest.mark.parametrize("moment_s", [0.0, 0.003, 0.012, 0.03, 0.6])
@pytest.mark.parametrize("end", ["crash", "kill"])
@simulated(seeds=10)
async def test_an_end_of_the_writer_at_any_moment_leaves_each_save_with_one_true_answer(
    stage: Stage, moment_s: float, end: str
) -> None:
    room = await furnished(stage, FakeStore(faults={3: LostWord()}))
    for number in range(5):
        room.save(f"a{number}")
    await stage.wait(moment_s)
    if end == "crash":
        room.writer.tell("no message of the writer")
    else:
        room.writer.kill()
    room.save("b")
    await stage.wait(10.0)
    room.check_law()
    again = room.save("c")
    await stage.wait(6.0)
    assert again in room.saved


@simulated(seeds=5)
async def test_a_committer_that_has_ended_for_good_refuses_everybody(stage: Stage) -> None:
    room = await furnished(stage)
    room.committer.cell.behaviour.refuse_restarts()  # type: ignore[union-attr]
    room.committer.kill()
    await stage.wait()
    room.save("a")
    room.save_unasked("b")
    await stage.wait(0.01)
    assert room.reasons() == {NotSaved.FAILED}
    room.check_law()


class HangingStore(FakeStore):
    """The first save hangs until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.began = threading.Event()
        self.go_on = threading.Event()

    def save(self, artifacts: Any) -> None:
        if not self.began.is_set():
            self.began.set()
            self.go_on.wait(5.0)
        super().save(artifacts)


async def let_pass(stage: RealStage, seconds: float, is_so: Callable[[], object]) -> None:
    """Let the manual clock run beside real threads until something is so."""
    while not is_so():
        await stage.advance(seconds)
        await asyncio.sleep(0)


@on_stage
async def test_a_commit_that_hangs_is_left_behind_and_done_again_by_another_thread(
    stage: RealStage,
) -> None:
    store = HangingStore()
    children: tuple[ChildSpec[Any], ...] = (
        ChildSpec(name="c", start=partial(DbCommitActor, store), policy=STORE_POLICY),
        ChildSpec(name="w", start=partial(DbWriterActor, "s/c", Line()), policy=PLUMBING),
    )
    stage.system.spawn(ChildSpec(name="s", start=partial(Supervisor, children)))
    await until(lambda: stage.system.find("s/w"))
    writer = stage.system.find("s/w")
    assert writer is not None
    asker = Probe(stage.system)
    writer.tell(SaveArtifacts(artifacts=(artifact("a"),), reply_to=asker.ref))
    await let_pass(stage, 0.001, store.began.is_set)
    await stage.advance(30.0)
    assert stage.system.zombies == 1
    await let_pass(stage, 0.1, lambda: asker.seen)
    assert len(asker.seen) == 1
    assert store.saves == [1]
    store.go_on.set()
    await until(lambda: not stage.system.zombies)
    assert store.rows.keys() == {"a"}
