"""The breaker is a restart policy: held children refuse at once, then one probe decides."""

from __future__ import annotations

from dataclasses import replace

import pytest

from actors import (
    ActorHeld,
    AskTimedOut,
    Backoff,
    Directive,
    Intensity,
    MailboxFull,
    Restart,
    RestartPolicy,
    Then,
)
from supervisor import Strategy
from tests.unit.supervision_stage import (
    AsyncChild,
    BadStart,
    Child,
    Fail,
    Finish,
    Note,
    Oops,
    PlainChild,
    Stage,
    Take,
    ThreadChild,
    simulated,
)

HOLD_S = 10.0
BREAKER = RestartPolicy(
    counts=(Oops,),
    intensity=Intensity(restarts_max=2, window_s=60.0),
    then=Then.HOLD,
    hold_s=HOLD_S,
)
ISOLATE = ((Oops, Directive.ISOLATE), (KeyError, Directive.ISOLATE))
KINDS = (PlainChild, AsyncChild, ThreadChild)


class ComeBackLater(Oops):
    """A failure that names its own wait."""

    retry_after_s = 25.0


async def fail(stage: Stage, times: int, error: Exception | None = None) -> None:
    for _ in range(times):
        stage.ref("a").tell(Fail(error or Oops()))
        await stage.wait(0.1)


def is_held(answer: object, *, for_s: float, within_s: float = 0.5) -> bool:
    return isinstance(answer, ActorHeld) and for_s - within_s <= answer.retry_after_s <= for_s


@pytest.mark.parametrize("deciders", [(), ISOLATE], ids=["crashing", "isolating"])
@pytest.mark.parametrize("kind", KINDS)
@simulated(seeds=3)
async def test_too_many_failures_hold_a_child_and_one_good_probe_frees_it(
    stage: Stage, kind: type[Child], deciders: tuple[tuple[type[Exception], Directive], ...]
) -> None:
    supervisor = stage.supervise(stage.child("a", kind, policy=BREAKER, deciders=deciders))
    await stage.wait()
    await fail(stage, 2)
    assert await stage.ask("a", Note("still")) == "still"
    await fail(stage, 1)
    assert is_held(await stage.ask("a", Note("no")), for_s=HOLD_S)
    assert stage.ref("a").offer(Note("no")) is False
    await stage.wait(HOLD_S)
    assert await stage.ask("a", Note("probe")) == "probe"
    assert [await stage.ask("a", Note("free")) for _ in range(3)] == ["free"] * 3
    assert supervisor.is_alive()
    lives = 1 if deciders else 4
    assert stage.ref("a").cell.life == lives


@pytest.mark.parametrize("deciders", [(), ISOLATE], ids=["crashing", "isolating"])
@pytest.mark.parametrize("kind", KINDS)
@simulated(seeds=3)
async def test_a_bad_probe_holds_the_child_again(
    stage: Stage, kind: type[Child], deciders: tuple[tuple[type[Exception], Directive], ...]
) -> None:
    stage.supervise(stage.child("a", kind, policy=BREAKER, deciders=deciders))
    await stage.wait()
    await fail(stage, 3)
    for _ in range(3):
        await stage.wait(HOLD_S)
        await fail(stage, 1)
        assert is_held(await stage.ask("a", Note("no")), for_s=HOLD_S)


@pytest.mark.parametrize("deciders", [(), ISOLATE], ids=["crashing", "isolating"])
@simulated(seeds=5)
async def test_only_one_probe_is_let_through(
    stage: Stage, deciders: tuple[tuple[type[Exception], Directive], ...]
) -> None:
    stage.supervise(stage.child("a", AsyncChild, policy=BREAKER, deciders=deciders))
    await stage.wait()
    await fail(stage, 3)
    await stage.wait(HOLD_S + 0.5)
    subject = stage.ref("a")
    assert [subject.offer(Take(1.0)) for _ in range(4)] == [True, False, False, False]
    await stage.wait(0.9)
    assert isinstance(await stage.ask("a", Note("no")), ActorHeld)
    await stage.wait(0.2)
    assert await stage.ask("a", Note("free")) == "free"


