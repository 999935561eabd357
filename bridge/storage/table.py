"""The table of artifacts (SPEC 151): its columns, and how it comes about.

Two processes may make it at once, a table of the earlier pipe is used as it is, and an index that
an earlier table left behind under our name gives way (SPEC 157).
"""

from __future__ import annotations

import hashlib
import logging
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    Cast,
    Column,
    DateTime,
    Index,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    cast,
    inspect,
)
from sqlalchemy.engine import Dialect, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.schema import CreateIndex, CreateTable, DropIndex
from sqlalchemy.sql.elements import BindParameter, ColumnElement
from sqlalchemy.types import JSON, UserDefinedType

from actors.ports import StoreMisfit
from bridge.storage.errors import misfit
from bridge.storage.rows import (
    CHAT_ID_CHARS_MAX,
    ID_CHARS_MAX,
    ITEM_TYPE_CHARS_MAX,
    MESSAGE_ID_CHARS_MAX,
    MODEL_ID_CHARS_MAX,
)

_log = logging.getLogger("greenroom.storage")

# PostgreSQL cuts longer names without a word; SQLite takes any.
NAME_BYTES_MAX: Final = 63
_DIGEST_CHARS: Final = 8
_INDEXED: Final = ("chat_id", "message_id")


class JsonText(UserDefinedType[str]):
    """A JSON column, written and read as text.

    SQLAlchemy's own type parses while it fetches, so one damaged row would spoil all the others;
    and what was parsed once is not the same bytes any more. Read as bytes where the database
    hands out what it holds, whatever that is (SQLite).
    """

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """Name the type in DDL."""
        return "JSON"

    def column_expression(self, column: ColumnElement[Any]) -> Cast[Any]:
        """Read it."""
        return cast(column, LargeBinary)


class PostgresJsonText(JsonText):
    """The same on PostgreSQL, which knows the type, checks what it takes and keeps the text."""

    cache_ok = True

    def bind_expression(self, bindvalue: BindParameter[str]) -> Cast[Any]:
        """Write it; the cast spares the drivers a guess."""
        return cast(bindvalue, JSON)

    def column_expression(self, column: ColumnElement[Any]) -> Cast[Any]:
        """Read it."""
        return cast(column, Text)


def artifact_table(name: str, schema: str | None, dialect: Dialect) -> Table:
    """Describe the table, in a fresh `MetaData`: Open WebUI's own knows nothing of it."""
    held = _held_name(name, dialect)
    return Table(
        held,
        MetaData(schema=schema),
        Column("id", String(ID_CHARS_MAX), primary_key=True),
        Column("chat_id", String(CHAT_ID_CHARS_MAX), nullable=False),
        Column("message_id", String(MESSAGE_ID_CHARS_MAX), nullable=False),
        Column("model_id", String(MODEL_ID_CHARS_MAX), nullable=True),
        Column("item_type", String(ITEM_TYPE_CHARS_MAX), nullable=False),
        Column(
            "payload", JsonText().with_variant(PostgresJsonText(), "postgresql"), nullable=False
        ),
        Column("is_encrypted", Boolean, nullable=False),
        Column("created_at", DateTime, nullable=False),
        *(Index(index_name(held, column), column) for column in _INDEXED),
    )


def index_name(table: str, column: str) -> str:
    """Name an index; names of indexes are shared by all tables of a schema."""
    whole = f"ix_{table}_{column}"
    if len(whole.encode()) <= NAME_BYTES_MAX:
        return whole
    digest = hashlib.sha256(table.encode()).hexdigest()[:_DIGEST_CHARS]
    room = NAME_BYTES_MAX - len(f"ix__{digest}_{column}")
    kept = table.encode()[:room].decode(errors="ignore")
    return f"ix_{kept}_{digest}_{column}"


def make_table(engine: Engine, table: Table) -> None:
    """Make what is missing of the table and its indexes; each step is a transaction of its own.

    Raises:
        StoreMisfit: there is such a table, and it has other columns.
        SQLAlchemyError: it cannot be made, or not now.
    """
    if not _is_there(engine, table):
        try:
            with engine.begin() as connection:
                connection.execute(CreateTable(table, if_not_exists=True))
        except DBAPIError:
            # Another process may have been a moment faster: "if not exists" is no lock.
            if not _is_there(engine, table):
                raise
    _check_columns(engine, table)
    for index in sorted(table.indexes, key=lambda index: str(index.name)):
        _make_index(engine, table, index)


def is_table(engine: Engine, table: Table) -> bool:
    """Say whether there is such a table and it can be read as one; say in the log if not.

    Raises:
        SQLAlchemyError: it cannot be asked, or not now.
    """
    if not _is_there(engine, table):
        return False
    try:
        _check_columns(engine, table)
    except StoreMisfit as unfit:
        _log.warning("an earlier table is not read: %s", unfit.facts.detail)
        return False
    return True


def _held_name(name: str, dialect: Dialect) -> str:
    """Return the name as the database keeps it, so that asking for it finds it."""
    if dialect.name != "postgresql":
        return name
    return name.encode()[:NAME_BYTES_MAX].decode(errors="ignore")


def _is_there(engine: Engine, table: Table) -> bool:
    with engine.connect() as connection:
        return inspect(connection).has_table(table.name, schema=table.schema)


def _check_columns(engine: Engine, table: Table) -> None:
    with engine.connect() as connection:
        found = {
            column["name"]: column
            for column in inspect(connection).get_columns(table.name, schema=table.schema)
        }
    missing = [column.name for column in table.columns if column.name not in found]
    unfilled = [
        name
        for name, column in found.items()
        if name not in table.columns and not column["nullable"] and column.get("default") is None
    ]
    if missing:
        raise misfit(
            f"The table {table.name} is not one of artifacts: it has no column "
            f"{', '.join(missing)}. Rename or drop it."
        )
    if unfilled:
        raise misfit(
            f"The table {table.name} wants more than an artifact has: {', '.join(unfilled)}. "
            "Rename or drop it."
        )


def _make_index(engine: Engine, table: Table, index: Index) -> None:
    """Make an index where the column has none. Without it the store is slow and still right."""
    if _is_indexed(engine, table, index):
        return
    try:
        try:
            _create(engine, index)
        except DBAPIError:
            if _is_indexed(engine, table, index):
                return
            # The name belongs to an index of a table that was renamed: it is an orphan.
            _drop(engine, index)
            _create(engine, index)
    except SQLAlchemyError as error:
        if not _is_indexed(engine, table, index):
            _log.warning("no index %s: %s", index.name, type(error).__name__)


def _is_indexed(engine: Engine, table: Table, index: Index) -> bool:
    """Say whether the column leads an index of this table, whatever its name."""
    wanted = next(iter(index.columns)).name
    with engine.connect() as connection:
        indexes = inspect(connection).get_indexes(table.name, schema=table.schema)
    return any(known["column_names"][:1] == [wanted] for known in indexes)


def _create(engine: Engine, index: Index) -> None:
    with engine.begin() as connection:
        connection.execute(CreateIndex(index))


def _drop(engine: Engine, index: Index) -> None:
    with engine.begin() as connection:
        connection.execute(DropIndex(index, if_exists=True))
