"""One seed, or one replay file, to one verdict; and a failing seed to the smallest that fails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from actors.testing.choices import Choices, Fifo, Pct, Replay, Strategy, Uniform, drawn_from
from actors.testing.shrink import shrink
from actors.testing.simloop import SimLoop
from actors.testing.simulate import Run, simulate
from bridge.app import PRODUCT, Parts
from bridge.chaos.complaints import listening
from bridge.chaos.scenarios.broken import InvariantBroken
from bridge.chaos.scenarios.chats import Chats, history_hex
from bridge.chaos.trace import Breach

STEPS_MAX: Final = 500_000
SHRINK_RUNS_MAX: Final = 600

# How the order of callbacks is drawn; asyncio's own leaves the stage to the faults.
_STRATEGIES: Final[tuple[Strategy, ...]] = (
    Uniform(),
    Uniform(),
    Fifo(),
    Pct(depth=3, steps_expected=1_500),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How one run went.

    Attributes:
        digest: equal for equal runs: every choice that was made, and what the users saw.
        failure: what went wrong, "" for a pass.
        breaches: the promises that were broken; empty too when the run itself broke off.
        fired: faults and states met, by name.
        messages: sent, handled, and lost by reason.
        story: one line for each visit, for a person who looks into it.
    """

    seed: int
    digest: str
    steps: int
    simulated_s: float
    visits: int
    failure: str
    breaches: tuple[Breach, ...]
    fired: Mapping[str, int]
    messages: Mapping[str, int]
    story: tuple[str, ...]

    @property
    def is_pass(self) -> bool:
        """Whether every promise was kept."""
        return not self.failure

    @property
    def broken(self) -> frozenset[str]:
        """The names of the invariants that were broken."""
        return frozenset(breach.invariant for breach in self.breaches)


class Stage:
    """Where runs are made; keeps the last one, so that its trace can be looked at.

    Args:
        parts: what the tree is made of.
    """

    def __init__(self, parts: Parts = PRODUCT) -> None:
        self._parts = parts
        self._last: Chats | None = None

    async def _play(self, loop: SimLoop) -> None:
        scenario = self._last = Chats(loop, self._parts)
        with listening(lambda what: scenario.trace.breach("no bugs", what)):
            await scenario.play()

    def run(self, choices: Choices) -> tuple[Run, Verdict]:
        """Make one run."""
        self._last = None
        run = simulate(self._play, choices, steps_max=STEPS_MAX)
        return run, self._verdict(run)

    def shrink(self, seed: int) -> Choices:
        """Return the smallest choices found that break the same promise as this seed.

        Raises:
            NotReproducible: the seed does not fail twice in the same way.
        """
        run, _ = self.run(choices_of(seed))
        wanted = kinds_of(run)
        return shrink(
            self._play,
            run,
            lambda other: bool(kinds_of(other) & wanted),
            SHRINK_RUNS_MAX,
            steps_max=STEPS_MAX,
        )

    def _verdict(self, run: Run) -> Verdict:
        assert self._last is not None, "a run begins with its scenario"
        trace = self._last.trace
        error = run.error
        return Verdict(
            seed=run.seed,
            digest=f"{run.digest_hex}-{history_hex(trace)}",
            steps=run.steps,
            simulated_s=run.now_s,
            visits=len(trace.visits),
            failure="" if error is None else f"{type(error).__name__}: {error}",
            breaches=error.breaches if isinstance(error, InvariantBroken) else (),
            fired=dict(trace.fired),
            messages=dict(trace.messages),
            story=() if error is None else trace.story(),
        )


def run_seed(seed: int, parts: Parts = PRODUCT) -> Verdict:
    """Run one seed."""
    return Stage(parts).run(choices_of(seed))[1]


def run_replay(replay: Replay, parts: Parts = PRODUCT) -> Verdict:
    """Run what a replay file says."""
    return Stage(parts).run(replay.choices())[1]


def shrunk(seed: int, parts: Parts = PRODUCT) -> tuple[Replay, Verdict]:
    """Return the smallest replay of a failing seed, and how it goes.

    Raises:
        NotReproducible: the seed does not fail twice in the same way.
    """
    stage = Stage(parts)
    run, verdict = stage.run(stage.shrink(seed))
    return run.replay(version=code_version()), verdict


def choices_of(seed: int) -> Choices:
    """Return fresh choices for a seed; the seed decides their strategy as well."""
    strategy = drawn_from(seed, "strategy").choice(_STRATEGIES)
    return Choices.from_seed(seed, strategy=strategy)


def kinds_of(run: Run) -> frozenset[str]:
    """Return what a failing run is about: the promises it broke, or the class of its error."""
    if isinstance(run.error, InvariantBroken):
        return frozenset(breach.invariant for breach in run.error.breaches)
    return frozenset() if run.error is None else frozenset({type(run.error).__name__})


def code_version() -> str:
    """Return what names the code under test in a replay file."""
    try:
        return version("greenroom")
    except PackageNotFoundError:
        return "unknown"
