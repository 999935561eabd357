"""What a simulated model says in one chat: its answers, the calls they end with, what refuses it.

A mark stands where the name of a round goes (`v3r1`: the first round of visit 3), so that every
word and every call of a run is one of a kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final

from bridge.standin.script_values import Beat, Close, Finish, Piece, Script, Telling, Voice

# One byte, so that no cut tears it.
MARK: Final = "@"
WORDS: Final = (4, 1, 9, 25)

# What the tools of a simulated box are called.
LOOK, FIND, WRITE = TOOLS = ("look", "find", "write")

_HALF: Final = '{"at": "@'


class Shape(Enum):
    """How the words of an answer are told."""

    PLAIN = "plain"
    THINKING = "thinking"
    OVERLAPPING = "overlapping"
    REFUSAL = "refusal"
    STATED = "stated"
    TERMINAL = "terminal"
    INCOMPLETE = "incomplete"
    # No words at all: only for an answer that calls.
    SILENT = "silent"


LAST_SHAPES: Final = tuple(shape for shape in Shape if shape is not Shape.SILENT)
CALLING_SHAPES: Final = (
    Shape.PLAIN,
    Shape.THINKING,
    Shape.OVERLAPPING,
    Shape.STATED,
    Shape.TERMINAL,
    Shape.SILENT,
)


class Wants(Enum):
    """Which calls an answer ends with."""

    NOTHING = "nothing"
    ONE = "one"
    ALIKE = "alike"
    MIXED = "mixed"
    # More than may run at once, or together.
    MANY = "many"
    # Each needs what the one before it gave.
    CHAIN = "chain"
    IN_TURN = "in-turn"
    # Without arguments, in both ways in which models write that.
    BARE = "bare"
    # The model broke off two of them and took them for finished.
    HALF_WRITTEN = "half-written"
    # The answer ran out of room in the middle of a call.
    CUT_OFF = "cut-off"


CALLING: Final = tuple(wants for wants in Wants if wants is not Wants.NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedCall:
    """One call; `needs` are the places of those that have to be over before it begins."""

    call_id: str
    name: str
    arguments: str
    needs: tuple[int, ...] = ()
    is_whole: bool = True

    @property
    def sent_back(self) -> str:
        """The arguments as the model gets to read them again."""
        return self.arguments or "{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one round says, whatever becomes of its attempts."""

    shape: Shape
    words: int
    wants: Wants = Wants.NOTHING

    @property
    def is_cut_off(self) -> bool:
        """Whether nothing of its calls may be run."""
        return self.wants is Wants.CUT_OFF

    @property
    def script(self) -> Script:
        """The words, as the stand-in plays them."""
        return _script(self)

    def told(self, name: str) -> tuple[str, str]:
        """Return the whole content and the whole reasoning of a round of this name."""
        script = self.script
        content = script.said(Voice.TEXT) + script.said(Voice.REFUSAL)
        return content.replace(MARK, name), script.said(Voice.THINKING).replace(MARK, name)

    def calls(self, name: str = MARK) -> tuple[ScriptedCall, ...]:
        """Return the calls of a round of this name, in their order."""
        return _calls(self.wants, name)


class Refusal(Enum):
    """What the provider finds fault with, in all requests of a chat."""

    NOTHING = "nothing"
    # The changed request goes through.
    CURABLE = "curable"
    # The changed request is refused as well.
    STUBBORN = "stubborn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What the provider and the tools of one visit have in store for it.

    Attributes:
        answers: one for each round; the last one again and again.
        pace_s: the pause before each read, where it is fixed.
        tool_s: how long a call takes, where it is fixed.
        refusal: what is refused.
    """

    answers: tuple[Answer, ...]
    pace_s: float | None = None
    tool_s: float | None = None
    refusal: Refusal = Refusal.NOTHING

    def answer(self, number: int) -> Answer:
        """Return the answer of a round, from 1."""
        return self.answers[min(number, len(self.answers)) - 1]

    def rounds(self, *, requests_max: int, runs_tools: bool) -> int:
        """Return how many rounds the chat has if nothing breaks, each of which is a request."""
        for number in range(1, requests_max):
            answer = self.answer(number)
            if not runs_tools or answer.wants in (Wants.NOTHING, Wants.CUT_OFF):
                return number
        return requests_max

    def told(self, visit: str, rounds: int) -> tuple[str, str]:
        """Return the whole content and the whole reasoning of so many rounds."""
        told = [
            self.answer(number).told(round_name(visit, number)) for number in range(1, rounds + 1)
        ]
        return "".join(content for content, _ in told), "".join(thought for _, thought in told)


def round_name(visit: str, number: int) -> str:
    """Return what stands for the mark in a round of a visit."""
    return f"{visit}r{number}"


def round_of_call(call_id: str) -> int:
    """Return the round that a call belongs to; 0 for an id of somebody else's."""
    name = call_id.removeprefix("call_").partition("_")[0]
    number = name.partition("r")[2]
    return int(number) if number.isdecimal() else 0


