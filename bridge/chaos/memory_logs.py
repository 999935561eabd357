"""Session logs in memory: what is staged and what is archived outlives trees, and may fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from actors.log_values import BundleKey, LogBundle, LogSegment, PendingBundle, StagedSegments
from actors.ports import Filed, SessionLogSettings, Swept

# Raises what the next call meets, if it meets anything.
Meet = Callable[[str], None]


class MemorySegments:
    """See `SegmentStore`.

    Args:
        meet: called with the name of each call before it is carried out.
    """

    def __init__(self, meet: Meet) -> None:
        self.staged: dict[str, LogSegment] = {}
        self._locks: dict[BundleKey, tuple[str, float]] = {}
        self._meet = meet

    def stage(self, segment: LogSegment) -> None:
        """See `SegmentStore`."""
        self._meet("stage")
        self.staged.setdefault(segment.id, segment)

    def pending(
        self, *, stale_before_s: float, after_id: str, bundles_max: int
    ) -> Sequence[PendingBundle]:
        """See `SegmentStore`."""
        self._meet("pending")
        by_key: dict[BundleKey, list[LogSegment]] = {}
        for each in sorted(self.staged.values(), key=lambda segment: segment.id):
            by_key.setdefault(_key(each), []).append(each)
        ready = [
            PendingBundle(key=key, first_id=segments[0].id)
            for key, segments in by_key.items()
            if any(each.is_terminal for each in segments)
            or all(each.created_s < stale_before_s for each in segments)
        ]
        return [each for each in ready if each.first_id > after_id][:bundles_max]

    def lock(self, key: BundleKey, *, holder: str, now_s: float, stale_before_s: float) -> bool:
        """See `SegmentStore`."""
        self._meet("lock")
        held_by, since_s = self._locks.get(key, (holder, now_s))
        if held_by != holder and since_s >= stale_before_s:
            return False
        self._locks[key] = (holder, now_s)
        return True

    def unlock(self, key: BundleKey, *, holder: str) -> None:
        """See `SegmentStore`."""
        self._meet("unlock")
        if self._locks.get(key, ("", 0.0))[0] == holder:
            del self._locks[key]

    def load(self, key: BundleKey) -> StagedSegments:
        """See `SegmentStore`."""
        self._meet("load")
        found = sorted(
            (each for each in self.staged.values() if _key(each) == key),
            key=lambda segment: segment.id,
        )
        return StagedSegments(segments=tuple(found), ids=tuple(each.id for each in found))

    def remove(self, ids: Sequence[str]) -> None:
        """See `SegmentStore`."""
        self._meet("remove")
        for each in ids:
            self.staged.pop(each, None)


class MemoryArchive:
    """See `LogArchive`; a bundle that was merged twice is there once.

    Args:
        meet: called before each merge; the archive of a single segment never fails.
    """

    def __init__(self, meet: Meet) -> None:
        self.segments: dict[str, LogSegment] = {}
        self._meet = meet

    def merge(self, bundle: LogBundle, settings: SessionLogSettings) -> Filed:
        """See `LogArchive`."""
        self._meet("merge")
        self.segments |= {each.id: each for each in bundle.segments}
        return Filed(path="merged")

    def write_direct(self, segment: LogSegment, settings: SessionLogSettings) -> Filed:
        """See `LogArchive`."""
        self.segments[segment.id] = segment
        return Filed(path="direct")

    def sweep(self, settings: SessionLogSettings, *, files_max: int) -> Swept:
        """See `LogArchive`."""
        return Swept()


def _key(segment: LogSegment) -> BundleKey:
    return BundleKey(chat_id=segment.owner.chat_id, message_id=segment.owner.message_id)
