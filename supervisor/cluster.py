"""What the workers of one cluster share, and the ports through which they do.

A worker is one process with a tree of its own. Workers share two things: how much may run at
once, of which each leases a part, and the failures that breakers count. Where nothing is shared,
nothing here is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Final, Protocol

from msgspec import Struct

from supervisor.errors import SupervisionError

# How long a lease of permits lasts that is not renewed: a killed worker's permits are back then
# (SPEC 195 asks for 30 s, and whoever needs them looks again within `RENEW_S`).
LEASE_S: Final = 20.0

# Seconds between two renewals; and while somebody waits, or has permits to give back.
RENEW_S: Final = 3.0
RENEW_SOON_S: Final = 0.5

# An empty ledger may have been full a moment ago. For so long nobody gets more than it holds,
# so that those whom the ledger has forgotten can say first what is theirs.
SETTLE_S: Final = 2 * RENEW_S

# What cannot be divided evenly goes to others after so many seconds.
TURN_S: Final = 30.0


class ClusterAway(SupervisionError):
    """What workers share cannot be reached, or does not answer as it should."""


class Standing(Struct, frozen=True, kw_only=True):
    """What one worker says of its permits.

    Attributes:
        running: how many are in use.
        waiting: how many more would be, if there were room.
        held: how many it counts on, those in use included, until it is told otherwise; None: it
            has been on its own, and joins.
        total: how many there are for all workers, as far as it knows; 0: it does not know.
        is_total_new: it knows that since it last told; the latest news counts.
    """

    running: int = 0
    waiting: int = 0
    held: int | None = None
    total: int = 0
    is_total_new: bool = False


class PermitLedger(Protocol):
    """Who of several workers may use how many permits. Every method blocks: call it on a thread.

    The sum of what is promised never exceeds the total, but by what runs already. A promise is
    lowered in two steps: the worker is told, and when it no longer counts on the difference it
    says so, with what it holds. So nothing is promised twice, however late somebody hears.
    """

    def renew(self, worker: str, standing: Standing) -> int | None:
        """Say how things stand, and learn how many may be in use.

        It may be fewer than are: those may finish, and stay promised until they have. The lease
        lasts `LEASE_S` from here on.

        Returns:
            The share. None: nobody has said yet how many there are.

        Raises:
            ClusterAway: it cannot be told; nothing may have changed, or all of it.
        """

    def release(self, worker: str) -> None:
        """Give everything back.

        Raises:
            ClusterAway: it cannot be done now; the lease ends by itself.
        """


class Turn(Enum):
    """What happened to a key."""

    FAILED = "failed"
    PROBE_FAILED = "probe failed"
    RECOVERED = "recovered"


class Terms(Struct, frozen=True, kw_only=True):
    """By which policy a failure was counted; the fields are those of `RestartPolicy`."""

    restarts_max: int
    window_s: float
    hold_s: float
    floor_max_s: float = 0.0
    history_max: int = 0


class KeyNews(Struct, frozen=True, kw_only=True):
    """What happened to a key in one worker.

    Attributes:
        gate: the name of the gate that counts it; gates of one name hear of each other.
        key: whose failure it is.
        turn: what happened.
        age_s: how long ago.
        terms: the policy it was counted by; None for a recovery.
        floor_s: the wait that the failure asked for, in seconds; 0 for none.
        number: tells the news of one worker apart, ascending.
    """

    gate: str
    key: str
    turn: Turn
    age_s: float = 0.0
    terms: Terms | None = None
    floor_s: float = 0.0
    number: int = 0


class FailureBoard(Protocol):
    """Where workers tell each other what their breakers count. It blocks: call it on a thread."""

    def exchange(self, news: Sequence[KeyNews]) -> Sequence[KeyNews]:
        """Put up our news, and return what others have put up since the last time, oldest first.

        It returns a bounded number at once; where there is more, the next call goes on. The first
        call begins with what is remembered. News that are put up twice are heard once.

        Raises:
            ClusterAway: our news may be up or not; put them up again.
        """
