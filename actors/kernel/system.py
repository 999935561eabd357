"""The system: what all actors of one tree share, and nothing of it is global.

Clock, chance, loop, executors, names, dead letters and interceptors come from here, which is
what makes a whole tree run inside a simulation. Two systems in one process share nothing.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from actors.kernel.callbacks import call_listener, place_of
from actors.kernel.cell import Cell
from actors.kernel.clock import Clock, LoopClock
from actors.kernel.dead_letter import DeadLetters, Loss
from actors.kernel.entropy import Entropy, SystemEntropy
from actors.kernel.envelope import Envelope
from actors.kernel.errors import KernelError, SpawnFailed
from actors.kernel.executors import Report, Worker
from actors.kernel.interceptor import hooks_of
from actors.kernel.lanes import current
from actors.kernel.phase import CLOSED
from actors.kernel.ref import ActorRef
from actors.kernel.signals import Crashed, ExitReason, PipeFailed, Terminated
from actors.kernel.turns import Turns

if TYPE_CHECKING:
    from actors.kernel.child_spec import ChildSpec
    from actors.kernel.interceptor import Interceptor

_log = logging.getLogger("greenroom.kernel")

T = TypeVar("T")
M = TypeVar("M")

# Threads of `run_blocking`, and how many calls may wait for one of them.
BLOCKING_THREADS_MAX = 4
BLOCKING_CALLS_MAX = 256

# Threads that hung and were left behind; past this bound no more are started.
ZOMBIES_MAX = 64


class WorkerThread(Protocol):
    """What a thread actor needs of its thread."""

    def submit(self, call: Callable[[], object], report: Report) -> None:
        """Run `call`, then `report(result, error)` on the loop."""

    def stop(self) -> None:
        """End after the work it has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LifeEnded:
    """One line of the audit trail: which actor, which life, how it ended, when."""

    name: str
    life: int
    reason: ExitReason
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StopReport:
    """How a shutdown went: what did not end in time, and what was lost over the whole life."""

    elapsed_s: float
    abandoned: tuple[str, ...]
    zombies: int
    dead_letters: dict[str, int]


