"""Collects what each request logs, of any level, until the request ends (SPEC 166-168).

On the thread that logs a record is only put into a queue. It is formatted on a thread of this
module, by the rules of the server's log, so that nothing stands in a session log that could not
stand there. Without a request that is collected, there is no handler and no thread.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from actors.kernel.clock import Watch
from actors.kernel.entropy import Entropy
from actors.log_values import LogEntry, LogOwner, LogSegment
from actors.ports import SessionLogSettings
from bridge.owui.log_records import ROOT_NAME, prepare, readable
from bridge.owui.log_thread import WriterThread
from bridge.session_logs.readiness import why_not_kept

_log = logging.getLogger("greenroom.session_log")

HANDLER_NAME: Final = "greenroom-session-logs"
QUEUE_MAX: Final = 10_000
"""Records that wait to be formatted, of all requests together."""

REQUESTS_MAX: Final = 4_000
"""Requests that are collected at once; of more than these nothing is kept."""

SEGMENT_BYTES_MAX: Final = 8_388_608
BUFFERED_BYTES_MAX: Final = 67_108_864
"""Characters of text that are collected at once, of one request and of all together."""

CLOSE_S: Final = 2.0

LEFT_OUT: Final = "session_log.left_out"
"""The event type of the line that says that lines are missing."""

_EVENT_TYPE_CHARS_MAX: Final = 64
_ENTRY_CHARS: Final = 100
_ID_RANDOM_BYTES: Final = 4
_MS: Final = 1_000

Deliver: TypeAlias = Callable[[LogSegment, SessionLogSettings], object]


@dataclass(slots=True, eq=False, kw_only=True)
class _Buffer:
    """What one request has logged. Only `missed` is touched outside the thread of this module."""

    owner: LogOwner
    settings: SessionLogSettings
    entries: deque[LogEntry] = field(default_factory=deque)
    chars: int = 0
    cut: int = 0
    missed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    """What waits for the thread. Without a record, the buffer is to be sealed."""

    buffer: _Buffer
    record: logging.LogRecord | None = None
    is_terminal: bool = False


class SessionLogs(logging.Handler):
    """The collector of one process.

    Args:
        deliver: takes a finished segment, on the thread of this collector.
        clock: dates segments.
        entropy: names them.
        queue_max, chars_max: see `QUEUE_MAX` and `BUFFERED_BYTES_MAX`.
    """

    def __init__(
        self,
        deliver: Deliver,
        clock: Watch,
        entropy: Entropy,
        *,
        queue_max: int = QUEUE_MAX,
        chars_max: int = BUFFERED_BYTES_MAX,
    ) -> None:
        super().__init__()
        self.set_name(HANDLER_NAME)
        self._deliver = deliver
        self._clock = clock
        self._entropy = entropy
        self._chars_max = chars_max
        self._chars = 0
        self._buffers: dict[str, _Buffer] = {}
        self._logger = logging.getLogger(ROOT_NAME)
        self._thread = WriterThread(HANDLER_NAME, self._work_on, items_max=queue_max)
        self._told_about: SessionLogSettings | None = None

    # --- the door's side -------------------------------------------------------------------------

    def begin(self, owner: LogOwner, settings: SessionLogSettings) -> bool:
        """Collect what this request logs from here on. False: no session log of it is kept.

        What the settings lack is told once; a request without a chat has no log, which is
        everyday life.
        """
        if not settings.is_enabled:
            if not self._buffers:
                self._let_go()
            return False
        if why := why_not_kept(settings):
            if settings != self._told_about:
                self._told_about = settings
                _log.warning("session logs are not kept: %s", why)
            return False
        ids = (owner.user_id, owner.chat_id, owner.message_id, owner.request_id)
        if not all(ids) or len(self._buffers) >= REQUESTS_MAX:
            return False
        if self not in self._logger.handlers:
            self._logger.addHandler(self)
        self._buffers[owner.request_id] = _Buffer(owner=owner, settings=settings)
        return True

    def end(self, request_id: str, *, is_terminal: bool) -> None:
        """Deliver what the request has logged; harmless where it is not collected.

        Args:
            request_id: of the request that was begun.
            is_terminal: whether the answer is at its end, well or not. A round whose tools Open
                WebUI runs is not.
        """
        buffer = self._buffers.pop(request_id, None)
        if buffer is None:
            return
        # As many as there are requests at the most, so they need no room in the queue.
        if not self._thread.offer(_Item(buffer=buffer, is_terminal=is_terminal), is_urgent=True):
            _log.warning("a session log is lost: no thread can be started")

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record of a request that is collected, without waiting and formatting."""
        prepare(record)
        buffer = self._buffers.get(getattr(record, "request_id", ""))
        if buffer is not None and not self._thread.offer(_Item(buffer=buffer, record=record)):
            buffer.missed += 1

    def close(self) -> None:
        """Let go of the logger and wait, within a bound, until what has ended is delivered.

        Not for the loop: there, run it on a thread.
        """
        self._let_go()
        self._thread.close(CLOSE_S)
        super().close()

    def _let_go(self) -> None:
        if self in self._logger.handlers:
            self._logger.removeHandler(self)

    # --- the thread's side -----------------------------------------------------------------------

    def _work_on(self, items: Sequence[_Item]) -> None:
        for item in items:
            if item.record is None:
                self._seal(item.buffer, is_terminal=item.is_terminal)
            else:
                self._keep(item.buffer, _entry(readable(item.record)))

    def _keep(self, buffer: _Buffer, entry: LogEntry) -> None:
        """Add an entry. The end of a log tells most, so the oldest ones make room."""
        self._add(buffer, entry, 1)
        lines_max = buffer.settings.lines_max
        while buffer.entries and (
            len(buffer.entries) > lines_max
            or buffer.chars > SEGMENT_BYTES_MAX
            or self._chars > self._chars_max
        ):
            self._add(buffer, buffer.entries.popleft(), -1)
            buffer.cut += 1

    def _add(self, buffer: _Buffer, entry: LogEntry, sign: int) -> None:
        chars = sign * (_ENTRY_CHARS + len(entry.message) + len(entry.exception))
        buffer.chars += chars
        self._chars += chars
        if sign > 0:
            buffer.entries.append(entry)

    def _seal(self, buffer: _Buffer, *, is_terminal: bool) -> None:
        self._chars -= buffer.chars
        now_s = self._clock.wall_s()
        entries = tuple(buffer.entries)
        if left_out := buffer.cut + buffer.missed:
            entries = (_left_out(left_out, entries[0].ts_s if entries else now_s), *entries)
        segment = LogSegment(
            id=f"{int(now_s * _MS):012x}{self._entropy.token(_ID_RANDOM_BYTES)}",
            owner=buffer.owner,
            entries=entries,
            created_s=now_s,
            is_terminal=is_terminal,
        )
        self._deliver(segment, buffer.settings)


def _entry(record: logging.LogRecord) -> LogEntry:
    event_type = getattr(record, "event_type", "log")
    is_named = isinstance(event_type, str) and len(event_type) <= _EVENT_TYPE_CHARS_MAX
    return LogEntry(
        ts_s=record.created,
        level=record.levelname,
        logger=record.name,
        module=record.module,
        func=record.funcName or "",
        lineno=record.lineno,
        message=_whole(record.getMessage()),
        event_type=_whole(event_type) if is_named else "log",
        exception=_whole(record.exc_text or ""),
    )


def _left_out(lines: int, ts_s: float) -> LogEntry:
    return LogEntry(
        ts_s=ts_s,
        level="WARNING",
        logger=_log.name,
        module=__name__.rpartition(".")[2],
        func="",
        lineno=0,
        message=f"{lines} lines of this log were left out",
        event_type=LEFT_OUT,
    )


def _whole(text: str) -> str:
    """Replace half pairs of code units, which nothing can encode."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
