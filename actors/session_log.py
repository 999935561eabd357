"""Stages what finished requests have logged, on a thread, where no answer waits for it.

Lifetime   permanent.
Parent     the plumbing.

Receives   StageSegment   once for each request that was logged
           Shutdown       what waits is still staged, as far as the deadline allows
Sends      nothing

A store that fails is weather: the segment goes into an archive of its own (SPEC 171), and so do
those of the next `STORE_REST_S` seconds, because a database that is away may take long to say so.
What can go nowhere is given up, and told once until something can be kept again.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TypeAlias, assert_never

from actors.kernel.actor import ThreadActor
from actors.kernel.mailbox import MailboxSpec
from actors.kernel.signals import Shutdown
from actors.log_values import LogSegment
from actors.ports import ArchiveError, LogArchive, SegmentStore, SessionLogSettings, StoreError

_log = logging.getLogger("greenroom.session_log")

STORE_REST_S = 30.0

# What may wait to be staged: segments, and their bytes.
SEGMENTS_WAITING_MAX = 1_000
SEGMENTS_WAITING_BYTES_MAX = 67_108_864
SESSION_LOG_MAILBOX = MailboxSpec(
    messages_max=SEGMENTS_WAITING_MAX, bytes_max=SEGMENTS_WAITING_BYTES_MAX
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSegment:
    """Keep this segment; the settings are those of its request."""

    segment: LogSegment
    settings: SessionLogSettings = field(repr=False)

    @property
    def size_bytes(self) -> int:
        """What the message weighs in a mailbox."""
        return self.segment.size_bytes


SessionLogMessage: TypeAlias = StageSegment | Shutdown


class SessionLogActor(ThreadActor[SessionLogMessage]):
    """See the module docstring."""

    handles_shutdown = True

    def __init__(self, store: SegmentStore | None, archive: LogArchive) -> None:
        """Without a store every segment goes into an archive of its own."""
        self._store = store
        self._archive = archive
        self._store_rests_until_s = 0.0
        self._is_losing = False

    def receive(self, message: SessionLogMessage) -> None:
        """See the module docstring."""
        match message:
            case StageSegment(segment=segment, settings=settings):
                if not self._staged(segment):
                    self._write_direct(segment, settings)
            case Shutdown():
                self.stop()
            case _:
                assert_never(message)

    def _staged(self, segment: LogSegment) -> bool:
        now_s = self.system.clock.now_s()
        if self._store is None or now_s < self._store_rests_until_s:
            return False
        try:
            self._store.stage(segment)
        except StoreError as error:
            self._store_rests_until_s = now_s + STORE_REST_S
            _log.warning(
                "session logs cannot be staged (%s); each goes into an archive of its own",
                type(error).__name__,
            )
            return False
        self._is_losing = False
        return True

    def _write_direct(self, segment: LogSegment, settings: SessionLogSettings) -> None:
        try:
            self._archive.write_direct(segment, settings)
        except ArchiveError as error:
            if not self._is_losing:
                self._is_losing = True
                _log.warning(
                    "session logs are lost, they can be written nowhere: %s",
                    error.facts.detail or type(error).__name__,
                )
        else:
            self._is_losing = False
