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
        # What was promised last: the gate may count on it already.
        self._promised = 0
        self._is_total_unknown = False
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
            held = self._held(counted)
            self._renew(Standing(running=counted.running, held=held, total=counted.total))
        # Asked last: an answer that was given before it heard of its share would not count.
        gate = self._found_gate()
        if gate is not None:
            gate.offer(CountPermits(reply_to=self.actor_ref))

    def _on_counted(self, counted: PermitsCounted) -> None:
        is_new_life = counted.life != self._life
        if not is_new_life and counted.number < self._number:
            # Said before it heard of its share.
            self.start_timer("renew", RenewDue(), RENEW_SOON_S)
            return
        self._is_answered = True
        is_total_new = counted.total not in (0, self._total_told)
        wait_s = self._renewed_s + RENEW_SOON_S - self.system.clock.now_s()
        if wait_s > 0 and not is_new_life and not is_total_new:
            self.start_timer("renew", RenewDue(), wait_s)
            return
        self._counted, self._life = counted, counted.life
        if is_new_life or counted.share is None:
            self._promised = 0
        held = self._held(counted)
        standing = Standing(
            running=counted.running,
            waiting=counted.waiting,
            held=held,
            total=counted.total,
            is_total_new=is_total_new,
        )
        share = self._renew(standing)
        if share is not None:
            gives_back = held is not None and held > max(share, counted.running)
            if gives_back or counted.waiting:
                self.start_timer("renew", RenewDue(), RENEW_SOON_S)

    def _held(self, counted: PermitsCounted) -> int | None:
        """What the gate counts on; None: it is on its own, or waits for its first share."""
        if counted.share is None or counted.number == 0 or self._is_total_unknown:
            return None
        return max(counted.share, counted.running, self._promised)

    def _renew(self, standing: Standing) -> int | None:
        """Renew, and tell the gate what it may; None: it has no share now."""
        begun_s = self._renewed_s = self.system.clock.now_s()
        try:
            share = self._ledger.renew(self._worker, standing)
        except ClusterAway as error:
            self._is_gone(error)
            if standing.held is None:
                # It holds nothing that others would know of: there is nothing to keep to.
                self._tell(None, LEASE_S)
            return None
        self._is_back()
        if standing.total:
            self._total_told = standing.total
        self._is_total_unknown = share is None
        if share is None:
            # Who asks first says how many there are, and then does not wait for long.
            self._tell(0, RENEW_S + MARGIN_S)
            return None
        lasts_s = begun_s + LEASE_S - MARGIN_S - self.system.clock.now_s()
        if lasts_s <= 0 or not self._tell(share, lasts_s):
            return None
        # What it gives back it counts on until it has heard.
        self._promised = share
        return share

    def _tell(self, share: int | None, lasts_s: float) -> bool:
        gate = self._found_gate()
        changed = ShareChanged(share=share, lasts_s=lasts_s, number=self._number + 1)
        if gate is None or not gate.offer(changed):
            return False
        self._number += 1
        return True

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
