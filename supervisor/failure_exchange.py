"""Tells other workers of the failures that breakers count here, and hears of theirs.

Lifetime   permanent, on a thread of its own. It waits for a server, and nobody waits for it.
Parent     the root, after the gates, which need not wait for a thread.

Receives   KeyTurned          from the gates
           ExchangeDue        a timer
Sends      FailuresElsewhere  to the gate whose namesake it happened to

While the board is away the latest news wait, and the breakers count what happens here (SPEC 196).
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from typing import Final, TypeAlias, assert_never

from msgspec import Struct
from msgspec.structs import replace

from actors.kernel.actor import ThreadActor
from supervisor.cluster import ClusterAway, FailureBoard, KeyNews

_log = logging.getLogger("greenroom.cluster")

# Seconds between two looks at the board.
EXCHANGE_S: Final = 0.5
# And after it was away.
EXCHANGE_AGAIN_S: Final = 3.0

# News that wait to be put up, and how many are put up at once.
NEWS_MAX: Final = 1_000
NEWS_PER_EXCHANGE_MAX: Final = 200

# How many exchanges follow each other while others' news keep coming.
EXCHANGES_MAX: Final = 20


class KeyTurned(Struct, frozen=True, kw_only=True):
    """From a gate: this has happened here, at this time of the system's clock."""

    news: KeyNews
    at_s: float


class FailuresElsewhere(Struct, frozen=True, kw_only=True):
    """To a gate: this has happened in other workers, told at this time of the system's clock."""

    news: tuple[KeyNews, ...]
    at_s: float


class ExchangeDue(Struct, frozen=True):
    """Put up what is new, and read what others put up."""


ExchangeMessage: TypeAlias = KeyTurned | ExchangeDue


class FailureExchangeActor(ThreadActor[ExchangeMessage]):
    """See the module docstring.

    Args:
        board: where news are put up.
        gates: the names of the gates that hear of their namesakes elsewhere.
    """

    def __init__(
        self, board: FailureBoard, *, gates: tuple[str, ...] = ("root/gate", "root/tools")
    ) -> None:
        self._board = board
        self._gates = gates
        self._waiting: deque[KeyTurned] = deque(maxlen=NEWS_MAX)
        # Ascending over all lives.
        self._numbers = self.life << 32
        self._is_away = False

    def on_start(self) -> None:
        """Begin at once."""
        self.start_timer("exchange", ExchangeDue(), 0.0)

    def receive(self, message: ExchangeMessage) -> None:
        """See the module docstring."""
        match message:
            case KeyTurned(news=news, at_s=at_s):
                self._numbers += 1
                numbered = replace(news, number=self._numbers)
                self._waiting.append(KeyTurned(news=numbered, at_s=at_s))
                if not self._is_away and len(self._waiting) == 1:
                    # At once, but for what the same burst brings.
                    self.start_timer("exchange", ExchangeDue(), 0.0)
            case ExchangeDue():
                self._on_due()
            case _:
                assert_never(message)

    def _on_due(self) -> None:
        try:
            for _ in range(EXCHANGES_MAX):
                if not self._exchange():
                    break
        except ClusterAway as error:
            if not self._is_away:
                self._is_away = True
                _log.warning("failures are not shared with other workers now: %s", error)
            self.start_timer("exchange", ExchangeDue(), EXCHANGE_AGAIN_S)
            return
        if self._is_away:
            self._is_away = False
            _log.warning("failures are shared with other workers again")
        self.start_timer("exchange", ExchangeDue(), EXCHANGE_S)

    def _exchange(self) -> bool:
        """Exchange once; say whether there may be more."""
        now_s = self.system.clock.now_s()
        ours = [
            replace(turned.news, age_s=max(0.0, now_s - turned.at_s))
            for turned, _ in zip(self._waiting, range(NEWS_PER_EXCHANGE_MAX), strict=False)
        ]
        theirs = self._board.exchange(ours)
        for _ in ours:
            self._waiting.popleft()
        self._pass_on(theirs)
        return bool(theirs) or bool(self._waiting)

    def _pass_on(self, news: Sequence[KeyNews]) -> None:
        now_s = self.system.clock.now_s()
        for name in self._gates:
            heard = tuple(each for each in news if each.gate == name)
            gate = self.system.find(name) if heard else None
            if gate is not None:
                gate.offer(FailuresElsewhere(news=heard, at_s=now_s))
