"""An artifact store in memory: the second implementation of its port, for simulations and tests.

What a database is to the real store, a `MemoryTable` is to this one: it outlives stores, and any
number of them work on it at once. Its rows can be spoilt.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace

from actors.artifacts import Artifact, Recalled
from actors.kernel.clock import Watch
from actors.ports import StoreUnavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    artifact: Artifact
    used_s: float
    is_readable: bool = True


class MemoryTable:
    """Rows that survive their stores; each method is one transaction."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: dict[str, _Kept] = {}

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def ids(self) -> frozenset[str]:
        """The ids of all rows."""
        with self._lock:
            return frozenset(self._rows)

    @property
    def artifacts(self) -> tuple[Artifact, ...]:
        """What all rows hold, readable or not, oldest first."""
        with self._lock:
            return tuple(row.artifact for row in self._rows.values())

    def add(self, artifacts: Sequence[Artifact], now_s: float) -> None:
        """Keep those whose ids are new."""
        for artifact in artifacts:
            assert artifact.chat_id, "an artifact belongs to a chat (SPEC 154)"
            assert artifact.message_id, "an artifact belongs to an answer (SPEC 154)"
        with self._lock:
            for artifact in artifacts:
                self._rows.setdefault(artifact.id, _Kept(artifact=artifact, used_s=now_s))

    def use(self, chat_id: str, ids: Sequence[str], now_s: float) -> Recalled:
        """Return those of this chat, and keep them for another term."""
        with self._lock:
            wanted = list(dict.fromkeys(ids))
            found = [row for each in wanted if (row := self._of_chat(chat_id, each)) is not None]
            for row in found:
                self._rows[row.artifact.id] = replace(row, used_s=now_s)
            readable = tuple(row.artifact for row in found if row.is_readable)
            return Recalled(
                artifacts=readable,
                missing=len(wanted) - len(found),
                unreadable=len(found) - len(readable),
            )

    def remove(self, chat_id: str, ids: Sequence[str]) -> int:
        """Delete those of this chat; return how many there were."""
        with self._lock:
            gone = [each for each in dict.fromkeys(ids) if self._of_chat(chat_id, each)]
            for each in gone:
                del self._rows[each]
            return len(gone)

    def expire(self, before_s: float, rows_max: int) -> int:
        """Delete some that were last used before this time; return how many."""
        with self._lock:
            old = [each for each, row in self._rows.items() if row.used_s < before_s][:rows_max]
            for each in old:
                del self._rows[each]
            return len(old)

    def spoil(self, artifact_id: str) -> None:
        """Make a row unreadable, as damage or another key would."""
        with self._lock:
            self._rows[artifact_id] = replace(self._rows[artifact_id], is_readable=False)

    def _of_chat(self, chat_id: str, artifact_id: str) -> _Kept | None:
        row = self._rows.get(artifact_id)
        return row if row is not None and row.artifact.chat_id == chat_id else None


class MemoryArtifactStore:
    """See `ArtifactStore`. Rows carry the wall clock's time, as those of a database do."""

    def __init__(self, table: MemoryTable, watch: Watch) -> None:
        self._table = table
        self._watch = watch
        self._is_open = False

    def open(self) -> None:
        """See `ArtifactStore`."""
        self._is_open = True

    def save(self, artifacts: Sequence[Artifact]) -> None:
        """See `ArtifactStore`."""
        self._opened().add(artifacts, self._watch.wall_s())

    def load(self, chat_id: str, ids: Sequence[str]) -> Recalled:
        """See `ArtifactStore`."""
        return self._opened().use(chat_id, ids, self._watch.wall_s())

    def forget(self, chat_id: str, ids: Sequence[str]) -> int:
        """See `ArtifactStore`."""
        return self._opened().remove(chat_id, ids)

    def sweep(self, older_than_s: float, rows_max: int) -> int:
        """See `ArtifactStore`."""
        return self._opened().expire(self._watch.wall_s() - older_than_s, rows_max)

    def close(self) -> None:
        """See `ArtifactStore`."""
        self._is_open = False

    def _opened(self) -> MemoryTable:
        if not self._is_open:
            raise StoreUnavailable
        return self._table
