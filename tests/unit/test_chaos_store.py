"""The store of simulations fails as the list of faults says, and the line is looked after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from actors.artifacts import Artifact
from actors.db_commit import TRIAL_CHAT
from actors.db_line import Line, LineBounds, Place
from actors.kernel.actor import ThreadActor
from actors.kernel.child_spec import ChildSpec
from actors.kernel.entropy import SeededEntropy
from actors.kernel.system import ActorSystem
from actors.ports import StoreBusy, StoreMisfit, StoreUnavailable
from actors.testing.choices import Choices
from actors.testing.simloop import SimLoop
from actors.testing.simulate import simulate
from bridge.chaos.faults.injected import InjectedCrash
from bridge.chaos.faults.store import ScriptedStore, StoreThreads
from bridge.chaos.faults.store_faults import StoreFault
from bridge.chaos.knobs import AWAY_S, StoreRates
from bridge.chaos.trace import StorageBook, Trace
from bridge.chaos.writer_watch import LineBook
from tests.unit.storage_stage import CHAT, artifact

ROWS = (artifact("a"), artifact("b"))
IDS = tuple(each.id for each in ROWS)
RAISED: dict[StoreFault, type[Exception]] = {
    StoreFault.REFUSES: StoreUnavailable,
    StoreFault.BUSY: StoreBusy,
    StoreFault.MISFIT: StoreMisfit,
    StoreFault.BUG: InjectedCrash,
    StoreFault.LOST_WORD: StoreUnavailable,
}


def playing(scene: Callable[[SimLoop], Awaitable[None]]) -> None:
    run = simulate(scene, Choices.from_seed(1), steps_max=10_000)  # type: ignore[arg-type]
    if run.error is not None:
        raise run.error


def store_with(loop: SimLoop, book: StorageBook | None = None, **rates: Any) -> ScriptedStore:
    return ScriptedStore(loop, StoreRates(**rates), Counter(), book or StorageBook())


def always(fault: StoreFault) -> dict[str, Any]:
    return {"rate": 1.0, "faults": (fault,)}


@pytest.mark.parametrize("fault", RAISED)
def test_a_call_fails_as_its_fault_says(fault: StoreFault) -> None:
    async def scene(loop: SimLoop) -> None:
        store = store_with(loop, **always(fault))
        store.open()
        with pytest.raises(RAISED[fault]):
            store.save(ROWS)
        is_done = fault is StoreFault.LOST_WORD
        assert store.table.ids == (frozenset(IDS) if is_done else frozenset())
        store.is_on = False
        store.save(ROWS)
        assert store.load(CHAT, IDS).artifacts == ROWS

    playing(scene)


def test_a_database_that_is_away_comes_back_after_an_hour() -> None:
    async def scene(loop: SimLoop) -> None:
        store = store_with(loop, away_from_s=2.0)
        store.open()
        loop.stall(2.0)
        for call in (lambda: store.save(ROWS), store.open, lambda: store.load(CHAT, IDS)):
            with pytest.raises(StoreUnavailable):
                call()
        loop.stall(AWAY_S)
        store.save(ROWS)
        assert store.load(CHAT, IDS).artifacts == ROWS

    playing(scene)


def test_a_spoilt_row_is_there_and_cannot_be_read() -> None:
    async def scene(loop: SimLoop) -> None:
        store = store_with(loop, spoil=1.0)
        store.open()
        store.save(ROWS)
        assert store.table.ids == frozenset(IDS)
        assert store.load(CHAT, IDS).unreadable == len(ROWS)

    playing(scene)


def test_what_is_forgotten_is_written_down_but_not_what_is_only_tried_out() -> None:
    async def scene(loop: SimLoop) -> None:
        book = StorageBook()
        store = store_with(loop, book)
        store.open()
        store.save((*ROWS, artifact("trial", chat=TRIAL_CHAT)))
        store.forget(TRIAL_CHAT, ("trial",))
        store.forget(CHAT, ("a", "nobody's"))
        assert book.forgotten == [(CHAT, ROWS[0])]
        assert store.table.ids == {"b"}

    playing(scene)


class Saver(ThreadActor[tuple[Artifact, ...]]):
    def __init__(self, store: ScriptedStore) -> None:
        self._store = store

    def receive(self, message: tuple[Artifact, ...]) -> str:
        self._store.open()
        self._store.save(message)
        return "saved"


@pytest.mark.parametrize(
    ("fault", "least_s"), [(None, 0.0), (StoreFault.SLOW, 0.3), (StoreFault.HANGS, 12.0)]
)
def test_a_slow_call_holds_its_thread_and_nobody_else(
    fault: StoreFault | None, least_s: float
) -> None:
    async def scene(loop: SimLoop) -> None:
        store = store_with(loop, **({} if fault is None else always(fault)))
        system = ActorSystem(
            "sim", entropy=SeededEntropy("1"), start_worker=StoreThreads(loop, store)
        )
        saver = system.spawn(ChildSpec(start=partial(Saver, store)))
        began_s = loop.time()
        asked = saver.ask(ROWS, block=False, timeout=100.0)
        assert await asked == "saved"
        assert least_s <= loop.time() - began_s < least_s + 60.0
        # What was owed is paid: the next call is as quick as any.
        store.is_on = False
        began_s = loop.time()
        await saver.ask(ROWS, block=False, timeout=100.0)
        assert loop.time() - began_s < 0.1
        await system.stop(5.0)

    playing(scene)


def place(name: str) -> Place:
    return Place((artifact(name),), 600)


def test_a_line_that_is_too_long_or_not_empty_after_quiet_is_noticed() -> None:
    trace = Trace({})
    book, line = LineBook(trace, LineBounds(rows_max=1)), Line()
    is_alive = True
    book.has(line, lambda: is_alive)
    line.add(place("a"))
    book.look(line)
    assert trace.breaches == []
    line.add(place("b"))
    book.look(line)
    book.check_drained()
    assert [each.invariant for each in trace.breaches] == ["line", "drained"]
    is_alive = False
    book.check_drained()
    assert len(trace.breaches) == 2
