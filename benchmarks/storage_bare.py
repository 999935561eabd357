"""The least that a writer with group commit could do: one thread, one table, prepared payloads.

It commits whatever waits when the commit before is done, and tells everybody whose row was in it.
No bounds, no retries, no encryption, nothing is read.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

import psycopg

Row: TypeAlias = tuple[str, str, str, str, str, str, bool, str]
Waiting: TypeAlias = tuple[Row, "asyncio.Future[None]"]

COLUMNS = "id, chat_id, message_id, model_id, item_type, payload, is_encrypted, created_at"
_TABLE = (
    "CREATE TABLE bare (id VARCHAR(20) PRIMARY KEY, chat_id VARCHAR(64) NOT NULL,"
    " message_id VARCHAR(64) NOT NULL, model_id VARCHAR(128), item_type VARCHAR(64) NOT NULL,"
    " payload JSON NOT NULL, is_encrypted BOOLEAN NOT NULL, created_at TIMESTAMP NOT NULL)"
)
_INDEXES = (
    "CREATE INDEX bare_chat_id ON bare (chat_id)",
    "CREATE INDEX bare_message_id ON bare (message_id)",
)
# What the line of the contender takes in one commit.
COMMIT_ROWS_MAX = 500


class Committing(Protocol):
    """A connection, used by the writer's thread alone."""

    def commit(self, rows: Sequence[Row]) -> None:
        """Insert and commit, durably."""

    def close(self) -> None:
        """Let go."""


class SqliteTable:
    """A file in WAL mode, synchronised with each commit."""

    def __init__(self, file: Path) -> None:
        self._connection = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        for statement in (
            "PRAGMA journal_mode=WAL",
            "PRAGMA synchronous=FULL",
            "DROP TABLE IF EXISTS bare",
            _TABLE,
            *_INDEXES,
        ):
            self._connection.execute(statement)

    def commit(self, rows: Sequence[Row]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany(
            f"INSERT INTO bare ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows
        )
        self._connection.execute("COMMIT")

    def close(self) -> None:
        self._connection.close()


class PostgresTable:
    """A table on a server."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url)
        for statement in ("DROP TABLE IF EXISTS bare", _TABLE, *_INDEXES):
            self._connection.execute(statement.encode())
        self._connection.commit()

    def commit(self, rows: Sequence[Row]) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(
                f"INSERT INTO bare ({COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)".encode(),
                rows,
            )
        self._connection.commit()

    def close(self) -> None:
        self._connection.close()


class BareWriter:
    """Takes rows of any number of callers on one loop."""

    def __init__(self, table: Committing) -> None:
        self._table = table
        self._loop = asyncio.get_running_loop()
        self._waiting: queue.SimpleQueue[Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    async def save(self, row: Row) -> None:
        """Return when the row is committed."""
        done = self._loop.create_future()
        self._waiting.put((row, done))
        await done

    def close(self) -> None:
        self._waiting.put(None)
        self._thread.join()
        self._table.close()

    def _run(self) -> None:
        while (first := self._waiting.get()) is not None:
            batch = [first]
            while len(batch) < COMMIT_ROWS_MAX and not self._waiting.empty():
                if (more := self._waiting.get()) is None:
                    self._waiting.put(None)
                    break
                batch.append(more)
            self._table.commit([row for row, _ in batch])
            self._loop.call_soon_threadsafe(_tell, [done for _, done in batch])


def _tell(waiting: Sequence[asyncio.Future[None]]) -> None:
    for done in waiting:
        done.set_result(None)
