"""What the text of the pipe file looks like, and when there is none."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from bridge.onefile.build import (
    COMPRESSED_MAX_BYTES,
    READABLE_MAX_BYTES,
    REWRITTEN_PHRASES,
    build_pipe,
    refuse_size,
)
from bridge.onefile.refusal import BuildRefused
from tests.fixtures.onefile import FRONT, REPOSITORY, SAMPLE, built, changed, sample_in


def front_matter(content: bytes) -> dict[str, str]:
    """Read the head of a function as Open WebUI does: keys until the quotes close."""
    first, *lines = content.decode().splitlines()
    assert first == '"""'
    end = next(number for number, line in enumerate(lines) if '"""' in line)
    return dict(line.split(": ", 1) for line in lines[:end])


def test_the_same_sources_give_the_same_bytes(tmp_path: Path) -> None:
    assert built() == built(sample_in(tmp_path))


def test_a_changed_module_gives_another_build(tmp_path: Path) -> None:
    assert changed(tmp_path).build != built().build


def test_a_changed_loader_gives_another_build(tmp_path: Path) -> None:
    for name in ("function.py", "loader.py"):
        (tmp_path / name).write_bytes((FRONT / name).read_bytes())
    with (tmp_path / "loader.py").open("a") as loader:
        loader.write("\nNEWER = True\n")
    assert build_pipe(SAMPLE, front=tmp_path).build != built().build


def test_the_readable_file_holds_every_source_verbatim() -> None:
    files = built()
    text = files.readable.decode()
    assert all((SAMPLE / path).read_text() in text for path in files.paths)


def test_the_compressed_file_holds_no_source_as_text() -> None:
    assert b"A pipe small enough to see through" in built().readable
    assert b"A pipe small enough to see through" not in built().compressed


def test_the_front_matter_names_what_open_webui_shows_and_installs() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    files = built()
    for content in (files.readable, files.compressed):
        head = front_matter(content)
        assert head["title"] == "Greenroom"
        assert head["version"] == project["version"]
        assert head["license"] == project["license"]
        assert head["required_open_webui_version"] == "0.6.28"
        assert head["requirements"] == "pykka~=4.5.0, msgspec~=0.22, lz4~=4.0, pyzipper~=0.3"


@pytest.mark.parametrize("phrase", REWRITTEN_PHRASES)
def test_a_phrase_that_would_be_rewritten_is_refused_by_file_and_line(
    tmp_path: Path, phrase: str
) -> None:
    root = sample_in(tmp_path)
    (root / "actors" / "plain.py").write_text(f"# one\n# read {phrase}uration\n")
    with pytest.raises(BuildRefused, match=rf"actors/plain\.py, line 2: '{phrase}'"):
        built(root)


def test_a_source_that_cannot_be_quoted_is_refused_by_name(tmp_path: Path) -> None:
    root = sample_in(tmp_path)
    (root / "actors" / "plain.py").write_text("TEXT = '''one'''\n")
    with pytest.raises(BuildRefused, match=r"actors/plain\.py"):
        built(root)


def test_backslashes_survive_the_quoting(tmp_path: Path) -> None:
    root = sample_in(tmp_path)
    source = '"""Raw."""\n\nTEXT = "\\n\\u00e9\\\\"\nPATH = r"\\d"\n'
    (root / "supervisor" / "__init__.py").write_text(source)
    assert source in built(root).readable.decode()


def test_a_readable_file_over_the_limit_is_refused(tmp_path: Path) -> None:
    root = sample_in(tmp_path)
    (root / "actors" / "plain.py").write_text("# long\n" * (READABLE_MAX_BYTES // 7))
    with pytest.raises(BuildRefused, match=r"readable file .* must stay under 2,000,000"):
        built(root)


def test_a_file_of_exactly_the_limit_is_refused() -> None:
    refuse_size("A file", b"x" * (COMPRESSED_MAX_BYTES - 1), COMPRESSED_MAX_BYTES)
    with pytest.raises(BuildRefused, match=r"under 320,000"):
        refuse_size("A file", b"x" * COMPRESSED_MAX_BYTES, COMPRESSED_MAX_BYTES)


def test_a_front_without_the_loader_is_refused(tmp_path: Path) -> None:
    (tmp_path / "function.py").write_text('"""\ntitle: x\n"""\n')
    (tmp_path / "loader.py").write_bytes((FRONT / "loader.py").read_bytes())
    with pytest.raises(BuildRefused, match=r"needs one import of bridge\.owui\.loader"):
        build_pipe(SAMPLE, front=tmp_path)
