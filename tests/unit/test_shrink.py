from __future__ import annotations

import pytest

from actors.testing.choices import (
    Choices,
    Replay,
    ReplayInvalid,
    Taken,
    replay_from_json,
    taken_count,
)
from actors.testing.shrink import NotReproducible, fails_like, shrink
from actors.testing.simloop import SimLoop
from actors.testing.simulate import Run, Scenario, simulate
from tests.unit.simloop_scenarios import lost_update


def first_failure(scenario: Scenario) -> Run:
    runs = (simulate(scenario, Choices.from_seed(seed)) for seed in range(100))
    return next(run for run in runs if run.error is not None)


def shrunk(scenario: Scenario, run: Run, runs_max: int = 400) -> Run:
    return simulate(scenario, shrink(scenario, run, fails_like(run), runs_max))


async def needs_two_faults(loop: SimLoop) -> None:
    for _ in range(50):
        loop.choose(100, "noise")
    delays = [loop.choose(100, "delay") for _ in range(50)]
    crashes = [loop.chance(0.3, "crash") for _ in range(50)]
    assert not (any(crashes) and max(delays) >= 40), "both faults met"


def test_a_lost_update_shrinks_to_the_one_fault_behind_it() -> None:
    run = first_failure(lost_update)
    small = shrunk(lost_update, run)
    assert taken_count(run.taken) > 5
    assert 1 <= taken_count(small.taken) <= 2
    assert "forgets-lock" in small.taken
    assert str(small.error) == str(run.error)


def test_every_needed_fault_stays_and_its_size_comes_down() -> None:
    small = shrunk(needs_two_faults, first_failure(needs_two_faults))
    assert sorted(small.taken) == ["crash", "delay"]
    assert taken_count(small.taken) == 2
    assert 40 <= max(small.taken["delay"].values()) < 60


def test_a_bug_that_needs_no_fault_at_all_shrinks_to_nothing() -> None:
    async def always_fails(loop: SimLoop) -> None:
        raise ValueError(loop.choose(100, "noise"))

    assert shrunk(always_fails, first_failure(always_fails)).taken == {}


def test_shrinking_keeps_to_its_runs_and_returns_what_it_reached() -> None:
    count = 0

    async def counted(loop: SimLoop) -> None:
        nonlocal count
        count += 1
        await needs_two_faults(loop)

    run = first_failure(counted)
    count = 0
    choices = shrink(counted, run, fails_like(run), 5)
    assert count == 5
    assert simulate(counted, choices).error is not None


def test_another_failure_is_not_taken_for_the_one_sought() -> None:
    async def two_bugs(loop: SimLoop) -> None:
        assert not loop.chance(0.2, "first"), "the first bug"
        if loop.choose(10, "second") < 9:
            raise ValueError("the second bug, there by default")

    runs = (simulate(two_bugs, Choices.from_seed(seed)) for seed in range(100))
    run = next(run for run in runs if isinstance(run.error, AssertionError))
    assert shrunk(two_bugs, run).taken == {"first": {0: 1}}


def test_a_failure_that_does_not_come_back_is_reported_as_such() -> None:
    passing = simulate(lost_update, Choices.replay({}))
    with pytest.raises(NotReproducible, match="seed 0"):
        shrink(lost_update, passing, lambda run: run.error is not None, 10)


def test_a_replay_written_to_a_file_fails_the_same_way_when_read_back() -> None:
    run = first_failure(lost_update)
    text = run.replay(version="0.1.0").to_json()
    replay = replay_from_json(text)
    assert replay == Replay(seed=run.seed, version="0.1.0", taken=run.taken)
    again = simulate(lost_update, replay.choices())
    assert again.digest_hex == run.digest_hex
    assert replay.to_json() == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"format": 2, "seed": 1, "version": "", "taken": {}}',
        '{"format": 1, "seed": 1, "version": "", "taken": {"a": [[0, 0]]}}',
        '{"format": 1, "seed": 1, "version": "", "taken": {"a": [[-1, 1]]}}',
        '{"format": 1, "seed": 1, "version": "", "taken": {}, "more": 1}',
    ],
)
def test_a_file_that_is_no_replay_is_refused(text: str) -> None:
    with pytest.raises(ReplayInvalid):
        replay_from_json(text)


def test_one_tag_does_not_shift_the_answers_of_another() -> None:
    with_fault, without = Choices.from_seed(5), Choices.from_seed(5)
    answers: list[int] = []
    for _ in range(20):
        with_fault.chance(0.5, "fault")
        answers.append(with_fault.choose(100, "latency"))
    assert answers == [without.choose(100, "latency") for _ in range(20)]


def test_the_default_is_no_fault_and_the_least_of_everything() -> None:
    silent = Choices.replay({})
    assert not silent.chance(1.0, "fault")
    assert silent.choose(100, "latency") == 0
    assert silent.taken == {}


def test_a_recorded_answer_fits_even_when_there_are_fewer_options() -> None:
    recorded: Taken = {"latency": {0: 7, 1: 9}}
    choices = Choices.replay(recorded)
    assert [choices.choose(5, "latency") for _ in range(3)] == [2, 4, 0]
    assert choices.taken == {"latency": {0: 2, 1: 4}}


def test_a_swarm_silences_some_faults_for_a_whole_run_and_never_the_schedule() -> None:
    tags = ["schedule", *(f"fault {number}" for number in range(20))]
    choices = Choices.from_seed(4, swarm=True)
    for tag in tags * 20:
        choices.choose(100, tag)
    assert "schedule" in choices.taken
    assert 3 < len(choices.taken) < 18
