from __future__ import annotations

import asyncio
import os
import random  # noqa: TID251 - what a library would call
import subprocess
import sys
import threading
import time  # noqa: TID251 - what a library would call
import uuid  # noqa: TID251 - what a library would call
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from actors.testing.choices import Choices, Fifo, Pct, Strategy, Uniform, taken_count
from actors.testing.simloop import Deadlock, ForeignThread, Livelock, SimLoop, UnhandledInLoop
from actors.testing.simulate import Run, Scenario, simulate
from tests.unit.simloop_scenarios import busy, lost_update, stale_read

ROOT = Path(__file__).parents[2]
FOREVER = 10**9


def run(scenario: Scenario, seed: int = 1, *, strategy: Strategy | None = None) -> Run:
    return simulate(scenario, Choices.from_seed(seed, strategy=strategy))


def failing_seeds(scenario: Scenario, strategy: Strategy, seeds: int) -> list[int]:
    runs = (run(scenario, seed, strategy=strategy) for seed in range(seeds))
    return [each.seed for each in runs if each.error is not None]


# --- sameness ---------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", [Fifo(), Uniform(), Pct()], ids=["fifo", "uniform", "pct"])
def test_a_seed_gives_the_same_run_twice_and_another_seed_another(strategy: Strategy) -> None:
    first, again, other = (run(busy, seed, strategy=strategy) for seed in (7, 7, 8))
    assert first == again
    assert first.error is None
    assert first.digest_hex != other.digest_hex


def test_a_seed_gives_the_same_run_in_processes_with_other_hash_seeds() -> None:
    command = [sys.executable, "-m", "tests.unit.simloop_scenarios", "7"]
    children = [
        subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            stdout=subprocess.PIPE,
            text=True,
        )
        for hash_seed in ("0", "1", "12345")
    ]
    digests = {child.communicate()[0].strip() for child in children}
    assert digests == {run(busy, 7).digest_hex}


@pytest.mark.parametrize("strategy", [Uniform(), Pct()], ids=["uniform", "pct"])
def test_the_answers_taken_replay_the_run(strategy: Strategy) -> None:
    first = run(busy, 3, strategy=strategy)
    assert taken_count(first.taken) > 20
    assert simulate(busy, Choices.replay(first.taken, seed=3)) == first


def test_without_choices_callbacks_run_in_the_order_of_asyncio() -> None:
    async def in_order(loop: SimLoop) -> None:
        seen: list[int] = []
        for number in range(50):
            loop.call_soon(seen.append, number)
            loop.call_later(1, seen.append, 50 + number)
        await asyncio.sleep(2)
        assert seen == list(range(100))

    assert simulate(in_order, Choices.replay({})).error is None
    assert simulate(in_order, Choices.from_seed(1), permute=False).error is None
    assert run(in_order, strategy=Fifo()).error is None
    assert isinstance(run(in_order, strategy=Uniform()).error, AssertionError)


# --- finding bugs -----------------------------------------------------------------------------


def test_a_planted_race_is_found_by_its_seed() -> None:
    assert simulate(lost_update, Choices.replay({})).error is None
    seeds = failing_seeds(lost_update, Uniform(), 20)
    assert 0 < len(seeds) < 20


def test_priorities_find_what_needs_one_task_to_lag_far_behind() -> None:
    assert not failing_seeds(stale_read, Fifo(), 20)
    by_chance = len(failing_seeds(stale_read, Uniform(), 200))
    by_priority = len(failing_seeds(stale_read, Pct(depth=1), 200))
    assert 0 < by_chance < 50
    assert 75 < by_priority < 125, "of two tasks either comes first half of the time"


def test_a_lowered_priority_lets_the_other_task_overtake() -> None:
    async def overtaken_midway(loop: SimLoop) -> None:
        steps = ""

        async def walk(name: str) -> None:
            nonlocal steps
            for _ in range(5):
                steps += name
                await asyncio.sleep(0)

        await asyncio.gather(walk("a"), walk("b"))
        assert steps in {"aaaaabbbbb", "bbbbbaaaaa"}

    assert not failing_seeds(overtaken_midway, Pct(depth=1), 50)
    assert failing_seeds(overtaken_midway, Pct(depth=2, steps_expected=12), 50)


