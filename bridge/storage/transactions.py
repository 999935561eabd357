"""Transactions on one database, each within its bounds.

Every wait has one: for a connection, for a lock, for a statement, and for a server that says
nothing. What a driver raises is translated here and goes no further.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, TypeVar

from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from actors.kernel.clock import Watch
from actors.ports import ErrorFacts, StoreError, StoreUnavailable
from bridge.storage.engines import Database, Patience, Reached, durable, reach
from bridge.storage.errors import AWAY, is_connection_lost, store_error
from bridge.storage.statements import LIMITS
from bridge.storage.watchdog import Watchdog

T = TypeVar("T")

# Past the server's own bound for a statement, before the line counts as dead.
_SILENCE_FACTOR: Final = 1.5


class Transactions:
    """Runs work in transactions. Any number of threads may use one while it is open.

    Args:
        database: where the work is done.
        patience: how long each step may take.
        watch: tells the time.
    """

    def __init__(self, database: Database, patience: Patience, watch: Watch) -> None:
        self._database = database
        self._patience = patience
        self._reached: Reached | None = None
        self._watchdog = Watchdog(patience.statement_s * _SILENCE_FACTOR, watch)

    def open(self) -> Engine:
        """Choose or make the engine, and return it. Harmless when it is open.

        Raises:
            StoreError: there is none that could work.
        """
        if self._reached is None:
            self._reached = reach(self._database, self._patience)
        return self._reached.engine

    def run(self, work: Callable[[Connection], T]) -> T:
        """Do the work in one transaction and return what it gives, once it is committed.

        Raises:
            StoreError: whether a commit took place is known only where it says so.
        """
        reached = self._reached
        if reached is None:
            raise StoreUnavailable(ErrorFacts(detail=AWAY))
        try:
            try:
                return self._once(reached, work)
            except _Stale:
                return self._once(reached, work)
        except _Stale:
            failure: StoreError = StoreUnavailable(ErrorFacts(detail=AWAY))
        except (SQLAlchemyError, sqlite3.Error) as error:
            failure = store_error(error)
        except OSError:
            # Not every driver wraps what its socket raises.
            failure = StoreUnavailable(ErrorFacts(detail=AWAY))
        # Outside of the blocks above: what was caught may hold a statement and its rows.
        raise failure

    def let_go(self) -> None:
        """Give up the connections, unless they are somebody else's. Harmless when there are none.

        What runs meanwhile ends by itself.
        """
        reached, self._reached = self._reached, None
        if reached is not None and not reached.is_borrowed:
            with suppress(SQLAlchemyError):
                reached.engine.dispose()

    def close(self) -> None:
        """Let go of everything."""
        self.let_go()
        self._watchdog.close()

    def _once(self, reached: Reached, work: Callable[[Connection], T]) -> T:
        with (
            reached.engine.connect() as connection,
            self._watchdog.watching(_descriptor(connection)),
            durable(connection, is_borrowed=reached.is_borrowed),
            connection.begin(),
        ):
            if connection.dialect.name == "postgresql":
                self._limit(connection)
            return work(connection)

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


class _Stale(Exception):
    """A pooled connection was dead before anything was done on it."""


def _milliseconds(seconds: float) -> str:
    return str(max(1, round(seconds * 1000)))


def _descriptor(connection: Connection) -> int | None:
    """Return the socket of a connection where it has one."""
    driver: Any = connection.connection.dbapi_connection
    if connection.dialect.name == "sqlite":
        return None
    fileno = getattr(driver, "fileno", None)
    return fileno() if callable(fileno) else None
