"""Reading JSON whose shape nobody promised. Pure: whatever comes, nothing raises."""

from __future__ import annotations

import math

import msgspec

_DIGITS_MAX = 18


def decode(data: bytes | str) -> object:
    """Return the JSON value, or None for anything that is no JSON."""
    try:
        value: object = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    return value


def member(value: object, *path: str) -> object:
    """Follow the keys down; None as soon as one is missing or stands on no object."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def text(value: object) -> str:
    """Return the string itself, or an empty one for any other kind of value."""
    return value if isinstance(value, str) else ""


def texts(value: object) -> tuple[str, ...]:
    """Return the strings of a list in their order; other entries are left out."""
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def whole_number(value: object) -> int | None:
    """Return a number as an int, also from a float or from digits in a string, else None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return int(value) if math.isfinite(value) else None
    # The bound keeps int() from what it refuses: a string of thousands of digits.
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _DIGITS_MAX:
        return int(value)
    return value if isinstance(value, int) else None
