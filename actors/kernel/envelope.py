"""A message on its way: what the runtime knows about it besides its content."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from actors.kernel.cell import Cell
    from actors.kernel.future import AskFuture


class Envelope(Struct, eq=False):
    """One queued message. Mutable, and touched by the loop's thread alone; each is itself alone.

    Attributes:
        message: the content.
        reply_to: the future of an ask, or None.
        deadline_s: after this instant nobody wants it handled; None for a tell.
        sender: the cell whose handler sent it, or None for code outside actors.
        trace: an id that follows the message through the system, or None.
        crashes: how many lives ended with it in hand.
        weight: what it counts against the bound in bytes of its mailbox; looked up once.
        is_deferred: its handler has taken the reply into its own hands.
    """

    message: object
    reply_to: AskFuture | None = None
    deadline_s: float | None = None
    sender: Cell | None = None
    trace: str | None = None
    crashes: int = 0
    weight: int = 0
    is_deferred: bool = False

    def __repr__(self) -> str:
        # The content is nobody else's business.
        return f"<{type(self).__name__} of {type(self.message).__name__}>"


class SignalEnvelope(Envelope, eq=False):
    """What the handler of a signal or a hook has in hand: no mail, and nobody waits for it."""
