"""JSON text that a request carries along: read it, check it, pass it on. Pure."""

from __future__ import annotations

import msgspec
from msgspec import Raw

from bridge.openrouter.wire_text import mend, read_leniently, write_mended


def read_json(text: str) -> object:
    """Decode JSON text; what is no JSON by the letter is read as well as it can be.

    Surrogate halves are joined or become U+FFFD. None: null, or no JSON in any reading.
    """
    try:
        value: object = msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return msgspec.json.decode(write_mended(read_leniently(mend(text).encode())))
    return value


def raw_json(text: str) -> Raw | None:
    """Return JSON text as it is, to stand in a body; None when it would break the body."""
    data = text.encode()
    try:
        msgspec.json.decode(data, type=Raw)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        read = read_leniently(data)
        return None if read is None else Raw(write_mended(read))
    return Raw(data)
