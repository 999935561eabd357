"""What a database says, translated into the errors of the port. Pure.

No text of a driver is passed on: it may quote a statement, a row, or an address with its
password. `code` is the database's own short name for what happened, `detail` a sentence for the
admin.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    NoSuchModuleError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from actors.ports import ErrorFacts, StoreBusy, StoreError, StoreMisfit, StoreUnavailable

_Told: TypeAlias = tuple[type[StoreError], str]

AWAY: Final = "The database cannot be reached, or went away."
BUSY: Final = "The database is busy: it did not get to the statement in time."
CROWDED: Final = "The database has no connection to spare."
FULL: Final = "The disk of the database is full."
READ_ONLY: Final = "The database can only be read: its file, folder or server takes no writes."
DAMAGED: Final = "The database file is damaged, or is no database of this kind."
NO_TABLE: Final = "The table of artifacts is gone; it is made again at the next start."
NO_COLUMN: Final = "The table of artifacts has other columns than are needed."
NO_RIGHT: Final = "The database user has no right to do this; grant it, or use another user."
NO_LOGIN: Final = "The database refuses this user: wrong user name or password."
NO_DATABASE: Final = "There is no database of this name."
NO_SCHEMA: Final = "There is no schema of this name; DATABASE_SCHEMA names one that is not there."
NO_FILE: Final = "The database file cannot be opened; check its folder and the rights to it."
REFUSED: Final = "The database refuses what is to be stored."
TOO_LARGE: Final = "An artifact is too large to be sealed."
NOWHERE: Final = "No database is named, so nothing can be kept."
NO_ADDRESS: Final = "The database address is none: it reads like scheme://user:password@host/name."
NO_KIND: Final = "There is no support for databases of this kind; SQLite and PostgreSQL work."
UNKNOWN: Final = "The database reports an error that is not known here."

_SQLITE: Final[Mapping[int, _Told]] = MappingProxyType(
    {
        sqlite3.SQLITE_BUSY: (StoreBusy, BUSY),
        sqlite3.SQLITE_LOCKED: (StoreBusy, BUSY),
        sqlite3.SQLITE_INTERRUPT: (StoreBusy, BUSY),
        sqlite3.SQLITE_PROTOCOL: (StoreBusy, BUSY),
        sqlite3.SQLITE_NOMEM: (StoreUnavailable, AWAY),
        sqlite3.SQLITE_IOERR: (StoreUnavailable, AWAY),
        sqlite3.SQLITE_FULL: (StoreMisfit, FULL),
        sqlite3.SQLITE_READONLY: (StoreMisfit, READ_ONLY),
        sqlite3.SQLITE_CORRUPT: (StoreMisfit, DAMAGED),
        sqlite3.SQLITE_NOTADB: (StoreMisfit, DAMAGED),
        sqlite3.SQLITE_CANTOPEN: (StoreMisfit, NO_FILE),
        sqlite3.SQLITE_PERM: (StoreMisfit, NO_RIGHT),
        sqlite3.SQLITE_AUTH: (StoreMisfit, NO_RIGHT),
    }
)

# SQLSTATE, whole or by its class of two characters; the whole one goes first.
_SQLSTATE: Final[Mapping[str, _Told]] = MappingProxyType(
    {
        "08": (StoreUnavailable, AWAY),
        "22": (StoreMisfit, REFUSED),
        "23": (StoreMisfit, REFUSED),
        "25006": (StoreMisfit, READ_ONLY),
        "28": (StoreMisfit, NO_LOGIN),
        "3D000": (StoreMisfit, NO_DATABASE),
        "3F000": (StoreMisfit, NO_SCHEMA),
        "40": (StoreBusy, BUSY),
        "42501": (StoreMisfit, NO_RIGHT),
        "42703": (StoreMisfit, NO_COLUMN),
        "42P01": (StoreMisfit, NO_TABLE),
        "53": (StoreBusy, CROWDED),
        "53100": (StoreMisfit, FULL),
        "55": (StoreBusy, BUSY),
        "57": (StoreUnavailable, AWAY),
        "57014": (StoreBusy, BUSY),
        "58": (StoreUnavailable, AWAY),
        "XX001": (StoreMisfit, DAMAGED),
        "XX002": (StoreMisfit, DAMAGED),
    }
)

# A connection that never came about has no SQLSTATE, only libpq's and the server's words. Where
# they are in another language the database counts as away, which is tried again.
_WORDS: Final = (
    (re.compile(r"password authentication failed|no password supplied", re.I), NO_LOGIN),
    (re.compile(r"role \".*\" does not exist|no pg_hba\.conf entry", re.I), NO_LOGIN),
    (re.compile(r"database \".*\" does not exist", re.I), NO_DATABASE),
    (re.compile(r"permission denied for database", re.I), NO_RIGHT),
    (re.compile(r"invalid (?:port number|connection option|sslmode|uri)", re.I), NO_ADDRESS),
)
_CROWDED_WORDS: Final = re.compile(
    r"too many clients|remaining connection slots|too many conn", re.I
)
_NO_SUCH: Final = (
    (re.compile(r"no such table"), NO_TABLE),
    (re.compile(r"no such column|has no column"), NO_COLUMN),
)


def misfit(detail: str, code: str = "") -> StoreMisfit:
    """Make the error of a store that is of no use, with a sentence for the admin."""
    return StoreMisfit(ErrorFacts(code=code, detail=detail))


def is_connection_lost(error: SQLAlchemyError) -> bool:
    """Say whether the connection ended before the statement was answered."""
    return isinstance(error, DBAPIError) and error.connection_invalidated


def store_error(error: SQLAlchemyError | sqlite3.Error) -> StoreError:
    """Translate; the result holds nothing of a statement, a row or an address."""
    if isinstance(error, sqlite3.Error):
        return _of_sqlite(error)
    if isinstance(error, PoolTimeout):
        return StoreBusy(ErrorFacts(detail=CROWDED))
    if isinstance(error, NoSuchModuleError):
        return misfit(NO_KIND)
    if isinstance(error, ArgumentError):
        return misfit(NO_ADDRESS)
    if not isinstance(error, DBAPIError) or error.orig is None:
        return misfit(UNKNOWN, code=type(error).__name__)
    if isinstance(error.orig, sqlite3.Error):
        return _of_sqlite(error.orig)
    return _of_server(error, error.orig)


def _of_sqlite(cause: sqlite3.Error) -> StoreError:
    code = getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    name = getattr(cause, "sqlite_errorname", "SQLITE_ERROR")
    # The extended codes keep the plain one in their lowest byte.
    told = _SQLITE.get(code & 0xFF)
    if told is None:
        words = str(cause)
        sentence = next((told for pattern, told in _NO_SUCH if pattern.search(words)), UNKNOWN)
        told = (StoreMisfit, sentence)
    kind, detail = told
    return kind(ErrorFacts(code=name, detail=detail))


def _of_server(error: DBAPIError, cause: BaseException) -> StoreError:
    state = sqlstate_of(cause)
    if state:
        known = _SQLSTATE.get(state) or _SQLSTATE.get(state[:2])
        if known is None:
            lost = is_connection_lost(error)
            known = (StoreUnavailable, AWAY) if lost else (StoreMisfit, UNKNOWN)
        kind, detail = known
        return kind(ErrorFacts(code=state, detail=detail))
    if is_connection_lost(error):
        return StoreUnavailable(ErrorFacts(detail=AWAY))
    return _of_words(error, str(cause))


def _of_words(error: DBAPIError, words: str) -> StoreError:
    if _CROWDED_WORDS.search(words):
        return StoreBusy(ErrorFacts(detail=CROWDED))
    for pattern, sentence in _WORDS:
        if pattern.search(words):
            return misfit(sentence)
    if isinstance(error, OperationalError | InterfaceError):
        return StoreUnavailable(ErrorFacts(detail=AWAY))
    return misfit(UNKNOWN, code=type(error).__name__)


def sqlstate_of(cause: BaseException) -> str:
    """Return the five characters that a PostgreSQL driver reports, or ""."""
    for name in ("sqlstate", "pgcode"):
        state = getattr(cause, name, None)
        if isinstance(state, str):
            return state
    # pg8000 hands over the fields of the server's message.
    fields = cause.args[0] if cause.args else None
    state = fields.get("C") if isinstance(fields, dict) else None
    return state if isinstance(state, str) else ""
