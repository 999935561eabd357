"""Ids of artifacts: 16 characters of time and 4 of chance in Crockford's base 32. Pure (SPEC 38).

Time is in nanoseconds since 1970, as in the ids of the earlier pipe: they all sort by age.
"""

from __future__ import annotations

from typing import Final

from actors.artifacts import ID_CHARS

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

CHANCE_BYTES: Final = 3
"""Random bytes that one id takes."""

_BITS: Final = 5
_CHANCE_BITS: Final = 20
_CHANCE_MASK: Final = (1 << _CHANCE_BITS) - 1
_HEX_CHARS: Final = 2 * CHANCE_BYTES


def chance_bytes(count: int) -> int:
    """Say how many random bytes `new_ids` takes for so many ids."""
    return CHANCE_BYTES * (count + 1)


def new_ids(count: int, *, wall_s: float, token: str) -> tuple[str, ...]:
    """Make ids that sort in this order, behind all that were made before.

    Args:
        count: how many.
        wall_s: seconds since 1970.
        token: `chance_bytes(count)` random bytes, as hex.
    """
    assert len(token) == 2 * chance_bytes(count), "as much chance as the ids take"
    chances = [int(token[at : at + _HEX_CHARS], 16) for at in range(0, len(token), _HEX_CHARS)]
    # A clock does not count single nanoseconds. Chance does it, so that answers which end at the
    # same time (virtual time stands still) do not share the 20 bits that are left.
    begin_ns = int(wall_s * 1_000_000) * 1_000 + chances[0] % 1_000
    return tuple(
        _spelled((begin_ns + place) << _CHANCE_BITS | chance & _CHANCE_MASK)
        for place, chance in enumerate(chances[1:])
    )


def _spelled(number: int) -> str:
    shifts = range(_BITS * (ID_CHARS - 1), -1, -_BITS)
    return "".join(ALPHABET[number >> shift & 31] for shift in shifts)
