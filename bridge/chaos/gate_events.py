"""What a gate lived through, in the order in which it heard of it.

A visit is whatever a gate lets in: a chat, or an actor that claims. Keys are spelt `kind:name`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from supervisor.cluster import KeyNews


@dataclass(frozen=True, slots=True, kw_only=True)
class GateBorn:
    """A new life of a gate: it remembers no key, and nobody waits."""

    at_s: float


class Verdict(Enum):
    """What an end says about a key of a piece of work."""

    SUCCESS = "success"
    FAILURE = "failure"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The gate has taken up what somebody asked; who is equal in `user` waits in one line."""

    at_s: float
    visit: str
    user: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """Somebody waits no longer: it was answered, or has gone."""

    at_s: float
    visit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LetIn:
    """The gate lets somebody in. `running` counts it, and all others alive."""

    at_s: float
    visit: str
    user: str
    keys: tuple[str, ...]
    running: int
    running_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardStart:
    """The gate heard that what it let in runs."""

    visit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardEnd:
    """The gate heard how it ended, or that it never began. `floor_s` is a Retry-After.

    A key without a verdict learns nothing.
    """

    at_s: float
    visit: str
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    floor_s: float = 0.0

    def verdict(self, key: str) -> Verdict:
        """Return what the end says about a key."""
        return self.verdicts.get(key, Verdict.NEITHER)

    @property
    def is_telling(self) -> bool:
        """Whether it says anything about any key."""
        return any(verdict is not Verdict.NEITHER for verdict in self.verdicts.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Recounted:
    """The gate learned who runs: whatever had been asked for and not started is lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardElsewhere:
    """The gate heard what another worker's gate of its name counted, and when that was."""

    news: KeyNews
    at_s: float


GateEvent: TypeAlias = (
    GateBorn | Asked | Answered | LetIn | HeardStart | HeardEnd | Recounted | HeardElsewhere
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerTerms:
    """When a key's breaker has to open, and for how long."""

    failures_max: int
    window_s: float
    hold_s: float
    floor_max_s: float


def kind_of(key: str) -> str:
    """Return whom a key stands for: a user, a model, a tool."""
    return key.partition(":")[0]
