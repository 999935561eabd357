"""Writers that are killed lose nothing that they acknowledged; `make crash` is the long run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from actors.kernel.entropy import SeededEntropy, SystemEntropy
from tests.chaos.crash import SITES, Crash, Site, compare, sqlite_site

ROUNDS = 8


@pytest.fixture
def file() -> Iterator[Site]:
    with sqlite_site() as site:
        yield site


@pytest.mark.parametrize("name", SITES)
def test_a_writer_that_is_killed_loses_nothing_that_it_acknowledged(name: str) -> None:
    seed = int(SystemEntropy().token(3), 16)
    print(f"python -m tests.chaos.crash --rounds {ROUNDS} --seed {seed} --database {name}")
    with SITES[name]() as site:
        crash = Crash(site, SeededEntropy(seed))
        crash.play(ROUNDS)
    assert crash.figures.acknowledged_rows > 0


def test_rows_that_are_lost_or_torn_are_noticed(file: Site) -> None:
    crash = Crash(file, SeededEntropy(1))
    crash.play(1)
    torn, lost, *_ = sorted(crash.acknowledged)
    file.run(f"UPDATE {crash.table} SET payload = '{{}}' WHERE id = '{torn.ids[0]}'")
    file.run(f"DELETE FROM {crash.table} WHERE id = '{lost.ids[0]}'")
    store = crash.store()
    store.open()
    with pytest.raises(AssertionError, match="1 rows are torn"):
        compare(store, torn.chat_id, torn.rows())
    with pytest.raises(AssertionError, match="1 rows are missing"):
        compare(store, lost.chat_id, lost.rows())
    store.close()
    with pytest.raises(AssertionError, match="rows of an earlier round are missing"):
        crash.play(0)


def test_a_writer_that_complains_is_noticed(file: Site) -> None:
    crash = Crash(file, SeededEntropy(1))
    # A table that is none of artifacts.
    file.run(f"CREATE TABLE {crash.table} (id VARCHAR(20))")
    with pytest.raises(AssertionError, match="StoreMisfit"):
        crash.play(1)
