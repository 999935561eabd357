"""Engines: how to reach the database that keeps the artifacts.

Open WebUI's own engine is borrowed when it works: nothing about it is changed, and it is never
disposed of. Else, and everywhere else, an engine of our own is made for the address.
"""

from __future__ import annotations

import importlib
import logging
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import URL, Connection, Dialect, Engine, make_url
from sqlalchemy.exc import SQLAlchemyError

from actors.ports import Secret
from bridge.storage.errors import NO_ADDRESS, NO_FILE, NO_KIND, NOWHERE, misfit, store_error

_log = logging.getLogger("greenroom.storage")

# In the order of preference; the first that can be imported is used.
POSTGRES_DRIVERS: Final = ("psycopg", "psycopg2", "pg8000")
_LIBPQ_DRIVERS: Final = ("psycopg", "psycopg2")
_TLS_MODES: Final = ("require", "verify-ca", "verify-full")

POOL_SIZE: Final = 3
POOL_OVERFLOW_MAX: Final = 3
POOL_RECYCLE_S: Final = 1800

# The kernel probes a silent line after 10 s, five times, and gives up on bytes that nobody
# confirmed after 20 s.
_LIBPQ_LINE: Final[Mapping[str, int]] = MappingProxyType(
    {
        "keepalives": 1,
        "keepalives_idle": 10,
        "keepalives_interval": 4,
        "keepalives_count": 5,
        "tcp_user_timeout": 20_000,
    }
)

_SQLITE_FULL_SYNC: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long each step may take, in seconds, before it counts as failed."""

    connect_s: float = 10.0
    lock_s: float = 10.0
    statement_s: float = 30.0
    pool_s: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """Which database.

    Attributes:
        url: its address as SQLAlchemy or libpq spell it, or None with `shared` alone.
        shared: an engine of somebody else, used as long as it works.
        schema: of the table; None: the database's default (Open WebUI's `DATABASE_SCHEMA`).
        is_own_file: a SQLite file is ours alone: its folder is made, and it is put into WAL mode.
            Of a file that Open WebUI writes as well, the mode is its own business.
    """

    url: Secret | None = None
    shared: Engine | None = field(default=None, repr=False)
    schema: str | None = None
    is_own_file: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """An engine, and whether it is borrowed."""

    engine: Engine
    is_borrowed: bool


def reach(database: Database, patience: Patience) -> Reached:
    """Choose or make the engine.

    Raises:
        StoreError: there is none that could work; whether it does shows at its first use.
    """
    shared = database.shared
    if shared is not None and (database.url is None or _works(shared)):
        return Reached(engine=shared, is_borrowed=True)
    if database.url is None:
        raise misfit(NOWHERE)
    engine = own_engine(database.url, patience, is_own_file=database.is_own_file)
    return Reached(engine=engine, is_borrowed=False)


def name_chars_max(database: Database) -> int:
    """Return how long the name of a table may be. Nothing connects.

    Raises:
        StoreMisfit: the address is none, or of a kind that is not supported.
    """
    if database.shared is not None:
        return database.shared.dialect.max_identifier_length
    if database.url is None:
        raise misfit(NOWHERE)
    try:
        dialect: type[Dialect] = _parsed(database.url.reveal()).get_dialect()
    except (SQLAlchemyError, ImportError):
        pass
    else:
        return dialect.max_identifier_length
    raise misfit(NO_KIND)


def own_engine(url: Secret, patience: Patience, *, is_own_file: bool = True) -> Engine:
    """Make an engine with a small pool; nothing connects yet.

    Raises:
        StoreMisfit: the address is none, or there is no driver for it.
    """
    parsed = _parsed(url.reveal())
    kind = parsed.get_backend_name()
    if kind == "sqlite":
        return _sqlite_engine(parsed, patience, is_own_file=is_own_file)
    if kind == "postgresql":
        parsed, arguments = _with_driver(parsed, patience)
    else:
        arguments = {}
    return _made(parsed, patience, arguments)


def _parsed(address: str) -> URL:
    """Read an address, in any of the spellings that are about."""
    spelt = address.strip()
    for prefix in ("postgres://", "postgres+"):
        if spelt.startswith(prefix):
            spelt = "postgresql" + spelt[len("postgres") :]
    try:
        return make_url(spelt)
    except (SQLAlchemyError, ValueError):
        pass
    # Outside of the block above: what was caught there may quote the address.
    raise misfit(NO_ADDRESS)


def _made(url: URL, patience: Patience, arguments: Mapping[str, Any]) -> Engine:
    try:
        return create_engine(
            url,
            connect_args=dict(arguments),
            pool_size=POOL_SIZE,
            max_overflow=POOL_OVERFLOW_MAX,
            pool_timeout=patience.pool_s,
            pool_recycle=POOL_RECYCLE_S,
            hide_parameters=True,
        )
    except SQLAlchemyError as error:
        failure = store_error(error)
    except (ImportError, TypeError, ValueError):
        failure = misfit(NO_KIND)
    raise failure


def _works(engine: Engine) -> bool:
    """Say whether somebody else's engine answers at all."""
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except (SQLAlchemyError, ImportError) as error:
        _log.info("the shared database engine does not work: %s", type(error).__name__)
        return False
    return True


