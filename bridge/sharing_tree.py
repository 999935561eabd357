"""The part of the tree through which this worker shares with others; none of it without a server.

- sharer     thread: leases permits for the gate of chats        permanent, held while it crashes
- exchange   thread: tells and hears what breakers count         permanent, held while it crashes

Both are children of the root, after the gates: a gate does not wait for them. Neither takes the
tree down with it; where one of them is held, the gates go on by themselves.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from msgspec import Struct

from actors.kernel.child_spec import ChildSpec
from actors.kernel.mailbox import MailboxSpec
from bridge.policies import STORE
from supervisor.cluster import FailureBoard, PermitLedger
from supervisor.failure_exchange import FailureExchangeActor
from supervisor.share import ShareActor

# The gates that have namesakes in every worker: of chats, and of tools.
CHATS_GATE: Final = "root/gate"
TOOLS_GATE: Final = "root/tools"

SHARER: Final = "root/sharer"
EXCHANGE: Final = "root/exchange"

# Failures that wait for the exchange to look at them; beyond it they count in this worker alone.
FAILURES_MAX: Final = 1_000
# One count under way, and those that the gate tells unasked.
COUNTS_MAX: Final = 100

# What a last word to the server may take.
SHARING_STOP_S: Final = 2.0


class Sharing(Struct, frozen=True, kw_only=True):
    """What a worker shares through, and its name: no other one, nor a later one, has the same."""

    ledger: PermitLedger
    board: FailureBoard
    worker: str


def gate_options(sharing: Sharing | None, *, shares_permits: bool) -> dict[str, str]:
    """Return what a gate is told of those it shares through: the options of `GateActor`.

    Args:
        sharing: None: nothing is shared.
        shares_permits: whether its limit is one for all workers, besides its breakers.
    """
    if sharing is None:
        return {}
    return {"exchange": EXCHANGE, **({"sharer": SHARER} if shares_permits else {})}


def sharing_specs(sharing: Sharing | None) -> tuple[ChildSpec[Any], ...]:
    """Return the specs of the two, for the end of the root's children; none without sharing."""
    if sharing is None:
        return ()
    return (
        ChildSpec(
            name="sharer",
            start=partial(ShareActor, sharing.ledger, sharing.worker, gate=CHATS_GATE),
            policy=STORE,
            shutdown_s=SHARING_STOP_S,
            mailbox=MailboxSpec(messages_max=COUNTS_MAX),
        ),
        ChildSpec(
            name="exchange",
            start=partial(FailureExchangeActor, sharing.board, gates=(CHATS_GATE, TOOLS_GATE)),
            policy=STORE,
            shutdown_s=SHARING_STOP_S,
            mailbox=MailboxSpec(messages_max=FAILURES_MAX),
        ),
    )
