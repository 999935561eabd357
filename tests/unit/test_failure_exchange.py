"""A breaker that opens in one worker holds in the others (SPEC 194, 196)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from actors import Backoff, Intensity
from supervisor import Admitted, Refusal, Refused
from supervisor.failure_exchange import EXCHANGE_AGAIN_S, NEWS_MAX
from tests.unit.cluster_stage import Cluster, cluster
from tests.unit.gate_hall import HOLD_S, POLICY, Hall
from tests.unit.supervision_stage import Oops, Stage, simulated

# By when the others have heard: a look at the board, and what threads take.
HEARD_S = 1.0

PATIENT = replace(POLICY, backoff=Backoff(floor_max_s=60.0))


class Busy(Oops):
    """A failure that says when to come again."""

    retry_after_s = 40.0


async def is_held(hall: Hall, key: str = "user:u") -> bool:
    answer = await hall.answer("look", key)
    if isinstance(answer, Admitted):
        await hall.end("look", "stopped")
    return isinstance(answer, Refused) and answer.why is Refusal.HELD and answer.key == key


async def opened(both: Cluster, stage: Stage) -> None:
    await both.a.fail("user:u")
    await stage.wait(HEARD_S)


@simulated(seeds=5)
async def test_a_user_whose_breaker_opened_in_one_worker_is_refused_in_the_other(
    stage: Stage,
) -> None:
    async with cluster(stage) as both:
        await opened(both, stage)
        answer = await both.b.answer("x", "user:u")
        assert isinstance(answer, Refused)
        assert (answer.why, answer.key) == (Refusal.HELD, "user:u")
        assert HOLD_S - 3.0 < answer.retry_after_s < HOLD_S
        assert not await is_held(both.b, "user:other")


@simulated(seeds=5)
async def test_failures_of_several_workers_count_together(stage: Stage) -> None:
    async with cluster(stage) as both:
        await both.a.fail("user:u", 1)
        await both.b.fail("user:u", 1)
        await stage.wait(HEARD_S)
        assert not await is_held(both.a)
        await both.a.fail("user:u", 1)
        await stage.wait(HEARD_S)
        assert await is_held(both.a)
        assert await is_held(both.b)


@simulated(seeds=5)
async def test_a_probe_that_went_well_in_one_worker_ends_the_hold_in_all(stage: Stage) -> None:
    async with cluster(stage) as both:
        await opened(both, stage)
        await stage.wait(HOLD_S)
        await both.b.run("probe", "user:u")
        await stage.wait(HEARD_S)
        for name in "xyz":
            assert isinstance(await both.a.answer(name, "user:u"), Admitted)


@simulated(seeds=5)
async def test_a_probe_that_failed_in_one_worker_holds_in_all(stage: Stage) -> None:
    async with cluster(stage) as both:
        await opened(both, stage)
        await stage.wait(HOLD_S)
        await both.b.run("probe", "user:u", how="crashed")
        await stage.wait(HEARD_S)
        assert await is_held(both.a)
        assert await is_held(both.b)
        await stage.wait(HOLD_S)
        assert not await is_held(both.a)


@simulated(seeds=3)
async def test_a_wait_that_a_failure_asked_for_is_known_to_all(stage: Stage) -> None:
    async with cluster(stage) as both:
        for _ in range(3):
            await both.a.answer("x", "model:m", policy=PATIENT)
            await both.a.end("x", "crashed", Busy())
        await stage.wait(HEARD_S)
        answer = await both.b.answer("x", "model:m", policy=PATIENT)
        assert isinstance(answer, Refused)
        assert 30.0 < answer.retry_after_s <= 40.0


@simulated(seeds=3)
async def test_a_worker_judges_what_it_heard_by_its_own_valves(stage: Stage) -> None:
    async with cluster(stage) as both:
        await opened(both, stage)
        bears_more = replace(POLICY, intensity=Intensity(restarts_max=9, window_s=60.0))
        assert isinstance(await both.b.answer("x", "user:u", policy=bears_more), Admitted)


@simulated(seeds=3)
async def test_while_the_board_is_away_breakers_count_what_happens_here(stage: Stage) -> None:
    async with cluster(stage) as both:
        both.server.is_away = True
        await opened(both, stage)
        assert await is_held(both.a)
        assert not await is_held(both.b)
        both.server.is_away = False
        await stage.wait(EXCHANGE_AGAIN_S + HEARD_S)
        assert await is_held(both.b), "what waited is told as soon as that can be done"


@simulated(seeds=3)
async def test_what_waited_too_long_holds_nobody(stage: Stage) -> None:
    async with cluster(stage) as both:
        both.server.is_away = True
        await opened(both, stage)
        await stage.wait(2 * HOLD_S)
        both.server.is_away = False
        await stage.wait(EXCHANGE_AGAIN_S + HEARD_S)
        assert not await is_held(both.b)


@simulated(seeds=3)
async def test_a_board_that_lost_all_is_used_again(stage: Stage) -> None:
    async with cluster(stage) as both:
        await both.a.fail("user:old", 1)
        await stage.wait(HEARD_S)
        both.server.empty()
        await opened(both, stage)
        assert await is_held(both.b)


@simulated(seeds=3)
async def test_an_exchange_that_crashes_tells_nothing_twice(stage: Stage) -> None:
    async with cluster(stage) as both:
        await both.a.fail("user:u", 1)
        await stage.wait(HEARD_S)
        both.a.stage.ref("exchange").kill()
        await stage.wait(HEARD_S)
        await both.a.fail("user:u", 1)
        await stage.wait(HEARD_S)
        assert not await is_held(both.b)
        await both.a.fail("user:u", 1)
        await stage.wait(HEARD_S)
        assert await is_held(both.b)


@simulated(seeds=1)
async def test_news_that_wait_are_bounded_and_the_oldest_go_first(stage: Stage) -> None:
    async with cluster(stage) as both:
        both.server.is_away = True
        await stage.wait(HEARD_S)
        once = replace(POLICY, intensity=Intensity(restarts_max=0, window_s=600.0), hold_s=600.0)
        for number in range(NEWS_MAX + 5):
            await both.a.run("x", f"user:{number}", how="crashed", policy=once)
        both.server.is_away = False
        await stage.wait(EXCHANGE_AGAIN_S + HEARD_S)
        assert isinstance(await both.b.answer("first", "user:0", policy=once), Admitted)
        assert isinstance(await both.b.answer("last", f"user:{NEWS_MAX}", policy=once), Refused)


@pytest.mark.parametrize("how", ["stopped", "killed", "normal"])
@simulated(seeds=2)
async def test_an_end_that_says_nothing_is_not_told(stage: Stage, how: str) -> None:
    async with cluster(stage) as both:
        told = both.server.told
        for _ in range(5):
            await both.a.run("x", "user:u", how=how)
        await stage.wait(HEARD_S)
        assert both.server.told == told
