"""What a Redis server says, translated into one family of errors. Pure.

No text of the library or the server is passed on: it may quote an address with its password, a
key, or a row. `detail` is a sentence of our own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from actors.ports import ErrorFacts, PortError


class LinkError(PortError):
    """Redis did not do what it was asked to."""


class LinkAway(LinkError):
    """It cannot be reached, is too slow, or starts up. What was asked may have been done."""

    transient = True


class LinkReadOnly(LinkError):
    """It takes no writes now: a replica, or a server whose disk fails."""

    transient = True


class LinkFull(LinkError):
    """Its memory is used up; nothing was done."""

    transient = True


class LinkRefused(LinkError):
    """It refuses this user, or this user may not do that."""


class LinkMisfit(LinkError):
    """It is no server that can be used, or a key holds something else. `code` is its own word."""


AWAY: Final = "Redis cannot be reached, or went away."
SLOW: Final = "Redis did not answer in time."
READ_ONLY: Final = "Redis takes no writes: it is a replica, or cannot write to its disk."
FULL: Final = "The memory of Redis is used up (maxmemory)."
REFUSED: Final = "Redis refuses the user: wrong name or password, or no right to do this."
MISFIT: Final = "Redis does not do what was asked of it."
NO_ADDRESS: Final = "REDIS_URL is no address: it reads like redis://user:password@host:6379/0."

_KINDS: Final[Mapping[str, tuple[type[LinkError], str]]] = MappingProxyType(
    {
        "OOM": (LinkFull, FULL),
        "READONLY": (LinkReadOnly, READ_ONLY),
        "MISCONF": (LinkReadOnly, READ_ONLY),
        "NOREPLICAS": (LinkReadOnly, READ_ONLY),
        "LOADING": (LinkAway, AWAY),
        "BUSY": (LinkAway, SLOW),
        "MASTERDOWN": (LinkAway, AWAY),
        "NOAUTH": (LinkRefused, REFUSED),
        "WRONGPASS": (LinkRefused, REFUSED),
        "NOPERM": (LinkRefused, REFUSED),
        "WRONGTYPE": (LinkMisfit, MISFIT),
        "NOGROUP": (LinkMisfit, MISFIT),
    }
)

# What the library makes of some of them; it takes the word itself out of the text.
_CLASSES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "OutOfMemoryError": "OOM",
        "ReadOnlyError": "READONLY",
        "BusyLoadingError": "LOADING",
        "MasterDownError": "MASTERDOWN",
        "AuthenticationError": "NOAUTH",
        "AuthorizationError": "NOPERM",
        "NoPermissionError": "NOPERM",
    }
)
_WORD: Final = re.compile(rf"\b({'|'.join(_KINDS)})\b")


def link_error(error: BaseException) -> LinkError:
    """Translate what the library raised, or returned as an answer."""
    names = [kind.__name__ for kind in type(error).__mro__]
    word = next((_CLASSES[name] for name in names if name in _CLASSES), None)
    if word is None and "ResponseError" in names:
        # A script that failed quotes the word in the middle of a longer text.
        found = _WORD.search(str(error))
        word = found[1] if found else ""
    if word is None:
        return LinkAway(ErrorFacts(detail=SLOW if "TimeoutError" in names else AWAY))
    kind, detail = _KINDS.get(word, (LinkMisfit, MISFIT))
    return kind(ErrorFacts(code=word, detail=detail))
