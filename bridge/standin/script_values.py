"""What a scripted answer consists of, free of either endpoint's spelling. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias


class Voice(Enum):
    """What a piece is a piece of."""

    TEXT = "text"
    REFUSAL = "refusal"
    THINKING = "thinking"
    SUMMARY = "summary"
    # Reasoning that only its maker can read; it comes whole, when its item closes.
    SEALED = "sealed"
    # A source of the text so far; the piece is its URL.
    SOURCE = "source"
    TOOL_CALL = "tool-call"


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One delta. `item` is the output index, `part` the content or the summary index."""

    item: int
    voice: Voice
    text: str
    part: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """The item is finished here. Items without one close after the last beat."""

    item: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unheard:
    """An event or item type that no client knows yet."""

    event_type: str


Beat: TypeAlias = Piece | Close | Unheard


class Finish(Enum):
    """How the model stopped."""

    STOP = "stop"
    LENGTH = "max_output_tokens"
    FILTER = "content_filter"


class Telling(Enum):
    """Where the answer is told on /responses."""

    BY_DELTAS = "by-deltas"
    # No delta at all: the text first comes with the event that closes it.
    BY_STATEMENTS = "by-statements"
    # Nothing but the terminal event holds the text.
    AT_THE_END = "at-the-end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """An answer to play. `shows` is one line for people who choose among scripts."""

    name: str
    shows: str
    beats: tuple[Beat, ...]
    finish: Finish = Finish.STOP
    telling: Telling = Telling.BY_DELTAS
    # The phase of each message item, when the model tells it (`commentary`, `final_answer`).
    phases: tuple[tuple[int, str], ...] = ()

    def said(self, voice: Voice) -> str:
        """Return all the text of one voice, in order."""
        return "".join(
            beat.text for beat in self.beats if isinstance(beat, Piece) and beat.voice is voice
        )

    @property
    def thinking_pieces(self) -> int:
        """How many pieces are reasoning; stands in for reasoning tokens."""
        thinking = (Voice.THINKING, Voice.SUMMARY, Voice.SEALED)
        return sum(isinstance(beat, Piece) and beat.voice in thinking for beat in self.beats)

    @property
    def pieces(self) -> int:
        """How many deltas there are; stands in for output tokens."""
        return sum(isinstance(beat, Piece) for beat in self.beats)


def pieces_of(voice: Voice, text: str, *, item: int, part: int = 0) -> tuple[Piece, ...]:
    """Cut a text into deltas the way models do: a word with the space before it."""
    return tuple(
        Piece(item=item, voice=voice, text=word, part=part) for word in words_of(text) if word
    )


def words_of(text: str) -> list[str]:
    """Split after every space, so that the pieces add up to the text."""
    *spaced, last = text.split(" ")
    return [*(f"{word} " for word in spaced), last]
