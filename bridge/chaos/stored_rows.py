"""The scripted store as a table of rows: what write-behind asks of the database behind it.

Rows are written and read as the real table has them, unsealed; so what goes through Redis comes
out as it went in.
"""

from __future__ import annotations

from collections.abc import Sequence

from actors.artifacts import Artifact
from bridge.chaos.faults.store import ScriptedStore
from bridge.storage.rows import Row, RowUnreadable, artifact_of, row_of
from bridge.storage.sealing import NoSealer, SealPolicy

_SEALER = NoSealer()


class StoredRows:
    """See `RowStore`. Its faults are those of the store.

    Args:
        store: outlives all trees.
    """

    def __init__(self, store: ScriptedStore) -> None:
        self._store = store

    def row_of(self, artifact: Artifact) -> Row:
        """See `RowStore`."""
        return row_of(artifact, _SEALER, SealPolicy.NOTHING)

    def artifact_of(self, row: Row | None, artifact_id: str, chat_id: str) -> Artifact:
        """See `RowStore`."""
        if row is None:
            raise RowUnreadable
        return artifact_of(row, _SEALER, artifact_id=artifact_id, chat_id=chat_id)

    def open(self) -> None:
        """See `RowStore`."""
        self._store.open()

    def save_rows(self, rows: Sequence[tuple[Row, float]]) -> None:
        """See `RowStore`. They count as used when they are saved: no run lasts for days."""
        self._store.save([self.artifact_of(row, row.id, row.chat_id) for row, _ in rows])

    def load_rows(self, chat: str, ids: Sequence[str]) -> dict[str, Row | None]:
        """See `RowStore`."""
        found = self._store.load(chat, ids)
        rows: dict[str, Row | None] = {each.id: self.row_of(each) for each in found.artifacts}
        if found.unreadable:
            there = {each.id for each in self._store.table.artifacts if each.chat_id == chat}
            rows |= dict.fromkeys(each for each in ids if each in there and each not in rows)
        return rows

    def refresh_rows(self, chat: str, ids: Sequence[str], used_s: float | None = None) -> None:
        """See `RowStore`. A load has done it."""

    def forget_rows(self, chat: str, ids: Sequence[str]) -> int:
        """See `RowStore`."""
        return self._store.forget(chat, ids)

    def sweep(self, older_than_s: float, rows_max: int) -> int:
        """See `RowStore`."""
        return self._store.sweep(older_than_s, rows_max)

    def close(self) -> None:
        """See `RowStore`."""
        self._store.close()
