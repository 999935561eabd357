"""How hard a model is asked to think, as words in an order. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

OFF: Final = "none"
MINIMAL: Final = "minimal"

EFFORTS: Final = (OFF, MINIMAL, "low", "medium", "high", "xhigh", "max")
"""Every effort there is a word for, weakest first."""

_RANKS: Final = {effort: rank for rank, effort in enumerate(EFFORTS)}


def effort_rank(effort: str) -> int:
    """Return the place of an effort in the order; a word that is not known is the strongest."""
    return _RANKS.get(effort, len(EFFORTS))


def weakest_first(efforts: Iterable[str]) -> tuple[str, ...]:
    """Sort efforts, each of them once."""
    return tuple(sorted(dict.fromkeys(efforts), key=effort_rank))


def nearest_effort(wanted: str, supported: Iterable[str]) -> str | None:
    """Return the supported effort nearest to the wanted one (SPEC 120).

    That is the next higher one; above the strongest it is the strongest. None without any.
    """
    in_order = weakest_first(supported)
    wanted_rank = effort_rank(wanted)
    higher = (effort for effort in in_order if effort_rank(effort) >= wanted_rank)
    return next(higher, in_order[-1] if in_order else None)
