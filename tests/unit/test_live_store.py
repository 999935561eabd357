"""A store that follows its configuration while it is used."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

import pytest

from actors.artifacts import Artifact, Recalled
from actors.kernel.clock import SystemWatch
from actors.ports import ErrorFacts, StoreMisfit, StoreUnavailable
from bridge.chaos.memory_store import MemoryArtifactStore, MemoryTable
from bridge.storage.live_store import LiveStore
from tests.unit.storage_stage import artifact

ID = "0123456789ABCDEFGHJK"


class Shop:
    """Makes one store per configuration, and tells what became of them."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.closed: list[str] = []
        self.is_closed = threading.Event()
        self.fails: Exception | None = None
        self.tables: dict[str, MemoryTable] = {}
        self.in_save: Callable[[], None] = lambda: None

    def make(self, wanted: str) -> Sold:
        if self.fails is not None:
            raise self.fails
        self.made.append(wanted)
        return Sold(self, wanted)


class Sold(MemoryArtifactStore):
    """A store that tells its shop."""

    def __init__(self, shop: Shop, wanted: str) -> None:
        super().__init__(shop.tables.setdefault(wanted, MemoryTable()), SystemWatch())
        self._shop = shop
        self._wanted = wanted

    def save(self, artifacts: Sequence[Artifact]) -> None:
        self._shop.in_save()
        super().save(artifacts)

    def close(self) -> None:
        super().close()
        self._shop.closed.append(self._wanted)
        self._shop.is_closed.set()


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_nothing_is_made_before_it_is_needed_and_then_once(shop: Shop) -> None:
    live = LiveStore(shop.make)
    live.configure("one")
    assert shop.made == []
    kept = artifact(ID)
    live.save([kept])
    assert live.load(kept.chat_id, [ID]).artifacts == (kept,)
    live.configure("one")
    assert live.forget(kept.chat_id, [ID]) == 1
    assert live.sweep(0.0, 10) == 0
    live.open()
    assert shop.made == ["one"]


def test_a_store_that_nobody_configured_is_not_there_yet(shop: Shop) -> None:
    live = LiveStore(shop.make)
    with pytest.raises(StoreUnavailable):
        live.open()
    live.close()


def test_a_new_configuration_rules_the_next_call_and_the_old_store_is_closed(shop: Shop) -> None:
    live = LiveStore(shop.make)
    live.configure("one")
    live.save([artifact(ID)])
    live.configure("two")
    assert shop.is_closed.wait(5.0)
    assert live.load("chat-1", [ID]) == Recalled(missing=1)
    assert (shop.made, shop.closed) == (["one", "two"], ["one"])
    live.close()
    assert shop.closed == ["one", "two"]


def test_a_store_in_use_is_closed_by_its_last_user(shop: Shop) -> None:
    live = LiveStore(shop.make)
    live.configure("one")
    seen: list[list[str]] = []

    def change() -> None:
        live.configure("two")
        live.open()
        seen.append([*shop.closed])

    shop.in_save = change
    live.save([artifact(ID)])
    assert seen == [[]]
    assert shop.closed == ["one"]
    assert len(shop.tables["one"]) == 1


def test_what_cannot_be_made_is_tried_again_and_told_once(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="greenroom")
    live = LiveStore(shop.make)
    live.configure("one")
    shop.fails = StoreMisfit(ErrorFacts(detail="The address is none."))
    for _ in range(3):
        with pytest.raises(StoreMisfit):
            live.open()
    shop.fails = None
    live.open()
    live.save([artifact(ID)])
    live.save([artifact(ID)])
    assert [record.getMessage() for record in caplog.records] == [
        "thinking and tool results are not kept: The address is none.",
        "thinking and tool results are kept again",
    ]


def test_a_save_that_fails_is_told_as_well(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    def full() -> None:
        raise StoreMisfit(ErrorFacts(detail="The disk is full."))

    shop.in_save = full
    live = LiveStore(shop.make)
    live.configure("one")
    for _ in range(2):
        with pytest.raises(StoreMisfit):
            live.save([artifact(ID)])
    assert [record.getMessage() for record in caplog.records] == [
        "thinking and tool results are not kept: The disk is full."
    ]
