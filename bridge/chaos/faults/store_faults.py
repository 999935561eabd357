"""What an artifact store does instead of what it should, by name."""

from __future__ import annotations

from enum import Enum


class StoreFault(Enum):
    """How one call goes wrong."""

    REFUSES = "refuses"
    BUSY = "busy"
    MISFIT = "misfit"
    BUG = "bug"
    # Done in the end, after a while.
    SLOW = "slow"
    # Longer than anybody waits: the thread is left behind, and comes back.
    HANGS = "hangs"
    # Done, and said to have failed.
    LOST_WORD = "done, word lost"
