"""The statements of the store: each takes a connection inside a transaction, and the table.

Ids come in slices, and always in the same order where rows are locked: two threads that work on
the same rows never wait for each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    Integer,
    Table,
    bindparam,
    delete,
    func,
    insert,
    select,
    text,
    type_coerce,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.sql.dml import Insert
from sqlalchemy.sql.elements import ColumnElement

from bridge.storage.rows import STAGED_LOGS, Row

# Ids in one statement. SQLite's oldest bound for parameters is 999.
IDS_MAX: Final = 500

# Of a slice whose size is not known yet.
_ROWS_PER_FETCH: Final = 50

# Bounds for this transaction alone, so that a pooler or a borrowed engine keeps its own; and a
# commit that was acknowledged is on the disk, also where the server's default is laxer.
LIMITS: Final = text(
    "SELECT set_config('statement_timeout', :statement_ms, true),"
    " set_config('lock_timeout', :lock_ms, true),"
    " set_config('synchronous_commit',"
    " CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on'"
    " ELSE current_setting('synchronous_commit') END, true)"
)


def columns_of(row: Row) -> dict[str, object]:
    """Return a row as the parameters of a statement."""
    return {
        "id": row.id,
        "chat_id": row.chat_id,
        "message_id": row.message_id,
        "model_id": row.model_id,
        "item_type": row.item_type,
        "payload": row.payload,
        "is_encrypted": row.is_encrypted,
    }


def insert_rows(
    connection: Connection, table: Table, *, values: Sequence[Mapping[str, Any]]
) -> None:
    """Add the rows whose ids are not there yet."""
    statement: Insert
    match connection.dialect.name:
        case "sqlite":
            statement = sqlite.insert(table).on_conflict_do_nothing(index_elements=["id"])
        case "postgresql":
            statement = postgresql.insert(table).on_conflict_do_nothing(index_elements=["id"])
        case _:
            _insert_plainly(connection, table, values)
            return
    connection.execute(statement, list(values))


def _insert_plainly(
    connection: Connection, table: Table, values: Sequence[Mapping[str, Any]]
) -> None:
    """Do the same in plain SQL. Who is faster in between makes this fail, and saved again."""
    first = {row["id"]: row for row in reversed(values)}
    for some in _slices(list(first)):
        there = set(connection.scalars(select(table.c.id).where(table.c.id.in_(some))))
        if missing := [first[row_id] for row_id in some if row_id not in there]:
            connection.execute(insert(table), missing)


def select_rows(
    connection: Connection, table: Table, *, chat: str, ids: Sequence[str]
) -> dict[str, Row | None]:
    """Return the rows that are there, by id; None: what is in it is no text."""
    columns = _read_columns(table)
    found: dict[str, Row | None] = {}
    for some in _slices(ids):
        where = _rows_of(table, chat, some)
        for values in connection.execute(select(*columns).where(*where)).mappings():
            if not str(values["item_type"]).startswith(STAGED_LOGS):
                found[values["id"]] = _row(values)
    return found


def slice_after(
    connection: Connection, table: Table, *, after: str, rows_max: int, bytes_max: int
) -> list[tuple[str, Row | None]]:
    """Return the next rows in the order of their ids, which nobody else changes before the commit.

    Args:
        connection: in a transaction of its own.
        table: of these rows.
        after: the id of the last row of the slice before; "" begins.
        rows_max: how many at most.
        bytes_max: fewer rows, but one at least, where their payloads are larger than this.

    Returns:
        Each with its id; None: what is in it is no text.
    """
    if connection.dialect.name == "sqlite":
        # The driver begins a transaction with the first change only: too late for what was read.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    statement = select(*_read_columns(table)).where(table.c.id > after).order_by(table.c.id)
    statement = statement.limit(rows_max).with_for_update()
    rows: list[tuple[str, Row | None]] = []
    size_bytes = 0
    with connection.execute(statement.execution_options(yield_per=_ROWS_PER_FETCH)) as result:
        for values in result.mappings():
            rows.append((values["id"], _row(values)))
            size_bytes += len(values["payload"] or "")
            if size_bytes >= bytes_max:
                break
    return rows


def move_rows(
    connection: Connection, source: Table, target: Table, *, payloads: Sequence[Mapping[str, Any]]
) -> None:
    """Copy rows with other payloads, delete them where they were. Those that are there stay.

    Args:
        connection: in the transaction in which they were read.
        source: the table that has them.
        target: another table.
        payloads: of each row `b_id`, `b_payload` and `b_is_encrypted`.
    """
    new = {
        "payload": bindparam("b_payload", type_=target.c.payload.type),
        "is_encrypted": bindparam("b_is_encrypted", type_=Boolean()),
    }
    names = [column.name for column in target.columns]
    rows = select(*(new.get(name, source.c[name]) for name in names)).where(
        source.c.id == bindparam("b_id")
    )
    copy: Insert
    if connection.dialect.name == "sqlite":
        copy = sqlite.insert(target).from_select(names, rows).on_conflict_do_nothing()
    else:
        copy = postgresql.insert(target).from_select(names, rows).on_conflict_do_nothing()
    connection.execute(copy, list(payloads))
    for some in _slices([each["b_id"] for each in payloads]):
        connection.execute(delete(source).where(source.c.id.in_(some)))


def reseal_rows(
    connection: Connection, table: Table, *, payloads: Sequence[Mapping[str, Any]]
) -> None:
    """Replace payloads, given as in `move_rows`. Nothing else of the rows changes."""
    statement = (
        update(table)
        .where(table.c.id == bindparam("b_id"))
        .values(
            payload=bindparam("b_payload", type_=table.c.payload.type),
            is_encrypted=bindparam("b_is_encrypted", type_=Boolean()),
        )
    )
    connection.execute(statement, list(payloads))


def count_rows(connection: Connection, table: Table) -> int:
    """Count all there are."""
    return connection.scalar(select(func.count()).select_from(table)) or 0


def _read_columns(table: Table) -> list[ColumnElement[Any]]:
    """Name what is read, each as the database has it: a damaged flag must not spoil the others."""
    names = ("id", "chat_id", "message_id", "model_id", "item_type", "payload")
    flag = type_coerce(table.c.is_encrypted, Integer).label("is_encrypted")
    return [*(table.c[name] for name in names), flag]


def _row(values: Mapping[Any, Any]) -> Row | None:
    payload = values["payload"]
    try:
        text_of_it = payload if isinstance(payload, str) else bytes(payload).decode()
    except (TypeError, UnicodeDecodeError):
        return None
    return Row(
        id=values["id"],
        chat_id=values["chat_id"],
        message_id=values["message_id"],
        model_id=values["model_id"] or "",
        item_type=values["item_type"],
        payload=text_of_it,
        is_encrypted=bool(values["is_encrypted"]),
    )


def touch_rows(
    connection: Connection, table: Table, *, chat: str, ids: Sequence[str], used: datetime
) -> None:
    """Say of rows that they were used at this time, unless they were used later."""
    for some in _slices(sorted(ids)):
        where = (*_rows_of(table, chat, some), table.c.created_at < used)
        connection.execute(update(table).where(*where).values(created_at=used))


def delete_rows(connection: Connection, table: Table, *, chat: str, ids: Sequence[str]) -> int:
    """Delete rows of a chat; return how many there were."""
    return sum(
        connection.execute(delete(table).where(*_rows_of(table, chat, some))).rowcount
        for some in _slices(sorted(ids))
    )


def older_ids(
    connection: Connection, table: Table, *, before: datetime, rows_max: int
) -> Sequence[str]:
    """Look up some rows that nobody has used since."""
    old = select(table.c.id).where(table.c.created_at < before)
    return connection.scalars(old.limit(rows_max)).all()


def expire_rows(
    connection: Connection, table: Table, *, before: datetime, ids: Sequence[str]
) -> int:
    """Delete these, unless they were read since they were looked up."""
    where = (table.c.id.in_(ids), table.c.created_at < before)
    return connection.execute(delete(table).where(*where)).rowcount


def _rows_of(table: Table, chat: str, ids: Sequence[str]) -> tuple[ColumnElement[bool], ...]:
    """Choose rows by their ids, and of this chat alone.

    Nothing is joined to the chat's column so that no planner takes its index: a long chat has
    thousands of rows, and the ids lead to each of them directly.
    """
    return table.c.id.in_(ids), table.c.chat_id.concat("") == chat


def _slices(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), IDS_MAX):
        yield ids[start : start + IDS_MAX]
