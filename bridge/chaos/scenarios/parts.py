"""What a simulated house is made of beside its tree; a planted defect takes the place of a part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from actors.log_assembler import AssemblerActor
from actors.pending import PendingRows
from actors.session_log import SessionLogActor
from bridge.app import Parts
from bridge.cluster.row_queue import CLAIM_AFTER_S


def _as_it_is(pending: PendingRows) -> PendingRows:
    return pending


@dataclass(frozen=True, slots=True, kw_only=True)
class SimParts(Parts):
    """The parts of a tree with those that its door brings along.

    Attributes:
        stager, assembler: the actors of session logs.
        pending: gives what the drain actor moves for what moves it.
        claim_after_s: see `RowQueue`.
    """

    stager: type[SessionLogActor] = SessionLogActor
    assembler: type[AssemblerActor] = AssemblerActor
    pending: Callable[[PendingRows], PendingRows] = _as_it_is
    claim_after_s: float = CLAIM_AFTER_S


def sim_parts(parts: Parts) -> SimParts:
    """Return these parts, with those of the door that they say nothing of."""
    if isinstance(parts, SimParts):
        return parts
    return SimParts(**{name: getattr(parts, name) for name in Parts.__slots__})
