"""`ArtifactStore` on any database that SQLAlchemy speaks to; made for SQLite and PostgreSQL.

Each call is one transaction, or a row of short ones where each stands for itself. Every wait has
a bound: for a connection, for a lock, for a statement, and for a server that says nothing.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, TypeVar

from sqlalchemy import Table
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from actors.artifacts import Artifact, Recalled
from actors.kernel.clock import SystemWatch, Watch
from actors.ports import ErrorFacts, StoreError, StoreUnavailable
from bridge.storage.engines import Database, Patience, Reached, durable, reach
from bridge.storage.errors import AWAY, is_connection_lost, store_error
from bridge.storage.rows import (
    Row,
    RowUnreadable,
    artifact_of,
    chat_column,
    id_column,
    row_of,
)
from bridge.storage.sealing import NoSealer, Sealer, SealPolicy
from bridge.storage.statements import (
    IDS_MAX,
    LIMITS,
    columns_of,
    delete_rows,
    expire_rows,
    insert_rows,
    older_ids,
    select_rows,
    touch_rows,
)
from bridge.storage.table import artifact_table, make_table
from bridge.storage.watchdog import Watchdog

_log = logging.getLogger("greenroom.storage")

T = TypeVar("T")

# Past the server's own bound for a statement, before the line counts as dead.
_SILENCE_FACTOR: Final = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Open:
    """What an open store works with."""

    engine: Engine
    is_borrowed: bool
    table: Table


class SqlArtifactStore:
    """See `ArtifactStore`. Any number of threads may use one, and any number of stores a table.

    Args:
        database: where the table is.
        table_name: of the table; whoever chooses the key chooses the name with it (SPEC 150).
        sealer, policy: how and what to seal; reading opens whatever is sealed.
        watch: tells the time; rows carry the wall clock's.
        patience: how long each step may take.
    """

    def __init__(
        self,
        database: Database,
        table_name: str,
        *,
        sealer: Sealer | None = None,
        policy: SealPolicy = SealPolicy.NOTHING,
        watch: Watch | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._database = database
        self._table_name = table_name
        self._sealer = sealer or NoSealer()
        self._policy = policy
        self._watch = watch or SystemWatch()
        self._patience = patience or Patience()
        self._opening = threading.Lock()
        self._open: _Open | None = None
        self._is_checked = False
        self._watchdog = Watchdog(self._patience.statement_s * _SILENCE_FACTOR, self._watch)
        self._is_refresh_failing = False

    # --- the port --------------------------------------------------------------------------------

    def open(self) -> None:
        """See `ArtifactStore`. After any failure it looks at the table once more."""
        with self._opening:
            if self._open is not None and self._is_checked:
                return
            is_new = self._open is None
            opened = self._open or self._connected()
            self._open = opened
            try:
                self._make_table(opened)
            except StoreError:
                # Readers of a store that was of use go on with it.
                if is_new:
                    self._let_go()
                raise
            self._is_checked = True

    def save(self, artifacts: Sequence[Artifact]) -> None:
        """See `ArtifactStore`."""
        now_s = self._watch.wall_s()
        self.save_rows([(self.row_of(artifact), now_s) for artifact in artifacts])

    def load(self, chat_id: str, ids: Sequence[str]) -> Recalled:
        """See `ArtifactStore`. An id that is asked for twice is given once."""
        asked = {id_column(artifact_id): artifact_id for artifact_id in ids}
        if not asked:
            return Recalled()
        chat = chat_column(chat_id)
        rows = self.load_rows(chat, list(asked))
        self.refresh_rows(chat, list(rows))
        artifacts: list[Artifact] = []
        unreadable = 0
        for column, artifact_id in asked.items():
            if column not in rows:
                continue
            try:
                artifacts.append(self.artifact_of(rows[column], artifact_id, chat_id))
            except RowUnreadable:
                unreadable += 1
        missing = len(asked) - len(rows)
        return Recalled(artifacts=tuple(artifacts), missing=missing, unreadable=unreadable)

    def forget(self, chat_id: str, ids: Sequence[str]) -> int:
        """See `ArtifactStore`."""
        return self.forget_rows(chat_column(chat_id), list(dict.fromkeys(map(id_column, ids))))

    def sweep(self, older_than_s: float, rows_max: int) -> int:
        """See `ArtifactStore`. Each slice is a transaction of its own."""
        before = self._now() - timedelta(seconds=older_than_s)
        deleted = 0
        while deleted < rows_max:
            slice_max = min(IDS_MAX, rows_max - deleted)
            ids = self._run(partial(older_ids, before=before, rows_max=slice_max))
            if ids:
                deleted += self._run(partial(expire_rows, before=before, ids=ids))
            # A row that was read in between stays, and is not found again: this ends.
            if len(ids) < slice_max:
                break
        return deleted

    def close(self) -> None:
        """See `ArtifactStore`. What runs meanwhile ends by itself."""
        with self._opening:
            self._let_go()
        self._watchdog.close()

    # --- rows, for a store that keeps them elsewhere as well -------------------------------------

    def row_of(self, artifact: Artifact) -> Row:
        """Write an artifact as a row, sealed where the policy says so."""
        return row_of(artifact, self._sealer, self._policy)

    def artifact_of(self, row: Row | None, artifact_id: str, chat_id: str) -> Artifact:
        """Read a row that was asked for by this id and chat.

        Raises:
            RowUnreadable: it gives no artifact.
        """
        if row is None:
            raise RowUnreadable
        return artifact_of(row, self._sealer, artifact_id=artifact_id, chat_id=chat_id)

    def save_rows(self, rows: Sequence[tuple[Row, float]]) -> None:
        """Keep rows as `save` does; beside each, the wall clock at which it was last used.

        Raises:
            StoreError: nothing is known to be kept.
        """
        if not rows:
            return
        # Always in the same order: two writers of the same rows must not wait for each other.
        values = [
            {**columns_of(row), "created_at": _utc(used_s)}
            for row, used_s in sorted(rows, key=lambda pair: pair[0].id)
        ]
        self._run(partial(insert_rows, values=values))

    def load_rows(self, chat: str, ids: Sequence[str]) -> dict[str, Row | None]:
        """Return the rows of a chat that are there, by id; both as their columns have them.

        None: what is in it is no text.

        Raises:
            StoreError: nothing can be read now.
        """
        return self._run(partial(select_rows, chat=chat, ids=ids))

    def forget_rows(self, chat: str, ids: Sequence[str]) -> int:
        """Delete rows of a chat, both as their columns have them; return how many there were.

        Raises:
            StoreError: it cannot be done now.
        """
        return self._run(partial(delete_rows, chat=chat, ids=ids)) if ids else 0

    def refresh_rows(self, chat: str, ids: Sequence[str], used_s: float | None = None) -> None:
        """Keep rows for another term, if that can be done now; who reads has them either way.

        Args:
            chat: as its column has it.
            ids: likewise.
            used_s: when they were used, by the wall clock; None: now.
        """
        if not ids:
            return
        used = self._now() if used_s is None else _utc(used_s)
        try:
            self._run(partial(touch_rows, chat=chat, ids=ids, used=used))
        except StoreError as error:
            # Said once, until it works again: it happens at every read of every chat.
            if not self._is_refresh_failing:
                _log.warning(
                    "artifacts are read, but not kept for longer: %s", type(error).__name__
                )
            self._is_refresh_failing = True
        else:
            self._is_refresh_failing = False

    # --- how a call is carried out ---------------------------------------------------------------

    def _run(self, work: Callable[[Connection, Table], T]) -> T:
        """Do the work in one transaction and return what it gives, once it is committed.

        Raises:
            StoreError: whether a commit took place is known only where it says so.
        """
        opened = self._open
        if opened is None:
            raise StoreUnavailable(ErrorFacts(detail=AWAY))
        try:
            try:
                return self._once(opened, work)
            except _Stale:
                return self._once(opened, work)
        except _Stale:
            failure: StoreError = StoreUnavailable(ErrorFacts(detail=AWAY))
        except (SQLAlchemyError, sqlite3.Error) as error:
            failure = store_error(error)
        except OSError:
            # Not every driver wraps what its socket raises.
            failure = StoreUnavailable(ErrorFacts(detail=AWAY))
        self._is_checked = False
        # Outside of the blocks above: what was caught may hold a statement and its rows.
        raise failure

    def _once(self, opened: _Open, work: Callable[[Connection, Table], T]) -> T:
        with (
            opened.engine.connect() as connection,
            self._watchdog.watching(_descriptor(connection)),
            durable(connection, is_borrowed=opened.is_borrowed),
            connection.begin(),
        ):
            if connection.dialect.name == "postgresql":
                self._limit(connection)
            return work(connection, opened.table)

    def _limit(self, connection: Connection) -> None:
        """Set the bounds of this transaction; the first word on a line shows whether it is alive.

        A pooled connection may have died while nobody looked. Nothing was done on it yet, so the
        work may start again on another one.
        """
        limits = {
            "statement_ms": _milliseconds(self._patience.statement_s),
            "lock_ms": _milliseconds(self._patience.lock_s),
        }
        try:
            connection.execute(LIMITS, limits)
        except SQLAlchemyError as error:
            if is_connection_lost(error):
                raise _Stale from None
            raise

    def _connected(self) -> _Open:
        reached: Reached = reach(self._database, self._patience)
        engine = reached.engine
        table = artifact_table(self._table_name, self._database.schema, engine.dialect)
        return _Open(engine=engine, is_borrowed=reached.is_borrowed, table=table)

    def _make_table(self, opened: _Open) -> None:
        try:
            make_table(opened.engine, opened.table)
        except SQLAlchemyError as error:
            failure = store_error(error)
        except OSError:
            failure = StoreUnavailable(ErrorFacts(detail=AWAY))
        else:
            return
        raise failure

    def _let_go(self) -> None:
        opened, self._open = self._open, None
        self._is_checked = False
        if opened is not None and not opened.is_borrowed:
            with suppress(SQLAlchemyError):
                opened.engine.dispose()

    def _now(self) -> datetime:
        return _utc(self._watch.wall_s())


class _Stale(Exception):
    """A pooled connection was dead before anything was done on it."""


def _utc(wall_s: float) -> datetime:
    """UTC without a zone, as the column has it."""
    return datetime.fromtimestamp(wall_s, UTC).replace(tzinfo=None)


def _milliseconds(seconds: float) -> str:
    return str(max(1, round(seconds * 1000)))


def _descriptor(connection: Connection) -> int | None:
    """Return the socket of a connection where it has one."""
    driver: Any = connection.connection.dbapi_connection
    if connection.dialect.name == "sqlite":
        return None
    fileno = getattr(driver, "fileno", None)
    return fileno() if callable(fileno) else None
