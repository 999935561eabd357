"""A short campaign is green, and a run depends on its seed and on nothing else."""

from __future__ import annotations

import os
import subprocess
import sys

from actors.testing.choices import replay_from_json, taken_count
from bridge.chaos.campaign import first_failure, run_campaign
from bridge.chaos.runner import Stage, choices_of, run_replay, run_seed, shrunk
from tests.chaos.planted import DEFECTS

SEEDS = 60
PRINT_DIGESTS = (
    "from bridge.chaos.runner import run_seed; print([run_seed(s).digest for s in (3, 5)])"
)


def test_a_short_campaign_keeps_every_promise() -> None:
    campaign = run_campaign(range(SEEDS))
    assert [failure.failure for failure in campaign.failures] == []
    assert campaign.is_pass
    assert campaign.visits > 10 * SEEDS


def test_several_processes_find_the_same_as_one() -> None:
    alone, together = (run_campaign(range(100, 112), jobs=jobs) for jobs in (1, 2))
    assert (alone.steps, alone.fired) == (together.steps, together.fired)


def test_a_seed_gives_the_same_run_whatever_the_hash_seed_of_the_process() -> None:
    def digests(hash_seed: str) -> str:
        env = os.environ | {"PYTHONHASHSEED": hash_seed}
        command = [sys.executable, "-c", PRINT_DIGESTS]
        return subprocess.run(
            command, env=env, capture_output=True, text=True, check=True, timeout=50
        ).stdout

    here = f"{[run_seed(seed).digest for seed in (3, 5)]}\n"
    assert {digests(hash_seed) for hash_seed in ("0", "1", "4242")} == {here}


def test_the_choices_of_a_run_play_it_again() -> None:
    stage = Stage()
    run, verdict = stage.run(choices_of(7))
    again = run_replay(replay_from_json(run.replay(version="test").to_json()))
    assert again.digest == verdict.digest
    assert verdict.is_pass


def test_a_failure_shrinks_to_the_few_choices_behind_it() -> None:
    parts = next(each.parts for each in DEFECTS if each.name == "a restart is lost")
    failure = first_failure(range(50), parts)
    assert failure is not None
    replay, small = shrunk(failure.seed, parts)
    assert small.broken & failure.broken
    assert taken_count(replay.taken) <= 12
    assert run_replay(replay, parts).digest == small.digest
