"""The pipe file inside a process, loaded the way Open WebUI loads functions."""

from __future__ import annotations

import asyncio
import inspect
import sys
import traceback
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.onefile import INHERITED_FLAGS, built, changed, clean_process, loaded

FUNCTION_HEX = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def _clean_process() -> Iterator[None]:
    with clean_process():
        yield


@pytest.fixture(params=["readable", "compressed"])
def content(request: pytest.FixtureRequest) -> bytes:
    return getattr(built(), request.param)


@pytest.mark.parametrize("flags", [0, INHERITED_FLAGS], ids=["0.6.28", "0.12.4"])
def test_both_files_load_in_both_versions(content: bytes, flags: int) -> None:
    pipe = loaded(content, flags=flags).Pipe()
    assert pipe.type == "manifold"
    assert hasattr(pipe, "Valves")
    assert asyncio.run(pipe.pipes()) == [{"id": "sample", "name": "Sample"}]
    assert asyncio.run(pipe.pipe({})) == "low"
    assert list(inspect.signature(pipe.pipe).parameters) == ["body", "__user__"]


@pytest.mark.parametrize(
    ("module_name", "function_id"),
    [
        ("function_sample", "sample"),
        ("function_sample_two", "sample_two"),
        (f"function_sample_{FUNCTION_HEX}", "sample"),
        ("pasted", "greenroom"),
    ],
)
def test_the_function_id_comes_from_the_module_name(module_name: str, function_id: str) -> None:
    files = built()
    assert loaded(files.readable, module_name).Pipe.made_for == (function_id, files.build)


def test_flags_of_the_server_do_not_reach_the_modules(content: bytes) -> None:
    plain = loaded(content, flags=INHERITED_FLAGS).Pipe.plain
    assert plain.__annotations__["size"] is int


def test_classes_are_found_by_their_module(content: bytes) -> None:
    pipe = loaded(content).Pipe()
    greeting = pipe.greeting
    assert greeting.__module__ == f"_greenroom_{built().build}.actors.values"
    assert typing.get_type_hints(greeting)["others"] == tuple[greeting, ...]
    assert pipe.copied() == greeting(text="kept")
    assert pipe.Valves() == pipe.Valves(LOUDNESS="high", NESTED={}).NESTED
    assert pipe.Valves.model_json_schema()["$defs"]["Valves"]["properties"]["LOUDNESS"]


def test_every_spelling_of_an_import_gives_the_same_module(content: bytes) -> None:
    house = loaded(content).Pipe.house
    assert len({id(module) for module in house.SPELLINGS}) == 1
    assert house.late().__name__ == f"_greenroom_{built().build}.actors.kernel"


def test_a_traceback_shows_the_lines_of_the_source(content: bytes) -> None:
    counter = loaded(content).Pipe.house.counter
    with pytest.raises(ValueError, match="oops") as caught:
        counter.crash("oops")
    shown = "".join(traceback.format_exception(caught.value))
    assert f'File "<greenroom {built().build}>/actors/kernel/counter.py", line 11' in shown
    assert "raise ValueError(word)" in shown, "the line that a person wants to read"


def test_the_source_of_a_class_can_be_read(content: bytes) -> None:
    assert "size: int = 0" in inspect.getsource(loaded(content).Pipe.plain)


def test_two_builds_side_by_side_share_no_state(tmp_path: Path) -> None:
    old = loaded(built().readable).Pipe.house
    new = loaded(changed(tmp_path).readable).Pipe.house
    old.counter.seen.append("old")
    assert new.counter.seen == []
    assert old.GREETING.__class__ is not new.GREETING.__class__


def test_the_same_build_is_compiled_once() -> None:
    first, second = loaded(built().readable), loaded(built().compressed)
    assert first.Pipe.house is second.Pipe.house
    assert first.Pipe is not second.Pipe


def test_the_modules_of_the_repository_are_not_touched() -> None:
    before = {name for name in sys.modules if name.split(".")[0] in {"actors", "supervisor"}}
    loaded(built().readable)
    after = {name for name in sys.modules if name.split(".")[0] in {"actors", "supervisor"}}
    assert after == before
