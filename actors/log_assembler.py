"""Puts staged segments into the archives of their messages, a batch at a time.

Lifetime   permanent.
Parent     the plumbing.

Receives   UseLogSettings   whenever they have changed
           AssembleDue      a timer: look what is ready
           BundleDue        a timer: the next one of those that are
           Shutdown         what is ready is still assembled, as far as the deadline allows
Sends      nothing

Several processes may assemble from one store: a lock on each message lets one of them do it. A
lock is held by a process that may die, so it turns stale. Nothing is deleted before its archive is
in place, and lines that an archive holds already are not added again; so each step may be repeated.

A failure ends the batch, and the next batch goes on behind it: a message that cannot be assembled
holds up no other.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, assert_never

from actors.kernel.actor import ThreadActor
from actors.kernel.signals import Shutdown
from actors.log_values import PendingBundle, bundles_of
from actors.ports import (
    ArchiveError,
    LogArchive,
    SegmentStore,
    SessionLogSettings,
    StoreError,
    UseLogSettings,
)

_log = logging.getLogger("greenroom.session_log")

_HOLDER_BYTES = 8

# Seconds of a shutdown that are left for the bundle in hand to end in.
SHUTDOWN_RESERVE_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AssembleDue:
    """Look what is ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleDue:
    """Assemble the next bundle of the batch."""


AssemblerMessage: TypeAlias = UseLogSettings | AssembleDue | BundleDue | Shutdown


class AssemblerActor(ThreadActor[AssemblerMessage]):
    """See the module docstring.

    Args:
        store: where segments are staged.
        archive: where they go.
        settings: tells the settings in force as a life begins. Off, it waits for others.
    """

    handles_shutdown = True

    def __init__(
        self,
        store: SegmentStore,
        archive: LogArchive,
        settings: Callable[[], SessionLogSettings] = SessionLogSettings,
    ) -> None:
        self._store = store
        self._archive = archive
        self._settings = settings()
        self._batch: deque[PendingBundle] = deque()
        # Where the next batch begins; "" is the beginning.
        self._after_id = ""
        self._holder = ""
        self._trouble = ""

    def on_start(self) -> None:
        """Draw the name that this life's locks bear, and begin to wait."""
        self._holder = self.system.entropy.token(_HOLDER_BYTES)
        self._plan()

    def receive(self, message: AssemblerMessage) -> None:
        """See the module docstring."""
        match message:
            case UseLogSettings(settings=settings):
                self._use(settings)
            case AssembleDue():
                self._look()
                self._go_on()
            case BundleDue():
                self._assemble_next()
                self._go_on()
            case Shutdown(deadline_s=deadline_s):
                self._finish(deadline_s - SHUTDOWN_RESERVE_S)
                self.exit()
            case _:
                assert_never(message)

    # --- when ------------------------------------------------------------------------------------

    def _use(self, settings: SessionLogSettings) -> None:
        self._settings, was = settings, self._settings
        if not settings.is_enabled or self._batch:
            return
        waits = (settings.assembler_interval_s, settings.assembler_jitter_s)
        if not was.is_enabled or waits != (was.assembler_interval_s, was.assembler_jitter_s):
            self._plan()

    def _plan(self) -> None:
        """Wait for the next look; nothing is planned while the feature is off."""
        settings = self._settings
        if settings.is_enabled:
            jitter_s = self.system.entropy.uniform(0.0, settings.assembler_jitter_s)
            self.start_timer("look", AssembleDue(), settings.assembler_interval_s + jitter_s)

    def _go_on(self) -> None:
        """One bundle for each message, so that a shutdown never waits for a whole batch."""
        if self._batch and self._settings.is_enabled:
            self.start_timer("bundle", BundleDue(), 0.0)
        else:
            self._batch.clear()
            self._plan()

    def _finish(self, until_s: float) -> None:
        """Assemble what is ready, from the beginning, as long as there is time."""
        self._after_id = ""
        self._batch.clear()
        self._look()
        while self._batch and self.system.clock.now_s() < until_s:
            self._assemble_next()
            if not self._batch and self._after_id:
                self._look()

    # --- what ------------------------------------------------------------------------------------

    def _look(self) -> None:
        settings = self._settings
        if not settings.is_enabled:
            return
        try:
            pending = self._store.pending(
                stale_before_s=self.system.clock.wall_s() - settings.stale_finalize_s,
                after_id=self._after_id,
                bundles_max=settings.batch_max,
            )
        except StoreError as error:
            self._complain(f"they cannot be read now: {type(error).__name__}")
            return
        self._batch.extend(pending)
        if len(pending) < settings.batch_max:
            self._after_id = ""
        else:
            self._after_id = pending[-1].first_id

    def _assemble_next(self) -> None:
        if not self._batch:
            return
        bundle = self._batch.popleft()
        try:
            self._assemble(bundle)
        except (StoreError, ArchiveError) as error:
            self._complain(error.facts.detail or type(error).__name__)
            self._give_up_batch(behind=bundle)
        else:
            self._trouble = ""

    def _give_up_batch(self, *, behind: PendingBundle) -> None:
        # Whatever is wrong is likely to be wrong with the others as well.
        if self._batch:
            self._batch.clear()
            self._after_id = behind.first_id

    def _assemble(self, pending: PendingBundle) -> None:
        key, now_s = pending.key, self.system.clock.wall_s()
        stale_before_s = now_s - self._settings.lock_stale_s
        lock = self._store.lock
        if not lock(key, holder=self._holder, now_s=now_s, stale_before_s=stale_before_s):
            return
        try:
            staged = self._store.load(key)
            if staged.unreadable:
                _log.warning("%d segments of a session log cannot be read", staged.unreadable)
            for bundle in bundles_of(staged):
                filed = self._archive.merge(bundle, self._settings)
                if filed.kept_aside:
                    _log.warning("a log archive cannot be read; kept as %s", filed.kept_aside)
            self._store.remove(staged.ids)
        finally:
            self._store.unlock(key, holder=self._holder)

    def _complain(self, trouble: str) -> None:
        """Tell of a trouble once, until it is another one or over."""
        if trouble != self._trouble:
            self._trouble = trouble
            _log.warning("session logs wait to be written: %s", trouble)
