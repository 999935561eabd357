"""Starts are ordered and acknowledged; one that fails takes back those before it."""

from __future__ import annotations

import pytest

from actors import (
    ActorHeld,
    ChildSpec,
    Crashed,
    Directive,
    Intensity,
    Interceptor,
    RestartPolicy,
    Signal,
    SpawnFailed,
    StartChild,
    Terminated,
    Then,
)
from actors.kernel.cell import Cell
from actors.kernel.signals import ChildStarted
from actors.testing.probe import Probe
from supervisor import Strategy
from tests.unit.supervision_stage import (
    SUP,
    AsyncChild,
    BadStart,
    Child,
    Fail,
    Note,
    Oops,
    PlainChild,
    Stage,
    ThreadChild,
    patient,
    simulated,
)


@pytest.mark.parametrize("strategy", list(Strategy), ids=lambda each: each.value)
@pytest.mark.parametrize("kind", [AsyncChild, ThreadChild])
@simulated(seeds=3)
async def test_a_child_starts_only_when_the_one_before_it_has_started(
    stage: Stage, kind: type[Child], strategy: Strategy
) -> None:
    stage.start_s = {"a": 2.0, "b": 1.0}
    stage.supervise(*(stage.child(name, kind) for name in "abc"), strategy=strategy)
    await stage.wait(5.0)
    seen = [line for line in stage.log if line.startswith("start ")]
    assert seen == ["start a", "start b", "start c"]
    if kind is AsyncChild:
        assert stage.log[:3] == ["starting a", "start a", "starting b"]


@pytest.mark.parametrize("where", ["constructor", "on_start"])
@pytest.mark.parametrize("position", [0, 1, 2])
@simulated()
async def test_a_start_that_fails_at_once_fails_the_spawn_and_ends_those_before(
    stage: Stage, where: str, position: int
) -> None:
    names = "abc"
    stage.bad_starts = {names[position]: [BadStart(where)]}
    with pytest.raises(SpawnFailed):
        stage.supervise(*(stage.child(name) for name in names))
    before = names[:position]
    assert stage.log == [
        *(f"start {name}" for name in before),
        *(f"killed {name}" for name in reversed(before)),
    ]
    assert stage.system.live == 0


@pytest.mark.parametrize("where", ["constructor", "on_start", "never"])
@pytest.mark.parametrize("position", [0, 1, 2])
@simulated(seeds=3)
async def test_a_start_that_fails_later_stops_those_before_and_fails_the_supervisor(
    stage: Stage, where: str, position: int
) -> None:
    names = "abc"
    # Before the first child the spawn itself still sees it fail.
    lead = stage.child("lead", AsyncChild)
    stage.bad_starts = {names[position]: [BadStart(where)]}
    kept = [stage.child(name, AsyncChild, start_timeout_s=3.0) for name in names]
    supervisor = stage.supervise(lead, *kept)
    watcher = Probe(stage.system, watch=(supervisor,))
    await stage.wait(10.0)
    ends = [line for line in stage.log if not line.startswith("start")]
    before = ("lead", *names[:position])
    crash = [] if where == "constructor" else [f"crashed {names[position]}"]
    stops = [f"stopped {name}" for name in reversed(before)]
    assert ends == [*crash, *stops, f"crashed {SUP}"]
    assert isinstance(watcher.only(Terminated).reason, Crashed)


@simulated(seeds=3)
async def test_a_start_that_takes_too_long_is_given_up_at_its_timeout(stage: Stage) -> None:
    stage.bad_starts = {"b": [BadStart("never")]}
    supervisor = stage.supervise(
        stage.child("a"), stage.child("b", AsyncChild, start_timeout_s=3.0)
    )
    await stage.wait(2.9)
    assert supervisor.is_alive()
    await stage.wait(0.2)
    assert not supervisor.is_alive()


