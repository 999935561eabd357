"""What can be wrong with a setting, as facts. The sentences are written at the doors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# How much of a refused value a report repeats.
VALUE_CHARS_MAX: Final = 80
_SECRET_SIGNS: Final = ("sk-", "@", "?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ValveProblem:
    """One valve whose value cannot be obeyed.

    `value` is what was set, shortened, and empty when it is or may hold a secret. `accepted`
    says in a few words what would be taken instead.
    """

    valve: str
    value: str
    accepted: str


def shown_value(typed: str) -> str:
    """Return as much of a refused value as may be shown: nothing that may hold a secret.

    That is a key pasted into the wrong field, a password before an `@`, a token in a query.
    """
    may_hold_secret = any(sign in typed.lower() for sign in _SECRET_SIGNS)
    return "" if may_hold_secret else typed[:VALUE_CHARS_MAX]


class ConfigError(Exception):
    """A setting is unusable and there is no safe way to go on without it."""

    def __init__(self, problem: ValveProblem) -> None:
        self.problem = problem
        super().__init__(problem)

    def __str__(self) -> str:
        return f"{self.problem.valve}={self.problem.value!r}: {self.problem.accepted}"
