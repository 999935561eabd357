"""Which modules end up in the pipe file."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.onefile.reach import modules_reached
from bridge.onefile.refusal import BuildRefused
from tests.fixtures.onefile import SAMPLE, sample_in

ENTRY = "bridge.owui.pipe"


def paths_reached(root: Path) -> list[str]:
    return [module.path for module in modules_reached(root, ENTRY)]


def house(root: Path, **modules: str) -> Path:
    """Write modules, named by their path with `__` for each slash, and empty packages."""
    for package in ("actors", "bridge", "bridge/owui"):
        (root / package).mkdir(parents=True, exist_ok=True)
        (root / package / "__init__.py").touch()
    for name, source in modules.items():
        path = root / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    return root


def test_only_what_the_entry_reaches_is_inside() -> None:
    assert paths_reached(SAMPLE) == [
        "actors/__init__.py",
        "actors/kernel/__init__.py",
        "actors/kernel/counter.py",
        "actors/plain.py",
        "actors/values.py",
        "bridge/__init__.py",
        "bridge/owui/__init__.py",
        "bridge/owui/pipe.py",
        "bridge/owui/valves.py",
        "supervisor/__init__.py",
    ]


def test_a_module_that_only_annotations_need_stays_out() -> None:
    assert "bridge/notes.py" not in paths_reached(SAMPLE)


def test_the_other_branch_of_a_type_checking_test_counts(tmp_path: Path) -> None:
    source = (
        "import typing\nif typing.TYPE_CHECKING:\n    import actors.a\nelse:\n    import actors.b"
    )
    root = house(tmp_path, bridge__owui__pipe=source, actors__a="", actors__b="")
    assert "actors/b.py" in paths_reached(root)
    assert "actors/a.py" not in paths_reached(root)


def test_an_import_inside_a_function_counts(tmp_path: Path) -> None:
    source = "def late():\n    from actors import a\n"
    root = house(tmp_path, bridge__owui__pipe=source, actors__a="")
    assert "actors/a.py" in paths_reached(root)


@pytest.mark.parametrize(
    "source", ["from .near import x", "from . import near", "from .. import far"]
)
def test_relative_imports_count(tmp_path: Path, source: str) -> None:
    root = house(tmp_path, bridge__owui__pipe=source, bridge__owui__near="x = 1", bridge__far="")
    assert {"bridge/owui/near.py", "bridge/far.py"} & set(paths_reached(root))


def test_packages_from_outside_stay_outside(tmp_path: Path) -> None:
    root = house(tmp_path, bridge__owui__pipe="import json\nimport pykka\nfrom os import path\n")
    assert all(path.startswith("bridge/") for path in paths_reached(root))


def test_an_import_of_nothing_is_refused_by_file_and_line(tmp_path: Path) -> None:
    root = house(tmp_path, bridge__owui__pipe="\nimport actors.gone\n")
    with pytest.raises(BuildRefused, match=r"bridge/owui/pipe\.py, line 2: imports actors\.gone"):
        modules_reached(root, ENTRY)


@pytest.mark.parametrize("package", ["actors.testing", "bridge.standin"])
def test_what_serves_tests_is_refused_by_file_and_line(tmp_path: Path, package: str) -> None:
    root = sample_in(tmp_path)
    with (root / "bridge" / "owui" / "valves.py").open("a") as valves:
        valves.write(f"\nimport {package}\n")
    with pytest.raises(BuildRefused, match=rf"valves\.py, line \d+: imports {package}"):
        modules_reached(root, ENTRY)
