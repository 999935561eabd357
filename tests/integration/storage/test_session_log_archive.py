"""Archives on disk: what they hold, who can open them, and that nothing is ever lost."""

from __future__ import annotations

import json
import stat
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import pyzipper

from actors.log_values import Compression, LogFormat, LogOwner
from actors.ports import ArchiveUnsupported, ArchiveUnwritable, Secret, SessionLogSettings
from actors.testing.manual_clock import ManualClock
from bridge.session_logs.archive import ZipLogArchive
from tests.integration.winzip_aes import read_with
from tests.unit.log_stage import bundle, entry, owner, segment

PASSWORD = "pässword"


@pytest.fixture
def settings(tmp_path: Path) -> SessionLogSettings:
    return SessionLogSettings(
        is_enabled=True, folder=str(tmp_path / "logs"), password=Secret(PASSWORD)
    )


@pytest.fixture
def archive() -> ZipLogArchive:
    return ZipLogArchive(ManualClock())


def lines_in(path: str | Path) -> list[str]:
    """The messages of the JSON lines of an archive."""
    members = read_with(Path(path), PASSWORD)
    return [json.loads(line)["message"] for line in members["logs.jsonl"].splitlines()]


def files_below(folder: str) -> list[str]:
    return sorted(path.name for path in Path(folder).rglob("*") if path.is_file())


@pytest.mark.parametrize("log_format", LogFormat)
@pytest.mark.parametrize("compression", Compression)
def test_an_archive_opens_with_another_reader_of_the_format(
    compression: Compression,
    log_format: LogFormat,
    archive: ZipLogArchive,
    settings: SessionLogSettings,
) -> None:
    """SPEC 173."""
    settings = replace(settings, compression=compression, log_format=log_format)
    filed = archive.merge(bundle(segment(1), segment(2)), settings)
    members = read_with(Path(filed.path), PASSWORD)
    wanted = {
        LogFormat.JSONL: ["logs.jsonl"],
        LogFormat.TEXT: ["logs.txt"],
        LogFormat.BOTH: ["logs.jsonl", "logs.txt"],
    }
    assert list(members) == ["meta.json", *wanted[log_format]]
    if "logs.txt" in members:
        assert members["logs.txt"].decode().splitlines() == [
            f"1970-01-01T00:00:0{number}.000000Z INFO greenroom.test [r] line {number}"
            for number in (1, 2)
        ]
    if "logs.jsonl" in members:
        assert lines_in(filed.path) == ["line 1", "line 2"]


def test_an_archive_says_whose_it_is(archive: ZipLogArchive, settings: SessionLogSettings) -> None:
    """SPEC 173."""
    both = bundle(segment(1, of=owner(request_id="a")), segment(2, of=owner(request_id="b")))
    filed = archive.merge(both, settings)
    assert json.loads(read_with(Path(filed.path), PASSWORD)["meta.json"]) == {
        "created_at": "2023-11-14T22:13:20.000000Z",
        "updated_at": "2023-11-14T22:13:20.000000Z",
        "user_id": "u",
        "session_id": "s",
        "chat_id": "c",
        "message_id": "m",
        "request_ids": ["a", "b"],
        "format": "jsonl",
        "is_complete": True,
    }


def test_without_the_password_an_archive_gives_nothing(
    archive: ZipLogArchive, settings: SessionLogSettings
) -> None:
    settings = replace(settings, compression=Compression.STORED)
    secret = "what nobody else may read"
    filed = archive.merge(bundle(segment(1, entry(secret))), settings)
    data = Path(filed.path).read_bytes()
    assert secret.encode() not in data
    assert b"user_id" not in data
    with zipfile.ZipFile(filed.path) as plain, pytest.raises(RuntimeError):
        plain.read("logs.jsonl")
    with pyzipper.AESZipFile(filed.path) as other:
        with pytest.raises(RuntimeError):
            other.read("logs.jsonl")
        with pytest.raises(RuntimeError):
            other.read("logs.jsonl", pwd=b"password")
        assert secret.encode() in other.read("logs.jsonl", pwd=PASSWORD.encode())