@simulated(seeds=3)
async def test_a_breaker_that_needs_two_probes_takes_them_one_by_one(stage: Stage) -> None:
    policy = RestartPolicy(
        intensity=Intensity(restarts_max=0, window_s=60.0),
        then=Then.HOLD,
        hold_s=HOLD_S,
        probes_needed=2,
    )
    stage.supervise(stage.child("a", policy=policy))
    await stage.wait()
    await fail(stage, 1)
    await stage.wait(HOLD_S)
    offered: list[bool] = []
    for _ in range(3):
        offered += [stage.ref("a").offer(Note("probe")), stage.ref("a").offer(Note("other"))]
        await stage.wait(0.1)
    assert offered == [True, False, True, False, True, True]


@simulated(seeds=3)
async def test_a_probe_that_nobody_waits_for_any_more_is_not_lost(stage: Stage) -> None:
    stage.supervise(stage.child("a", policy=BREAKER))
    await stage.wait()
    await fail(stage, 3)
    await stage.wait(HOLD_S)
    given_up = stage.ref("a").ask(Note("probe"), block=False)
    given_up.cancel()
    await stage.wait(0.1)
    assert await stage.ask("a", Note("probe")) == "probe"


@simulated(seeds=3)
async def test_what_was_queued_is_refused_when_the_hold_begins(stage: Stage) -> None:
    stage.supervise(stage.child("a", AsyncChild, policy=BREAKER))
    await stage.wait()
    await fail(stage, 2)
    subject = stage.ref("a")
    subject.tell(Take(1.0))
    subject.tell(Fail())
    waiting = subject.ask(Note("queued"), block=False, timeout=5.0)
    await stage.wait(2.0)
    assert isinstance(waiting.error, ActorHeld)


@pytest.mark.parametrize("deciders", [(), ISOLATE], ids=["crashing", "isolating"])
@simulated(seeds=3)
async def test_a_retry_after_makes_the_hold_longer_up_to_the_cap(
    stage: Stage, deciders: tuple[tuple[type[Exception], Directive], ...]
) -> None:
    policy = replace(BREAKER, backoff=Backoff(floor_max_s=15.0))
    stage.supervise(stage.child("a", policy=policy, deciders=deciders))
    await stage.wait()
    restart_s = 0.1 if deciders else 15.1
    for wait_s in (restart_s, restart_s, 0.1):
        stage.ref("a").tell(Fail(ComeBackLater()))
        await stage.wait(wait_s)
    assert is_held(await stage.ask("a", Note("no")), for_s=15.0)


@simulated(seeds=3)
async def test_an_isolated_error_that_does_not_count_changes_nothing(stage: Stage) -> None:
    stage.supervise(stage.child("a", policy=BREAKER, deciders=ISOLATE))
    await stage.wait()
    await fail(stage, 10, KeyError())
    assert await stage.ask("a", Note("fine")) == "fine"


@simulated(seeds=3)
async def test_a_crash_that_does_not_count_holds_at_once(stage: Stage) -> None:
    stage.supervise(stage.child("a", policy=BREAKER))
    await stage.wait()
    await fail(stage, 1, KeyError())
    assert is_held(await stage.ask("a", Note("no")), for_s=HOLD_S)
    await stage.wait(HOLD_S)
    assert await stage.ask("a", Note("probe")) == "probe"


@simulated(seeds=3)
async def test_without_an_intensity_of_its_own_the_supervisors_budget_counts(
    stage: Stage,
) -> None:
    policy = RestartPolicy(then=Then.HOLD, hold_s=HOLD_S)
    supervisor = stage.supervise(
        stage.child("a", policy=policy), intensity=Intensity(restarts_max=2, window_s=60.0)
    )
    await fail(stage, 2)
    assert supervisor.is_alive()
    await fail(stage, 1)
    assert not supervisor.is_alive()


