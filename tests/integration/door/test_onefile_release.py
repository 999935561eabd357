"""Builds that nobody runs on leave the process."""

from __future__ import annotations

import gc
import linecache
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.onefile import built, changed, clean_process, loaded


@pytest.fixture(autouse=True)
def _clean_process() -> Iterator[None]:
    with clean_process():
        yield


def is_loaded(build: str) -> bool:
    return any(name.startswith(f"_greenroom_{build}") for name in sys.modules)


def test_a_build_that_was_taken_over_is_freed(tmp_path: Path) -> None:
    old, new = built(), changed(tmp_path)
    pipe = loaded(old.readable).Pipe()
    greeting = weakref.ref(pipe.greeting)
    assert linecache.getline(f"<greenroom {old.build}>/actors/plain.py", 1)
    loaded(new.readable)
    pipe.retire(old.build)
    del pipe
    gc.collect()
    assert greeting() is None
    assert not is_loaded(old.build)
    assert is_loaded(new.build)
    assert not [name for name in linecache.cache if old.build in name]
    assert not [found for found in sys.meta_path if old.build in getattr(found, "package", "")]


def test_a_build_stays_while_another_function_runs_on_it(tmp_path: Path) -> None:
    old, new = built(), changed(tmp_path)
    one = loaded(old.readable, "function_one").Pipe()
    two = loaded(old.readable, "function_two").Pipe()
    loaded(new.readable, "function_one")
    one.retire(old.build)
    assert is_loaded(old.build)
    loaded(new.readable, "function_two")
    two.retire(old.build)
    assert not is_loaded(old.build)


def test_the_build_in_use_is_not_released() -> None:
    files = built()
    loaded(files.readable).Pipe().retire(files.build)
    assert is_loaded(files.build)


def test_a_build_that_somebody_went_back_to_is_not_released(tmp_path: Path) -> None:
    old, new = built(), changed(tmp_path)
    first = loaded(old.readable).Pipe()
    loaded(new.readable).Pipe()
    loaded(old.readable)
    first.retire(old.build)
    assert is_loaded(old.build)


def test_a_released_build_can_be_loaded_again(tmp_path: Path) -> None:
    old, new = built(), changed(tmp_path)
    pipe = loaded(old.readable).Pipe()
    loaded(new.readable)
    pipe.retire(old.build)
    again = loaded(old.readable).Pipe()
    assert is_loaded(old.build)
    assert again.greeting is not pipe.greeting


def test_what_still_runs_may_finish_after_the_release(tmp_path: Path) -> None:
    old, new = built(), changed(tmp_path)
    pipe = loaded(old.readable).Pipe()
    loaded(new.readable)
    pipe.retire(old.build)
    assert pipe.house.GREETING.text == "hello"
    with pytest.raises(ValueError, match="late"):
        pipe.house.counter.crash("late")


def test_releasing_twice_does_nothing(tmp_path: Path) -> None:
    pipe = loaded(built().readable).Pipe()
    loaded(changed(tmp_path).readable)
    pipe.retire(built().build)
    pipe.retire(built().build)
    assert not is_loaded(built().build)


def test_a_build_that_fails_to_load_leaves_the_older_one_alone(tmp_path: Path) -> None:
    old, broken = built(), changed(tmp_path)
    loaded(old.readable)
    text = broken.readable.replace(b"class Plain:", b"raise RuntimeError\nclass Plain:")
    with pytest.raises(RuntimeError):
        loaded(text)
    assert not is_loaded(broken.build)
    assert is_loaded(old.build)
    loaded(old.readable).Pipe().retire(old.build)
    assert is_loaded(old.build)
