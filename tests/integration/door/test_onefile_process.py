"""What the pipe file does to a process that has never seen this repository."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures import onefile_process
from tests.fixtures.onefile import built, sample_in, whole_in


@pytest.fixture(params=["readable", "compressed"])
def content(request: pytest.FixtureRequest) -> bytes:
    return getattr(built(), request.param)


def process_with(content: bytes, folder: Path, *absent: str) -> dict[str, object]:
    """Load the file elsewhere, isolated from the paths and settings of this process."""
    path = folder / "pasted.py"
    path.write_bytes(content)
    script = onefile_process.__file__
    run = subprocess.run(
        [sys.executable, "-I", "-W", "error", script, str(path), *absent],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_none_of_our_names_reaches_the_server(content: bytes, tmp_path: Path) -> None:
    told = process_with(content, tmp_path)
    assert not {"actors", "supervisor", "bridge"} & set(told["packages"])
    private = f"_greenroom_{built().build}"
    assert f"{private}.actors.kernel.counter" in told["private"]
    assert {name.partition(".")[0] for name in told["private"]} == {private, "_greenroom_builds"}


def test_loading_starts_nothing_and_writes_nothing(content: bytes, tmp_path: Path) -> None:
    assert process_with(content, tmp_path)["threads_started"] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["pasted.py"]


@pytest.mark.parametrize("package", ["pykka", "msgspec"])
def test_a_missing_package_becomes_the_one_model(
    content: bytes, tmp_path: Path, package: str
) -> None:
    told = process_with(content, tmp_path, package)
    assert told["type"] == "manifold"
    assert told["models"] == [
        {"id": "greenroom-setup", "name": f"Greenroom: package {package} is missing on this server"}
    ]
    assert told["private"] == ["_greenroom_builds"]


def test_a_chat_without_packages_says_what_to_do_in_every_form(
    content: bytes, tmp_path: Path
) -> None:
    told = process_with(content, tmp_path, "pykka")
    first, last = told["streamed"]
    text = first["choices"][0]["delta"]["content"]
    assert "pykka is missing" in text
    assert 'pip install "pykka~=4.5.0" "msgspec~=0.22" "lz4~=4.0" "pyzipper~=0.3"' in text
    assert last["choices"][0]["finish_reason"] == "stop"
    for whole in (told["whole"], told["odd"]):
        assert whole["object"] == "chat.completion"
        assert whole["choices"][0]["message"] == {"role": "assistant", "content": text}
        assert whole["choices"][0]["finish_reason"] == "stop"


def test_stored_valves_outlive_the_time_without_packages(content: bytes, tmp_path: Path) -> None:
    assert process_with(content, tmp_path, "pykka")["valves"] == {"KEPT": "yes"}


@pytest.mark.parametrize(
    "statement", ["from pykka import NotInThisVersion", "import pykka.not_in_this_version"]
)
def test_a_package_that_does_not_fit_is_told_apart(tmp_path: Path, statement: str) -> None:
    root = sample_in(tmp_path)
    (root / "actors" / "plain.py").write_text(f"{statement}\n")
    (tmp_path / "run").mkdir()
    told = process_with(built(root).readable, tmp_path / "run")
    assert told["models"][0]["name"] == "Greenroom: package pykka does not fit on this server"


def test_a_bug_of_ours_is_not_blamed_on_a_package(tmp_path: Path) -> None:
    root = sample_in(tmp_path)
    (root / "bridge" / "owui" / "valves.py").write_text("from actors.plain import Absent\n")
    with pytest.raises(AssertionError, match="cannot import name 'Absent'"):
        process_with(built(root).readable, tmp_path)


def test_without_a_build_the_same_file_runs_on_the_packages_as_they_are(tmp_path: Path) -> None:
    lines = [
        "import sys",
        f"sys.path.insert(0, {str(whole_in(tmp_path))!r})",
        "from bridge.owui.function import Pipe",
        "print(Pipe.made_for, Pipe.plain.__module__)",
    ]
    run = subprocess.run(
        [sys.executable, "-I", "-c", "\n".join(lines)], capture_output=True, text=True, check=True
    )
    assert run.stdout == "('greenroom', 'source') actors.plain\n"
