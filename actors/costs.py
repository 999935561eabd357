"""Passes on what each call of the provider cost, for other programs to read (SPEC 178).

Lifetime   permanent. What it holds is worth nothing later: a snapshot that cannot be passed on is
           let go, and counted.
Parent     the plumbing.

Receives   RecordCost   told, once for each call of the provider; dropped when the mailbox is full
Sends      nothing
"""

from __future__ import annotations

import logging
from typing import Protocol

from msgspec import Struct

from actors.kernel.actor import ThreadActor
from actors.ports import PortError

_log = logging.getLogger("greenroom.costs")

# Snapshots that may wait, for the mailbox of this actor.
SNAPSHOTS_MAX = 1000


class RecordCost(Struct, frozen=True, kw_only=True):
    """What one call of the provider used, and for whom. `usage` is the provider's JSON.

    Attributes:
        user_id, email, name: of the user; a snapshot that lacks one of them is not written.
        model_id: by the provider's id.
        usage: what the provider said of it, as JSON text.
        keep_s: how long others may read it.
    """

    user_id: str
    email: str
    name: str
    model_id: str
    usage: str
    keep_s: int = 900

    def __repr__(self) -> str:
        return f"RecordCost({self.model_id!r})"

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing; what is not whole is of use to nobody."""
        return all((self.user_id, self.email, self.name, self.model_id, self.usage))


class CostLedger(Protocol):
    """Where snapshots go. It blocks: call it on a thread."""

    def record(self, cost: RecordCost, *, unique: str, at_s: float) -> None:
        """Write one snapshot.

        Args:
            cost: a whole one.
            unique: tells it from all others.
            at_s: by the wall clock.

        Raises:
            PortError: it is not known to be written.
        """


class CostsActor(ThreadActor[RecordCost]):
    """See the module docstring."""

    def __init__(self, ledger: CostLedger) -> None:
        self._ledger = ledger
        self._dropped = 0

    def receive(self, message: RecordCost) -> None:
        """Write it, if that can be done now."""
        if not message.is_whole:
            return
        unique = _uuid4(self.system.entropy.token(16))
        try:
            self._ledger.record(message, unique=unique, at_s=self.system.clock.wall_s())
        except PortError as error:
            # Told once until it works again: it would happen with every call.
            if not self._dropped:
                _log.warning("snapshots of costs are not written: %s", type(error).__name__)
            self._dropped += 1
        else:
            if self._dropped:
                _log.info("snapshots of costs are written again; %d were not", self._dropped)
            self._dropped = 0


def _uuid4(token: str) -> str:
    """Word 32 hexadecimal digits of chance as a UUID of version 4 (RFC 9562)."""
    variant = "89ab"[int(token[16], 16) % 4]
    digits = f"{token[:12]}4{token[13:16]}{variant}{token[17:32]}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
