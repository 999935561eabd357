"""What a worker shares through is beside the gates, and never in their way."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from actors import ChildSpec, Intensity, Restart
from actors.kernel.child_spec import StopChild
from bridge.chaos.memory_cluster import MemoryFailureBoard, MemoryPermitLedger, MemoryServer
from bridge.sharing_tree import Sharing, gate_options, sharing_specs
from supervisor import (
    Admit,
    Admitted,
    DynamicSupervisor,
    GateActor,
    KeyNews,
    Standing,
    Supervisor,
)
from supervisor.cluster import LEASE_S
from tests.unit.supervision_stage import PlainChild, Stage, simulated


class Bug(Exception):
    """What no port may raise."""


class BrokenLedger:
    """A ledger with a bug."""

    def renew(self, worker: str, standing: Standing) -> int | None:
        raise Bug

    def release(self, worker: str) -> None:
        raise Bug


class BrokenBoard:
    """A board with a bug."""

    def exchange(self, news: object) -> tuple[KeyNews, ...]:
        raise Bug


def tree(stage: Stage, sharing: Sharing | None) -> Any:
    options = partial(gate_options, sharing)
    children = (
        ChildSpec(name="tools", start=partial(GateActor, None, **options(shares_permits=False))),
        ChildSpec(name="chats", start=partial(DynamicSupervisor, children_max=100)),
        ChildSpec(
            name="gate", start=partial(GateActor, "root/chats", **options(shares_permits=True))
        ),
        *sharing_specs(sharing),
    )
    start = partial(Supervisor, children, intensity=Intensity(restarts_max=5, window_s=60.0))
    return stage.system.spawn(ChildSpec(name="root", start=start))


async def is_let_in(stage: Stage, label: str) -> bool:
    gate = stage.system.find("root/gate")
    assert gate is not None
    spec = stage.child(label, PlainChild, restart=Restart.TEMPORARY)
    asked = gate.ask(Admit(spec=spec, keys=(), running_max=10), block=False, timeout=60.0)
    await stage.wait(1.0)
    return asked.is_done and isinstance(asked.get(), Admitted)


@simulated(seeds=3)
async def test_without_a_server_there_is_nothing_of_it(stage: Stage) -> None:
    tree(stage, None)
    assert stage.system.find("root/sharer") is None
    assert await is_let_in(stage, "x")


@simulated(seeds=3)
async def test_the_gates_are_there_at_once(stage: Stage) -> None:
    server = MemoryServer(stage.system.clock)
    ledger, board = MemoryPermitLedger(server), MemoryFailureBoard(server, "w")
    tree(stage, Sharing(ledger=ledger, board=board, worker="w"))
    assert stage.system.find("root/gate") is not None
    assert await is_let_in(stage, "x")
    assert tuple(server.book.leases) == ("w",)


@pytest.mark.parametrize("waited_s", [0.0, 10.0, 300.0])
@simulated(seeds=3)
async def test_a_bug_in_what_is_shared_harms_no_chat(stage: Stage, waited_s: float) -> None:
    root = tree(stage, Sharing(ledger=BrokenLedger(), board=BrokenBoard(), worker="w"))
    await stage.wait(waited_s + 2.0)
    assert await is_let_in(stage, "x")
    assert root.is_alive()
    assert root.cell.life == 1


@simulated(seeds=3)
async def test_what_runs_stays_promised_when_its_gate_has_ended(stage: Stage) -> None:
    server = MemoryServer(stage.system.clock)
    ledger, board = MemoryPermitLedger(server), MemoryFailureBoard(server, "w")
    root = tree(stage, Sharing(ledger=ledger, board=board, worker="w"))
    for label in "xyz":
        assert await is_let_in(stage, label)
    await stage.wait(5.0)
    gate = stage.system.find("root/gate")
    assert gate is not None
    root.tell(StopChild(ref=gate))
    await stage.wait(2 * LEASE_S)
    assert server.book.leases["w"].held >= 3
