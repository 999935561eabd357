"""One contract for every artifact store (SPEC 39 to 42, 150 to 159)."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from actors.artifacts import Artifact
from actors.ports import ArtifactStore, StoreUnavailable
from actors.values import ToolOutput
from bridge.storage.sealing import SealPolicy
from tests.integration.cluster_stage import ClusterStage
from tests.integration.store_stages import (
    ITEMS,
    MemoryStage,
    Stage,
    artifact,
    postgres_stage,
    sqlite_stage,
)

STAGES = (
    "memory",
    "sqlite",
    "sqlite sealed",
    "postgres",
    "postgres sealed",
    "valkey",
    "valkey sealed",
    "valkey-settled",
)
TERM_S = 100.0


@pytest.fixture(params=STAGES)
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    kind, _, sealed = request.param.partition(" ")
    policy = SealPolicy.EVERYTHING if sealed else SealPolicy.NOTHING
    match kind:
        case "memory":
            yield MemoryStage()
        case "sqlite":
            yield sqlite_stage(tmp_path, policy)
        case "valkey" | "valkey-settled":
            server = request.getfixturevalue("valkey_server")
            sql = sqlite_stage(tmp_path, policy)
            with ClusterStage(sql, server.port, is_settled=kind == "valkey-settled") as cluster:
                yield cluster
            return
        case _:
            yield postgres_stage(request.getfixturevalue("postgres_server"), policy)


@contextmanager
def opened(stage: Stage) -> Iterator[ArtifactStore]:
    store = stage.store()
    store.open()
    try:
        yield store
    finally:
        store.close()


@pytest.fixture
def store(stage: Stage) -> Iterator[ArtifactStore]:
    with opened(stage) as made:
        yield made


def ids(artifacts: list[Artifact]) -> list[str]:
    return [each.id for each in artifacts]


def many(count: int, *, first: int = 1, chat_id: str = "chat-1") -> list[Artifact]:
    return [artifact(number, chat_id=chat_id) for number in range(first, first + count)]


@pytest.mark.parametrize("kind", ITEMS)
def test_every_kind_of_item_comes_back_as_it_was(store: ArtifactStore, kind: str) -> None:
    kept = artifact(1, item=ITEMS[kind], place=7)
    store.save([kept])
    assert store.load("chat-1", [kept.id]).artifacts == (kept,)


def test_artifacts_come_in_the_order_in_which_they_are_asked_for(store: ArtifactStore) -> None:
    kept = many(5)
    store.save(kept)
    asked = ids(kept)[::-1]
    assert ids(list(store.load("chat-1", asked).artifacts)) == asked


def test_what_is_asked_for_twice_is_given_once(store: ArtifactStore) -> None:
    store.save(many(2))
    first, second = ids(many(2))
    found = store.load("chat-1", [second, first, second, "missing", "missing"])
    assert ids(list(found.artifacts)) == [second, first]
    assert found.missing == 1


def test_nothing_asked_for_is_nothing_found(store: ArtifactStore) -> None:
    store.save([])
    found = store.load("chat-1", [])
    assert (found.artifacts, found.missing, found.unreadable) == ((), 0, 0)
    assert store.forget("chat-1", []) == 0
    assert store.sweep(0.0, 0) == 0


def test_another_chat_can_neither_read_nor_forget(store: ArtifactStore, stage: Stage) -> None:
    kept = artifact(1)
    store.save([kept])
    found = store.load("chat-2", [kept.id])
    assert (found.artifacts, found.missing) == ((), 1)
    assert store.forget("chat-2", [kept.id]) == 0
    assert stage.rows() == 1


def test_an_id_that_is_there_counts_as_saved_and_stays_as_it_was(
    store: ArtifactStore, stage: Stage
) -> None:
    first = artifact(1, item=ToolOutput(call_id="c", output="first"))
    again = replace(first, item=ToolOutput(call_id="c", output="again"))
    store.save([first, again])
    store.save([again, artifact(2)])
    assert store.load("chat-1", [first.id]).artifacts == (first,)
    assert stage.rows() == 2


def test_an_unreadable_row_is_counted_and_the_others_are_given(
    store: ArtifactStore, stage: Stage
) -> None:
    kept = many(3)
    store.save(kept)
    stage.spoil(kept[1].id)
    found = store.load("chat-1", [*ids(kept), "missing"])
    assert found.artifacts == (kept[0], kept[2])
    assert (found.missing, found.unreadable) == (1, 1)


def test_a_batch_with_a_faulty_artifact_leaves_nothing_behind(
    store: ArtifactStore, stage: Stage
) -> None:
    with pytest.raises(AssertionError):
        store.save([artifact(1), artifact(2, message_id="")])
    with pytest.raises(AssertionError):
        store.save([artifact(1), artifact(2, chat_id="")])
    assert stage.rows() == 0


def test_what_is_forgotten_is_gone_and_counted(store: ArtifactStore, stage: Stage) -> None:
    kept = many(3)
    store.save(kept)
    assert store.forget("chat-1", [kept[0].id, kept[0].id, kept[2].id, "missing"]) == 2
    found = store.load("chat-1", ids(kept))
    assert found.artifacts == (kept[1],)
    assert found.missing == 2
    assert stage.rows() == 1


def test_reading_keeps_a_row_for_another_term(store: ArtifactStore, stage: Stage) -> None:
    read, unread = many(2)
    store.save([read, unread])
    stage.clock.advance(TERM_S - 1)
    assert store.sweep(TERM_S, 10) == 0
    store.load("chat-1", [read.id])
    stage.clock.advance(2)
    assert store.sweep(TERM_S, 10) == 1
    stage.clock.advance(TERM_S - 3)
    assert store.sweep(TERM_S, 10) == 0
    assert store.load("chat-1", [read.id, unread.id]).artifacts == (read,)


def test_reading_from_another_chat_keeps_nothing(store: ArtifactStore, stage: Stage) -> None:
    store.save([artifact(1)])
    stage.clock.advance(TERM_S)
    store.load("chat-2", [artifact(1).id])
    stage.clock.advance(1)
    assert store.sweep(TERM_S, 10) == 1


def test_a_sweep_takes_no_more_than_it_may_and_says_when_it_is_through(
    store: ArtifactStore, stage: Stage
) -> None:
    store.save(many(25))
    stage.clock.advance(TERM_S + 1)
    store.save(many(2, first=100))
    assert [store.sweep(TERM_S, 10) for _ in range(4)] == [10, 10, 5, 0]
    assert stage.rows() == 2


def test_more_rows_than_one_statement_takes(store: ArtifactStore, stage: Stage) -> None:
    kept = many(1234)
    store.save(kept)
    asked = ids(kept)
    found = store.load("chat-1", [*asked, "missing"])
    assert ids(list(found.artifacts)) == asked
    assert found.missing == 1
    assert store.forget("chat-1", asked[:600]) == 600
    stage.clock.advance(TERM_S + 1)
    assert store.sweep(TERM_S, 5000) == 634
    assert stage.rows() == 0


def test_rows_outlive_the_store_and_a_closed_one_can_be_opened_again(stage: Stage) -> None:
    store = stage.store()
    store.open()
    store.open()
    store.save([artifact(1)])
    store.close()
    store.close()
    with pytest.raises(StoreUnavailable):
        store.load("chat-1", [artifact(1).id])
    with pytest.raises(StoreUnavailable):
        store.save([artifact(2)])
    store.open()
    assert store.load("chat-1", [artifact(1).id]).artifacts == (artifact(1),)
    store.close()


def test_a_store_that_was_never_opened_keeps_nothing(stage: Stage) -> None:
    with opened(stage), pytest.raises(StoreUnavailable):
        stage.store().save([artifact(1)])
    assert stage.rows() == 0


def test_two_stores_work_on_the_same_rows(stage: Stage) -> None:
    with opened(stage) as one, opened(stage) as other:
        one.save([artifact(1)])
        other.save([artifact(1), artifact(2)])
        found = one.load("chat-1", ids(many(2)))
        assert found.artifacts == (artifact(1), artifact(2))
        assert other.forget("chat-1", [artifact(1).id]) == 1
        assert one.load("chat-1", [artifact(1).id]).missing == 1


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "a\0b", "\ud800", "x" * 4096, "~abc", "'; DROP TABLE x; --", "%s", " "],
    ids=["path", "nul", "surrogate", "long", "digest", "sql", "format", "blank"],
)
def test_no_name_is_too_strange(store: ArtifactStore, name: str) -> None:
    strange = Artifact(
        id=name, chat_id=name, message_id=name, model_id=name, item=ITEMS["a call"], place=3
    )
    plain = artifact(1)
    store.save([strange, plain])
    (found,) = store.load(name, [name]).artifacts
    assert (found.id, found.chat_id, found.item, found.place) == (name, name, strange.item, 3)
    assert store.load("chat-1", [plain.id]).artifacts == (plain,)
    assert store.load(name + "x", [name]).missing == 1
    assert store.forget(name, [name]) == 1


def test_a_writer_readers_and_a_sweeper_do_not_disturb_each_other(stage: Stage) -> None:
    """Every row that was saved is read, until the sweeper takes the old ones and no others."""
    old, batches = many(400), [many(20, first=1000 + 20 * step) for step in range(20)]
    with opened(stage) as store, opened(stage) as second:
        store.save(old)
        stage.clock.advance(TERM_S + 1)
        saved: list[Artifact] = []
        is_over = Event()

        def write() -> None:
            for batch in batches:
                store.save(batch)
                saved.extend(batch)
            is_over.set()

        def read(reader: ArtifactStore) -> int:
            reads = 0
            while not is_over.is_set() or reads == 0:
                wanted = tuple(saved)
                assert reader.load("chat-1", ids(list(wanted))).artifacts == wanted
                reads += 1
            return reads

        def sweep() -> int:
            swept = 0
            while some := second.sweep(TERM_S, 15):
                swept += some
            return swept

        with ThreadPoolExecutor(5) as threads:
            sweeping = threads.submit(sweep)
            reading = [threads.submit(read, reader) for reader in (store, store, second)]
            threads.submit(write).result()
            assert all(future.result() > 0 for future in reading)
            assert sweeping.result() == len(old)
        assert stage.rows() == 400
        assert second.load("chat-1", ids(saved)).artifacts == tuple(saved)
