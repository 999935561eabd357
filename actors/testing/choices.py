"""Everything that a simulated run leaves to chance, as streams of small integers.

One stream per tag ("schedule", "latency", "db-locked" ...), each with its own source: taking
one fault away while shrinking moves neither the schedule nor any other fault. Answer 0 is the
default everywhere: asyncio's own order, no fault, the least delay. Only other answers are
recorded, so a recording says what a run did out of the ordinary, and nothing else.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Final, Protocol, TypeAlias

import msgspec

SCHEDULE: Final = "schedule"
"""The tag of the loop's own choice: which ready callback runs next."""

Taken: TypeAlias = Mapping[str, Mapping[int, int]]
"""tag -> position in that tag's stream -> answer; answers of 0 are left out."""

NOTHING_TAKEN: Final[Taken] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fifo:
    """Asyncio's own order; only faults and delays vary."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Uniform:
    """Each ready callback is as likely as the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pct:
    """Strict random priorities, lowered at `depth - 1` random steps.

    Finds a bug that needs `depth` ordered events with a probability that depends on the
    number of tasks and steps, however long the run is. `steps_expected` is the length of a
    usual run, counted in steps that had a choice; the priority changes fall inside it.

    Source: Burckhardt et al., "A Randomized Scheduler with Probabilistic Guarantees of
    Finding Bugs" (probabilistic concurrency testing).
    """

    depth: int = 3
    steps_expected: int = 1_000


Strategy: TypeAlias = Fifo | Uniform | Pct


class Stream(Protocol):
    """The answers of one tag, in the order they are asked for."""

    taken: dict[int, int]

    def choose(self, options: int) -> int:
        """Return a number below `options`; with fewer than two nothing is asked or counted."""

    def chance(self, probability: float) -> bool:
        """Say yes (recorded as 1) or no; a probability of 0 is neither asked nor counted."""

    def note(self, answer: int) -> None:
        """Record an answer that was decided elsewhere."""


class DrawnStream:
    """Answers drawn from a seed."""

    def __init__(self, draw: random.Random) -> None:
        self.taken: dict[int, int] = {}
        self._random = draw.random
        self._position = 0

    def choose(self, options: int) -> int:
        """See `Stream.choose`."""
        if options <= 1:
            return 0
        answer = int(self._random() * options)
        if answer:
            self.taken[self._position] = answer
        self._position += 1
        return answer

    def chance(self, probability: float) -> bool:
        """See `Stream.chance`."""
        if probability <= 0:
            return False
        answer = self._random() < probability
        self.note(int(answer))
        return answer

    def note(self, answer: int) -> None:
        """See `Stream.note`."""
        if answer:
            self.taken[self._position] = answer
        self._position += 1


class RecordedStream:
    """Answers read out of a recording; where it is silent, the default."""

    def __init__(self, recorded: Mapping[int, int]) -> None:
        self.taken: dict[int, int] = {}
        self._recorded = recorded
        self._position = 0

    def choose(self, options: int) -> int:
        """See `Stream.choose`."""
        if options <= 1:
            return 0
        # A shortened recording can meet fewer options than the run it was taken from.
        answer = self._recorded.get(self._position, 0) % options
        self.note(answer)
        return answer

    def chance(self, probability: float) -> bool:
        """See `Stream.chance`."""
        return probability > 0 and self.choose(2) == 1

    def note(self, answer: int) -> None:
        """See `Stream.note`."""
        if answer:
            self.taken[self._position] = answer
        self._position += 1


