"""What can go wrong between actors. Errors carry facts, never a message's content."""

from __future__ import annotations

import pykka


class KernelError(Exception):
    """Base of the kernel's own errors."""


class MailboxFull(KernelError):
    """The receiver's mailbox was at its bound and its policy refused the message."""


class ActorStopped(KernelError, pykka.ActorDeadError):
    """The receiver has stopped for good, or has been asked to stop."""


class ActorHeld(KernelError):
    """The receiver is held by its restart policy: refused at once, nothing was tried.

    `retry_after_s` says, in seconds, when the next probe may go through.
    """

    def __init__(self, retry_after_s: float) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(f"held by its restart policy, retry after {retry_after_s:.3f} s")


class AskTimedOut(KernelError, pykka.Timeout):
    """No answer arrived before the deadline of the ask."""


class MessagePoisoned(KernelError):
    """The receiver crashed too often on this message; it will not be delivered again."""


class SpawnFailed(KernelError):
    """An actor could not be made; the cause is chained."""


class WouldBlock(KernelError):
    """A blocking call was made on the thread of the event loop, where it could never return."""
