r"""Text that no UTF-8 can hold: lone surrogate halves, and JSON that only a lenient reader takes.

JSON may escape half a character (`\ud83d`), and a provider that cuts a stream by UTF-16 units
sends the other half with the next delta (SPEC 91). Pure.
"""

from __future__ import annotations

import json
from typing import Final

REPLACEMENT: Final = "\ufffd"


def mend(text: str) -> str:
    """Join surrogate halves that meet; a half without its partner becomes U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def is_torn(text: str) -> bool:
    """Say whether the text holds a surrogate half."""
    return any("\ud800" <= character <= "\udfff" for character in text)


def split_open_half(text: str) -> tuple[str, str]:
    """Take off a first half at the very end: its partner may come with the next delta.

    Returns:
        The text before it, mended, and the half (or an empty string).
    """
    if text and "\ud800" <= text[-1] <= "\udbff":
        return mend(text[:-1]), text[-1]
    return mend(text), ""


def read_leniently(payload: bytes) -> object:
    """Read JSON that the strict reader refused; strings may hold surrogate halves.

    Broken UTF-8 becomes U+FFFD, raw control characters inside strings pass, NaN and Infinity
    (which are no JSON) become null. None: null, or no JSON in any reading.
    """
    text = payload.decode("utf-8", "replace")
    try:
        value: object = json.loads(text, strict=False, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None
    return value


def write_mended(value: object) -> bytes:
    """Write a leniently read value so that the strict reader takes it.

    What is nested deeper than the writer can follow becomes null.
    """
    try:
        return mend(json.dumps(value, ensure_ascii=False)).encode()
    except RecursionError:
        return b"null"
