"""What follows when a policy bears no more: stop, escalate, or the supervisor's own end."""

from __future__ import annotations

import pytest

from actors import (
    ActorRef,
    Crashed,
    Directive,
    Envelope,
    Intensity,
    Interceptor,
    Restart,
    RestartPolicy,
    StopChild,
    Terminated,
    Then,
)
from actors.kernel.cell import Cell
from actors.kernel.signals import NORMAL, STOPPED
from actors.testing.probe import Probe
from supervisor import AutoShutdown, ChildFailed, RestartLimitReached, Strategy
from tests.unit.supervision_stage import (
    SUP,
    AsyncChild,
    Fail,
    Finish,
    Oops,
    Stage,
    patient,
    simulated,
)

ONE = Intensity(restarts_max=1, window_s=60.0)
OWN = RestartPolicy(intensity=ONE)


def end_of(watcher: Probe) -> object:
    reason = watcher.only(Terminated).reason
    return type(reason.error) if isinstance(reason, Crashed) else reason


async def crash(stage: Stage, name: str, times: int = 1, error: Exception | None = None) -> None:
    for _ in range(times):
        stage.ref(name).tell(Fail(error or Oops()))
        await stage.wait()


@simulated(seeds=3)
async def test_a_child_whose_policy_stops_is_given_up_and_the_rest_goes_on(stage: Stage) -> None:
    policy = RestartPolicy(intensity=ONE, then=Then.STOP)
    supervisor = stage.supervise(stage.child("a"), stage.child("b", policy=policy))
    watcher = Probe(stage.system, watch=(stage.ref("b"),))
    await crash(stage, "b", 2)
    assert end_of(watcher) is Oops
    assert stage.of("a") == ["start"]
    assert supervisor.is_alive()


@simulated(seeds=3)
async def test_a_child_whose_policy_escalates_fails_its_supervisor(stage: Stage) -> None:
    supervisor = stage.supervise(stage.child("a"), stage.child("b", policy=OWN), stage.child("c"))
    watcher, sibling = (Probe(stage.system, watch=(ref,)) for ref in (supervisor, stage.ref("b")))
    await crash(stage, "b", 2)
    assert end_of(watcher) is RestartLimitReached
    assert end_of(sibling) is Oops, "monitors hear the child's own reason"
    assert stage.log[-4:] == ["crashed b", "stopped c", "stopped a", f"crashed {SUP}"]


@pytest.mark.parametrize(("then", "alive"), [(Then.STOP, True), (Then.ESCALATE, False)])
@simulated(seeds=3)
async def test_an_error_that_does_not_count_is_never_tried_again(
    stage: Stage, then: Then, alive: bool
) -> None:
    policy = RestartPolicy(counts=(Oops,), intensity=ONE, then=then)
    supervisor = stage.supervise(stage.child("b", policy=policy))
    watcher = Probe(stage.system, watch=(supervisor,))
    await crash(stage, "b", error=KeyError())
    assert stage.of("b") == ["start", "crashed"]
    assert supervisor.is_alive() is alive
    if not alive:
        assert end_of(watcher) is ChildFailed


@simulated(seeds=3)
async def test_an_own_intensity_spares_the_supervisors_budget(stage: Stage) -> None:
    policy = RestartPolicy(intensity=Intensity(restarts_max=10, window_s=60.0))
    supervisor = stage.supervise(stage.child("a"), stage.child("b", policy=policy), intensity=ONE)
    await crash(stage, "b", 10)
    await crash(stage, "a", 1)
    assert supervisor.is_alive()
    await crash(stage, "a", 1)
    assert not supervisor.is_alive()


@simulated(seeds=3)
async def test_a_decider_can_stop_a_child_or_fail_its_supervisor_at_once(stage: Stage) -> None:
    deciders = ((KeyError, Directive.STOP), (LookupError, Directive.ESCALATE))
    supervisor = stage.supervise(
        stage.child("a", deciders=deciders), stage.child("b", deciders=deciders)
    )
    watcher = Probe(stage.system, watch=(supervisor,))
    await crash(stage, "a", error=KeyError())
    assert stage.of("a") == ["start", "crashed"]
    assert supervisor.is_alive()
    await crash(stage, "b", error=IndexError())
    assert end_of(watcher) is ChildFailed


# --- levels -----------------------------------------------------------------------------------


