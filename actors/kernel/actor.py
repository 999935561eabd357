"""The base of every actor: a `pykka.Actor` whose state lives and dies with one life.

An actor declares `receive`; it is what Pykka's `on_receive` calls. Everything below may be used
inside handlers and hooks. Constructors take what the actor needs and never call
`super().__init__()`: the cell has filled in Pykka's fields before.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Hashable
from threading import get_ident
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NoReturn, ParamSpec, TypeVar

import pykka

from actors.kernel.cell import Cell
from actors.kernel.child_spec import Restart
from actors.kernel.errors import KernelError
from actors.kernel.executors import SoonCell, TaskCell, ThreadCell
from actors.kernel.future import AskFuture, Reply
from actors.kernel.ref import ActorRef
from actors.kernel.signals import NORMAL, ExitReason, Poisoned

if TYPE_CHECKING:
    from actors.kernel.system import ActorSystem

M = TypeVar("M")
T = TypeVar("T")
P = ParamSpec("P")

# Bound once: in Python 3.11 a look at a member of an enum costs as much as a call.
_TEMPORARY = Restart.TEMPORARY

# How many pipes one actor may have under way.
PIPES_MAX = 1000


class Actor(pykka.Actor, Generic[M]):
    """State and handlers of one life. Use `LoopActor` or `ThreadActor`.

    Class attributes that a subclass may set:
        answers: errors that an ask gets as its answer, without the actor failing.
        handles_shutdown: hear `Shutdown` in `receive` and end by `exit` within the deadline.
        traps_exits: hear `LinkBroken` instead of ending with a linked actor.
    """

    answers: ClassVar[tuple[type[BaseException], ...]] = ()
    handles_shutdown: ClassVar[bool] = False
    traps_exits: ClassVar[bool] = False
    cell_class: ClassVar[type[Cell]]
    awaits_start: ClassVar[bool] = False
    awaits_stop: ClassVar[bool] = False
    has_end_hooks: ClassVar[bool] = False
    has_release: ClassVar[bool] = False

    _cell: Cell
    _actor_ref: ActorRef[M]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Note what a life of this class has to be asked for at its end."""
        super().__init_subclass__(**kwargs)
        cls.has_end_hooks = cls.on_stop is not Actor.on_stop
        cls.has_release = cls.release is not Actor.release

    def __init__(self) -> None:
        """Override freely; there is nothing to call."""

    def receive(self, message: M) -> object:
        """Handle one message. What is returned answers an ask."""
        raise NotImplementedError

    # --- hooks -----------------------------------------------------------------------------------

    def on_start(self) -> object:  # type: ignore[override]  # Pykka's returns nothing
        """Run before the first message of a life; raising fails the start."""
        return None

    def on_stop(self) -> object:  # type: ignore[override]  # Pykka's returns nothing
        """Run at an orderly end (stop, exit, shutdown), before `release`."""
        return None

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Run when a handler raised, before `release`."""

    def on_poisoned(self, notice: Poisoned) -> None:
        """Hear that a message of ours crashed its receiver and will not be handled."""

    def release(self) -> None:
        """Free what this life holds, whatever its end was: called exactly once, never waits."""

    # --- who and where ---------------------------------------------------------------------------

    @property
    def system(self) -> ActorSystem:
        """The system this actor lives in."""
        return self._cell.system

    @property
    def name(self) -> str:
        """Path of names from the root, for people."""
        return self._cell.name

    @property
    def parent(self) -> ActorRef[Any] | None:
        """The address of the actor's parent; None for a root."""
        parent = self._cell.parent
        return None if parent is None else parent.ref

    @property
    def life(self) -> int:
        """Which life this is: 1 at the first start."""
        return self._cell.life

    # --- ending ----------------------------------------------------------------------------------

    def exit(self, reason: ExitReason = NORMAL) -> None:
        """End after this handler; queued mail is refused. `stop()` would handle it first."""
        cell = self._cell
        if cell.behaviour is self and get_ident() == cell.system.thread_id:
            cell.exit(reason)
        else:
            self._carry_out(cell.exit, reason)

    def stop(self) -> None:
        """End once the queued mail is handled (Pykka's stop); harmless when repeated."""
        self._carry_out(self._cell.ask_to_stop)

    def refuse_restarts(self) -> None:
        """Turn temporary: whatever happens from here on, there is no next life."""
        self._cell.restart_wish = _TEMPORARY

    def _carry_out(self, act: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Act on the cell: on the loop, and only while this is its life.

        A handler that was left behind as a zombie must not touch the life after it.
        """
        cell = self._cell
        if get_ident() != cell.system.thread_id:
            cell.system.call_soon_threadsafe(lambda: self._carry_out(act, *args, **kwargs))
        elif cell.behaviour is self:
            act(*args, **kwargs)

    # --- answering -------------------------------------------------------------------------------

    def reply_later(self) -> Reply:
        """Take the answer of the message in hand into one's own hands.

        The handler's return value is then ignored. For a tell the reply is unwanted from the
        start, and setting it does nothing.
        """
        envelope = self._cell.in_hand
        assert envelope is not None, "reply_later() belongs in a handler"
        assert self._cell.behaviour is self, "this life is over; its message was answered"
        envelope.is_deferred = True
        return Reply(envelope.reply_to, self._cell.system, self._cell.name)

    # --- watching --------------------------------------------------------------------------------

    def monitor(self, ref: ActorRef[Any]) -> None:
        """Receive one `Terminated` when `ref` ends for good; at once (`NoProc`) if it has.

        Monitoring again changes nothing. The watch outlives a restart of this actor.
        """
        self._carry_out(self._cell.monitor, ref.cell)

    def demonitor(self, ref: ActorRef[Any]) -> None:
        """Stop watching `ref`."""
        self._carry_out(self._cell.demonitor, ref.cell)

    @property
    def monitored(self) -> tuple[ActorRef[Any], ...]:
        """Whom this actor, in whichever life, began to monitor and whose end is still to come.

        The oldest first. A life that follows a crash finds here what it was answerable for.
        """
        return self._cell.watched()

    def link(self, ref: ActorRef[Any]) -> None:
        """Tie two lives: when one ends abnormally, so does the other (OTP links)."""
        self._carry_out(self._cell.link, ref.cell)

    def unlink(self, ref: ActorRef[Any]) -> None:
        """Untie the two lives."""
        self._carry_out(self._cell.unlink, ref.cell)

    # --- time ------------------------------------------------------------------------------------

    def start_timer(self, key: Hashable, message: M, after_s: float) -> None:
        """Receive `message` in `after_s` seconds; replaces a timer with the same key.

        Timers end with the life that started them.
        """
        self._carry_out(self._cell.start_timer, key, message, after_s)

    def cancel_timer(self, key: Hashable) -> None:
        """Call a timer off, even one that has fired and waits; harmless when there is none."""
        if self._cell.timers is not None:
            self._carry_out(self._cell.cancel_timer, key)

    def set_receive_timeout(self, after_s: float | None, message: M | None = None) -> None:
        """Receive `message` after `after_s` seconds without mail, and again after as many more.

        Mail is what others send and what pipes bring back; signals and timers do not count.
        The silence begins when the last message has been handled. None ends it; so does the
        end of this life.
        """
        assert after_s is None or after_s > 0, "a silence has a length"
        self._carry_out(self._cell.set_receive_timeout, after_s, message)

    # --- work that takes long --------------------------------------------------------------------

    def pipe_to_self(
        self,
        work: Awaitable[T],
        done: Callable[[T], M],
        failed: Callable[[Exception], M] | None = None,
    ) -> None:
        """Do `work` beside the mailbox; its result comes back as the message `done(result)`.

        An error comes back as `failed(error)`; without `failed` it crashes this actor. The work
        ends with this life.

        Raises:
            KernelError: more than `PIPES_MAX` pieces of work are under way.
        """
        cell = self._cell
        is_over = cell.behaviour is not self
        if is_over or (cell.pipes is not None and len(cell.pipes) >= PIPES_MAX):
            if inspect.iscoroutine(work):
                work.close()
            reason = "is over" if is_over else f"has {PIPES_MAX} pipes under way"
            raise KernelError(f"this life of {self.name} {reason}")
        cell.system.on_loop(lambda: cell.system.pipe(cell, work, done, failed))

    # --- postponing ------------------------------------------------------------------------------

    def stash(self) -> None:
        """Put the message in hand aside until `unstash_all`; at most a mailbox full.

        Raises:
            KernelError: the stash is full.
        """
        cell = self._cell
        envelope = cell.in_hand
        assert envelope is not None, "stash() belongs in a handler"
        assert cell.behaviour is self, "this life is over; its message was answered"
        if cell.stash is None:
            cell.stash = []
        if len(cell.stash) >= cell.mailbox.messages_max:
            raise KernelError(f"the stash of {self.name} is full")
        # Its copy is what comes back; the one in hand counts as dealt with.
        copy = type(envelope)(
            envelope.message,
            envelope.reply_to,
            envelope.deadline_s,
            envelope.sender,
            envelope.trace,
        )
        copy.crashes = envelope.crashes
        cell.stash.append(copy)
        envelope.is_deferred = True

    def unstash_all(self) -> None:
        """Put everything that was stashed before the mail that waits, in its old order."""
        self._carry_out(self._cell.unstash)

    # --- Pykka -----------------------------------------------------------------------------------

    def bind(self, cell: Cell) -> None:
        """Fill in Pykka's fields; called by the cell before the constructor runs."""
        self._cell = cell
        self._actor_ref = cell.ref

    @property
    def actor_urn(self) -> str:  # type: ignore[override]  # Pykka has a plain attribute
        """Pykka's name of the actor."""
        return self._cell.urn

    @property
    def actor_inbox(self) -> Any:  # type: ignore[override]  # Pykka has a plain attribute
        """The mailbox in Pykka's form."""
        return self._cell

    @property
    def actor_stopped(self) -> Any:  # type: ignore[override]  # Pykka has a plain attribute
        """Pykka's flag."""
        return self._cell.ref.actor_stopped

    @property
    def actor_ref(self) -> ActorRef[M]:
        """This actor's address, the same in every life."""
        return self._actor_ref

    def on_receive(self, message: Any) -> Any:
        """Pykka's name for `receive`."""
        return self.receive(message)

    def handle_pykka(self, message: object) -> object:
        """Carry out a proxy's call or attribute access."""
        return self._handle_receive(message)

    @classmethod
    def start(cls, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: an actor lives in a system, so that something keeps it.

        Raises:
            TypeError: always; it says what to write instead.
        """
        raise TypeError(
            f"{cls.__name__}.start(...) has no system to live in; write "
            f"system.spawn(ChildSpec(start=partial({cls.__name__}, ...))) or let a supervisor do it"
        )

    @staticmethod
    def _create_future() -> AskFuture:
        return AskFuture()

    def _create_actor_inbox(self) -> Any:  # type: ignore[override]  # Pykka calls it on self
        return self._cell

    def _start_actor_loop(self) -> None:
        """Nothing to start: the cell plans turns when there is something to do."""


class LoopActor(Actor[M]):
    """Runs on the event loop: `def receive` in a callback, `async def receive` in a task."""

    cell_class: ClassVar[type[Cell]] = SoonCell

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Choose the executor by how `receive` and the hooks are written."""
        super().__init_subclass__(**kwargs)
        cls.awaits_start = inspect.iscoroutinefunction(cls.on_start)
        cls.awaits_stop = inspect.iscoroutinefunction(cls.on_stop)
        awaits = cls.awaits_start or cls.awaits_stop or inspect.iscoroutinefunction(cls.receive)
        cls.cell_class = TaskCell if awaits else SoonCell


class ThreadActor(Actor[M]):
    """Runs on a thread of its own, for libraries that block; `receive` is a plain `def`."""

    cell_class: ClassVar[type[Cell]] = ThreadCell
