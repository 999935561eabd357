"""The ids of the calls that the stand-in makes up. Pure.

They tell whose they are and of which round, so that nothing has to be remembered between two
requests: a provider is stateless too.
"""

from __future__ import annotations

import re

_OURS = re.compile(r"call_standin_\d+_r(\d+)_\d+")


def call_id(response_id: str, round_number: int, item: int) -> str:
    """Return the id of a call, different for every answer."""
    serial = response_id.rpartition("-")[2].lstrip("0")
    return f"call_standin_{serial if serial.isdecimal() else 0}_r{round_number}_{item}"


def round_of(text: str) -> int | None:
    """Return the round of a call by its id, or None when it is not ours."""
    found = _OURS.fullmatch(text)
    return int(found.group(1)) if found is not None else None
