"""An event loop in which the seed decides everything: order, delays, faults, and time itself.

Time is virtual and jumps to the next timer once nothing is ready, so an hour costs nothing. Of
all ready callbacks exactly one is run at a time, picked by the "schedule" stream of `Choices`.
Asyncio's C tasks run on it unchanged, and everything built on `loop.time()` (`asyncio.timeout`,
`asyncio.sleep`) is virtual with it.

Out of reach: sockets, child processes, real threads, C extensions with their own clocks. They
have to be replaced at a port; whoever touches one here gets an error, not a flaky run.

Source: FoundationDB's simulation testing; TigerBeetle's VOPR.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import gc
import hashlib
import heapq
import struct
import threading
from asyncio import base_events
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Mapping
from concurrent.futures import Executor
from typing import Final, NoReturn, TypeVar, TypeVarTuple
from weakref import WeakValueDictionary

from actors.testing.choices import Choices
from actors.testing.inline_executor import run_inline
from actors.testing.manual_clock import WALL_START_S
from actors.testing.schedule import Picker, picker
from actors.testing.waiting import describe

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

EXECUTOR: Final = "executor"
"""The tag of the delays of `run_in_executor`, in milliseconds."""

EXECUTOR_DELAY_MS_MAX: Final = 50

GARBAGE_STEPS: Final = 100_000
"""Steps between two collections of cyclic garbage; the automatic one follows no seed."""

COMPACT_TIMERS_MIN: Final = 128
"""Cancelled timers that may lie about before they are cleared out."""

TRACE_NUMBERS_MAX: Final = 12_288
"""Numbers collected before they go into the digest: hashing in bulk is far cheaper."""


class SimulationError(Exception):
    """The simulation itself ended the run; the text names who was waiting, and where."""

    def __init__(self, reason: str, waiting: tuple[str, ...] = ()) -> None:
        super().__init__("\n  ".join((reason, *waiting)))
        self.waiting = waiting


class Deadlock(SimulationError):
    """Nothing is ready, no timer is planned, and the scenario is not done."""


class Livelock(SimulationError):
    """The step limit was reached."""


class ForeignThread(SimulationError):
    """A thread other than the simulation's tried to enter it."""


class UnhandledInLoop(SimulationError):
    """The loop was told of a mishap that came without an exception, such as a dropped task."""


