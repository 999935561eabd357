"""Three ways to run a handler. The cell is the same; only who waits for whom differs.

`SoonCell`  plain `receive`: drained by a loop callback, no task. The default for decisions.
`TaskCell`  `async def receive`: a task on demand, gone when the mailbox is empty.
`ThreadCell` blocking `receive` on a thread of its own: for libraries that block.
"""

from __future__ import annotations

import asyncio
import inspect
import queue
import threading
from collections.abc import Callable
from contextvars import Context
from enum import Enum
from typing import TYPE_CHECKING, Any

from pykka.messages import _ActorStop

from actors.kernel.cell import PYKKA_MESSAGES, TURN_MESSAGES_MAX, Cell, Phase, TimerFired, current
from actors.kernel.dead_letter import Loss
from actors.kernel.envelope import Envelope
from actors.kernel.signals import KILLED, NORMAL, Crashed, ExitReason, Signal

if TYPE_CHECKING:
    from actors.kernel.child_spec import ChildSpec
    from actors.kernel.system import ActorSystem, WorkerThread


class Later(Enum):
    """What a plain `on_start` returns when `become_ready` will follow."""

    LATER = "later"


LATER = Later.LATER


class SoonCell(Cell):
    """Handlers run to their end inside one loop callback."""

    __slots__ = ()

    def wake(self) -> None:
        """See `Cell.wake`."""
        if not self.is_scheduled and self.phase is Phase.RUNNING and self._paused is None:
            self.is_scheduled = True
            self.system.loop.call_soon(self._drain, context=self.system.context)

    def _begin(self) -> None:
        token = current.set(self)
        try:
            behaviour = self.behaviour
            assert behaviour is not None, "a life begins with a behaviour"
            outcome = behaviour.on_start()
        finally:
            current.reset(token)
        if outcome is LATER:
            self._limit_start()
        self._has_started(is_ready=outcome is not LATER)

    def _drain(self) -> None:
        """Handle what waits, signals first, a bounded number of messages a turn."""
        token = current.set(self)
        left = TURN_MESSAGES_MAX
        try:
            while self.phase is Phase.RUNNING and self._paused is None:
                if self.signals:
                    self._deliver_signal(self.signals.popleft())
                elif not self.queue or not self.is_ready:
                    break
                elif left == 0:
                    self.system.loop.call_soon(self._drain, context=self.system.context)
                    return
                else:
                    left -= 1
                    self._deliver(self._pop() if self._needs_care() else self.queue.popleft())
        finally:
            current.reset(token)
        self.is_scheduled = False

    def _needs_care(self) -> bool:
        return self.mailbox.bytes_max is not None or bool(self._offers)

    def _deliver(self, envelope: Envelope) -> None:
        if envelope.reply_to is not None and self._expired(envelope):
            return
        message = envelope.message
        self.in_hand = envelope
        behaviour = self.behaviour
        assert behaviour is not None, "a running cell has a behaviour"
        try:
            if self.system.interceptors and (pause_s := self._intercept_receive(envelope)) > 0:
                self.in_hand = None
                self._pause(envelope, pause_s)
                return
            if type(message) in PYKKA_MESSAGES:
                if type(message) is _ActorStop:
                    self.in_hand = None
                    self.end(NORMAL)
                    return
                result = behaviour.handle_pykka(message)
            else:
                result = behaviour.receive(message)
        except GeneratorExit:
            raise
        except asyncio.CancelledError:
            self._failed_by_cancel(envelope)
        except BaseException as error:  # noqa: BLE001 - the kernel's receive loop
            self._failed(envelope, error)
        else:
            self._handled(envelope, result)

    def _deliver_signal(self, signal: Signal) -> None:
        if self._take_signal(signal):
            return
        message = signal.message if isinstance(signal, TimerFired) else signal
        behaviour = self.behaviour
        assert behaviour is not None, "a running cell has a behaviour"
        self.in_hand = Envelope(message)
        try:
            behaviour.receive(message)
        except GeneratorExit:
            raise
        except BaseException as error:  # noqa: BLE001 - the kernel's receive loop
            self._failed(None, error)
        else:
            self.in_hand = None
            if self._pending_exit is not None:
                self.end(self._pending_exit)

    def _failed_by_cancel(self, envelope: Envelope) -> None:
        """A handler let a cancellation out: this actor is killed, nobody else (trap 5)."""
        if self.system.interceptors:
            self._intercept_received(envelope, None)
        self._poison(envelope, asyncio.CancelledError())
        self.in_hand = None
        self._finish(self._pending_exit or KILLED)


