"""Where the house keeps its files, for the tests that read them."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("actors", "supervisor", "bridge")
CHORES = ("tests", "examples", "benchmarks", "docs", ".ci")
BUILT = {"__pycache__"}


def product_files() -> list[Path]:
    """Every module that is shipped."""
    return [path for package in PRODUCT for path in sorted((ROOT / package).rglob("*.py"))]


def all_files() -> list[Path]:
    """Every file that belongs to the project, whether git knows it yet or not."""
    below = [path for name in (*PRODUCT, *CHORES) for path in (ROOT / name).rglob("*")]
    # In a second working tree git's own entry is a file, with a path of the machine in it.
    here = [path for path in ROOT.iterdir() if path.name != ".git"]
    files = [path for path in (*here, *below) if path.is_file()]
    return sorted(path for path in files if not BUILT & set(path.parts))


def name_of(path: Path) -> str:
    """The file as somebody in the project's folder would call it."""
    return path.relative_to(ROOT).as_posix()


def nodes_of(path: Path) -> Iterator[ast.AST]:
    """Every node of a module's syntax tree."""
    return ast.walk(ast.parse(path.read_text(encoding="utf-8"), filename=str(path)))
