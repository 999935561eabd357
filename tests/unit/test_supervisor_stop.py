"""Children stop in reverse order, each in its own time, all within one deadline."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from actors import (
    ChildSpec,
    Restart,
    Shutdown,
    StartChild,
    StartedChild,
    StartRefused,
    StopChild,
    Terminated,
)
from actors.kernel.signals import KILLED, STOPPED
from actors.testing.probe import Probe
from supervisor import DynamicSupervisor, Strategy, Supervisor
from tests.unit.supervision_stage import (
    SUP,
    AsyncChild,
    Child,
    DeafChild,
    Fail,
    PlainChild,
    SlowlyStopping,
    Stage,
    Take,
    ThreadChild,
    patient,
    simulated,
)

FOREVER = Take(float("inf"))


@pytest.mark.parametrize("kind", [PlainChild, AsyncChild, ThreadChild])
@simulated(seeds=3)
async def test_children_stop_in_reverse_order_before_their_supervisor(
    stage: Stage, kind: type[Child]
) -> None:
    supervisor = stage.supervise(*(stage.child(name, kind) for name in "abc"))
    await stage.wait()
    stage.take_log()
    supervisor.shut_down(30.0)
    await stage.wait()
    assert stage.log == ["stopped c", "stopped b", "stopped a", f"stopped {SUP}"]


@simulated(seeds=3)
async def test_each_stop_is_awaited_before_the_next_begins(stage: Stage) -> None:
    stage.start_s = {"b": 2.0, "c": 3.0}
    supervisor = stage.supervise(*(stage.child(name, SlowlyStopping) for name in "abc"))
    await stage.wait()
    stage.take_log()
    supervisor.shut_down(30.0)
    await stage.wait(2.9)
    assert stage.log == ["stopping c"]
    await stage.wait(3.0)
    assert stage.log[1:4] == ["stopped c", "stopping b", "stopped b"]
    assert not supervisor.is_alive()


@simulated(seeds=3)
async def test_a_child_that_ignores_stop_is_killed_at_its_timeout(stage: Stage) -> None:
    supervisor = stage.supervise(
        stage.child("a"), stage.child("b", AsyncChild, shutdown_s=2.0), stage.child("c")
    )
    await stage.wait()
    stage.ref("b").tell(FOREVER)
    await stage.wait()
    supervisor.shut_down(30.0)
    await stage.wait(1.9)
    assert stage.log[-1] == "stopped c"
    await stage.wait(0.2)
    assert stage.log[-3:] == ["killed b", "stopped a", f"stopped {SUP}"]


@simulated(seeds=3)
async def test_a_child_that_ignores_even_its_kill_is_left_behind_and_counted(
    stage: Stage,
) -> None:
    supervisor = stage.supervise(stage.child("a"), stage.child("b", DeafChild, shutdown_s=1.0))
    await stage.wait()
    stage.ref("b").tell(Take(100.0))
    await stage.wait()
    supervisor.shut_down(30.0)
    await stage.wait(5.0)
    assert stage.log[-3:] == ["killed b", "stopped a", f"stopped {SUP}"]
    assert stage.system.zombies == 1


@simulated()
async def test_no_time_to_shut_down_means_a_kill(stage: Stage) -> None:
    supervisor = stage.supervise(stage.child("a", shutdown_s=0.0))
    await stage.wait()
    supervisor.shut_down(30.0)
    await stage.wait()
    assert stage.log[-2:] == ["killed a", f"stopped {SUP}"]


@simulated(seeds=5)
async def test_one_deadline_bounds_all_levels_together(stage: Stage) -> None:
    below = stage.below("low", *(stage.child(name, AsyncChild, shutdown_s=20.0) for name in "xyz"))
    supervisor = stage.supervise(stage.child("a"), below)
    await stage.wait()
    for name in "xyz":
        stage.ref(f"low/{name}").tell(FOREVER)
    await stage.wait()
    supervisor.shut_down(3.0)
    await stage.wait(2.9)
    assert supervisor.is_alive()
    await stage.wait(0.2)
    assert not supervisor.is_alive()
    assert stage.system.live == 0


class Punctual(PlainChild):
    """Notes until when it may take."""

    handles_shutdown = True

    def receive(self, message: object) -> object:
        if isinstance(message, Shutdown):
            self.stage.log.append(f"{message.deadline_s - self.stage.now_s():.1f} {self.label}")
            self.exit(STOPPED)
        return super().receive(message)


@pytest.mark.parametrize(
    "parent", [Supervisor, partial(DynamicSupervisor, children_max=5)], ids=["static", "dynamic"]
)
@simulated(seeds=3)
async def test_children_hear_the_earlier_of_their_own_and_the_common_deadline(
    stage: Stage, parent: Callable[[], Any]
) -> None:
    supervisor = stage.system.spawn(ChildSpec(start=parent, name=SUP))
    for name, own_s in (("a", 2.0), ("b", 20.0)):
        supervisor.tell(StartChild(spec=stage.child(name, Punctual, shutdown_s=own_s)))
    await stage.wait()
    supervisor.shut_down(5.0)
    await stage.wait()
    assert (stage.of("a")[1], stage.of("b")[1]) == ("2.0", "5.0")


@simulated(seeds=3)
async def test_a_child_that_waits_out_a_backoff_does_not_delay_the_stop(stage: Stage) -> None:
    supervisor = stage.supervise(stage.child("a", policy=patient(10.0)), stage.child("b"))
    await stage.wait()
    stage.ref("a").kill()
    await stage.wait()
    supervisor.shut_down(30.0)
    await stage.wait()
    assert not supervisor.is_alive()
    await stage.wait(20.0)
    assert stage.of("a") == ["start", "killed"]


# --- StopChild --------------------------------------------------------------------------------


@pytest.mark.parametrize("restart", list(Restart), ids=lambda each: each.value)
@pytest.mark.parametrize("kind", [PlainChild, AsyncChild, ThreadChild])
@simulated(seeds=3)
async def test_a_child_stopped_by_order_stays_down(
    stage: Stage, kind: type[Child], restart: Restart
) -> None:
    supervisor = stage.supervise(stage.child("a"), stage.child("b", kind, restart=restart))
    await stage.wait()
    subject = stage.ref("b")
    watcher = Probe(stage.system, watch=(subject,))
    supervisor.tell(StopChild(ref=subject))
    await stage.wait()
    assert watcher.only(Terminated).reason == STOPPED
    assert stage.of("b")[-2:] == ["start", "stopped"]
    assert stage.of("a") == ["start"]


@pytest.mark.parametrize("strategy", list(Strategy), ids=lambda each: each.value)
@simulated(seeds=30)
async def test_a_stop_order_that_races_a_crash_wins(stage: Stage, strategy: Strategy) -> None:
    """Whichever comes first, the child is gone, and its siblings are up."""
    kinds = (PlainChild, AsyncChild, ThreadChild)
    kind = kinds[stage.loop.choose(3, "kind")]
    supervisor = stage.supervise(*(stage.child(name, kind) for name in "abc"), strategy=strategy)
    await stage.wait()
    subject = stage.ref("b")
    subject.tell(Fail())
    await stage.wait(stage.loop.choose(20, "gap") / 1000)
    supervisor.tell(StopChild(ref=subject))
    await stage.wait()
    assert not subject.is_alive()
    assert stage.find("b") is None
    assert stage.of("a")[-1] == stage.of("c")[-1] == "start"


@simulated(seeds=10)
async def test_a_child_can_be_stopped_while_it_starts(stage: Stage) -> None:
    supervisor = stage.supervise()
    asker = Probe(stage.system)
    stage.start_s = {"b": 2.0}
    supervisor.tell(StartChild(spec=stage.child("b", AsyncChild), reply_to=asker.ref))
    await stage.wait(1.0)
    subject = asker.only(StartedChild).ref
    supervisor.tell(StopChild(ref=subject))
    await stage.wait(5.0)
    assert not subject.is_alive()
    assert stage.of("b")[-1] == "stopped"


@simulated(seeds=3)
async def test_a_child_can_be_stopped_while_it_waits_out_a_backoff(stage: Stage) -> None:
    supervisor = stage.supervise(stage.child("a", policy=patient(10.0)))
    await stage.wait()
    subject = stage.ref("a")
    subject.kill()
    await stage.wait()
    supervisor.tell(StopChild(ref=subject))
    await stage.wait(20.0)
    assert not subject.is_alive()
    assert stage.of("a") == ["start", "killed"]


@pytest.mark.parametrize("whom", ["b", "c"])
@simulated(seeds=5)
async def test_a_child_that_stops_for_a_siblings_sake_can_still_be_stopped_for_good(
    stage: Stage, whom: str
) -> None:
    stage.start_s = {"b": 2.0, "c": 2.0}
    supervisor = stage.supervise(
        stage.child("a"),
        *(stage.child(name, SlowlyStopping) for name in "bc"),
        strategy=Strategy.ONE_FOR_ALL,
    )
    await stage.wait()
    stage.ref("a").kill()
    await stage.wait(1.0)
    supervisor.tell(StopChild(ref=stage.ref(whom)))
    await stage.wait(10.0)
    other = "bc".replace(whom, "")
    assert stage.find(whom) is None
    assert stage.of(whom).count("start") == 1
    assert stage.of(other).count("start") == stage.of("a").count("start") == 2


@simulated(seeds=3)
async def test_a_slow_stop_by_order_does_not_hold_up_a_siblings_restart(stage: Stage) -> None:
    stage.start_s = {"a": 4.0}
    supervisor = stage.supervise(stage.child("a", SlowlyStopping), stage.child("b"))
    await stage.wait()
    supervisor.tell(StopChild(ref=stage.ref("a")))
    await stage.wait()
    stage.ref("b").kill()
    await stage.wait()
    assert stage.log[-3:] == ["stopping a", "killed b", "start b"]


@simulated(seeds=3)
async def test_stopping_a_child_twice_or_a_strangers_child_does_nothing(stage: Stage) -> None:
    supervisor = stage.supervise(stage.child("a"), stage.child("b"))
    await stage.wait()
    subject, stranger = stage.ref("a"), Probe(stage.system)
    for ref in (subject, subject, stranger.ref):
        supervisor.tell(StopChild(ref=ref))
    await stage.wait()
    supervisor.tell(StopChild(ref=subject))
    await stage.wait()
    assert stage.log == ["start a", "start b", "stopped a"]
    assert stranger.ref.is_alive()


@simulated(seeds=3)
async def test_a_supervisor_that_stops_starts_nobody_any_more(stage: Stage) -> None:
    stage.start_s = {"a": 2.0}
    supervisor = stage.supervise(stage.child("a", SlowlyStopping))
    asker = Probe(stage.system)
    await stage.wait()
    supervisor.shut_down(10.0)
    await stage.wait()
    supervisor.tell(StartChild(spec=stage.child("b"), reply_to=asker.ref, token=7))
    await stage.wait()
    assert asker.only(StartRefused) == StartRefused(reason="stopping", token=7)


@simulated(seeds=3)
async def test_a_killed_supervisor_takes_its_children_with_it(stage: Stage) -> None:
    supervisor = stage.supervise(
        *(stage.child(name, kind) for name, kind in (("a", PlainChild), ("b", AsyncChild)))
    )
    watcher = Probe(stage.system, watch=(supervisor,))
    await stage.wait()
    supervisor.kill()
    await stage.wait()
    assert watcher.only(Terminated).reason == KILLED
    assert stage.of("a")[-1] == stage.of("b")[-1] == "killed"
