"""Each way a database can fail has its error, and none of them quotes anything."""

from __future__ import annotations

import sqlite3

import pytest
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    InvalidRequestError,
    NoSuchModuleError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from actors.ports import StoreBusy, StoreError, StoreMisfit, StoreUnavailable
from bridge.storage import errors
from bridge.storage.errors import is_connection_lost, store_error

STATEMENT = "INSERT INTO t VALUES ('a secret')"


class Psycopg(Exception):
    def __init__(self, text: str, sqlstate: str | None = None) -> None:
        super().__init__(text)
        self.sqlstate = sqlstate


class Psycopg2(Exception):
    def __init__(self, text: str, pgcode: str | None = None) -> None:
        super().__init__(text)
        self.pgcode = pgcode


def told(
    cause: Exception, *, kind: type[DBAPIError] = OperationalError, is_lost: bool = False
) -> StoreError:
    return store_error(kind(STATEMENT, ["a secret"], cause, connection_invalidated=is_lost))


@pytest.mark.parametrize(
    ("state", "kind", "detail"),
    [
        ("08006", StoreUnavailable, errors.AWAY),
        ("22021", StoreMisfit, errors.REFUSED),
        ("23505", StoreMisfit, errors.REFUSED),
        ("25006", StoreMisfit, errors.READ_ONLY),
        ("28P01", StoreMisfit, errors.NO_LOGIN),
        ("28000", StoreMisfit, errors.NO_LOGIN),
        ("3D000", StoreMisfit, errors.NO_DATABASE),
        ("3F000", StoreMisfit, errors.NO_SCHEMA),
        ("40001", StoreBusy, errors.BUSY),
        ("40P01", StoreBusy, errors.BUSY),
        ("42501", StoreMisfit, errors.NO_RIGHT),
        ("42703", StoreMisfit, errors.NO_COLUMN),
        ("42P01", StoreMisfit, errors.NO_TABLE),
        ("42601", StoreMisfit, errors.UNKNOWN),
        ("53100", StoreMisfit, errors.FULL),
        ("53200", StoreBusy, errors.CROWDED),
        ("53300", StoreBusy, errors.CROWDED),
        ("55P03", StoreBusy, errors.BUSY),
        ("57014", StoreBusy, errors.BUSY),
        ("57P01", StoreUnavailable, errors.AWAY),
        ("57P03", StoreUnavailable, errors.AWAY),
        ("58030", StoreUnavailable, errors.AWAY),
        ("XX001", StoreMisfit, errors.DAMAGED),
        ("XX000", StoreMisfit, errors.UNKNOWN),
    ],
)
def test_a_state_of_postgres_means_the_same_from_every_driver(
    state: str, kind: type[StoreError], detail: str
) -> None:
    for cause in (
        Psycopg("a secret", state),
        Psycopg2("a secret", state),
        Exception({"S": "ERROR", "C": state, "M": "a secret"}),
    ):
        error = told(cause)
        assert type(error) is kind
        assert (error.facts.detail, error.facts.code) == (detail, state)
        assert "secret" not in f"{error} {error!r} {error.facts}"


@pytest.mark.parametrize(
    ("words", "kind", "detail"),
    [
        ("FATAL:  sorry, too many clients already", StoreBusy, errors.CROWDED),
        ("FATAL:  remaining connection slots are reserved", StoreBusy, errors.CROWDED),
        ('FATAL:  password authentication failed for user "x"', StoreMisfit, errors.NO_LOGIN),
        ("fe_sendauth: no password supplied", StoreMisfit, errors.NO_LOGIN),
        ('FATAL:  role "x" does not exist', StoreMisfit, errors.NO_LOGIN),
        ('FATAL:  no pg_hba.conf entry for host "h"', StoreMisfit, errors.NO_LOGIN),
        ('FATAL:  database "x" does not exist', StoreMisfit, errors.NO_DATABASE),
        ('invalid sslmode value: "x"', StoreMisfit, errors.NO_ADDRESS),
        ("connection refused", StoreUnavailable, errors.AWAY),
        ("Verbindung verweigert", StoreUnavailable, errors.AWAY),
        ("server does not support SSL", StoreUnavailable, errors.AWAY),
    ],
)
def test_a_connection_that_never_came_about_is_told_by_its_words(
    words: str, kind: type[StoreError], detail: str
) -> None:
    for cause in (Psycopg(words), Psycopg2(words), Exception(words)):
        error = told(cause)
        assert (type(error), error.facts.detail) == (kind, detail)


def test_a_lost_connection_is_away_whatever_else_is_said() -> None:
    for cause in (Psycopg("x"), Psycopg("x", "XX000"), Exception()):
        error = told(cause, kind=InterfaceError, is_lost=True)
        assert type(error) is StoreUnavailable
    assert is_connection_lost(OperationalError("", [], Exception(), connection_invalidated=True))
    assert not is_connection_lost(OperationalError("", [], Exception()))
    assert not is_connection_lost(PoolTimeout())


@pytest.mark.parametrize(
    ("error", "kind", "detail"),
    [
        (PoolTimeout("QueuePool limit"), StoreBusy, errors.CROWDED),
        (NoSuchModuleError("x"), StoreMisfit, errors.NO_KIND),
        (ArgumentError("x"), StoreMisfit, errors.NO_ADDRESS),
        (InvalidRequestError("x"), StoreMisfit, errors.UNKNOWN),
        (sqlite3.OperationalError("no such table: t"), StoreMisfit, errors.NO_TABLE),
        (sqlite3.OperationalError("no such column: t.x"), StoreMisfit, errors.NO_COLUMN),
        (sqlite3.OperationalError("near x: syntax error"), StoreMisfit, errors.UNKNOWN),
    ],
)
def test_what_has_no_code_is_told_by_its_kind(
    error: SQLAlchemyError | sqlite3.Error, kind: type[StoreError], detail: str
) -> None:
    found = store_error(error)
    assert (type(found), found.facts.detail) == (kind, detail)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_BUSY, StoreBusy),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, StoreBusy),
        (sqlite3.SQLITE_LOCKED, StoreBusy),
        (sqlite3.SQLITE_FULL, StoreMisfit),
        (sqlite3.SQLITE_IOERR_WRITE, StoreUnavailable),
        (sqlite3.SQLITE_CORRUPT_INDEX, StoreMisfit),
        (sqlite3.SQLITE_READONLY_DBMOVED, StoreMisfit),
    ],
)
def test_an_extended_code_of_sqlite_means_what_its_plain_one_does(
    code: int, kind: type[StoreError]
) -> None:
    cause = sqlite3.OperationalError("a secret")
    cause.sqlite_errorcode = code
    cause.sqlite_errorname = "SQLITE_SOMETHING"
    for error in (store_error(cause), told(cause)):
        assert type(error) is kind
        assert error.facts.code == "SQLITE_SOMETHING"
        assert "secret" not in f"{error} {error!r} {error.facts}"
