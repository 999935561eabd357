"""Chance, as the runtime sees it: the one place that draws random numbers."""

from __future__ import annotations

import os
import random  # This module is where chance comes in
from typing import Protocol


class Entropy(Protocol):
    """Where jitter and identifiers come from; a seed replays them."""

    def uniform(self, low: float, high: float) -> float:
        """Return a float between `low` and `high`, both included."""

    def token(self, size_bytes: int) -> str:
        """Return `size_bytes` random bytes as lower-case hex."""


class SystemEntropy:
    """Chance from the operating system."""

    def __init__(self) -> None:
        self._random = random.SystemRandom()

    def uniform(self, low: float, high: float) -> float:
        """See `Entropy.uniform`."""
        return self._random.uniform(low, high)

    def token(self, size_bytes: int) -> str:
        """See `Entropy.token`."""
        return os.urandom(size_bytes).hex()


class SeededEntropy:
    """Chance that a seed replays; for tests and simulations."""

    def __init__(self, seed: int | str) -> None:
        self._random = random.Random(seed)  # noqa: S311 - replayable on purpose, guards nothing

    def uniform(self, low: float, high: float) -> float:
        """See `Entropy.uniform`."""
        return self._random.uniform(low, high)

    def token(self, size_bytes: int) -> str:
        """See `Entropy.token`."""
        return self._random.randbytes(size_bytes).hex()
