"""What all chats share: the ports, and how an attempt is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

from msgspec import Struct

from actors.kernel.child_spec import RestartPolicy
from actors.kernel.mailbox import MailboxSpec
from actors.ports import Codec, Provider, Remedies
from actors.sse import SseActor
from actors.tool_round import ToolRoundActor, ToolSetup
from actors.values import Usage, WireFormat

# Room in the mailbox for what does not come as credit: see `ChatSetup.mailbox_max`.
RESERVED_MESSAGES = 8

# Messages that a round of tools may have waiting for the request: all of one burst.
ROUND_MESSAGES_MAX = 1000


class ChatSetup(Struct, frozen=True, kw_only=True):
    """What all chats share: the ports, and how an attempt is kept.

    Attributes:
        reads_max: socket reads under way from the attempt to the request.
        mailbox_max: messages that may wait for the request; never fewer than the credit.
        attempt_policy: how often an attempt is made again, and when.
        remedies: what may be changed in a refused call; None: nothing.
        deadline_s: how long a whole chat may take; None: as long as it does.
        spent: told what each call of the provider used, by model; it never waits. None: nobody
            wants to know.
        attempt: the actor that makes an attempt.
        tool_round: the actor that runs the calls of an answer.
    """

    provider: Provider
    codecs: Mapping[WireFormat, Codec]
    reads_max: int
    mailbox_max: int
    attempt_policy: RestartPolicy
    remedies: Remedies | None = None
    deadline_s: float | None = None
    spent: Callable[[str, Usage], object] | None = None
    attempt: type[SseActor] = SseActor
    tool_round: type[ToolRoundActor] = ToolRoundActor

    @property
    def credit(self) -> int:
        """Reads that the request can always take, however small its mailbox."""
        return max(1, min(self.reads_max, self.mailbox_max))

    def mailbox(self, tools: ToolSetup | None) -> MailboxSpec:
        """The bounds of a request's mailbox."""
        reserved = RESERVED_MESSAGES if tools is None else RESERVED_MESSAGES + ROUND_MESSAGES_MAX
        return _mailbox(self.mailbox_max + reserved)

    def __repr__(self) -> str:
        return f"ChatSetup({self.reads_max} reads, {self.mailbox_max} messages)"


@lru_cache(maxsize=64)
def _mailbox(messages_max: int) -> MailboxSpec:
    return MailboxSpec(messages_max=messages_max)
