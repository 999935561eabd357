"""What a simulated run leaves behind for the invariants: who did what, when, and how it went.

Recorders append, invariants read; nothing in here decides anything. Times are virtual seconds
since the start of the run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from actors.artifacts import Artifact
from actors.kernel.child_spec import Intensity
from actors.log_values import LogBundle, LogSegment
from bridge.chaos.gate_events import BreakerTerms, GateEvent


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


class Kind(Enum):
    """What a piece of an answer is to its reader."""

    CONTENT = "content"
    REASONING = "reasoning"
    # A tool at work, as a card or a line beside the text.
    CARD = "card"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a visit sees when nothing breaks."""

    content: str
    reasoning: str
    rounds: int = 1


@dataclass(slots=True, kw_only=True)
class StorageWait:
    """One piece of storage that a chat waits for: "read" or "save", and for how long it may."""

    what: str
    asked_s: float
    wait_max_s: float
    ended_s: float | None = None


@dataclass(slots=True, kw_only=True)
class Visit:
    """One request of one user, as its door saw it.

    Attributes:
        id: unique in the run; it stands in every word of the answer.
        expected: what it sees when nothing breaks.
        credit: reads that may be under way to the request actor at once.
        parallel_max: calls of tools that may be under way at once.
        pieces: what was shown, in order.
        shown_s: when something of a round was first handed to the sink, by the round's number.
        round: the round that the provider was asked for last.
        rounds_told: those of which a whole answer was on its way.
        calls_begun, calls_over: ids of calls that were said to have begun, and to be over.
        calls_started: those for which an actor was asked for.
        is_deaf: the chat is ending, and nobody is told any more which calls are over.
        outputs: what came back to the provider for each call.
        rounds_completed: what the sink was told at a complete end.
        tool_wait_s: how long a held tool asked to be left alone, at the most.
        finishes: calls of the sink's `finish`.
        shown_after_end: calls of the sink's `show` after the first `finish`.
        notices: how often the runtime told the door that the chat had ended.
        gone_s: when the chat had ended.
        chat: the chat that it goes on with; "" remembers nothing.
        turns: the visits of this chat that its history tells of.
        brought, strays: ids that its history names, those that belong to another chat apart.
        recalled: chat and id of each artifact that it was given.
        marks: ids that its answer was marked with; `unkept` are those without a row at that time.
        storage_waits: pieces of storage that it waited for, in order.
        storage_wait_s: how long storage that is held asked to be left alone, at the most.
        log_id: names its session log.
        was_failed_by_storage: its end was an error of the store.
        is_held_up: its request may hang, so that nothing is known of how long it waits.
    """

    id: str
    user: str
    expected: Expected
    credit: int
    parallel_max: int
    asked_s: float
    answers: list[Answer] = field(default_factory=list)
    answered_s: float | None = None
    pieces: list[tuple[Kind, str]] = field(default_factory=list)
    first_shown_s: float | None = None
    shown_s: dict[int, float] = field(default_factory=dict)
    round: int = 0
    rounds_told: set[int] = field(default_factory=set)
    calls_begun: set[str] = field(default_factory=set)
    calls_over: set[str] = field(default_factory=set)
    calls_started: set[str] = field(default_factory=set)
    is_deaf: bool = False
    outputs: dict[str, str] = field(default_factory=dict)
    rounds_completed: int | None = None
    tool_wait_s: float = 0.0
    ends: list[End] = field(default_factory=list)
    finishes: int = 0
    shown_after_end: int = 0
    stopped_s: float | None = None
    notices: int = 0
    gone_s: float | None = None
    is_over: bool = False
    chat: str = ""
    turns: tuple[str, ...] = ()
    brought: tuple[str, ...] = ()
    strays: tuple[str, ...] = ()
    recalled: list[tuple[str, str]] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    unkept: list[str] = field(default_factory=list)
    storage_waits: list[StorageWait] = field(default_factory=list)
    storage_wait_s: float = 0.0
    log_id: str = ""
    was_failed_by_storage: bool = False
    is_held_up: bool = False

    def goes_on(self, now_s: float) -> None:
        """Note that it waits for storage no longer."""
        if self.storage_waits and self.storage_waits[-1].ended_s is None:
            self.storage_waits[-1].ended_s = now_s

    def said(self, kind: Kind) -> str:
        """Return all that was shown of one kind."""
        return "".join(text for each, text in self.pieces if each is kind)

    @property
    def is_admitted(self) -> bool:
        """Whether a chat ran for it."""
        return Answer.ADMITTED in self.answers