def test_priorities_do_not_starve_whom_a_spinning_task_waits_for() -> None:
    async def spin(loop: SimLoop) -> None:
        done = asyncio.Event()
        loop.call_later(0, done.set)
        while not done.is_set():  # noqa: ASYNC110 - the spinning is the point
            await asyncio.sleep(0)

    assert not failing_seeds(spin, Pct(), 10)


def test_a_deadlock_is_reported_with_the_names_of_all_who_wait() -> None:
    async def deadlock(loop: SimLoop) -> None:
        left, right = asyncio.Lock(), asyncio.Lock()

        async def take(first: asyncio.Lock, second: asyncio.Lock) -> None:
            async with first:
                await asyncio.sleep(1)
                async with second:
                    pass

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(take(left, right), name="philosopher")
            tasks.create_task(take(right, left))

    error = run(deadlock).error
    assert isinstance(error, Deadlock)
    assert [line.split()[0] for line in error.waiting] == ["task-1", "philosopher", "task-3"]
    assert "Lock.acquire, locks.py" in error.waiting[1]
    assert error.waiting[2] in str(error)


def test_a_livelock_ends_at_the_step_limit() -> None:
    async def spin(loop: SimLoop) -> None:
        while True:  # noqa: ASYNC110 - the spinning is the point
            await asyncio.sleep(0)

    outcome = simulate(spin, Choices.from_seed(1), steps_max=1_000)
    assert isinstance(outcome.error, Livelock)
    assert outcome.steps == 1_000


def test_a_failure_that_nobody_awaited_fails_the_run() -> None:
    async def forgetful(loop: SimLoop) -> None:
        async def fail() -> None:
            raise ValueError("nobody looks")

        kept = loop.create_task(fail())
        loop.call_soon(int, "no number")
        await asyncio.sleep(1)
        assert kept.done()

    outcome = run(forgetful)
    assert outcome.error is outcome.unhandled[0]
    assert [str(error)[:7] for error in outcome.unhandled] == ["invalid", "nobody "]


def test_a_mishap_without_an_exception_fails_the_run_too() -> None:
    async def dropped(loop: SimLoop) -> None:
        loop.call_exception_handler({"message": "a task was dropped"})

    assert isinstance(run(dropped).error, UnhandledInLoop)


def test_a_foreign_thread_is_refused_and_fails_the_run() -> None:
    async def intruded(loop: SimLoop) -> None:
        refusals: list[BaseException] = []

        def enter() -> None:
            try:
                loop.call_soon_threadsafe(print)
            except ForeignThread as refusal:
                refusals.append(refusal)

        thread = threading.Thread(target=enter, name="intruder")
        thread.start()
        thread.join()
        assert refusals

    error = run(intruded).error
    assert isinstance(error, ForeignThread)
    assert "intruder" in str(error)


def test_the_network_is_refused() -> None:
    async def connect(loop: SimLoop) -> None:
        await asyncio.open_connection("localhost", 80)

    assert isinstance(run(connect).error, NotImplementedError)


# --- time -------------------------------------------------------------------------------------


def test_a_virtual_day_costs_nothing() -> None:
    async def day(loop: SimLoop) -> None:
        began_s, wall_began_s = loop.time(), loop.wall_s()
        await asyncio.sleep(86_400)
        assert loop.time() - began_s == 86_400
        assert loop.wall_s() - wall_began_s == 86_400

    outcome = run(day)
    assert outcome.error is None
    assert outcome.now_s == 86_400
    assert outcome.steps < 10


def test_a_cancelled_timer_does_not_move_time() -> None:
    async def cancel(loop: SimLoop) -> None:
        for _ in range(1_000):
            loop.call_later(3_600, print).cancel()
        await asyncio.sleep(1)

    assert run(cancel).now_s == 1


def test_a_stall_lets_timers_fall_due_before_their_task_could_go_on() -> None:
    async def stall(loop: SimLoop) -> None:
        loop.call_soon(loop.stall, 5.0)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2):
                await asyncio.sleep(3)
        assert loop.time() == 5

    assert run(stall, strategy=Fifo()).error is None


