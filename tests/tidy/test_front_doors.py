"""The front doors of `actors` and `supervisor` offer documented names and do nothing else."""

import ast
import importlib
import inspect

import pytest

from tests.tidy.house import ROOT

PACKAGES = ("actors", "supervisor")


def is_documented(thing: object) -> bool:
    """Whether somebody wrote the docstring; a dataclass without one gets its signature instead."""
    if not inspect.isclass(thing) and not inspect.isroutine(thing):
        return True  # A constant or a type alias has no docstring of its own.
    text = vars(thing).get("__doc__") if inspect.isclass(thing) else thing.__doc__
    return bool(text) and not str(text).startswith(f"{thing.__name__}(")


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_exists_and_is_documented(package: str) -> None:
    door = importlib.import_module(package)
    assert door.__all__, f"{package} offers nothing"
    assert [name for name in door.__all__ if not is_documented(getattr(door, name))] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_public_name_is_private_or_offered_twice(package: str) -> None:
    names = list(importlib.import_module(package).__all__)
    assert len(names) == len(set(names))
    assert [name for name in names if name.startswith("_")] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_a_front_door_only_re_exports(package: str) -> None:
    body = ast.parse((ROOT / package / "__init__.py").read_text(encoding="utf-8")).body
    kinds = {type(statement).__name__ for statement in body}
    assert kinds <= {"Expr", "ImportFrom", "Assign"}
