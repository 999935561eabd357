"""Under which names a model is told of tools (SPEC 65). Pure.

A name depends on the tools that are offered and on nothing else, not even on their order:
the same tools have the same names in every turn, so a provider's prompt cache holds.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Final

from bridge.owui.tools.offers import Offer

NAME_CHARS_MAX: Final = 64
_SUFFIX_CHARS: Final = 8
_NAMES_KEPT_MAX: Final = 1024
_INVALID: Final = re.compile(r"[^a-zA-Z0-9_-]")
_NAMELESS: Final = "tool"


def distinct(offers: Sequence[Offer]) -> tuple[Offer, ...]:
    """Leave each tool in once: of identical ones the last, or the last that can be run.

    Tools are identical when name, description and parameters are, and nothing says that they
    belong to different tools or servers.
    """
    kept: list[Offer] = []
    places: dict[tuple[str, str, str], list[int]] = {}
    for offer in offers:
        same = places.setdefault((offer.name, offer.description, offer.parameters_json), [])
        place = next((each for each in same if _may_be_one(kept[each], offer)), None)
        if place is None:
            same.append(len(kept))
            kept.append(offer)
        elif offer.can_run or not kept[place].can_run:
            kept[place] = offer
    return tuple(kept)


def names_for(offers: Sequence[Offer]) -> tuple[str, ...]:
    """Give every tool a name that is valid and its own.

    Args:
        offers: tools, no two of them identical.

    Returns:
        A name for each. Those that would clash have their origin in front and, if that does not
        tell them apart, eight hex digits of what they are at the end.
    """
    plain = [valid_name(offer.name) for offer in offers]
    if len(set(plain)) == len(plain):
        return tuple(plain)
    times = Counter(plain)
    taken = {name for name in plain if times[name] == 1}
    prefixed = [
        _fitted(f"{offer.origin.value}__{name}") for offer, name in zip(offers, plain, strict=True)
    ]
    clashing = Counter(
        name for name, before in zip(prefixed, plain, strict=True) if times[before] > 1
    )
    names: list[str] = []
    for offer, name, longer in zip(offers, plain, prefixed, strict=True):
        if times[name] == 1:
            names.append(name)
            continue
        is_free = clashing[longer] == 1 and longer not in taken
        names.append(longer if is_free else _marked(longer, offer, taken))
        taken.add(names[-1])
    return tuple(names)


@lru_cache(maxsize=_NAMES_KEPT_MAX)
def valid_name(name: str) -> str:
    """Return the name as providers accept it: the same, if they do."""
    return _fitted(_INVALID.sub("_", name) or _NAMELESS, name)


def _may_be_one(one: Offer, other: Offer) -> bool:
    return not (one.home and other.home) or one.home == other.home


def _marked(name: str, offer: Offer, taken: set[str]) -> str:
    """Add digits that stand for the tool; in the odd case that they are taken, others."""
    about = "\0".join((offer.origin.value, offer.home, offer.name, offer.description))
    about += "\0" + offer.parameters_json
    while (marked := _cut(name, _digest(about))) in taken:
        about += "\0"
    return marked


def _fitted(name: str, about: str = "") -> str:
    """Cut a name that is too long; digits of all of it keep it different from others."""
    return name if len(name) <= NAME_CHARS_MAX else _cut(name, _digest(about or name))


def _cut(name: str, digits: str) -> str:
    return f"{name[: NAME_CHARS_MAX - _SUFFIX_CHARS - 1]}_{digits}"


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_SUFFIX_CHARS]
