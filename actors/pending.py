"""What is acknowledged and not in the database yet: the port, its values and its errors.

Between an acknowledgement and the database stands a queue that many processes share. What is taken
from it stays in it until it is settled; what was taken by a process that died is taken by another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from actors.ports import StoreUnavailable


class QueueAway(StoreUnavailable):
    """The queue cannot be reached, or takes nothing; the database may be well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingRow:
    """A row that waits. `entry` names its place in the queue; the same row may be there twice."""

    entry: str
    row: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What was taken from the queue.

    Attributes:
        rows: oldest first; those that were taken before and not settled come again.
        broken: what is no row at all, and never will be.
        waiting: how many are in the queue, these among them.
    """

    rows: tuple[PendingRow, ...] = ()
    broken: tuple[PendingRow, ...] = ()
    waiting: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tended:
    """What was found when the rows of this process were looked after.

    Attributes:
        rescued: acknowledged rows that the queue had lost, and that are in the database now.
        refused: those of them that the database does not hold.
        adopted: rows that an earlier program had left, and that are in the queue now.
    """

    rescued: int = 0
    refused: int = 0
    adopted: int = 0


class PendingRows(Protocol):
    """The queue and the database behind it. Every method blocks: call them on a thread."""

    def open(self) -> None:
        """Connect to both. Harmless when they are open.

        Raises:
            StoreError: one of them cannot be used now; `QueueAway` where it is the queue.
        """

    def take(self, rows_max: int) -> Taken:
        """Take some rows; nobody else gets them for a while.

        Raises:
            QueueAway: nothing was taken, or nobody knows what.
        """

    def commit(self, rows: Sequence[PendingRow]) -> None:
        """Put all of them or none into the database. What is there already counts as put.

        Raises:
            StoreError: nothing is known to be in it.
        """

    def try_out(self) -> None:
        """Put a row that must fit into the database, and take it out again.

        Raises:
            StoreError: it is the database that is at fault, and no row.
        """

    def settle(self, rows: Sequence[PendingRow]) -> None:
        """Take rows out of the queue for good: they are in the database.

        Raises:
            StoreError: they will be taken once more.
        """

    def put_aside(self, rows: Sequence[PendingRow]) -> None:
        """Take rows out of the queue that the database does not hold; some of them are kept.

        Raises:
            QueueAway: they will be taken once more.
        """

    def tend(self) -> Tended:
        """Look after what this process has acknowledged, and after what others left behind.

        Raises:
            StoreError: it is to be tried again.
        """

    def rescue(self) -> int:
        """Put into the database what this process has acknowledged: the queue cannot be reached.

        Returns:
            How many rows that were.

        Raises:
            StoreError: they are still kept in memory.
        """
