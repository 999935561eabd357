"""Segments on their way from the door to a place where they are kept.

Between the two is an actor, and the loop under it may end before it has heard of a segment, or the
program before its thread is done. So who hands a segment over puts it on the tray as well; what
keeps it, or gives it up, takes it off; and what is found there at the very end is kept by whoever
looks.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TypeAlias

from actors.log_values import LogBundle, LogSegment
from actors.ports import Filed, LogArchive, SegmentStore, SessionLogSettings, Swept
from actors.session_log import SEGMENTS_WAITING_BYTES_MAX, SEGMENTS_WAITING_MAX

Waiting: TypeAlias = tuple[LogSegment, SessionLogSettings]


class SegmentTray:
    """See the module docstring. For any thread. It holds no more than the actor's mailbox does."""

    def __init__(self) -> None:
        self._waiting: dict[str, Waiting] = {}
        self._bytes = 0
        self._changed = threading.Condition()

    def put(self, segment: LogSegment, settings: SessionLogSettings) -> None:
        """Hold a segment until it is kept. Of too many the oldest are let go of."""
        with self._changed:
            self._waiting[segment.id] = (segment, settings)
            self._bytes += segment.size_bytes
            while len(self._waiting) > SEGMENTS_WAITING_MAX or (
                self._bytes > SEGMENTS_WAITING_BYTES_MAX and len(self._waiting) > 1
            ):
                self._let_go(next(iter(self._waiting)))

    def take_off(self, segment_id: str) -> None:
        """Let go of a segment: it is kept, or lost for good. Harmless when repeated."""
        with self._changed:
            self._let_go(segment_id)
            if not self._waiting:
                self._changed.notify_all()

    def left(self, wait_s: float) -> Sequence[Waiting]:
        """Wait so many seconds at the most until nothing waits; take off what still does."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting, wait_s)
            left = tuple(self._waiting.values())
            self._waiting.clear()
            self._bytes = 0
        return left

    def _let_go(self, segment_id: str) -> None:
        found = self._waiting.pop(segment_id, None)
        if found is not None:
            self._bytes -= found[0].size_bytes


class TrayStore:
    """A `SegmentStore` that takes off the tray what is staged."""

    def __init__(self, store: SegmentStore, tray: SegmentTray) -> None:
        self._store = store
        self._tray = tray
        self.pending, self.load, self.remove = store.pending, store.load, store.remove
        self.lock, self.unlock = store.lock, store.unlock

    def stage(self, segment: LogSegment) -> None:
        """See `SegmentStore`."""
        self._store.stage(segment)
        self._tray.take_off(segment.id)


class TrayArchive:
    """A `LogArchive` that takes off the tray what has its own archive, or can have none."""

    def __init__(self, archive: LogArchive, tray: SegmentTray) -> None:
        self._archive = archive
        self._tray = tray

    def merge(self, bundle: LogBundle, settings: SessionLogSettings) -> Filed:
        """See `LogArchive`."""
        return self._archive.merge(bundle, settings)

    def sweep(self, settings: SessionLogSettings, *, files_max: int) -> Swept:
        """See `LogArchive`."""
        return self._archive.sweep(settings, files_max=files_max)

    def write_direct(self, segment: LogSegment, settings: SessionLogSettings) -> Filed:
        """See `LogArchive`."""
        try:
            return self._archive.write_direct(segment, settings)
        finally:
            self._tray.take_off(segment.id)
