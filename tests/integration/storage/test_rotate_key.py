"""`greenroom rotate-key`: everything under the new key, and readable at every moment (SPEC 152)."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import pytest

from actors.artifacts import Artifact
from actors.ports import Secret, StoreBusy, StoreMisfit
from actors.testing.manual_clock import ManualClock
from actors.values import Reasoning, ToolOutput
from bridge.crypto.seal_broken import WhyBroken
from bridge.storage import errors
from bridge.storage.artifact_store import SqlArtifactStore
from bridge.storage.command import (
    DATABASE_VARIABLES,
    KEY_VARIABLE,
    PREVIOUS_VARIABLE,
    add_arguments,
    run_command,
)
from bridge.storage.engines import Database, Patience
from bridge.storage.keyed_store import Keys, keyed_store, table_names
from bridge.storage.rotation import (
    NO_KEY_TOLD,
    NO_TABLE_TOLD,
    PAUSE_S,
    TRIES_MAX,
    Progress,
    Rotation,
)
from tests.integration.servers import Postgres
from tests.integration.store_stages import ITEMS, artifact, postgres_stage, sqlite_stage
from tests.unit.crypto_stage import VECTORS, ring

PIPES = count(1)
OLDEST, OLD, NEW = "the-first-key", "the-key-of-last-year", "the-key-of-this-year"
BOTH = Keys(current=Secret(NEW), previous=(Secret(OLD), Secret(OLDEST)))
ONLY_NEW = Keys(current=Secret(NEW))


@dataclass(frozen=True, kw_only=True)
class Cellar:
    """What one pipe keeps. `run` executes one statement in its database and returns the rows."""

    pipe_id: str
    database: Database
    run: Callable[[str], list[tuple[object, ...]]]

    @contextmanager
    def opened(self, keys: Keys) -> Iterator[SqlArtifactStore]:
        store = keyed_store(self.database, self.pipe_id, keys)
        store.open()
        try:
            yield store
        finally:
            store.close()

    def keep(self, key: str, *artifacts: Artifact, seals_all: bool = True) -> None:
        with self.opened(Keys(current=Secret(key), seals_all=seals_all)) as store:
            store.save(artifacts)

    def reads(self, keys: Keys, *artifacts: Artifact) -> bool:
        with self.opened(keys) as store:
            found = store.load("chat-1", [each.id for each in artifacts])
        return found.artifacts == artifacts

    def table(self, key: str) -> str:
        return table_names(self.database, self.pipe_id, Keys(current=Secret(key))).current

    def rows(self, key: str) -> int:
        ((number,),) = self.run(f"SELECT count(*) FROM {self.table(key)}")
        assert isinstance(number, int)
        return number

    @contextmanager
    def rotation(
        self, keys: Keys = BOTH, *, slice_rows: int = 3, database: Database | None = None
    ) -> Iterator[Rotation]:
        def pause(seconds: float) -> None:
            raise AssertionError("nobody is in the way")

        rotation = Rotation(
            database or self.database, self.pipe_id, keys, pause=pause, slice_rows=slice_rows
        )
        try:
            yield rotation
        finally:
            rotation.close()

    def rotate(self, keys: Keys = BOTH) -> Progress:
        with self.rotation(keys) as rotation:
            *_, last = rotation.run()
        return last

    def sealed_with(self, key: str) -> set[bool]:
        """Whether the rows of a table are sealed with its key."""
        payloads = self.run(f"SELECT CAST(payload AS TEXT) FROM {self.table(key)}")
        kid = ring(key).kid
        return {json.loads(str(payload)).get("kid") == kid for (payload,) in payloads}


@pytest.fixture(params=["sqlite", "postgres"])
def cellar(request: pytest.FixtureRequest, tmp_path: Path) -> Cellar:
    if request.param == "sqlite":
        (tmp_path / "its own").mkdir()
        stage = sqlite_stage(tmp_path)
    else:
        stage = postgres_stage(request.getfixturevalue("postgres_server"))
    return Cellar(pipe_id=f"cellar {next(PIPES)}", database=stage.database, run=stage.run)


def some(first: int, last: int) -> list[Artifact]:
    """Artifacts of every kind, each in a place of its own."""
    items = list(ITEMS.values())
    return [
        artifact(number, item=items[number % len(items)], place=number % 5)
        for number in range(first, last)
    ]


def test_rows_of_all_earlier_keys_end_under_the_new_one(cellar: Cellar) -> None:
    kept = some(0, 40)
    cellar.keep("", *kept[:10])
    cellar.keep(OLDEST, *kept[10:20])
    cellar.keep(OLD, *kept[20:30])
    cellar.keep(NEW, *kept[30:])
    assert cellar.rotate() == Progress(rows=40, seen=40, rotated=30)
    assert cellar.reads(ONLY_NEW, *kept)
    assert cellar.sealed_with(NEW) == {True}
    assert [cellar.rows(key) for key in ("", OLDEST, OLD, NEW)] == [0, 0, 0, 40]


def test_all_rows_are_readable_after_every_slice(cellar: Cellar) -> None:
    kept = some(0, 20)
    cellar.keep(OLD, *kept)
    cellar.keep(NEW)
    with cellar.rotation() as rotation:
        slices = 0
        for _ in rotation.run():
            slices += 1
            assert cellar.reads(BOTH, *kept)
    assert slices > 6


def test_a_rotation_that_was_given_up_is_taken_up_by_the_next(cellar: Cellar) -> None:
    kept = some(0, 30)
    cellar.keep(OLD, *kept)
    cellar.keep(NEW)
    rotated = 0
    for _ in range(3):
        with cellar.rotation() as rotation:
            for progress in rotation.run():
                if progress.rotated == 6:
                    rotated += progress.rotated
                    break
        assert cellar.reads(BOTH, *kept)
    assert rotated == 18
    assert cellar.rotate().rotated == 12
    assert cellar.reads(ONLY_NEW, *kept)


def test_a_second_rotation_has_nothing_to_do(cellar: Cellar) -> None:
    cellar.keep(OLD, *some(0, 5))
    cellar.keep(NEW)
    cellar.rotate()
    before = cellar.run(f"SELECT id, CAST(payload AS TEXT) FROM {cellar.table(NEW)} ORDER BY id")
    assert cellar.rotate().rotated == 0
    after = cellar.run(f"SELECT id, CAST(payload AS TEXT) FROM {cellar.table(NEW)} ORDER BY id")
    assert after == before


def test_rows_that_lie_open_are_sealed_where_they_are(cellar: Cellar) -> None:
    kept = some(0, 20)
    cellar.keep(NEW, *kept, seals_all=False)
    assert cellar.sealed_with(NEW) == {True, False}
    cellar.rotate(replace(BOTH, seals_all=False))
    assert cellar.sealed_with(NEW) == {True, False}
    cellar.rotate()
    assert cellar.sealed_with(NEW) == {True}
    assert cellar.reads(ONLY_NEW, *kept)


def test_what_is_not_to_be_sealed_moves_as_it_is(cellar: Cellar) -> None:
    kept = some(0, 20)
    cellar.keep("", *kept)
    cellar.keep(NEW)
    keys = Keys(current=Secret(NEW), seals_all=False)
    cellar.rotate(keys)
    sealed = cellar.run(f"SELECT DISTINCT item_type, is_encrypted FROM {cellar.table(NEW)}")
    assert all(bool(is_sealed) is (kind == "reasoning") for kind, is_sealed in sealed)
    assert cellar.reads(keys, *kept)


def test_rows_of_the_earlier_pipe_are_sealed_in_the_form_of_today(cellar: Cellar) -> None:
    key = VECTORS["encrypted_rows"][0]["artifact_encryption_key"]
    cellar.keep(key)
    for number, stored in enumerate(VECTORS["encrypted_rows"]):
        assert stored["artifact_encryption_key"] == key
        cellar.run(
            f"INSERT INTO {cellar.table(key)} VALUES ('{number:020}', 'chat-1', 'm', NULL,"
            f" '{stored['payload']['type']}', '{json.dumps(stored['stored_payload'])}', true,"
            " '2026-01-23 12:00:00.5')"
        )
    # Under its own key still, and then under another.
    for keys in (Keys(current=Secret(key)), Keys(current=Secret(NEW), previous=(Secret(key),))):
        cellar.keep(keys.current.reveal())
        cellar.rotate(keys)
        assert cellar.sealed_with(keys.current.reveal()) == {True}
        for number, stored in enumerate(VECTORS["encrypted_rows"]):
            with cellar.opened(Keys(current=keys.current)) as store:
                (found,) = store.load("chat-1", [f"{number:020}"]).artifacts
            if isinstance(found.item, Reasoning):
                assert json.loads(found.item.json) == stored["payload"]
            else:
                assert isinstance(found.item, ToolOutput)
                assert found.item.output == stored["payload"]["output"]


def test_a_row_keeps_its_age(cellar: Cellar) -> None:
    cellar.keep(OLD, *some(0, 3))
    cellar.keep(NEW)
    times = "SELECT id, created_at, model_id FROM %s ORDER BY id"
    cellar.run(f"UPDATE {cellar.table(OLD)} SET created_at = '2026-01-23 12:00:00.5'")
    before = cellar.run(times % cellar.table(OLD))
    cellar.rotate()
    assert cellar.run(times % cellar.table(NEW)) == before


def test_what_does_not_open_stays_and_is_counted_by_its_reason(cellar: Cellar) -> None:
    kept = some(0, 8)
    cellar.keep(OLD, *kept)
    cellar.keep(NEW)
    table = cellar.table(OLD)
    cellar.run(f"UPDATE {table} SET chat_id = 'other' WHERE id = '{kept[1].id}'")
    for index in (2, 3):
        cellar.run(f"UPDATE {table} SET payload = '[]' WHERE id = '{kept[index].id}'")
    before = cellar.run(f"SELECT id, CAST(payload AS TEXT) FROM {table} ORDER BY id")
    last = cellar.rotate()
    assert last.rotated == 5
    assert last.left == {WhyBroken.TAMPERED.value: 1, WhyBroken.NOT_A_WRAPPER.value: 2}
    assert cellar.reads(ONLY_NEW, kept[0], *kept[4:])
    assert cellar.run(f"SELECT id, CAST(payload AS TEXT) FROM {table} ORDER BY id") == before[1:4]


def test_a_row_that_was_saved_under_both_keys_is_there_once(cellar: Cellar) -> None:
    cellar.keep(OLD, *some(0, 4))
    cellar.keep(NEW, *some(2, 6))
    cellar.rotate()
    assert cellar.reads(ONLY_NEW, *some(0, 6))
    assert (cellar.rows(OLD), cellar.rows(NEW)) == (0, 6)


def test_what_is_written_under_the_old_key_meanwhile_is_moved_too(cellar: Cellar) -> None:
    cellar.keep(OLD, *some(10, 20))
    cellar.keep(NEW)
    with cellar.rotation() as rotation:
        for progress in rotation.run():
            if progress.seen == 9:
                # Its id comes before those that were looked at.
                cellar.keep(OLD, *some(0, 2))
    assert cellar.reads(ONLY_NEW, *some(0, 2), *some(10, 20))


def test_what_is_forgotten_meanwhile_does_not_come_back(cellar: Cellar) -> None:
    kept = some(0, 12)
    cellar.keep(OLD, *kept)
    cellar.keep(NEW)
    with cellar.rotation() as rotation, cellar.opened(BOTH) as store:
        for progress in rotation.run():
            if progress.seen == 6:
                assert store.forget("chat-1", [each.id for each in kept]) == 12
    assert (cellar.rows(OLD), cellar.rows(NEW)) == (0, 0)


def test_what_waiting_does_not_mend_is_told_at_once_and_a_later_run_goes_on(tmp_path: Path) -> None:
    (tmp_path / "its own").mkdir()
    stage = sqlite_stage(tmp_path)
    cellar = Cellar(pipe_id="busy", database=stage.database, run=stage.run)
    cellar.keep(OLD, *some(0, 9))
    cellar.keep(NEW)
    assert stage.database.url is not None
    table, away = cellar.table(OLD), "somewhere_else"
    with cellar.rotation() as rotation:
        slices = rotation.run()
        assert [next(slices).seen, next(slices).seen] == [0, 3]
        cellar.run(f"ALTER TABLE {table} RENAME TO {away}")
        with pytest.raises(StoreMisfit) as stopped:
            next(slices)
        assert stopped.value.facts.detail == errors.NO_TABLE
        cellar.run(f"ALTER TABLE {away} RENAME TO {table}")
        *_, last = rotation.run()
    assert last.rotated == 6


@pytest.mark.parametrize("is_over_soon", [True, False])
def test_a_busy_database_is_waited_for_and_not_for_ever(tmp_path: Path, is_over_soon: bool) -> None:
    (tmp_path / "its own").mkdir()
    stage = sqlite_stage(tmp_path)
    cellar = Cellar(pipe_id="busy", database=stage.database, run=stage.run)
    cellar.keep(OLD, *some(0, 9))
    cellar.keep(NEW)
    file = tmp_path / "its own" / "artifacts.sqlite"
    other = sqlite3.connect(file, isolation_level=None)
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if is_over_soon:
            other.execute("COMMIT")

    rotation = Rotation(
        stage.database, "busy", BOTH, pause=pause, patience=Patience(lock_s=0.05), slice_rows=3
    )
    other.execute("BEGIN IMMEDIATE")
    if is_over_soon:
        *_, last = rotation.run()
        assert last.rotated == 9
        assert pauses == [PAUSE_S]
    else:
        with pytest.raises(StoreBusy):
            list(rotation.run())
        assert pauses == [PAUSE_S] * (TRIES_MAX - 1)
    rotation.close()
    other.close()


# --- the command ----------------------------------------------------------------------------------


def command(cellar: Cellar, *words: str, **variables: str) -> int:
    assert cellar.database.url is not None
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    environment = {
        DATABASE_VARIABLES[0]: cellar.database.url.reveal(),
        KEY_VARIABLE: NEW,
        PREVIOUS_VARIABLE: f"{OLD} ",
        **variables,
    }

    def nobody(prompt: str) -> str:
        raise EOFError

    def wait(seconds: float) -> None:
        raise AssertionError("nobody is in the way")

    parser.set_defaults(ask=nobody, environment=environment, watch=ManualClock(), pause=wait)
    return run_command(parser.parse_args(["--pipe-id", cellar.pipe_id, *words]))


def told(capsys: pytest.CaptureFixture[str], cellar: Cellar) -> str:
    """What was printed; no secret is among it."""
    shown = "".join(capsys.readouterr())
    assert cellar.database.url is not None
    for secret in (OLD, NEW, cellar.database.url.reveal()):
        assert secret not in shown
    return shown


def test_the_command_rotates_and_says_how_many(
    cellar: Cellar, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = some(0, 20)
    cellar.keep(OLD, *kept)
    cellar.keep(NEW)
    assert command(cellar) == 0
    assert "20 rows were put under the current key" in told(capsys, cellar)
    assert cellar.reads(ONLY_NEW, *kept)


def test_the_command_fails_when_rows_are_left_and_says_why(
    cellar: Cellar, capsys: pytest.CaptureFixture[str]
) -> None:
    cellar.keep(OLD, *some(0, 4))
    cellar.keep(NEW)
    cellar.run(f"UPDATE {cellar.table(OLD)} SET message_id = 'x' WHERE id = '{2:020}'")
    assert command(cellar) == 1
    assert f"1 rows were left as they are: {WhyBroken.TAMPERED.value}." in told(capsys, cellar)


@pytest.mark.parametrize(
    ("words", "variables"),
    [((), {KEY_VARIABLE: "a-mistyped-key"}), (("--pipe-id", "another pipe"), {})],
)
def test_a_key_or_pipe_without_a_table_changes_nothing(
    cellar: Cellar,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    variables: dict[str, str],
) -> None:
    cellar.keep(OLD, *some(0, 4))
    cellar.keep(NEW)
    assert command(cellar, *words, **variables) == 1
    assert NO_TABLE_TOLD in told(capsys, cellar)
    assert (cellar.rows(OLD), cellar.rows(NEW)) == (4, 0)
    with pytest.raises(Exception, match=r"no such table|does not exist"):
        cellar.rows("a-mistyped-key")


@pytest.mark.parametrize(
    ("variables", "why"),
    [
        ({KEY_VARIABLE: " "}, NO_KEY_TOLD),
        ({KEY_VARIABLE: "encrypted:gAAAAA"}, "as it was typed"),
        ({PREVIOUS_VARIABLE: "a encrypted:gAAAAA"}, "as it was typed"),
        ({DATABASE_VARIABLES[0]: " "}, "No database is named"),
        ({DATABASE_VARIABLES[0]: "not an address"}, errors.NO_ADDRESS),
    ],
)
def test_what_was_given_wrong_is_told(
    cellar: Cellar, capsys: pytest.CaptureFixture[str], variables: dict[str, str], why: str
) -> None:
    cellar.keep(NEW)
    assert command(cellar, **variables) == 1
    assert why in told(capsys, cellar)


def test_a_mistyped_file_is_not_made(
    cellar: Cellar, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    missing = tmp_path / "missing.db"
    assert command(cellar, "--database", f"sqlite:///{missing}") == 1
    assert "no such database file" in told(capsys, cellar)
    assert not missing.exists()


def test_a_wrong_password_is_told(
    postgres_server: Postgres, capsys: pytest.CaptureFixture[str]
) -> None:
    database = Database(url=postgres_server.url(password="hunter2"))
    cellar = Cellar(pipe_id="locked out", database=database, run=postgres_server.run)
    assert command(cellar) == 1
    assert errors.NO_LOGIN in told(capsys, cellar)


def asking(cellar: Cellar, ask: Callable[[str], str]) -> int:
    assert cellar.database.url is not None
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    parser.set_defaults(ask=ask, environment={})
    words = ["--pipe-id", cellar.pipe_id, "--database", cellar.database.url.reveal()]
    return run_command(parser.parse_args(words))


def test_keys_are_asked_for_where_no_variable_has_them(cellar: Cellar) -> None:
    cellar.keep(OLDEST, *some(0, 4))
    cellar.keep(OLD, *some(4, 8))
    cellar.keep(NEW)
    answers = iter([NEW, f"{OLD} {OLDEST}"])
    prompts: list[str] = []

    def ask(prompt: str) -> str:
        prompts.append(prompt)
        return next(answers)

    assert asking(cellar, ask) == 0
    assert prompts == ["Current key: ", "Earlier keys, separated by blanks: "]
    assert cellar.reads(ONLY_NEW, *some(0, 8))


def test_where_nobody_can_be_asked_the_variable_is_named(
    cellar: Cellar, capsys: pytest.CaptureFixture[str]
) -> None:
    def nobody(prompt: str) -> str:
        raise EOFError

    cellar.keep(NEW)
    assert asking(cellar, nobody) == 1
    assert KEY_VARIABLE in told(capsys, cellar)


# --- interrupted for real -------------------------------------------------------------------------

# `make crash` asks for 100,000.
ROWS = int(os.environ.get("GREENROOM_ROTATION_ROWS", "2000"))
# Small ones: a rotation must still be under way when the signal comes, on a busy machine as well.
SLICE_ROWS = max(1, ROWS // 2000)


def begun(cellar: Cellar) -> subprocess.Popen[str]:
    assert cellar.database.url is not None
    line = [sys.executable, "-m", "bridge.cli", "rotate-key", "--pipe-id", cellar.pipe_id]
    return subprocess.Popen(
        [*line, "--slice-rows", str(SLICE_ROWS)],
        env={
            **os.environ,
            DATABASE_VARIABLES[0]: cellar.database.url.reveal(),
            KEY_VARIABLE: NEW,
            PREVIOUS_VARIABLE: OLD,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def interrupted(cellar: Cellar, rows: int, how: signal.Signals) -> str:
    """Begin, and interrupt once so many rows are under the new key; what it said at last."""
    process = begun(cellar)
    while cellar.rows(NEW) < rows:
        assert process.poll() is None, process.communicate()
    process.send_signal(how)
    _, said = process.communicate(timeout=30)
    assert process.returncode != 0
    return said


def test_a_rotation_that_is_interrupted_three_times_leaves_nothing_unreadable(
    cellar: Cellar,
) -> None:
    kept = some(0, ROWS)
    for start in range(0, ROWS, 10_000):
        cellar.keep(OLD, *kept[start : start + 10_000])
    cellar.keep(NEW)
    ways = (signal.SIGINT, signal.SIGKILL, signal.SIGTERM)
    for fifth, how in enumerate(ways, start=1):
        said = interrupted(cellar, ROWS * fifth // 5, how)
        assert ("Start it again to go on" in said) is (how is signal.SIGINT)
        assert 0 < cellar.rows(OLD) < ROWS
        assert cellar.rows(OLD) + cellar.rows(NEW) == ROWS
        assert cellar.reads(BOTH, *kept)
    finished = begun(cellar)
    said, complaints = finished.communicate()
    assert finished.returncode == 0, complaints
    print(f"{ROWS} rows: {said}", file=sys.stderr)
    assert cellar.reads(ONLY_NEW, *kept)
    assert cellar.sealed_with(NEW) == {True}
    assert (cellar.rows(OLD), cellar.rows(NEW)) == (0, ROWS)
