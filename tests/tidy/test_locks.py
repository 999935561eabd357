"""The locks hold versions and hashes and nothing else, and they fit what they were made from."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.tidy.house import ROOT

PINS = sorted((ROOT / ".ci" / "pins").glob("*.in"))
LOCKS = [ROOT / "requirements.lock", *(path.with_suffix(".lock") for path in PINS)]
LINE = re.compile(
    r"(?P<name>[a-z0-9-]+)==(?P<version>[\w.]+)(?: ; [^\\/@]+)? \\"
    r"|    --hash=sha256:[0-9a-f]{64}(?: \\)?"
)


def locked(path: Path) -> dict[str, str]:
    """Names and versions of a lock."""
    found = map(LINE.fullmatch, path.read_text(encoding="utf-8").splitlines())
    return {m["name"]: m["version"] for m in found if m and m["name"]}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_holds_versions_and_hashes_only(lock: Path) -> None:
    lines = lock.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not LINE.fullmatch(line)] == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_holds_whatever_the_project_asks_for(lock: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["dev"], "hatchling"]
    names = {re.split(r"[<>=~!\[]", line)[0].strip() for line in asked}
    assert sorted(names - locked(lock).keys()) == []


@pytest.mark.parametrize("pins", PINS, ids=lambda path: path.name)
def test_a_pinned_lock_keeps_its_pins(pins: Path) -> None:
    lines = pins.read_text(encoding="utf-8").splitlines()
    wanted = dict(line.split("==") for line in lines if "==" in line)
    held = locked(pins.with_suffix(".lock"))
    assert {name: held.get(name) for name in wanted} == wanted
