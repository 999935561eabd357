"""Expired archives are removed, and nothing else is (SPEC 175)."""

from __future__ import annotations

import os
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from actors.ports import Secret, SessionLogSettings, Swept
from actors.testing.manual_clock import ManualClock
from bridge.session_logs.archive import ZipLogArchive
from tests.unit.log_stage import bundle, owner, segment

DAY_S = 86_400.0
FILES_MAX = 100


class House:
    """A folder of archives, and a clock that says how old they are."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.archive = ZipLogArchive(self.clock)
        self.base = folder / "logs"
        self.settings = SessionLogSettings(
            is_enabled=True,
            folder=str(self.base),
            password=Secret("open sesame"),
            retention_days=10,
        )

    def file(self, message_id: str, *, age_days: float, user_id: str = "u") -> Path:
        """Write an archive of this age."""
        who = owner(message_id, user_id=user_id)
        path = Path(self.archive.merge(bundle(segment(1, of=who)), self.settings).path)
        return self.aged(path, age_days)

    def aged(self, path: Path, age_days: float) -> Path:
        """Let a file or folder, and the folders above it, be this old."""
        then_s = self.clock.wall_s() - age_days * DAY_S
        while path != self.base.parent:
            os.utime(path, (then_s, then_s), follow_symlinks=False)
            path = path.parent
        return path

    def sweep(self, files_max: int = FILES_MAX) -> Swept:
        return self.archive.sweep(self.settings, files_max=files_max)

    def left(self) -> list[str]:
        return sorted(
            path.relative_to(self.base).as_posix()
            for path in self.base.rglob("*")
            if not path.is_dir() or path.is_symlink()
        )


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_what_was_last_written_before_the_term_is_removed(house: House) -> None:
    house.file("old", age_days=10.1)
    house.file("young", age_days=9.9)
    assert house.sweep().files == 1
    assert house.left() == ["u/c/young.zip"]


def test_an_archive_that_was_added_to_is_kept_for_another_term(house: House) -> None:
    house.file("m", age_days=20)
    house.file("m", age_days=5)
    assert house.sweep().files == 0


def test_what_was_put_aside_and_what_was_sent_direct_expires_as_well(house: House) -> None:
    house.file("m", age_days=20)
    folder = house.base / "u" / "c"
    aside = folder / "m.zip.aside-1"
    aside.write_bytes(b"no archive any more")
    direct = Path(house.archive.write_direct(segment(1), house.settings).path)
    for path in (aside, direct):
        house.aged(path, 20)
    assert house.sweep().files == 3
    assert house.left() == []


def test_files_that_were_never_finished_are_removed_after_an_hour(house: House) -> None:
    house.file("m", age_days=1)
    fresh = house.base / "u" / "c" / ".abc_1234.unfinished"
    stale = house.base / "u" / "c" / ".def_1234.unfinished"
    for path, hours in ((fresh, 0.9), (stale, 1.1)):
        path.write_bytes(b"half")
        house.aged(path, hours / 24)
    house.sweep()
    assert house.left() == ["u/c/.abc_1234.unfinished", "u/c/m.zip"]


def test_empty_folders_go_and_the_folder_itself_as_well(house: House) -> None:
    house.file("m", age_days=20)
    house.sweep()
    # It has changed just now; somebody may be about to write into it.
    assert house.base.exists()
    house.aged(house.base / "u" / "c", 1)
    assert house.sweep().folders == 1
    house.aged(house.base / "u", 1)
    assert house.sweep().folders == 1
    house.aged(house.base, 1)
    house.sweep()
    assert not house.base.exists()


def test_a_sweep_without_a_folder_finds_nothing(house: House) -> None:
    assert house.sweep() == Swept()


def test_a_sweep_removes_a_slice_and_says_that_there_is_more(house: House) -> None:
    for number in range(5):
        house.file(f"m{number}", age_days=20)
    assert house.sweep(files_max=2) == Swept(files=2, folders=0, is_done=False)
    assert house.sweep(files_max=2).is_done is False
    last = house.sweep(files_max=2)
    assert (last.files, last.is_done) == (1, True)


def test_files_of_others_are_left_alone(house: House) -> None:
    """The folder may be one that other programs use."""
    house.file("m", age_days=0)
    chat = house.base / "u" / "c"
    theirs = {
        house.base / "notes.zip": b"x",
        house.base / "u" / "notes.zip": b"x",
        chat / "notes.txt": b"x",
        chat / "notes.zip": b"PK\x03\x04 something else",
        chat / "tiny.zip": b"PK",
        chat / "empty.zip": b"",
    }
    for path, data in theirs.items():
        path.write_bytes(data)
    with zipfile.ZipFile(chat / "backup.zip", "w") as backup:
        backup.writestr("meta.json", "{}")
    below = chat / "deeper"
    below.mkdir()
    (below / "m.zip").write_bytes((chat / "m.zip").read_bytes())
    stranger = house.base / "Not Ours"
    stranger.mkdir()
    for path in (*theirs, chat / "backup.zip", below / "m.zip", stranger):
        house.aged(path, 100)
    before = house.left()
    house.sweep()
    assert house.left() == before
    assert stranger.is_dir()


def test_links_are_neither_followed_nor_removed(house: House, tmp_path: Path) -> None:
    outside = tmp_path / "outside" / "c"
    outside.mkdir(parents=True)
    old = house.file("m", age_days=100)
    target = outside / "precious.zip"
    target.write_bytes((house.base / "u" / "c" / "m.zip").read_bytes())
    os.utime(target, (0, 0))
    (house.base / "linked").symlink_to(outside.parent)
    (house.base / "u" / "linked").symlink_to(outside)
    (house.base / "u" / "c" / "link.zip").symlink_to(target)
    assert old is not None
    house.sweep()
    assert target.exists()
    assert house.left() == ["linked", "u/c/link.zip", "u/linked"]


def test_a_shorter_term_counts_from_the_next_sweep_on(house: House) -> None:
    house.file("m", age_days=5)
    assert house.sweep().files == 0
    house.settings = replace(house.settings, retention_days=4)
    assert house.sweep().files == 1


def test_a_writer_is_not_stopped_by_a_folder_that_a_sweep_has_removed(house: House) -> None:
    house.file("m", age_days=20)
    house.sweep()
    for _ in range(3):
        house.aged(house.base / "u" / "c", 1) if (house.base / "u" / "c").exists() else None
        house.sweep()
    house.file("n", age_days=0)
    assert house.left() == ["u/c/n.zip"]
