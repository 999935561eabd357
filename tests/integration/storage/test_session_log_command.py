"""`greenroom logs open`: reads an archive, says clearly why it cannot, and stays in its folder."""

from __future__ import annotations

import argparse
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import pyzipper

from actors.log_values import LogFormat
from actors.ports import Secret, SessionLogSettings
from actors.testing.manual_clock import ManualClock
from bridge.session_logs.archive import ZipLogArchive
from bridge.session_logs.command import PASSWORD_VARIABLE, add_arguments, run_command
from tests.unit.log_stage import bundle, entry, segment

PASSWORD = "open sesame"


def archive_in(folder: Path, log_format: LogFormat = LogFormat.JSONL) -> Path:
    settings = SessionLogSettings(
        folder=str(folder), password=Secret(PASSWORD), log_format=log_format
    )
    lines = segment(1, entry("plain"), entry("red \x1b[31m alert", ts_s=2.0))
    return Path(ZipLogArchive(ManualClock()).merge(bundle(lines), settings).path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return archive_in(tmp_path / "logs")


def run(
    *words: str | Path,
    environment: dict[str, str] | None = None,
    ask: Callable[[str], str] = lambda prompt: PASSWORD,
) -> int:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    parser.set_defaults(ask=ask, environment=environment or {})
    return run_command(parser.parse_args(["open", *map(str, words)]))


def test_the_log_is_printed_as_text(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(path) == 0
    assert capsys.readouterr().out.splitlines() == [
        "1970-01-01T00:00:01.000000Z INFO greenroom.test [r] plain",
        "1970-01-01T00:00:02.000000Z INFO greenroom.test [r] red \\x1b[31m alert",
    ]


def test_the_log_is_printed_as_json_lines(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(path, "--format", "jsonl", "--out", "-") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["message"] for line in lines] == ["plain", "red \x1b[31m alert"]


def test_the_password_comes_from_the_environment_where_it_is_set(path: Path) -> None:
    def nobody(prompt: str) -> str:
        raise AssertionError("nobody is asked")

    assert run(path, environment={PASSWORD_VARIABLE: PASSWORD}, ask=nobody) == 0


def test_the_prompt_does_not_stand_where_the_log_does(path: Path) -> None:
    asked: list[str] = []

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return PASSWORD

    assert run(path, ask=ask) == 0
    assert asked == ["Password of the archive: "]


def test_where_nobody_can_be_asked_the_variable_is_named(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def gone(prompt: str) -> str:
        raise EOFError

    assert run(path, ask=gone) == 1
    assert PASSWORD_VARIABLE in capsys.readouterr().err


def test_the_files_are_written_into_a_folder(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a" / "b"
    assert run(path, "--out", out) == 0
    assert sorted(each.name for each in out.iterdir()) == ["logs.jsonl", "meta.json"]
    assert json.loads((out / "meta.json").read_text())["chat_id"] == "c"
    assert capsys.readouterr().out.splitlines() == [
        str(out / "meta.json"),
        str(out / "logs.jsonl"),
    ]


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ("text", ["logs.txt", "meta.json"]),
        ("jsonl", ["logs.jsonl", "meta.json"]),
        ("both", ["logs.jsonl", "logs.txt", "meta.json"]),
    ],
)
def test_a_format_can_be_asked_for(
    wanted: str, names: list[str], path: Path, tmp_path: Path
) -> None:
    assert run(path, "--out", tmp_path / "out", "--format", wanted) == 0
    assert sorted(each.name for each in (tmp_path / "out").iterdir()) == names


def test_json_lines_cannot_be_made_of_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = archive_in(tmp_path / "texts", LogFormat.TEXT)
    assert run(path, "--format", "jsonl") == 1
    assert "it holds no JSON lines" in capsys.readouterr().err
    assert run(path) == 0
    assert "plain" in capsys.readouterr().out


def plain_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as other:
        other.writestr("meta.json", "{}")
        other.writestr("logs.jsonl", "{}")


def another_zip(path: Path) -> None:
    with pyzipper.AESZipFile(path, "w", encryption=pyzipper.WZ_AES) as other:
        other.setpassword(PASSWORD.encode())
        other.writestr("../../evil.txt", "evil")


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda path: path.write_bytes(b"hello"), "it is not an archive of session logs"),
        (lambda path: path.write_bytes(b""), "it is not an archive of session logs"),
        (plain_zip, "it is not an archive of session logs"),
        (another_zip, "it is not an archive of session logs"),
        (lambda path: path.unlink(), "No such file or directory"),
        (lambda path: (path.unlink(), path.mkdir()), "Is a directory"),
    ],
    ids=["text", "empty", "a plain zip", "another zip", "nothing", "a folder"],
)
def test_what_is_no_archive_is_refused_in_one_line(
    spoil: Callable[[Path], object], told: str, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(path)
    assert run(path) == 1
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", f"greenroom: {path}: {told}.\n")


def test_a_wrong_password_is_told_apart_from_damage(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(path, ask=lambda prompt: "open says me") == 1
    assert capsys.readouterr().err == f"greenroom: {path}: the password is wrong.\n"
    assert run(path, ask=lambda prompt: "") == 1
    assert "the password is wrong" in capsys.readouterr().err
    data = bytearray(path.read_bytes())
    data[80] ^= 1
    path.write_bytes(data)
    assert run(path) == 1
    assert capsys.readouterr().err == f"greenroom: {path}: it is damaged.\n"


def test_no_file_is_overwritten_and_no_link_followed(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, outside = tmp_path / "out", tmp_path / "outside"
    out.mkdir()
    outside.write_text("mine")
    (out / "logs.jsonl").symlink_to(outside)
    assert run(path, "--out", out) == 1
    assert outside.read_text() == "mine"
    assert "File exists" in capsys.readouterr().err


def test_names_in_an_archive_lead_nowhere(tmp_path: Path) -> None:
    path, out = tmp_path / "a.zip", tmp_path / "deep" / "out"
    with pyzipper.AESZipFile(path, "w", encryption=pyzipper.WZ_AES) as hostile:
        hostile.setpassword(PASSWORD.encode())
        hostile.writestr("meta.json", "{}")
        hostile.writestr("logs.jsonl", "{}\n")
        hostile.writestr("../evil.txt", "evil")
        hostile.writestr("/tmp/evil.txt", "evil")
    assert run(path, "--out", out) == 0
    assert sorted(each.name for each in out.iterdir()) == ["logs.jsonl", "meta.json"]
    assert [each.name for each in out.parent.iterdir()] == ["out"]


def test_a_folder_that_cannot_be_made_is_told_of(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(path, "--out", path / "below") == 1
    assert "Not a directory" in capsys.readouterr().err
    assert run(path, "--out", "a\0b") == 1
    assert "there can be no such folder" in capsys.readouterr().err
