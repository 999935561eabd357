"""Faults inside actors: a handler that crashes, hangs or is slow, and a start that fails.

Off, and why:
    a supervisor or a plumbing actor that hangs for good    nothing in the tree watches for that
    a crash in a supervisor's signal    signals pass no interceptor; the supervisors' own tests
        cover those
"""

from __future__ import annotations

import asyncio
from collections import Counter
from math import inf
from typing import Final

from actors.kernel.cell import Cell
from actors.kernel.envelope import Envelope
from actors.kernel.interceptor import Interceptor
from actors.testing.simloop import SimLoop
from bridge.chaos.faults.injected import InjectedCrash
from bridge.chaos.faults.roles import Role, role_of
from bridge.chaos.knobs import CRASHABLE, MORTAL, STORM_S, Rates

HANGS_S: Final = (0.5, 5.0, 25.0)
SLOW_MS_MAX: Final = 200


_GATES: Final = {"gate": Role.GATE, "tools": Role.TOOLS, "permits": Role.PERMITS}

_CRASHES: Final = (InjectedCrash, SystemExit, asyncio.CancelledError)
_CRASH_NAMES: Final = ("error", "system-exit", "cancelled")


class ActorFaults(Interceptor):
    """Strikes before handlers.

    Args:
        loop: decides when.
        rates: how often, and whom.
        fired: counts what has struck.
    """

    def __init__(self, loop: SimLoop, rates: Rates, fired: Counter[str]) -> None:
        self.is_on = True
        self._loop = loop
        self._rates = rates
        self._fired = fired

    @staticmethod
    def names() -> frozenset[str]:
        """Return every fault that a campaign must have met."""
        crashes = {f"actor crash: {role.value}" for role in CRASHABLE}
        kinds = {f"actor crash by {name}" for name in _CRASH_NAMES}
        hangs = {f"actor hang: {role.value}" for role in CRASHABLE}
        for_good = {f"actor hang for good: {role.value}" for role in MORTAL}
        at_start = {f"actor crash at start: {gate.value}" for gate in _GATES.values()}
        others = {"actor slow", "actor crash storm", *at_start}
        return frozenset(crashes | kinds | hangs | for_good | others)

    def receiving(self, cell: Cell, envelope: Envelope) -> float:
        """Crash, or say how long to hang."""
        if not self.is_on:
            return 0.0
        rates, loop = self._rates, self._loop
        role = role_of(cell)
        if role is rates.storm and loop.time() < STORM_S and loop.chance(1.0, "storm"):
            self._fired["actor crash storm"] += 1
            raise InjectedCrash
        if role in rates.crash_roles and loop.chance(rates.crash, f"crash/{role.value}"):
            self._crash(role)
        if role in rates.hang_roles and loop.chance(rates.hang, f"hang/{role.value}"):
            return self._hang_s(role)
        if loop.chance(rates.slow, "slow"):
            self._fired["actor slow"] += 1
            return (1 + loop.choose(SLOW_MS_MAX, "slow/ms")) / 1000
        return 0.0

    def starting_gate(self, name: str, life: int) -> None:
        """Fail a restart of a gate. Its first start is the tree's, and that one has to work."""
        role = _GATES[name.rpartition("/")[2]]
        is_mine = self.is_on and life > 1 and role in self._rates.crash_roles
        if is_mine and self._loop.chance(self._rates.crash, "crash at start"):
            self._fired[f"actor crash at start: {role.value}"] += 1
            raise InjectedCrash

    def _crash(self, role: Role) -> None:
        kind = self._loop.choose(len(_CRASHES), "crash-kind")
        self._fired[f"actor crash: {role.value}"] += 1
        self._fired[f"actor crash by {_CRASH_NAMES[kind]}"] += 1
        raise _CRASHES[kind]

    def _hang_s(self, role: Role) -> float:
        options = (*HANGS_S, inf, inf) if role in MORTAL else HANGS_S
        pause_s = options[self._loop.choose(len(options), "hang/seconds")]
        name = "actor hang for good" if pause_s == inf else "actor hang"
        self._fired[f"{name}: {role.value}"] += 1
        return pause_s
