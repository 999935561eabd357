"""Draws a supervision tree as text. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from supervisor import Branch, Report

_NAME_WIDTH = 16


def tree_lines(report: Report) -> list[str]:
    """Return one line per actor, children below their parents.

    An actor on its second life or later says so: that many times less one it was started again.
    """
    return [line for root in report.roots for line in _lines(root, first="", rest="")]


def _lines(branch: Branch, *, first: str, rest: str) -> Iterator[str]:
    name = first + branch.name.rpartition("/")[2]
    told = f"  life {branch.life}" if branch.life > 1 else ""
    told += "  held" if branch.is_held else ""
    yield f"{name:<{_NAME_WIDTH}}{branch.actor}{told}"
    for child in branch.children:
        is_last = child is branch.children[-1]
        yield from _lines(
            child,
            first=rest + ("└─ " if is_last else "├─ "),
            rest=rest + ("   " if is_last else "│  "),
        )
