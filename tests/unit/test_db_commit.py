"""One transaction; and where it does not fit, whether it is a row or the store."""

from __future__ import annotations

import pytest

from actors.db_commit import TRIAL_ID, Group, committed
from actors.ports import StoreBusy, StoreMisfit
from tests.unit.storage_stage import FakeStore, artifact, furnished
from tests.unit.supervision_stage import Stage, simulated


def groups(*names: str) -> tuple[Group, ...]:
    """Groups of rows, each named by its rows: "ab" is one of two."""
    return tuple(tuple(artifact(each) for each in name) for name in names)


def test_what_fits_is_one_transaction() -> None:
    store = FakeStore()
    assert committed(store, groups("ab", "c")) == ()
    assert store.saves == [3]


def test_what_was_saved_before_counts_as_saved() -> None:
    store = FakeStore()
    committed(store, groups("a"))
    assert committed(store, groups("a", "b")) == ()
    assert store.rows.keys() == {"a", "b"}


@pytest.mark.parametrize("bad", ["a", "b", "e", "ae", "abcdefgh", "cdg"])
def test_those_that_do_not_fit_are_found_and_all_others_kept(bad: str) -> None:
    store = FakeStore(unfit=set(bad))
    names = "abcdefgh"
    unfit = committed(store, groups(*names))
    assert "".join(names[index] for index in unfit) == bad
    assert store.rows.keys() == set(names) - set(bad)


def test_a_group_is_kept_whole_or_not_at_all() -> None:
    store = FakeStore(unfit={"b"})
    assert committed(store, groups("abc", "d")) == (0,)
    assert store.rows.keys() == {"d"}


def test_a_lone_row_that_does_not_fit_is_its_own_fault_where_another_one_fits() -> None:
    store = FakeStore(unfit={"a"})
    assert committed(store, groups("a")) == (0,)
    assert store.rows == {}


def test_a_store_that_takes_no_row_at_all_is_at_fault_itself() -> None:
    store = FakeStore(is_full=True)
    with pytest.raises(StoreMisfit):
        committed(store, groups("a", "b"))


def test_a_trial_row_that_was_left_behind_does_not_speak_for_the_store() -> None:
    store = FakeStore(unfit={"a"})
    store.rows[TRIAL_ID] = artifact(TRIAL_ID)
    store.is_full = True
    with pytest.raises(StoreMisfit):
        committed(store, groups("a"))


def test_finding_the_one_costs_few_transactions() -> None:
    names = [f"r{number}" for number in range(64)]
    store = FakeStore(unfit={"r41"})
    assert committed(store, [(artifact(name),) for name in names]) == (41,)
    # The batch, a trial of three, and two halves on each of six steps.
    assert store.calls == 1 + 3 + 2 * 6


@pytest.mark.parametrize("call", range(1, 8))
def test_weather_in_the_middle_of_the_search_ends_it(call: int) -> None:
    store = FakeStore(unfit={"c"}, faults={call: StoreBusy()})
    with pytest.raises(StoreBusy):
        committed(store, groups("a", "b", "c", "d"))
    assert TRIAL_ID not in store.rows or call == 4


@simulated(seeds=3)
async def test_the_tree_starts_with_a_store_that_is_away(stage: Stage) -> None:
    room = await furnished(stage, FakeStore(fails_from=1))
    assert room.committer.cell.is_ready
    assert room.store.calls == 0


@simulated(seeds=3)
async def test_a_later_life_opens_the_store_before_it_takes_anything(stage: Stage) -> None:
    room = await furnished(stage)
    room.committer.kill()
    await stage.wait(3.0)
    assert room.committer.cell.life == 2
    assert room.store.opened == 1
