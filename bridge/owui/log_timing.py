"""When the steps of requests begin and end, one JSON object per line (SPEC 190).

Written by a thread, never by the loop. A file that cannot be written is reported once and costs
nothing but its lines.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Final

import msgspec

from actors.kernel.clock import Watch
from bridge.config.setting_groups import TimingSettings
from bridge.owui.log_thread import WriterThread

_log = logging.getLogger("greenroom.timing")

LINES_MAX: Final = 10_000
CLOSE_S: Final = 2.0

_NOTHING: Final = nullcontext()
_MS: Final = 1000


class _Line(msgspec.Struct, frozen=True):
    """One line, as it stands in the file."""

    ts: str
    perf_ts: float
    event: str
    label: str
    request_id: str
    elapsed_ms: float | None = None


class _Moment(msgspec.Struct, frozen=True):
    """What happened, as cheaply as it can be noted."""

    path: str
    wall_s: float
    now_s: float
    event: str
    label: str
    request_id: str
    elapsed_s: float | None = None


def _warn(error: OSError) -> None:
    _log.warning("the timing log cannot be written: %s", error.strerror or type(error).__name__)


class TimingLog:
    """The timing log of one process. While it is off, a step costs next to nothing.

    Args:
        clock: monotonic and wall time.
        complain: hears of a file that cannot be written, once until the settings change.
        lines_max: how many lines may wait; more are dropped and counted.
    """

    def __init__(
        self,
        clock: Watch,
        *,
        complain: Callable[[OSError], object] = _warn,
        lines_max: int = LINES_MAX,
    ) -> None:
        self._clock = clock
        self._complain = complain
        self._settings = TimingSettings()
        self._has_complained = False
        self._thread = WriterThread("greenroom-timing", self._write, items_max=lines_max)

    @property
    def dropped(self) -> int:
        """How many lines there was no room for."""
        return self._thread.dropped

    def configure(self, settings: TimingSettings) -> None:
        """Take the settings of the moment; call it with every request."""
        if settings is not self._settings:
            self._has_complained = self._has_complained and settings == self._settings
            self._settings = settings

    def mark(self, label: str, request_id: str = "") -> None:
        """Note that something happened."""
        if self._settings.is_enabled:
            self._note("mark", label, request_id)

    def span(self, label: str, request_id: str = "") -> AbstractContextManager[None]:
        """Note the beginning and the end of a step; use it in a `with` statement."""
        return self._timed(label, request_id) if self._settings.is_enabled else _NOTHING

    def close(self, timeout_s: float = CLOSE_S) -> bool:
        """Write what waits and end the thread. False: that took too long."""
        return self._thread.close(timeout_s)

    @contextmanager
    def _timed(self, label: str, request_id: str) -> Iterator[None]:
        began_s = self._note("enter", label, request_id)
        try:
            yield
        finally:
            # Also when it was switched off meanwhile: what has begun ends in the file.
            self._note("exit", label, request_id, began_s)

    def _note(self, event: str, label: str, request_id: str, began_s: float | None = None) -> float:
        now_s = self._clock.now_s()
        elapsed_s = None if began_s is None else now_s - began_s
        path, wall_s = self._settings.path, self._clock.wall_s()
        self._thread.offer(_Moment(path, wall_s, now_s, event, label, request_id, elapsed_s))
        return now_s

    def _write(self, moments: Sequence[_Moment]) -> None:
        for path, together in groupby(moments, key=lambda moment: moment.path):
            lines = b"".join(msgspec.json.encode(_line(moment)) + b"\n" for moment in together)
            try:
                # Opened anew each time: the file may be rotated, and nothing is left open.
                _append(Path(path).expanduser(), lines)
            except OSError as error:
                self._report(error)
            except (RuntimeError, ValueError):  # what paths say to `~nobody` and to a null byte
                self._report(OSError(0, "there can be no such path"))

    def _report(self, error: OSError) -> None:
        if not self._has_complained:
            self._has_complained = True
            self._complain(error)


def _append(path: Path, lines: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(lines)


def _line(moment: _Moment) -> _Line:
    at = datetime.fromtimestamp(moment.wall_s, UTC)
    elapsed_s = moment.elapsed_s
    return _Line(
        ts=f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // _MS:03d}Z",
        perf_ts=round(moment.now_s, 6),
        event=moment.event,
        label=moment.label,
        request_id=moment.request_id,
        elapsed_ms=None if elapsed_s is None else round(elapsed_s * _MS, 3),
    )
