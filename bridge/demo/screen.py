"""Writes the demo to a terminal, or to anything that takes text.

Answers arrive in pieces, so words are wrapped while they are typed. What is already on a line
never changes, which keeps the output readable in a file or a log as well.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, TextIO

WIDTH: Final = 80
_LABEL_WIDTH: Final = 12


class Ink(Enum):
    """How something looks; the value is the terminal's code for it."""

    PLAIN = ""
    BOLD = "1"
    DIM = "2"
    GREEN = "32"
    RED = "31"


class Screen:
    """A page with a narrow column of labels and a wide one of text.

    Args:
        out: where it goes; every word is flushed, so that a person sees it being typed.
        is_coloured: whether terminal codes are welcome.
        width: characters of a line, labels included.
    """

    def __init__(self, out: TextIO, *, is_coloured: bool = False, width: int = WIDTH) -> None:
        self._out = out
        self._is_coloured = is_coloured
        self._width = width
        self._label = ""
        self._label_due = ""
        self._column = 0
        self._gap = ""
        self._word = ""
        self._ink = Ink.PLAIN

    def heading(self, text: str) -> None:
        """Begin a part."""
        self.end()
        self._out.write(f"\n{self._inked(text, Ink.BOLD)}\n")
        self._out.flush()

    def line(self, label: str, text: str, ink: Ink = Ink.PLAIN) -> None:
        """Write something that is known as a whole; every line of it stays a line."""
        self.end()
        for number, each in enumerate(text.split("\n")):
            margin = self._margin(label if not number else "", ink)
            self._out.write(f"{margin}{self._inked(each, ink)}".rstrip() + "\n")
        self._out.flush()

    def type(self, label: str, text: str, ink: Ink = Ink.PLAIN) -> None:
        """Go on typing under a label; another label begins a new line."""
        if label != self._label:
            self.end()
            self._label = self._label_due = label
        self._ink = ink
        for character in text:
            if character == "\n":
                self._write_word()
                # Blank lines in front of all else would only tear the label from its text.
                if not self._label_due:
                    self._break_line()
            elif character == " ":
                self._write_word()
                self._gap += character
            else:
                self._word += character
        if self._gap:
            self._write_word()
        self._out.flush()

    def say(self, label: str, text: str, ink: Ink = Ink.PLAIN) -> None:
        """Write a sentence, wrapped."""
        self.end()
        self.type(label, text, ink)
        self.end()

    def end(self) -> None:
        """Finish the line that is being typed, if any."""
        self._write_word()
        if self._column:
            self._break_line()
        self._label, self._gap = "", ""
        self._out.flush()

    def _write_word(self) -> None:
        if not self._word:
            return
        if self._column and self._column + len(self._gap) + len(self._word) > self._width:
            self._break_line()
        if not self._column:
            self._out.write(self._margin(self._label_due, self._ink))
            self._label_due, self._column = "", _LABEL_WIDTH
        self._out.write(self._gap + self._inked(self._word, self._ink))
        self._column += len(self._gap) + len(self._word)
        self._gap = self._word = ""

    def _break_line(self) -> None:
        self._out.write("\n")
        self._column, self._gap = 0, ""

    def _margin(self, label: str, ink: Ink) -> str:
        is_told = ink in (Ink.GREEN, Ink.RED)
        return self._inked(f"  {label:<{_LABEL_WIDTH - 2}}", ink if is_told else Ink.DIM)

    def _inked(self, text: str, ink: Ink) -> str:
        if not self._is_coloured or ink is Ink.PLAIN or not text.strip():
            return text
        return f"\x1b[{ink.value}m{text}\x1b[0m"
