"""`SegmentStore` in the table of artifacts (SPEC 168, 169).

The table and its transactions belong to whoever stores artifacts; here is only what is done in one.
Wanted of the table are the columns of SPEC 151, with a payload that is taken and given as JSON text
and a time in UTC without a zone. An index that begins with `item_type` keeps `pending` quick.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final, Protocol, TypeVar

from sqlalchemy import Table, case, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.sql.dml import Insert

from actors.log_values import BundleKey, LogSegment, PendingBundle, StagedSegments
from bridge.session_logs.segment_rows import (
    LOCK,
    SEGMENT,
    TERMINAL,
    NoPacking,
    Packing,
    PackingBroken,
    SegmentRow,
    SegmentUnreadable,
    lock_id,
    row_of,
    segment_of,
)

T = TypeVar("T")

SEGMENTS_PER_LOAD_MAX: Final = 25
"""Segments of one message that are read at once; the others follow when these are assembled."""

_IDS_MAX: Final = 500
_KINDS: Final = (SEGMENT, TERMINAL)


class Transactions(Protocol):
    """Runs work in one transaction."""

    def __call__(self, work: Callable[[Connection, Table], T]) -> T:
        """Do the work and commit; nothing of it is kept where anything fails.

        Raises:
            StoreError: it failed, with whatever error of the database.
        """


class SqlSegments:
    """See `SegmentStore`.

    Args:
        transactions: of the store of artifacts.
        packing: seals what is staged.
    """

    def __init__(self, transactions: Transactions, packing: Packing | None = None) -> None:
        self._run = transactions
        self._packing = packing or NoPacking()

    def stage(self, segment: LogSegment) -> None:
        """See `SegmentStore.stage`."""
        row = self._packing.pack(row_of(segment))
        values = {**asdict(row), "created_at": _column_time(segment.created_s)}
        self._run(lambda connection, table: _insert_new(connection, table, values))

    def pending(
        self, *, stale_before_s: float, after_id: str, bundles_max: int
    ) -> Sequence[PendingBundle]:
        """See `SegmentStore.pending`."""

        def work(connection: Connection, table: Table) -> list[PendingBundle]:
            first_id = func.min(table.c.id)
            ends = func.max(case((table.c.item_type == TERMINAL, 1), else_=0))
            newest = func.max(table.c.created_at)
            statement = (
                select(table.c.chat_id, table.c.message_id, first_id.label("first_id"))
                .where(table.c.item_type.in_(_KINDS))
                .group_by(table.c.chat_id, table.c.message_id)
                .having(
                    first_id > after_id,
                    or_(ends == 1, newest < _column_time(stale_before_s)),
                )
                .order_by(first_id)
                .limit(bundles_max)
            )
            return [
                PendingBundle(
                    key=BundleKey(chat_id=row.chat_id, message_id=row.message_id),
                    first_id=row.first_id,
                )
                for row in connection.execute(statement)
            ]

        return self._run(work)

    def lock(self, key: BundleKey, *, holder: str, now_s: float, stale_before_s: float) -> bool:
        """See `SegmentStore.lock`."""
        row = SegmentRow(
            id=lock_id(key),
            chat_id=key.chat_id,
            message_id=key.message_id,
            item_type=LOCK,
            model_id=holder,
        )
        values = {**asdict(row), "created_at": _column_time(now_s)}

        def work(connection: Connection, table: Table) -> bool:
            is_it = table.c.id == row.id
            stale = table.c.created_at < _column_time(stale_before_s)
            connection.execute(delete(table).where(is_it, stale))
            _insert_new(connection, table, values)
            ours = update(table).where(is_it, table.c.model_id == holder)
            return connection.execute(ours.values(created_at=values["created_at"])).rowcount == 1

        return self._run(work)

    def unlock(self, key: BundleKey, *, holder: str) -> None:
        """See `SegmentStore.unlock`."""

        def work(connection: Connection, table: Table) -> None:
            ours = (table.c.id == lock_id(key), table.c.model_id == holder)
            connection.execute(delete(table).where(*ours))

        self._run(work)

    def load(self, key: BundleKey) -> StagedSegments:
        """See `SegmentStore.load`. The oldest `SEGMENTS_PER_LOAD_MAX` of them."""

        def work(connection: Connection, table: Table) -> list[tuple[str, SegmentRow | None]]:
            statement = (
                select(table)
                .where(
                    table.c.chat_id == key.chat_id,
                    table.c.message_id == key.message_id,
                    table.c.item_type.in_(_KINDS),
                )
                .order_by(table.c.id)
                .limit(SEGMENTS_PER_LOAD_MAX)
            )
            found = connection.execute(statement).mappings()
            return [(values["id"], _row(values)) for values in found]

        rows = self._run(work)
        segments = [segment for _, row in rows if (segment := self._segment(row)) is not None]
        return StagedSegments(
            segments=tuple(segments),
            ids=tuple(row_id for row_id, _ in rows),
            unreadable=len(rows) - len(segments),
        )

    def remove(self, ids: Sequence[str]) -> None:
        """See `SegmentStore.remove`."""

        def work(connection: Connection, table: Table) -> None:
            # Always in the same order: two processes never wait for each other.
            for some in _slices(sorted(ids)):
                where = (table.c.id.in_(some), table.c.item_type.in_(_KINDS))
                connection.execute(delete(table).where(*where))

        if ids:
            self._run(work)

    def _segment(self, row: SegmentRow | None) -> LogSegment | None:
        if row is None:
            return None
        try:
            return segment_of(self._packing.unpack(row))
        except (PackingBroken, SegmentUnreadable):
            return None


def _insert_new(connection: Connection, table: Table, values: dict[str, Any]) -> None:
    """Add a row whose id is not there yet."""
    statement: Insert
    match connection.dialect.name:
        case "sqlite":
            statement = sqlite.insert(table).on_conflict_do_nothing(index_elements=["id"])
        case "postgresql":
            statement = postgresql.insert(table).on_conflict_do_nothing(index_elements=["id"])
        case _:
            # Plain SQL: whoever is faster in between makes this fail, and be done again.
            there = select(table.c.id).where(table.c.id == values["id"])
            if connection.scalar(there) is not None:
                return
            statement = insert(table)
    connection.execute(statement, [values])


def _row(values: Any) -> SegmentRow | None:
    """Read the columns; None: what is in the payload is no text."""
    payload = values["payload"]
    try:
        text = payload if isinstance(payload, str) else bytes(payload).decode()
    except (TypeError, UnicodeDecodeError):
        return None
    return SegmentRow(
        id=values["id"],
        chat_id=values["chat_id"],
        message_id=values["message_id"],
        item_type=values["item_type"],
        model_id=values["model_id"] or "",
        payload=text,
        is_encrypted=bool(values["is_encrypted"]),
    )


def _column_time(seconds: float) -> datetime:
    """UTC without a zone, as the column has it."""
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)


def _slices(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), _IDS_MAX):
        yield ids[start : start + _IDS_MAX]
