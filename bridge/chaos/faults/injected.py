"""What every fault raises that imitates a bug."""

from __future__ import annotations


class InjectedCrash(RuntimeError):
    """A bug that struck because the seed said so."""
