"""Where an actor is in its life."""

from __future__ import annotations

from enum import Enum


class Phase(Enum):
    """Where a cell is in its life."""

    STARTING = "starting"
    RUNNING = "running"
    ENDING = "ending"
    WAITING = "waiting"
    CLOSED = "closed"


# Bound once: in Python 3.11 a look at a member of an enum costs as much as a call.
STARTING, RUNNING, ENDING, WAITING, CLOSED = Phase