@dataclass(slots=True, kw_only=True)
class Call:
    """One attempt as the provider saw it. `had_chat`: the chat of its visit was alive then.

    `problem` is what was wrong with the history that came with it; `is_short` says that the
    answer ends early, and well.
    """

    visit: str
    round: int
    opened_s: float
    had_chat: bool
    problem: str = ""
    is_short: bool = False
    closed_s: float | None = None


@dataclass(slots=True, kw_only=True)
class ToolRun:
    """One run of a tool as the tool saw it.

    Attributes:
        had_permit: whether the tools' gate had let it in, in a chat that was alive.
        problem: why it should not have been run, "" when all was well.
        said: what it gave back, or complained of; "" while it says nothing.
        ended_with: "result", or the class of what it raised.
    """

    visit: str
    call_id: str
    began_s: float
    had_permit: bool
    problem: str = ""
    said: str = ""
    ended_with: str = ""
    ended_s: float | None = None


@dataclass(slots=True, kw_only=True)
class Ask:
    """One question between actors, or from a door."""

    question: str
    asked_s: float
    deadline_s: float
    answered_s: float | None = None


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
class StorageBook:
    """What became of what chats keep.

    Attributes:
        rows: all there are at the end.
        forgotten: those that were deleted when asked, each with the chat it was asked for.
        spoilt: ids of those that cannot be read any more.
        lost_twice: those that a Redis lost together with the process that had acknowledged them,
            each with the answer it belonged to.
    """

    rows: tuple[Artifact, ...] = ()
    forgotten: list[tuple[str, Artifact]] = field(default_factory=list)
    spoilt: set[str] = field(default_factory=set)
    lost_twice: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class LogBook:
    """What became of session logs, by the ids of their segments.

    Attributes:
        staged: those that wait.
        was_staged: all that ever did.
        archived: those that are in an archive.
        bundles: what was put into archives, in order.
    """

    staged: dict[str, LogSegment] = field(default_factory=dict)
    was_staged: set[str] = field(default_factory=set)
    archived: set[str] = field(default_factory=set)
    bundles: list[LogBundle] = field(default_factory=list)


@dataclass(slots=True)
class Trace:
    """All of one run.

    Attributes:
        fired: how often each fault and each state of interest was met, by name.
        terms: of the breakers of users, models and tools, by the kind of their keys.
        gates: three lists for each tree that was started; the events of its gates in order.
        remedies: visit and name of each remedy that was found for a refused request.
        messages: messages sent, handled and lost, for the report.
        breaches: what was seen on the way.
        storage: what chats keep.
        logs: what they have logged.
    """

    terms: Mapping[str, BreakerTerms]
    fired: Counter[str] = field(default_factory=Counter)
    visits: list[Visit] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    runs: list[ToolRun] = field(default_factory=list)
    remedies: list[tuple[str, str]] = field(default_factory=list)
    asks: list[Ask] = field(default_factory=list)
    gates: list[list[GateEvent]] = field(default_factory=list)
    lived: list[Lived] = field(default_factory=list)
    closings: list[Closing] = field(default_factory=list)
    messages: Counter[str] = field(default_factory=Counter)
    breaches: list[Breach] = field(default_factory=list)
    storage: StorageBook = field(default_factory=StorageBook)
    logs: LogBook = field(default_factory=LogBook)

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
    if visit.round > 1 or visit.calls_begun:
        words.append(f"{visit.round} rounds, {len(visit.calls_over)} calls")
    words += [end.value for end in visit.ends]
    if visit.stopped_s is not None:
        words.append(f"stopped at {_at(visit.stopped_s)}")
    if visit.brought or visit.marks:
        words.append(f"{len(visit.brought)} marks brought, {len(visit.marks)} made")
    if visit.gone_s is not None:
        words.append(f"chat gone at {_at(visit.gone_s)}")
    return ", ".join(words)


def _at(seconds: float | None) -> str:
    return "?" if seconds is None else f"{seconds:.3f}"
