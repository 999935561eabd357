"""Takes out of a source what only readers need: comments and docstrings. Pure.

Line numbers stay, so that a traceback of the compressed file points where it does in the
repository. What runs is the same but for `__doc__`, which no module reads.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from typing import NamedTuple

_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


class _Cut(NamedTuple):
    """A piece of the text, in lines from 1 and characters from 0, and what takes its place."""

    first_line: int
    first_column: int
    last_line: int
    last_column: int
    instead: str


def slim(source: str) -> str:
    """Return the source without comments and docstrings, every line where it was."""
    lines = source.splitlines(keepends=True)
    for cut in sorted((*_docstrings(source, lines), *_comments(source)), reverse=True):
        first, last = lines[cut.first_line - 1], lines[cut.last_line - 1]
        head, tail = first[: cut.first_column], last[cut.last_column :]
        kept = head + cut.instead if cut.instead else head.rstrip(" ")
        breaks = "\n" * (cut.last_line - cut.first_line)
        lines[cut.first_line - 1 : cut.last_line] = (kept + breaks + tail).splitlines(keepends=True)
    return "".join(lines)


def _docstrings(source: str, lines: list[str]) -> Iterator[_Cut]:
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, _DOCUMENTED) and node.body):
            continue
        first = node.body[0]
        if not (isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)):
            continue
        if isinstance(first.value.value, str):
            last_line, last_column = first.end_lineno, first.end_col_offset
            assert last_line is not None, "what was parsed has an end"
            assert last_column is not None, "what was parsed has an end"
            # The parser counts bytes; only the text itself can hold a wider character.
            column = len(lines[last_line - 1].encode()[:last_column].decode())
            # A body of nothing but a docstring needs something in its place.
            yield _Cut(first.lineno, first.col_offset, last_line, column, '""')


def _comments(source: str) -> Iterator[_Cut]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield _Cut(*token.start, *token.end, "")
