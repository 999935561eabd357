"""Deletes what has expired, a slice at a time, on a thread of its own (SPEC 159).

Lifetime   permanent.
Parent     the plumbing.

Receives   SweepDue     a timer: delete one slice
           PlanSweeps   told: the valves have changed
Sends      nothing

The first sweep begins as soon as there is a plan, the next ones an interval after the last has
ended.
A sweep is a row of slices with a pause between, so that the writer gets its turn; where one ends
early, the next goes on, for the oldest rows always go first. Of several processes the one that
has the lease sweeps.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, assert_never

from actors.kernel.actor import ThreadActor
from actors.ports import ArtifactStore, Lease, StoreError

_log = logging.getLogger("greenroom.storage")

# Rows that one transaction deletes, and seconds until the next one.
SLICE_ROWS = 500
SLICE_PAUSE_S = 0.5

# Up to so much comes on top of an interval, so that a crowd of processes does not sweep at once.
JITTER_MAX_S = 600.0
JITTER_FRACTION = 0.25

LEASE_NAME = "cleaner"

# Seconds beyond the latest beginning of the next sweep for which the lease is kept: the length
# of a long sweep.
LEASE_MARGIN_S = 300.0

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSweeps:
    """Sweep every `interval_s` seconds from now on, what was last used `keep_s` seconds ago.

    Harmless when that is the plan already. A shorter interval counts from the last sweep.
    """

    interval_s: float = HOUR_S
    keep_s: float = 90 * DAY_S


@dataclass(frozen=True, slots=True)
class SweepDue:
    """Delete one slice."""


CleanerMessage: TypeAlias = PlanSweeps | SweepDue

DEFAULT_PLAN = PlanSweeps()


class NoOthers:
    """The lease of a process that is alone, or knows of no other: every job is its own."""

    def take(self, name: str, ttl_s: float) -> bool:
        """See `Lease.take`."""
        return True


def jitter_max_s(interval_s: float) -> float:
    """Return the most that may come on top of an interval."""
    return min(JITTER_MAX_S, JITTER_FRACTION * interval_s)


class CleanerActor(ThreadActor[CleanerMessage]):
    """See the module docstring. The store is opened here, and closed by whoever made it.

    Args:
        store: what is swept.
        plan: how often, and what; a later `PlanSweeps` replaces it. Or what gives the plan there
            is when a life begins; None: nothing is swept before one has come.
        lease: who of several processes does it.
    """

    def __init__(
        self,
        store: ArtifactStore,
        plan: PlanSweeps | Callable[[], PlanSweeps | None] = DEFAULT_PLAN,
        lease: Lease | None = None,
    ) -> None:
        self._store = store
        planned = plan if isinstance(plan, PlanSweeps) else plan()
        self._is_planned = planned is not None
        self._plan = planned or DEFAULT_PLAN
        self._lease = lease if lease is not None else NoOthers()
        # Of the sweep under way.
        self._deleted = 0
        # When the last sweep ended; None while one is under way or about to begin.
        self._ended_s: float | None = None

    def on_start(self) -> None:
        """Begin the first sweep."""
        if self._is_planned:
            self.start_timer("sweep", SweepDue(), 0.0)

    def receive(self, message: CleanerMessage) -> None:
        """See the module docstring."""
        match message:
            case SweepDue():
                self._sweep()
            case PlanSweeps():
                self._on_plan(message)
            case _:
                assert_never(message)

    def _on_plan(self, plan: PlanSweeps) -> None:
        before, self._plan = self._plan, plan
        if not self._is_planned:
            self._is_planned = True
            self.start_timer("sweep", SweepDue(), 0.0)
            return
        if self._ended_s is not None and plan.interval_s != before.interval_s:
            self._wait_for_next(self._ended_s)

    def _sweep(self) -> None:
        self._ended_s = None
        ttl_s = self._plan.interval_s + jitter_max_s(self._plan.interval_s) + LEASE_MARGIN_S
        if not self._lease.take(LEASE_NAME, ttl_s):
            self._end()
            return
        try:
            self._store.open()
            deleted = self._store.sweep(self._plan.keep_s, SLICE_ROWS)
        except StoreError as error:
            _log.warning("expired artifacts were not deleted: %s", type(error).__name__)
            self._end()
            return
        self._deleted += deleted
        if deleted >= SLICE_ROWS:
            self.start_timer("sweep", SweepDue(), SLICE_PAUSE_S)
        else:
            self._end()

    def _end(self) -> None:
        deleted, self._deleted = self._deleted, 0
        if deleted:
            _log.info("%d expired artifacts were deleted", deleted)
        self._ended_s = self.system.clock.now_s()
        self._wait_for_next(self._ended_s)

    def _wait_for_next(self, ended_s: float) -> None:
        interval_s = self._plan.interval_s
        wait_s = interval_s + self.system.entropy.uniform(0.0, jitter_max_s(interval_s))
        left_s = ended_s + wait_s - self.system.clock.now_s()
        self.start_timer("sweep", SweepDue(), max(0.0, left_s))