def test_the_wall_clock_can_jump_alone() -> None:
    async def jump(loop: SimLoop) -> None:
        before_s = loop.wall_s()
        loop.jump_wall(-3_600)
        assert loop.wall_s() == before_s - 3_600
        assert loop.time() == 0

    assert run(jump).error is None


def test_libraries_see_virtual_time_and_seeded_chance_inside_a_run_only() -> None:
    seen: list[tuple[float, float, float, str]] = []
    module_time, state = time.time, random.getstate()

    async def look(loop: SimLoop) -> None:
        time.sleep(2)  # noqa: ASYNC251 - a library that blocks, which costs virtual time only
        seen.append(
            (time.time() - loop.wall_s(), time.monotonic(), random.random(), str(uuid.uuid4()))
        )

    assert run(look, 1).error is run(look, 1).error is run(look, 2).error is None
    assert seen[0] == seen[1] != seen[2]
    assert seen[0][:2] == (0, 2)
    assert time.time is module_time
    assert random.getstate() == state


# --- blocking work ----------------------------------------------------------------------------


def test_blocking_work_runs_after_a_virtual_delay_outside_the_loop() -> None:
    async def blocking(loop: SimLoop) -> None:
        def work() -> str:
            with pytest.raises(RuntimeError, match="no running event loop"):
                asyncio.get_running_loop()
            return "done"

        assert await asyncio.to_thread(work) == "done"
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(divmod, 1, 0)
        assert asyncio.get_running_loop() is loop

    outcome = run(blocking, 3)
    assert outcome.error is None
    assert 0 < outcome.now_s < 1


def test_cancelled_blocking_work_either_never_ran_or_ran_unheard() -> None:
    ran: set[bool] = set()

    async def cancelled(loop: SimLoop) -> None:
        calls: list[str] = []
        answer = loop.run_in_executor(None, calls.append, "ran")
        await asyncio.sleep(0.025)
        if answer.cancel():
            await asyncio.sleep(1)
            ran.add(bool(calls))

    assert not failing_seeds(cancelled, Uniform(), 20)
    assert ran == {True, False}


# --- the end ----------------------------------------------------------------------------------


def test_what_outlives_the_scenario_is_ended_without_noise() -> None:
    ended: list[str] = []

    async def polite() -> None:
        try:
            await asyncio.sleep(FOREVER)
        finally:
            await asyncio.sleep(1)
            ended.append("polite")

    async def stubborn() -> None:
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                ended.append("stubborn")

    async def numbers() -> AsyncIterator[int]:
        try:
            while True:
                yield 1
        finally:
            ended.append("generator")

    async def leave_early(loop: SimLoop) -> None:
        left = numbers()
        for work in (polite(), stubborn()):
            loop.create_task(work)
        assert await anext(left) == 1
        await asyncio.sleep(1)
        loop.create_task(polite())  # Never takes its first step before the end.

    outcome = run(leave_early)
    assert outcome.error is None
    assert set(ended) == {"polite", "stubborn", "generator"}


@pytest.mark.parametrize("times", [10, FOREVER], ids=["a_while", "for_ever"])
def test_a_task_that_answers_every_end_with_another_wait_is_given_up(times: int) -> None:
    async def refuse() -> None:
        for _ in range(times):
            try:
                await asyncio.Event().wait()
            except BaseException:  # noqa: BLE001 - as rude as a task can be
                continue

    async def leave(loop: SimLoop) -> None:
        loop.create_task(refuse())
        await asyncio.sleep(1)

    assert run(leave).error is None


def test_an_interrupt_of_the_program_goes_through() -> None:
    async def interrupted(loop: SimLoop) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(interrupted)


def test_a_cancelled_or_exiting_scenario_is_a_failed_run() -> None:
    async def cancel(loop: SimLoop) -> None:
        raise asyncio.CancelledError

    async def leave(loop: SimLoop) -> None:
        sys.exit(3)

    assert isinstance(run(cancel).error, asyncio.CancelledError)
    assert isinstance(run(leave).error, SystemExit)
