"""Chance, as the runtime sees it: the one place that draws random numbers."""

from __future__ import annotations

import os
import random  # This module is where chance comes in
from io import BytesIO
from typing import Protocol

# Random bytes fetched at once: a call into the system for each token costs more than the token.
POOL_BYTES = 4096

# As many bits as the fraction of a float has.
_FRACTION_BYTES = 6
_FRACTION_MAX = 2.0 ** (8 * _FRACTION_BYTES) - 1.0


class Entropy(Protocol):
    """Where jitter and identifiers come from; a seed replays them."""

    def uniform(self, low: float, high: float) -> float:
        """Return a float between `low` and `high`, both included."""

    def token(self, size_bytes: int) -> str:
        """Return `size_bytes` random bytes as lower-case hex."""


class SystemEntropy:
    """Chance from the operating system."""

    def __init__(self) -> None:
        # Each call into a pool is one step to all threads, so that it takes no lock.
        self._pool, self._pool_pid = BytesIO(), 0

    def uniform(self, low: float, high: float) -> float:
        """See `Entropy.uniform`."""
        drawn: float = int.from_bytes(self._bytes(_FRACTION_BYTES)) / _FRACTION_MAX
        return low + (high - low) * drawn

    def token(self, size_bytes: int) -> str:
        """See `Entropy.token`."""
        return self._bytes(size_bytes).hex()

    def _bytes(self, size_bytes: int) -> bytes:
        # A forked process must not repeat what its parent says.
        if self._pool_pid == os.getpid():
            drawn = self._pool.read(size_bytes)
            if len(drawn) == size_bytes:
                return drawn
        pool = BytesIO(os.urandom(max(POOL_BYTES, size_bytes)))
        drawn = pool.read(size_bytes)
        self._pool, self._pool_pid = pool, os.getpid()
        return drawn


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
