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
    # Its maker's proof of the thinking before it; on chat it comes last and without a text.
    SIGNATURE = "signature"
    # A source of the text so far; the piece is its URL.
    SOURCE = "source"
    # A piece of a call's arguments; the first one names the tool.
    TOOL_CALL = "tool-call"
    # A picture, whole: base64 without a prefix, or an address.
    IMAGE = "image"
    # A step of a search that runs at the provider; the name is the kind of step.
    SEARCH = "search"


REASONING_VOICES = frozenset({Voice.THINKING, Voice.SUMMARY, Voice.SEALED, Voice.SIGNATURE})
# These make up a whole item each.
WHOLE_VOICES = frozenset({Voice.IMAGE, Voice.SEARCH})


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One delta. `item` is the output index, `part` the content or the summary index.

    `name` is the tool that a call calls, or the kind of step of a search.
    """

    item: int
    voice: Voice
    text: str
    part: int = 0
    name: str = ""


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
    # Which answer of a conversation with tools it is; the ids of its calls tell it.
    round_number: int = 0

    def said(self, voice: Voice) -> str:
        """Return all the text of one voice, in order."""
        return "".join(piece.text for piece in self.pieces_told if piece.voice is voice)

    @property
    def pieces_told(self) -> tuple[Piece, ...]:
        """All that is told, without what only structures it."""
        return tuple(beat for beat in self.beats if isinstance(beat, Piece))

    @property
    def thinking_pieces(self) -> int:
        """How many pieces are reasoning; stands in for reasoning tokens."""
        return sum(piece.voice in REASONING_VOICES for piece in self.pieces_told)

    @property
    def pieces(self) -> int:
        """How many deltas there are; stands in for output tokens."""
        return len(self.pieces_told)

    @property
    def searches(self) -> int:
        """How many steps of a search at the provider there are; each is billed."""
        return sum(piece.voice is Voice.SEARCH for piece in self.pieces_told)

    @property
    def call_items(self) -> tuple[int, ...]:
        """The output index of each call, in the order in which they begin."""
        calls = (piece.item for piece in self.pieces_told if piece.voice is Voice.TOOL_CALL)
        return tuple(dict.fromkeys(calls))

    def call_names(self) -> tuple[str, ...]:
        """Return the tools that are called, in the order in which the calls begin."""
        named: dict[int, str] = {}
        for piece in self.pieces_told:
            if piece.voice is Voice.TOOL_CALL:
                named.setdefault(piece.item, piece.name)
        return tuple(named.values())

    @property
    def reasoning_format(self) -> str:
        """Whose kind of reasoning it is, as the provider spells it."""
        is_signed = any(piece.voice is Voice.SIGNATURE for piece in self.pieces_told)
        return "anthropic-claude-v1" if is_signed else "openai-responses-v1"


def pieces_of(voice: Voice, text: str, *, item: int, part: int = 0) -> tuple[Piece, ...]:
    """Cut a text into deltas the way models do: a word with the space before it."""
    return tuple(
        Piece(item=item, voice=voice, text=word, part=part) for word in words_of(text) if word
    )


def call_pieces(item: int, name: str, *arguments: str) -> tuple[Piece, ...]:
    """Return a call whose arguments come in these pieces."""
    return tuple(
        Piece(item=item, voice=Voice.TOOL_CALL, text=text, name=name) for text in arguments
    )


def words_of(text: str) -> list[str]:
    """Split after every space, so that the pieces add up to the text."""
    *spaced, last = text.split(" ")
    return [*(f"{word} " for word in spaced), last]
