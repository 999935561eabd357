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
from collections.abc import Callable, Coroutine
from contextvars import Context
from enum import Enum
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from pykka.messages import _ActorStop

from actors.kernel.cell import (
    ALIVE,
    PYKKA_MESSAGES,
    RUNTIME_SIGNALS,
    TURN_MESSAGES_MAX,
    Cell,
)
from actors.kernel.envelope import Envelope, SignalEnvelope
from actors.kernel.lanes import current
from actors.kernel.phase import ENDING, RUNNING, STARTING
from actors.kernel.signals import KILLED, NORMAL, Crashed, ExitReason, Killed, Poisoned, Signal

if TYPE_CHECKING:
    from actors.kernel.child_spec import ChildSpec
    from actors.kernel.system import ActorSystem, WorkerThread


class Later(Enum):
    """What a plain `on_start` returns when `become_ready` will follow."""

    LATER = "later"


LATER = Later.LATER


class LoopCell(Cell):
    """What the two kinds of cell that live on the loop have in common."""

    __slots__ = ()

    def _begin(self) -> None:
        """Run a plain `on_start` to its end."""
        behaviour, system = self.behaviour, self.system
        assert behaviour is not None, "a life begins with a behaviour"
        before, system.running = system.running, self
        try:
            outcome = behaviour.on_start()
        finally:
            system.running = before
        if outcome is LATER:
            self._limit_start()
        self._has_started(is_ready=outcome is not LATER)


class SoonCell(LoopCell):
    """Handlers run to their end inside one loop callback."""

    __slots__ = ()

    def wake(self) -> None:
        """See `Cell.wake`."""
        if not self.is_scheduled and self.phase is RUNNING and self._paused is None:
            self.is_scheduled = True
            turns = self.system.turns
            turns.waiting.append(self._drain)
            if not turns.is_planned:
                turns.begin()

    def _drain(self) -> None:
        """Handle what waits, signals first, a bounded number of messages a turn."""
        left = TURN_MESSAGES_MAX
        system = self.system
        system.running = self
        try:
            while self.phase is RUNNING and self._paused is None:
                if signals := self.signals:
                    self._deliver_signal(signals.popleft())
                elif not self.queue or not self.is_ready:
                    break
                elif left:
                    left -= 1
                    self._deliver(self._pop())
                else:
                    system.turns.plan(self._drain)
                    return
                if not self.queue and not self.signals:
                    break  # Nearly always; all that stands above need not be asked again.
        except BaseException:
            # Not the handler: that is caught below. Loud, but the actor goes on.
            self.in_hand = None
            self.is_scheduled = False
            if self.queue or self.signals:
                self.wake()
            raise
        finally:
            system.running = None
        self.is_scheduled = False
        if self.receive_timeout is not None:
            self.receive_timeout.turn_ended()

    def _deliver(self, envelope: Envelope) -> None:
        if envelope.reply_to is not None and self._expired(envelope):
            return
        message = envelope.message
        self.in_hand = envelope
        behaviour = self.behaviour
        assert behaviour is not None, "a running cell has a behaviour"
        try:
            if self.system.hooks.receiving and (pause_s := self._intercept_receive(envelope)) > 0:
                self.in_hand = None
                self._pause(envelope, pause_s)
                return
            if type(message) in PYKKA_MESSAGES:
                if type(message) is _ActorStop:
                    self.in_hand = None
                    self.end(NORMAL)
                    return
                result = _not_awaitable(behaviour.handle_pykka(message))
            else:
                result = behaviour.receive(message)
        except BaseException as error:  # noqa: BLE001 - the kernel's receive loop
            self._failed(envelope, error)
        else:
            self._handled(envelope, result)

    def _deliver_signal(self, signal: Signal) -> None:
        if type(signal) in RUNTIME_SIGNALS:
            if self._take_signal(signal):
                return
            hear: Callable[[Any], object] = self._hear
        else:
            behaviour = self.behaviour
            assert behaviour is not None, "a running cell has a behaviour"
            hear = self._hear if type(signal) is Poisoned else behaviour.receive
        self.in_hand = SignalEnvelope(signal)
        try:
            hear(signal)
        except BaseException as error:  # noqa: BLE001 - the kernel's receive loop
            self._failed(None, error)
        else:
            self.in_hand = None
            if self._pending_exit is not None:
                self.end(self._pending_exit)


