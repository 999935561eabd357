"""Workers lease their part of the permits; the limit holds over all of them (SPEC 194 to 196)."""

from __future__ import annotations

from actors.kernel.child_spec import StopChild
from bridge.chaos.memory_cluster import MemoryServer
from supervisor import Admitted
from supervisor.cluster import LEASE_S, RENEW_S, RENEW_SOON_S, SETTLE_S
from supervisor.gate import JOIN_WAIT_S, CountPermits
from tests.unit.cluster_stage import cluster
from tests.unit.gate_hall import CrashOn, Hall
from tests.unit.supervision_stage import Stage, simulated


@simulated(seeds=5)
async def test_the_limit_holds_over_both_workers_however_many_come(stage: Stage) -> None:
    async with cluster(stage) as both:
        await both.fill(both.a, 20)
        await both.fill(both.b, 20)
        most = 0
        for _ in range(100):
            await stage.wait(0.3)
            most = max(most, both.running)
        assert most == 10
        assert both.a.running() == both.b.running() == 5


@simulated(seeds=5)
async def test_an_idle_worker_begins_at_once(stage: Stage) -> None:
    async with cluster(stage) as both:
        for hall in (both.a, both.b):
            assert isinstance(await hall.answer("x"), Admitted)


@simulated(seeds=5)
async def test_what_an_idle_worker_does_not_use_goes_to_those_who_wait(stage: Stage) -> None:
    async with cluster(stage) as both:
        await both.fill(both.a, 9)
        await stage.wait(2 * RENEW_S)
        assert both.a.running() == 9


@simulated(seeds=5)
async def test_a_worker_whose_limit_is_used_up_gives_way_as_its_work_ends(stage: Stage) -> None:
    async with cluster(stage) as both:
        await both.fill(both.a, 40)
        await stage.wait(3 * RENEW_S)
        assert both.a.running() == 10
        await both.fill(both.b, 40)
        for _ in range(12):
            await stage.wait(RENEW_S)
            for cell in tuple((both.a.chats.cell.children or {}).values())[:1]:
                cell.kill()
            assert both.running <= 10
        await stage.wait(RENEW_S)
        assert both.b.running() >= 5


@simulated(seeds=5)
async def test_permits_of_a_worker_that_is_gone_are_back_within_thirty_seconds(
    stage: Stage,
) -> None:
    async with cluster(stage) as both:
        await both.fill(both.a, 10)
        await stage.wait(3 * RENEW_S)
        assert both.a.running() == 10
        both.server.cut_off.add("a")
        await both.fill(both.b, 10)
        assert both.b.running() == 0
        await stage.wait(29.0)
        assert both.b.running() == 10


@simulated(seeds=3)
async def test_a_worker_that_stops_gives_its_permits_back_at_once(stage: Stage) -> None:
    async with cluster(stage) as both:
        await both.fill(both.b, 10)
        await stage.wait(3 * RENEW_S)
        await both.b.kill_all()
        both.b.stage.root.shut_down(1.0)
        await stage.wait(1.0)
        assert tuple(both.server.book.leases) == ("a",)


@simulated(seeds=5)
async def test_without_the_ledger_a_worker_keeps_to_its_share_until_the_lease_is_over(
    stage: Stage,
) -> None:
    async with cluster(stage) as both:
        both.server.is_away = True
        await both.fill(both.a, 10)
        await stage.wait(LEASE_S - 2 * RENEW_S)
        assert both.a.running() == 5
        await stage.wait(2 * RENEW_S)
        assert both.a.running() == 10, "and then the whole limit is its own (SPEC 196)"


@simulated(seeds=5)
async def test_when_the_ledger_is_back_the_workers_share_again(stage: Stage) -> None:
    async with cluster(stage) as both:
        both.server.is_away = True
        await stage.wait(2 * LEASE_S)
        both.server.is_away = False
        both.server.empty()
        await stage.wait(4 * RENEW_S)
        await both.fill(both.a, 20)
        await both.fill(both.b, 20)
        for _ in range(50):
            await stage.wait(0.3)
            assert both.running <= 10
        assert both.running == 10


@simulated(seeds=10)
async def test_a_ledger_that_lost_all_promises_nothing_twice(stage: Stage) -> None:
    async with cluster(stage) as both:
        await both.fill(both.a, 20)
        await stage.wait(2 * RENEW_S)
        both.server.empty()
        await both.fill(both.b, 20)
        for _ in range(60):
            await stage.wait(0.25)
            assert both.running <= 10


