"""The answer to an ask: a Pykka future that an event loop can await.

Pykka's own futures block a thread in `get`, and their `map`, `filter`, `join` and `reduce` run
in the caller with a lock held. On a loop both would stop the world, so here everything that
follows an answer is a callback.
"""

from __future__ import annotations

import asyncio
import functools
import sys
import threading
from collections.abc import Callable, Generator
from threading import get_ident
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import pykka

from actors.kernel.callbacks import call_listener
from actors.kernel.dead_letter import Loss
from actors.kernel.errors import ActorStopped, AskTimedOut, WouldBlock

if TYPE_CHECKING:
    from actors.kernel.clock import Timer
    from actors.kernel.system import ActorSystem

T = TypeVar("T")

ExcInfo: TypeAlias = tuple[
    type[BaseException] | None, BaseException | None, TracebackType | None
]  # Pykka's shape


class AskFuture(pykka.Future[Any]):
    """Set once by the runtime, on the loop's thread; every later answer is refused.

    `is_done`: an answer, an error or a cancellation is in.
    """

    __slots__ = ("_callbacks", "_error", "_system", "_timer", "_value", "_waiter", "is_done")

    def __init__(self, system: ActorSystem | None = None) -> None:
        # Not super().__init__(): Pykka's hooks are replaced by callbacks.
        self._system = system
        self.is_done = False
        self._value: object = None
        self._error: BaseException | None = None
        self._timer: Timer | None = None
        # Nearly every answer is awaited once; that needs neither a list nor a closure.
        self._waiter: asyncio.Future[None] | None = None
        self._callbacks: list[Callable[[AskFuture], object]] | None = None

    @property
    def error(self) -> BaseException | None:
        """The error that `await` would raise, or None."""
        return self._error

    # --- answering, on the loop's thread ---------------------------------------------------------

    def resolve(self, value: object, error: BaseException | None = None) -> bool:
        """Set the answer. False: there was one already, this one is late."""
        if self.is_done:
            return False
        self.is_done = True
        self._value, self._error = value, error
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        if self._callbacks is not None:
            callbacks, self._callbacks = self._callbacks, None
            for callback in callbacks:
                call_listener(callback, self)
        return True

    def set(self, value: Any = None) -> None:
        """Set the answer (Pykka's spelling); a second one is dropped, not an error."""
        self.on_loop(lambda: self.resolve(value))

    def set_exception(self, exc_info: ExcInfo | None = None) -> None:
        """Set an error (Pykka's spelling)."""
        info = exc_info if exc_info is not None else sys.exc_info()
        error = info[1] if info[1] is not None else RuntimeError("no exception given")
        self.on_loop(lambda: self.resolve(None, error))

    def cancel(self) -> bool:
        """Say that nobody waits any more; the message is skipped if it is still queued."""
        return self.resolve(None, asyncio.CancelledError())

    def expire_at(self, deadline_s: float) -> None:
        """Fail with `AskTimedOut` once the system's clock reaches `deadline_s`."""
        assert self._system is not None, "only an ask of a system can expire"
        self._timer = self._system.clock.call_at(deadline_s, self._expire)

    def _expire(self) -> None:
        self.resolve(None, AskTimedOut("no answer before the deadline"))

    # --- waiting ---------------------------------------------------------------------------------

    def add_done_callback(self, callback: Callable[[AskFuture], object]) -> None:
        """Call `callback` with this future once it is done, at once if it is; loop's thread."""
        if self.is_done:
            callback(self)
        elif self._callbacks is None:
            self._callbacks = [callback]
        else:
            self._callbacks.append(callback)

    def __await__(self) -> Generator[Any, None, Any]:
        """Wait on the loop for the answer.

        Raises:
            Exception: what the receiver raised.
            AskTimedOut: the deadline passed.
        """
        if not self.is_done:
            system = self._system
            # A future of no system belongs to whichever loop waits for it.
            loop = asyncio.get_running_loop() if system is None else system.loop
            waiter = loop.create_future()
            if self._waiter is None:
                self._waiter = waiter
            else:
                self.add_done_callback(lambda _: _arrive(waiter))
            try:
                yield from waiter
            except asyncio.CancelledError:
                self.cancel()
                raise
        return self._outcome()

    __iter__ = __await__

    def get(self, *, timeout: float | None = None) -> Any:
        """Wait in a foreign thread for the answer.

        Raises:
            WouldBlock: called on the loop's own thread before the answer is in.
            pykka.Timeout: `timeout` seconds passed.
        """
        if not self.is_done:
            system = self._system
            if system is None or system.is_loop_thread():
                raise WouldBlock("get() would stop the event loop; await the future instead")
            answered = threading.Event()
            if not system.call_soon_threadsafe(
                lambda: self.add_done_callback(lambda _: answered.set())
            ):
                raise ActorStopped("the loop of the actor is closed")
            if not answered.wait(timeout):
                raise AskTimedOut("no answer before the timeout")
        return self._outcome()

    def _outcome(self) -> Any:
        if self._error is not None:
            raise self._error
        return self._value

    @property
    def is_on_loop(self) -> bool:
        """Whether the caller runs on the loop's thread, to which this belongs."""
        return self._system is None or self._system.is_loop_thread()

    def on_loop(self, act: Callable[[], object]) -> None:
        """Run `act` on the loop's thread: here, or soon there."""
        if self._system is None or self._system.is_loop_thread():
            act()
        else:
            self._system.call_soon_threadsafe(act)

    # --- Pykka's combinators, by callback --------------------------------------------------------

    def set_get_hook(self, func: Callable[[float | None], Any]) -> None:
        """Refuse: a get-hook runs in whoever waits, which on a loop is everybody."""
        raise NotImplementedError("futures of loop actors take callbacks: use map()")

    def map(self, func: Callable[[Any], Any]) -> AskFuture:
        """Return a future for `func(answer)`; an error passes through."""
        return self._then(func)

    def filter(self, func: Callable[[Any], bool]) -> AskFuture:
        """Return a future for the items of the answer that `func` likes."""
        return self._then(lambda items: list(filter(func, items)))

    def reduce(self, func: Callable[[Any, Any], Any], *args: Any) -> AskFuture:
        """Return a future for the answer's items folded with `func`."""
        return self._then(lambda items: functools.reduce(func, items, *args))

    def join(self, *futures: pykka.Future[Any]) -> AskFuture:
        """Return a future for the list of all answers, in order; the first error wins."""
        parts = [self, *futures]
        joined = AskFuture(self._system)
        missing = len(parts)

        def arrived(part: AskFuture) -> None:
            nonlocal missing
            missing -= 1
            if part.error is not None:
                joined.resolve(None, part.error)
            elif missing == 0:
                joined.resolve([each.get() for each in parts])

        for part in parts:
            assert isinstance(part, AskFuture), "join() takes the futures of loop actors"
            part.add_done_callback(arrived)
        return joined

    def _then(self, func: Callable[[Any], Any]) -> AskFuture:
        following = AskFuture(self._system)

        def arrived(done: AskFuture) -> None:
            if done.error is not None:
                following.resolve(None, done.error)
                return
            try:
                value = func(done.get())
            except Exception as error:  # noqa: BLE001 - the caller's function; its error is the answer
                following.resolve(None, error)
            else:
                following.resolve(value)

        self.add_done_callback(arrived)
        return following


