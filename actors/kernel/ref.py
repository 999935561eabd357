"""Where messages are sent: a stable address that survives restarts of what answers there."""

from __future__ import annotations

import weakref
from collections.abc import Awaitable
from threading import get_ident
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, overload

import pykka

from actors.kernel.dead_letter import Loss
from actors.kernel.envelope import Envelope
from actors.kernel.errors import ActorStopped, AskTimedOut, WouldBlock
from actors.kernel.future import AskFuture
from actors.kernel.phase import CLOSED

if TYPE_CHECKING:
    from actors.kernel.cell import Cell

M_contra = TypeVar("M_contra", contravariant=True)


class StopFlag:
    """Pykka's `actor_stopped`, answered by the cell: set only when the actor ends for good."""

    __slots__ = ("_cell",)

    def __init__(self, cell: Cell) -> None:
        self._cell = cell

    def is_set(self) -> bool:
        """Whether the actor has ended for good."""
        return self._cell.is_closed


class WeakProxy(pykka.ActorProxy[Any]):
    """Pykka's proxy, except that it does not keep the actor's state alive."""

    @property
    def _actor(self) -> Any:
        return self.actor_ref._actor_weakref()

    @_actor.setter
    def _actor(self, actor: Any) -> None:
        """Take what Pykka's constructor assigns and forget it."""

    def __getattr__(self, name: str) -> Any:
        """See Pykka; what it makes for a traversable attribute would hold the actor."""
        found = super().__getattr__(name)
        if type(found) is pykka.ActorProxy:
            path = (*self._attr_path, name)
            found = self._actor_proxies[path] = WeakProxy(actor_ref=self.actor_ref, attr_path=path)
        return found


