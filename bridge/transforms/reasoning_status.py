"""Thinking as status lines: which text to show, and when (SPEC 88, 90). Pure but for what it holds.

Every line is stored with the message by Open WebUI (0.6.28 writes the whole chat each time), so
there are few of them, and never without end.
"""

from __future__ import annotations

import re
from enum import Enum
from math import inf
from textwrap import wrap
from typing import Final

from bridge.transforms.status_text import LINE_CHARS_MAX

FLUSH_CHARS: Final = 160
PAUSE_CHARS_MIN: Final = 12
PAUSE_S: Final = 0.75
# From here on a line stands for all that came in `SLOW_S`, and shows the end of it.
LINES_MAX: Final = 200
SLOW_S: Final = 5.0

# The end of a sentence (full-width marks need no space), or of a line that is no title. `3.14` is
# neither.
_END: Final = re.compile(r"[.!?…;:](?=[\s\"')\]*]|$)|[\u3002\uff01\uff1f\uff1b]|(?<![*\n])\n")
_TITLE: Final = re.compile(r"(?:^|\n)[ \t]*\*\*([^*\n]+?)\*\*[ \t]*(?:\n\s*|$)")
_NUMBER: Final = re.compile(r"\s*\d+[.:]\s*")


class ThinkingMode(Enum):
    """Where thinking is shown; the values are those of the valve `THINKING_OUTPUT_MODE`."""

    BOX = "open_webui"
    STATUS = "status"
    BOTH = "both"


class ThoughtLines:
    """Collects thinking and hands it out line by line. One for each answer."""

    __slots__ = ("_lines", "_said_s", "_text")

    def __init__(self) -> None:
        self._text = ""
        self._lines = 0
        self._said_s = inf

    def take(self, text: str, now_s: float) -> list[str]:
        """Add thinking; return the lines to show now."""
        if self._said_s == inf:
            self._said_s = now_s
        self._text += text
        if self._lines < LINES_MAX:
            return self._said(self._cut(now_s), now_s)
        self._text = self._text[-FLUSH_CHARS:]
        is_due = now_s - self._said_s >= SLOW_S
        return self._said(len(self._text), now_s) if is_due else []

    def rest(self, now_s: float) -> list[str]:
        """Return what is left when a thought is over."""
        return self._said(len(self._text), now_s)

    def _cut(self, now_s: float) -> int:
        """Where the text may be cut now; 0 for nowhere yet."""
        text = self._text
        if len(text) >= FLUSH_CHARS:
            sentences = _last_end(text)
            return sentences if sentences >= FLUSH_CHARS // 2 else len(text)
        if text.count("**") % 2:
            return 0  # In the middle of a title.
        if end := _last_end(text):
            return 0 if _NUMBER.fullmatch(text[:end]) else end
        is_pause = now_s - self._said_s >= PAUSE_S and len(text.strip()) >= PAUSE_CHARS_MIN
        return len(text) if is_pause else 0

    def _said(self, end: int, now_s: float) -> list[str]:
        if not end:
            return []
        thought, self._text = self._text[:end], self._text[end:]
        # What came in one go may be long; a line is what fits into one.
        lines = wrap(thought_line(thought), LINE_CHARS_MAX)[: max(1, LINES_MAX - self._lines)]
        if lines:
            self._lines += len(lines)
            self._said_s = now_s
        return lines


def thought_line(text: str) -> str:
    """Write thinking as one plain line; a bold title stands before its body: `Title: body`."""
    return " ".join(_TITLE.sub(_titled, text).replace("**", "").split())


def _titled(title: re.Match[str]) -> str:
    words = title.group(1).strip()
    has_body = title.end() < len(title.string)
    return f"\n{words}: " if has_body and words[-1:] not in ".!?…:" else f"\n{words} "


def _last_end(text: str) -> int:
    """Where the last sentence ends that is whole; 0 if none is."""
    end = 0
    for found in _END.finditer(text):
        end = found.end()
    return end