def _arrive(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


class Reply:
    """An answer that the handler gives later; see `Actor.reply_later`."""

    __slots__ = ("_name", "_reply_to", "_system")

    def __init__(self, reply_to: AskFuture | None, system: ActorSystem, name: str) -> None:
        self._reply_to = reply_to
        self._system = system
        self._name = name

    @property
    def is_wanted(self) -> bool:
        """Whether somebody still waits: False after a deadline, a cancellation, or for a tell."""
        return self._reply_to is not None and not self._reply_to.is_done

    def when_unwanted(self, callback: Callable[[], object]) -> None:
        """Call `callback` once nobody waits any more, were it because of the answer.

        Loop's thread; never for a tell, for which nobody ever waited.
        """
        if self._reply_to is not None:
            self._reply_to.add_done_callback(lambda _: callback())

    def set(self, value: object) -> None:
        """Answer. A late answer is counted as a dead letter."""
        reply_to = self._reply_to
        if reply_to is None:
            return
        # A thread actor answers from its thread; the future belongs to the loop.
        if get_ident() != self._system.thread_id:
            reply_to.on_loop(lambda: self._resolve(reply_to, value, None))
        elif not reply_to.resolve(value):
            self._system.dead_letters.record(Loss.LATE_REPLY, self._name, value)

    def fail(self, error: BaseException) -> None:
        """Answer with an error."""
        reply_to = self._reply_to
        if reply_to is not None:
            reply_to.on_loop(lambda: self._resolve(reply_to, None, error))

    def _resolve(self, reply_to: AskFuture, value: object, error: BaseException | None) -> None:
        if not reply_to.resolve(value, error):
            answer = value if error is None else error
            self._system.dead_letters.record(Loss.LATE_REPLY, self._name, answer)
