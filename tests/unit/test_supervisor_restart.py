"""Restarts: in place, in order, never lost, never sooner than the backoff says."""

from __future__ import annotations

from itertools import pairwise

import pytest

from actors import (
    Backoff,
    Intensity,
    Restart,
    RestartPolicy,
    StartChild,
    StartedChild,
    Terminated,
)
from actors.kernel.signals import STOPPED
from actors.testing.probe import Probe
from supervisor import Strategy
from tests.unit.supervision_stage import (
    AsyncChild,
    BadStart,
    Child,
    Fail,
    Finish,
    Note,
    PlainChild,
    Stage,
    ThreadChild,
    patient,
    simulated,
)

OFTEN = Intensity(restarts_max=1_000, window_s=60.0)
KINDS = (PlainChild, AsyncChild, ThreadChild)


class Refused(Exception):
    """A failure that says when to come again."""

    def __init__(self, retry_after_s: float) -> None:
        self.retry_after_s = retry_after_s


@pytest.mark.parametrize("kind", KINDS)
@simulated(seeds=3)
async def test_a_restart_keeps_the_address_and_the_mail_and_drops_the_poison(
    stage: Stage, kind: type[Child]
) -> None:
    stage.supervise(stage.child("a", kind))
    await stage.wait()
    subject = stage.ref("a")
    for message in (Note("one"), Fail(), Note("two"), Note("three")):
        subject.tell(message)
    await stage.wait()
    seen = [line for line in stage.of("a") if line != "starting"]
    assert seen == ["start", "one", "crashed", "start", "two", "three"]
    assert stage.ref("a") is subject


@simulated(seeds=3)
async def test_a_monitor_hears_of_the_end_for_good_and_not_of_restarts(stage: Stage) -> None:
    supervisor = stage.supervise(stage.child("a"))
    watcher = Probe(stage.system, watch=(stage.ref("a"),))
    await stage.wait()
    for _ in range(3):
        stage.ref("a").tell(Fail())
    await stage.wait()
    assert watcher.seen == []
    supervisor.shut_down(5.0)
    await stage.wait()
    assert watcher.only(Terminated).reason == STOPPED


@pytest.mark.parametrize("strategy", list(Strategy), ids=lambda each: each.value)
@simulated(seeds=60)
async def test_no_restart_is_lost_however_failures_overlap(
    stage: Stage, strategy: Strategy
) -> None:
    """Children fail while siblings start, stop, back off and fail to start; then it is quiet."""
    choose = stage.loop.choose
    names = ("a", "b", "c", "d")
    for name in names:
        stage.start_s[name] = choose(4, "start") / 2
    waits = [choose(3, "backoff") for _ in names]
    children = [
        stage.child(name, KINDS[choose(3, "kind")], policy=patient(float(wait_s)))
        for name, wait_s in zip(names, waits, strict=True)
    ]
    supervisor = stage.supervise(*children, strategy=strategy, intensity=OFTEN)
    await stage.wait(10.0)
    for _ in range(12):
        subject = stage.ref(names[choose(4, "who")])
        match choose(4, "how"):
            case 0:
                subject.kill()
            case 1:
                subject.tell(Fail())
            case 2:
                subject.shut_down(1.0)
            case _:
                stage.bad_starts[names[choose(4, "whose")]] = [BadStart("on_start")]
        await stage.wait(choose(30, "gap") / 10)
    stage.bad_starts.clear()
    await stage.wait(60.0)
    assert supervisor.is_alive()
    for name in names:
        assert await stage.ask(name, Note("here")) == "here"


@simulated(seeds=5)
async def test_a_sibling_restarted_in_the_group_keeps_its_own_longer_backoff(stage: Stage) -> None:
    stage.supervise(
        stage.child("a", policy=patient(1.0)),
        stage.child("b"),
        stage.child("c", policy=patient(5.0)),
        strategy=Strategy.REST_FOR_ONE,
    )
    await stage.wait()
    stage.take_log()
    stage.ref("c").kill()
    await stage.wait()
    stage.ref("a").kill()
    await stage.wait(4.4)
    assert stage.take_log() == ["killed c", "killed a", "stopped b", "start a", "start b"]
    await stage.wait(0.2)
    assert stage.log == ["start c"]


