"""Children on demand: bounded, independent, each kept by its own spec."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from actors import (
    ActorRef,
    Children,
    ChildSpec,
    Crashed,
    Directive,
    Intensity,
    ListChildren,
    Restart,
    RestartPolicy,
    StartChild,
    StartedChild,
    StartRefused,
    StopChild,
    Terminated,
    Then,
)
from actors.testing.probe import Probe
from supervisor import ChildFailed, DynamicSupervisor, RestartLimitReached
from tests.unit.supervision_stage import (
    SUP,
    AsyncChild,
    BadStart,
    Child,
    Fail,
    Finish,
    Note,
    Oops,
    PlainChild,
    SlowlyStopping,
    Stage,
    Take,
    ThreadChild,
    patient,
    simulated,
)

KINDS = (PlainChild, AsyncChild, ThreadChild)
OFTEN = Intensity(restarts_max=10_000, window_s=60.0)


class Desk:
    """The supervisor under test and somebody who asks it."""

    def __init__(self, stage: Stage, children_max: int = 100, **options: Any) -> None:
        self.stage = stage
        start = partial(DynamicSupervisor, children_max=children_max, **options)
        self.supervisor: ActorRef[Any] = stage.system.spawn(ChildSpec(start=start, name=SUP))
        self.asker = Probe(stage.system)
        self.watcher = Probe(stage.system, watch=(self.supervisor,))

    async def start(
        self, label: str, kind: type[Child] = PlainChild, **wishes: Any
    ) -> StartedChild | StartRefused:
        """Ask for one more child and return the answer."""
        self.asker.seen.clear()
        spec = self.stage.child(label, kind, **wishes)
        self.supervisor.tell(StartChild(spec=spec, reply_to=self.asker.ref, token=1))
        await self.stage.wait(0.2)
        answers = [
            each for each in self.asker.seen if isinstance(each, StartedChild | StartRefused)
        ]
        assert len(answers) == 1
        return answers[0]

    async def list(self) -> tuple[ActorRef[Any], ...]:
        """Ask who lives."""
        self.asker.seen.clear()
        self.supervisor.tell(ListChildren(reply_to=self.asker.ref))
        await self.stage.wait(0.1)
        return self.asker.only(Children).refs

    @property
    def end(self) -> object:
        """The error that the supervisor failed with, or how else it ended."""
        reason = self.watcher.only(Terminated).reason
        return type(reason.error) if isinstance(reason, Crashed) else reason


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("restart", list(Restart), ids=lambda each: each.value)
@pytest.mark.parametrize("reason", ["normal", "stopped", "crashed", "killed"])
@simulated()
async def test_a_child_is_restarted_by_its_own_kind(
    stage: Stage, reason: str, restart: Restart, kind: type[Child]
) -> None:
    desk = Desk(stage)
    await desk.start("a", kind, restart=restart)
    subject = stage.ref("a")
    match reason:
        case "normal":
            subject.tell(Finish())
        case "stopped":
            subject.shut_down(5.0)
        case "crashed":
            subject.tell(Fail())
        case _:
            subject.kill()
    await stage.wait()
    is_abnormal = reason in ("crashed", "killed")
    is_back = restart is Restart.PERMANENT or (restart is Restart.TRANSIENT and is_abnormal)
    assert subject.is_alive() is is_back
    assert len(await desk.list()) == int(is_back)
    assert stage.of("a").count("start") == 1 + int(is_back)


@simulated(seeds=3)
async def test_one_child_too_many_is_refused_until_another_has_gone(stage: Stage) -> None:
    desk = Desk(stage, children_max=2)
    assert isinstance(await desk.start("a"), StartedChild)
    assert isinstance(await desk.start("b", restart=Restart.TEMPORARY), StartedChild)
    assert await desk.start("c") == StartRefused(reason="full", token=1)
    stage.ref("b").tell(Finish())
    await stage.wait()
    assert isinstance(await desk.start("c"), StartedChild)


@simulated()
async def test_a_child_that_waits_out_a_backoff_keeps_its_place(stage: Stage) -> None:
    desk = Desk(stage, children_max=1)
    await desk.start("a", policy=patient(5.0))
    stage.ref("a").kill()
    await stage.wait()
    assert isinstance(await desk.start("b"), StartRefused)
    await stage.wait(5.0)
    assert stage.of("a") == ["start", "killed", "start"]


@pytest.mark.parametrize("where", ["constructor", "on_start"])
@simulated()
async def test_a_start_that_fails_is_told_to_the_asker(stage: Stage, where: str) -> None:
    desk = Desk(stage)
    stage.bad_starts["a"] = [BadStart(where)]
    answer = await desk.start("a")
    assert isinstance(answer, StartRefused)
    assert answer.reason == "did not start"
    assert await desk.list() == ()


@pytest.mark.parametrize("kind", KINDS)
@simulated(seeds=5)
async def test_a_child_that_is_stopped_while_it_starts_does_not_come_back(
    stage: Stage, kind: type[Child]
) -> None:
    desk = Desk(stage)
    stage.start_s["a"] = 1.0
    answer = await desk.start("a", kind)
    assert isinstance(answer, StartedChild)
    desk.supervisor.tell(StopChild(ref=answer.ref))
    await stage.wait(5.0)
    assert not answer.ref.is_alive()
    assert stage.of("a")[-2:] == ["start", "stopped"]


@simulated(seeds=30)
async def test_a_stop_order_that_races_a_crash_wins(stage: Stage) -> None:
    desk = Desk(stage, intensity=OFTEN)
    kind = KINDS[stage.loop.choose(3, "kind")]
    await desk.start("a", kind, policy=patient(stage.loop.choose(3, "backoff") / 100))
    subject = stage.ref("a")
    subject.tell(Fail())
    await stage.wait(stage.loop.choose(40, "gap") / 1000)
    desk.supervisor.tell(StopChild(ref=subject))
    await stage.wait()
    assert not subject.is_alive()
    assert await desk.list() == ()


@simulated(seeds=40)
async def test_no_restart_is_lost_however_failures_overlap(stage: Stage) -> None:
    desk = Desk(stage, intensity=OFTEN)
    choose = stage.loop.choose
    names = ("a", "b", "c", "d")
    for name in names:
        stage.start_s[name] = choose(4, "start") / 2
        wait_s = float(choose(3, "backoff"))
        await desk.start(name, KINDS[choose(3, "kind")], policy=patient(wait_s))
    for _ in range(12):
        subject = stage.ref(names[choose(4, "who")])
        match choose(3, "how"):
            case 0:
                subject.kill()
            case 1:
                subject.tell(Fail())
            case _:
                stage.bad_starts[names[choose(4, "whose")]] = [BadStart("on_start")]
        await stage.wait(choose(30, "gap") / 10)
    stage.bad_starts.clear()
    await stage.wait(30.0)
    for name in names:
        assert await stage.ask(name, Note("here")) == "here"


@simulated()
async def test_a_start_that_fails_a_thousand_times_in_a_row_blocks_nobody(stage: Stage) -> None:
    desk = Desk(stage, intensity=OFTEN)
    await desk.start("a")
    await desk.start("b")
    stage.bad_starts["a"] = [BadStart("constructor") for _ in range(2_000)]
    stage.ref("a").kill()
    assert await stage.ask("b", Note("here")) == "here"
    assert stage.bad_starts["a"], "the answer came before the last try"
    await stage.wait()
    assert await stage.ask("a", Note("here")) == "here"


@simulated()
async def test_a_thousand_children_come_and_go(stage: Stage) -> None:
    desk = Desk(stage, children_max=1_000)
    specs = [
        stage.child(f"n{number}", KINDS[number % 2], restart=Restart.TEMPORARY)
        for number in range(1_000)
    ]
    for spec in specs:
        desk.supervisor.tell(StartChild(spec=spec, reply_to=desk.asker.ref, monitor=True))
    await stage.wait()
    started = desk.asker.of(StartedChild)
    assert len(started) == 1_000
    for index, each in enumerate(started):
        if index % 2:
            each.ref.tell(Finish())
        else:
            desk.supervisor.tell(StopChild(ref=each.ref))
    await stage.wait()
    assert len(desk.asker.of(Terminated)) == 1_000
    assert stage.system.live == 3, "the supervisor and the two probes"


# --- the end ----------------------------------------------------------------------------------


@simulated(seeds=3)
async def test_too_many_restarts_fail_the_supervisor_after_its_children_have_stopped(
    stage: Stage,
) -> None:
    desk = Desk(stage, intensity=Intensity(restarts_max=1, window_s=60.0))
    stage.start_s["b"] = 2.0
    await desk.start("a")
    await desk.start("b", SlowlyStopping)
    for _ in range(2):
        stage.ref("a").kill()
        await stage.wait()
    assert stage.log[-1] == "stopping b"
    await stage.wait(2.0)
    assert desk.end is RestartLimitReached
    assert stage.log[-2:] == ["stopped b", f"crashed {SUP}"]


@pytest.mark.parametrize(
    ("error", "then", "end"),
    [
        (Oops(), Then.ESCALATE, RestartLimitReached),
        (KeyError(), Then.ESCALATE, ChildFailed),
        (Oops(), Then.STOP, None),
        (KeyError(), Then.STOP, None),
    ],
)
@simulated()
async def test_a_policy_that_bears_no_more_does_what_it_says(
    stage: Stage, error: Exception, then: Then, end: type[Exception] | None
) -> None:
    desk = Desk(stage)
    intensity = Intensity(restarts_max=0, window_s=60.0)
    policy = RestartPolicy(counts=(Oops,), intensity=intensity, then=then)
    await desk.start("a", policy=policy)
    stage.ref("a").tell(Fail(error))
    await stage.wait()
    if end is None:
        assert await desk.list() == ()
    else:
        assert desk.end is end


@simulated()
async def test_a_child_that_escalates_fails_the_supervisor(stage: Stage) -> None:
    desk = Desk(stage)
    await desk.start("a", deciders=((Oops, Directive.ESCALATE),))
    stage.ref("a").tell(Fail())
    await stage.wait()
    assert desk.end is ChildFailed


@simulated(seeds=3)
async def test_all_children_stop_at_once_within_the_one_deadline(stage: Stage) -> None:
    desk = Desk(stage)
    for name in "abc":
        await desk.start(name, AsyncChild, shutdown_s=20.0)
        stage.ref(name).tell(Take(float("inf")))
    await stage.wait()
    desk.supervisor.shut_down(3.0)
    await stage.wait(2.9)
    assert desk.supervisor.is_alive()
    assert isinstance(await desk.start("d"), StartRefused)
    await stage.wait(0.2)
    assert not desk.supervisor.is_alive()
    assert [stage.of(name)[-1] for name in "abc"] == ["killed"] * 3


@pytest.mark.parametrize("is_dynamic", [True, False])
@simulated()
async def test_no_timer_is_left_of_a_child_that_was_stopped_in_its_backoff(
    stage: Stage, is_dynamic: bool
) -> None:
    if is_dynamic:
        supervisor = Desk(stage).supervisor
        supervisor.tell(StartChild(spec=stage.child("a", policy=patient(600.0))))
    else:
        supervisor = stage.supervise(stage.child("a", policy=patient(600.0)))
    await stage.wait()
    child = stage.ref("a")
    child.tell(Fail())
    await stage.wait()
    assert supervisor.cell.timers
    supervisor.tell(StopChild(ref=child))
    await stage.wait()
    assert not child.is_alive()
    assert not supervisor.cell.timers
