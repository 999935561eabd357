"""The house in which the traps are set, and the kernel as one; `naive.py` holds the other."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Protocol, TypeVar

from actors.kernel.actor import LoopActor, ThreadActor
from actors.kernel.child_spec import ChildSpec, Restart
from actors.kernel.interceptor import Delay, Interceptor
from actors.kernel.mailbox import MailboxSpec
from actors.kernel.ref import ActorRef
from actors.kernel.system import ActorSystem
from actors.testing.manual_clock import ManualClock
from tests.unit.kernel_stage import Keeper

T = TypeVar("T")

WAIT_S = 3.0
"""How long anything may take that must not hang: generous, for nothing of ours does."""

NAIVE_WAIT_S = 0.3
"""The same where it will hang: every trap costs this much time."""

ROOM_MAX = 1000


class Gate:
    """Where a handler waits on its thread until a test lets it go on."""

    def __init__(self) -> None:
        self._entered = threading.Event()
        self._opened = threading.Event()

    def enter(self) -> bool:
        """Wait, but not for ever: say whether it was opened."""
        self._entered.set()
        return self._opened.wait(2 * NAIVE_WAIT_S)

    def open(self) -> None:
        """Let go on who waits."""
        self._opened.set()

    def await_entered(self) -> None:
        """Return once somebody waits at the gate."""
        assert self._entered.wait(WAIT_S), "nobody came"


def in_time(house: House, call: Callable[[], T]) -> T:
    """Call it on a thread that nobody waits for, and fail if it does not return in time."""
    outcome: list[tuple[T | None, Exception | None]] = []
    returned = threading.Event()

    def run() -> None:
        try:
            outcome.append((call(), None))
        except Exception as error:  # noqa: BLE001 - it is raised again where it was wanted
            outcome.append((None, error))
        returned.set()

    threading.Thread(target=run, daemon=True).start()
    assert returned.wait(house.wait_s), "it hangs"
    result, error = outcome[0]
    if error is not None:
        raise error
    return result  # type: ignore[return-value]  # there was no error, so there is a result


class House(Protocol):
    """Where a trap is set. Refs and futures are Pykka's in form, whatever is behind them."""

    wait_s: float

    def start(
        self,
        behaviour: type,
        *args: Any,
        room: int | None = None,
        slow_mail: bool = False,
        blocking: bool = False,
        no_thread: bool = False,
    ) -> Any:
        """Start an actor with this behaviour; with `room`, its mailbox has a bound."""

    def keep(self, behaviour: type, *args: Any, blocking: bool = False) -> Any:
        """Start an actor that is started again whenever it fails; return its ref."""

    def kill(self, ref: Any) -> None:
        """End an actor by the strongest means there is."""

    def pass_time(self, seconds: float) -> None:
        """Let deadlines and graces pass, as far as there are any."""

    def lost(self) -> int:
        """How many messages are known to be lost."""

    def on_loss(self, hear: Callable[[], object]) -> None:
        """Call `hear` with every message that a full mailbox refuses."""

    def run(self, scene: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run code on the event loop."""

    def stop_all(self) -> None:
        """End everything in an orderly way."""

    def close(self) -> None:
        """Clean up after the test, whatever its outcome was."""


class LoopThread:
    """An event loop on a daemon thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(lambda *_: None)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self.loop.run_forever()
        self.loop.close()

    def run(self, scene: Callable[[], Coroutine[Any, Any, T]]) -> T:
        return asyncio.run_coroutine_threadsafe(scene(), self.loop).result(WAIT_S)

    def call(self, act: Callable[[], T]) -> T:
        async def scene() -> T:
            return act()

        return self.run(scene)

    def close(self) -> None:
        async def end() -> None:
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=NAIVE_WAIT_S) if tasks else None
            self.loop.stop()

        asyncio.run_coroutine_threadsafe(end(), self.loop)
        self._thread.join(WAIT_S)


# --- ours -------------------------------------------------------------------------------------


class SlowMail(Interceptor):
    """Holds everything up on its way into the mailbox."""

    def sending(self, cell: Any, envelope: Any) -> Delay:
        return Delay(1.0)


def _no_thread(name: str) -> Any:
    raise RuntimeError("can't start new thread")


class OurHouse:
    """The kernel, on a clock that stands still."""

    wait_s = WAIT_S

    def __init__(self) -> None:
        self._thread = LoopThread()
        self._clock = ManualClock()
        self._systems: list[ActorSystem] = []
        self._hears: list[Callable[[], object]] = []

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
        system = self._system((SlowMail(),) if slow_mail else (), _no_thread if no_thread else None)
        spec = self._spec(behaviour, args, Restart.TEMPORARY, room or ROOM_MAX, blocking)
        return self._thread.call(lambda: system.spawn(spec))

    def keep(self, behaviour: type, *args: Any, blocking: bool = False) -> Any:
        """See `House.keep`."""
        system = self._system()
        spec = self._spec(behaviour, args, Restart.PERMANENT, ROOM_MAX, blocking)
        self._thread.call(lambda: system.spawn(ChildSpec(start=partial(Keeper, spec, []))))
        return system.cells()[-1].ref

    def _spec(
        self, behaviour: type, args: tuple[Any, ...], restart: Restart, room: int, blocking: bool
    ) -> ChildSpec[Any]:
        base = ThreadActor if blocking else LoopActor
        actor = type(behaviour.__name__, (behaviour, base), {})
        mailbox = MailboxSpec(messages_max=room)
        return ChildSpec(start=partial(actor, *args), restart=restart, mailbox=mailbox)

    def _system(
        self, interceptors: tuple[Interceptor, ...] = (), start_worker: Any = None
    ) -> ActorSystem:
        system = self._thread.call(
            lambda: ActorSystem(
                clock=self._clock, interceptors=interceptors, start_worker=start_worker
            )
        )
        system.dead_letters.subscribe(lambda *_: [hear() for hear in self._hears])
        self._systems.append(system)
        return system

    def kill(self, ref: ActorRef[Any]) -> None:
        """See `House.kill`."""
        ref.kill()

    def pass_time(self, seconds: float) -> None:
        """See `House.pass_time`."""
        self._thread.call(lambda: self._clock.advance(seconds))

    def lost(self) -> int:
        """See `House.lost`."""
        return sum(sum(system.dead_letters.by_reason.values()) for system in self._systems)

    def on_loss(self, hear: Callable[[], object]) -> None:
        """See `House.on_loss`."""
        self._hears.append(hear)

    def run(self, scene: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """See `House.run`."""
        return self._thread.run(scene)

    def stop_all(self) -> None:
        """See `House.stop_all`."""
        for system in self._systems:
            self._thread.run(system.stop)

    def close(self) -> None:
        """See `House.close`."""
        for system in self._systems:
            for cell in system.cells():
                self._thread.call(cell.kill)
        self._thread.close()


async def ticks(count: int, then: Callable[[], object]) -> None:
    """Let the loop turn `count` times, then call `then`."""
    for _ in range(count):
        await asyncio.sleep(0)
    then()
