"""Which part of what a model thinks is new to the reader. Pure.

A chat chunk says its thinking twice: as `reasoning`, and in `reasoning_details`. Mostly in the
same chunk; but one of them may run ahead of the other, or say everything again at the end. Each
word is shown once (SPEC 89).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

SNAPSHOT_CHARS_MIN: Final = 32
"""A shorter piece that repeats all there was may be a stutter of the model."""


def news(said: str, told: Sequence[str], told_chars: int) -> str:
    """Return what `said` adds to the pieces told before.

    Everything, as a rule. A piece at least as long as all of them together, and which begins
    with all of them, says them again: then only the rest of it is new.
    """
    if not told_chars or len(said) < max(told_chars, SNAPSHOT_CHARS_MIN):
        return said
    return said.removeprefix("".join(told))


class Thinking:
    """Follows the two ways in which one answer tells its thinking."""

    __slots__ = ("_ahead", "_ahead_at", "_is_plain_ahead", "_told", "_told_chars")

    def __init__(self) -> None:
        self._told: list[str] = []
        self._told_chars = 0
        # What one way has told and the other has not repeated yet, and how far it has come.
        self._ahead: list[str] = []
        self._ahead_at = 0
        self._is_plain_ahead = True

    def advance(self, plain: str, detailed: str) -> str:
        """Take the thinking of one chunk in.

        Args:
            plain: `reasoning`, or "".
            detailed: the text in `reasoning_details`, or "".

        Returns:
            What is to be shown of it.
        """
        if plain == detailed and not self._ahead:
            fresh = plain
        else:
            fresh = self._match(plain, is_plain=True) + self._match(detailed, is_plain=False)
        if len(fresh) >= SNAPSHOT_CHARS_MIN:
            fresh = news(fresh, self._told, self._told_chars)
        if fresh:
            self._told.append(fresh)
            self._told_chars += len(fresh)
        return fresh

    def _match(self, said: str, *, is_plain: bool) -> str:
        """Return what the other way has not said before."""
        if not said:
            return ""
        if not self._ahead or self._is_plain_ahead == is_plain:
            self._ahead.append(said)
            self._is_plain_ahead = is_plain
            return said
        ahead = self._open_text()
        if ahead.startswith(said, self._ahead_at):
            self._ahead_at += len(said)
            if self._ahead_at == len(ahead):
                self._ahead, self._ahead_at = [], 0
            return ""
        rest = ahead[self._ahead_at :]
        self._ahead, self._ahead_at = [], 0
        if said.startswith(rest):
            return self._match(said[len(rest) :], is_plain=is_plain)
        # They word it differently: the plain way is the one for people.
        return said if is_plain else ""

    def _open_text(self) -> str:
        """Return what is ahead as one string; it is joined once, not for every piece."""
        if len(self._ahead) > 1:
            self._ahead = ["".join(self._ahead)]
        return self._ahead[0]