def test_archives_lie_by_user_chat_and_message(
    archive: ZipLogArchive, settings: SessionLogSettings
) -> None:
    """SPEC 171, 172."""
    archive.merge(bundle(segment(1)), settings)
    archive.write_direct(segment(2), settings)
    folder = Path(settings.folder, "u", "c")
    assert sorted(path.name for path in folder.iterdir()) == ["m.r.zip", "m.zip"]


@pytest.mark.parametrize(
    "hostile", ["..", "../../x", "/etc/x", "a\0b", "...", "x" * 4096, "\ud800", "C:\\x", "con"]
)
def test_hostile_ids_stay_inside_the_folder(
    hostile: str, archive: ZipLogArchive, settings: SessionLogSettings, tmp_path: Path
) -> None:
    """SPEC 172."""
    who = LogOwner(user_id=hostile, chat_id=hostile, message_id=hostile, request_id=hostile)
    # The collector mends what it takes; ids come as they are.
    if hostile != "\ud800":
        archive.merge(bundle(segment(1, of=who)), settings)
        archive.write_direct(segment(1, of=who), settings)
        assert len(files_below(settings.folder)) == 2
    assert [path.name for path in tmp_path.iterdir()] in ([], ["logs"])


def test_later_segments_join_those_that_are_there_and_nothing_is_doubled(
    archive: ZipLogArchive, settings: SessionLogSettings
) -> None:
    """SPEC 169."""
    first = bundle(segment(1, is_terminal=False), is_complete=False)
    archive.merge(first, settings)
    archive.merge(first, settings)
    filed = archive.merge(bundle(segment(2, of=owner(request_id="r2"))), settings)
    assert lines_in(filed.path) == ["line 1", "line 2"]
    meta = json.loads(read_with(Path(filed.path), PASSWORD)["meta.json"])
    assert (meta["request_ids"], meta["is_complete"]) == (["r", "r2"], True)
    assert files_below(settings.folder) == ["m.zip"]


def test_an_incomplete_log_says_so_until_it_is_complete(
    archive: ZipLogArchive, settings: SessionLogSettings
) -> None:
    """SPEC 170."""
    filed = archive.merge(bundle(segment(1, is_terminal=False), is_complete=False), settings)
    assert lines_in(filed.path)[1].startswith("this log is incomplete")
    meta = json.loads(read_with(Path(filed.path), PASSWORD)["meta.json"])
    assert meta["is_complete"] is False


def test_a_changed_format_keeps_what_is_there(
    archive: ZipLogArchive, settings: SessionLogSettings
) -> None:
    as_text = replace(settings, log_format=LogFormat.TEXT)
    archive.merge(bundle(segment(1)), as_text)
    archive.merge(bundle(segment(2)), settings)
    filed = archive.merge(bundle(segment(3)), as_text)
    members = read_with(Path(filed.path), PASSWORD)
    texts = members["logs.txt"].decode().splitlines()
    assert [text[-6:] for text in texts] == ["line 1", "line 2", "line 3"]
    assert lines_in(filed.path) == ["line 2", "line 3"]
    assert json.loads(members["meta.json"])["format"] == "both"


def spoilt_by_password(path: Path) -> None:
    with pyzipper.AESZipFile(path, "w", encryption=pyzipper.WZ_AES) as other:
        other.setpassword(b"another")
        other.writestr("meta.json", "{}")
        other.writestr("logs.jsonl", "{}")


