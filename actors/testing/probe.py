"""An actor that only remembers, for tests that ask what another actor says."""

from __future__ import annotations

from functools import partial
from typing import Any, TypeVar

from actors.kernel.actor import LoopActor
from actors.kernel.child_spec import ChildSpec, Restart
from actors.kernel.mailbox import MailboxSpec
from actors.kernel.ref import ActorRef
from actors.kernel.system import ActorSystem

T = TypeVar("T")

# A probe that nobody reads must not grow for ever either.
REMEMBERED_MAX = 100_000


class _ProbeActor(LoopActor[Any]):
    def __init__(self, seen: list[Any], watched: tuple[ActorRef[Any], ...]) -> None:
        self._seen = seen
        self._watched = watched

    def on_start(self) -> None:
        for ref in self._watched:
            self.monitor(ref)

    def receive(self, message: Any) -> None:
        assert len(self._seen) < REMEMBERED_MAX, "a probe was flooded"
        self._seen.append(message)


class Probe:
    """Give `probe.ref` to the actor under test; `probe.seen` is what it was told, in order.

    Args:
        system: where it lives.
        watch: actors to monitor from the start; their `Terminated` appear in `seen`.
    """

    def __init__(self, system: ActorSystem, *, watch: tuple[ActorRef[Any], ...] = ()) -> None:
        self.seen: list[Any] = []
        spec: ChildSpec[Any] = ChildSpec(
            start=partial(_ProbeActor, self.seen, watch),
            restart=Restart.TEMPORARY,
            mailbox=MailboxSpec(messages_max=REMEMBERED_MAX),
        )
        self.ref: ActorRef[Any] = system.spawn(spec)

    def watch(self, ref: ActorRef[Any]) -> None:
        """Monitor one more actor from here on."""
        ref.cell.watch(self.ref.cell, self.ref.cell.signal)

    def of(self, kind: type[T]) -> list[T]:
        """Return what was seen of one class, in order."""
        return [message for message in self.seen if isinstance(message, kind)]

    def only(self, kind: type[T]) -> T:
        """Return the one message of this class; anything but exactly one is a failure."""
        found = self.of(kind)
        assert len(found) == 1, f"{len(found)} messages of {kind.__name__}, wanted one"
        return found[0]
