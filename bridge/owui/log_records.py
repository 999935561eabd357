"""Log records that say whose request they are about, and a handler that never waits (SPEC 188).

A record of `greenroom` carries `session_id`, `user_id` and `request_id` as attributes. They come
from `RequestLog`, or from what `announce` said in the context of the call. Nothing is formatted
before somebody reads it, and that happens on the writer's thread.
"""

from __future__ import annotations

import copy
import logging
import sys
from collections.abc import Sequence
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Final, TypeAlias

from msgspec import Struct

from bridge.owui.log_redaction import loggable
from bridge.owui.log_thread import WriterThread

ROOT_NAME: Final = "greenroom"
WRITER_NAME: Final = "greenroom-writer"
RECORDS_MAX: Final = 10_000
CLOSE_S: Final = 2.0

_ROOT: Final = logging.getLogger(ROOT_NAME)

# Marks a record that LOG_LEVEL keeps out of the server's log.
_FOR_SESSION_LOGS: Final = "is_for_session_logs"

ExcInfo: TypeAlias = (
    tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
)


class LogIds(Struct, frozen=True, kw_only=True, gc=False):
    """Whose request it is; "" where nobody knows."""

    session_id: str = ""
    user_id: str = ""
    request_id: str = ""


NOBODY: Final = LogIds()
_IDS: Final[ContextVar[LogIds]] = ContextVar("greenroom_log_ids", default=NOBODY)


def announce(ids: LogIds) -> None:
    """Say whose request the rest of this context is about.

    There is nothing to undo: Open WebUI runs every request in a context of its own.
    """
    _IDS.set(ids)


def obey_level(level: int, *, is_collecting: bool) -> None:
    """Let the server's log show records from this level on; cheap when nothing changes.

    Args:
        level: LOG_LEVEL.
        is_collecting: whether session logs are kept: they take records of any level (SPEC 167).
    """
    logger = _ROOT
    least = logging.DEBUG if is_collecting else level
    if logger.level != least:
        logger.setLevel(least)
    for handler in logger.handlers:
        if handler.get_name() == WRITER_NAME and handler.level != level:
            handler.setLevel(level)


class RequestLog(logging.LoggerAdapter[logging.Logger]):
    """The log of one request: its ids, and its own LOG_LEVEL whatever the logger's is.

    Args:
        name: of the logger.
        ids: whose request it is.
        level: least severe level that is logged, by name.
        is_collecting: whether a session log of the request is kept, which takes any level.
    """

    def __init__(self, name: str, ids: LogIds, level: str, *, is_collecting: bool = False) -> None:
        super().__init__(logging.getLogger(name))
        self.ids = ids
        self._level = logging.getLevelNamesMapping()[level]
        self._least = logging.DEBUG if is_collecting else self._level

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - the name it has in `logging`
        """Whether a record of this level is logged."""
        return level >= self._least and self.logger.manager.disable < level

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Log a record, if its level is severe enough for this request."""
        if not self.isEnabledFor(level):
            return
        logger = self.logger
        # One frame is this method; those of `logging` are left out anyway.
        stacklevel = kwargs.get("stacklevel", 1) + 1
        path, line, function, stack = logger.findCaller(kwargs.get("stack_info", False), stacklevel)
        record = logger.makeRecord(
            logger.name,
            level,
            path,
            line,
            msg,
            args,
            _exc_info(kwargs.get("exc_info")),
            function,
            kwargs.get("extra"),
            stack,
        )
        _stamp(record, self.ids)
        if level < self._level:
            setattr(record, _FOR_SESSION_LOGS, True)
        logger.handle(record)


class LogWriter(logging.Handler):
    """Passes records on to the handlers above `greenroom`, from a thread.

    The server's handlers write to its console or to a file and may block; the loop is not theirs.
    There is one writer at a time: one that attaches takes the place of an older build's.

    Args:
        records_max: how many records may wait; more are dropped, and their number is logged.
    """

    def __init__(self, *, records_max: int = RECORDS_MAX) -> None:
        super().__init__()
        self.set_name(WRITER_NAME)
        self._logger = logging.getLogger(ROOT_NAME)
        self._thread = WriterThread(WRITER_NAME, self._pass_on, items_max=records_max)
        self._told_dropped = 0

    @property
    def dropped(self) -> int:
        """How many records there was no room for."""
        return self._thread.dropped

    def attach(self) -> None:
        """Begin to take the records of `greenroom`; harmless when repeated."""
        if self in self._logger.handlers:
            return
        for other in [one for one in self._logger.handlers if one.get_name() == WRITER_NAME]:
            # It can be the class of another build, so nothing but its name is certain.
            getattr(other, "detach", other.close)()
            self._logger.removeHandler(other)
        self._logger.addHandler(self)
        self._logger.propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record, without waiting and without formatting its message."""
        if not hasattr(record, _FOR_SESSION_LOGS):
            prepare(record)
            self._thread.offer(record)

    def detach(self) -> None:
        """Let go of the logger without waiting; what waits is still written."""
        self._let_go()
        self._thread.close(0.0)

    def close(self) -> None:
        """Let go of the logger and wait, within a bound, until what waits is written.

        For the end of the process, which calls it by itself; on the loop use `detach`.
        """
        self._let_go()
        self._thread.close(CLOSE_S)
        super().close()

    def _let_go(self) -> None:
        if self in self._logger.handlers:
            self._logger.removeHandler(self)
            self._logger.propagate = True

    def _pass_on(self, records: Sequence[logging.LogRecord]) -> None:
        above = self._logger.parent
        assert above is not None, "every logger but the root has one above it"
        for record in records:
            above.callHandlers(readable(record))
        dropped = self._thread.dropped - self._told_dropped
        if dropped:
            self._told_dropped += dropped
            above.callHandlers(self._note(f"{dropped} log records were left out: too many at once"))

    def _note(self, text: str) -> logging.LogRecord:
        record = self._logger.makeRecord(
            ROOT_NAME, logging.WARNING, __file__, 0, text, (), None, "_pass_on"
        )
        _stamp(record, NOBODY)
        return record


def prepare(record: logging.LogRecord) -> None:
    """Make a record fit to wait: it says whose it is, and keeps no frames; twice is harmless."""
    if not hasattr(record, "request_id"):
        _stamp(record, _IDS.get())
    elif not hasattr(record, "user_id"):
        # From within an actor, which knows no more than which request it works for.
        _stamp(record, LogIds(request_id=record.request_id))
    if record.exc_info and not record.exc_text:
        # Frames would keep alive whatever stands in them, a prompt among it.
        record.exc_text = logging.Formatter().formatException(record.exc_info)
    record.exc_info = None


def readable(record: logging.LogRecord) -> logging.LogRecord:
    """Return a copy with the message formatted, as far as it may be shown (SPEC 189)."""
    shown = copy.copy(record)
    try:
        shown.msg = loggable(record.getMessage())
    except Exception as error:  # noqa: BLE001 - a door: any argument's `__str__` may fail
        shown.msg = f"a log record could not be formatted: {type(error).__name__}"
    shown.args = None
    shown.exc_text = loggable(record.exc_text) if record.exc_text else None
    return shown


def _stamp(record: logging.LogRecord, ids: LogIds) -> None:
    record.session_id = ids.session_id
    record.user_id = ids.user_id
    record.request_id = ids.request_id


def _exc_info(given: object) -> ExcInfo | None:
    """Read `exc_info` as `logging` does."""
    if isinstance(given, BaseException):
        return (type(given), given, given.__traceback__)
    if isinstance(given, tuple):
        return given
    return sys.exc_info() if given else None
