"""Single request parameters as people and other programs write them. Pure.

Each function reads one kind of value and gives None for what cannot be meant: such a parameter
is left out, it never fails a request.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Final

INTEGER_MAX: Final = 2**53
METADATA_PAIRS_MAX: Final = 16
METADATA_KEY_CHARS_MAX: Final = 64
METADATA_VALUE_CHARS_MAX: Final = 512
SESSION_ID_CHARS_MAX: Final = 256
USER_CHARS_MAX: Final = 128
STOP_SEQUENCES_MAX: Final = 4

_FLAGS: Final = {"true": True, "false": False}


def number(value: object) -> float | None:
    """Read a number, also from a string; None for a blank, a flag or anything else."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if isinstance(value, int) or math.isfinite(value) else None


def integer(value: object) -> int | None:
    """Read an integer, rounding; None for what no provider could take as one."""
    found = number(value)
    return round(found) if found is not None and abs(found) <= INTEGER_MAX else None


def flag(value: object) -> bool | None:
    """Read a flag, also from its word."""
    if isinstance(value, str):
        return _FLAGS.get(value.strip().lower())
    return value if isinstance(value, bool) else None


def word(value: object) -> str | None:
    """Read a word without the blanks around it."""
    return value.strip() or None if isinstance(value, str) else None


def members(value: object, names: Iterable[str]) -> dict[str, object]:
    """Take the named members of an object that are set."""
    if not isinstance(value, dict):
        return {}
    return {name: value[name] for name in names if value.get(name) is not None}


def first(values: Iterable[object]) -> object:
    """Return the first value that is set."""
    return next((value for value in values if value is not None), None)


def told(wanted: Mapping[str, object]) -> dict[str, object]:
    """Keep what is set."""
    return {name: value for name, value in wanted.items() if value is not None}


def metadata(value: object) -> dict[str, str] | None:
    """Keep the pairs that fit, as many as fit."""
    if not isinstance(value, dict):
        return None
    fitting = [
        (key, text)
        for key, text in value.items()
        if isinstance(text, str)
        and len(text) <= METADATA_VALUE_CHARS_MAX
        and len(key) <= METADATA_KEY_CHARS_MAX
        and not {"[", "]"} & set(key)
    ]
    return dict(fitting[:METADATA_PAIRS_MAX]) or None


def session_id(value: object) -> str | None:
    """Read an id that is not too long; a cut one would name another session."""
    return _identifier(value, SESSION_ID_CHARS_MAX)


def user(value: object) -> str | None:
    """Read an id that is not too long; a cut one would name another person."""
    return _identifier(value, USER_CHARS_MAX)


def stop(value: object) -> str | list[str] | None:
    """Read where to stop: one sequence, or the first few of a list."""
    if isinstance(value, str):
        return value or None
    entries = value if isinstance(value, list) else []
    return [each for each in entries if isinstance(each, str) and each][:STOP_SEQUENCES_MAX] or None


def _identifier(value: object, chars_max: int) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= chars_max else None