@simulated(seeds=10)
async def test_siblings_that_crash_together_count_as_one_failure(stage: Stage) -> None:
    supervisor = stage.supervise(
        *(stage.child(name) for name in "abcd"),
        strategy=Strategy.ONE_FOR_ALL,
        intensity=Intensity(restarts_max=1, window_s=60.0),
    )
    await stage.wait()
    for name in "abcd":
        stage.ref(name).kill()
    await stage.wait()
    assert supervisor.is_alive()
    assert all(stage.of(name) == ["start", "killed", "start"] for name in "abcd")


@simulated(seeds=3)
async def test_a_temporary_sibling_that_a_group_restart_stops_stays_down(stage: Stage) -> None:
    stage.supervise(
        stage.child("a"),
        stage.child("b", restart=Restart.TEMPORARY),
        stage.child("c", restart=Restart.TRANSIENT),
        strategy=Strategy.ONE_FOR_ALL,
    )
    await stage.wait()
    stage.ref("a").kill()
    await stage.wait()
    assert stage.of("b") == ["start", "stopped"]
    assert stage.of("c") == ["start", "stopped", "start"]


# --- how fast ---------------------------------------------------------------------------------


async def waits_after(stage: Stage, policy: RestartPolicy, errors: list[Exception]) -> list[float]:
    """Crash the child as soon as it is back; return the seconds until each restart."""
    stage.supervise(stage.child("a", policy=policy), intensity=OFTEN)
    starts_s = [stage.now_s()]
    for error in errors:
        stage.take_log()
        stage.ref("a").tell(Fail(error))
        while "start a" not in stage.log:
            await stage.wait(0.001)
        starts_s.append(stage.now_s())
    return [round(b - a, 2) for a, b in pairwise(starts_s)]


@simulated()
async def test_the_wait_doubles_up_to_its_maximum(stage: Stage) -> None:
    policy = RestartPolicy(backoff=Backoff(min_s=1.0, max_s=6.0))
    assert await waits_after(stage, policy, [KeyError()] * 5) == [1, 2, 4, 6, 6]


@simulated()
async def test_jitter_takes_up_to_its_share_off_and_never_adds(stage: Stage) -> None:
    policy = RestartPolicy(backoff=Backoff(min_s=4.0, max_s=4.0, jitter=0.5))
    waits_s = await waits_after(stage, policy, [KeyError()] * 10)
    assert all(2.0 <= wait_s <= 4.0 for wait_s in waits_s)
    assert len(set(waits_s)) > 5


@simulated()
async def test_a_retry_after_is_a_floor_up_to_its_cap(stage: Stage) -> None:
    policy = RestartPolicy(backoff=Backoff(min_s=1.0, max_s=1.0, jitter=1.0, floor_max_s=20.0))
    errors: list[Exception] = [Refused(7.0), Refused(300.0), Refused(float("inf")), Refused(-5.0)]
    waits_s = await waits_after(stage, policy, errors)
    assert waits_s[:3] == [7, 20, 20]
    assert waits_s[3] <= 1


@simulated()
async def test_a_healthy_life_takes_the_wait_back_to_its_minimum(stage: Stage) -> None:
    policy = RestartPolicy(backoff=Backoff(min_s=1.0, max_s=60.0, reset_after_s=30.0))
    stage.supervise(stage.child("a", policy=policy), intensity=OFTEN)
    for _ in range(4):
        stage.ref("a").tell(Fail())
        await stage.wait(20.0)
    stage.take_log()
    await stage.wait(30.0)
    stage.ref("a").tell(Fail())
    await stage.wait(1.1)
    assert stage.log == ["crashed a", "start a"]


