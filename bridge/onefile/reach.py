"""Which modules the pipe runs on: everything that its entry reaches by import.

Read from the source, nothing is imported. Parents are reached too, as Python runs every package
on the way. Imports under `TYPE_CHECKING` never run and are left out.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bridge.onefile.refusal import BuildRefused

OUR_PACKAGES = frozenset({"actors", "supervisor", "bridge"})

# Other doors, the test kit and what serves them have no business in a chat server.
LEFT_OUT = (
    "actors.testing",
    "bridge.chaos",
    "bridge.cli",
    "bridge.daemon",
    "bridge.demo",
    "bridge.onefile",
    "bridge.standin",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceModule:
    """One module of the repository. `path` is relative to its root, with slashes."""

    name: str
    path: str
    source: str

    @property
    def is_package(self) -> bool:
        """Whether this is the `__init__` of a package."""
        return self.path.endswith("/__init__.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedName:
    """A dotted name in an import statement. `is_sure` is False where it may be an attribute."""

    name: str
    line: int
    is_sure: bool


def modules_reached(root: Path, entry: str) -> tuple[SourceModule, ...]:
    """Collect the modules that run when `entry` is imported, in the order of their paths.

    Raises:
        BuildRefused: an import leads to nothing, or to what must not be in the pipe.
    """
    found: dict[str, SourceModule] = {}
    pending = [(ImportedName(name=name, line=0, is_sure=True), entry) for name in lineage(entry)]
    while pending:
        wanted, importer = pending.pop()
        if wanted.name in found:
            continue
        module = read_module(root, wanted.name)
        if module is None and wanted.is_sure:
            raise BuildRefused(
                f"{importer}, line {wanted.line}: imports {wanted.name}, which is not there"
            )
        if module is None:
            continue
        if any(is_inside(wanted.name, package) for package in LEFT_OUT):
            raise BuildRefused(
                f"{importer}, line {wanted.line}: imports {wanted.name}, "
                "which does not belong in the pipe file"
            )
        found[module.name] = module
        pending.extend((name, module.path) for name in imported_names(module))
    return tuple(sorted(found.values(), key=lambda module: module.path))


def read_module(root: Path, name: str) -> SourceModule | None:
    """Read a module by its dotted name, or return None when there is no such file."""
    stem = name.replace(".", "/")
    for path in (f"{stem}/__init__.py", f"{stem}.py"):
        if (root / path).is_file():
            source = (root / path).read_text(encoding="utf-8")
            return SourceModule(name=name, path=path, source=source)
    return None


def imported_names(module: SourceModule) -> Iterator[ImportedName]:
    """List our modules that this one may import, their parents included."""
    for statement in running_imports(ast.parse(module.source, module.path)):
        for name, is_sure in stated_names(statement, module):
            if name.partition(".")[0] not in OUR_PACKAGES:
                continue
            *parents, last = lineage(name)
            for parent in parents:
                yield ImportedName(name=parent, line=statement.lineno, is_sure=True)
            yield ImportedName(name=last, line=statement.lineno, is_sure=is_sure)


def stated_names(
    statement: ast.Import | ast.ImportFrom, module: SourceModule
) -> Iterator[tuple[str, bool]]:
    """Spell out one statement: absolute names, and whether each is sure to be a module."""
    if isinstance(statement, ast.Import):
        yield from ((alias.name, True) for alias in statement.names)
        return
    base = statement.module or ""
    if statement.level:
        parts = module.name.split(".")
        kept = len(parts) - statement.level + module.is_package
        base = ".".join([*parts[:kept], *filter(None, [base])])
    yield base, True
    yield from ((f"{base}.{alias.name}", False) for alias in statement.names)


def running_imports(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Find the import statements of a tree that can run."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and is_type_checking(node.test):
            yield from running_imports(ast.Module(body=node.orelse, type_ignores=[]))
        else:
            yield from running_imports(node)


def is_type_checking(test: ast.expr) -> bool:
    """Recognise `TYPE_CHECKING` and `typing.TYPE_CHECKING`."""
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")
    return name == "TYPE_CHECKING"


def lineage(name: str) -> list[str]:
    """List a dotted name with its parents, outermost first."""
    parts = name.split(".")
    return [".".join(parts[: count + 1]) for count in range(len(parts))]


def is_inside(name: str, package: str) -> bool:
    """Whether a module is this package or lies in it."""
    return name == package or name.startswith(f"{package}.")
