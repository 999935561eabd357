"""The Redis of simulations fails as the list of faults says, and what is lost by it is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from actors.ports import StoreUnavailable
from actors.testing.choices import Choices
from actors.testing.simloop import SimLoop
from actors.testing.simulate import simulate
from bridge.chaos.faults.redis import ScriptedLink
from bridge.chaos.faults.redis_faults import RedisFault
from bridge.chaos.faults.store import ScriptedStore
from bridge.chaos.faults.store_faults import StoreFault
from bridge.chaos.knobs import RedisRates, StoreRates
from bridge.chaos.scenarios.parts import SimParts
from bridge.chaos.scenarios.workers import Hired, Workers
from bridge.chaos.trace import Trace
from bridge.cluster.errors import LinkAway, LinkError, LinkFull, LinkReadOnly
from bridge.cluster.keys import Keys
from bridge.cluster.row_queue import CLAIM_AFTER_S
from tests.unit.storage_stage import CHAT, artifact

ROWS = (artifact("a"), artifact("b"))
IDS = frozenset(each.id for each in ROWS)
REFUSED: dict[RedisFault, type[LinkError]] = {
    RedisFault.GONE: LinkAway,
    RedisFault.LOST_WORD: LinkAway,
    RedisFault.READ_ONLY: LinkReadOnly,
    RedisFault.FULL: LinkFull,
    RedisFault.RESTARTED: LinkAway,
    RedisFault.EMPTIED: LinkAway,
}


class Set:
    """Processes on one Redis and one table, both of which fail only as a test says."""

    def __init__(self, loop: SimLoop, **rates: Any) -> None:
        self.trace = Trace({})
        store_rates = StoreRates(rate=1.0, faults=(StoreFault.REFUSES,))
        self.store = ScriptedStore(loop, store_rates, Counter(), self.trace.storage)
        self.store.is_on = False
        self.workers = Workers(loop, RedisRates(**rates), self.store, self.trace, SimParts())
        self.redis = self.workers.redis
        self.redis.is_on = False

    def hire(self, number: int) -> Hired:
        hired = self.workers.hire(number)
        hired.store.open()
        return hired

    def drain(self, hired: Hired) -> None:
        """Do what the drain actor does."""
        hired.pending.open()
        taken = hired.pending.take(100)
        hired.pending.commit(taken.rows)
        hired.pending.settle(taken.rows)
        hired.pending.tend()


def playing(scene: Callable[[SimLoop], Awaitable[None]]) -> None:
    run = simulate(scene, Choices.from_seed(1), steps_max=10_000)  # type: ignore[arg-type]
    if run.error is not None:
        raise run.error


def always(fault: RedisFault) -> dict[str, Any]:
    return {"rate": 1.0, "faults": (fault,)}


@pytest.mark.parametrize("fault", REFUSED)
def test_a_round_trip_fails_as_its_fault_says(fault: RedisFault) -> None:
    async def scene(loop: SimLoop) -> None:
        stage = Set(loop, **always(fault))
        link, key = ScriptedLink(stage.redis), Keys("sim").artifact("c", "r")
        stage.redis.is_on = True
        with pytest.raises(REFUSED[fault]):
            link.call("SET", key, b"there")
        stage.redis.is_on = False
        if fault in (RedisFault.RESTARTED, RedisFault.EMPTIED):
            # The connection was cut; the next one is whole.
            with pytest.raises(LinkAway):
                link.call("GET", key)
        is_done = fault is RedisFault.LOST_WORD
        assert link.call("GET", key) == (b"there" if is_done else None)
        assert stage.trace.fired[f"redis {fault.value}"] == 1

    playing(scene)


def test_a_redis_that_is_away_comes_back() -> None:
    async def scene(loop: SimLoop) -> None:
        stage = Set(loop, away_from_s=2.0, away_s=45.0)
        stage.redis.is_on = True
        link = ScriptedLink(stage.redis)
        link.call("INFO")
        loop.stall(2.0)
        with pytest.raises(LinkAway):
            link.call("INFO")
        loop.stall(45.0)
        link.call("INFO")

    playing(scene)


def test_rows_reach_the_table_and_leave_the_queue() -> None:
    async def scene(loop: SimLoop) -> None:
        stage = Set(loop)
        one = stage.hire(0)
        one.store.save(ROWS)
        assert stage.store.table.ids == frozenset()
        assert all(stage.workers.holds(each) for each in IDS)
        assert stage.workers.backlog
        stage.drain(one)
        assert stage.store.table.ids == IDS
        assert not stage.workers.backlog
        assert stage.trace.breaches == []

    playing(scene)


def test_rows_of_a_dead_worker_are_moved_by_another() -> None:
    async def scene(loop: SimLoop) -> None:
        stage = Set(loop)
        one, other = stage.hire(0), stage.hire(1)
        one.store.save(ROWS)
        one.pending.open()
        assert len(one.pending.take(100).rows) == len(ROWS)
        stage.workers.leave(0)
        stage.drain(other)
        assert stage.store.table.ids == frozenset()
        loop.stall(CLAIM_AFTER_S + 1.0)
        stage.drain(other)
        assert stage.store.table.ids == IDS
        assert stage.trace.fired["redis rows claimed"] == len(ROWS)
        assert stage.trace.storage.lost_twice == {}

    playing(scene)


def test_a_row_that_leaves_before_its_commit_is_told() -> None:
    async def scene(loop: SimLoop) -> None:
        stage = Set(loop)
        one = stage.hire(0)
        one.store.save(ROWS[:1])
        one.pending.open()
        one.pending.settle(one.pending.take(100).rows)
        (breach,) = stage.trace.breaches
        assert breach.invariant == "queue"

    playing(scene)


def test_what_an_emptied_redis_had_is_saved_by_who_acknowledged_it() -> None:
    async def scene(loop: SimLoop) -> None:
        stage = Set(loop, **always(RedisFault.EMPTIED))
        one = stage.hire(0)
        one.store.save(ROWS)
        stage.redis.is_on = True
        with pytest.raises(StoreUnavailable):
            one.pending.take(100)
        stage.redis.is_on = False
        assert all(stage.workers.holds(each) for each in IDS)
        one.pending.rescue()
        assert stage.store.table.ids == IDS
        assert stage.trace.storage.lost_twice == {}

    playing(scene)


def test_what_is_lost_with_its_worker_is_known() -> None:
    async def scene(loop: SimLoop) -> None:
        stage = Set(loop, **always(RedisFault.EMPTIED))
        stage.hire(0).store.save(ROWS)
        stage.redis.is_on = True
        stage.workers.leave(0)
        stage.redis.is_on = False
        other = stage.hire(1)
        stage.redis.is_on = True
        with pytest.raises(StoreUnavailable):
            other.pending.take(100)
        assert stage.trace.storage.lost_twice.keys() == IDS
        assert not any(stage.workers.holds(each) for each in IDS)

    playing(scene)


def test_what_is_forgotten_while_it_waits_is_written_down() -> None:
    async def scene(loop: SimLoop) -> None:
        stage = Set(loop)
        one = stage.hire(0)
        one.store.save(ROWS)
        assert one.store.forget(CHAT, sorted(IDS)) == len(ROWS)
        assert {row.id for _, row in stage.trace.storage.forgotten} == IDS
        stage.drain(one)
        assert stage.store.table.ids == frozenset()

    playing(scene)