@pytest.mark.parametrize("kind", [PlainChild, AsyncChild])
@simulated()
async def test_time_spent_down_is_no_healthy_life(stage: Stage, kind: type[Child]) -> None:
    policy = RestartPolicy(backoff=Backoff(min_s=8.0, max_s=64.0, reset_after_s=30.0))
    stage.supervise(stage.child("a", kind, policy=policy), intensity=OFTEN)
    await stage.wait()
    stage.bad_starts["a"] = [BadStart("on_start") for _ in range(4)]
    stage.ref("a").kill()
    await stage.wait(8.0 + 16.0 + 32.0 + 64.0 + 63.0)
    assert stage.bad_starts["a"] == []
    assert stage.of("a").count("start") == 1, "the fifth wait is as long as the longest"
    await stage.wait(2.0)
    assert stage.of("a")[-1] == "start"


@simulated()
async def test_two_thousand_restarts_neither_overflow_nor_pile_up(stage: Stage) -> None:
    policy = RestartPolicy(
        backoff=Backoff(min_s=0.5, max_s=2.0),
        intensity=Intensity(restarts_max=3_000, window_s=10_000.0),
    )
    stage.supervise(stage.child("a", policy=policy))
    stage.ref("a").kill()
    stage.bad_starts["a"] = [BadStart("constructor") for _ in range(2_000)]
    await stage.wait(4_100.0)
    assert stage.ref("a").cell.life == 2_002
    assert await stage.ask("a", Note("here")) == "here"


@simulated()
async def test_restarts_outside_the_window_are_forgotten(stage: Stage) -> None:
    supervisor = stage.supervise(
        stage.child("a"), intensity=Intensity(restarts_max=1, window_s=10.0)
    )
    for _ in range(10):
        stage.ref("a").tell(Fail())
        await stage.wait(10.5)
    assert supervisor.is_alive()


# --- children added later ---------------------------------------------------------------------


@simulated(seeds=3)
async def test_a_child_added_later_is_last_in_order(stage: Stage) -> None:
    supervisor = stage.supervise(stage.child("a"), stage.child("b"), strategy=Strategy.REST_FOR_ONE)
    asker = Probe(stage.system)
    supervisor.tell(StartChild(spec=stage.child("c"), reply_to=asker.ref, token=3))
    await stage.wait()
    assert asker.only(StartedChild) == StartedChild(ref=stage.ref("c"), token=3)
    stage.take_log()
    stage.ref("b").kill()
    await stage.wait()
    assert stage.log == ["killed b", "stopped c", "start b", "start c"]


@simulated()
async def test_children_that_came_and_went_leave_room_for_others(stage: Stage) -> None:
    supervisor = stage.supervise()
    asker = Probe(stage.system)
    for number in range(1_100):
        spec = stage.child(f"n{number}", restart=Restart.TRANSIENT)
        supervisor.tell(StartChild(spec=spec, reply_to=asker.ref))
        await stage.wait(0.01)
        stage.ref(f"n{number}").tell(Finish())
        await stage.wait(0.01)
    assert len(asker.of(StartedChild)) == 1_100


@simulated(seeds=5)
async def test_killing_a_child_between_two_lives_does_not_lose_it(stage: Stage) -> None:
    stage.supervise(stage.child("a", policy=patient(5.0)))
    await stage.wait()
    stage.ref("a").kill()
    await stage.wait()
    stage.ref("a").kill()
    stage.ref("a").shut_down(1.0)
    await stage.wait(6.0)
    assert stage.of("a") == ["start", "killed", "start"]


@simulated(seeds=5)
async def test_a_transient_child_shut_down_between_two_lives_is_over(stage: Stage) -> None:
    policy = patient(5.0)
    supervisor = stage.supervise(stage.child("a", restart=Restart.TRANSIENT, policy=policy))
    await stage.wait()
    subject = stage.ref("a")
    subject.kill()
    await stage.wait()
    subject.shut_down(1.0)
    await stage.wait(6.0)
    assert stage.of("a") == ["start", "killed"]
    assert not subject.is_alive()
    assert supervisor.is_alive()