@simulated(seeds=3)
async def test_a_failed_start_below_fails_the_supervisor_above(stage: Stage) -> None:
    stage.start_s = {"first": 1.0}
    stage.bad_starts = {"second": [BadStart("on_start")]}
    below = stage.below("low", stage.child("first", AsyncChild), stage.child("second", AsyncChild))
    above = stage.supervise(stage.child("a"), below)
    await stage.wait(5.0)
    assert not above.is_alive()
    assert stage.log[-5:] == [
        "crashed second",
        "stopped first",
        "crashed low",
        "stopped a",
        f"crashed {SUP}",
    ]


@pytest.mark.parametrize("where", ["constructor", "on_start"])
@pytest.mark.parametrize("kind", [PlainChild, AsyncChild, ThreadChild])
@simulated(seeds=3)
async def test_a_restart_that_fails_is_tried_again_and_counts(
    stage: Stage, kind: type[Child], where: str
) -> None:
    stage.supervise(stage.child("a", kind), stage.child("b", kind))
    await stage.wait()
    stage.bad_starts = {"b": [BadStart(where), BadStart(where)]}
    stage.ref("b").kill()
    await stage.wait()
    assert stage.of("b")[-1] == "start"
    assert stage.ref("b").cell.life == 4
    assert stage.of("a").count("start") == 1


@simulated(seeds=3)
async def test_restarts_that_always_fail_reach_the_limit(stage: Stage) -> None:
    supervisor = stage.supervise(stage.child("a"), stage.child("b"))
    stage.bad_starts = {"b": [BadStart("constructor") for _ in range(10)]}
    stage.ref("b").kill()
    await stage.wait()
    assert not supervisor.is_alive()
    assert len(stage.bad_starts["b"]) == 7, "three restarts are borne"


@simulated(seeds=5)
async def test_a_shutdown_is_heard_between_restarts_that_fail(stage: Stage) -> None:
    supervisor = stage.supervise(
        stage.child("b"), intensity=Intensity(restarts_max=10_000_000, window_s=60.0)
    )
    stage.bad_starts = {"b": [BadStart("constructor") for _ in range(1_000)]}
    stage.ref("b").kill()
    supervisor.shut_down(1.0)
    await stage.wait()
    assert not supervisor.is_alive()
    assert stage.bad_starts["b"], "it gave up before it had tried everything"


@simulated(seeds=5)
async def test_a_sibling_that_crashes_while_others_still_start_is_restarted(stage: Stage) -> None:
    stage.start_s = {"b": 2.0}
    supervisor = stage.supervise(stage.child("a"), stage.child("b", AsyncChild), stage.child("c"))
    await stage.wait(1.0)
    stage.ref("a").kill()
    await stage.wait(5.0)
    assert supervisor.is_alive()
    assert stage.log == ["start a", "starting b", "killed a", "start a", "start b", "start c"]


@simulated(seeds=5)
async def test_whoever_has_not_started_yet_waits_for_a_sibling_that_backs_off(
    stage: Stage,
) -> None:
    stage.start_s = {"b": 2.0}
    first = stage.child("a", policy=patient(5.0))
    stage.supervise(first, stage.child("b", AsyncChild), stage.child("c"))
    await stage.wait(1.0)
    stage.ref("a").kill()
    await stage.wait(10.0)
    assert stage.log == ["start a", "starting b", "killed a", "start b", "start a", "start c"]


class LateNews(Interceptor):
    """The fault: word of a start that is complete needs three seconds to its parent."""

    def signalling(self, cell: Cell, signal: Signal) -> float:
        return 3.0 if isinstance(signal, ChildStarted) else 0.0


@simulated(seeds=5)
async def test_late_news_of_an_earlier_life_does_not_start_the_next_child(stage: Stage) -> None:
    stage.supervise(stage.child("a"), stage.child("b", AsyncChild), strategy=Strategy.REST_FOR_ONE)
    await stage.wait()
    stage.root.tell(StartChild(spec=stage.child("c")))
    await stage.wait()
    stage.system.interceptors = (LateNews(),)
    stage.ref("b").kill()
    await stage.wait(1.0)
    stage.start_s = {"b": 10.0}
    stage.ref("b").kill()
    stage.take_log()
    await stage.wait(9.0)
    assert stage.log == ["starting b"], "c starts when this life of b is there"
    await stage.wait(9.0)
    assert stage.log == ["starting b", "start b", "start c"]


