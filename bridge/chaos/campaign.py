"""Many seeds, in several processes, to one result."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from bridge.app import PRODUCT, Parts
from bridge.chaos.runner import Verdict, run_seed
from bridge.chaos.sometimes import SEEDS_ENOUGH, never_met

# Every so many seeds one is run twice; a run that differs from itself can't be replayed.
TWICE_EVERY: Final = 50

# Seeds that a process takes at a time.
SLICE: Final = 25

# Failures that are remembered in full; a broken build fails everywhere.
FAILURES_MAX: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """What came out.

    Attributes:
        failures: the first `FAILURES_MAX` failing runs; `failed` counts all of them.
        missing: what a campaign of this size must have met and has not.
    """

    first_seed: int
    seeds: int
    jobs: int
    visits: int
    steps: int
    simulated_s: float
    failed: int
    failures: tuple[Verdict, ...]
    missing: tuple[str, ...]
    fired: dict[str, int]
    messages: dict[str, int]

    @property
    def is_pass(self) -> bool:
        """Whether every run kept every promise, and everything that had to be met was."""
        return not self.failed and not self.missing


def run_campaign(
    seeds: range,
    *,
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
    parts: Parts = PRODUCT,
) -> Campaign:
    """Run all seeds.

    Args:
        seeds: without gaps.
        jobs: processes; 1 stays in this one.
        progress: told now and then how many are done, and how many of those failed.
        parts: what the tree is made of.
    """
    tally = _Tally()
    for verdicts in _played(seeds, jobs, parts):
        tally.add(verdicts)
        if progress is not None:
            progress(tally.done, tally.failed)
    return Campaign(
        first_seed=seeds.start,
        seeds=len(seeds),
        jobs=jobs,
        visits=tally.visits,
        steps=tally.steps,
        simulated_s=tally.simulated_s,
        failed=tally.failed,
        failures=tuple(tally.failures),
        missing=never_met(tally.fired) if len(seeds) >= SEEDS_ENOUGH else (),
        fired=dict(sorted(tally.fired.items())),
        messages=dict(sorted(tally.messages.items())),
    )


def first_failure(seeds: range, parts: Parts = PRODUCT) -> Verdict | None:
    """Run seeds in their order up to the first that fails."""
    return next((each for each in map(partial(run_seed, parts=parts), seeds) if each.failure), None)


class _Tally:
    """Adds verdicts up."""

    def __init__(self) -> None:
        self.done = self.failed = self.visits = self.steps = 0
        self.simulated_s = 0.0
        self.failures: list[Verdict] = []
        self.fired: Counter[str] = Counter()
        self.messages: Counter[str] = Counter()

    def add(self, verdicts: Sequence[Verdict]) -> None:
        for verdict in verdicts:
            self.done += 1
            self.visits += verdict.visits
            self.steps += verdict.steps
            self.simulated_s += verdict.simulated_s
            self.fired.update(verdict.fired)
            self.messages.update(verdict.messages)
            if verdict.failure:
                self.failed += 1
                if len(self.failures) < FAILURES_MAX:
                    self.failures.append(verdict)


def _played(seeds: range, jobs: int, parts: Parts) -> Iterator[list[Verdict]]:
    slices = [seeds[at : at + SLICE] for at in range(0, len(seeds), SLICE)]
    play = partial(_play_slice, parts=parts)
    if jobs <= 1:
        yield from map(play, slices)
        return
    # Fresh interpreters: a copy of this one would bring its threads' locks along.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        yield from pool.map(play, slices)


def _play_slice(seeds: range, parts: Parts) -> list[Verdict]:
    return [_checked(seed, parts) for seed in seeds]


def _checked(seed: int, parts: Parts) -> Verdict:
    verdict = run_seed(seed, parts)
    if seed % TWICE_EVERY == 0:
        again = run_seed(seed, parts)
        if again.digest != verdict.digest:
            what = f"two runs of seed {seed} differ: something escapes the seed"
            return replace(verdict, failure=what)
    return verdict
