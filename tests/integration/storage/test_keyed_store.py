"""The store of one pipe: its keys choose its tables, and what is sealed (SPEC 150 to 153)."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from actors.artifacts import Artifact, Recalled
from actors.kernel.entropy import SeededEntropy
from actors.ports import ArtifactStore, Secret, StoreMisfit
from actors.testing.manual_clock import ManualClock
from actors.values import Reasoning, ToolOutput, WireFormat
from bridge.crypto.key_ring import KEYS_MAX
from bridge.crypto.seal_broken import SealBroken, WhyBroken
from bridge.crypto.sealing import RowIdentity
from bridge.storage import errors
from bridge.storage.artifact_store import SqlArtifactStore
from bridge.storage.engines import Database, Patience, own_engine
from bridge.storage.keyed_store import Keys, key_ring, keyed_store, table_names
from bridge.storage.sealing import SealPolicy
from tests.integration.servers import Postgres
from tests.integration.store_stages import artifact, postgres_stage, sqlite_stage
from tests.unit.crypto_stage import VECTORS

PIPES = count(1)
OLD, NEW = Secret("the key of last year"), Secret("the key of this year")
THOUGHT = Reasoning(wire=WireFormat.RESPONSES, json='{"type":"reasoning","summary":"hush"}')
OUTPUT = ToolOutput(call_id="c", output="hush")


@dataclass(frozen=True, kw_only=True)
class House:
    """One pipe in one database. `run` executes one statement there and returns its rows."""

    pipe_id: str
    clock: ManualClock
    database: Database
    run: Callable[[str], list[tuple[object, ...]]]

    def store(self, keys: Keys, database: Database | None = None) -> ArtifactStore:
        return keyed_store(
            database or self.database,
            self.pipe_id,
            keys,
            entropy=SeededEntropy(next(PIPES)),
            watch=self.clock,
        )

    @contextmanager
    def opened(self, keys: Keys, database: Database | None = None) -> Any:
        store = self.store(keys, database)
        store.open()
        try:
            yield store
        finally:
            store.close()

    def keep(self, keys: Keys, *artifacts: Artifact) -> None:
        with self.opened(keys) as store:
            store.save(artifacts)

    def read(self, keys: Keys, *artifacts: Artifact) -> Recalled:
        with self.opened(keys) as store:
            recalled: Recalled = store.load("chat-1", [each.id for each in artifacts])
            return recalled

    def table(self, key: Secret) -> str:
        return table_names(self.database, self.pipe_id, Keys(current=key)).current

    def rows(self, key: Secret) -> int:
        ((number,),) = self.run(f"SELECT count(*) FROM {self.table(key)}")
        assert isinstance(number, int)
        return number


@pytest.fixture(params=["sqlite", "postgres"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> House:
    if request.param == "sqlite":
        (tmp_path / "its own").mkdir()
        stage = sqlite_stage(tmp_path)
    else:
        stage = postgres_stage(request.getfixturevalue("postgres_server"))
    return House(
        pipe_id=f"pipe {next(PIPES)}", clock=stage.clock, database=stage.database, run=stage.run
    )


def test_what_an_earlier_key_sealed_is_read_and_new_rows_are_under_the_new_one(
    house: House,
) -> None:
    before, after = artifact(1), artifact(2)
    house.keep(Keys(current=OLD), before)
    both = Keys(current=NEW, previous=(OLD,))
    house.keep(both, after)
    assert house.read(both, before, after) == Recalled(artifacts=(before, after))
    assert (house.rows(OLD), house.rows(NEW)) == (1, 1)


def test_without_the_earlier_key_its_rows_are_not_there(house: House) -> None:
    house.keep(Keys(current=OLD), artifact(1))
    assert house.read(Keys(current=NEW), artifact(1)) == Recalled(missing=1)


def test_what_was_kept_before_there_was_a_key_is_read_and_the_other_way_round(
    house: House,
) -> None:
    house.keep(Keys(), artifact(1))
    house.keep(Keys(current=NEW), artifact(2))
    found = Recalled(artifacts=(artifact(1), artifact(2)))
    assert house.read(Keys(current=NEW), artifact(1), artifact(2)) == found
    assert house.read(Keys(previous=(NEW,)), artifact(1), artifact(2)) == found


def test_looking_for_earlier_tables_makes_none(house: House) -> None:
    house.read(Keys(current=NEW, previous=(OLD,)), artifact(1))
    house.rows(NEW)
    for key in (OLD, Secret("")):
        with pytest.raises(Exception, match=r"no such table|does not exist"):
            house.rows(key)


def test_what_is_forgotten_is_forgotten_in_every_table(house: House) -> None:
    both = Keys(current=NEW, previous=(OLD,))
    house.keep(Keys(current=OLD), artifact(1))
    house.keep(both, artifact(1), artifact(2))
    with house.opened(both) as store:
        assert store.forget("chat-1", [artifact(1).id, artifact(2).id]) == 3
    assert (house.rows(OLD), house.rows(NEW)) == (0, 0)


def test_reading_keeps_rows_of_every_table_for_another_term(house: House) -> None:
    both = Keys(current=NEW, previous=(OLD,))
    house.keep(Keys(current=OLD), artifact(1), artifact(2))
    house.keep(both, artifact(3), artifact(4))
    house.clock.advance(80.0)
    house.read(both, artifact(1), artifact(3))
    house.clock.advance(80.0)
    with house.opened(both) as store:
        assert store.sweep(100.0, 1) == 1
        assert store.sweep(100.0, 10) == 1
    assert house.read(both, artifact(1), artifact(3)).missing == 0


def test_a_row_that_moves_while_it_is_looked_for_is_found(house: House) -> None:
    both = Keys(current=NEW, previous=(OLD,))
    house.keep(Keys(current=OLD), artifact(1))
    assert house.database.url is not None
    engine = own_engine(house.database.url, Patience())
    looks: list[str] = []

    def move_after_the_first_look(
        _connection: object, _cursor: object, statement: str, *_: object
    ) -> None:
        if statement.startswith("SELECT") and house.table(NEW) in statement and not looks:
            looks.append(statement)
            house.run(f"INSERT INTO {house.table(NEW)} SELECT * FROM {house.table(OLD)}")
            house.run(f"DELETE FROM {house.table(OLD)}")

    with house.opened(both, Database(shared=engine)) as store:
        event.listen(engine, "after_cursor_execute", move_after_the_first_look)
        assert store.load("chat-1", [artifact(1).id]) == Recalled(artifacts=(artifact(1),))
    engine.dispose()
    assert looks
    assert house.rows(OLD) == 0


def test_an_earlier_table_with_other_columns_is_passed_over(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.run(f"CREATE TABLE {house.table(OLD)} (id VARCHAR(20))")
    with caplog.at_level(logging.WARNING, logger="greenroom.storage"):
        house.keep(Keys(current=NEW, previous=(OLD,)), artifact(1))
    assert "is not one of artifacts" in caplog.text
    assert house.read(Keys(current=NEW, previous=(OLD,)), artifact(1)).missing == 0


def test_rows_of_the_earlier_pipe_are_read_by_their_key(house: House) -> None:
    stored = VECTORS["encrypted_rows"][0]
    key = Secret(stored["artifact_encryption_key"])
    house.keep(Keys(current=key))
    house.run(
        f"INSERT INTO {house.table(key)} VALUES ('{artifact(1).id}', 'chat-1', 'm', NULL,"
        f" 'reasoning', '{json.dumps(stored['stored_payload'])}', true, '2026-01-23 12:00:00')"
    )
    for keys in (Keys(current=key), Keys(current=NEW, previous=(key,))):
        (found,) = house.read(keys, artifact(1)).artifacts
        assert isinstance(found.item, Reasoning)
        assert json.loads(found.item.json) == stored["payload"]


@pytest.mark.parametrize(
    ("keys", "readable"),
    [
        (Keys(), {"reasoning", "function_call_output"}),
        (Keys(current=NEW, seals_all=False), {"function_call_output"}),
        (Keys(current=NEW), set()),
    ],
)
def test_only_what_may_be_read_in_the_table_can_be(
    house: House, keys: Keys, readable: set[str]
) -> None:
    kept = (
        replace(artifact(1), item=THOUGHT, place=3),
        replace(artifact(2), item=OUTPUT, place=4),
    )
    house.keep(keys, *kept)
    rows = house.run(f"SELECT item_type, CAST(payload AS TEXT) FROM {house.table(keys.current)}")
    for word in ("hush", "_place"):
        assert {kind for kind, payload in rows if word in str(payload)} == readable
    assert house.read(keys, *kept).artifacts == kept


def test_a_row_under_another_name_does_not_open_and_the_log_says_why(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.keep(Keys(current=NEW), artifact(1), artifact(2))
    house.run(f"UPDATE {house.table(NEW)} SET model_id = 'other/model' WHERE id = '{1:020}'")
    with caplog.at_level(logging.WARNING, logger="greenroom.storage"):
        found = house.read(Keys(current=NEW), artifact(1), artifact(2))
    assert found == Recalled(artifacts=(artifact(2),), unreadable=1)
    assert WhyBroken.TAMPERED.value in caplog.text


def test_what_is_too_large_to_be_sealed_is_refused_and_not_torn(tmp_path: Path) -> None:
    class Full:
        def seal(self, payload: bytes, row: RowIdentity) -> Mapping[str, object]:
            raise SealBroken(WhyBroken.TOO_LARGE)

        def open(self, wrapper: Mapping[str, object], row: RowIdentity) -> bytes:
            raise SealBroken(WhyBroken.TOO_LARGE)

    url = Secret(f"sqlite:///{tmp_path / 'artifacts.sqlite'}")
    store = SqlArtifactStore(Database(url=url), "t", sealer=Full(), policy=SealPolicy.EVERYTHING)
    store.open()
    with pytest.raises(StoreMisfit) as refused:
        store.save([artifact(1)])
    store.close()
    assert refused.value.facts.detail == errors.TOO_LARGE
    assert refused.value.__context__ is None


# --- what an admin can get wrong ------------------------------------------------------------------


def refusal(database: Database, keys: Keys) -> str:
    """What is said of a store that is of no use; nothing about it tells a secret."""
    with pytest.raises(StoreMisfit) as refused:
        keyed_store(database, "pipe", keys).open()
    told = "".join(map(str, [refused.value.facts, refused.value.facts.detail, refused.value]))
    for secret in (keys.current, *keys.previous):
        assert not secret.reveal() or secret.reveal() not in told
    assert "hunter2" not in told
    return refused.value.facts.detail


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("hunter2", errors.NO_ADDRESS),
        ("", errors.NO_ADDRESS),
        ("mongodb://me:hunter2@host/name", errors.NO_KIND),
        ("sqlite://", "A database in memory keeps nothing; name a file."),
    ],
)
def test_an_address_that_is_none_is_told_without_it(url: str, told: str) -> None:
    assert refusal(Database(url=Secret(url)), Keys(current=NEW)) == told


def test_no_database_at_all_is_told() -> None:
    assert refusal(Database(), Keys()) == errors.NOWHERE


def test_a_wrong_password_is_told_without_it(postgres_server: Postgres) -> None:
    database = Database(url=postgres_server.url(password="hunter2"))
    assert refusal(database, Keys(current=NEW)) == errors.NO_LOGIN


def test_too_many_keys_are_refused_and_not_named(tmp_path: Path) -> None:
    keys = Keys(current=NEW, previous=tuple(Secret(f"key {n}") for n in range(KEYS_MAX)))
    database = Database(url=Secret(f"sqlite:///{tmp_path / 'artifacts.sqlite'}"))
    assert str(KEYS_MAX) in refusal(database, keys)


def test_a_missing_lz4_library_is_told_once_where_it_matters(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING, logger="greenroom.storage"):
        key_ring(Keys(current=NEW), find_lz4=lambda: None)
        key_ring(Keys(current=NEW, compresses=False), find_lz4=lambda: None)
        key_ring(Keys(), find_lz4=lambda: None)
    assert caplog.text.count("lz4") == 1


def test_the_schema_of_the_host_is_used(postgres_server: Postgres) -> None:
    postgres_server.run("CREATE SCHEMA IF NOT EXISTS house")
    engine = own_engine(postgres_server.url(), Patience())
    store = keyed_store(Database(shared=engine, schema="house"), "in a schema", Keys(current=NEW))
    store.open()
    store.save([artifact(1)])
    store.close()
    with engine.connect() as connection:
        named = (
            "SELECT table_schema FROM information_schema.tables WHERE table_name LIKE '%schema%'"
        )
        assert "house" in set(connection.scalars(text(named)))
    engine.dispose()
