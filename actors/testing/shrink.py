"""Makes a failing run small: the fewest and least unusual answers that still fail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

from actors.testing.choices import Choices, Taken
from actors.testing.simulate import STEPS_MAX, Run, Scenario, simulate

RUNS_MAX: Final = 400

Same: TypeAlias = Callable[[Run], bool]
"""Whether a run shows the failure that we are after, and not just any."""

_Item: TypeAlias = tuple[str, int, int]
"""Tag, position, answer."""


class NotReproducible(Exception):
    """The failing run, played again, did not fail the same way: something escapes the seed."""


def fails_like(run: Run) -> Same:
    """Return a `Same` that asks for the same type of error."""
    wanted = type(run.error)
    return lambda other: type(other.error) is wanted


def shrink(
    scenario: Scenario,
    run: Run,
    same: Same,
    runs_max: int = RUNS_MAX,
    *,
    steps_max: int = STEPS_MAX,
    frozen: bool = True,
) -> Choices:
    """Put as many answers as possible back to the default.

    Tries all at once, then groups of tags down to single ones, then halves, quarters and so on
    down to single answers, and at last smaller answers in place of those that have to stay.

    Args:
        scenario: what failed.
        run: its failing run.
        same: decides whether a shorter run still fails in the way that matters.
        runs_max: how many runs to spend; what was reached by then is returned.
        steps_max: as for `simulate`.
        frozen: as for `simulate`.

    Returns:
        Fresh choices that replay the smallest failure found.

    Raises:
        NotReproducible: the run does not even fail again as it is.

    Source: Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input" (ddmin).
    """

    def rerun(taken: Taken) -> Run:
        choices = Choices.replay(taken, seed=run.seed)
        return simulate(scenario, choices, steps_max=steps_max, frozen=frozen)

    search = _Search(rerun, same, runs_max)
    if not search.accepts(_items(run.taken)):
        raise NotReproducible(f"seed {run.seed} does not fail again with its own answers")
    if not search.accepts([]):
        search.drop_tags()
        search.drop_chunks()
        search.lower_answers()
    return Choices.replay(_taken(search.best), seed=run.seed)


class _Search:
    """The best answers so far, and the runs left to better them."""

    def __init__(self, rerun: Callable[[Taken], Run], same: Same, runs_max: int) -> None:
        self.best: list[_Item] = []
        self._rerun = rerun
        self._same = same
        self._runs_left = runs_max

    def accepts(self, candidate: list[_Item]) -> bool:
        """Run the candidate; if it still fails it is the new best, less what it never reached."""
        if self._runs_left <= 0:
            return False
        self._runs_left -= 1
        run = self._rerun(_taken(candidate))
        if not self._same(run):
            return False
        self.best = _items(run.taken)
        return True

    def drop_tags(self) -> None:
        """Try to do without ever smaller groups of tags, those that answer most first."""
        size = max(1, len(self._tags()) // 2)
        while self.best and self._runs_left > 0:
            self._drop_tags_by(size)
            if size == 1:
                return
            size //= 2

    def _drop_tags_by(self, size: int) -> None:
        at = 0
        while group := self._tags()[at : at + size]:
            if not self.accepts([item for item in self.best if item[0] not in group]):
                at += size

    def _tags(self) -> list[str]:
        counts = Counter(tag for tag, _, _ in self.best)
        return sorted(counts, key=lambda tag: (-counts[tag], tag))

    def drop_chunks(self) -> None:
        """Try to do without ever smaller runs of answers, until no single one can go."""
        size = max(1, len(self.best) // 2)
        while self.best and self._runs_left > 0:
            has_dropped = self._drop_chunks_of(size)
            if size == 1 and not has_dropped:
                return
            size = max(1, min(size, len(self.best)) // 2)

    def _drop_chunks_of(self, size: int) -> bool:
        has_dropped = False
        at = 0
        while at < len(self.best):
            if self.accepts(self.best[:at] + self.best[at + size :]):
                has_dropped = True  # What follows has moved up to this place.
            else:
                at += size
        return has_dropped

    def lower_answers(self) -> None:
        """Try 1, then ever larger halves, in place of each answer that has to stay."""
        for tag, position, answer in list(self.best):
            for smaller in _smaller(answer):
                lowered = [
                    (*item[:2], smaller) if item[:2] == (tag, position) else item
                    for item in self.best
                ]
                if self.accepts(lowered):
                    break


def _smaller(answer: int) -> Iterable[int]:
    """Return what to try in place of an answer: 1, half, three quarters, and one less."""
    tries = {1, answer // 2, answer * 3 // 4, answer - 1}
    return sorted(smaller for smaller in tries if 0 < smaller < answer)


def _items(taken: Taken) -> list[_Item]:
    return [
        (tag, position, answer)
        for tag in sorted(taken)
        for position, answer in sorted(taken[tag].items())
    ]


def _taken(items: list[_Item]) -> Taken:
    taken: dict[str, dict[int, int]] = {}
    for tag, position, answer in items:
        taken.setdefault(tag, {})[position] = answer
    return taken
