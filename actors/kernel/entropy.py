"""Chance, as the runtime sees it: the one place that draws random numbers."""

from __future__ import annotations

import os
import random  # This module is where chance comes in
from threading import Lock
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
        self._pool, self._used, self._pool_pid = b"", 0, 0
        self._lock = Lock()

    def uniform(self, low: float, high: float) -> float:
        """See `Entropy.uniform`."""
        drawn: float = int.from_bytes(self._bytes(_FRACTION_BYTES)) / _FRACTION_MAX
        return low + (high - low) * drawn

    def token(self, size_bytes: int) -> str:
        """See `Entropy.token`."""
        return self._bytes(size_bytes).hex()

    def _bytes(self, size_bytes: int) -> bytes:
        with self._lock:
            begin, end = self._used, self._used + size_bytes
            # A forked process must not repeat what its parent says.
            if end > len(self._pool) or self._pool_pid != os.getpid():
                self._pool, self._pool_pid = os.urandom(max(POOL_BYTES, size_bytes)), os.getpid()
                begin, end = 0, size_bytes
            self._used = end
            return self._pool[begin:end]


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