@simulated(seeds=5)
async def test_a_failure_climbs_level_by_level_until_one_bears_it(stage: Stage) -> None:
    inner = stage.below("inner", stage.child("x"), stage.child("y"), intensity=ONE)
    middle = stage.below("middle", stage.child("m"), inner, intensity=ONE)
    top = stage.supervise(stage.child("t"), middle, intensity=ONE)
    await stage.wait()
    # Two crashes end a life of `inner`; two of those end one of `middle`.
    for crashes in range(1, 5):
        await crash(stage, "middle/inner/x")
        assert top.is_alive()
        assert stage.of("middle").count("crashed") == (1 if crashes == 4 else 0)
    assert stage.of("inner").count("crashed") == 2
    assert stage.of("t") == ["start"]
    await crash(stage, "middle/inner/x", 4)
    assert not top.is_alive()
    assert stage.system.live == 0


@simulated(seeds=5)
async def test_a_supervisor_that_crashes_itself_comes_back_with_new_children(
    stage: Stage,
) -> None:
    class CrashOnStop(Interceptor):
        """The fault: the inner supervisor crashes on the next message it is sent."""

        def receiving(self, cell: Cell, envelope: Envelope) -> float:
            if cell.name == f"{SUP}/inner":
                raise Oops
            return 0.0

    inner = stage.below("inner", stage.child("x"), stage.child("y", AsyncChild))
    supervisor = stage.supervise(stage.child("a"), inner)
    await stage.wait()
    before: ActorRef[object] = stage.ref("inner/x")
    stage.system.interceptors = (CrashOnStop(),)
    stage.ref("inner").tell(StopChild(ref=before))
    await stage.wait()
    assert supervisor.is_alive()
    assert not before.is_alive()
    assert stage.ref("inner/x") is not before
    assert stage.of("x") == ["start", "killed", "start"]
    assert stage.of("a") == ["start"]


# --- significant children ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("auto", "ends"),
    [
        (AutoShutdown.NEVER, []),
        (AutoShutdown.ANY_SIGNIFICANT, ["x"]),
        (AutoShutdown.ALL_SIGNIFICANT, ["x", "y"]),
    ],
    ids=lambda each: getattr(each, "value", ""),
)
@simulated(seeds=3)
async def test_the_end_of_significant_children_ends_the_supervisor_as_it_says(
    stage: Stage, auto: AutoShutdown, ends: list[str]
) -> None:
    lead = {"restart": Restart.TRANSIENT, "is_significant": True}
    supervisor = stage.supervise(
        stage.child("a"),
        stage.child("x", **lead),
        stage.child("y", **lead),
        stage.child("z", restart=Restart.TRANSIENT),
        auto_shutdown=auto,
    )
    watcher = Probe(stage.system, watch=(supervisor,))
    ended: list[str] = []
    for name in ("z", "x", "y"):
        if supervisor.is_alive():
            stage.ref(name).tell(Finish())
            ended += [name] if name != "z" else []
        await stage.wait()
    assert supervisor.is_alive() is (not ends)
    if ends:
        assert ended == ends
        assert end_of(watcher) == NORMAL


@simulated(seeds=3)
async def test_the_supervisor_ends_the_way_its_significant_child_did(stage: Stage) -> None:
    supervisor = stage.supervise(
        stage.child("lead", restart=Restart.TEMPORARY, is_significant=True),
        stage.child("b"),
        auto_shutdown=AutoShutdown.ANY_SIGNIFICANT,
    )
    watcher = Probe(stage.system, watch=(supervisor,))
    await crash(stage, "lead")
    assert end_of(watcher) is Oops


@simulated(seeds=3)
async def test_a_significant_child_that_is_restarted_or_stopped_by_order_ends_nothing(
    stage: Stage,
) -> None:
    lead = {"restart": Restart.TRANSIENT, "is_significant": True}
    supervisor = stage.supervise(
        stage.child("x", **lead),
        stage.child("y", **lead),
        auto_shutdown=AutoShutdown.ANY_SIGNIFICANT,
    )
    await crash(stage, "x")
    supervisor.tell(StopChild(ref=stage.ref("y")))
    await stage.wait()
    assert supervisor.is_alive()
    assert stage.of("x")[-1] == "start"


@simulated(seeds=3)
async def test_a_supervisor_that_gives_up_stops_who_waits_out_a_backoff(stage: Stage) -> None:
    supervisor = stage.supervise(
        stage.child("a", policy=patient(30.0)),
        stage.child("b", policy=OWN),
        strategy=Strategy.ONE_FOR_ONE,
    )
    waiting = Probe(stage.system, watch=(stage.ref("a"),))
    stage.ref("a").kill()
    await crash(stage, "b", 2)
    assert not supervisor.is_alive()
    assert end_of(waiting) == STOPPED
