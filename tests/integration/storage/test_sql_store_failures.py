"""What databases do wrong, and what the store makes of it (SPEC 155, 158)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import create_engine, event

from actors.kernel.clock import SystemWatch
from actors.ports import (
    ArtifactStore,
    Secret,
    StoreBusy,
    StoreError,
    StoreMisfit,
    StoreUnavailable,
)
from actors.values import ToolOutput
from bridge.chaos.tcp_proxy import TcpProxy
from bridge.storage import errors
from bridge.storage.artifact_store import SqlArtifactStore
from bridge.storage.engines import Database, Patience
from tests.integration.servers import PASSWORD, Postgres, running_postgres
from tests.integration.store_stages import SqlStage, artifact, postgres_stage, sqlite_stage

SECRET = "what the user asked"
QUICK = Patience(connect_s=2.0, lock_s=0.2, statement_s=1.0, pool_s=0.2)
TOLD = artifact(1, item=ToolOutput(call_id="c", output=SECRET))
ID = TOLD.id


@pytest.fixture
def sqlite_rows(tmp_path: Path) -> SqlStage:
    return sqlite_stage(tmp_path)


@pytest.fixture
def postgres_rows(postgres_server: Postgres) -> SqlStage:
    return postgres_stage(postgres_server)


@contextmanager
def opened(
    stage: SqlStage, *, database: Database | None = None, patience: Patience = QUICK
) -> Iterator[ArtifactStore]:
    store = SqlArtifactStore(
        database or stage.database, stage.table, watch=SystemWatch(), patience=patience
    )
    store.open()
    try:
        yield store
    finally:
        store.close()


def at(url: Secret) -> Database:
    return Database(url=url)


def failure(call: Callable[[], object]) -> StoreError:
    """What a call raises; nothing about it tells what was stored, or a password."""
    with pytest.raises(StoreError) as caught:
        call()
    error = caught.value
    chain: BaseException | None = error
    while chain is not None:
        told = f"{chain} {chain!r} {chain.args}"
        if isinstance(chain, StoreError):
            told += f"{chain.facts} {chain.facts.detail}"
        assert SECRET not in told
        assert PASSWORD not in told
        chain = chain.__cause__ or chain.__context__
    return error


# --- SQLite ---------------------------------------------------------------------------------------


def test_a_locked_file_is_busy_for_a_bounded_time(sqlite_rows: SqlStage) -> None:
    with opened(sqlite_rows) as store:
        other = sqlite3.connect(str(file_of(sqlite_rows)), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        error = failure(lambda: store.save([TOLD]))
        assert isinstance(error, StoreBusy)
        assert (error.facts.code, error.facts.detail) == ("SQLITE_BUSY", errors.BUSY)
        other.execute("COMMIT")
        other.close()
        store.save([TOLD])
        assert store.load("chat-1", [ID]).artifacts == (TOLD,)


def test_a_file_that_somebody_reads_is_used_before_it_changes_its_mode(
    sqlite_rows: SqlStage,
) -> None:
    """A reader keeps the file from going over to WAL; that is no reason to do without it."""
    file = file_of(sqlite_rows)
    file.parent.mkdir()
    with opened(sqlite_rows, database=replace(sqlite_rows.database, is_own_file=False)) as store:
        store.save([TOLD])
    other = sqlite3.connect(str(file), isolation_level=None)
    other.execute("BEGIN")
    other.execute(f"SELECT count(*) FROM {sqlite_rows.table}").fetchall()
    with opened(sqlite_rows) as store:
        assert store.load("chat-1", [ID]).artifacts == (TOLD,)
    other.execute("COMMIT")
    other.close()
    with opened(sqlite_rows) as store:
        store.save([artifact(2)])
    assert sqlite_rows.run("PRAGMA journal_mode") == [("wal",)]


def test_what_cannot_be_refreshed_is_read_all_the_same(
    sqlite_rows: SqlStage, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(sqlite_rows) as store:
        store.save([TOLD])
        other = sqlite3.connect(str(file_of(sqlite_rows)), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        for _ in range(2):
            assert store.load("chat-1", [ID]).artifacts == (TOLD,)
        other.execute("COMMIT")
        other.close()
        assert len(caplog.records) == 1
        assert "StoreBusy" in caplog.text
        assert SECRET not in caplog.text


def test_a_full_disk_is_told_to_the_admin(sqlite_rows: SqlStage) -> None:
    with opened(sqlite_rows):
        pass
    engine = create_engine(f"sqlite:///{file_of(sqlite_rows)}")

    @event.listens_for(engine, "connect")
    def bound(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA max_page_count=12")

    big = replace(TOLD, item=ToolOutput(call_id="c", output=SECRET * 10_000))
    with opened(sqlite_rows, database=Database(shared=engine)) as store:
        error = failure(lambda: store.save([big]))
        assert isinstance(error, StoreMisfit)
        assert (error.facts.code, error.facts.detail) == ("SQLITE_FULL", errors.FULL)
        assert store.load("chat-1", [ID]).missing == 1
    engine.dispose()


def test_a_file_that_takes_no_writes_can_still_be_read(sqlite_rows: SqlStage) -> None:
    with opened(sqlite_rows) as store:
        store.save([TOLD])
    read_only = Database(
        url=Secret(f"sqlite:///file:{file_of(sqlite_rows)}?mode=ro&uri=true"), is_own_file=False
    )
    with opened(sqlite_rows, database=read_only) as store:
        assert store.load("chat-1", [ID]).artifacts == (TOLD,)
        error = failure(lambda: store.save([artifact(2)]))
        assert isinstance(error, StoreMisfit)
        assert error.facts.detail == errors.READ_ONLY
        assert isinstance(failure(lambda: store.forget("chat-1", [ID])), StoreMisfit)


def test_a_file_that_is_no_database_is_told_to_the_admin(sqlite_rows: SqlStage) -> None:
    file = file_of(sqlite_rows)
    file.parent.mkdir()
    file.write_bytes(b"this is no database, and never was one" * 100)
    error = failure(lambda: sqlite_rows.store().open())
    assert isinstance(error, StoreMisfit)
    assert error.facts.detail == errors.DAMAGED


def test_a_torn_file_is_told_to_the_admin(sqlite_rows: SqlStage) -> None:
    with opened(sqlite_rows) as store:
        store.save([artifact(number) for number in range(500)])
    file = file_of(sqlite_rows)
    whole = file.read_bytes()
    file.write_bytes(whole[:8192] + b"\xa5" * (len(whole) - 8192))
    store = SqlArtifactStore(sqlite_rows.database, sqlite_rows.table)

    def use() -> None:
        store.open()
        store.save([artifact(999)])

    error = failure(use)
    store.close()
    assert isinstance(error, StoreMisfit)
    assert error.facts.detail == errors.DAMAGED


def file_of(stage: SqlStage) -> Path:
    assert stage.database.url is not None
    return Path(stage.database.url.reveal().removeprefix("sqlite:///"))


# --- PostgreSQL: refused -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "detail"),
    [
        ({"password": "wrong"}, errors.NO_LOGIN),
        ({"user": "nobody_here"}, errors.NO_LOGIN),
        ({"database": "not_there"}, errors.NO_DATABASE),
    ],
)
def test_an_admin_is_told_which_part_of_the_address_is_wrong(
    postgres_server: Postgres, words: dict[str, str], detail: str
) -> None:
    url = postgres_server.url(
        words.get("database", "postgres"),
        user=words.get("user", "greenroom"),
        password=words.get("password", PASSWORD),
    )
    error = failure(SqlArtifactStore(at(url), "t", patience=QUICK).open)
    assert isinstance(error, StoreMisfit)
    assert error.facts.detail == detail


def test_a_server_that_is_not_there_is_away(postgres_server: Postgres) -> None:
    with TcpProxy(postgres_server.port) as proxy:
        proxy.refuse()
        url = postgres_server.url(port=proxy.port)
        error = failure(SqlArtifactStore(at(url), "t", patience=QUICK).open)
        assert isinstance(error, StoreUnavailable)


def test_missing_rights_are_told_and_reading_needs_no_right_to_write(
    postgres_server: Postgres, postgres_rows: SqlStage
) -> None:
    reader = postgres_server.new_database()
    postgres_server.run(f"CREATE ROLE {reader} LOGIN PASSWORD '{PASSWORD}'")
    database = at(postgres_server.url(user=reader))
    error = failure(SqlArtifactStore(database, postgres_rows.table).open)
    assert isinstance(error, StoreMisfit)
    assert error.facts.detail == errors.NO_RIGHT
    with opened(postgres_rows) as store:
        store.save([TOLD])
    postgres_server.run(f"GRANT SELECT ON {postgres_rows.table} TO {reader}")
    with opened(postgres_rows, database=database) as store:
        assert store.load("chat-1", [ID]).artifacts == (TOLD,)
        error = failure(lambda: store.save([artifact(2)]))
        assert isinstance(error, StoreMisfit)
        assert error.facts.detail == errors.NO_RIGHT


def test_a_server_without_a_connection_to_spare_is_busy(
    postgres_server: Postgres, postgres_rows: SqlStage
) -> None:
    user = postgres_server.new_database()
    postgres_server.run(
        f"CREATE ROLE {user} SUPERUSER LOGIN CONNECTION LIMIT 0 PASSWORD '{PASSWORD}'"
    )
    postgres_server.run(f"ALTER ROLE {user} NOSUPERUSER")
    url = postgres_server.url(user=user)
    error = failure(SqlArtifactStore(at(url), postgres_rows.table).open)
    assert isinstance(error, StoreBusy)
    assert error.facts.detail == errors.CROWDED


def test_a_database_that_takes_no_writes_says_so(
    postgres_server: Postgres, postgres_rows: SqlStage
) -> None:
    user = postgres_server.new_database()
    postgres_server.run(f"CREATE ROLE {user} SUPERUSER LOGIN PASSWORD '{PASSWORD}'")
    with opened(postgres_rows) as store:
        store.save([TOLD])
    postgres_server.run(f"ALTER ROLE {user} SET default_transaction_read_only = on")
    with opened(postgres_rows, database=at(postgres_server.url(user=user))) as store:
        assert store.load("chat-1", [ID]).artifacts == (TOLD,)
        error = failure(lambda: store.save([artifact(2)]))
        assert (type(error), error.facts.detail) == (StoreMisfit, errors.READ_ONLY)


# --- PostgreSQL: slow, gone, back ----------------------------------------------------------------


def test_a_lock_is_waited_for_and_not_for_ever(
    postgres_server: Postgres, postgres_rows: SqlStage
) -> None:
    with opened(postgres_rows) as store, postgres_server.connect() as other:
        with other.transaction():
            other.execute(f"LOCK TABLE {postgres_rows.table}".encode())
            error = failure(lambda: store.save([TOLD]))
            assert isinstance(error, StoreBusy)
        store.save([TOLD])


def test_connections_that_died_unseen_are_replaced_without_a_word(
    postgres_server: Postgres, postgres_rows: SqlStage
) -> None:
    with TcpProxy(postgres_server.port) as proxy:
        database = at(postgres_server.url(port=proxy.port))
        with opened(postgres_rows, database=database) as store:
            store.save([TOLD])
            proxy.cut()
            store.save([artifact(2)])
            proxy.reset()
            assert store.load("chat-1", [ID]).artifacts == (TOLD,)


@pytest.mark.parametrize("is_passed", [True, False], ids=["committed", "not committed"])
def test_a_commit_without_an_answer_is_unknown_and_can_be_repeated(
    postgres_server: Postgres, postgres_rows: SqlStage, *, is_passed: bool
) -> None:
    with TcpProxy(postgres_server.port) as proxy:
        database = at(postgres_server.url(port=proxy.port))
        with opened(postgres_rows, database=database) as store:
            store.save([artifact(2)])
            proxy.cut_at(b"COMMIT", is_passed=is_passed)
            error = failure(lambda: store.save([TOLD, artifact(3)]))
            assert isinstance(error, StoreUnavailable)
            # The server may still be at it; the lock of the row waits for its end.
            store.save([TOLD, artifact(3)])
            assert store.load("chat-1", [ID, artifact(3).id]).artifacts == (TOLD, artifact(3))
    assert postgres_rows.rows() == 3


def test_a_server_that_goes_away_is_away_until_it_is_back(postgres_server: Postgres) -> None:
    stage = postgres_stage(postgres_server)
    with TcpProxy(postgres_server.port) as proxy:
        database = at(postgres_server.url(port=proxy.port))
        with opened(stage, database=database) as store:
            store.save([TOLD])
            proxy.refuse()
            for call in (
                lambda: store.save([artifact(2)]),
                lambda: store.load("chat-1", [ID]),
                lambda: store.forget("chat-1", [ID]),
                lambda: store.sweep(10.0, 10),
                store.open,
            ):
                assert isinstance(failure(call), StoreUnavailable)
            proxy.heal()
            store.open()
            store.save([artifact(2)])
            assert store.load("chat-1", [ID]).artifacts == (TOLD,)


def test_a_server_that_says_nothing_is_given_up_on(
    postgres_server: Postgres, postgres_rows: SqlStage
) -> None:
    watch = SystemWatch()
    with TcpProxy(postgres_server.port) as proxy:
        database = at(postgres_server.url(port=proxy.port))
        with opened(postgres_rows, database=database) as store:
            store.save([TOLD])
            proxy.stall()
            before_s = watch.now_s()
            assert isinstance(failure(lambda: store.save([artifact(2)])), StoreUnavailable)
            assert watch.now_s() - before_s < 15.0
            proxy.heal()
            store.save([artifact(2)])
    assert postgres_rows.rows() == 2


def test_a_slow_line_is_slow_and_nothing_else(
    postgres_server: Postgres, postgres_rows: SqlStage
) -> None:
    with TcpProxy(postgres_server.port) as proxy:
        database = at(postgres_server.url(port=proxy.port))
        with opened(postgres_rows, database=database) as store:
            proxy.delay(0.02)
            store.save([TOLD])
            assert store.load("chat-1", [ID]).artifacts == (TOLD,)


def test_a_row_that_is_read_while_the_sweeper_looks_at_it_is_kept(
    postgres_server: Postgres, postgres_rows: SqlStage
) -> None:
    """The sweeper has found both rows as old; before it deletes them, one of them is read."""
    engine = create_engine(postgres_server.url(scheme="postgresql+psycopg").reveal())
    sweeper = SqlArtifactStore(
        Database(shared=engine), postgres_rows.table, watch=postgres_rows.clock
    )
    reader = postgres_rows.store()
    reader.open()
    reader.save([TOLD, artifact(2)])
    postgres_rows.clock.advance(101.0)

    @event.listens_for(engine, "after_cursor_execute")
    def read(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith("SELECT") and "created_at <" in statement:
            reader.load("chat-1", [ID])

    sweeper.open()
    assert sweeper.sweep(100.0, 10) == 1
    assert reader.load("chat-1", [ID, artifact(2).id]).artifacts == (TOLD,)
    reader.close()
    sweeper.close()
    engine.dispose()


def test_what_was_acknowledged_survives_a_killed_server() -> None:
    with running_postgres() as server:
        stage = postgres_stage(server)
        with opened(stage) as store:
            store.save([artifact(number) for number in range(50)])
            server.stop("immediate")
            assert isinstance(failure(lambda: store.save([TOLD])), StoreUnavailable)
            server.start()
            store.open()
            found = store.load("chat-1", [artifact(number).id for number in range(50)])
            assert (len(found.artifacts), found.missing, found.unreadable) == (50, 0, 0)
