"""How a run says that a promise was not kept."""

from __future__ import annotations

from bridge.chaos.trace import Breach


class InvariantBroken(AssertionError):
    """A run broke a promise. The text tells the first one; `breaches` has all."""

    def __init__(self, found: tuple[Breach, ...]) -> None:
        self.breaches = found
        first = found[0]
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        super().__init__(f"{first.invariant}: {first.what}{more}")
