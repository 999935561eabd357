"""How much an actor may have waiting, and what happens when that is full."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from enum import Enum

from msgspec import Struct


class WhenFull(Enum):
    """What becomes of a message that finds the mailbox at its bound."""

    REJECT = "reject"
    DROP_OLDEST = "drop_oldest"
    DROP_NEWEST = "drop_newest"


class MailboxSpec(Struct, frozen=True, kw_only=True):
    """The bounds of the message lane.

    `messages_max` counts messages; `bytes_max` adds up their `size_bytes` (0 for a message that
    has none), None for no bound in bytes. A message over `bytes_max` alone is taken when the
    mailbox is empty, so that no bound, however small, can deadlock a sender. With `coalesce`,
    a message takes the place of a queued one with the same key (None: no key).

    Signals have a lane of their own, which nothing can fill: they are deduplicated.
    """

    messages_max: int = 1000
    bytes_max: int | None = None
    when_full: WhenFull = WhenFull.REJECT
    coalesce: Callable[[object], Hashable | None] | None = None

    def __post_init__(self) -> None:
        if self.messages_max < 1:
            raise ValueError(f"messages_max is {self.messages_max}; a mailbox holds at least 1")
        if self.bytes_max is not None and self.bytes_max < 1:
            raise ValueError(f"bytes_max is {self.bytes_max}; give at least 1, or None for none")


DEFAULT_MAILBOX = MailboxSpec()
