"""Session logs, as the door needs them: one for each request, handed to the actors that keep them.

Between the collector and the tree stands this desk, because the two do not live equally long:
without a tree, or when it has just ended, a log goes straight into an archive.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any, Final

from actors.kernel.child_spec import ChildSpec, RestartPolicy
from actors.kernel.clock import SystemWatch, Watch
from actors.kernel.entropy import Entropy
from actors.kernel.errors import ActorStopped
from actors.kernel.ref import ActorRef
from actors.kernel.system import ActorSystem
from actors.log_values import LogOwner, LogSegment
from actors.ports import (
    ArchiveError,
    LogArchive,
    SegmentStore,
    SessionLogSettings,
    UseLogSettings,
)
from actors.session_log import StageSegment
from bridge.owui.log_sessions import SessionLogs
from bridge.session_logs.archive import ZipLogArchive
from bridge.session_logs.children import ASSEMBLER, CLEANER, SESSION_LOG, session_log_children
from bridge.session_logs.segment_rows import Packing
from bridge.session_logs.sql_segments import SqlSegments, Transactions
from bridge.session_logs.tray import SegmentTray, TrayArchive, TrayStore

_log = logging.getLogger("greenroom.session_log")

ROOT: Final = "root"
STAGED_S: Final = 1.0
"""How long, at the end of the program, the actor may take for what it has."""


class SessionLogDesk:
    """All that a door has to do with session logs.

    Args:
        entropy: names segments.
        clock: dates segments and archives.
        archive: where logs end up; archives on disk by default.
    """

    def __init__(
        self, entropy: Entropy, clock: Watch | None = None, archive: LogArchive | None = None
    ) -> None:
        clock = clock or SystemWatch()
        self._tray = SegmentTray()
        self._archive = TrayArchive(archive or ZipLogArchive(clock), self._tray)
        self._logs = SessionLogs(self._deliver, clock, entropy)
        self._system: ActorSystem | None = None
        self._settings = SessionLogSettings()
        self._told: SessionLogSettings | None = None

    # --- with the tree ---------------------------------------------------------------------------

    def children(
        self,
        transactions: Transactions | SegmentStore | None,
        *,
        policy: RestartPolicy,
        packing: Packing | None = None,
    ) -> tuple[ChildSpec[Any], ...]:
        """Describe the actors that belong into the tree; see `session_log_children`.

        Args:
            transactions: of the store of artifacts, or a store of segments, or None for neither.
            policy: of plumbing.
            packing: seals what is staged, beside `transactions`.
        """
        store = SqlSegments(transactions, packing) if callable(transactions) else transactions
        kept = None if store is None else TrayStore(store, self._tray)
        return session_log_children(self._archive, kept, policy=policy, settings=self.settings)

    def settings(self) -> SessionLogSettings:
        """Tell the settings of the latest request; may be called on any thread."""
        return self._settings

    def connect(self, system: ActorSystem) -> None:
        """Hand logs to the actors of this tree from now on, as soon as they have started."""
        self._system = system
        self._told = None

    def close(self) -> None:
        """Hand over what has ended, within a bound. Not for the loop: there, run it on a thread.

        Before the tree ends, so that it is staged; a log that ends later gets its own archive.
        """
        self._logs.close()

    def leave(self, wait_s: float = STAGED_S) -> None:
        """The program ends: hand over within a bound, straight into archives of their own.

        Args:
            wait_s: how long, in seconds, the actor may take for what it has.
        """
        self._system = None
        self._logs.close()
        for segment, settings in self._tray.left(wait_s):
            self._write_direct(segment, settings)

    # --- with each request -----------------------------------------------------------------------

    def begin(self, owner: LogOwner, settings: SessionLogSettings) -> bool:
        """See `SessionLogs.begin`. New settings are passed on to the actors."""
        # Of a tree that is yet to start, or an actor that is, nobody can be told: those ask.
        self._settings = settings
        if settings != self._told and (settings.is_enabled or self._told is not None):
            keepers = [ref for name in (ASSEMBLER, CLEANER) if (ref := self._found(name))]
            for ref in keepers:
                ref.offer(UseLogSettings(settings=settings))
            if keepers:
                self._told = settings
        return self._logs.begin(owner, settings)

    def end(self, request_id: str, *, is_terminal: bool) -> None:
        """See `SessionLogs.end`; also after an error, and when the user has left."""
        self._logs.end(request_id, is_terminal=is_terminal)

    def _deliver(self, segment: LogSegment, settings: SessionLogSettings) -> None:
        """Pass a log on; on the thread of the collector."""
        stager = self._found(SESSION_LOG)
        if stager is not None:
            self._tray.put(segment, settings)
            with suppress(ActorStopped):
                stager.tell(StageSegment(segment=segment, settings=settings))
                return
        self._write_direct(segment, settings)

    def _write_direct(self, segment: LogSegment, settings: SessionLogSettings) -> None:
        try:
            self._archive.write_direct(segment, settings)
        except ArchiveError as error:
            _log.warning(
                "a session log is lost, it can be written nowhere: %s",
                error.facts.detail or type(error).__name__,
            )

    def _found(self, name: str) -> ActorRef[Any] | None:
        return None if self._system is None else self._system.find(f"{ROOT}/{name}")
