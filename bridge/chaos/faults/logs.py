"""Faults of the two ports of session logs: where segments wait, and the archives they end in.

Both outlive trees, as a database and a folder do. What a call takes longer is owed by the thread
that made it (`storage.StoreThreads`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from actors.log_values import BundleKey, LogBundle, LogSegment, PendingBundle, StagedSegments
from actors.ports import (
    ArchiveUnwritable,
    Filed,
    SessionLogSettings,
    StoreUnavailable,
    Swept,
)
from actors.testing.simloop import SimLoop
from bridge.chaos.faults.injected import InjectedCrash
from bridge.chaos.knobs import LogRates
from bridge.chaos.trace import LogBook

_STAGING: Final = ("stage", "pending", "lock", "unlock", "load", "remove")
_ARCHIVE: Final = ("merge", "write", "sweep")


class LogFaults:
    """Decides for both ports.

    Args:
        loop: decides when.
        rates: how often.
        fired: counts what has struck.
        owe: told how many seconds longer the call takes that is under way.
    """

    def __init__(
        self, loop: SimLoop, rates: LogRates, fired: Counter[str], owe: Callable[[float], object]
    ) -> None:
        self.is_on = True
        self.fired = fired
        self._loop = loop
        self._rates = rates
        self._owe = owe

    @staticmethod
    def names() -> frozenset[str]:
        """Return every fault that a campaign must have met."""
        staging = {f"log staging fails: {name}" for name in _STAGING}
        archive = {f"log archive fails: {name}" for name in _ARCHIVE}
        return frozenset(
            staging | archive | {"log staging: word lost", "log slow", "log archive bug"}
        )

    def staging(self, name: str) -> None:
        """Fail before anything is done.

        Raises:
            StoreUnavailable: the database is away.
        """
        if self._strikes(self._rates.staging, name):
            self.fired[f"log staging fails: {name}"] += 1
            raise StoreUnavailable

    def staged(self) -> None:
        """Fail after it was done.

        Raises:
            StoreUnavailable: nobody knows whether it was.
        """
        if self._strikes(self._rates.staging, "staged"):
            self.fired["log staging: word lost"] += 1
            raise StoreUnavailable

    def archive(self, name: str) -> None:
        """Fail before anything is done.

        Raises:
            ArchiveUnwritable: the folder has no room, or nobody may write there.
            InjectedCrash: a bug, which ends the actor; mail alone would never do that to one that
                lives on timers.
        """
        if self.is_on and self._loop.chance(self._rates.bug, f"log/bug/{name}"):
            self.fired["log archive bug"] += 1
            raise InjectedCrash
        if self._strikes(self._rates.archive, name):
            self.fired[f"log archive fails: {name}"] += 1
            raise ArchiveUnwritable

    def _strikes(self, rate: float, name: str) -> bool:
        if not self.is_on:
            return False
        if self._loop.chance(self._rates.slow, f"log/slow/{name}"):
            self.fired["log slow"] += 1
            self._owe(self._rates.slow_s)
        return self._loop.chance(rate, f"log/{name}")


class StagedLogs:
    """A `SegmentStore` in memory."""

    def __init__(self, faults: LogFaults, book: LogBook) -> None:
        self._faults = faults
        self._book = book
        self._locks: dict[BundleKey, tuple[str, float]] = {}

    def stage(self, segment: LogSegment) -> None:
        """See `SegmentStore`."""
        self._faults.staging("stage")
        self._faults.fired["log staged"] += 1
        self._book.staged.setdefault(segment.id, segment)
        self._book.was_staged.add(segment.id)
        self._faults.staged()

    def pending(
        self, *, stale_before_s: float, after_id: str, bundles_max: int
    ) -> Sequence[PendingBundle]:
        """See `SegmentStore`."""
        self._faults.staging("pending")
        by_key: dict[BundleKey, list[LogSegment]] = {}
        for each in sorted(self._book.staged.values(), key=lambda each: each.id):
            by_key.setdefault(_key(each), []).append(each)
        found = [
            PendingBundle(key=key, first_id=some[0].id)
            for key, some in by_key.items()
            if any(each.is_terminal for each in some)
            or all(each.created_s < stale_before_s for each in some)
        ]
        return [each for each in found if each.first_id > after_id][:bundles_max]

    def lock(self, key: BundleKey, *, holder: str, now_s: float, stale_before_s: float) -> bool:
        """See `SegmentStore`."""
        self._faults.staging("lock")
        held_by, since_s = self._locks.get(key, (holder, now_s))
        if held_by != holder and since_s >= stale_before_s:
            self._faults.fired["log locked by another"] += 1
            return False
        self._locks[key] = (holder, now_s)
        return True

    def unlock(self, key: BundleKey, *, holder: str) -> None:
        """See `SegmentStore`."""
        self._faults.staging("unlock")
        if self._locks.get(key, ("", 0.0))[0] == holder:
            del self._locks[key]

    def load(self, key: BundleKey) -> StagedSegments:
        """See `SegmentStore`."""
        self._faults.staging("load")
        found = [each for each in self._book.staged.values() if _key(each) == key]
        found.sort(key=lambda each: each.id)
        return StagedSegments(segments=tuple(found), ids=tuple(each.id for each in found))

    def remove(self, ids: Sequence[str]) -> None:
        """See `SegmentStore`."""
        self._faults.staging("remove")
        for each in ids:
            self._book.staged.pop(each, None)


class LogShelf:
    """A `LogArchive` in memory."""

    def __init__(self, faults: LogFaults, book: LogBook) -> None:
        self._faults = faults
        self._book = book

    def merge(self, bundle: LogBundle, settings: SessionLogSettings) -> Filed:
        """See `LogArchive`."""
        self._faults.archive("merge")
        self._faults.fired["log assembled"] += 1
        self._book.bundles.append(bundle)
        self._book.archived |= {each.id for each in bundle.segments}
        return Filed(path="merged")

    def write_direct(self, segment: LogSegment, settings: SessionLogSettings) -> Filed:
        """See `LogArchive`."""
        self._faults.archive("write")
        self._faults.fired["log written alone"] += 1
        self._book.archived.add(segment.id)
        return Filed(path="direct")

    def sweep(self, settings: SessionLogSettings, *, files_max: int) -> Swept:
        """See `LogArchive`."""
        self._faults.archive("sweep")
        return Swept()


def _key(segment: LogSegment) -> BundleKey:
    return BundleKey(chat_id=segment.owner.chat_id, message_id=segment.owner.message_id)
