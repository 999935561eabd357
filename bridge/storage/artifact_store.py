"""`ArtifactStore` on any database that SQLAlchemy speaks to; made for SQLite and PostgreSQL.

Each call is one transaction, or a row of short ones where each stands for itself.

Rows are written to one table. Tables of earlier keys are read beside it, and a rotation may move
their rows over at any moment; whoever looks for a row finds it in one or the other.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar

from sqlalchemy import Table
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from actors.artifacts import Artifact, Recalled
from actors.kernel.clock import SystemWatch, Watch
from actors.ports import ErrorFacts, StoreError, StoreUnavailable
from bridge.crypto.seal_broken import SealBroken
from bridge.storage.engines import Database, Patience
from bridge.storage.errors import AWAY, TOO_LARGE, misfit, store_error
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
    columns_of,
    delete_rows,
    expire_rows,
    insert_rows,
    older_ids,
    select_rows,
    touch_rows,
)
from bridge.storage.table import artifact_table, is_table, make_table
from bridge.storage.transactions import Transactions

_log = logging.getLogger("greenroom.storage")

T = TypeVar("T")


class SqlArtifactStore:
    """See `ArtifactStore`. Any number of threads may use one, and any number of stores a table.

    Args:
        database: where the table is.
        table_name: of the table; whoever chooses the key chooses the name with it (SPEC 150).
        earlier: names of tables that are read too, where they are there.
        sealer, policy: how and what to seal; reading opens whatever is sealed.
        watch: tells the time; rows carry the wall clock's.
        patience: how long each step may take.
    """

    def __init__(
        self,
        database: Database,
        table_name: str,
        *,
        earlier: Sequence[str] = (),
        sealer: Sealer | None = None,
        policy: SealPolicy = SealPolicy.NOTHING,
        watch: Watch | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._database = database
        self._table_name = table_name
        self._earlier = tuple(name for name in dict.fromkeys(earlier) if name != table_name)
        self._sealer = sealer or NoSealer()
        self._policy = policy
        self._watch = watch or SystemWatch()
        self._transactions = Transactions(database, patience or Patience(), self._watch)
        self._opening = threading.Lock()
        # The current one first.
        self._tables: tuple[Table, ...] = ()
        self._is_checked = False
        self._is_refresh_failing = False

    # --- the port --------------------------------------------------------------------------------

    def open(self) -> None:
        """See `ArtifactStore`. After any failure it looks at the tables once more."""
        with self._opening:
            if self._tables and self._is_checked:
                return
            try:
                self._tables = self._made_tables(self._transactions.open())
            except StoreError:
                # Readers of a store that was of use go on with it.
                if not self._tables:
                    self._transactions.let_go()
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
        broken: Counter[str] = Counter()
        for column, artifact_id in asked.items():
            if column not in rows:
                continue
            try:
                artifacts.append(self.artifact_of(rows[column], artifact_id, chat_id))
            except RowUnreadable as unreadable:
                broken[unreadable.why] += 1
        for why, count in broken.items():
            _log.warning("%d artifacts of a chat are not readable: %s", count, why)
        return Recalled(
            artifacts=tuple(artifacts),
            missing=len(asked) - len(rows),
            unreadable=broken.total(),
        )

    def forget(self, chat_id: str, ids: Sequence[str]) -> int:
        """See `ArtifactStore`."""
        return self.forget_rows(chat_column(chat_id), list(dict.fromkeys(map(id_column, ids))))

    def sweep(self, older_than_s: float, rows_max: int) -> int:
        """See `ArtifactStore`. Each slice is a transaction of its own."""
        before = self._now() - timedelta(seconds=older_than_s)
        deleted = 0
        for table in self._opened():
            deleted += self._sweep(table, before, rows_max - deleted)
        return deleted

    def close(self) -> None:
        """See `ArtifactStore`. What runs meanwhile ends by itself."""
        with self._opening:
            self._tables = ()
            self._is_checked = False
            self._transactions.close()

    # --- rows, for a store that keeps them elsewhere as well -------------------------------------

    def row_of(self, artifact: Artifact) -> Row:
        """Write an artifact as a row, sealed where the policy says so.

        Raises:
            StoreMisfit: it is too large to be sealed.
        """
        try:
            return row_of(artifact, self._sealer, self._policy)
        except SealBroken:
            pass
        # Outside of the block above: what was caught there holds the payload.
        raise misfit(TOO_LARGE)

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
        self.run(partial(insert_rows, values=values))

    def load_rows(self, chat: str, ids: Sequence[str]) -> dict[str, Row | None]:
        """Return the rows of a chat that are there, by id; both as their columns have them.

        None: what is in it is no text.

        Raises:
            StoreError: nothing can be read now.
        """
        return self._run(partial(_look_up, tables=self._opened(), chat=chat, ids=ids))

    def forget_rows(self, chat: str, ids: Sequence[str]) -> int:
        """Delete rows of a chat, both as their columns have them; return how many there were.

        Raises:
            StoreError: it cannot be done now.
        """
        if not ids:
            return 0
        return self._run(partial(_forget, tables=self._opened(), chat=chat, ids=ids))

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
            self._run(partial(_touch, tables=self._opened(), chat=chat, ids=ids, used=used))
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

    def run(self, work: Callable[[Connection, Table], T]) -> T:
        """Do the work on the current table, in one transaction; return once it is committed.

        Raises:
            StoreError: whether a commit took place is known only where it says so.
        """
        current = self._opened()[0]
        return self._run(lambda connection: work(connection, current))

    def _run(self, work: Callable[[Connection], T]) -> T:
        try:
            return self._transactions.run(work)
        except StoreError:
            self._is_checked = False
            raise

    def _opened(self) -> tuple[Table, ...]:
        tables = self._tables
        if not tables:
            raise StoreUnavailable(ErrorFacts(detail=AWAY))
        return tables

    def _made_tables(self, engine: Engine) -> tuple[Table, ...]:
        """Make the table that is written to, and find those of earlier keys.

        One that others make after this was asked is found when the store is opened anew.
        """
        named = partial(artifact_table, schema=self._database.schema, dialect=engine.dialect)
        current = named(self._table_name)
        try:
            make_table(engine, current)
            earlier = [table for name in self._earlier if is_table(engine, table := named(name))]
        except SQLAlchemyError as error:
            failure = store_error(error)
        except OSError:
            failure = StoreUnavailable(ErrorFacts(detail=AWAY))
        else:
            return (current, *earlier)
        raise failure

    # --- writing and reading ---------------------------------------------------------------------

    def _sweep(self, table: Table, before: datetime, rows_max: int) -> int:
        deleted = 0
        while deleted < rows_max:
            slice_max = min(IDS_MAX, rows_max - deleted)
            ids = self._run(partial(older_ids, table=table, before=before, rows_max=slice_max))
            if ids:
                deleted += self._run(partial(expire_rows, table=table, before=before, ids=ids))
            # A row that was read in between stays, and is not found again: this ends.
            if len(ids) < slice_max:
                break
        return deleted

    def _now(self) -> datetime:
        return _utc(self._watch.wall_s())


def _look_up(
    connection: Connection, *, tables: tuple[Table, ...], chat: str, ids: Sequence[str]
) -> dict[str, Row | None]:
    """Return the rows that are there, from whichever table has them.

    A rotation may move a row from an earlier table to the current one between two of these
    looks, so what was in neither is looked for in the current one again.
    """
    current, *earlier = tables
    found: dict[str, Row | None] = {}
    missing = ids
    for table in (current, *earlier, *(tables[:1] if earlier else ())):
        if missing:
            rows = select_rows(connection, table, chat=chat, ids=missing)
            found.update(rows)
            missing = [each for each in missing if each not in rows]
    return found


def _utc(wall_s: float) -> datetime:
    """UTC without a zone, as the column has it."""
    return datetime.fromtimestamp(wall_s, UTC).replace(tzinfo=None)


def _touch(
    connection: Connection,
    *,
    tables: tuple[Table, ...],
    chat: str,
    ids: Sequence[str],
    used: datetime,
) -> None:
    for table in tables:
        touch_rows(connection, table, chat=chat, ids=ids, used=used)


def _forget(
    connection: Connection, *, tables: tuple[Table, ...], chat: str, ids: Sequence[str]
) -> int:
    """Delete rows wherever they are: the way a rotation moves them, so that none gets past."""
    return sum(delete_rows(connection, table, chat=chat, ids=ids) for table in reversed(tables))
