"""JSON text of values that came from outside or go there. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import msgspec

from bridge.transforms.text import whole

JsonValue: TypeAlias = (
    "str | int | float | bool | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
)

NULL = "null"


def json_text(value: object) -> str:
    """Write a value as compact JSON that can be encoded as UTF-8; it never raises.

    What JSON cannot express (an object, NaN) becomes `null`; so does the whole value when it
    nests too deep or holds itself. Lone surrogates become U+FFFD.
    """
    try:
        return msgspec.json.encode(value, enc_hook=_nothing).decode()
    except UnicodeEncodeError:
        return _mended(value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return NULL


def json_value(text: str) -> object:
    """Read JSON text; None for what is no JSON."""
    try:
        value: object = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return value


def _mended(value: object) -> str:
    """Write JSON around lone surrogates, then mend the text: they can only stand in strings."""
    try:
        return whole(json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_nothing))
    except (TypeError, ValueError, OverflowError, RecursionError):
        return NULL


def _nothing(unknown: object) -> None:
    """Stand in for an object that JSON has no form for."""
