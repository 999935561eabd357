"""What is acknowledged reaches the database, whatever fails on the way (SPEC 163, 164)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from actors.db_drain import BATCH_ROWS, IDLE_S, TEND_S, DbDrainActor, PlanDrains, stored
from actors.kernel.child_spec import ChildSpec, RestartPolicy
from actors.kernel.ref import ActorRef
from actors.pending import PendingRow, QueueAway
from actors.ports import StoreBusy, StoreError, StoreMisfit, StoreUnavailable
from bridge.chaos.memory_pending import MemoryPending
from tests.unit.storage_stage import HOLD_S, STORE_POLICY
from tests.unit.supervision_stage import Stage, simulated

# Tries of a policy with their waits, and a margin.
TRIES_S = 10.0


def names(count: int) -> list[str]:
    return [f"row-{number}" for number in range(count)]


def rows(*wanted: str) -> tuple[PendingRow, ...]:
    return tuple(PendingRow(entry=each, row=each.encode()) for each in wanted)


async def drained(
    stage: Stage,
    pending: MemoryPending,
    latest: Callable[[], PlanDrains | None] = PlanDrains,
    policy: RestartPolicy = STORE_POLICY,
) -> ActorRef[Any]:
    start = partial(DbDrainActor, pending, latest)
    stage.supervise(ChildSpec(name="drain", start=start, policy=policy, shutdown_s=5.0))
    await stage.wait(0.1)
    return stage.ref("drain")


@simulated(seeds=5)
async def test_what_waits_is_moved_in_batches_without_a_pause(stage: Stage) -> None:
    pending = MemoryPending()
    pending.acknowledge(names(2 * BATCH_ROWS + 1))
    await drained(stage, pending)
    assert pending.commits == [BATCH_ROWS, BATCH_ROWS, 1]
    assert pending.queue == {}
    assert pending.ledger == set()


@simulated(seeds=3)
async def test_what_comes_later_waits_for_the_next_look(stage: Stage) -> None:
    pending = MemoryPending()
    await drained(stage, pending)
    pending.acknowledge(["late"])
    await stage.wait(IDLE_S + 0.1)
    assert pending.names == {"late"}


@simulated(seeds=3)
async def test_the_tree_starts_while_both_are_away(stage: Stage) -> None:
    pending = MemoryPending(is_queue_away=True, is_table_away=True)
    stage.supervise(
        ChildSpec(name="drain", start=partial(DbDrainActor, pending), policy=STORE_POLICY)
    )
    await stage.wait(0.001)
    assert stage.root.is_alive()


@simulated(seeds=3)
async def test_without_a_plan_nothing_is_asked_and_nobody_crashes(stage: Stage) -> None:
    pending, plans = MemoryPending(), list[PlanDrains]()
    pending.acknowledge(["early"])
    await drained(stage, pending, lambda: plans[-1] if plans else None)
    await stage.wait(60.0)
    assert (pending.calls, stage.log) == (0, [])
    plans.append(PlanDrains())
    await stage.wait(IDLE_S + 0.1)
    assert pending.names == {"early"}


@simulated(seeds=5)
async def test_a_database_that_was_away_for_an_hour_gets_everything(stage: Stage) -> None:
    pending = MemoryPending(is_table_away=True)
    pending.acknowledge(names(500))
    await drained(stage, pending)
    for minute in range(60):
        pending.acknowledge([f"minute-{minute}"])
        await stage.wait(60.0)
    assert pending.table == set()
    assert stage.root.is_alive()
    pending.is_table_away = False
    await stage.wait(HOLD_S + TRIES_S)
    assert len(pending.table) == 560
    assert pending.queue == {}


@simulated(seeds=5)
async def test_while_the_queue_is_away_what_was_acknowledged_is_written_directly(
    stage: Stage,
) -> None:
    pending = MemoryPending()
    await drained(stage, pending)
    pending.acknowledge(["kept"])
    pending.is_queue_away = True
    await stage.wait(IDLE_S + 0.1)
    assert pending.names == {"kept"}
    assert "crashed drain" in stage.log


@simulated(seeds=5)
async def test_with_both_away_nothing_is_lost(stage: Stage) -> None:
    pending = MemoryPending()
    await drained(stage, pending)
    pending.acknowledge(["kept"])
    pending.empty()
    pending.is_queue_away = pending.is_table_away = True
    await stage.wait(120.0)
    assert pending.ledger == {b"kept"}
    pending.is_table_away = False
    await stage.wait(HOLD_S + TRIES_S)
    assert pending.names == {"kept"}


@simulated(seeds=5)
async def test_a_queue_that_lost_its_rows_is_noticed(stage: Stage) -> None:
    pending = MemoryPending()
    await drained(stage, pending)
    pending.acknowledge(["lost"])
    pending.empty()
    await stage.wait(TEND_S + 2 * IDLE_S)
    assert pending.names == {"lost"}


@simulated(seeds=3)
async def test_rows_that_do_not_fit_are_put_aside_and_told_once(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    pending = MemoryPending(unfit={b"row-3"}, broken={b"row-5"})
    pending.acknowledge(names(10))
    await drained(stage, pending)
    await stage.wait(10.0)
    assert sorted(pending.aside) == [b"row-3", b"row-5"]
    assert pending.names == set(names(10)) - {"row-3", "row-5"}
    told = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert [each.getMessage() for each in told] == [
        "2 rows do not fit into the database; they are put aside"
    ]
    caplog.clear()


@simulated(seeds=3)
async def test_a_full_disk_puts_nothing_aside(stage: Stage) -> None:
    pending = MemoryPending(is_table_full=True)
    pending.acknowledge(names(3))
    await drained(stage, pending)
    await stage.wait(120.0)
    assert pending.aside == []
    pending.is_table_full = False
    await stage.wait(HOLD_S + TRIES_S)
    assert pending.names == set(names(3))


@simulated(seeds=3)
async def test_a_backlog_is_told_once_until_it_is_short_again(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    pending = MemoryPending()
    await drained(stage, pending, lambda: PlanDrains(warn_rows=5))

    def told() -> int:
        return sum("wait to be written" in each.getMessage() for each in caplog.records)

    caplog.clear()
    for round_ in (1, 2):
        pending.acknowledge(f"{round_}-{each}" for each in names(6))
        await stage.wait(3 * IDLE_S)
        assert told() == round_
    caplog.clear()


@simulated(seeds=3)
async def test_a_stop_moves_what_waits(stage: Stage) -> None:
    pending = MemoryPending()
    await drained(stage, pending)
    pending.acknowledge(names(BATCH_ROWS + 5))
    await stage.system.stop(grace_s=10.0)
    assert len(pending.table) == BATCH_ROWS + 5


@simulated(seeds=3)
async def test_a_stop_with_the_database_away_ends_all_the_same(stage: Stage) -> None:
    pending = MemoryPending()
    await drained(stage, pending)
    pending.acknowledge(["kept"])
    pending.is_table_away = True
    await stage.system.stop(grace_s=10.0)
    assert "normal drain" in stage.log
    assert list(pending.queue.values()) == [b"kept"]


@pytest.mark.parametrize("error", [QueueAway, StoreUnavailable, StoreBusy])
@pytest.mark.parametrize("call", range(1, 12))
def test_one_failure_anywhere_costs_a_repetition_and_no_row(
    call: int, error: type[StoreError]
) -> None:
    """The fault sweep: each call of the port fails once."""

    @simulated(seeds=1)
    async def sweep(stage: Stage) -> None:
        pending = MemoryPending(faults={call: error()}, unfit={b"row-1"})
        pending.acknowledge(names(4))
        await drained(stage, pending)
        await stage.wait(60.0)
        assert pending.names >= {"row-0", "row-2", "row-3"}
        assert pending.queue == {}
        assert pending.calls >= 12

    sweep()


@pytest.mark.parametrize("bad", ["a", "b", "e", "ae", "abcdefgh", "cdg"])
def test_those_that_do_not_fit_are_found_and_all_others_kept(bad: str) -> None:
    pending = MemoryPending(unfit={each.encode() for each in bad})
    unfit = stored(pending, rows(*"abcdefgh"))
    assert "".join("abcdefgh"[index] for index in unfit) == bad
    assert pending.names == set("abcdefgh") - set(bad)


def test_a_lone_row_that_does_not_fit_is_found() -> None:
    pending = MemoryPending(unfit={b"a"})
    assert stored(pending, rows("a")) == (0,)


def test_a_database_that_takes_no_row_at_all_is_at_fault_itself() -> None:
    with pytest.raises(StoreMisfit):
        stored(MemoryPending(is_table_full=True), rows("a", "b"))
