"""Runs make targets one after another, then prints which held and how long each took.

All of them run even when one fails, so that one pass shows everything there is to repair.
"""

import argparse
import os
import subprocess
import sys
import time  # noqa: TID251 - measures a build; no actor runs in here
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One target that ran."""

    target: str
    passed: bool
    elapsed_s: float


def run(target: str) -> Step:
    """Run one target in a make of its own and time it."""
    print(f"\n== {target}", flush=True)
    started_s = time.monotonic()
    # A jobserver of the outer make would be announced to this one and then be out of reach.
    # Variables given on the command line arrive all the same: make exports them.
    environment = {
        name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MFLAGS"}
    }
    make = os.environ.get("MAKE", "make")
    command = [make, "--no-print-directory", target]
    code = subprocess.run(command, env=environment, check=False).returncode  # noqa: S603 - ours
    return Step(target=target, passed=code == 0, elapsed_s=time.monotonic() - started_s)


def summary(steps: list[Step], left_out: list[str]) -> str:
    """Lay the outcome out as a table whose last line counts."""
    lines = [
        f"  {step.target:<16}{'held' if step.passed else 'FAILED':<10}{step.elapsed_s:7.1f} s"
        for step in steps
    ]
    lines += [f"  {target:<16}left out" for target in left_out]
    lines.append(f"  {'all of it':<26}{sum(step.elapsed_s for step in steps):7.1f} s")
    passed = sum(step.passed for step in steps)
    lines.append(f"steps: {passed} passed, {len(steps) - passed} failed, {len(left_out)} skipped")
    return "\n".join(lines)


def main() -> int:
    """Run what the command line names; 1 when any of it failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="+")
    parser.add_argument("--left-out", action="append", default=[], metavar="TARGET")
    arguments = parser.parse_args()
    steps = [run(target) for target in arguments.targets]
    print(f"\n{summary(steps, arguments.left_out)}")
    return 0 if all(step.passed for step in steps) else 1


if __name__ == "__main__":
    sys.exit(main())
