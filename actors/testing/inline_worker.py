"""Plays the thread of a thread actor inside a simulation, in virtual time."""

from __future__ import annotations

from asyncio import AbstractEventLoop, events
from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import Final

from actors.kernel.executors import Report
from actors.testing.simloop import SimLoop

THREAD: Final = "thread"
"""The tag of the delays before and after each piece of work, in milliseconds."""

THREAD_DELAY_MS_MAX: Final = 20


class InlineWorker:
    """Implements `WorkerThread`: one piece of work at a time, each after a delay.

    Args:
        loop: where the work runs and reports.
        delay_s: draws the seconds before the work starts, and again before its report arrives.
    """

    def __init__(self, loop: AbstractEventLoop, delay_s: Callable[[], float]) -> None:
        self._loop = loop
        self._delay_s = delay_s
        self._work: deque[tuple[Callable[[], object], Report]] = deque()
        self._is_busy = False
        self._is_stopped = False

    def submit(self, call: Callable[[], object], report: Report) -> None:
        """See `WorkerThread.submit`."""
        assert not self._is_stopped, "a thread that was told to end takes no more work"
        self._work.append((call, report))
        self._next()

    def stop(self) -> None:
        """See `WorkerThread.stop`; there is nothing to free."""
        self._is_stopped = True

    def _next(self) -> None:
        if self._work and not self._is_busy:
            self._is_busy = True
            call, report = self._work.popleft()
            # A thread has a context of its own.
            self._loop.call_later(self._delay_s(), self._run, call, report, context=Context())

    def _run(self, call: Callable[[], object], report: Report) -> None:
        result, error = _as_on_a_thread(call)
        self._loop.call_later(self._delay_s(), self._deliver, report, result, error)

    def _deliver(self, report: Report, result: object, error: BaseException | None) -> None:
        self._is_busy = False
        self._next()
        report(result, error)


def inline_workers(loop: SimLoop) -> Callable[[str], InlineWorker]:
    """Return what `ActorSystem(start_worker=...)` takes; the delays are choices of the loop."""

    def delay_s() -> float:
        return loop.choose(THREAD_DELAY_MS_MAX, THREAD) / 1_000

    return lambda _: InlineWorker(loop, delay_s)


def _as_on_a_thread(call: Callable[[], object]) -> tuple[object, BaseException | None]:
    loop = events._get_running_loop()
    events._set_running_loop(None)
    try:
        return call(), None
    except BaseException as error:  # noqa: BLE001 - like a thread's loop: whatever it is, it is told
        return None, error
    finally:
        events._set_running_loop(loop)
