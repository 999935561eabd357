"""Calls code that only listens: what it raises is its own bug and stops nobody else."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import ParamSpec

_log = logging.getLogger("greenroom.kernel")

P = ParamSpec("P")


def call_listener(listener: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
    """Call a listener; an error of its own is logged by class and place, never by text."""
    try:
        listener(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 - the kernel's own boundary: a listener's bug
        note_failure(error)


def note_failure(error: Exception) -> None:
    """Log what a listener raised."""
    _log.warning("a listener raised %s%s", type(error).__name__, place_of(error))


def place_of(error: BaseException) -> str:
    """Say where an error was raised, as ` at file:line in function`; empty if that is unknown."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    if frame is None:
        return ""
    code = frame.tb_frame.f_code
    return f" at {code.co_filename.rsplit('/', 1)[-1]}:{frame.tb_lineno} in {code.co_name}"