class TaskCell(LoopCell):
    """Handlers may await; one task at a time, and none while nothing waits."""

    __slots__ = ("_task",)

    def __init__(
        self, system: ActorSystem, spec: ChildSpec[Any], parent: Cell | None, number: int
    ) -> None:
        super().__init__(system, spec, parent, number)
        self._task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """See `Cell.wake`."""
        if self._task is None and self.phase is RUNNING and self._paused is None:
            self._spawn_task(self._run(self.generation))

    def _spawn_task(self, coroutine: Any) -> None:
        # An empty context: a handler inherits neither deadline nor trace of who woke it.
        self._task = self.system.loop.create_task(coroutine, context=Context())
        self.is_scheduled = True

    def _begin(self) -> None:
        behaviour = self.behaviour
        assert behaviour is not None, "a life begins with a behaviour"
        if behaviour.awaits_start:
            self._spawn_task(self._start(self.generation))
            self._limit_start()
        else:
            # Nothing to await: it is over when the spawn returns, as with a plain `receive`.
            super()._begin()

    async def _start(self, generation: int) -> None:
        current.set(self)
        behaviour = self.behaviour
        assert behaviour is not None, "a life begins with a behaviour"
        try:
            await _settled(behaviour.on_start())
        except asyncio.CancelledError:
            self._ended(generation, self._pending_exit or KILLED)
            return
        except BaseException as error:
            if self._is_torn_down(error):
                raise
            if isinstance(error, KeyboardInterrupt):
                self.system.interrupted()
            self._ended(generation, Crashed(error))
            return
        if self.generation != generation:
            return
        self._task = None
        self.is_scheduled = False
        self._has_started(is_ready=False)
        self.become_ready()

    def _is_torn_down(self, error: BaseException) -> bool:
        """Whether the coroutine is being closed with its loop: then nothing may be awaited."""
        task = self._task
        return isinstance(error, GeneratorExit) and (
            task is None or asyncio.current_task(self.system.loop) is not task
        )

    def _ended(self, generation: int, reason: ExitReason) -> None:
        """The task's last word about its life; void when the life was abandoned."""
        if self.generation == generation:
            self._finish(reason)

    def _finish(self, reason: ExitReason) -> None:
        if self.phase in ALIVE:
            self._task = None
            self.is_scheduled = False
        super()._finish(reason)

    async def _run(self, generation: int) -> None:
        current.set(self)
        left = TURN_MESSAGES_MAX
        try:
            while self.generation == generation and self.phase is RUNNING and self._paused is None:
                if self.signals:
                    await self._deliver_signal(self.signals.popleft(), generation)
                elif not self.queue or not self.is_ready:
                    break
                elif left == 0:
                    left = TURN_MESSAGES_MAX
                    await asyncio.sleep(0)
                else:
                    left -= 1
                    await self._deliver(self._pop(), generation)
        except asyncio.CancelledError:
            if self.generation == generation and self.in_hand is not None:
                self._cut_short(self.in_hand)
            self._ended(generation, self._pending_exit or KILLED)
        except Exception:
            # Not the handler: that is caught below. Loud, but the actor goes on.
            self._rest(generation)
            raise
        else:
            self._rest(generation)

    def _rest(self, generation: int) -> None:
        """The task ends; there will be another one when something comes in."""
        task = self._task
        if self.generation == generation and task is asyncio.current_task(self.system.loop):
            self._task = None
            self.in_hand = None
            self.is_scheduled = False
            if self.receive_timeout is not None:
                self.receive_timeout.turn_ended()
            if self.queue or self.signals:
                self.wake()

    async def _deliver(self, envelope: Envelope, generation: int) -> None:
        if envelope.reply_to is not None and self._expired(envelope):
            return
        message = envelope.message
        self.in_hand = envelope
        behaviour = self.behaviour
        assert behaviour is not None, "a running cell has a behaviour"
        try:
            if self.system.hooks.receiving and (pause_s := self._intercept_receive(envelope)) > 0:
                self.in_hand = None
                self._pause(envelope, pause_s)
                return
            handle = behaviour.receive
            if type(message) in PYKKA_MESSAGES:
                if type(message) is _ActorStop:
                    self.in_hand = None
                    await self._stop(NORMAL, generation)
                    return
                handle = behaviour.handle_pykka
            result = handle(message)
            if isinstance(result, CoroutineType):
                result = await result
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            if self._is_torn_down(error):
                raise
            if self.generation == generation:
                self._failed(envelope, error)
        else:
            if self.generation == generation:
                self._handled(envelope, result)
            else:
                self._handled_too_late(envelope, result)

    async def _deliver_signal(self, signal: Signal, generation: int) -> None:
        if type(signal) in RUNTIME_SIGNALS and self._take_signal(signal):
            return
        self.in_hand = SignalEnvelope(signal)
        try:
            await _settled(self._hear(signal))
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            if self._is_torn_down(error):
                raise
            if self.generation == generation:
                self._failed(None, error)
        else:
            if self.generation != generation:
                return
            self.in_hand = None
            if self._pending_exit is not None:
                self.end(self._pending_exit)

    async def _stop(self, reason: ExitReason, generation: int) -> None:
        """End normally; an `async def on_stop` is awaited."""
        behaviour = self.behaviour
        assert behaviour is not None, "a life that ends has a behaviour"
        self.phase = ENDING
        try:
            await _settled(behaviour.on_stop())
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            if self._is_torn_down(error):
                raise
            self.system.hook_failed(self, error)
            reason = Crashed(error)
        self._ended(generation, reason)

    def end(self, reason: ExitReason) -> None:
        """See `Cell.end`; hooks that await run in a task, within the kill timer's bound."""
        is_calm = not isinstance(reason, Crashed | Killed)
        if is_calm and self.phase is RUNNING and self.actor_class.awaits_stop:
            self.is_sealed = True
            self.phase = ENDING
            self._spawn_task(self._stop_in_task(self.generation, reason))
            return
        super().end(reason)

    async def _stop_in_task(self, generation: int, reason: ExitReason) -> None:
        current.set(self)
        try:
            await self._stop(reason, generation)
        except asyncio.CancelledError:
            self._ended(generation, self._pending_exit or KILLED)

    def _cancel_handler(self) -> bool:
        task = self._task
        if task is None or task.done():
            return False
        task.cancel()
        # Cancelled before its first step a coroutine never runs, so it could not report back.
        return inspect.getcoroutinestate(_coroutine(task)) != inspect.CORO_CREATED

    def _may_end_here(self) -> bool:
        return self._task is not None or super()._may_end_here()

    def _abandon_handler(self) -> None:
        # What is left of the task sees a newer generation when it ends, and says nothing.
        system, task = self.system, self._task
        assert task is not None, "only a task that was cancelled is given up"
        task.add_done_callback(lambda _: system.zombie_ended())


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
        if not self.is_scheduled and self.phase is RUNNING and self._paused is None:
            self.is_scheduled = True
            self.system.loop.call_soon(self._step, context=self.system.context)

    def _begin(self) -> None:
        behaviour = self.behaviour
        assert behaviour is not None, "a life begins with a behaviour"
        self._worker = self.system.start_worker(f"{self.name}#{self.life}")
        self.is_scheduled = True
        generation = self.generation
        self._worker.submit(
            lambda: self._guarded(behaviour.on_start),
            lambda _, error: self._start_done(generation, error),
        )
        self._limit_start()

    def _guarded(self, call: Callable[[], object]) -> object:
        current.set(self)
        return call()

    def _start_done(self, generation: int, error: BaseException | None) -> None:
        if self.generation != generation:
            self.system.zombie_ended()
            return
        self.is_scheduled = False
        if error is not None:
            if isinstance(error, KeyboardInterrupt):
                self.system.interrupted()
            self._finish(Crashed(error))
            return
        self._has_started(is_ready=False)
        self.become_ready()

    def _step(self) -> None:
        """Give the thread the next piece of work; its end plans the next step."""
        self.is_scheduled = False
        while self.phase is RUNNING and self._paused is None and self.in_hand is None:
            if self.signals:
                signal = self.signals.popleft()
                if self._take_signal(signal):
                    continue
                self._submit(SignalEnvelope(signal), self._call_for(signal))
            elif self.queue:
                envelope = self._pop()
                if envelope.reply_to is not None and self._expired(envelope):
                    continue
                if type(envelope.message) is _ActorStop:
                    self.end(NORMAL)
                elif self._may_start(envelope):
                    self._submit(envelope, self._call_for_mail(envelope.message))
            else:
                if self.receive_timeout is not None:
                    self.receive_timeout.turn_ended()
                return

    def _call_for_mail(self, message: object) -> Callable[[], object]:
        behaviour = self.behaviour
        assert behaviour is not None, "a running cell has a behaviour"
        if type(message) in PYKKA_MESSAGES:
            return lambda: behaviour.handle_pykka(message)
        return lambda: behaviour.receive(message)

    def _may_start(self, envelope: Envelope) -> bool:
        if not self.system.hooks.receiving:
            return True
        try:
            pause_s = self._intercept_receive(envelope)
        except BaseException as error:  # noqa: BLE001 - an injected crash stands for the handler's
            self._failed(envelope, error)
            return False
        if pause_s > 0:
            self._pause(envelope, pause_s)
            return False
        return True

    def _submit(self, envelope: Envelope, call: Callable[[], object]) -> None:
        self.in_hand = envelope
        self.is_scheduled = True
        worker, generation = self._worker, self.generation
        assert worker is not None, "a running thread cell has a worker"
        worker.submit(
            lambda: self._guarded(call),
            lambda result, error: self._done(generation, envelope, result, error),
        )

    def _done(
        self, generation: int, envelope: Envelope, result: object, error: BaseException | None
    ) -> None:
        if self.generation != generation:
            self.system.zombie_ended()
            if error is None:
                self._handled_too_late(envelope, result)
            return
        self.is_scheduled = False
        is_mail = not isinstance(envelope, SignalEnvelope)
        if error is not None:
            self._failed(envelope if is_mail else None, error)
        elif is_mail:
            self._handled(envelope, result)
        else:
            self.in_hand = None
            if self._pending_exit is not None:
                self.end(self._pending_exit)
        if self.queue or self.signals:
            self.wake()
        elif self.receive_timeout is not None:
            self.receive_timeout.turn_ended()

    def end(self, reason: ExitReason) -> None:
        """See `Cell.end`; the hooks run on the thread, like everything of this actor."""
        worker, generation = self._worker, self.generation
        if self.phase is not RUNNING:
            return
        if worker is None or isinstance(reason, Killed):
            self._finish(reason)
            return
        self.phase = ENDING
        self.is_sealed = True
        self.is_scheduled = True
        self.in_hand = SignalEnvelope(reason)
        ended: list[ExitReason] = [reason]

        def hooks() -> None:
            ended[0] = self._run_hooks(reason)

        def done(_: object, error: BaseException | None) -> None:
            if self.generation != generation:
                self.system.zombie_ended()
            else:
                self._finish(ended[0] if error is None else Crashed(error))

        worker.submit(lambda: self._guarded(hooks), done)

    def _finish(self, reason: ExitReason) -> None:
        if self.phase in ALIVE:
            worker, self._worker = self._worker, None
            self.is_scheduled = False
            if worker is not None:
                worker.stop()
        super()._finish(reason)

    def kill(self, reason: ExitReason = KILLED) -> None:
        """A thread cannot be killed: it is left behind, counted, and told to go when it returns."""
        is_starting = self.phase is STARTING and self._worker is not None
        if is_starting or (self.phase in ALIVE and self.in_hand is not None):
            self._give_up_on(reason)
        else:
            super().kill(reason)


class Worker:
    """One daemon thread that runs one piece of work at a time and reports to the loop."""

    def __init__(self, name: str, report: Callable[[Callable[[], None]], object]) -> None:
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
            # An idle thread must not keep the last message, or the actor, alive.
            del item, call, report, result, failure


Report = Callable[[object, BaseException | None], None]


def _bound(report: Report, result: object, error: BaseException | None) -> Callable[[], None]:
    return lambda: report(result, error)


def _not_awaitable(value: object) -> object:
    """Refuse what only an `async def receive` could wait for."""
    if inspect.iscoroutine(value):
        value.close()
        raise TypeError("an async method needs an actor whose receive is async as well")
    return value


def _coroutine(task: asyncio.Task[None]) -> Coroutine[Any, Any, None]:
    coroutine = task.get_coro()
    assert inspect.iscoroutine(coroutine), "the task was made of a coroutine"
    return coroutine


async def _settled(value: object) -> object:
    """Await what a hook or a proxied method returned, if that is how it is written."""
    return await value if inspect.isawaitable(value) else value
