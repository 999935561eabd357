"""What both benchmarks share: what must hold, medians over interleaved rounds, and the table.

Machines are noisy, so a figure counts only beside another one of the same run: contenders take
turns, each round in another order, and what is judged is a ratio of medians. Absolute limits are
for what depends on the machine least, or is promised as such.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import TypeAlias

OURS = "greenroom"

# One measurement: figure by name. Medians: by work, then contender, then figure.
Sample: TypeAlias = Mapping[str, float]
Medians: TypeAlias = Mapping[str, Mapping[str, Mapping[str, float]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One row of the table.

    Attributes:
        what: the row's name.
        work, figure: what is looked at.
        unit: of the figure itself.
        of: whose figure it is.
        against: the contender that the figure is divided by; "" judges the figure as it is.
        must, goal: limits of the ratio, or of the figure; None is for information.
        is_ceiling: whether less is better.
    """

    what: str
    work: str
    figure: str
    unit: str
    of: str = OURS
    against: str = ""
    must: float | None = None
    goal: float | None = None
    is_ceiling: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A row with its figures. `ours` and `other` are medians in `unit`; `value` is judged."""

    what: str
    unit: str
    ours: float
    other: float | None
    against: str
    value: float
    must: float | None
    goal: float | None
    verdict: str

    @property
    def is_missed(self) -> bool:
        """Whether a must is not kept."""
        return self.verdict == "MISSED"


def rotated(names: Sequence[str], rounds: int) -> Iterator[str]:
    """Name whose turn it is: everybody once a round, and each round begins with another one."""
    for turn in range(rounds):
        first = turn % len(names)
        yield from (*names[first:], *names[:first])


def medians(samples: Mapping[str, Mapping[str, Sequence[Sample]]]) -> Medians:
    """Reduce all rounds to one figure each."""
    return {
        work: {
            name: {figure: median(sample[figure] for sample in taken) for figure in taken[0]}
            for name, taken in by_name.items()
            if taken
        }
        for work, by_name in samples.items()
    }


def judge(check: Check, found: Medians) -> Verdict:
    """Hold one row against what was measured."""
    by_name = found[check.work]
    ours = by_name[check.of][check.figure]
    other = by_name[check.against][check.figure] if check.against else None
    value = ours if other is None else ours / other if other else float("inf")
    return Verdict(
        what=check.what,
        unit=check.unit,
        ours=ours,
        other=other,
        against=check.against,
        value=value,
        must=check.must,
        goal=check.goal,
        verdict=_word(check, value),
    )


def _word(check: Check, value: float) -> str:
    if check.must is None:
        return "-"
    for word, limit in (("goal", check.goal), ("kept", check.must)):
        if limit is not None and (value <= limit if check.is_ceiling else value >= limit):
            return word
    return "MISSED"


def report(
    checks: Sequence[Check], found: Medians, facts: Mapping[str, object], *, as_json: bool
) -> int:
    """Print the table, or everything as JSON. The exit status is 1 when a must is missed."""
    verdicts = [judge(check, found) for check in checks if check.work in found]
    if as_json:
        rows = [asdict(verdict) for verdict in verdicts]
        print(json.dumps({"facts": facts, "rows": rows, "medians": found}, indent=1))
    else:
        print(", ".join(f"{name} {value}" for name, value in facts.items()))
        print(as_table(verdicts))
    missed = [verdict.what for verdict in verdicts if verdict.is_missed]
    if missed and not as_json:
        print(f"\nMissed: {'; '.join(missed)}")
    return 1 if missed else 0


def as_table(verdicts: Sequence[Verdict]) -> str:
    """Lay the rows out in columns."""
    head = ("what", "greenroom", "other", "against", "judged", "must", "goal", "verdict")
    rows = [head, *(_cells(verdict) for verdict in verdicts)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = [
        "  ".join(
            cell.ljust(width) if column in (0, 3, 7) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def _cells(verdict: Verdict) -> tuple[str, ...]:
    return (
        f"{verdict.what}, {verdict.unit}",
        short(verdict.ours),
        "" if verdict.other is None else short(verdict.other),
        verdict.against,
        short(verdict.value) + ("" if verdict.other is None else " x"),
        "" if verdict.must is None else short(verdict.must),
        "" if verdict.goal is None else short(verdict.goal),
        verdict.verdict,
    )


def short(value: float) -> str:
    """Spell a figure with three digits that mean something."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def arguments(doc: str) -> argparse.ArgumentParser:
    """Make the parser that both benchmarks begin with."""
    parser = argparse.ArgumentParser(description=doc.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument("--quick", action="store_true", help="two rounds instead of five")
    parser.add_argument(
        "--only", default="", metavar="WORK[,WORK]", help="measure these works and no other"
    )
    return parser