def spoilt_by_cutting(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def spoilt_by_a_change(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[80] ^= 1
    path.write_bytes(data)


def replaced_by_a_plain_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as other:
        other.writestr("meta.json", "{}")
        other.writestr("logs.jsonl", "{}")


def joined_by_a_stranger(path: Path) -> None:
    with pyzipper.AESZipFile(path, "a", encryption=pyzipper.WZ_AES) as other:
        other.setpassword(PASSWORD.encode())
        other.writestr("notes.txt", "mine")


def emptied(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize(
    "spoil",
    [
        spoilt_by_password,
        spoilt_by_cutting,
        spoilt_by_a_change,
        replaced_by_a_plain_zip,
        joined_by_a_stranger,
        emptied,
    ],
)
def test_an_archive_that_cannot_be_added_to_is_kept_aside_and_a_new_one_begun(
    spoil: Callable[[Path], None], archive: ZipLogArchive, settings: SessionLogSettings
) -> None:
    path = Path(archive.merge(bundle(segment(1)), settings).path)
    spoil(path)
    spoilt = path.read_bytes()
    filed = archive.merge(bundle(segment(2)), settings)
    assert filed.kept_aside == "m.zip.aside-1"
    assert path.with_name("m.zip.aside-1").read_bytes() == spoilt
    assert lines_in(path)[-1] == "line 2"
    spoilt_by_cutting(path)
    assert archive.merge(bundle(segment(3)), settings).kept_aside == "m.zip.aside-2"


def test_an_archive_is_replaced_in_one_step_and_only_its_owner_may_read_it(
    archive: ZipLogArchive, settings: SessionLogSettings
) -> None:
    path = Path(archive.merge(bundle(segment(1)), settings).path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    # Whoever has it open goes on reading the old one, whole.
    with path.open("rb") as file:
        before = path.read_bytes()
        archive.merge(bundle(segment(2)), settings)
        assert file.read() == before
    assert files_below(settings.folder) == ["m.zip"]


def test_a_file_in_the_way_of_a_folder_is_told_of_in_words_without_ids(
    archive: ZipLogArchive, settings: SessionLogSettings
) -> None:
    Path(settings.folder).mkdir()
    Path(settings.folder, "u").write_text("in the way")
    with pytest.raises(ArchiveUnwritable) as refused:
        archive.merge(bundle(segment(1)), settings)
    assert refused.value.facts.detail in {"File exists", "Not a directory"}
    assert refused.value.transient


def test_a_link_in_the_folder_is_not_followed(
    archive: ZipLogArchive, settings: SessionLogSettings, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    Path(settings.folder).mkdir()
    Path(settings.folder, "u").symlink_to(outside)
    with pytest.raises(ArchiveUnwritable):
        archive.merge(bundle(segment(1)), settings)
    assert list(outside.iterdir()) == []


def test_a_link_in_the_place_of_an_archive_is_not_written_through(
    archive: ZipLogArchive, settings: SessionLogSettings, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    folder = Path(settings.folder, "u", "c")
    folder.mkdir(parents=True)
    (folder / "m.zip").symlink_to(victim)
    filed = archive.merge(bundle(segment(1)), settings)
    assert victim.read_text() == "mine"
    assert filed.kept_aside == "m.zip.aside-1"
    assert lines_in(filed.path) == ["line 1"]


def test_the_folder_itself_may_be_a_link(
    archive: ZipLogArchive, settings: SessionLogSettings, tmp_path: Path
) -> None:
    (tmp_path / "disk").mkdir()
    Path(settings.folder).symlink_to(tmp_path / "disk")
    archive.merge(bundle(segment(1)), settings)
    assert (tmp_path / "disk" / "u" / "c" / "m.zip").is_file()


@pytest.mark.parametrize("folder", ["", " ", "a\0b", "~nobody-of-this-name/x"])
def test_a_folder_that_cannot_be_is_refused(
    folder: str, archive: ZipLogArchive, settings: SessionLogSettings
) -> None:
    with pytest.raises(ArchiveUnwritable):
        archive.merge(bundle(segment(1)), replace(settings, folder=folder))


def test_without_a_password_nothing_is_written(
    archive: ZipLogArchive, settings: SessionLogSettings
) -> None:
    with pytest.raises(ArchiveUnsupported):
        archive.merge(bundle(segment(1)), replace(settings, password=Secret("")))
    assert not Path(settings.folder).exists()


def test_a_write_that_fails_leaves_the_archive_as_it_was_and_no_rest(
    archive: ZipLogArchive, settings: SessionLogSettings
) -> None:
    path = Path(archive.merge(bundle(segment(1)), settings).path)
    before = path.read_bytes()
    # All names for putting it aside are taken, so the new one cannot take its place.
    spoilt_by_cutting(path)
    spoilt = path.read_bytes()
    for number in range(1, 1001):
        path.with_name(f"m.zip.aside-{number}").touch()
    with pytest.raises(ArchiveUnwritable):
        archive.merge(bundle(segment(2)), settings)
    assert path.read_bytes() == spoilt != before
    assert list(path.parent.glob("*.unfinished")) == []