class ActorSystem:
    """Make it on the loop's thread, inside the running loop.

    Args:
        name: for URNs and thread names.
        clock, entropy: where time and chance come from; the loop's and the machine's by default.
        interceptors: around every send and receive, in this order.
        ask_timeout_s: deadline of an ask that names none.
        start_worker: makes the threads of thread actors; a simulation brings its own.
    """

    def __init__(
        self,
        name: str = "greenroom",
        *,
        clock: Clock | None = None,
        entropy: Entropy | None = None,
        interceptors: Iterable[Interceptor] = (),
        ask_timeout_s: float = 30.0,
        start_worker: Callable[[str], WorkerThread] | None = None,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.thread_id = threading.get_ident()
        self.name = name
        self.clock: Clock = clock if clock is not None else LoopClock(self.loop)
        self.entropy: Entropy = entropy if entropy is not None else SystemEntropy()
        self.interceptors = tuple(interceptors)
        self.ask_timeout_s = ask_timeout_s
        self.dead_letters = DeadLetters(self.clock)
        self.turns = Turns(self.loop)
        # Whose plain handler or hook is running: nothing else runs before it has come to its end.
        # Handlers that may wait have themselves in the context variable `current` instead.
        self.running: Cell | None = None
        # What threads bring back is handled in this one context.
        self.context = Context()
        self.zombies = 0
        self.is_stopping = False
        self._cells: dict[int, Cell] = {}
        # By number: to look for one of thousands in a list takes long (20,000: seconds to stop).
        self._roots: dict[int, Cell] = {}
        self._names: dict[str, Cell] = {}
        self._numbers = 0
        self._pool: ThreadPoolExecutor | None = None
        self._blocking_calls = 0
        self._start_worker = start_worker
        self.life_listeners: list[Callable[[LifeEnded], object]] = []
        self._watch_numbers = 0

    @property
    def interceptors(self) -> tuple[Interceptor, ...]:
        """Who looks at every send and receive, in this order."""
        return self._interceptors

    @interceptors.setter
    def interceptors(self, interceptors: tuple[Interceptor, ...]) -> None:
        self._interceptors = interceptors
        self.hooks = hooks_of(interceptors)

    # --- actors ----------------------------------------------------------------------------------

    def spawn(self, spec: ChildSpec[M], *, parent: Cell | None = None) -> ActorRef[M]:
        """Start an actor. A plain `receive` has run its `on_start` when this returns.

        Raises:
            SpawnFailed: the name is taken, the start is not an actor, or it raised.
        """
        self._numbers = number = self._numbers + 1
        start: Any = spec.start
        actor_class = start.func if type(start) is partial else start
        cell_class = getattr(actor_class, "cell_class", None)
        if cell_class is None or not isinstance(actor_class, type):
            raise SpawnFailed(
                f"start is {actor_class!r}; give an actor class, or functools.partial of one"
            )
        cell: Cell = cell_class(self, spec, parent, number)
        if spec.name:
            if cell.name in self._names:
                raise SpawnFailed(f"the name {cell.name!r} is taken")
            self._names[cell.name] = cell
        self._cells[number] = cell
        if parent is None:
            self._roots[number] = cell
        elif parent.children is None:
            parent.children = {number: cell}
        else:
            parent.children[number] = cell
        try:
            cell.start_life()
        except Exception as error:
            cell.parent = None
            cell.close(Crashed(error))
            if parent is not None and parent.children is not None:
                parent.children.pop(number, None)
            if isinstance(error, SpawnFailed):
                raise
            raise SpawnFailed(f"{cell.name} did not start: {type(error).__name__}") from error
        return cell.ref

    def find(self, name: str) -> ActorRef[Any] | None:
        """Return the live actor of this path (`root/gate`), or None."""
        cell = self._names.get(name)
        return None if cell is None else cell.ref

    @property
    def live(self) -> int:
        """How many actors have not ended for good."""
        return len(self._cells)

    def cells(self) -> tuple[Cell, ...]:
        """All live cells, oldest first."""
        return tuple(self._cells.values())

    def forget(self, cell: Cell) -> None:
        """Drop a cell that has ended, or is about to, from the books; its name is free."""
        if cell.phase is CLOSED:
            self._cells.pop(cell.number, None)
        if cell.spec.name and self._names.get(cell.name) is cell:
            del self._names[cell.name]
        if cell.parent is None:
            self._roots.pop(cell.number, None)

    def current_cell(self) -> Cell | None:
        """Return the cell whose handler is running here, or None outside actors."""
        running = self.running
        return running if running is not None and self.is_loop_thread() else current.get()

    def monitor(self, ref: ActorRef[Any], notify: Callable[[Terminated], object]) -> object:
        """Watch an actor from outside: `notify` is called once, on the loop. For `demonitor`."""
        self._watch_numbers += 1
        key = ("outside", self._watch_numbers)
        ref.cell.watch(key, notify)
        return key

    def demonitor(self, ref: ActorRef[Any], key: object) -> None:
        """Stop watching from outside."""
        ref.cell.unwatch(key)

    # --- the loop --------------------------------------------------------------------------------

    def is_loop_thread(self) -> bool:
        """Whether the caller runs on the loop's thread."""
        return threading.get_ident() == self.thread_id

    def on_loop(self, act: Callable[[], object]) -> None:
        """Run `act` here if this is the loop's thread, else soon, there."""
        if self.is_loop_thread():
            act()
        else:
            self.call_soon_threadsafe(act)

    def call_soon_threadsafe(self, act: Callable[[], object]) -> bool:
        """Run `act` soon on the loop. False: the loop is closed, so nothing will run there."""
        try:
            self.loop.call_soon_threadsafe(act)
        except RuntimeError:
            if self.loop.is_closed():
                return False
            raise
        return True

    def pipe(
        self,
        cell: Cell,
        work: Awaitable[T],
        done: Callable[[T], object],
        failed: Callable[[Exception], object] | None,
    ) -> None:
        """Carry out `Actor.pipe_to_self`."""
        generation = cell.generation

        async def run() -> None:
            try:
                message = await _piped(work, done, failed)
            except GeneratorExit:
                raise
            except BaseException as error:
                if cell.generation != generation:
                    return
                if isinstance(error, asyncio.CancelledError) and _is_cancelling():
                    raise
                if isinstance(error, KeyboardInterrupt):
                    self.interrupted()
                cell.signal(PipeFailed(error))
            else:
                if cell.generation == generation:
                    cell.accept_internal(Envelope(message))

        def finished(task: asyncio.Task[None]) -> None:
            pipes.pop(task, None)
            # Cancelled before its first step, the work was never awaited.
            if inspect.iscoroutine(work):
                work.close()

        pipes = cell.pipes = cell.pipes if cell.pipes is not None else {}
        task = self.loop.create_task(run(), context=Context())
        pipes[task] = None
        task.add_done_callback(finished)

    async def wait_until(
        self, deadline_s: float, arm: Callable[[Callable[[], None]], None]
    ) -> bool:
        """Wait until what `arm` is given gets called. False: `deadline_s` came first."""
        waiter: asyncio.Future[bool] = self.loop.create_future()

        def wake(in_time: bool) -> None:
            if not waiter.done():
                waiter.set_result(in_time)

        arm(lambda: wake(True))
        timer = self.clock.call_at(deadline_s, lambda: wake(False))
        try:
            return await waiter
        finally:
            timer.cancel()

    def run_blocking(self, call: Callable[[], T]) -> Awaitable[T]:
        """Run a blocking call on a small pool of threads; for use with `pipe_to_self`.

        Raises:
            KernelError: too many calls wait already.
        """
        if self._blocking_calls >= BLOCKING_CALLS_MAX:
            raise KernelError(f"{BLOCKING_CALLS_MAX} blocking calls are waiting")
        if self._pool is None:
            self._pool = ThreadPoolExecutor(BLOCKING_THREADS_MAX, f"{self.name}-blocking")
        self._blocking_calls += 1
        future = self.loop.run_in_executor(self._pool, call)
        future.add_done_callback(self._blocking_done)
        return future

    def _blocking_done(self, _: object) -> None:
        self._blocking_calls -= 1

    def start_worker(self, name: str) -> WorkerThread:
        """Start the thread of a thread actor.

        Raises:
            KernelError: too many threads hang already.
        """
        if self.zombies >= ZOMBIES_MAX:
            raise KernelError(f"{self.zombies} threads hang; no more are started")
        if self._start_worker is not None:
            return self._start_worker(name)
        return Worker(name, self.call_soon_threadsafe)

    # --- what went wrong -------------------------------------------------------------------------

    def zombie_ended(self) -> None:
        """A handler that had been left behind has come to its end after all."""
        self.zombies -= 1

    def life_ended(self, cell: Cell, reason: ExitReason) -> None:
        """Write one line of the audit trail: class and place of an error, never its text."""
        if isinstance(reason, Crashed):
            # A weather error is its supervisor's business; a bug deserves the place it stands.
            where = place_of(reason.error)
            _log.info("%s (life %d) crashed: %s%s", cell.name, cell.life, reason.kind, where)
        if self.life_listeners:
            ended = LifeEnded(
                name=cell.name, life=cell.life, reason=reason, at_s=self.clock.now_s()
            )
            for listener in self.life_listeners:
                call_listener(listener, ended)

    def on_life_ended(self, listener: Callable[[LifeEnded], object]) -> None:
        """Call `listener` with every end of a life."""
        self.life_listeners.append(listener)

    def hook_failed(self, cell: Cell, error: BaseException) -> None:
        """Note that on_stop, on_failure or release raised."""
        _log.warning("a hook of %s raised %s", cell.name, type(error).__name__)

    def interrupted(self) -> None:
        """KeyboardInterrupt reached a handler: the whole system is asked to end."""
        for cell in reversed(tuple(self._roots.values())):
            cell.shut_down(self.clock.now_s() + 5.0)

    # --- the end ---------------------------------------------------------------------------------

    async def stop(self, grace_s: float = 20.0) -> StopReport:
        """End all actors, the youngest root first, under one deadline; say what was left.

        Idempotent. Children end before their parents; what has not ended at the deadline is
        killed, and what ignores even that is named in the report.
        """
        self.is_stopping = True
        started_s = self.clock.now_s()
        deadline_s = started_s + grace_s
        for cell in reversed(tuple(self._roots.values())):
            cell.shut_down(deadline_s)
            if not cell.is_closed:
                await self.wait_until(deadline_s + 2.0, cell.on_closed)
        # Children of a parent that was killed are killed with it, but may take their grace.
        for orphan in tuple(self._cells.values()):
            if not orphan.is_closed:
                await self.wait_until(deadline_s + 2.0, orphan.on_closed)
        abandoned = tuple(cell.name for cell in self._cells.values())
        for cell in tuple(self._cells.values()):
            cell.parent = None
            cell.kill()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None
        return StopReport(
            elapsed_s=self.clock.now_s() - started_s,
            abandoned=abandoned,
            zombies=self.zombies,
            dead_letters={loss.value: n for loss, n in self.dead_letters.by_reason.items()},
        )


async def _piped(
    work: Awaitable[T],
    done: Callable[[T], object],
    failed: Callable[[Exception], object] | None,
) -> object:
    """Return the message that a piece of work became; raise what nothing was said about."""
    try:
        return done(await work)
    except Exception as error:
        if failed is None:
            raise
        return failed(error)


def _is_cancelling() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


__all__ = ["ActorSystem", "LifeEnded", "Loss", "StopReport", "WorkerThread"]
