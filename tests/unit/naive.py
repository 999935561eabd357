"""What one gets by using Pykka and asyncio as they come, in the form of a `House`.

It is no straw man: threads are `pykka.ThreadingActor` as in its manual, and the asyncio actor is
Pykka's own loop with `await` put before the calls.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import queue
import threading
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

import pykka

from tests.unit.house import NAIVE_WAIT_S, LoopThread

T = TypeVar("T")


class NaiveThreadActor(pykka.ThreadingActor):
    """A thread actor as the manual shows it."""

    inbox: Callable[[], Any] = queue.Queue
    has_thread = True

    def on_receive(self, message: Any) -> Any:
        receive = getattr(self, "receive", None)
        return super().on_receive(message) if receive is None else receive(message)

    def _create_actor_inbox(self) -> Any:  # type: ignore[override]  # Pykka calls it on self
        return type(self).inbox()

    def _start_actor_loop(self) -> None:
        if not self.has_thread:
            raise RuntimeError("can't start new thread")
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        # The thread dies of it either way; pytest need not hear about that as well.
        with contextlib.suppress(queue.Full):
            self._actor_loop()


class SlowInbox(queue.Queue[Any]):
    """Who sends a "ping" is held up between the look at `is_alive` and the queue."""

    def put(self, item: Any, *args: Any, **kwargs: Any) -> None:
        if item.message != "ping":
            super().put(item)
            return
        held_up = threading.Timer(NAIVE_WAIT_S / 2, super().put, (item,))
        held_up.daemon = True
        held_up.start()


class LockedInbox(queue.Queue[Any]):
    """Bounded, and reports what it refuses, under the lock that guards it."""

    def __init__(self, room: int, refused: Callable[[], object]) -> None:
        super().__init__()
        self._room = room
        self._refused = refused
        self._guard = threading.Lock()

    def put(self, item: Any, *args: Any, **kwargs: Any) -> None:
        with self._guard:
            if self.qsize() < self._room:
                super().put(item)
            else:
                self._refused()


class NaiveTaskActor:
    """Pykka's actor loop with `await` put before the calls."""

    def __init__(self, behaviour: Any) -> None:
        self._behaviour = behaviour
        self.inbox: asyncio.Queue[Any] = asyncio.Queue()  # noqa: TID251 - naive on purpose

    def begin(self) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(self._actor_loop())

    async def _actor_loop(self) -> None:
        while True:
            message, reply_to = await self.inbox.get()
            try:
                answer = await self._behaviour.receive(message)
            except BaseException as error:  # noqa: BLE001 - as Pykka's loop has it
                if (on_failure := getattr(self._behaviour, "on_failure", None)) is not None:
                    await on_failure(error)
                reply_to.set_exception((type(error), error, None))
                if not isinstance(error, Exception):
                    return
            else:
                reply_to.set(answer)


class NaiveTaskRef:
    """As much of a ref as the traps need."""

    def __init__(self, loop: asyncio.AbstractEventLoop, actor: NaiveTaskActor) -> None:
        self._loop = loop
        self._actor = actor

    def ask(self, message: Any, *, block: bool = True, timeout: float | None = None) -> Any:
        answer: pykka.ThreadingFuture[Any] = pykka.ThreadingFuture()
        self._loop.call_soon_threadsafe(self._actor.inbox.put_nowait, (message, answer))
        return answer.get(timeout=timeout) if block else answer


class NaiveHouse:
    """See the module docstring."""

    wait_s = NAIVE_WAIT_S

    def __init__(self) -> None:
        self._thread = LoopThread()
        self._hears: list[Callable[[], object]] = []
        self._cancels: dict[Any, Callable[[], object]] = {}

    def start(
        self,
        behaviour: type,
        *args: Any,
        room: int | None = None,
        slow_mail: bool = False,
        blocking: bool = False,
        no_thread: bool = False,
    ) -> Any:
        """See `House.start`."""
        if inspect.iscoroutinefunction(getattr(behaviour, "receive", None)):
            return self._start_task(behaviour, args)
        inbox: Callable[[], Any] = queue.Queue
        if room is not None:
            inbox = partial(queue.Queue, room)
            if self._hears:
                inbox = partial(LockedInbox, room, lambda: [hear() for hear in self._hears])
        fields = {"inbox": staticmethod(SlowInbox if slow_mail else inbox)}
        actor: Any = type(
            behaviour.__name__,
            (behaviour, NaiveThreadActor),
            {**fields, "has_thread": not no_thread, "__init__": _initialise(behaviour)},
        )
        return actor.start(*args)

    def _start_task(self, behaviour: type, args: tuple[Any, ...]) -> NaiveTaskRef:
        actor = self._thread.call(lambda: NaiveTaskActor(behaviour(*args)))
        ref = NaiveTaskRef(self._thread.loop, actor)
        # Not held: nothing in asyncio's manual page on queues says that it must be.
        cancel = self._thread.call(lambda: _weak_cancel(actor.begin()))
        self._cancels[ref] = cancel
        return ref

    def keep(self, behaviour: type, *args: Any, blocking: bool = False) -> Any:
        """Start it; its replacement would be another actor with another ref."""
        return self.start(behaviour, *args)

    def kill(self, ref: Any) -> None:
        """Cancel the task; for a thread there is nothing stronger than to ask it to stop."""
        if (cancel := self._cancels.get(ref)) is not None:
            self._thread.call(cancel)
        else:
            ref.stop(block=False)

    def pass_time(self, seconds: float) -> None:
        """There is nothing that a deadline would end."""

    def lost(self) -> int:
        """Nobody counts."""
        return 0

    def on_loss(self, hear: Callable[[], object]) -> None:
        """See `House.on_loss`."""
        self._hears.append(hear)

    def run(self, scene: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """See `House.run`."""
        return self._thread.run(scene)

    def stop_all(self) -> None:
        """See `House.stop_all`."""
        pykka.ActorRegistry.stop_all(timeout=NAIVE_WAIT_S)

    def close(self) -> None:
        """See `House.close`."""
        for ref in pykka.ActorRegistry.get_all():
            pykka.ActorRegistry.unregister(ref)
        self._thread.close()


def _initialise(behaviour: type) -> Callable[..., None]:
    def __init__(self: Any, *args: Any) -> None:  # noqa: N807 - it becomes one
        NaiveThreadActor.__init__(self)
        behaviour.__init__(self, *args)  # type: ignore[misc]  # the class is a base of self's

    return __init__


def _weak_cancel(task: asyncio.Task[None]) -> Callable[[], object]:
    loop, name = asyncio.get_running_loop(), task.get_name()

    def cancel() -> None:
        for each in asyncio.all_tasks(loop):
            if each.get_name() == name:
                each.cancel()

    return cancel
