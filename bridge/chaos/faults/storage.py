"""A store that does to its callers what databases do, by the choices of a simulation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Final

from actors.artifacts import Artifact, Recalled
from actors.ports import ArtifactStore, StoreBusy, StoreMisfit, StoreUnavailable
from actors.testing.simloop import SimLoop

TAG: Final = "storage"


class StorageFault(Enum):
    """What a call of the store may meet."""

    GONE = "gone"
    BUSY = "busy"
    MISFIT = "misfit"
    # Done, and the word of it is lost on the way.
    UNHEARD = "unheard"


class FaultyStore:
    """See `ArtifactStore`.

    Args:
        loop: decides.
        inner: the store behind.
        kinds: faults that are met.
        rate: how often a call meets one.
        fired: counts what was met.
    """

    def __init__(
        self,
        loop: SimLoop,
        inner: ArtifactStore,
        kinds: Sequence[StorageFault],
        rate: float,
        fired: Counter[str],
    ) -> None:
        self.is_on = True
        # Away for everybody, until somebody says that it is not.
        self.is_away = False
        self._loop = loop
        self._inner = inner
        self._kinds = tuple(kinds)
        self._rate = rate
        self._fired = fired

    def open(self) -> None:
        """See `ArtifactStore`."""
        if self.is_away:
            self._fired["storage away"] += 1
            raise StoreUnavailable
        self._inner.open()

    def save(self, artifacts: Sequence[Artifact]) -> None:
        """See `ArtifactStore`."""
        self._met(lambda: self._inner.save(artifacts))

    def load(self, chat_id: str, ids: Sequence[str]) -> Recalled:
        """See `ArtifactStore`."""
        found: list[Recalled] = []
        self._met(lambda: found.append(self._inner.load(chat_id, ids)))
        return found[0]

    def forget(self, chat_id: str, ids: Sequence[str]) -> int:
        """See `ArtifactStore`."""
        found: list[int] = []
        self._met(lambda: found.append(self._inner.forget(chat_id, ids)))
        return found[0]

    def sweep(self, older_than_s: float, rows_max: int) -> int:
        """See `ArtifactStore`."""
        found: list[int] = []
        self._met(lambda: found.append(self._inner.sweep(older_than_s, rows_max)))
        return found[0]

    def close(self) -> None:
        """See `ArtifactStore`."""
        self._inner.close()

    def _met(self, call: Callable[[], None]) -> None:
        if self.is_away:
            self._fired["storage away"] += 1
            raise StoreUnavailable
        fault = self._drawn()
        if fault is not None:
            self._fired[f"storage {fault.value}"] += 1
        match fault:
            case None:
                call()
            case StorageFault.GONE:
                raise StoreUnavailable
            case StorageFault.BUSY:
                raise StoreBusy
            case StorageFault.MISFIT:
                raise StoreMisfit
            case StorageFault.UNHEARD:
                call()
                raise StoreUnavailable

    def _drawn(self) -> StorageFault | None:
        if not (self.is_on and self._kinds) or not self._loop.chance(self._rate, TAG):
            return None
        return self._kinds[self._loop.choose(len(self._kinds), TAG)]
