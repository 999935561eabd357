"""The rows of a store that follows its configuration: what write-behind asks of a database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from actors.artifacts import Artifact
from actors.ports import StoreError
from bridge.storage.artifact_store import SqlArtifactStore
from bridge.storage.live_store import LiveStore
from bridge.storage.rows import Row

W = TypeVar("W")


class LiveRows(Generic[W]):
    """See `RowStore`; each call is of the store that is meant at that moment."""

    def __init__(self, live: LiveStore[W, SqlArtifactStore]) -> None:
        self._live = live

    def row_of(self, artifact: Artifact) -> Row:
        """See `RowStore`."""
        with self._live.meant() as store:
            return store.row_of(artifact)

    def artifact_of(self, row: Row | None, artifact_id: str, chat_id: str) -> Artifact:
        """See `RowStore`."""
        with self._live.meant() as store:
            return store.artifact_of(row, artifact_id, chat_id)

    def open(self) -> None:
        """See `RowStore`."""
        self._live.open()

    def save_rows(self, rows: Sequence[tuple[Row, float]]) -> None:
        """See `RowStore`."""
        with self._live.used() as store:
            self._live.watch_save(lambda: store.save_rows(rows))

    def load_rows(self, chat: str, ids: Sequence[str]) -> dict[str, Row | None]:
        """See `RowStore`."""
        with self._live.used() as store:
            return store.load_rows(chat, ids)

    def refresh_rows(self, chat: str, ids: Sequence[str], used_s: float | None = None) -> None:
        """See `RowStore`."""
        try:
            with self._live.used() as store:
                store.refresh_rows(chat, ids, used_s)
        except StoreError:
            # Told when it was opened; rows that cannot be refreshed only expire earlier.
            return

    def forget_rows(self, chat: str, ids: Sequence[str]) -> int:
        """See `RowStore`."""
        with self._live.used() as store:
            return store.forget_rows(chat, ids)

    def sweep(self, older_than_s: float, rows_max: int) -> int:
        """See `RowStore`."""
        return self._live.sweep(older_than_s, rows_max)

    def close(self) -> None:
        """See `RowStore`."""
        self._live.close()