class TaskCell(Cell):
    """Handlers may await; one task at a time, and none while nothing waits."""

    __slots__ = ("_task",)

    def __init__(
        self, system: ActorSystem, spec: ChildSpec[Any], parent: Cell | None, number: int
    ) -> None:
        super().__init__(system, spec, parent, number)
        self._task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """See `Cell.wake`."""
        if self._task is None and self.phase is Phase.RUNNING and self._paused is None:
            self._spawn_task(self._run(self.life))

    def _spawn_task(self, coroutine: Any) -> None:
        # An empty context: a handler inherits neither deadline nor trace of who woke it.
        self._task = self.system.loop.create_task(coroutine, context=Context())
        self.is_scheduled = True

    def _begin(self) -> None:
        behaviour = self.behaviour
        assert behaviour is not None, "a life begins with a behaviour"
        if inspect.iscoroutinefunction(behaviour.on_start):
            self._spawn_task(self._start(self.life))
            self._limit_start()
            return
        # Nothing to await: the start is over when the spawn returns, as with a plain `receive`.
        token = current.set(self)
        try:
            behaviour.on_start()
        finally:
            current.reset(token)
        self._has_started()

    async def _start(self, life: int) -> None:
        current.set(self)
        behaviour = self.behaviour
        assert behaviour is not None, "a life begins with a behaviour"
        try:
            await _settled(behaviour.on_start())
        except GeneratorExit:
            raise
        except asyncio.CancelledError:
            self._ended(life, self._pending_exit or KILLED)
            return
        except BaseException as error:  # noqa: BLE001 - the kernel's own boundary
            self._ended(life, Crashed(error))
            return
        if self.life != life:
            return
        self._task = None
        self.is_scheduled = False
        self._has_started(is_ready=False)
        self.become_ready()

    def _ended(self, life: int, reason: ExitReason) -> None:
        """The task's last word about its life; void when the life was abandoned."""
        if self.life == life and self.phase in (Phase.STARTING, Phase.RUNNING):
            self._task = None
            self.is_scheduled = False
            self._finish(reason)

    async def _run(self, life: int) -> None:
        current.set(self)
        handled = 0
        try:
            while self.life == life and self.phase is Phase.RUNNING and self._paused is None:
                if self.signals:
                    await self._deliver_signal(self.signals.popleft())
                elif self.queue:
                    if handled and handled % TURN_MESSAGES_MAX == 0:
                        await asyncio.sleep(0)
                    handled += 1
                    await self._deliver(self._pop(), life)
                else:
                    break
        except GeneratorExit:
            raise
        except asyncio.CancelledError:
            if self.life == life and self.in_hand is not None:
                self._interrupted(self.in_hand)
            self._ended(life, self._pending_exit or KILLED)
            return
        if self.life == life and self._task is asyncio.current_task():
            self._task = None
            self.is_scheduled = False
            if self.queue or self.signals:
                self.wake()

    def _interrupted(self, envelope: Envelope) -> None:
        if self.system.interceptors:
            self._intercept_received(envelope, None)
        if not isinstance(envelope.message, Signal):
            self._poison(envelope, asyncio.CancelledError())

    async def _deliver(self, envelope: Envelope, life: int) -> None:
        if envelope.reply_to is not None and self._expired(envelope):
            return
        message = envelope.message
        self.in_hand = envelope
        behaviour = self.behaviour
        assert behaviour is not None, "a running cell has a behaviour"
        try:
            if self.system.interceptors and (pause_s := self._intercept_receive(envelope)) > 0:
                self.in_hand = None
                self._pause(envelope, pause_s)
                return
            if type(message) in PYKKA_MESSAGES:
                if type(message) is _ActorStop:
                    self.in_hand = None
                    await self._stop(NORMAL)
                    return
                result = await _settled(behaviour.handle_pykka(message))
            else:
                result = await _settled(behaviour.receive(message))
        except (GeneratorExit, asyncio.CancelledError):
            raise
        except BaseException as error:  # noqa: BLE001 - the kernel's receive loop
            if self.life == life:
                self._failed(envelope, error)
        else:
            if self.life == life:
                self._handled(envelope, result)
            else:
                self.system.dead_letters.record(Loss.LATE_REPLY, self.name, result)

    async def _deliver_signal(self, signal: Signal) -> None:
        if self._take_signal(signal):
            return
        message = signal.message if isinstance(signal, TimerFired) else signal
        behaviour = self.behaviour
        assert behaviour is not None, "a running cell has a behaviour"
        self.in_hand = Envelope(message)
        try:
            await _settled(behaviour.receive(message))
        except (GeneratorExit, asyncio.CancelledError):
            raise
        except BaseException as error:  # noqa: BLE001 - the kernel's receive loop
            self._failed(None, error)
        else:
            self.in_hand = None
            if self._pending_exit is not None:
                self.end(self._pending_exit)

    async def _stop(self, reason: ExitReason) -> None:
        """End normally; an `async def on_stop` is awaited."""
        behaviour = self.behaviour
        assert behaviour is not None, "a running cell has a behaviour"
        try:
            await _settled(behaviour.on_stop())
        except (GeneratorExit, asyncio.CancelledError):
            raise
        except BaseException as error:  # noqa: BLE001 - the kernel's own boundary: a hook's bug
            self.system.hook_failed(self, error)
            reason = Crashed(error)
        self._finish(reason)

    def end(self, reason: ExitReason) -> None:
        """See `Cell.end`; hooks that await run in a task, within the kill timer's bound."""
        behaviour = self.behaviour
        is_calm = not isinstance(reason, Crashed) and reason is not KILLED
        hook: object = getattr(type(behaviour), "on_stop", None)
        if is_calm and self.phase is Phase.RUNNING and inspect.iscoroutinefunction(hook):
            self.is_sealed = True
            life = self.life
            self._spawn_task(self._stop_in_task(life, reason))
            return
        super().end(reason)

    async def _stop_in_task(self, life: int, reason: ExitReason) -> None:
        current.set(self)
        try:
            await self._stop(reason)
        except asyncio.CancelledError:
            self._ended(life, self._pending_exit or KILLED)

    def _cancel_handler(self) -> bool:
        task = self._task
        if task is None or task.done():
            return False
        task.cancel()
        return True

    def _abandon_handler(self) -> None:
        # The stale task sees a newer life when it ends, and says nothing.
        self.life += 1
        self._task = None
        self.is_scheduled = False


