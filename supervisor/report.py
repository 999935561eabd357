"""The tree as data, for health pages, `status` and crash reports. Nothing of a message is in it."""

from __future__ import annotations

from dataclasses import dataclass

from actors.kernel.cell import Cell
from actors.kernel.system import ActorSystem
from supervisor.gate import GateActor, GateFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """One actor and what is below it.

    `life` counts its starts; `queued` and `queued_bytes` are what waits in its mailbox. `gate` is
    there for a gate that runs: numbers only, because keys may name people.
    """

    name: str
    actor: str
    phase: str
    life: int
    is_held: bool
    queued: int
    queued_bytes: int
    labels: tuple[str, ...]
    children: tuple[Branch, ...]
    gate: GateFigures | None = None

    def walk(self) -> tuple[Branch, ...]:
        """Return this branch and all below it, parents first."""
        return (self, *(each for child in self.children for each in child.walk()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A whole system at one moment."""

    roots: tuple[Branch, ...]
    live: int
    zombies: int
    dead_letters: tuple[tuple[str, int], ...]


def report(system: ActorSystem) -> Report:
    """Describe a system; call it on the loop's thread."""
    roots = tuple(_branch(cell) for cell in system.cells() if cell.parent is None)
    losses = sorted((loss.value, n) for loss, n in system.dead_letters.by_reason.items())
    return Report(roots=roots, live=system.live, zombies=system.zombies, dead_letters=tuple(losses))


def _branch(cell: Cell) -> Branch:
    children = cell.children or {}
    behaviour = cell.behaviour
    return Branch(
        name=cell.name,
        actor=cell.actor_class.__name__,
        phase=cell.phase.value,
        life=cell.life,
        is_held=cell.is_held,
        queued=len(cell.queue),
        queued_bytes=cell.queued_bytes,
        labels=cell.spec.labels,
        children=tuple(_branch(child) for child in children.values()),
        gate=behaviour.figures() if isinstance(behaviour, GateActor) else None,
    )
