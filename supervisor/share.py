"""Leases this worker's part of the permits that all workers share, on a thread of its own.

Lifetime   permanent. It waits for a server, and nobody waits for it.
Parent     the root, after the gate, which need not wait for a thread. While the gate has ended
           already and what it let in still runs, that stays promised.

Receives   PermitsCounted   from the gate: as an answer, or because its share is used up
           RenewDue         a timer: ask the gate, and renew
Sends      CountPermits     to the gate
           ShareChanged     to the gate, after each renewal

While the ledger is away the gate keeps to its share until the lease is over, and then to the
whole limit, by itself (SPEC 196). With the next renewal it joins the others again.
"""

from __future__ import annotations

import logging
import math
from contextlib import suppress
from typing import Any, Final, TypeAlias, assert_never

from msgspec import Struct

from actors.kernel.actor import ThreadActor
from actors.kernel.ref import ActorRef
from supervisor.cluster import (
    LEASE_S,
    RENEW_S,
    RENEW_SOON_S,
    ClusterAway,
    PermitLedger,
    Standing,
)

_log = logging.getLogger("greenroom.cluster")

# The gate lets go of a share so long before its lease is over.
MARGIN_S: Final = 1.0


class CountPermits(Struct, frozen=True, kw_only=True):
    """To a gate: say how many permits are in use."""

    reply_to: ActorRef[PermitsCounted]


class PermitsCounted(Struct, frozen=True, kw_only=True):
    """How many permits of a gate are in use.

    Attributes:
        running: in use.
        waiting: how many wait for one.
        share: what the gate keeps to; None: the whole limit.
        total: the whole limit; 0: nobody has asked to be let in yet.
        life: of the gate.
        number: of the last `ShareChanged` that it has heard in this life; 0 for none.
    """

    running: int
    waiting: int
    share: int | None
    total: int
    life: int
    number: int


class ShareChanged(Struct, frozen=True, kw_only=True):
    """To a gate: let in no more than so many, for so long.

    Attributes:
        share: permits; None: as many as the limit says.
        lasts_s: after so many seconds without a newer one the share is as if it were None.
        number: ascending.
    """

    share: int | None
    lasts_s: float
    number: int = 0


class RenewDue(Struct, frozen=True):
    """Ask the gate how things stand, and renew."""


ShareMessage: TypeAlias = PermitsCounted | RenewDue


class ShareActor(ThreadActor[ShareMessage]):
    """See the module docstring.

    Args:
        ledger: what the shares are leased from.
        worker: this process; no other one, nor a later one, has the same name.
        gate: the name of the gate in the system.
    """

    def __init__(self, ledger: PermitLedger, worker: str, *, gate: str = "root/gate") -> None:
        self._ledger = ledger
        self._worker = worker
        self._gate = gate
        # What the gate said last, and which of our words it had to have heard.
        self._counted: PermitsCounted | None = None
        self._is_answered = False
        self._life = 0
        self._number = self.life << 32
        # What was promised last; the gate may count on it already.
        self._promised = 0
        self._total_told = 0
        self._renewed_s = -math.inf
        self._is_away = False

    def on_start(self) -> None:
        """Begin at once."""
        self.start_timer("renew", RenewDue(), 0.0)

    def on_stop(self) -> None:
        """Give everything back: whoever else there is need not wait for the lease."""
        if self._counted is not None:
            # Where that cannot be done, the lease ends by itself.
            with suppress(ClusterAway):
                self._ledger.release(self._worker)

    def receive(self, message: ShareMessage) -> None:
        """See the module docstring."""
        match message:
            case RenewDue():
                self._on_due()
            case PermitsCounted():
                self._on_counted(message)
            case _:
                assert_never(message)

    def _on_due(self) -> None:
        counted, was_answered = self._counted, self._is_answered
        self._is_answered = False
        self.start_timer("renew", RenewDue(), RENEW_S)
        if counted is not None and not was_answered:
            # It has ended, or has no time; what it let in runs on, and nobody else may have that.
            held = max(counted.running, counted.share or 0, self._promised)
            self._renew(Standing(running=counted.running, held=held))
        # Asked last: an answer that was given before it heard of its share would not count.
        gate = self._found_gate()
        if gate is not None:
            gate.offer(CountPermits(reply_to=self.actor_ref))

    def _on_counted(self, counted: PermitsCounted) -> None:
        if counted.life == self._life and counted.number < self._number:
            return  # Said before it heard of its share. It is asked again.
        self._is_answered = True
        wait_s = self._renewed_s + RENEW_SOON_S - self.system.clock.now_s()
        if wait_s > 0 and counted.life == self._life:
            self.start_timer("renew", RenewDue(), wait_s)
            return
        self._counted, self._life = counted, counted.life
        held = None if counted.share is None else max(counted.share, counted.running)
        standing = Standing(
            running=counted.running,
            waiting=counted.waiting,
            held=held,
            total=counted.total,
            is_total_new=counted.total not in (0, self._total_told),
        )
        share = self._renew(standing)
        if share is not None:
            gives_back = held is not None and held > max(share, counted.running)
            is_wanting = counted.waiting > 0
            if gives_back or is_wanting:
                self.start_timer("renew", RenewDue(), RENEW_SOON_S)

    def _renew(self, standing: Standing) -> int | None:
        """Renew, and tell the gate what it may; None: it is not told."""
        begun_s = self._renewed_s = self.system.clock.now_s()
        try:
            share = self._ledger.renew(self._worker, standing)
        except ClusterAway as error:
            self._is_gone(error)
            return None
        self._is_back()
        if standing.total:
            self._total_told = standing.total
        lasts_s = begun_s + LEASE_S - MARGIN_S - self.system.clock.now_s()
        gate = self._found_gate()
        if share is None or lasts_s <= 0 or gate is None:
            return None
        number = self._number + 1
        if not gate.offer(ShareChanged(share=share, lasts_s=lasts_s, number=number)):
            return None
        self._number, self._promised = number, share
        return share

    def _found_gate(self) -> ActorRef[Any] | None:
        ref = self.system.find(self._gate)
        return ref if ref is not None and ref.is_alive() else None

    def _is_gone(self, error: ClusterAway) -> None:
        if not self._is_away:
            self._is_away = True
            _log.warning("permits are not shared with other workers now: %s", error)

    def _is_back(self) -> None:
        if self._is_away:
            self._is_away = False
            _log.warning("permits are shared with other workers again")
