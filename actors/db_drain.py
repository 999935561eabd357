"""Moves what is acknowledged from the queue into the database, on a thread of its own (SPEC 163).

Lifetime   permanent. A queue or a database that fails crashes it, and its restart policy is retry
           and breaker in one: some failures in a row, then a hold, then one probe, for as long as
           the process lives (SPEC 164). The first life connects to nothing before the tree stands.
Parent     the storage.

Receives   DrainDue     a timer: move one batch, if there are valves to go by
           Shutdown     what waits is moved as far as the deadline allows
Sends      nothing

A row leaves the queue after its commit and never before, so a crash anywhere costs a repetition.
A row that the database does not hold is put aside and the others go on. While the queue cannot be
reached, what this process has acknowledged goes straight into the database.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, assert_never

from actors.kernel.actor import ThreadActor
from actors.kernel.signals import Shutdown
from actors.pending import PendingRow, PendingRows, QueueAway
from actors.ports import StoreError, StoreMisfit

_log = logging.getLogger("greenroom.storage")

# Rows of one transaction.
BATCH_ROWS = 200

# Seconds between two looks into a queue that was empty.
IDLE_S = 0.5

# Seconds until a batch that failed is tried again.
RETRY_S = 1.0

# Seconds between two looks after what this process has acknowledged.
TEND_S = 5.0

# Seconds of a shutdown that are left for the batch in hand to end in.
SHUTDOWN_RESERVE_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanDrains:
    """Move what waits (SPEC 164).

    Attributes:
        warn_rows: when more of them wait, that is told.
        failures_max: failures in a row that are borne; the last of them ends this life, and its
            policy holds.
    """

    warn_rows: int = 100
    failures_max: int = 1


@dataclass(frozen=True, slots=True)
class DrainDue:
    """Move one batch."""


DrainMessage: TypeAlias = DrainDue | Shutdown

DEFAULT_PLAN = PlanDrains()


class DbDrainActor(ThreadActor[DrainMessage]):
    """See the module docstring. The queue is closed by whoever made it.

    Args:
        pending: the queue and the database behind it.
        latest: gives the plan there is now; None: nobody has said yet where the database is.
    """

    handles_shutdown = True

    def __init__(
        self,
        pending: PendingRows,
        latest: Callable[[], PlanDrains | None] = lambda: DEFAULT_PLAN,
    ) -> None:
        self._pending = pending
        self._latest = latest
        self._tended_s: float | None = None
        self._failures = 0
        self._is_warned = False

    def on_start(self) -> None:
        """Connect again after a failure, and begin.

        Raises:
            StoreError: that counts like a failed batch.
        """
        if self.life > 1:
            self._guarded_open()
        self.start_timer("drain", DrainDue(), 0.0)

    def receive(self, message: DrainMessage) -> None:
        """See the module docstring.

        Raises:
            StoreError: the queue or the database failed.
        """
        match message:
            case DrainDue():
                plan = self._latest()
                wait_s = IDLE_S if plan is None else self._drained(plan)
                self.start_timer("drain", DrainDue(), wait_s)
            case Shutdown(deadline_s=deadline_s):
                self._finish(deadline_s - SHUTDOWN_RESERVE_S)
                self.exit()
            case _:
                assert_never(message)

    def _drained(self, plan: PlanDrains) -> float:
        """Move a batch; return the wait until the next one."""
        try:
            is_more = self._guarded_drain()
        except StoreError:
            self._failures += 1
            if self._failures >= plan.failures_max:
                raise
            return RETRY_S
        self._failures = 0
        return 0.0 if is_more else IDLE_S

    def _guarded_open(self) -> None:
        try:
            self._pending.open()
        except QueueAway:
            self._rescue()
            raise

    def _guarded_drain(self) -> bool:
        try:
            is_more = self._drain()
            now_s = self.system.clock.now_s()
            if self._tended_s is None or now_s - self._tended_s >= TEND_S:
                self._tend()
                self._tended_s = now_s
        except QueueAway:
            self._rescue()
            raise
        return is_more

    def _finish(self, until_s: float) -> None:
        """Move what waits; what is left is moved by another process, or at the next start."""
        if self._latest() is None:
            return
        try:
            while self.system.clock.now_s() < until_s and self._guarded_drain():
                pass
        except StoreError as error:
            _log.warning("rows stay in the queue at the stop: %s", type(error).__name__)

    def _drain(self) -> bool:
        """Move one batch; say whether there is likely to be another one."""
        self._pending.open()
        taken = self._pending.take(BATCH_ROWS)
        self._look_at_backlog(taken.waiting)
        aside = list(taken.broken)
        if taken.rows:
            unfit = stored(self._pending, taken.rows)
            aside += [taken.rows[index] for index in unfit]
            skipped = frozenset(unfit)
            self._pending.settle(
                [row for index, row in enumerate(taken.rows) if index not in skipped]
            )
        if aside:
            _log.error("%d rows do not fit into the database; they are put aside", len(aside))
            self._pending.put_aside(aside)
        return len(taken.rows) + len(taken.broken) >= BATCH_ROWS

    def _tend(self) -> None:
        tended = self._pending.tend()
        if tended.rescued:
            _log.warning("the queue had lost %d rows; they are in the database", tended.rescued)
        if tended.refused:
            _log.error("%d rows are lost: the database does not hold them", tended.refused)
        if tended.adopted:
            _log.info("%d rows of an earlier pipe are taken over", tended.adopted)

    def _rescue(self) -> None:
        if rescued := self._pending.rescue():
            _log.warning("the queue is away; %d rows went into the database directly", rescued)

    def _look_at_backlog(self, waiting: int) -> None:
        """Tell once of a long queue, and again only after it has been short."""
        warn_rows = (self._latest() or DEFAULT_PLAN).warn_rows
        if waiting > warn_rows and not self._is_warned:
            self._is_warned = True
            _log.warning("%d rows wait to be written to the database", waiting)
        elif waiting <= warn_rows // 2:
            self._is_warned = False


def stored(pending: PendingRows, rows: Sequence[PendingRow]) -> tuple[int, ...]:
    """Commit rows in one transaction; where that does not fit, find those that do not.

    Returns:
        The indices of the rows that are not in the database, ascending.

    Raises:
        StoreError: it is at fault itself: away, or it holds not even a row that must fit.
    """
    try:
        pending.commit(rows)
    except StoreMisfit:
        pending.try_out()
    else:
        return ()
    unfit: list[int] = []
    parts = deque([(0, len(rows))])
    while parts:
        start, stop = parts.popleft()
        if stop - start == len(rows) > 1:
            parts.extend(_halves(start, stop))
            continue
        try:
            pending.commit(rows[start:stop])
        except StoreMisfit:
            if stop - start > 1:
                parts.extend(_halves(start, stop))
            else:
                unfit.append(start)
    return tuple(sorted(unfit))


def _halves(start: int, stop: int) -> tuple[tuple[int, int], tuple[int, int]]:
    middle = (start + stop) // 2
    return (start, middle), (middle, stop)