class SimLoop(base_events.BaseEventLoop):
    """See the module docstring.

    Args:
        choices: decides what is open; fresh ones for every loop.
        steps_max: callbacks to run before the run counts as a livelock.
        permute: False keeps asyncio's own order, whatever the choices say.
    """

    # Every turn of an actor is a callback here, so that the choices say which one is next.
    orders_turns = True

    _ready: deque[asyncio.Handle]
    _stopping: bool

    def __init__(self, choices: Choices, *, steps_max: int, permute: bool = True) -> None:
        super().__init__()
        self.choices = choices
        self.steps = 0
        self.unhandled: list[BaseException] = []
        self._steps_max = steps_max
        self._pick: Picker | None = picker(choices, self._ready) if permute else None
        self._now_s = 0.0
        self._wall_offset_s = WALL_START_S
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._timers_planned = 0
        self._timers_cancelled = 0
        self._trace: list[float] = []
        self._digest = hashlib.blake2b(digest_size=16)
        self._owner = threading.get_ident()
        self._intruder: ForeignThread | None = None
        # Weak, like asyncio's own set, but in order of birth: sets go by address.
        self._tasks: WeakValueDictionary[int, asyncio.Task[object]] = WeakValueDictionary()
        self._tasks_born = 0
        self.set_exception_handler(_collect)

    # --- time -----------------------------------------------------------------------------

    def time(self) -> float:
        """Return virtual seconds since the start of the run."""
        return self._now_s

    def wall_s(self) -> float:
        """Return virtual seconds since 1970."""
        return self._now_s + self._wall_offset_s

    def jump_wall(self, seconds: float) -> None:
        """Set the wall clock forward or back; timers do not notice."""
        self._wall_offset_s += seconds

    def stall(self, seconds: float) -> None:
        """Let time pass while the loop is held up, as a callback that blocks would."""
        assert seconds >= 0, "time runs forward"
        self._check_owner()
        self._now_s += seconds

    # --- choices --------------------------------------------------------------------------

    def choose(self, options: int, tag: str) -> int:
        """Return a number below `options` from the tag's stream; 0 is the default."""
        answer = self.choices.choose(options, tag)
        self._trace += (answer, options, self._now_s)
        return answer

    def chance(self, probability: float, tag: str) -> bool:
        """Say yes with this probability; the default is no."""
        answer = self.choices.chance(probability, tag)
        self._trace += (answer, probability, self._now_s)
        return answer

    def digest_hex(self) -> str:
        """Return what identifies the run so far: every choice, out of how many, and when."""
        self._flush_trace()
        return self._digest.hexdigest()

    # --- planning callbacks ---------------------------------------------------------------

    def call_soon(
        self,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        """See asyncio; the order among ready callbacks is up to the choices."""
        if threading.get_ident() != self._owner or self.is_closed():
            self._refuse_entry()
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_soon_threadsafe(
        self,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        """See asyncio; there is only one thread, so this is `call_soon`."""
        return self.call_soon(callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """See asyncio; timers of equal time fire in the order they were planned."""
        if threading.get_ident() != self._owner or self.is_closed():
            self._refuse_entry()
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, self._timers_planned, timer))
        self._timers_planned += 1
        return timer

    def create_task(
        self,
        coro: Generator[asyncio.Future[object] | None, None, T] | Coroutine[object, object, T],
        *,
        name: object = None,
        context: contextvars.Context | None = None,
    ) -> asyncio.Task[T]:
        """See asyncio; unnamed tasks are numbered by run, not by process."""
        self._check_owner()
        self._tasks_born += 1
        name = f"task-{self._tasks_born}" if name is None else str(name)
        task = asyncio.Task(coro, loop=self, name=name, context=context)
        self._tasks[self._tasks_born] = task
        return task

    def set_task_factory(self, factory: object) -> None:
        """Refuse: an eager task would take its first step behind the scheduler's back."""
        if factory is not None:
            raise NotImplementedError("a simulation makes its own tasks")

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Run blocking work inline, in virtual time; see `run_inline`."""
        answer: asyncio.Future[T] = self.create_future()
        run_inline(self, functools.partial(func, *args), answer, delay_s=self._executor_delay_s)
        return answer

    def tasks(self) -> list[asyncio.Task[object]]:
        """Return the tasks still alive, done or not, oldest first."""
        return [task for _, task in sorted(self._tasks.items())]

    def waiting(self) -> tuple[str, ...]:
        """Return one line for each unfinished task, oldest first: its name and where it waits."""
        return tuple(describe(task) for task in self.tasks() if not task.done())

    def close(self) -> None:
        """See asyncio."""
        super().close()
        self._timers.clear()

    async def getaddrinfo(self, *_: object, **__: object) -> NoReturn:
        """Refuse: there is no network in here."""
        raise NotImplementedError("no network in a simulation: put a fake behind the port")

    async def getnameinfo(self, *_: object, **__: object) -> NoReturn:
        """Refuse: there is no network in here."""
        raise NotImplementedError("no network in a simulation: put a fake behind the port")

    # --- the scheduler --------------------------------------------------------------------

    def _run_once(self) -> None:
        """Run callbacks until the loop is told to stop.

        Asyncio expects one round; going on here keeps what every step needs in local names.
        """
        ready, timers, pick = self._ready, self._timers, self._pick
        while not self._stopping:
            if not ready:
                self._jump()
            if timers and timers[0][0] <= self._now_s:
                self._wake_due()
            count = len(ready)
            if count > 1 and pick is not None:
                index = pick(count)
                handle = ready[index]
                del ready[index]
            else:
                index = 0
                handle = ready.popleft()
            self._count_step()
            self._trace += (index, count, self._now_s)
            if not handle._cancelled:
                handle._run()

    def _count_step(self) -> None:
        if self._intruder is not None:
            raise self._intruder
        if self.steps >= self._steps_max:
            reason = f"{self._steps_max} steps, at {self._now_s:.3f} s; unfinished:"
            raise Livelock(reason, self.waiting())
        self.steps += 1
        if len(self._trace) >= TRACE_NUMBERS_MAX:
            self._flush_trace()
        if self.steps % GARBAGE_STEPS == 0:
            gc.collect(0)

    def _jump(self) -> None:
        """Nothing is ready: go to the next timer."""
        timers = self._timers
        while timers and timers[0][2].cancelled():
            heapq.heappop(timers)
        if not timers:
            if self._intruder is not None:
                raise self._intruder
            raise Deadlock(f"nobody will wake, at {self._now_s:.3f} s:", self.waiting())
        self._now_s = max(self._now_s, timers[0][0])

    def _wake_due(self) -> None:
        timers, ready = self._timers, self._ready
        while timers and timers[0][0] <= self._now_s:
            timer = heapq.heappop(timers)[2]
            if not timer.cancelled():
                ready.append(timer)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Asyncio's timers report here; clear out once most of the heap is dead."""
        self._timers_cancelled += 1
        if self._timers_cancelled > max(COMPACT_TIMERS_MIN, len(self._timers) // 2):
            self._timers_cancelled = 0
            # In place: the scheduler holds this very list.
            self._timers[:] = [entry for entry in self._timers if not entry[2].cancelled()]
            heapq.heapify(self._timers)

    def _flush_trace(self) -> None:
        self._digest.update(struct.pack(f"<{len(self._trace)}d", *self._trace))
        self._trace.clear()

    def _executor_delay_s(self) -> float:
        return self.choose(EXECUTOR_DELAY_MS_MAX, EXECUTOR) / 1_000

    def _check_owner(self) -> None:
        if threading.get_ident() != self._owner:
            self._refuse_entry()

    def _refuse_entry(self) -> NoReturn:
        if threading.get_ident() == self._owner:
            raise RuntimeError("Event loop is closed")
        # Raised once more inside the run, in case the thread keeps it to itself.
        thread = threading.current_thread().name
        self._intruder = ForeignThread(f"thread {thread!r} entered the simulation")
        raise self._intruder

    # --- the end of a run -----------------------------------------------------------------

    def collect_unretrieved(self) -> None:
        """Count failures that nobody looked at, as asyncio would once they are forgotten."""
        alive = self.tasks()  # Held, or what only the scenario knew would count as dropped.
        gc.collect(1)
        for task in alive:
            if task.done() and task._log_traceback:
                error = task.exception()
                assert error is not None, "asyncio flags failed tasks only"
                self.unhandled.append(error)
        if self._intruder is not None:  # It may have come after the last step.
            self.unhandled.append(self._intruder)

    def begin_wind_up(self, *, steps_max: int) -> None:
        """From here on nothing counts: asyncio's own order, a limit of its own, no complaints."""
        self.set_exception_handler(_ignore)
        self._pick = None
        self._intruder = None
        self._steps_max = self.steps + steps_max


def _collect(loop: asyncio.AbstractEventLoop, context: Mapping[str, object]) -> None:
    assert isinstance(loop, SimLoop)
    error = context.get("exception")
    if not isinstance(error, BaseException):
        error = UnhandledInLoop(str(context.get("message")))
    loop.unhandled.append(error)


def _ignore(loop: asyncio.AbstractEventLoop, context: Mapping[str, object]) -> None:
    """Take note of nothing: the run is over."""
