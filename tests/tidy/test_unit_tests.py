"""A unit test waits for nothing, patches nothing, and is never quietly left out."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.tidy.house import ROOT, name_of, nodes_of

UNIT_TESTS = sorted((ROOT / "tests" / "unit").rglob("*.py"))
ALL_TESTS = sorted((ROOT / "tests").rglob("*.py"))
LEFT_OUT = {"pytest.mark.skip", "pytest.mark.skipif", "pytest.skip", "pytest.importorskip"}
EXPECTED_TO_FAIL = {"pytest.mark.xfail", "pytest.xfail"}
PATCHERS = ("unittest.mock.", "mock.patch", "pytest.MonkeyPatch")
# What the traps ask of the language itself and it cannot give; strict, so that the day it can is
# noticed.
TRAPS = "tests/unit/test_traps.py"


def dotted(node: ast.AST) -> str:
    """`a.b.c` as it is written, or nothing for anything else."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=owner, attr=name):
            return f"{dotted(owner)}.{name}"
        case _:
            return ""


def uses(path: Path, names: set[str]) -> int:
    """How often a module writes one of these names."""
    return sum(dotted(node) in names for node in nodes_of(path))


def sleeps(path: Path) -> Iterator[int]:
    """The lines that let real time pass; a sleep of zero only lets others run."""
    for node in nodes_of(path):
        if isinstance(node, ast.Call) and dotted(node.func) in {"asyncio.sleep", "time.sleep"}:
            is_yield = any(isinstance(arg, ast.Constant) and arg.value == 0 for arg in node.args)
            if dotted(node.func) == "time.sleep" or not is_yield:
                yield node.lineno


def patches(path: Path) -> Iterator[int]:
    """The lines that reach for a way to replace what a module holds."""
    for node in nodes_of(path):
        match node:
            case ast.arg(arg="monkeypatch" | "mocker") | ast.ImportFrom(module="unittest.mock"):
                yield node.lineno
            case ast.Attribute() if dotted(node).startswith(PATCHERS):
                yield node.lineno
            case _:
                pass


def private_names(path: Path) -> Iterator[str]:
    """Names with a leading underscore that a test takes from somebody else."""
    for node in nodes_of(path):
        match node:
            case ast.Attribute(value=ast.Name(id="self" | "cls")):
                pass
            case ast.Attribute(attr=name) if name.startswith("_") and not name.endswith("__"):
                yield name
            case ast.ImportFrom(names=aliases, module=module) if module != "__future__":
                yield from (a.name for a in aliases if a.name.startswith("_"))
            case _:
                pass


def test_no_unit_test_lets_real_time_pass() -> None:
    # On the simulated loop a sleep is virtual: it is what those tests are about.
    real = [path for path in UNIT_TESTS if "simloop" not in path.name]
    assert [f"{name_of(path)}:{line}" for path in real for line in sleeps(path)] == []


def test_no_unit_test_patches_anything() -> None:
    assert [f"{name_of(path)}:{line}" for path in UNIT_TESTS for line in patches(path)] == []


def test_no_unit_test_is_left_out() -> None:
    assert [name_of(path) for path in UNIT_TESTS if uses(path, LEFT_OUT)] == []


def test_only_one_trap_is_expected_to_fail() -> None:
    marked = {name_of(path): uses(path, EXPECTED_TO_FAIL) for path in UNIT_TESTS}
    assert {name: count for name, count in marked.items() if count} in ({}, {TRAPS: 1})


def test_an_expected_failure_is_strict() -> None:
    marks = [
        node
        for path in UNIT_TESTS
        for node in nodes_of(path)
        if isinstance(node, ast.Call) and dotted(node.func) in EXPECTED_TO_FAIL
    ]
    strict = [
        any(
            keyword.arg == "strict" and ast.unparse(keyword.value) == "True"
            for keyword in m.keywords
        )
        for m in marks
    ]
    assert all(strict)


def test_no_test_touches_a_private_name() -> None:
    touched = [f"{name_of(path)}: {name}" for path in ALL_TESTS for name in private_names(path)]
    assert touched == []
