"""What stands between doors and the actors of session logs, as the real desk does it.

A log is handed to the tree that lives now; without one it goes straight into an archive.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from actors.kernel.child_spec import ChildSpec
from actors.kernel.errors import ActorStopped
from actors.kernel.system import ActorSystem
from actors.log_values import LogEntry, LogOwner, LogSegment
from actors.ports import ArchiveError, LogArchive, SegmentStore, SessionLogSettings
from actors.session_log import StageSegment
from actors.testing.simloop import SimLoop
from bridge.chaos.faults.injected import InjectedCrash
from bridge.chaos.scenarios.parts import SimParts
from bridge.chaos.trace import Visit
from bridge.policies import PLUMBING
from bridge.session_logs.children import SESSION_LOG, session_log_children

STALE_LOCK_S: Final = 60.0

# Messages whose logs are assembled at one look.
LOG_BATCH_MAX: Final = 3

SETTINGS: Final = SessionLogSettings(
    is_enabled=True, batch_max=LOG_BATCH_MAX, stale_finalize_s=120.0, lock_stale_s=STALE_LOCK_S
)


class LogDesk:
    """An `Annex` for each tree of a run, one after the other.

    Args:
        loop: dates segments.
        store: where segments wait.
        archive: where logs end up.
        parts: who does it.
        pay: takes what a call has cost that was not made on a thread of the tree.
    """

    def __init__(
        self,
        loop: SimLoop,
        store: SegmentStore,
        archive: LogArchive,
        parts: SimParts,
        pay: Callable[[], object],
    ) -> None:
        self._pay = pay
        self._loop = loop
        self._store = store
        self._archive = archive
        self._parts = parts
        self._system: ActorSystem | None = None
        self._segments = 0

    def children(self) -> tuple[ChildSpec[Any], ...]:
        """See `Annex`."""
        return session_log_children(
            self._archive,
            self._store,
            policy=PLUMBING,
            settings=lambda: SETTINGS,
            stager=self._parts.stager,
            assembler=self._parts.assembler,
        )

    def connect(self, system: ActorSystem) -> None:
        """See `Annex`."""
        self._system = system

    def close(self) -> None:
        """See `Annex`. What has ended is handed over at once."""

    def exit(self) -> None:
        """See `Annex`."""

    def end(self, visit: Visit, *, is_terminal: bool) -> str:
        """Hand over the log of a visit that is over; return the id of its segment."""
        now_s = self._loop.wall_s()
        self._segments += 1
        entry = LogEntry(
            ts_s=now_s, level="INFO", logger="sim", module="", func="", lineno=0, message=visit.id
        )
        owner = LogOwner(
            user_id=visit.user,
            chat_id=visit.chat,
            message_id=f"m-{visit.id}",
            request_id=visit.id,
        )
        segment = LogSegment(
            id=f"{self._segments:020d}",
            owner=owner,
            entries=(entry,),
            created_s=now_s,
            is_terminal=is_terminal,
        )
        self._deliver(segment)
        return segment.id

    def _deliver(self, segment: LogSegment) -> None:
        stager = None if self._system is None else self._system.find(f"root/{SESSION_LOG}")
        if stager is not None:
            with suppress(ActorStopped):
                stager.tell(StageSegment(segment=segment, settings=SETTINGS))
                return
        with suppress(ArchiveError, InjectedCrash):
            self._archive.write_direct(segment, SETTINGS)
        # The real one has a thread for it, which nobody waits for.
        self._pay()
