"""Marks in the text of an answer: lines that no reader sees, each naming an artifact. Pure.

`[<id>]: #` on a line of its own defines a link that nothing uses, so Markdown shows nothing
(SPEC 37). Open WebUI trims, joins and splits texts on their way through its store: what counts
is the line, not what stands around it. A mark is good for its own chat alone, so one that a
model made up, or repeats, leads nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain, groupby
from typing import Final, TypeAlias

from actors.artifact_ids import ALPHABET
from actors.artifacts import ID_CHARS
from actors.keeping import ARTIFACTS_PER_ANSWER_MAX
from actors.values import Item, Mark, OpaquePart, Part, TextPart
from bridge.transforms.json_text import json_text, json_value

MARKS_PER_MESSAGE_MAX: Final = ARTIFACTS_PER_ANSWER_MAX
"""Of more marks in a message, the last ones count."""

MARKS_PER_CHAT_MAX: Final = 5_000
"""Of more marks in a conversation, the last ones count."""

_ENDS: Final = "]: #"
_GAP: Final = "\n\n"
_LINE: Final = re.compile(
    rf"^ {{0,3}}\[([{ALPHABET}]{{{ID_CHARS}}})\]:[ \t]*#[ \t]*\r?$", re.MULTILINE
)
_FENCES: Final = ("```", "~~~")
_FENCE: Final = re.compile(r"^[ \t]*(`{3,}|~{3,})([^\n]*)$", re.MULTILINE)
_TEXT: Final = "text"

Piece: TypeAlias = str | Mark
Said: TypeAlias = tuple[Part, ...]


def mark_line(artifact_id: str) -> str:
    """Return the line that names an artifact."""
    return f"[{artifact_id}{_ENDS}"


def marks_text(ids: Sequence[str]) -> str:
    """Return what is appended to an answer: a blank line, and a line for each artifact."""
    lines = "\n".join(map(mark_line, ids))
    return f"{_GAP}{lines}\n" if ids else ""


def cut(text: str) -> tuple[Piece, ...]:
    """Cut a text at its marks.

    Marks at the very end count wherever the text left off; those before it are not looked for
    in fenced code, where somebody shows them.

    Returns:
        Texts and marks in order. A text without marks comes back as it is; else the line breaks
        around the marks are gone, and so are texts of nothing else.
    """
    if _ENDS not in text or not (lines := tuple(_LINE.finditer(text))):
        return (text,)
    end = _end_of_words(text, lines)
    fences = _fences(text) if end and any(fence in text for fence in _FENCES) else ()
    marks = [
        line
        for at, line in enumerate(lines)
        if at >= end or not any(begin < line.start() < stop for begin, stop in fences)
    ]
    if not marks:
        return (text,)
    pieces: list[Piece] = []
    start = 0
    for line in marks:
        _add(pieces, text[start : line.start()].rstrip())
        pieces.append(Mark(artifact_id=line[1]))
        start = line.end()
    _add(pieces, text[start:])
    return tuple(pieces)


def has_marks(parts: Said) -> bool:
    """Say whether an answer may hold marks: one look, because nearly none does."""
    for part in parts:
        if type(part) is TextPart:
            # From the end: there they are, and for this word it is quicker than `in` as well.
            if part.text.rfind(_ENDS) >= 0:
                return True
        elif type(part) is OpaquePart and _ENDS in part.json:
            return True
    return False


def in_order(parts: Said) -> tuple[Said | Mark, ...]:
    """Part what was said at the marks, and put the marks where their artifacts belong.

    Marks in the middle stay where they are. Marks at the end go before the words that they
    end: an answer was thought out before it was said, and all our answers are marked at the end.
    """
    pieces = list(chain.from_iterable(map(_pieces_of, parts)))
    end = len(pieces)
    while end and isinstance(pieces[end - 1], Mark):
        end -= 1
    begin = end
    while begin and not isinstance(pieces[begin - 1], Mark):
        begin -= 1
    ordered = (*pieces[:begin], *pieces[end:], *pieces[begin:end])
    runs: list[Said | Mark] = []
    for is_mark, run in groupby(ordered, key=lambda piece: isinstance(piece, Mark)):
        if is_mark:
            runs += [piece for piece in run if isinstance(piece, Mark)]
        else:
            runs.append(tuple(piece for piece in run if not isinstance(piece, Mark)))
    return tuple(runs)


def without_marks(parts: Said) -> Said:
    """Return what was said without any mark."""
    said: list[Part] = []
    for part in parts:
        pieces = [piece for piece in _pieces_of(part) if not isinstance(piece, Mark)]
        if len(pieces) > 1:
            # Only a text has more than one; it stays one.
            text = _GAP.join(piece.text for piece in pieces if isinstance(piece, TextPart))
            said.append(TextPart(text=text))
        else:
            said += pieces
    return tuple(said)


def newest(items: Sequence[Item], marks_max: int) -> list[Item]:
    """Keep the last so many marks, and everything that is no mark."""
    surplus = sum(isinstance(item, Mark) for item in items) - marks_max
    kept: list[Item] = []
    for item in items:
        if surplus > 0 and isinstance(item, Mark):
            surplus -= 1
        else:
            kept.append(item)
    return kept


def _pieces_of(part: Part) -> Iterator[Part | Mark]:
    if isinstance(part, TextPart):
        for piece in cut(part.text):
            if isinstance(piece, Mark):
                yield piece
            elif piece == part.text:
                yield part
            else:
                yield TextPart(text=piece)
    elif isinstance(part, OpaquePart) and _ENDS in part.json:
        yield from _pieces_of_block(part)
    else:
        yield part


def _pieces_of_block(part: OpaquePart) -> Iterator[Part | Mark]:
    """Cut a text that says what to cache: it stays one block, and its marks follow it."""
    block = json_value(part.json)
    text = block.get(_TEXT) if isinstance(block, dict) else None
    pieces = cut(text) if isinstance(text, str) else ()
    marks = [piece for piece in pieces if isinstance(piece, Mark)]
    if not marks or not isinstance(block, dict):
        yield part
        return
    if left := _GAP.join(piece for piece in pieces if isinstance(piece, str)):
        yield OpaquePart(json=json_text({**block, _TEXT: left}))
    yield from marks


def _end_of_words(text: str, lines: Sequence[re.Match[str]]) -> int:
    """Return the index of the first of the marks behind which nothing but marks comes."""
    first, after = len(lines), len(text)
    while first and not text[lines[first - 1].end() : after].strip():
        first -= 1
        after = lines[first].start()
    return first


def _fences(text: str) -> Sequence[tuple[int, int]]:
    """Find where fenced code begins and stops; what is not closed goes on to the end."""
    found: list[tuple[int, int]] = []
    opened: tuple[int, str] | None = None
    for line in _FENCE.finditer(text):
        fence, rest = line[1], line[2]
        if opened is None:
            # Words between backticks on one line are no block.
            if "`" not in rest or fence[0] != "`":
                opened = line.start(), fence
        elif fence.startswith(opened[1]) and not rest.strip():
            found.append((opened[0], line.end()))
            opened = None
    if opened is not None:
        found.append((opened[0], len(text)))
    return found


def _add(pieces: list[Piece], text: str) -> None:
    if text.strip():
        pieces.append(text.lstrip("\r\n"))
