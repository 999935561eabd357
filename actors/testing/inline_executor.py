"""Plays a thread pool inside a simulation: blocking work runs inline, in virtual time."""

from __future__ import annotations

import asyncio
import contextvars
from asyncio import events
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def run_inline(
    loop: asyncio.AbstractEventLoop,
    work: Callable[[], T],
    answer: asyncio.Future[T],
    *,
    delay_s: Callable[[], float],
) -> None:
    """Run `work` after one delay and put its outcome into `answer` after another.

    Cancelled within the first delay it never ran; within the second it ran and its outcome is
    lost. Both happen with real threads, and callers have to live with both.
    """

    def start() -> None:
        if not answer.cancelled():
            deliver = _as_on_a_thread(work, answer)
            loop.call_later(delay_s(), lambda: None if answer.done() else deliver())

    # A worker thread does not inherit the caller's context.
    loop.call_later(delay_s(), start, context=contextvars.Context())


def _as_on_a_thread(work: Callable[[], T], answer: asyncio.Future[T]) -> Callable[[], None]:
    """Run the work now, without a running loop; return how to deliver its outcome."""
    loop = events._get_running_loop()
    events._set_running_loop(None)
    failure: BaseException
    try:
        result = work()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it is, it is the answer
        failure = error
        return lambda: answer.set_exception(failure)
    finally:
        events._set_running_loop(loop)
    return lambda: answer.set_result(result)
