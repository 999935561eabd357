"""One contract for every store of segments: the one in memory, and the one in SQL."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    DateTime,
    Engine,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import SQLAlchemyError

from actors.log_values import BundleKey, PendingBundle
from actors.ports import SegmentStore, StoreUnavailable
from bridge.session_logs.segment_rows import PackingBroken, SegmentRow
from bridge.session_logs.sql_segments import SEGMENTS_PER_LOAD_MAX, SqlSegments
from tests.unit.log_stage import MemorySegments, entry, owner, segment

T = TypeVar("T")

NOW_S = 1_700_000_000.0


class Base:
    """A database of SQLite with the table of artifacts, and how work is done in it."""

    def __init__(self, path: Path) -> None:
        self.engine: Engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 30})
        self.table = Table(
            "items",
            MetaData(),
            Column("id", String(20), primary_key=True),
            Column("chat_id", String(64), nullable=False, index=True),
            Column("message_id", String(64), nullable=False, index=True),
            Column("model_id", String(128)),
            Column("item_type", String(64), nullable=False, index=True),
            Column("payload", Text, nullable=False),
            Column("is_encrypted", Boolean, nullable=False),
            Column("created_at", DateTime, nullable=False),
        )
        self.table.create(self.engine)

    def __call__(self, work: Callable[[Connection, Table], T]) -> T:
        try:
            with self.engine.begin() as connection:
                return work(connection, self.table)
        except SQLAlchemyError:
            raise StoreUnavailable from None

    def rows(self) -> int:
        return int(
            self(lambda connection, table: connection.scalar(select(func.count(table.c.id))))
        )

    def close(self) -> None:
        self.engine.dispose()


@pytest.fixture
def base(tmp_path: Path) -> Iterator[Base]:
    with closing(Base(tmp_path / "items.db")) as base:
        yield base


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, base: Base) -> SegmentStore:
    return MemorySegments() if request.param == "memory" else SqlSegments(base)


def pending(store: SegmentStore, **asked: Any) -> list[PendingBundle]:
    asked = {"stale_before_s": 0.0, "after_id": "", "bundles_max": 100} | asked
    return list(store.pending(**asked))


def take(store: SegmentStore, key: BundleKey, holder: str, now_s: float = NOW_S) -> bool:
    return store.lock(key, holder=holder, now_s=now_s, stale_before_s=now_s - 100.0)


# --- the contract ---------------------------------------------------------------------------------


def test_what_was_staged_is_read_as_it_was(store: SegmentStore) -> None:
    first = segment(1, entry("a\0ä"), entry("b", exception="c"), is_terminal=False)
    second = segment(2, created_s=NOW_S)
    store.stage(second)
    store.stage(first)
    (found,) = pending(store)
    staged = store.load(found.key)
    assert staged.segments == (first, second)
    assert staged.ids == (first.id, second.id)
    assert staged.unreadable == 0
    assert found.first_id == first.id


def test_staging_twice_stages_once(store: SegmentStore) -> None:
    for _ in range(3):
        store.stage(segment(1))
    (found,) = pending(store)
    assert store.load(found.key).segments == (segment(1),)


def test_a_message_is_pending_when_its_end_is_there_or_all_of_it_is_stale(
    store: SegmentStore,
) -> None:
    store.stage(segment(1, of=owner("ended"), created_s=NOW_S))
    store.stage(segment(2, of=owner("open"), is_terminal=False, created_s=NOW_S))
    store.stage(segment(3, of=owner("both"), is_terminal=False, created_s=NOW_S - 50))
    store.stage(segment(4, of=owner("both"), is_terminal=False, created_s=NOW_S))
    store.stage(segment(5, of=owner("old"), is_terminal=False, created_s=NOW_S - 50))
    first_ids = [found.first_id for found in pending(store, stale_before_s=NOW_S - 10)]
    assert first_ids == [segment(1).id, segment(5).id]
    assert len(pending(store, stale_before_s=NOW_S + 10)) == 4


def test_pending_messages_come_by_age_in_pages(store: SegmentStore) -> None:
    for number in (3, 1, 2, 5, 4):
        store.stage(segment(number, of=owner(f"m{number}")))
    first = pending(store, bundles_max=2)
    second = pending(store, bundles_max=2, after_id=first[-1].first_id)
    third = pending(store, bundles_max=2, after_id=second[-1].first_id)
    ids = [found.first_id for found in (*first, *second, *third)]
    assert ids == [segment(number).id for number in (1, 2, 3, 4, 5)]


def test_messages_do_not_mix(store: SegmentStore) -> None:
    store.stage(segment(1, of=owner("a")))
    store.stage(segment(2, of=owner("b")))
    one, other = pending(store)
    assert store.load(one.key).segments == (segment(1, of=owner("a")),)
    store.remove(store.load(one.key).ids)
    assert pending(store) == [other]
    assert store.load(one.key).segments == ()


def test_removing_what_is_gone_is_harmless(store: SegmentStore) -> None:
    store.remove([])
    store.remove(["x"] * 3)
    store.stage(segment(1))
    store.remove([segment(1).id, "x"])
    assert pending(store) == []


def test_a_lock_has_one_holder_and_comes_back(store: SegmentStore) -> None:
    """SPEC 169."""
    key, other = BundleKey(chat_id="c", message_id="m"), BundleKey(chat_id="c", message_id="n")
    assert take(store, key, "one")
    assert take(store, key, "one")
    assert not take(store, key, "two")
    assert take(store, other, "two")
    store.unlock(key, holder="two")
    assert not take(store, key, "two")
    store.unlock(key, holder="one")
    assert take(store, key, "two")
    store.unlock(key, holder="one")
    assert not take(store, key, "one")


def test_a_lock_whose_holder_was_not_heard_of_for_long_is_void(store: SegmentStore) -> None:
    key = BundleKey(chat_id="c", message_id="m")
    assert take(store, key, "one")
    assert not take(store, key, "two", now_s=NOW_S + 100.0)
    assert take(store, key, "two", now_s=NOW_S + 100.1)
    assert not take(store, key, "one", now_s=NOW_S + 100.1)


def test_a_lock_that_is_taken_again_is_fresh_again(store: SegmentStore) -> None:
    key = BundleKey(chat_id="c", message_id="m")
    assert take(store, key, "one")
    assert take(store, key, "one", now_s=NOW_S + 90.0)
    assert not take(store, key, "two", now_s=NOW_S + 150.0)


def test_a_lock_is_no_segment(store: SegmentStore) -> None:
    store.stage(segment(1))
    (found,) = pending(store)
    assert take(store, found.key, "one")
    assert pending(store) == [found]
    assert store.load(found.key).ids == (segment(1).id,)
    store.remove(store.load(found.key).ids)
    assert pending(store, stale_before_s=NOW_S * 2) == []


@pytest.mark.parametrize("hostile", ["..", "a/b", "a\0b", "x" * 4096, "'; DROP TABLE items", "~x"])
def test_any_id_can_be_staged_and_found_again(hostile: str, store: SegmentStore) -> None:
    who = replace_ids(hostile)
    store.stage(segment(1, of=who))
    (found,) = pending(store)
    assert take(store, found.key, "one")
    assert store.load(found.key).segments == (segment(1, of=who),)
    store.remove([segment(1).id])
    store.unlock(found.key, holder="one")


def replace_ids(text: str) -> Any:
    return owner(message_id=text, request_id=text, user_id=text)


def test_of_many_who_reach_for_a_lock_one_gets_it(store: SegmentStore) -> None:
    key = BundleKey(chat_id="c", message_id="m")
    got: list[str] = []
    start = threading.Barrier(8)

    def reach(holder: str) -> None:
        start.wait(30)
        if take(store, key, holder):
            got.append(holder)

    threads = [threading.Thread(target=reach, args=(str(number),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(got) == 1


# --- of SQL alone ---------------------------------------------------------------------------------


def test_rows_of_artifacts_are_none_of_its_business(base: Base) -> None:
    values = {
        "id": "artifact",
        "chat_id": "c",
        "message_id": "m",
        "model_id": "a/b",
        "item_type": "reasoning",
        "payload": "{}",
        "is_encrypted": False,
        "created_at": func.now(),
    }
    base(lambda connection, table: connection.execute(insert(table).values(values)))
    store = SqlSegments(base)
    store.stage(segment(1))
    (found,) = pending(store, stale_before_s=NOW_S * 2)
    assert store.load(found.key).ids == (segment(1).id,)
    store.remove([segment(1).id, "artifact"])
    assert base.rows() == 1


def test_nothing_stays_behind(base: Base) -> None:
    store = SqlSegments(base)
    store.stage(segment(1))
    (found,) = pending(store)
    assert take(store, found.key, "one")
    store.remove(store.load(found.key).ids)
    store.unlock(found.key, holder="one")
    assert base.rows() == 0


@pytest.mark.parametrize("payload", ["", "{", '{"type":"x"}'])
def test_a_damaged_row_is_counted_and_can_be_removed(payload: str, base: Base) -> None:
    store = SqlSegments(base)
    store.stage(segment(1))
    store.stage(segment(2))
    base(
        lambda connection, table: connection.execute(
            update(table).where(table.c.id == segment(1).id).values(payload=payload)
        )
    )
    (found,) = pending(store)
    staged = store.load(found.key)
    assert (staged.segments, staged.unreadable) == ((segment(2),), 1)
    store.remove(staged.ids)
    assert base.rows() == 0


def test_of_a_message_with_very_many_segments_the_oldest_come_first(base: Base) -> None:
    store = SqlSegments(base)
    for number in range(SEGMENTS_PER_LOAD_MAX + 5):
        store.stage(segment(number, is_terminal=False))
    store.stage(segment(999))
    (found,) = pending(store)
    first = store.load(found.key)
    assert len(first.segments) == SEGMENTS_PER_LOAD_MAX
    store.remove(first.ids)
    (found,) = pending(store)
    assert len(store.load(found.key).segments) == 6


class Sealed:
    """A packing that turns texts around, and opens no row but the one that it sealed."""

    def pack(self, row: SegmentRow) -> SegmentRow:
        return replace(row, payload=f"{row.id}|{row.payload[::-1]}", is_encrypted=True)

    def unpack(self, row: SegmentRow) -> SegmentRow:
        row_id, _, text = row.payload.partition("|")
        if not row.is_encrypted or row_id != row.id:
            raise PackingBroken
        return replace(row, payload=text[::-1], is_encrypted=False)


def test_rows_are_sealed_where_there_is_a_key_and_unreadable_without(base: Base) -> None:
    store = SqlSegments(base, Sealed())
    store.stage(segment(1, entry("what nobody else may read")))
    payload = base(lambda connection, table: connection.scalar(select(table.c.payload)))
    assert "what nobody else may read" not in payload
    (found,) = pending(store)
    assert store.load(found.key).segments == (segment(1, entry("what nobody else may read")),)
    assert SqlSegments(base).load(found.key).unreadable == 1


def test_a_database_that_is_away_is_an_error_of_the_port(base: Base) -> None:
    base(lambda connection, table: table.drop(connection))
    store = SqlSegments(base)
    for call in (
        lambda: store.stage(segment(1)),
        lambda: pending(store),
        lambda: take(store, BundleKey(chat_id="c", message_id="m"), "one"),
        lambda: store.load(BundleKey(chat_id="c", message_id="m")),
        lambda: store.remove(["x"]),
    ):
        with pytest.raises(StoreUnavailable):
            call()