class Choices:
    """All streams of one run; used up by it, so that every run needs its own.

    `seed` and `strategy` are what the run was started with. A replay keeps the seed, because
    ids and library randomness are drawn from it as well, and has no strategy.
    """

    def __init__(
        self, *, seed: int, strategy: Strategy | None, make: Callable[[str], Stream]
    ) -> None:
        self.seed = seed
        self.strategy = strategy
        self._make = make
        self._streams: dict[str, Stream] = {}

    @classmethod
    def from_seed(
        cls, seed: int, *, strategy: Strategy | None = None, swarm: bool = False
    ) -> Choices:
        """Draw every answer from `seed`.

        Args:
            seed: equal seeds give equal answers, in any process.
            strategy: how the schedule is drawn; `Uniform()` unless told.
            swarm: silence a random half of the tags (never the schedule) for the whole run.
                Runs with few kinds of fault reach states that all kinds at once keep hidden.
        """

        def make(tag: str) -> Stream:
            if swarm and tag != SCHEDULE and drawn_from(seed, f"swarm/{tag}").random() < 0.5:  # noqa: PLR2004 - half
                return RecordedStream({})
            return DrawnStream(drawn_from(seed, tag))

        return cls(seed=seed, strategy=strategy or Uniform(), make=make)

    @classmethod
    def replay(cls, taken: Taken, *, seed: int = 0) -> Choices:
        """Give the recorded answers again, and the default where there is none."""
        return cls(seed=seed, strategy=None, make=lambda tag: RecordedStream(taken.get(tag, {})))

    def stream(self, tag: str) -> Stream:
        """Return the stream of a tag; the same one each time."""
        if (stream := self._streams.get(tag)) is None:
            stream = self._streams[tag] = self._make(tag)
        return stream

    def choose(self, options: int, tag: str) -> int:
        """Return a number below `options`; 0 is the default."""
        return self.stream(tag).choose(options)

    def chance(self, probability: float, tag: str) -> bool:
        """Say yes with this probability; the default is always no, even for 1.0."""
        return self.stream(tag).chance(probability)

    @property
    def taken(self) -> Taken:
        """What was answered so far, without the defaults; tags in alphabetical order."""
        return {
            tag: dict(self._streams[tag].taken)
            for tag in sorted(self._streams)
            if self._streams[tag].taken
        }


def drawn_from(seed: int, purpose: str) -> random.Random:
    """Return a source of its own for each purpose; the hash seed of the process is no part."""
    return random.Random(f"{seed}/{purpose}")  # noqa: S311 - replayable on purpose, guards nothing


def taken_count(taken: Taken) -> int:
    """Count the answers that were not the default."""
    return sum(len(answers) for answers in taken.values())


# --- the replay file --------------------------------------------------------------------------

FORMAT: Final = 1
_Position = Annotated[int, msgspec.Meta(ge=0)]
_Answer = Annotated[int, msgspec.Meta(ge=1)]


class ReplayInvalid(ValueError):
    """This text is no replay file that we can read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What it takes to run a failure again: the content of a replay file.

    `version` names the code that recorded it; another version may well behave otherwise.
    """

    seed: int
    version: str
    taken: Taken

    def choices(self) -> Choices:
        """Return fresh choices for one run."""
        return Choices.replay(self.taken, seed=self.seed)

    def to_json(self) -> str:
        """Write the file: JSON that is stable and fit for review."""
        file = _ReplayFile(
            format=FORMAT,
            seed=self.seed,
            version=self.version,
            taken={tag: sorted(self.taken[tag].items()) for tag in sorted(self.taken)},
        )
        return msgspec.json.format(msgspec.json.encode(file), indent=2).decode() + "\n"


class _ReplayFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    format: int
    seed: int
    version: str
    taken: dict[str, list[tuple[_Position, _Answer]]]


def replay_from_json(text: str | bytes) -> Replay:
    """Read a replay file.

    Raises:
        ReplayInvalid: no JSON, not our shape, or a format of another time.
    """
    try:
        file = msgspec.json.decode(text, type=_ReplayFile)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ReplayInvalid(str(error)) from error
    if file.format != FORMAT:
        raise ReplayInvalid(f"format {file.format}; this version reads format {FORMAT}")
    taken = {tag: dict(answers) for tag, answers in file.taken.items()}
    return Replay(seed=file.seed, version=file.version, taken=taken)
