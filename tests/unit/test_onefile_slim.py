"""The compressed file leaves out what only readers need, and runs the same."""

from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path
from typing import Final

import pytest

from bridge.onefile.build import ENTRY
from bridge.onefile.reach import modules_reached
from bridge.onefile.slim import slim

ROOT: Final = Path(__file__).resolve().parents[2]
MODULES: Final = {module.path: module.source for module in modules_reached(ROOT, ENTRY)}


def undocumented(source: str) -> str:
    """What is left of a program without its docstrings: every statement, and where it begins."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        if isinstance(node, documented) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                is_text = isinstance(first.value.value, str)
                first.value.value = "" if is_text else first.value.value
        if hasattr(node, "end_lineno"):
            node.end_lineno = node.end_col_offset = 0
    return ast.dump(tree, include_attributes=True)


def comments_in(source: str) -> list[str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return [token.string for token in tokens if token.type == tokenize.COMMENT]


@pytest.mark.parametrize("path", MODULES)
def test_every_statement_stays_on_its_line(path: str) -> None:
    source = MODULES[path]
    thin = slim(source)
    assert undocumented(thin) == undocumented(source)
    assert thin.count("\n") == source.count("\n")
    assert slim(thin) == thin
    assert comments_in(thin) == []


@pytest.mark.parametrize(
    ("source", "thin"),
    [
        ('"""Doc."""\nx = 1  # one\n', '""\nx = 1\n'),
        (
            'def f():\n    """Long\n\n    ü doc."""\n    return "# no"\n',
            'def f():\n    ""\n\n\n    return "# no"\n',
        ),
        ("class A:\n    # why\n    b = '''#'''\n", "class A:\n\n    b = '''#'''\n"),
        ("x = 'not a docstring'\n", "x = 'not a docstring'\n"),
    ],
)
def test_comments_and_docstrings_go_and_their_lines_stay(source: str, thin: str) -> None:
    assert slim(source) == thin