@simulated(seeds=5)
async def test_a_lower_limit_reaches_a_worker_that_nobody_asks(stage: Stage) -> None:
    async with cluster(stage) as both:
        both.a.running_max = 2
        await both.fill(both.a, 5)
        await stage.wait(4 * RENEW_S)
        await both.fill(both.b, 5)
        await stage.wait(2 * RENEW_S)
        assert both.running <= 2


@simulated(seeds=5)
async def test_a_higher_limit_lets_those_in_who_wait(stage: Stage) -> None:
    async with cluster(stage) as both:
        await both.fill(both.a, 15)
        await both.fill(both.b, 15)
        await stage.wait(3 * RENEW_S)
        both.b.running_max = both.a.running_max = 20
        await both.fill(both.b, 1, prefix="g")
        await both.fill(both.a, 1, prefix="g")
        await stage.wait(3 * RENEW_S)
        assert both.running == 20


@simulated(seeds=3)
async def test_a_single_permit_is_used_by_both_in_turns(stage: Stage) -> None:
    async with cluster(stage, running_max=1) as both:
        await both.fill(both.a, 100)
        await both.fill(both.b, 100)
        ran = {"a": 0, "b": 0}
        for _ in range(60):
            await stage.wait(2 * RENEW_S)
            assert both.running <= 1
            for name, hall in (("a", both.a), ("b", both.b)):
                ran[name] += hall.running()
                await hall.kill_all()
        assert min(ran.values()) >= 10


@simulated(seeds=5)
async def test_a_gate_that_crashes_hears_its_share_again(stage: Stage) -> None:
    async with cluster(stage) as both:
        fault = CrashOn("sup/gate", CountPermits)
        stage.system.interceptors = (*stage.system.interceptors, fault)
        await stage.wait(2 * RENEW_S)
        assert both.a.gate.cell.life == 2
        await both.fill(both.a, 20)
        await both.fill(both.b, 20)
        await stage.wait(3 * RENEW_S)
        assert both.running == 10


@simulated(seeds=3)
async def test_a_worker_that_is_alone_gets_everything(stage: Stage) -> None:
    hall = Hall(stage, running_max=10, server=MemoryServer(stage.system.clock), worker="only")
    first = [hall.admit(f"x{number}") for number in range(10)]
    await stage.wait(0.2)
    assert sum(asked.is_done for asked in first) == 5, "others may be there, and not have said so"
    await stage.wait(SETTLE_S + RENEW_S)
    assert hall.running() == 10


@simulated(seeds=5)
async def test_a_worker_that_finds_no_ledger_is_on_its_own_at_once(stage: Stage) -> None:
    server = MemoryServer(stage.system.clock)
    server.is_away = True
    hall = Hall(stage, running_max=10, server=server, worker="only")
    for number in range(10):
        hall.admit(f"x{number}")
    await stage.wait(0.2)
    assert hall.running() == 10


@simulated(seeds=5)
async def test_a_gate_whose_sharer_never_says_anything_is_on_its_own_soon(stage: Stage) -> None:
    server = MemoryServer(stage.system.clock)
    hall = Hall(stage, running_max=10, server=server, worker="only")
    stage.root.tell(StopChild(ref=stage.ref("sharer")))
    asked = hall.admit("x")
    await stage.wait(JOIN_WAIT_S + 0.1)
    assert isinstance(asked.get(), Admitted)


@simulated(seeds=30)
async def test_whatever_befalls_the_ledger_all_who_wait_get_in(stage: Stage) -> None:
    async with cluster(stage) as both:
        entropy, server = stage.system.entropy, both.server
        asked = [*await both.fill(both.a, 30), *await both.fill(both.b, 30)]
        for _ in range(40):
            match int(entropy.uniform(0.0, 6.0)):
                case 0:
                    server.is_away = not server.is_away
                case 1:
                    server.empty()
                case 2:
                    server.cut_off ^= {"a"}
                case 3:
                    both.b.stage.ref("sharer").kill()
                case _:
                    pass
            await stage.wait(entropy.uniform(0.0, 4.0))
        server.is_away, server.cut_off = False, set()
        for _ in range(60):
            for hall in (both.a, both.b):
                for cell in tuple((hall.chats.cell.children or {}).values())[:2]:
                    cell.kill()
            await stage.wait(RENEW_SOON_S)
        assert [each for each in asked if not each.is_done] == []
        assert all(isinstance(each.get(), Admitted) for each in asked)
        assert sum(lease.held for lease in server.book.leases.values()) <= 10