class ThreadCell(Cell):
    """Hooks and handlers run one at a time on a thread of their own; the mail stays on the loop."""

    __slots__ = ("_worker",)

    def __init__(
        self, system: ActorSystem, spec: ChildSpec[Any], parent: Cell | None, number: int
    ) -> None:
        super().__init__(system, spec, parent, number)
        self._worker: WorkerThread | None = None

    def wake(self) -> None:
        """See `Cell.wake`."""
        if not self.is_scheduled and self.phase is Phase.RUNNING and self._paused is None:
            self.is_scheduled = True
            self.system.loop.call_soon(self._step, context=self.system.context)

    def _begin(self) -> None:
        behaviour = self.behaviour
        assert behaviour is not None, "a life begins with a behaviour"
        self._worker = self.system.start_worker(f"{self.name}#{self.life}")
        self.is_scheduled = True
        life = self.life
        self._worker.submit(
            lambda: self._guarded(behaviour.on_start),
            lambda _, error: self._start_done(life, error),
        )
        self._limit_start()

    def _guarded(self, call: Callable[[], object]) -> object:
        current.set(self)
        return call()

    def _start_done(self, life: int, error: BaseException | None) -> None:
        if self.life != life or self.phase is not Phase.STARTING:
            return
        self.is_scheduled = False
        if error is not None:
            self._finish(Crashed(error))
            return
        self._has_started(is_ready=False)
        self.become_ready()

    def _step(self) -> None:
        """Give the thread the next piece of work; its end plans the next step."""
        self.is_scheduled = False
        while self.phase is Phase.RUNNING and self._paused is None and self.in_hand is None:
            if self.signals:
                signal = self.signals.popleft()
                if self._take_signal(signal):
                    continue
                message = signal.message if isinstance(signal, TimerFired) else signal
                self._submit(Envelope(message), is_signal=True)
            elif self.queue:
                envelope = self._pop()
                if envelope.reply_to is not None and self._expired(envelope):
                    continue
                if type(envelope.message) is _ActorStop:
                    self.end(NORMAL)
                elif self._may_start(envelope):
                    self._submit(envelope, is_signal=False)
            else:
                return

    def _may_start(self, envelope: Envelope) -> bool:
        if not self.system.interceptors:
            return True
        try:
            pause_s = self._intercept_receive(envelope)
        except Exception as error:  # noqa: BLE001 - an injected crash stands for the handler's
            self._failed(envelope, error)
            return False
        if pause_s > 0:
            self._pause(envelope, pause_s)
            return False
        return True

    def _submit(self, envelope: Envelope, *, is_signal: bool) -> None:
        self.in_hand = envelope
        self.is_scheduled = True
        behaviour, worker, life = self.behaviour, self._worker, self.life
        assert behaviour is not None, "a running cell has a behaviour"
        assert worker is not None, "a running thread cell has a worker"
        message = envelope.message
        call = behaviour.handle_pykka if type(message) in PYKKA_MESSAGES else behaviour.receive
        worker.submit(
            lambda: self._guarded(lambda: call(message)),
            lambda result, error: self._done(life, envelope, result, error, is_signal),
        )

    def _done(
        self,
        life: int,
        envelope: Envelope,
        result: object,
        error: BaseException | None,
        is_signal: bool,
    ) -> None:
        if self.life != life or self.phase is not Phase.RUNNING:
            self.system.zombies -= 1
            return
        self.is_scheduled = False
        if error is not None:
            self._failed(None if is_signal else envelope, error)
        else:
            self._handled(envelope, result)
        if self.queue or self.signals:
            self.wake()

    def end(self, reason: ExitReason) -> None:
        """See `Cell.end`; the hooks run on the thread, like everything of this actor."""
        worker, life = self._worker, self.life
        if worker is None or self.phase is not Phase.RUNNING:
            self._finish(reason)
            return
        self.is_sealed = True
        self.is_scheduled = True
        self.in_hand = Envelope(reason)

        def hooks() -> ExitReason:
            return self._run_hooks(reason)

        def done(result: object, error: BaseException | None) -> None:
            if self.life == life and self.phase is Phase.RUNNING:
                ended = Crashed(error) if error is not None else result
                self._finish(ended)  # type: ignore[arg-type]  # hooks() returns a reason

        worker.submit(hooks, done)

    def _finish(self, reason: ExitReason) -> None:
        worker, self._worker = self._worker, None
        self.is_scheduled = False
        if worker is not None:
            worker.stop()
        super()._finish(reason)

    def kill(self, reason: ExitReason = KILLED) -> None:
        """A thread cannot be killed: it is left behind, counted, and told to go when it returns."""
        if self.phase in (Phase.RUNNING, Phase.STARTING) and self.in_hand is not None:
            self.system.zombies += 1
            envelope, self.in_hand = self.in_hand, None
            if not isinstance(envelope.message, Signal | ExitReason):
                self._poison(envelope, asyncio.CancelledError())
            self.life += 1
            self._finish(reason)
            return
        super().kill(reason)


