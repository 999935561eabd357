"""What holds for every module that is shipped."""

import ast

import grimp

from tests.tidy.house import PRODUCT, name_of, product_files

# Open WebUI replaces these wherever they stand in a pipe file, in strings and comments as well.
REWRITTEN = tuple(f"from {name}" for name in ("utils", "apps", "main", "config"))
# Builds the pipe file and refuses these phrases in it, so it has to know them.
MAY_NAME_REWRITTEN = "bridge/onefile/"
# Where the world comes in: the command line, Open WebUI, and the kits for other people's tests.
DOORS = ("bridge.cli", "bridge.owui", "bridge.chaos", "actors.testing", "actors", "supervisor")


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        name_of(path)
        for path in product_files()
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []


def test_no_module_holds_a_phrase_that_open_webui_rewrites() -> None:
    held = [
        f"{name_of(path)}: {phrase}"
        for path in product_files()
        if not name_of(path).startswith(MAY_NAME_REWRITTEN)
        for phrase in REWRITTEN
        if phrase in path.read_text(encoding="utf-8")
    ]
    assert held == []


def test_every_module_is_reached_through_a_door() -> None:
    graph = grimp.build_graph(*PRODUCT, cache_dir=None)
    behind_doors = {
        module for door in DOORS for module in (door, *graph.find_descendants(door)) if "." in door
    } | {"actors", "supervisor"}
    reached = behind_doors.union(*(graph.find_upstream_modules(door) for door in behind_doors))
    packages = {module for module in graph.modules if graph.find_children(module)}
    assert sorted(graph.modules - reached - packages) == []
