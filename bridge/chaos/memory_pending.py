"""A queue and a database in memory: the second implementation of `PendingRows`.

What is done to it is noted; each part can fail as it is told to.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from actors.pending import PendingRow, QueueAway, Taken, Tended
from actors.ports import StoreError, StoreMisfit, StoreUnavailable


@dataclass(kw_only=True)
class MemoryPending:
    """See `PendingRows`. A row is its name in bytes; one process, so nothing is claimed.

    Attributes:
        queue: what waits, by its place.
        table: what the database has.
        ledger: what this process has acknowledged and not seen in the table.
        aside: what was put aside.
        broken: rows that are none; `unfit`: rows that the database does not hold.
        is_queue_away, is_table_away, is_table_full: what fails now.
        faults: by the number of a call, counted from 1, what it raises; calls of all methods count.
        opened, commits: how often it was opened, and the sizes of the commits that went well.
    """

    queue: dict[str, bytes] = field(default_factory=dict)
    table: set[bytes] = field(default_factory=set)
    ledger: set[bytes] = field(default_factory=set)
    aside: list[bytes] = field(default_factory=list)
    broken: set[bytes] = field(default_factory=set)
    unfit: set[bytes] = field(default_factory=set)
    is_queue_away: bool = False
    is_table_away: bool = False
    is_table_full: bool = False
    faults: dict[int, StoreError] = field(default_factory=dict)
    calls: int = 0
    opened: int = 0
    tended: int = 0
    commits: list[int] = field(default_factory=list)
    added: int = 0

    def acknowledge(self, names: Iterable[str]) -> None:
        """Put rows into the queue, as a store does that says yes to them."""
        for name in names:
            self.added += 1
            self.queue[f"{self.added}-0"] = name.encode()
            self.ledger.add(name.encode())

    def empty(self) -> None:
        """Lose what is in the queue, as a server does that starts again without it."""
        self.queue.clear()

    @property
    def names(self) -> set[str]:
        """What the database has, by name."""
        return {row.decode() for row in self.table}

    def open(self) -> None:
        """See `PendingRows`."""
        self._ask_queue()
        self.opened += 1
        if self.is_table_away:
            raise StoreUnavailable

    def take(self, rows_max: int) -> Taken:
        """See `PendingRows`."""
        self._ask_queue()
        found = [PendingRow(entry=entry, row=row) for entry, row in self.queue.items()][:rows_max]
        return Taken(
            rows=tuple(each for each in found if each.row not in self.broken),
            broken=tuple(each for each in found if each.row in self.broken),
            waiting=len(self.queue),
        )

    def commit(self, rows: Sequence[PendingRow]) -> None:
        """See `PendingRows`."""
        self._ask_table()
        if self.is_table_full or any(each.row in self.unfit for each in rows):
            raise StoreMisfit
        self.table |= {each.row for each in rows}
        self.commits.append(len(rows))

    def try_out(self) -> None:
        """See `PendingRows`."""
        self._ask_table()
        if self.is_table_full:
            raise StoreMisfit

    def settle(self, rows: Sequence[PendingRow]) -> None:
        """See `PendingRows`."""
        self._ask_queue()
        for each in rows:
            assert each.row in self.table, "a row leaves the queue after its commit"
            self.queue.pop(each.entry, None)
            self.ledger.discard(each.row)

    def put_aside(self, rows: Sequence[PendingRow]) -> None:
        """See `PendingRows`."""
        self._ask_queue()
        for each in rows:
            self.queue.pop(each.entry, None)
            self.ledger.discard(each.row)
            self.aside.append(each.row)

    def tend(self) -> Tended:
        """See `PendingRows`."""
        self._ask_queue()
        self.tended += 1
        waiting = set(self.queue.values())
        lost = {row for row in self.ledger if row not in waiting and row not in self.table}
        return Tended(rescued=self._save(lost))

    def rescue(self) -> int:
        """See `PendingRows`."""
        return self._save(set(self.ledger))

    def _save(self, rows: set[bytes]) -> int:
        if rows:
            self._ask_table()
        self.table |= rows
        self.ledger -= rows
        return len(rows)

    def _ask_queue(self) -> None:
        self._call()
        if self.is_queue_away:
            raise QueueAway

    def _ask_table(self) -> None:
        self._call()
        if self.is_table_away:
            raise StoreUnavailable

    def _call(self) -> None:
        self.calls += 1
        if (fault := self.faults.get(self.calls)) is not None:
            raise fault
