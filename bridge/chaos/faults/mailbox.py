"""Faults on the way between actors, only those whose effect the tree promises to survive.

Refused     asks: whoever asks is told, and can say "busy"
Twice       messages that say the same when they come again
Late        messages that commute with those that overtake them; every signal
First       messages whose place in the mailbox means nothing

Off, and why:
    losing or doubling StreamAdvanced, GrantCredit, StartChild, RoundOver    inside one process
        nothing is lost or doubled, so nothing guards against it; a full mailbox is met through
        small bounds
    reordering StreamAdvanced, AttemptBroken, StartChild, ToolFinished       order between two
        actors is what the kernel promises
    losing a signal                                               the system lane never does
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

from actors.catalog import GetCatalog
from actors.db_writer import SaveArtifacts
from actors.kernel.cell import Cell
from actors.kernel.child_spec import ListChildren, StopChild
from actors.kernel.envelope import Envelope
from actors.kernel.interceptor import (
    Delay,
    Drop,
    Duplicate,
    Interceptor,
    Overtake,
    SendVerdict,
)
from actors.kernel.permit import Claim
from actors.kernel.signals import Signal
from actors.recall_reader import ForgetArtifacts, LoadArtifacts
from actors.request import ChildOver, RoomMade
from actors.sse import GrantCredit, OpenStream
from actors.testing.simloop import SimLoop
from actors.tool_round import ToolOver
from bridge.chaos.knobs import Rates
from supervisor.gate import Admit

REFUSABLE: Final = (Admit, GetCatalog, LoadArtifacts)
REPEATABLE: Final = (
    Admit,
    Claim,
    GetCatalog,
    ChildOver,
    ToolOver,
    RoomMade,
    OpenStream,
    ListChildren,
    StopChild,
    SaveArtifacts,
    ForgetArtifacts,
)
DELAYABLE: Final = (
    Admit,
    Claim,
    GetCatalog,
    GrantCredit,
    RoomMade,
    OpenStream,
    ChildOver,
    ToolOver,
    ListChildren,
    StopChild,
    SaveArtifacts,
    LoadArtifacts,
    ForgetArtifacts,
)
PUSHABLE: Final = (Admit, Claim, GetCatalog, GrantCredit, RoomMade, SaveArtifacts, LoadArtifacts)

DELAY_MS_MAX: Final = 3_000
SIGNAL_DELAY_MS_MAX: Final = 400
SIGNAL_DELAY_MAX_S: Final = SIGNAL_DELAY_MS_MAX / 1000


class MailboxFaults(Interceptor):
    """See the module docstring.

    Args:
        loop: decides when.
        rates: how often.
        fired: counts what has struck.
        doubled: is told of every message that is sent once more.
    """

    def __init__(
        self,
        loop: SimLoop,
        rates: Rates,
        fired: Counter[str],
        doubled: Callable[[object], None],
    ) -> None:
        self.is_on = True
        self._loop = loop
        self._rates = rates
        self._fired = fired
        self._doubled = doubled

    @staticmethod
    def names() -> frozenset[str]:
        """Return every fault that a campaign must have met."""
        return frozenset(
            f"mailbox {what}"
            for what in ("refuses", "doubles", "delays", "reorders", "late signal")
        )

    def sending(self, cell: Cell, envelope: Envelope) -> SendVerdict:
        """See `Interceptor.sending`."""
        if not self.is_on:
            return None
        rates, loop, message = self._rates, self._loop, envelope.message
        if isinstance(message, REFUSABLE) and loop.chance(rates.refuse, "refuse"):
            return self._struck("refuses", Drop())
        if isinstance(message, DELAYABLE) and loop.chance(rates.delay, "delay"):
            after_s = (1 + loop.choose(DELAY_MS_MAX, "delay/ms")) / 1000
            return self._struck("delays", Delay(after_s))
        if isinstance(message, PUSHABLE) and loop.chance(rates.overtake, "overtake"):
            return self._struck("reorders", Overtake())
        if isinstance(message, REPEATABLE) and loop.chance(rates.duplicate, "duplicate"):
            self._doubled(message)
            return self._struck("doubles", Duplicate())
        return None

    def signalling(self, cell: Cell, signal: Signal) -> float:
        """See `Interceptor.signalling`."""
        if self.is_on and self._loop.chance(self._rates.signal_delay, "signal-delay"):
            self._fired["mailbox late signal"] += 1
            return (1 + self._loop.choose(SIGNAL_DELAY_MS_MAX, "signal-delay/ms")) / 1000
        return 0.0

    def _struck(self, what: str, verdict: SendVerdict) -> SendVerdict:
        self._fired[f"mailbox {what}"] += 1
        return verdict
