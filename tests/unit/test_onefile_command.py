"""The command writes two files, says how long they are, or says why it does not."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from bridge.onefile.command import add_arguments, run_command
from tests.fixtures.onefile import built, whole_in


def test_both_files_are_written_and_their_sizes_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new"
    assert run_command(argparse.Namespace(root=whole_in(tmp_path), out=out)) == 0
    said, files = capsys.readouterr().out, built()
    for name, content in (
        ("greenroom_pipe.py", files.readable),
        ("greenroom_pipe_compressed.py", files.compressed),
    ):
        assert (out / name).read_bytes() == content
        assert f"{name}  {len(content):,} bytes" in said
    assert files.build in said
    assert "New Function" in said


def test_a_refused_build_writes_nothing_and_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, out = whole_in(tmp_path), tmp_path / "new"
    (root / "actors" / "plain.py").unlink()
    assert run_command(argparse.Namespace(root=root, out=out)) == 1
    assert "imports actors.plain, which is not there" in capsys.readouterr().err
    assert not out.exists()


def test_the_files_go_to_dist_unless_told_otherwise() -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    assert parser.parse_args([]).out == Path("dist")
    assert parser.parse_args(["--out", "elsewhere"]).out == Path("elsewhere")
