"""Snapshots of costs are written one by one, or let go (SPEC 178)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec
import pytest

from actors.costs import CostsActor, RecordCost
from actors.kernel.child_spec import ChildSpec
from actors.kernel.ref import ActorRef
from actors.ports import StoreUnavailable
from bridge.cluster.cost_snapshots import snapshot_text
from tests.unit.storage_stage import PLUMBING
from tests.unit.supervision_stage import Stage, simulated

COST = RecordCost(
    user_id="user-1", email="user@example.com", name="A User", model_id="m", usage='{"cost":1.50}'
)


UUID4 = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@dataclass
class NotingLedger:
    """Notes what is recorded. Implements `CostLedger`."""

    is_away: bool = False
    written: list[tuple[RecordCost, str, float]] = field(default_factory=list)

    def record(self, cost: RecordCost, *, unique: str, at_s: float) -> None:
        if self.is_away:
            raise StoreUnavailable
        self.written.append((cost, unique, at_s))


async def costs(stage: Stage, ledger: NotingLedger) -> ActorRef[Any]:
    stage.supervise(ChildSpec(name="costs", start=partial(CostsActor, ledger), policy=PLUMBING))
    await stage.wait(0.1)
    return stage.ref("costs")


@simulated(seeds=3)
async def test_each_call_is_one_snapshot_with_a_name_of_its_own(stage: Stage) -> None:
    ledger = NotingLedger()
    actor = await costs(stage, ledger)
    began_s = stage.system.clock.wall_s()
    for _ in range(20):
        actor.tell(COST)
    await stage.wait(5.0)
    assert [cost for cost, _, _ in ledger.written] == [COST] * 20
    uniques = {unique for _, unique, _ in ledger.written}
    assert len(uniques) == 20
    assert all(UUID4.fullmatch(unique) for unique in uniques)
    assert [at_s for *_, at_s in ledger.written] == pytest.approx([began_s] * 20, abs=5)


@simulated(seeds=1)
async def test_a_snapshot_that_lacks_anything_is_not_written(stage: Stage) -> None:
    ledger = NotingLedger()
    actor = await costs(stage, ledger)
    for name in ("user_id", "email", "name", "model_id", "usage"):
        actor.tell(msgspec.structs.replace(COST, **{name: ""}))
    await stage.wait(5.0)
    assert ledger.written == []


@simulated(seeds=1)
async def test_what_cannot_be_written_is_let_go_and_told_once(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    ledger = NotingLedger(is_away=True)
    actor = await costs(stage, ledger)
    caplog.clear()
    for _ in range(3):
        actor.tell(COST)
    await stage.wait(5.0)
    ledger.is_away = False
    actor.tell(COST)
    await stage.wait(5.0)
    assert len(ledger.written) == 1
    assert caplog.messages == [
        "snapshots of costs are not written: StoreUnavailable",
        "snapshots of costs are written again; 3 were not",
    ]
    assert actor.is_alive()


def test_nobody_is_named_in_a_log_of_the_message() -> None:
    assert "user" not in repr(COST)


def test_usage_stays_byte_for_byte_and_what_is_no_json_is_null() -> None:
    assert '"usage":{"cost":1.50}' in snapshot_text(COST, 1)
    broken = msgspec.structs.replace(COST, usage="{")
    assert '"usage":null' in snapshot_text(broken, 1)
