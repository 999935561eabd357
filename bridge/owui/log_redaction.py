"""What a log may show of headers, bodies and messages (SPEC 189). Pure.

Keys are masked, long base64 is cut down to its beginning, and all of it is bounded.
"""

from __future__ import annotations

import re
from typing import Final

from bridge.owui.error_markup import masked

TEXT_CHARS_MAX: Final = 20_000
BASE64_CHARS_KEPT: Final = 24
_BASE64_CHARS_MIN: Final = 64

_DATA_URL: Final = re.compile(
    rf"(data:[\w.+/-]{{0,80}}(?:;[\w=.+-]{{1,40}}){{0,4}};base64,)"
    rf"([A-Za-z0-9+/=_-]{{{_BASE64_CHARS_MIN},}})"
)
# The header by its name, in any notation: `Authorization: x`, `'authorization': 'x'`.
_AUTHORIZATION: Final = re.compile(
    r"""(\b(?:proxy-)?authorization\b["']?\s*[:=,]\s*b?["']?)(?:(?:Bearer|Basic)\s+)?[^\s"',;}\])]+""",
    re.IGNORECASE,
)


def loggable(text: str) -> str:
    """Return a text as a log may show it."""
    cut = text if len(text) <= TEXT_CHARS_MAX else _cut(text)
    return masked(_AUTHORIZATION.sub(r"\1***", _DATA_URL.sub(_shortened, cut)))


class Loggable:
    """A value that is turned into text only when somebody reads the record it is in.

    Pass it as an argument of a log call: `log.debug("sent %s", Loggable(body))`. The value must
    not change any more.
    """

    __slots__ = ("_value",)

    def __init__(self, value: object) -> None:
        self._value = value

    def __str__(self) -> str:
        value = self._value
        return loggable(
            value.decode("utf-8", "replace") if isinstance(value, bytes) else f"{value}"
        )


def _shortened(found: re.Match[str]) -> str:
    head, data = found[1], found[2]
    return f"{head}{data[:BASE64_CHARS_KEPT]}…({len(data)} characters)"


def _cut(text: str) -> str:
    """Cut a text to the bound. Data of an image or file may make up nearly all of it."""
    whole = _DATA_URL.sub(_shortened, text)
    if len(whole) <= TEXT_CHARS_MAX:
        return whole
    return f"{whole[:TEXT_CHARS_MAX]}…({len(whole)} characters)"
