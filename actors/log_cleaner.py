"""Removes log archives that have expired, a slice at a time (SPEC 175).

Lifetime   permanent.
Parent     the plumbing.

Receives   UseLogSettings   whenever they have changed
           SweepDue         a timer: remove a slice
Sends      nothing

The first sweep comes soon after the start, each next one an interval later, both with some jitter,
so that several processes do not sweep in step. Removing is harmless when another one did it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, assert_never

from actors.kernel.actor import ThreadActor
from actors.ports import ArchiveError, LogArchive, SessionLogSettings, UseLogSettings

_log = logging.getLogger("greenroom.session_log")

# Archives that are removed before other messages have their turn.
FILES_PER_SLICE_MAX = 500

JITTER_MAX_S = 600.0
_JITTER_FRACTION = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepDue:
    """Remove a slice of what has expired."""


LogCleanerMessage: TypeAlias = UseLogSettings | SweepDue


class LogCleanerActor(ThreadActor[LogCleanerMessage]):
    """See the module docstring.

    Args:
        archive: what is cleaned.
        settings: tells the settings in force as a life begins. Off, it waits for others.
    """

    def __init__(
        self,
        archive: LogArchive,
        settings: Callable[[], SessionLogSettings] = SessionLogSettings,
    ) -> None:
        self._archive = archive
        self._settings = settings()
        self._trouble = ""

    def on_start(self) -> None:
        """Plan the first sweep."""
        self._plan(0.0)

    def receive(self, message: LogCleanerMessage) -> None:
        """See the module docstring."""
        match message:
            case UseLogSettings(settings=settings):
                self._use(settings)
            case SweepDue():
                if self._settings.is_enabled:
                    self._sweep()
            case _:
                assert_never(message)

    def _use(self, settings: SessionLogSettings) -> None:
        self._settings, was = settings, self._settings
        is_new = settings.is_enabled and not was.is_enabled
        if is_new or settings.cleanup_interval_s != was.cleanup_interval_s:
            self._plan(0.0)

    def _plan(self, after_s: float) -> None:
        if self._settings.is_enabled:
            jitter_max_s = min(JITTER_MAX_S, _JITTER_FRACTION * self._settings.cleanup_interval_s)
            jitter_s = self.system.entropy.uniform(0.0, jitter_max_s)
            self.start_timer("sweep", SweepDue(), after_s + jitter_s)

    def _sweep(self) -> None:
        try:
            swept = self._archive.sweep(self._settings, files_max=FILES_PER_SLICE_MAX)
        except ArchiveError as error:
            self._complain(error.facts.detail or type(error).__name__)
            self._plan(self._settings.cleanup_interval_s)
            return
        self._trouble = ""
        if swept.is_done:
            self._plan(self._settings.cleanup_interval_s)
        else:
            self.start_timer("sweep", SweepDue(), 0.0)

    def _complain(self, trouble: str) -> None:
        """Tell of a trouble once, until it is another one or over."""
        if trouble != self._trouble:
            self._trouble = trouble
            _log.warning("expired log archives cannot be removed: %s", trouble)
