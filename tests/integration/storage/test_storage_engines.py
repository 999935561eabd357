"""Which engine is used, what it is told, and what addresses are refused (SPEC 150, 197)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from actors.ports import Secret, StoreBusy, StoreError, StoreMisfit
from bridge.storage import errors
from bridge.storage.artifact_store import SqlArtifactStore
from bridge.storage.engines import Database, Patience, own_engine
from tests.integration.servers import PASSWORD, Postgres
from tests.integration.store_stages import artifact, postgres_stage

WORD = "hunter2"


class PlainDialect(SQLiteDialect_pysqlite):
    """A database that nothing is known of but that it speaks SQL."""

    name = "plainsql"
    supports_statement_cache = True


registry.register("plainsql", __name__, "PlainDialect")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "webui.db"


@pytest.fixture
def shared(file: Path) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{file}", pool_size=1, max_overflow=0)

    @event.listens_for(engine, "connect")
    def lax(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA synchronous=NORMAL")

    yield engine
    engine.dispose()


def pragma(engine: Engine, name: str) -> object:
    with engine.connect() as connection:
        return connection.execute(text(f"PRAGMA {name}")).scalar()


def use(database: Database) -> None:
    store = SqlArtifactStore(database, "t")
    store.open()
    try:
        store.save([artifact(1)])
        assert store.load("chat-1", [artifact(1).id]).artifacts == (artifact(1),)
        assert store.forget("chat-1", [artifact(1).id]) == 1
    finally:
        store.close()


def test_a_file_of_our_own_is_made_and_durable(tmp_path: Path) -> None:
    file = tmp_path / "a" / "b" / "artifacts.sqlite"
    patience = Patience(lock_s=7.0)
    engine = own_engine(Secret(f"sqlite:///{file}"), patience)
    assert (pragma(engine, "journal_mode"), pragma(engine, "synchronous")) == ("wal", 2)
    assert pragma(engine, "busy_timeout") == 7000
    engine.dispose()
    assert file.parent.stat().st_mode & 0o077 == 0


def test_the_mode_of_a_file_that_others_write_is_left_alone(file: Path) -> None:
    engine = own_engine(Secret(f"sqlite:///{file}"), Patience(), is_own_file=False)
    assert (pragma(engine, "journal_mode"), pragma(engine, "synchronous")) == ("delete", 2)
    engine.dispose()


def test_an_engine_of_somebody_else_is_used_and_left_as_it_was(shared: Engine) -> None:
    synchronous: list[object] = []

    @event.listens_for(shared, "after_cursor_execute")
    def note(_c: object, cursor: sqlite3.Cursor, statement: str, *_rest: object) -> None:
        if statement.startswith("INSERT"):
            synchronous.append(cursor.connection.execute("PRAGMA synchronous").fetchone()[0])

    with shared.connect() as held:
        used = held.connection.dbapi_connection
    use(Database(shared=shared))
    assert synchronous == [2]
    assert (pragma(shared, "synchronous"), pragma(shared, "journal_mode")) == (1, "delete")
    with shared.connect() as held:
        assert held.connection.dbapi_connection is used


def test_an_engine_without_a_connection_to_spare_is_busy(file: Path) -> None:
    engine = create_engine(f"sqlite:///{file}", pool_size=1, max_overflow=0, pool_timeout=0.05)
    store = SqlArtifactStore(Database(shared=engine), "t")
    store.open()
    with engine.connect(), pytest.raises(StoreBusy):
        store.save([artifact(1)])
    store.save([artifact(1)])
    store.close()
    engine.dispose()


def test_few_rows_of_a_long_chat_are_found_by_their_ids(shared: Engine) -> None:
    """With the index of the chat, each look at ten rows reads every row of the chat."""
    asked: list[tuple[str, tuple[object, ...]]] = []

    @event.listens_for(shared, "before_cursor_execute")
    def note(
        _c: object, _cursor: object, statement: str, values: tuple[object, ...], *_rest: object
    ) -> None:
        if "WHERE" in statement and "chat_id" in statement:
            asked.append((statement, values))

    use(Database(shared=shared))
    assert {statement.split()[0] for statement, _ in asked} == {"SELECT", "UPDATE", "DELETE"}
    with shared.connect() as connection:
        plans = [
            str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all())
            for statement, values in tuple(asked)
        ]
    assert all("(id=?)" in plan and "ix_t" not in plan for plan in plans), plans


def test_an_engine_that_does_not_work_is_replaced_by_one_of_our_own(
    tmp_path: Path, file: Path
) -> None:
    broken = create_engine(f"sqlite:///{tmp_path}/not/there/webui.db")
    use(Database(shared=broken, url=Secret(f"sqlite:///{file}"), is_own_file=False))
    assert file.exists()
    with pytest.raises(StoreMisfit) as caught:
        SqlArtifactStore(Database(shared=broken), "t").open()
    assert caught.value.facts.detail == errors.NO_FILE
    broken.dispose()


def test_a_shared_engine_of_postgres_keeps_its_own_limits(postgres_server: Postgres) -> None:
    address = postgres_server.url(scheme="postgresql+psycopg").reveal()
    engine = create_engine(address, pool_size=1, max_overflow=0)
    stage = postgres_stage(postgres_server)
    store = SqlArtifactStore(Database(shared=engine), stage.table)
    store.open()
    store.save([artifact(1)])
    with engine.connect() as connection:
        limits = [
            connection.execute(text(f"SHOW {name}")).scalar()
            for name in ("statement_timeout", "lock_timeout")
        ]
    assert limits == ["0", "0"]
    store.close()
    assert engine.pool.checkedin() == 1  # type: ignore[attr-defined]
    engine.dispose()


@pytest.mark.parametrize(
    "scheme", ["postgres", "postgresql", "postgresql+asyncpg", "postgres+pg8000"]
)
def test_any_spelling_of_postgres_finds_a_driver_that_is_there(
    postgres_server: Postgres, scheme: str
) -> None:
    stage = postgres_stage(postgres_server)
    store = SqlArtifactStore(Database(url=postgres_server.url(scheme=scheme)), stage.table)
    store.open()
    store.save([artifact(1)])
    store.close()
    assert stage.rows() == 1


def test_a_database_of_another_kind_is_spoken_to_in_plain_sql(tmp_path: Path) -> None:
    database = Database(url=Secret(f"plainsql:///{tmp_path}/x.db"))
    store = SqlArtifactStore(database, "t")
    store.open()
    batch = [artifact(number) for number in range(1, 1200)]
    store.save([batch[3], batch[3]])
    store.save([*batch, batch[0]])
    found = store.load("chat-1", [each.id for each in batch])
    assert found.artifacts == tuple(batch)
    store.close()
    use(Database(url=Secret(f"plainsql:///{tmp_path}/y.db")))


@pytest.mark.parametrize(
    ("address", "detail"),
    [
        ("", errors.NO_ADDRESS),
        (f"{WORD}", errors.NO_ADDRESS),
        (f"postgresql://me:{WORD}@host:port/name", errors.NO_ADDRESS),
        (f"postgresql://me:{WORD}@127.0.0.1:1/name?sslmode={WORD}", errors.NO_ADDRESS),
        (f"postgresql://me:{WORD}@127.0.0.1:1/name?nonsense={WORD}", errors.NO_ADDRESS),
        (f"telegraph://me:{WORD}@host/name", errors.NO_KIND),
        (f"mysql://me:{WORD}@host/name", errors.NO_KIND),
        ("sqlite://", "A database in memory keeps nothing; name a file."),
        ("sqlite:///:memory:", "A database in memory keeps nothing; name a file."),
        ("sqlite:///a\0b", errors.NO_FILE),
    ],
)
def test_an_address_that_is_none_is_told_without_its_password(address: str, detail: str) -> None:
    with pytest.raises(StoreMisfit) as caught:
        SqlArtifactStore(Database(url=Secret(address)), "t").open()
    error = caught.value
    assert error.facts.detail == detail
    told: BaseException | None = error
    while told is not None:
        assert WORD not in f"{told} {told!r}"
        told = told.__context__


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreMisfit) as caught:
        use(Database(url=Secret(f"sqlite:///{tmp_path}/file/deep/x.db")))
    assert f"{tmp_path}/file/deep" in caught.value.facts.detail


def test_without_a_database_there_is_a_sentence_and_no_store() -> None:
    with pytest.raises(StoreError) as caught:
        SqlArtifactStore(Database(), "t").open()
    assert "No database is named" in caught.value.facts.detail


def test_no_database_shows_its_password() -> None:
    database = Database(url=Secret(f"postgresql://me:{PASSWORD}@host/name"))
    assert PASSWORD not in repr(database)
    engine = own_engine(Secret(f"postgresql://me:{PASSWORD}@host/name"), Patience())
    assert PASSWORD not in repr(engine)
    assert engine.hide_parameters
