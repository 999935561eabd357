"""Says where a task waits, in a line for a person to read."""

from __future__ import annotations

import asyncio
from pathlib import PurePath
from types import CoroutineType, GeneratorType
from typing import Final

AWAITS_MAX: Final = 100
"""Nested awaits to follow before giving up."""


def describe(task: asyncio.Task[object]) -> str:
    """Return the task's name, its coroutine, and the innermost line that it waits at."""
    coroutine: object = task.get_coro()
    called = getattr(coroutine, "__qualname__", type(coroutine).__name__)
    return f"{task.get_name()} ({called}) waits in {_innermost(coroutine)}"


def _innermost(awaited: object) -> str:
    place = "a place unknown"
    for _ in range(AWAITS_MAX):
        if isinstance(awaited, CoroutineType):
            frame, inner = awaited.cr_frame, awaited.cr_await
        elif isinstance(awaited, GeneratorType):
            frame, inner = awaited.gi_frame, awaited.gi_yieldfrom
        else:
            break
        if frame is not None:
            file = PurePath(frame.f_code.co_filename).name
            place = f"{awaited.__qualname__}, {file}:{frame.f_lineno}"
        awaited = inner
    return place