@simulated(seeds=5)
async def test_a_restart_that_fails_while_others_still_start_is_tried_again(stage: Stage) -> None:
    stage.start_s = {"b": 2.0}
    supervisor = stage.supervise(stage.child("a"), stage.child("b", AsyncChild))
    stage.bad_starts = {"a": [BadStart("constructor")]}
    stage.ref("a").kill()
    await stage.wait(5.0)
    assert supervisor.is_alive()
    assert stage.of("a") == ["start", "killed", "start"]


@pytest.mark.parametrize("kind", [AsyncChild, ThreadChild])
@simulated(seeds=5)
async def test_a_restart_that_fails_later_while_others_still_start_is_tried_again(
    stage: Stage, kind: type[Child]
) -> None:
    stage.start_s = {"b": 2.0}
    supervisor = stage.supervise(stage.child("a", kind), stage.child("b", AsyncChild))
    await stage.wait(0.5)
    stage.bad_starts = {"a": [BadStart("on_start")]}
    stage.ref("a").kill()
    await stage.wait(5.0)
    assert supervisor.is_alive()
    assert [each for each in stage.of("a") if each != "starting"] == [
        "start",
        "killed",
        "crashed",
        "start",
    ]


HOLDS = RestartPolicy(
    intensity=Intensity(restarts_max=0, window_s=60.0), then=Then.HOLD, hold_s=600.0
)


@pytest.mark.parametrize("deciders", [(), ((Oops, Directive.ISOLATE),)], ids=["ended", "alive"])
@simulated(seeds=5)
async def test_a_start_is_complete_although_a_child_that_had_started_is_held(
    stage: Stage, deciders: tuple[tuple[type[Exception], Directive], ...]
) -> None:
    """Whoever waited for the hold to be over would be given up as one that never starts."""
    stage.start_s = {"b": 2.0}
    held = stage.child("a", policy=HOLDS, deciders=deciders)
    supervisor = stage.supervise(held, stage.child("b", AsyncChild), stage.child("c"))
    await stage.wait(1.0)
    stage.ref("a").tell(Fail())
    await stage.wait(2.0)
    assert supervisor.cell.is_ready
    assert stage.log[-2:] == ["start b", "start c"]
    await stage.wait(100.0)
    assert supervisor.is_alive()
    assert isinstance(await stage.ask("a", Note("no")), ActorHeld)


@simulated()
async def test_a_name_that_is_taken_fails_the_start(stage: Stage) -> None:
    same: ChildSpec[object] = stage.child("same")
    with pytest.raises(SpawnFailed):
        stage.supervise(same, same)


@simulated(seeds=3)
async def test_a_supervisor_that_is_shut_down_while_it_starts_stops_what_it_started(
    stage: Stage,
) -> None:
    stage.start_s = {"b": 2.0}
    supervisor = stage.supervise(stage.child("a"), stage.child("b", AsyncChild), stage.child("c"))
    await stage.wait(1.0)
    supervisor.shut_down(10.0)
    await stage.wait(5.0)
    assert not supervisor.is_alive()
    assert stage.log == [
        "start a",
        "starting b",
        "start b",
        "stopped b",
        "stopped a",
        f"stopped {SUP}",
    ]


@simulated()
async def test_an_error_in_a_start_is_not_told_to_the_log_of_the_system(stage: Stage) -> None:
    stage.bad_starts = {"a": [BadStart("on_start", Oops("secret"))]}
    with pytest.raises(SpawnFailed) as raised:
        stage.supervise(stage.child("a"))
    assert "secret" not in str(raised.value)