class ActorRef(pykka.ActorRef[Any], Generic[M_contra]):
    """The address of one actor; `M` is the union of messages that it takes.

    `tell`, `ask`, `stop` and `proxy` have Pykka's signatures and meaning. All methods may be
    called from any thread.
    """

    __slots__ = ("cell",)

    def __init__(self, cell: Cell) -> None:
        # Not super().__init__(): what Pykka copies out of an actor here belongs to the cell,
        # so that a restart in place keeps every ref valid.
        self.cell = cell

    # --- Pykka's fields, answered by the cell -------------------------------------------------

    @property
    def actor_class(self) -> Any:  # type: ignore[override]  # Pykka has a plain attribute
        """The class of the actor."""
        return self.cell.actor_class

    @property
    def actor_urn(self) -> str:  # type: ignore[override]  # Pykka has a plain attribute
        """The actor's name in its system, unique for the life of the system."""
        return self.cell.urn

    @property
    def actor_inbox(self) -> Any:  # type: ignore[override]  # Pykka has a plain attribute
        """The mailbox, in Pykka's form: `put`, `get`, `empty`."""
        return self.cell

    @property
    def actor_stopped(self) -> Any:  # type: ignore[override]  # Pykka has a plain attribute
        """Pykka's flag: set once the actor has ended for good."""
        return StopFlag(self.cell)

    @property
    def _actor_weakref(self) -> Any:  # type: ignore[override]  # Pykka has a plain attribute
        actor = self.cell.behaviour
        return (lambda: None) if actor is None else weakref.ref(actor)

    def __repr__(self) -> str:
        return f"<ActorRef {self}>"

    def __str__(self) -> str:
        return f"{self.cell.actor_class.__name__} ({self.cell.urn})"

    def is_alive(self) -> bool:
        """Whether messages are still taken; True between a crash and a restart."""
        return self.cell.phase is not CLOSED

    # --- sending --------------------------------------------------------------------------------

    def tell(self, message: M_contra) -> None:
        """Send and go on. A refused message is a dead letter, not an error of the sender.

        Raises:
            ActorStopped: the actor has ended, or was asked to stop (a `pykka.ActorDeadError`).
        """
        cell = self.cell
        if cell.is_sealed:
            cell.lost(Loss.CLOSED, message)
            raise ActorStopped(f"{self} has stopped")
        cell.post(message)

    @overload
    def offer(self, message: M_contra) -> bool: ...

    @overload
    def offer(self, message: M_contra, timeout_s: float) -> Awaitable[bool]: ...

    def offer(self, message: M_contra, timeout_s: float | None = None) -> bool | Awaitable[bool]:
        """Send and learn whether the message was taken; never raises for a dead or full actor.

        With `timeout_s` the result is awaited: up to that many seconds it waits for room, which
        is the form that gives back-pressure. Loop's thread only.
        """
        cell = self.cell
        if timeout_s is not None:
            return cell.offer_later(message, timeout_s)
        if cell.is_sealed:
            cell.lost(Loss.CLOSED, message)
            return False
        return cell.post(message)

    @overload
    def ask(
        self, message: M_contra, *, block: Literal[False], timeout: float | None = None
    ) -> AskFuture: ...

    @overload
    def ask(
        self, message: M_contra, *, block: Literal[True] = True, timeout: float | None = None
    ) -> Any: ...

    @overload
    def ask(
        self, message: M_contra, *, block: bool = True, timeout: float | None = None
    ) -> Any: ...

    def ask(self, message: M_contra, *, block: bool = True, timeout: float | None = None) -> Any:
        """Send and get the answer: a future, or with `block` (foreign threads only) the value.

        There is always a deadline: `timeout` seconds, else the system's default, and never later
        than the deadline of the message that the asking handler has in hand.

        Raises:
            WouldBlock: `block` on the loop's own thread.
            ActorStopped, ActorHeld, MailboxFull, AskTimedOut: when the answer is taken.
        """
        system = self.cell.system
        if get_ident() == system.thread_id:
            if block:
                raise WouldBlock("ask(block=True) on the event loop; await ask(..., block=False)")
            return self._ask(message, timeout)
        future = AskFuture(system)
        if not system.call_soon_threadsafe(lambda: self._ask(message, timeout, future)):
            future.resolve(None, ActorStopped(f"{self} has stopped with its loop"))
        if block:
            # Bounded here as well: a loop that ends meanwhile answers nobody.
            return future.get(timeout=system.ask_timeout_s if timeout is None else timeout)
        return future

    def _ask(
        self, message: object, timeout: float | None, future: AskFuture | None = None
    ) -> AskFuture:
        cell = self.cell
        system = cell.system
        if future is None:
            future = AskFuture(system)
        sender = system.current_cell()
        now_s = system.clock.now_s()
        deadline_s = now_s + (system.ask_timeout_s if timeout is None else timeout)
        trace = None
        if sender is not None and (in_hand := sender.in_hand) is not None:
            trace = in_hand.trace
            if in_hand.deadline_s is not None and in_hand.deadline_s < deadline_s:
                deadline_s = in_hand.deadline_s
        if deadline_s <= now_s:
            future.resolve(None, AskTimedOut("the deadline of the asking handler has passed"))
            return future
        if cell.is_sealed:
            system.dead_letters.record(Loss.CLOSED, cell.name, message)
            future.resolve(None, ActorStopped(f"{self} has stopped"))
            return future
        future.expire_at(deadline_s)
        cell.accept(Envelope(message, future, deadline_s, sender, trace))
        return future

    # --- ending ---------------------------------------------------------------------------------

    @overload
    def stop(self, *, block: Literal[True], timeout: float | None = None) -> bool: ...

    @overload
    def stop(self, *, block: Literal[False], timeout: float | None = None) -> AskFuture: ...

    @overload
    def stop(self, *, block: bool = True, timeout: float | None = None) -> Any: ...

    def stop(self, *, block: bool = True, timeout: float | None = None) -> Any:
        """Let the queued mail be handled, then end (Pykka's stop); from here on it takes no more.

        Returns True when this call, or an earlier one, ends a live actor; False when it was dead.

        Raises:
            WouldBlock: `block` on the loop's own thread.
        """
        system = self.cell.system
        if system.is_loop_thread():
            if block:
                raise WouldBlock("stop(block=True) on the event loop; await stop(block=False)")
            return self._stop_on_loop(AskFuture(system))
        future = AskFuture(system)
        if not system.call_soon_threadsafe(lambda: self._stop_on_loop(future)):
            future.resolve(False)
        return bool(future.get(timeout=timeout)) if block else future

    def _stop_on_loop(self, future: AskFuture) -> AskFuture:
        cell = self.cell
        if cell.is_closed:
            future.resolve(False)
            return future
        cell.on_closed(lambda: future.resolve(True))
        cell.ask_to_stop()
        return future

    def shut_down(self, grace_s: float) -> None:
        """Send `Shutdown`: end before the queued mail, within `grace_s` seconds, or be killed."""
        cell = self.cell
        cell.system.on_loop(lambda: cell.shut_down(cell.system.clock.now_s() + grace_s))

    def kill(self) -> None:
        """End it now; a handler that awaits is cancelled."""
        cell = self.cell
        cell.system.on_loop(cell.kill)

    def proxy(self) -> Any:
        """Return Pykka's proxy for the actor; it does not keep the actor's state alive.

        Raises:
            pykka.ActorDeadError: the actor has ended.
        """
        if not self.is_alive():
            raise ActorStopped(f"{self} has stopped")
        return WeakProxy(actor_ref=self)
