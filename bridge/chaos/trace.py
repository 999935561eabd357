"""What a simulated run leaves behind for the invariants: who did what, when, and how it went.

Recorders append, invariants read; nothing in here decides anything. Times are virtual seconds
since the start of the run.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from actors.kernel.child_spec import Intensity


class Answer(Enum):
    """How the gate's part of a visit ended."""

    ADMITTED = "admitted"
    FULL = "refused: full"
    HELD = "refused: held"
    NOT_STARTED = "refused: not started"
    MAILBOX_FULL = "refused: the gate's mailbox was full"
    TIMED_OUT = "no answer by the deadline"
    GATE_FAILED = "the gate failed"
    GATE_GONE = "the gate had ended"
    LEFT = "the user left first"


class End(Enum):
    """The one outcome that the door tells."""

    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    # The tree ended without a word, so the door speaks for it.
    ABANDONED = "abandoned"


@dataclass(slots=True, kw_only=True)
class Visit:
    """One request of one user, as its door saw it.

    Attributes:
        id: unique in the run; it stands in every word of the answer.
        content, reasoning: what the script says, whole.
        credit: reads that may be under way to the request actor at once.
        pieces: what was shown, in order: (is it content, text).
        finishes: calls of the sink's `finish`.
        shown_after_end: calls of the sink's `show` after the first `finish`.
        notices: how often the runtime told the door that the chat had ended.
        gone_s: when the chat had ended.
    """

    id: str
    user: str
    content: str
    reasoning: str
    credit: int
    asked_s: float
    answers: list[Answer] = field(default_factory=list)
    answered_s: float | None = None
    pieces: list[tuple[bool, str]] = field(default_factory=list)
    first_shown_s: float | None = None
    ends: list[End] = field(default_factory=list)
    finishes: int = 0
    shown_after_end: int = 0
    stopped_s: float | None = None
    notices: int = 0
    gone_s: float | None = None
    is_over: bool = False

    def said(self, *, is_content: bool) -> str:
        """Return all that was shown of one kind."""
        return "".join(text for kind, text in self.pieces if kind is is_content)

    @property
    def is_admitted(self) -> bool:
        """Whether a chat ran for it."""
        return Answer.ADMITTED in self.answers


@dataclass(slots=True, kw_only=True)
class Call:
    """One attempt as the provider saw it. `had_chat`: the chat of its visit was alive then."""

    visit: str
    opened_s: float
    had_chat: bool
    closed_s: float | None = None


@dataclass(slots=True, kw_only=True)
class Ask:
    """One question between actors, or from a door."""

    question: str
    asked_s: float
    deadline_s: float
    answered_s: float | None = None


# --- what the gate lived through ----------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class GateBorn:
    """A new life of a gate: it remembers no key."""

    at_s: float


class Verdict(Enum):
    """What an end says about the key of a piece of work."""

    SUCCESS = "success"
    FAILURE = "failure"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True, kw_only=True)
class LetIn:
    """The gate asked for a chat to be started. `running` counts it, and all others alive."""

    at_s: float
    visit: str
    key: str
    running: int
    running_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardStart:
    """The gate heard that the chat runs."""

    visit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardEnd:
    """The gate heard how the chat ended, or that it never began. `floor_s` is a Retry-After."""

    at_s: float
    visit: str
    verdict: Verdict
    floor_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recounted:
    """The gate learned who runs: whatever had been asked for and not started is lost."""


GateEvent: TypeAlias = GateBorn | LetIn | HeardStart | HeardEnd | Recounted


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerTerms:
    """When a key's breaker has to open, and for how long."""

    failures_max: int
    window_s: float
    hold_s: float
    floor_max_s: float


# --- the rest ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """One life of an actor that its supervisor followed by another."""

    actor: str
    ended_s: float
    limit: Intensity


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """How a tree was shut down, and what was left of it."""

    grace_s: float
    elapsed_s: float
    abandoned: tuple[str, ...]
    live: int
    zombies: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """Something that must never happen was seen while the run went on."""

    invariant: str
    what: str


@dataclass(slots=True)
class Trace:
    """All of one run.

    Attributes:
        fired: how often each fault and each state of interest was met, by name.
        gates: one list for each tree that was started; its gate's events in order.
        messages: messages sent, handled and lost, for the report.
        breaches: what was seen on the way.
    """

    terms: BreakerTerms
    fired: Counter[str] = field(default_factory=Counter)
    visits: list[Visit] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    asks: list[Ask] = field(default_factory=list)
    gates: list[list[GateEvent]] = field(default_factory=list)
    lived: list[Lived] = field(default_factory=list)
    closings: list[Closing] = field(default_factory=list)
    messages: Counter[str] = field(default_factory=Counter)
    breaches: list[Breach] = field(default_factory=list)

    def breach(self, invariant: str, what: str) -> None:
        """Note a violation that only the moment shows."""
        self.breaches.append(Breach(invariant=invariant, what=what))

    def story(self) -> tuple[str, ...]:
        """Tell each visit in one line, in the order of their arrival."""
        return tuple(_told(visit) for visit in self.visits)


def _told(visit: Visit) -> str:
    words = [f"{visit.asked_s:10.3f}  {visit.id:<4} {visit.user}"]
    words += [f"{answer.value} at {_at(visit.answered_s)}" for answer in visit.answers]
    if visit.first_shown_s is not None:
        words.append(f"shown from {_at(visit.first_shown_s)}")
    words += [end.value for end in visit.ends]
    if visit.stopped_s is not None:
        words.append(f"stopped at {_at(visit.stopped_s)}")
    if visit.gone_s is not None:
        words.append(f"chat gone at {_at(visit.gone_s)}")
    return ", ".join(words)


def _at(seconds: float | None) -> str:
    return "?" if seconds is None else f"{seconds:.3f}"
