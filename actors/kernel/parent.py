"""What a supervisor may do to its children; the base of everything in `supervisor/`."""

from __future__ import annotations

from typing import Any, TypeVar

from actors.kernel.actor import LoopActor
from actors.kernel.cell import ALIVE
from actors.kernel.child_spec import ChildSpec
from actors.kernel.ref import ActorRef
from actors.kernel.signals import STOPPED, ExitReason, Signal

M = TypeVar("M")
N = TypeVar("N")


class ParentActor(LoopActor[M]):
    """An actor that starts others and hears `ChildStarted`, `ChildExited` and so on in `receive`.

    When it ends, its children have ended, or end with it. An `on_start` that returns `LATER`
    takes signals only, until `become_ready`.
    """

    def become_ready(self) -> None:
        """Say that the start is complete: messages are taken, the parent goes on."""
        self._cell.become_ready()

    def is_ready(self, ref: ActorRef[Any]) -> bool:
        """Whether a child's start is complete; if not, `ChildStarted` will follow."""
        return ref.cell.is_ready

    def is_alive(self, ref: ActorRef[Any]) -> bool:
        """Whether a child lives: not ended for good, and not waiting for a next life."""
        return ref.cell.phase in ALIVE

    def spawn(self, spec: ChildSpec[N]) -> ActorRef[N]:
        """Start a child.

        Raises:
            SpawnFailed: see `ActorSystem.spawn`.
        """
        return self._cell.system.spawn(spec, parent=self._cell)

    def answer(self, reply_to: ActorRef[Any] | None, answer: Signal) -> None:
        """Answer whoever wants to hear it, in the lane that no full mailbox can close."""
        if reply_to is not None:
            reply_to.cell.signal(answer)

    def restart_child(self, ref: ActorRef[Any], *, as_probe: bool = False) -> None:
        """Begin the next life of a child that waits; same ref, same mail.

        With `as_probe` it takes one message at a time until `end_probing`.

        Raises:
            Exception: the new life did not start; the child goes on waiting.
        """
        ref.cell.restart(as_probe=as_probe)

    def close_child(self, ref: ActorRef[Any], reason: ExitReason = STOPPED) -> None:
        """End a child that waits for good."""
        ref.cell.close(reason)

    def shut_down_child(
        self, ref: ActorRef[Any], deadline_s: float, *, keeps_place: bool = False
    ) -> None:
        """Ask a child to end before `deadline_s`; it is killed then. Its end is announced.

        With `keeps_place` a permanent or transient child waits afterwards for `restart_child`.
        """
        ref.cell.keeps_place = keeps_place
        ref.cell.shut_down(deadline_s)

    def kill_child(self, ref: ActorRef[Any]) -> None:
        """End a child now."""
        ref.cell.kill()

    def hold_child(self, ref: ActorRef[Any], until_s: float) -> None:
        """Let a child that waits refuse everything at once until `until_s`."""
        ref.cell.hold(until_s)

    def begin_probing(self, ref: ActorRef[Any]) -> None:
        """The hold of a child that kept running is over: let one message through at a time."""
        ref.cell.begin_probing()

    def end_probing(self, ref: ActorRef[Any]) -> None:
        """Let a child on probation take mail as usual."""
        ref.cell.end_probing()