# --- PostgreSQL -----------------------------------------------------------------------------------


def _with_driver(url: URL, patience: Patience) -> tuple[URL, dict[str, Any]]:
    """Give an address a driver that is there, and the driver what bounds its waits."""
    driver = _driver(url.drivername.partition("+")[2])
    url = url.set(drivername=f"postgresql+{driver}")
    if driver in _LIBPQ_DRIVERS:
        wait_s = max(1, round(patience.connect_s))
        given = {"connect_timeout": wait_s, "application_name": "greenroom", **_LIBPQ_LINE}
        return url, {name: value for name, value in given.items() if name not in url.query}
    # pg8000 knows none of libpq's words.
    arguments: dict[str, Any] = {"timeout": patience.statement_s, "tcp_keepalive": True}
    if url.query.get("sslmode") in _TLS_MODES:
        arguments["ssl_context"] = True
    kept: URL = url.difference_update_query(["sslmode"])
    return kept, arguments


def _driver(named: str) -> str:
    """Choose the driver: the one the address names if it is there, else the first that is."""
    wanted: tuple[str, ...] = (named,) if named in POSTGRES_DRIVERS else ()
    for driver in (*wanted, *POSTGRES_DRIVERS):
        try:
            importlib.import_module(driver)
        except ImportError:
            continue
        return driver
    raise misfit(
        'There is no driver for PostgreSQL: install one with pip install "psycopg[binary]".'
    )


# --- SQLite ---------------------------------------------------------------------------------------


def _sqlite_engine(url: URL, patience: Patience, *, is_own_file: bool) -> Engine:
    url = url.set(drivername="sqlite+pysqlite")
    name = url.database or ""
    if name in {"", ":memory:"} or "mode=memory" in name or url.query.get("mode") == "memory":
        raise misfit("A database in memory keeps nothing; name a file.")
    if "\0" in name:
        raise misfit(NO_FILE)
    if is_own_file and not name.startswith("file:"):
        _make_folder(Path(name))
    arguments = {"timeout": patience.lock_s, "check_same_thread": False}
    engine = _made(url, patience, arguments)

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        """Make commits durable; the busy timeout is an argument of the connection."""
        if is_own_file:
            _use_wal(connection)
        connection.execute(f"PRAGMA synchronous={_SQLITE_FULL_SYNC}")

    return engine


def _use_wal(connection: sqlite3.Connection) -> None:
    try:
        connection.execute("PRAGMA journal_mode=WAL")
    except sqlite3.OperationalError as error:
        # Another process changes the mode at this moment; the file keeps it for both.
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
            raise


def _make_folder(file: Path) -> None:
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise misfit(f"The folder {file.parent} cannot be made: {reason}.") from None


# --- one piece of work ----------------------------------------------------------------------------


@contextmanager
def durable(connection: Connection, *, is_borrowed: bool) -> Iterator[None]:
    """See to it that what is committed in the block survives a power cut.

    A borrowed connection gets its setting back: the rest of Open WebUI chose it.
    """
    if connection.dialect.name != "sqlite" or not is_borrowed:
        yield
        return
    # Outside of any transaction, or SQLite would refuse; SQLAlchemy has not begun one yet.
    driver: Any = connection.connection.dbapi_connection
    before = driver.execute("PRAGMA synchronous").fetchone()[0]
    driver.execute(f"PRAGMA synchronous={max(before, _SQLITE_FULL_SYNC)}")
    try:
        yield
    finally:
        driver.execute(f"PRAGMA synchronous={before}")
