"""What write-behind asks of the database behind it: rows as they stand in the table.

Sealing and opening need no connection, so that rows can be acknowledged while the database is
away. The columns of chats and ids are those of `bridge/storage/rows.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from actors.artifacts import Artifact
from bridge.storage.rows import Row


class RowStore(Protocol):
    """A table of rows. Every method but the first two blocks; any number of threads may use one."""

    def row_of(self, artifact: Artifact) -> Row:
        """Write an artifact as a row, sealed where it is to be.

        Raises:
            StoreError: it cannot be written.
        """

    def artifact_of(self, row: Row | None, artifact_id: str, chat_id: str) -> Artifact:
        """Read a row that was asked for by this id and chat.

        Raises:
            RowUnreadable: it gives no artifact.
        """

    def open(self) -> None:
        """Connect, and make what is missing. Harmless when it is open.

        Raises:
            StoreError: it cannot be used, or not now.
        """

    def save_rows(self, rows: Sequence[tuple[Row, float]]) -> None:
        """Keep all of them or none; beside each, the wall clock at which it was last used.

        Raises:
            StoreError: nothing is known to be kept.
        """

    def load_rows(self, chat: str, ids: Sequence[str]) -> dict[str, Row | None]:
        """Return the rows of a chat that are there, by id; None: what is in it is no text.

        Raises:
            StoreError: nothing can be read now.
        """

    def refresh_rows(self, chat: str, ids: Sequence[str], used_s: float | None = None) -> None:
        """Keep rows for another term from `used_s` on, or from now; never raises."""

    def forget_rows(self, chat: str, ids: Sequence[str]) -> int:
        """Delete rows of a chat; return how many there were.

        Raises:
            StoreError: it cannot be done now.
        """

    def sweep(self, older_than_s: float, rows_max: int) -> int:
        """See `ArtifactStore`."""

    def close(self) -> None:
        """Let go of all connections. Harmless when it is closed."""
