"""How the table of artifacts comes about, and which tables are used (SPEC 150, 151, 157)."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from actors.ports import StoreMisfit
from actors.values import Reasoning
from bridge.storage.artifact_store import SqlArtifactStore
from bridge.storage.engines import Database
from bridge.storage.sealing import SealPolicy
from bridge.storage.table import index_name
from tests.integration.servers import Postgres
from tests.integration.store_stages import (
    ITEMS,
    TABLES,
    SqlStage,
    artifact,
    postgres_stage,
    sqlite_stage,
)

PLAIN = json.loads(
    (Path(__file__).parents[2] / "fixtures" / "earlier_pipe.json").read_text(encoding="utf-8")
)["plain_row"]
COLUMNS = {
    "id": "VARCHAR(20) NOT NULL",
    "chat_id": "VARCHAR(64) NOT NULL",
    "message_id": "VARCHAR(64) NOT NULL",
    "model_id": "VARCHAR(128)",
    "item_type": "VARCHAR(64) NOT NULL",
    "payload": "JSON NOT NULL",
    "is_encrypted": "BOOLEAN NOT NULL",
    "created_at": "TIMESTAMP NOT NULL",
}


@pytest.fixture(params=["sqlite", "postgres"])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> SqlStage:
    if request.param == "sqlite":
        (tmp_path / "its own").mkdir()
        return sqlite_stage(tmp_path)
    return postgres_stage(request.getfixturevalue("postgres_server"))


def make(stage: SqlStage, columns: dict[str, str], name: str = "") -> None:
    described = ", ".join(f"{column} {kind}" for column, kind in columns.items())
    stage.run(f"CREATE TABLE {name or stage.table} ({described}, PRIMARY KEY (id))")


def works(stage: SqlStage) -> None:
    """Open a store, save and read through it."""
    store = stage.store()
    store.open()
    try:
        store.save([artifact(1)])
        assert store.load("chat-1", [artifact(1).id]).artifacts == (artifact(1),)
    finally:
        store.close()


def indexes(stage: SqlStage) -> dict[str, str]:
    """The indexes of the whole database that are ours by their names, each with its table."""
    if stage.is_sqlite:
        found = stage.run("SELECT name, tbl_name FROM sqlite_master WHERE type = 'index'")
    else:
        found = stage.run("SELECT indexname, tablename FROM pg_indexes")
    return {str(name): str(table) for name, table in found if stage.table in str(name)}


def test_a_table_of_the_earlier_pipe_is_used_as_it_is(stage: SqlStage) -> None:
    make(stage, COLUMNS)
    stored = json.dumps(PLAIN["stored_payload"])
    stage.run(
        f"INSERT INTO {stage.table} VALUES ('{1:020}', 'chat-1', 'm', NULL, 'reasoning',"
        f" '{stored}', false, '2023-11-14 12:00:00')"
    )
    store = stage.store()
    store.open()
    (found,) = store.load("chat-1", [f"{1:020}"]).artifacts
    store.save([artifact(2)])
    store.close()
    assert isinstance(found.item, Reasoning)
    assert json.loads(found.item.json) == PLAIN["payload"]
    assert found.model_id == ""
    assert stage.rows() == 2


def test_a_table_without_our_columns_is_refused_by_name(stage: SqlStage) -> None:
    make(stage, {"id": "VARCHAR(20) NOT NULL", "payload": "JSON", "text": "TEXT"})
    with pytest.raises(StoreMisfit) as caught:
        stage.store().open()
    detail = caught.value.facts.detail
    assert stage.table in detail
    assert "chat_id, message_id, model_id, item_type, is_encrypted, created_at" in detail


def test_a_table_that_wants_more_than_we_have_is_refused_by_name(stage: SqlStage) -> None:
    more = {"note": "TEXT", "stamp": "TEXT NOT NULL DEFAULT ''"}
    make(stage, {**COLUMNS, **more})
    works(stage)
    stage.run(f"DROP TABLE {stage.table}")
    make(stage, {**COLUMNS, "owner": "TEXT NOT NULL"})
    with pytest.raises(StoreMisfit) as caught:
        stage.store().open()
    assert "wants more than an artifact has: owner." in caught.value.facts.detail


def test_both_ids_are_indexed_once(stage: SqlStage) -> None:
    make(stage, COLUMNS)
    stage.run(f"CREATE INDEX odd_{stage.table} ON {stage.table} (chat_id)")
    works(stage)
    works(stage)
    ours = {name for name in indexes(stage) if name.startswith(("ix_", "odd_"))}
    assert ours == {f"odd_{stage.table}", f"ix_{stage.table}_message_id"}


def test_an_index_that_a_renamed_table_left_behind_gives_way(stage: SqlStage) -> None:
    works(stage)
    stage.run(f"ALTER TABLE {stage.table} RENAME TO old_{stage.table}")
    works(stage)
    name = index_name(stage.table, "chat_id")
    assert indexes(stage)[name] == stage.table
    assert stage.rows() == 1


def test_many_may_make_the_table_at_once(stage: SqlStage) -> None:
    stores = [stage.store() for _ in range(8)]
    with ThreadPoolExecutor(len(stores)) as threads:
        for opening in [threads.submit(store.open) for store in stores]:
            opening.result()
    for number, store in enumerate(stores):
        store.save([artifact(number)])
        store.close()
    assert stage.rows() == len(stores)
    assert len([name for name in indexes(stage) if name.startswith("ix_")]) == 2


def test_a_table_that_goes_away_is_made_again_by_the_next_open(stage: SqlStage) -> None:
    store = stage.store()
    store.open()
    stage.run(f"DROP TABLE {stage.table}")
    with pytest.raises(StoreMisfit) as caught:
        store.save([artifact(1)])
    assert "table" in caught.value.facts.detail
    store.open()
    store.save([artifact(1)])
    store.close()
    assert stage.rows() == 1


def test_a_name_longer_than_the_database_takes_is_found_again(stage: SqlStage) -> None:
    long = replace(stage, table=f"response_items_{next(TABLES)}_{'x' * 60}_6f70ddd8")
    works(long)
    works(long)
    assert long.rows() == 1


def test_what_was_sealed_with_another_key_is_counted(stage: SqlStage) -> None:
    sealed = replace(stage, policy=SealPolicy.EVERYTHING)
    works(sealed)
    other = sealed.store(key="another")
    other.open()
    found = other.load("chat-1", [artifact(1).id])
    other.close()
    assert (found.artifacts, found.unreadable) == ((), 1)


def test_a_sealed_row_that_was_moved_to_another_chat_is_unreadable(stage: SqlStage) -> None:
    sealed = replace(stage, policy=SealPolicy.EVERYTHING)
    works(sealed)
    sealed.run(f"UPDATE {sealed.table} SET chat_id = 'chat-2'")
    store = sealed.store()
    store.open()
    assert store.load("chat-2", [artifact(1).id]).unreadable == 1
    store.close()


def test_thinking_alone_is_sealed_where_the_policy_says_so(stage: SqlStage) -> None:
    some = replace(stage, policy=SealPolicy.REASONING)
    store = some.store()
    store.open()
    kept = [artifact(number, item=item) for number, item in enumerate(ITEMS.values())]
    store.save(kept)
    assert store.load("chat-1", [each.id for each in kept]).artifacts == tuple(kept)
    store.close()
    types = some.run(f"SELECT DISTINCT item_type FROM {some.table} WHERE is_encrypted")
    assert types == [("reasoning",)]


def test_rows_of_session_logs_are_nobodys_artifacts(stage: SqlStage) -> None:
    works(stage)
    stage.run(f"UPDATE {stage.table} SET item_type = 'session_log_segment'")
    store = stage.store()
    store.open()
    assert store.load("chat-1", [artifact(1).id]).missing == 1
    store.close()


def test_a_failing_row_takes_its_whole_batch_along(stage: SqlStage) -> None:
    """All or nothing: a trigger of the database refuses the last row."""
    works(stage)
    refused = artifact(9, chat_id="refused")
    if stage.is_sqlite:
        stage.run(
            f"CREATE TRIGGER refusal BEFORE INSERT ON {stage.table} WHEN NEW.chat_id = 'refused'"
            " BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    else:
        stage.run(f"ALTER TABLE {stage.table} ADD CONSTRAINT no CHECK (chat_id <> 'refused')")
    store = stage.store()
    store.open()
    with pytest.raises(StoreMisfit):
        store.save([artifact(2), artifact(3), refused])
    assert stage.rows() == 1
    store.save([artifact(2), artifact(3)])
    store.close()
    assert stage.rows() == 3


@pytest.mark.parametrize("payload", ["x'fffe'", "12.5", "'['", "x'7b7d'", "zeroblob(3)"])
def test_a_damaged_row_of_sqlite_spoils_no_other(tmp_path: Path, payload: str) -> None:
    stage = sqlite_stage(tmp_path)
    works(stage)
    store = stage.store()
    store.open()
    store.save([artifact(2), artifact(3)])
    stage.run(f"UPDATE {stage.table} SET payload = {payload} WHERE id = '{artifact(2).id}'")
    stage.run(f"UPDATE {stage.table} SET is_encrypted = 'x' WHERE id = '{artifact(3).id}'")
    found = store.load("chat-1", [artifact(number).id for number in (1, 2, 3)])
    store.close()
    assert found.artifacts == (artifact(1),)
    assert found.unreadable == 2


def test_the_schema_of_open_webui_is_used(postgres_server: Postgres) -> None:
    name = postgres_server.new_database()
    postgres_server.run('CREATE SCHEMA "Chat Data"', name)
    table = "response_items_x"

    def store(schema: str) -> SqlArtifactStore:
        return SqlArtifactStore(Database(url=postgres_server.url(name), schema=schema), table)

    for _ in range(2):
        made = store("Chat Data")
        made.open()
        made.save([artifact(1)])
        assert made.load("chat-1", [artifact(1).id]).artifacts == (artifact(1),)
        made.close()
    assert postgres_server.run(f'SELECT count(*) FROM "Chat Data".{table}', name) == [(1,)]
    postgres_server.run(f'ALTER TABLE "Chat Data".{table} RENAME TO old', name)
    again = store("Chat Data")
    again.open()
    again.close()
    where = f"SELECT count(*) FROM pg_indexes WHERE tablename = '{table}'"
    assert postgres_server.run(where, name) == [(3,)]
    with pytest.raises(StoreMisfit) as caught:
        store("nowhere").open()
    assert "DATABASE_SCHEMA" in caught.value.facts.detail


def test_names_of_indexes_are_short_and_each_tables_own() -> None:
    tables = [f"response_items_{'x' * 60}_{ending}" for ending in ("1", "2")]
    names = {index_name(table, column) for table in tables for column in ("chat_id", "message_id")}
    assert len(names) == 4
    assert all(len(name.encode()) <= 63 for name in names)
    assert index_name("response_items_a_1", "chat_id") == "ix_response_items_a_1_chat_id"