@simulated(seeds=3)
async def test_a_probe_that_cannot_start_holds_the_child_again(stage: Stage) -> None:
    supervisor = stage.supervise(stage.child("a", policy=BREAKER))
    await stage.wait()
    await fail(stage, 3)
    stage.bad_starts["a"] = [BadStart("on_start")]
    await stage.wait(HOLD_S + 0.5)
    assert isinstance(await stage.ask("a", Note("no")), ActorHeld)
    await stage.wait(HOLD_S)
    assert await stage.ask("a", Note("probe")) == "probe"
    assert supervisor.is_alive()


@simulated(seeds=5)
async def test_a_held_child_that_ends_for_good_is_forgotten(stage: Stage) -> None:
    supervisor = stage.supervise(
        stage.child("a", policy=BREAKER, deciders=ISOLATE, restart=Restart.TRANSIENT)
    )
    await stage.wait()
    await fail(stage, 3)
    stage.ref("a").shut_down(1.0)
    await stage.wait(3 * HOLD_S)
    assert stage.of("a") == ["start", "stopped"]
    assert stage.find("a") is None
    assert supervisor.is_alive()


@simulated(seeds=5)
async def test_a_held_child_that_crashes_in_its_old_work_waits_for_its_probe(
    stage: Stage,
) -> None:
    class Late(AsyncChild):
        async def receive(self, message: object) -> object:
            if isinstance(message, Take):
                self.pipe_to_self(self.stage.wait(message.seconds), lambda _: Finish())
                return None
            return await super().receive(message)

    stage.supervise(stage.child("a", Late, policy=BREAKER, deciders=ISOLATE))
    await stage.wait()
    stage.ref("a").tell(Take(2.0))
    await fail(stage, 3)
    await stage.wait(3.0)
    assert stage.of("a")[-1] == "normal"
    assert isinstance(await stage.ask("a", Note("no")), ActorHeld)
    await stage.wait(HOLD_S - 3.0)
    assert await stage.ask("a", Note("probe")) == "probe"


@simulated(seeds=3)
async def test_a_held_child_that_lives_on_is_renewed_with_its_group(stage: Stage) -> None:
    stage.supervise(
        stage.child("a", policy=BREAKER, deciders=ISOLATE),
        stage.child("b"),
        strategy=Strategy.ONE_FOR_ALL,
    )
    await stage.wait()
    await fail(stage, 3)
    stage.ref("b").kill()
    await stage.wait()
    assert isinstance(await stage.ask("a", Note("no")), ActorHeld)
    await stage.wait(HOLD_S)
    assert await stage.ask("a", Note("probe")) == "probe"
    assert stage.of("a") == ["start", "stopped", "start", "probe"]


@simulated(seeds=3)
async def test_a_supervisor_stops_a_held_child_like_any_other(stage: Stage) -> None:
    supervisor = stage.supervise(
        stage.child("a", policy=BREAKER, deciders=ISOLATE), stage.child("b")
    )
    await stage.wait()
    await fail(stage, 3)
    supervisor.shut_down(5.0)
    await stage.wait()
    assert stage.of("a") == ["start", "stopped"]
    assert not supervisor.is_alive()


@simulated(seeds=3)
async def test_being_held_is_neither_slow_nor_full(stage: Stage) -> None:
    stage.supervise(stage.child("a", policy=BREAKER))
    await stage.wait()
    await fail(stage, 3)
    began_s = stage.now_s()
    answers = [await stage.ask("a", Note("no")) for _ in range(100)]
    assert stage.now_s() == began_s
    assert not any(isinstance(answer, MailboxFull | AskTimedOut) for answer in answers)


@simulated()
async def test_failures_far_apart_never_hold(stage: Stage) -> None:
    policy = RestartPolicy(
        intensity=Intensity(restarts_max=1, window_s=10.0),
        then=Then.HOLD,
        backoff=Backoff(min_s=1.0, max_s=1.0),
    )
    stage.supervise(stage.child("a", policy=policy))
    for _ in range(5):
        await stage.wait(10.0)
        await fail(stage, 1)
        await stage.wait(1.0)
        assert await stage.ask("a", Note("up")) == "up"
