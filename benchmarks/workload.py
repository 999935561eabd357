"""How much of everything the kernel benchmark does, the same for all contenders."""

from __future__ import annotations

from typing import Final

# Messages that are sent before the sender lets the receiver run.
BURST: Final = 100

# The bounds of a mailbox; never reached, so that nothing is refused.
MAILBOX_MESSAGES: Final = 1000
MAILBOX_BYTES: Final = 2**20

# Actors that live, and how many of them are taken off the books.
CROWD: Final = 10_000
TAKEN: Final = 500
