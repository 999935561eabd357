"""The cleaner sweeps in slices, at its interval, and only where it is its turn."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from actors.cleaner import (
    HOUR_S,
    JITTER_MAX_S,
    SLICE_PAUSE_S,
    SLICE_ROWS,
    CleanerActor,
    PlanSweeps,
    jitter_max_s,
)
from actors.kernel.child_spec import ChildSpec
from actors.kernel.ref import ActorRef
from actors.ports import StoreBusy
from tests.unit.storage_stage import PLUMBING, FakeStore
from tests.unit.supervision_stage import Stage, simulated

PLAN = PlanSweeps(interval_s=HOUR_S, keep_s=1000.0)


class OneLease:
    """Says what it is told to, and notes what it was asked."""

    def __init__(self, *, is_ours: bool) -> None:
        self.is_ours = is_ours
        self.asked: list[tuple[str, float]] = []

    def take(self, name: str, ttl_s: float) -> bool:
        self.asked.append((name, ttl_s))
        return self.is_ours


async def cleaner(stage: Stage, store: FakeStore, *args: Any) -> ActorRef[Any]:
    stage.supervise(
        ChildSpec(name="cleaner", start=partial(CleanerActor, store, *args), policy=PLUMBING)
    )
    await stage.wait(0.2)
    return stage.ref("cleaner")


@simulated(seeds=5)
async def test_the_first_sweep_is_at_the_start_and_the_next_an_interval_later(
    stage: Stage,
) -> None:
    store = FakeStore()
    await cleaner(stage, store, PLAN)
    assert store.sweeps == [(1000.0, SLICE_ROWS)]
    await stage.wait(HOUR_S - 1.0)
    assert len(store.sweeps) == 1
    await stage.wait(jitter_max_s(HOUR_S) + 1.0)
    assert len(store.sweeps) == 2


@simulated(seeds=3)
async def test_nothing_is_swept_before_there_is_a_plan(stage: Stage) -> None:
    store = FakeStore()
    ref = await cleaner(stage, store, lambda: None)
    await stage.wait(3 * HOUR_S)
    assert store.sweeps == []
    ref.tell(PLAN)
    await stage.wait(1.0)
    assert store.sweeps == [(1000.0, SLICE_ROWS)]
    ref.tell(PLAN)
    await stage.wait(HOUR_S - 2.0)
    assert len(store.sweeps) == 1


@simulated(seeds=3)
async def test_much_is_deleted_in_slices_with_a_pause_between(stage: Stage) -> None:
    store = FakeStore(expired=2 * SLICE_ROWS + 1)
    await cleaner(stage, store, PLAN)
    assert len(store.sweeps) == 1
    await stage.wait(SLICE_PAUSE_S)
    assert len(store.sweeps) == 2
    await stage.wait(10 * SLICE_PAUSE_S)
    assert len(store.sweeps) == 3
    assert store.expired == 0


@simulated(seeds=3)
async def test_a_sweep_that_failed_is_tried_at_the_next_interval_and_goes_on(
    stage: Stage,
) -> None:
    store = FakeStore(expired=SLICE_ROWS + 7, faults={3: StoreBusy()})
    ref = await cleaner(stage, store, PLAN)
    await stage.wait(HOUR_S - 1.0)
    assert store.expired == 7
    assert ref.cell.life == 1
    await stage.wait(jitter_max_s(HOUR_S) + 1.0)
    assert store.expired == 0


@simulated(seeds=3)
async def test_a_store_that_cannot_be_opened_is_tried_at_the_next_interval(stage: Stage) -> None:
    store = FakeStore(faults={1: StoreBusy()})
    ref = await cleaner(stage, store, PLAN)
    assert store.sweeps == []
    await stage.wait(HOUR_S + jitter_max_s(HOUR_S))
    assert len(store.sweeps) == 1
    assert ref.cell.life == 1


@simulated(seeds=3)
async def test_a_shorter_interval_counts_from_the_last_sweep(stage: Stage) -> None:
    store = FakeStore()
    ref = await cleaner(stage, store, PLAN)
    await stage.wait(600.0)
    ref.tell(PlanSweeps(interval_s=1800.0, keep_s=5.0))
    await stage.wait(1199.0)
    assert len(store.sweeps) == 1
    await stage.wait(jitter_max_s(1800.0) + 2.0)
    assert store.sweeps[1:] == [(5.0, SLICE_ROWS)]


@simulated(seeds=3)
async def test_an_interval_that_has_passed_already_means_now(stage: Stage) -> None:
    store = FakeStore()
    ref = await cleaner(stage, store, PLAN)
    await stage.wait(3000.0)
    ref.tell(PlanSweeps(interval_s=1800.0, keep_s=5.0))
    await stage.wait(0.2)
    assert len(store.sweeps) == 2


@simulated(seeds=3)
async def test_a_plan_that_is_told_again_delays_nothing(stage: Stage) -> None:
    store = FakeStore()
    ref = await cleaner(stage, store, PLAN)
    for _ in range(15):
        await stage.wait(300.0)
        ref.tell(PLAN)
    assert len(store.sweeps) == 2


@simulated(seeds=3)
async def test_a_plan_that_comes_in_the_middle_of_a_sweep_does_not_end_it(stage: Stage) -> None:
    store = FakeStore(expired=3 * SLICE_ROWS)
    ref = await cleaner(stage, store, PLAN)
    ref.tell(PlanSweeps(interval_s=HOUR_S / 2, keep_s=5.0))
    await stage.wait(10 * SLICE_PAUSE_S)
    assert [keep_s for keep_s, _ in store.sweeps] == [1000.0, 5.0, 5.0, 5.0]
    store.expired = 3 * SLICE_ROWS
    while len(store.sweeps) < 5:
        await stage.wait(0.1)
    ref.tell(PlanSweeps(interval_s=48 * HOUR_S, keep_s=5.0))
    await stage.wait(10 * SLICE_PAUSE_S)
    assert store.expired == 0


@simulated(seeds=3)
async def test_where_another_process_has_the_lease_nothing_is_swept(stage: Stage) -> None:
    store, lease = FakeStore(), OneLease(is_ours=False)
    await cleaner(stage, store, PLAN, lease)
    assert store.calls == 0
    lease.is_ours = True
    await stage.wait(HOUR_S + jitter_max_s(HOUR_S))
    assert len(store.sweeps) == 1


@simulated(seeds=3)
async def test_the_lease_lasts_until_the_next_sweep_renews_it(stage: Stage) -> None:
    lease = OneLease(is_ours=True)
    await cleaner(stage, FakeStore(expired=SLICE_ROWS), PLAN, lease)
    await stage.wait(SLICE_PAUSE_S)
    assert [name for name, _ in lease.asked] == ["cleaner", "cleaner"]
    assert min(ttl_s for _, ttl_s in lease.asked) > HOUR_S + jitter_max_s(HOUR_S)


def test_sweeps_of_several_processes_do_not_begin_together() -> None:
    waits: set[float] = set()

    @simulated(seeds=8)
    async def swept(stage: Stage) -> None:
        store = FakeStore()
        await cleaner(stage, store, PLAN)
        while len(store.sweeps) < 2:
            await stage.wait(10.0)
        waits.add(stage.now_s())

    swept()
    assert len(waits) > 4
    assert max(waits) - HOUR_S <= jitter_max_s(HOUR_S) + 20.0


@pytest.mark.parametrize(
    ("interval_s", "most_s"), [(1800.0, 450.0), (2400.0, 600.0), (86_400.0, JITTER_MAX_S)]
)
def test_the_jitter_has_a_bound(interval_s: float, most_s: float) -> None:
    assert jitter_max_s(interval_s) == most_s