class Worker:
    """One daemon thread that runs one piece of work at a time and reports to the loop."""

    def __init__(self, name: str, report: Callable[[Callable[[], None]], None]) -> None:
        self._work: queue.SimpleQueue[tuple[Callable[[], object], Report] | None]
        self._work = queue.SimpleQueue()
        self._report = report
        threading.Thread(target=self._loop, name=name, daemon=True).start()

    def submit(self, call: Callable[[], object], report: Report) -> None:
        """Run `call` on the thread, then `report(result, error)` on the loop."""
        self._work.put((call, report))

    def stop(self) -> None:
        """End the thread after the work it has."""
        self._work.put(None)

    def _loop(self) -> None:
        while (item := self._work.get()) is not None:
            call, report = item
            result: object = None
            failure: BaseException | None = None
            try:
                result = call()
            except BaseException as error:  # noqa: BLE001 - the kernel's receive loop
                failure = error
            self._report(_bound(report, result, failure))


Report = Callable[[object, BaseException | None], None]


def _bound(report: Report, result: object, error: BaseException | None) -> Callable[[], None]:
    return lambda: report(result, error)


async def _settled(value: object) -> object:
    """Await what a hook or a proxied method returned, if that is how it is written."""
    return await value if inspect.isawaitable(value) else value