# --- words ---------------------------------------------------------------------------------------

_TELLING: Final = {Shape.STATED: Telling.BY_STATEMENTS, Shape.TERMINAL: Telling.AT_THE_END}


@lru_cache(maxsize=500)
def _script(answer: Answer) -> Script:
    is_short = answer.shape is Shape.INCOMPLETE or answer.is_cut_off
    return Script(
        name=answer.shape.value,
        shows="",
        beats=_beats(answer),
        finish=Finish.LENGTH if is_short else Finish.STOP,
        telling=_TELLING.get(answer.shape, Telling.BY_DELTAS),
    )


def _beats(answer: Answer) -> tuple[Beat, ...]:
    text = _pieces(Voice.TEXT, answer.words, item=1)
    thought = _pieces(Voice.THINKING, answer.words, item=0)
    match answer.shape:
        case Shape.THINKING:
            return (*thought, Close(item=0), *text)
        case Shape.OVERLAPPING:
            # Both items stay open, and their words take turns.
            return tuple(piece for pair in zip(thought, text, strict=True) for piece in pair)
        case Shape.REFUSAL:
            return _pieces(Voice.REFUSAL, answer.words, item=0)
        case Shape.SILENT:
            return ()
        case _:
            return _pieces(Voice.TEXT, answer.words, item=0)


def _pieces(voice: Voice, words: int, *, item: int) -> tuple[Piece, ...]:
    # Numbered, so that a doubled or misplaced word shows; with characters of several bytes, so
    # that they can be torn.
    return tuple(
        Piece(item=item, voice=voice, text=f"{number}.{MARK}.über😀 ") for number in range(words)
    )


# --- calls ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Wanted:
    name: str
    arguments: str = '{"at": "@"}'
    needs: tuple[int, ...] = ()
    is_whole: bool = True


_WANTED: Final[dict[Wants, tuple[_Wanted, ...]]] = {
    Wants.NOTHING: (),
    Wants.ONE: (_Wanted(LOOK),),
    Wants.ALIKE: (_Wanted(LOOK),) * 3,
    Wants.MIXED: (_Wanted(LOOK), _Wanted(FIND), _Wanted(WRITE), _Wanted(LOOK)),
    Wants.MANY: (_Wanted(LOOK),) * 5 + (_Wanted(FIND),),
    Wants.CHAIN: (
        _Wanted(LOOK),
        _Wanted(FIND, '{"from": "what call_@_0 gave"}', needs=(0,)),
        _Wanted(WRITE, '{"_depends_on": "find"}', needs=(1,)),
    ),
    Wants.IN_TURN: (
        _Wanted(LOOK),
        _Wanted(WRITE, '{"at": "@", "sequential": true}', needs=(0,)),
        _Wanted(FIND),
    ),
    Wants.BARE: (_Wanted(LOOK, ""), _Wanted(FIND, "null")),
    Wants.HALF_WRITTEN: (
        _Wanted(LOOK),
        _Wanted(FIND, _HALF, is_whole=False),
        _Wanted(WRITE, '["@"]', is_whole=False),
    ),
    Wants.CUT_OFF: (_Wanted(LOOK), _Wanted(FIND, _HALF, is_whole=False)),
}


@lru_cache(maxsize=500)
def _calls(wants: Wants, name: str) -> tuple[ScriptedCall, ...]:
    return tuple(
        ScriptedCall(
            call_id=f"call_{name}_{place}",
            name=wanted.name,
            arguments=wanted.arguments.replace(MARK, name),
            needs=wanted.needs,
            is_whole=wanted.is_whole,
        )
        for place, wanted in enumerate(_WANTED[wants])
    )
