"""Faults of the store port: a database that refuses, is busy, full, slow, silent, gone, or lies.

Wrapped around the store in memory, whose table outlives all trees as a database does. A call of
a store blocks, so what it takes longer is owed by the thread that made it: the answer is on the
thread at once and reaches the loop that much later (`StoreThreads`).

Off, and why:
    a row that is torn        a transaction is one row at least; `tests/integration` cuts real ones
    a commit that comes late, after its thread was given up      the same as one whose word is lost
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from actors.artifacts import Artifact, Recalled
from actors.db_commit import TRIAL_CHAT
from actors.db_writer import COMMIT_WAIT_MAX_S
from actors.kernel.clock import LoopClock
from actors.ports import StoreBusy, StoreMisfit, StoreUnavailable
from actors.testing.inline_worker import THREAD, THREAD_DELAY_MS_MAX, InlineWorker
from actors.testing.simloop import SimLoop
from bridge.chaos.faults.injected import InjectedCrash
from bridge.chaos.faults.store_faults import StoreFault
from bridge.chaos.knobs import AWAY_S, StoreRates
from bridge.chaos.memory_store import MemoryArtifactStore, MemoryTable
from bridge.chaos.trace import StorageBook

SLOW_S: Final = (0.3, 2.0, 8.0)
HANG_S: Final = (12.0, COMMIT_WAIT_MAX_S + 10.0)

_RAISED: Final[dict[StoreFault, type[Exception]]] = {
    StoreFault.REFUSES: StoreUnavailable,
    StoreFault.BUSY: StoreBusy,
    StoreFault.MISFIT: StoreMisfit,
    StoreFault.BUG: InjectedCrash,
}


class ScriptedStore:
    """An `ArtifactStore` that fails when the seed says so. One for all trees of a run.

    Args:
        loop: decides when.
        rates: how often, and how.
        fired: counts what has struck.
        book: where it is written down what is kept, and what was deleted for whom.
    """

    def __init__(
        self, loop: SimLoop, rates: StoreRates, fired: Counter[str], book: StorageBook
    ) -> None:
        self.is_on = True
        self.table = MemoryTable()
        self._real = MemoryArtifactStore(self.table, LoopClock(loop, loop.wall_s))
        self._loop = loop
        self._rates = rates
        self._fired = fired
        self._book = book
        self._owed_s = 0.0
        # A connection that was lost has to be made again.
        self._is_lost = False

    @staticmethod
    def names() -> frozenset[str]:
        """Return every fault that a campaign must have met."""
        faults = {f"store {fault.value}" for fault in StoreFault}
        return frozenset(faults | {"store away", "store row spoilt"})

    def owe(self, seconds: float) -> None:
        """Let the call under way take so much longer."""
        self._owed_s += seconds

    def owed_s(self) -> float:
        """Return how much longer the call took that has just come back."""
        owed_s, self._owed_s = self._owed_s, 0.0
        return owed_s

    # --- the port --------------------------------------------------------------------------------

    def open(self) -> None:
        """See `ArtifactStore`."""
        if self._is_lost:
            self._strike("open")
            self._is_lost = False
        self._real.open()

    def save(self, artifacts: Sequence[Artifact]) -> None:
        """See `ArtifactStore`."""
        fault = self._strike("save")
        self._real.save(artifacts)
        rates, loop = self._rates, self._loop
        for artifact in artifacts:
            if self.is_on and loop.chance(rates.spoil, "store/spoil"):
                self._fired["store row spoilt"] += 1
                self._book.spoilt.add(artifact.id)
                self.table.spoil(artifact.id)
        self._lose_word(fault)

    def load(self, chat_id: str, ids: Sequence[str]) -> Recalled:
        """See `ArtifactStore`."""
        fault = self._strike("load")
        recalled = self._real.load(chat_id, ids)
        self._lose_word(fault)
        return recalled

    def forget(self, chat_id: str, ids: Sequence[str]) -> int:
        """See `ArtifactStore`."""
        fault = self._strike("forget")
        if chat_id != TRIAL_CHAT:
            self._fired["storage forgets"] += 1
            rows = {row.id: row for row in self.table.artifacts}
            self._book.forgotten += [(chat_id, rows[each]) for each in ids if each in rows]
        count = self._real.forget(chat_id, ids)
        self._lose_word(fault)
        return count

    def sweep(self, older_than_s: float, rows_max: int) -> int:
        """See `ArtifactStore`."""
        fault = self._strike("sweep")
        self._fired["storage sweeps"] += 1
        count = self._real.sweep(older_than_s, rows_max)
        self._lose_word(fault)
        return count

    def close(self) -> None:
        """See `ArtifactStore`. A tree that ends leaves the store to the next one."""

    # --- faults ----------------------------------------------------------------------------------

    def _check_away(self) -> None:
        from_s = self._rates.away_from_s
        if self.is_on and from_s is not None and from_s <= self._loop.time() < from_s + AWAY_S:
            self._fired["store away"] += 1
            self._is_lost = True
            raise StoreUnavailable

    def _strike(self, method: str) -> StoreFault | None:
        """Fail, be slow, or say what is to happen once the call is done.

        Raises:
            StoreError: as its port says.
            InjectedCrash: a bug.
        """
        self._check_away()
        rates, loop, tag = self._rates, self._loop, f"store/{method}"
        if not (self.is_on and loop.chance(rates.rate, tag)):
            return None
        fault = rates.faults[loop.choose(len(rates.faults), tag)]
        self._fired[f"store {fault.value}"] += 1
        if fault is StoreFault.REFUSES:
            self._is_lost = True
        if fault in _RAISED:
            raise _RAISED[fault]
        if fault is StoreFault.SLOW:
            self.owe(SLOW_S[loop.choose(len(SLOW_S), tag)])
        elif fault is StoreFault.HANGS:
            self.owe(HANG_S[loop.choose(len(HANG_S), tag)])
        return fault

    def _lose_word(self, fault: StoreFault | None) -> None:
        if fault is StoreFault.LOST_WORD:
            self._is_lost = True
            raise StoreUnavailable


class StoreThreads:
    """Starts the threads of a tree, on which calls of the store take as long as they are to."""

    def __init__(self, loop: SimLoop, store: ScriptedStore) -> None:
        self._loop = loop
        self._store = store

    def __call__(self, _: str) -> InlineWorker:
        """See `ActorSystem.start_worker`."""
        return InlineWorker(self._loop, self._delay_s)

    def _delay_s(self) -> float:
        # Asked once before a piece of work, when nothing is owed, and once right after it.
        drawn_s = self._loop.choose(THREAD_DELAY_MS_MAX, THREAD) / 1_000
        return drawn_s + self._store.owed_s()
