"""What a Redis does instead of what it should, by name."""

from __future__ import annotations

from enum import Enum


class RedisFault(Enum):
    """How one round trip goes wrong."""

    GONE = "gone"
    SLOW = "slow"
    # Done, and nobody is told.
    LOST_WORD = "done, word lost"
    # A replica, after a failover: it answers, and takes no writes.
    READ_ONLY = "read-only"
    # Its memory is used up: what needs more is refused.
    FULL = "full"
    # Every connection is cut; what it held is there again.
    RESTARTED = "restarted"
    # As before, without what it held.
    EMPTIED = "emptied"
    # Short of memory, it drops what has a term.
    EVICTS = "evicts"
    # Another worker takes rows, and dies with them in hand.
    ROWS_TAKEN = "rows taken by a worker that dies"
