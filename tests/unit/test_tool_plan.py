from __future__ import annotations

import json

import pytest

from actors.tool_plan import Batch, are_arguments_json, arguments_of, plan
from actors.values import ToolCall


def call(call_id: str, name: str = "look", **arguments: object) -> ToolCall:
    return ToolCall(call_id=call_id, name=name, arguments=json.dumps(arguments))


def ids(batches: tuple[Batch, ...]) -> list[list[str]]:
    return [[each.call_id for each in batch.calls] for batch in batches]


def test_calls_of_the_same_name_run_together_up_to_the_cap() -> None:
    """SPEC 71."""
    calls = [call(f"c{n}") for n in range(5)]
    assert ids(plan(calls, batch_max=2)) == [["c0", "c1"], ["c2", "c3"], ["c4"]]


def test_calls_of_different_names_do_not_share_a_batch_and_wait_for_nothing() -> None:
    made = plan([call("a", "x"), call("b", "y"), call("c", "x")], batch_max=4)
    assert ids(made) == [["a", "c"], ["b"]]
    assert all(not batch.waits_for for batch in made)


@pytest.mark.parametrize("mark", ["depends_on", "_depends_on", "sequential", "no_batch"])
def test_a_marked_call_runs_alone(mark: str) -> None:
    """SPEC 71."""
    made = plan([call("a"), call("b", **{mark: True}), call("c")], batch_max=4)
    assert sorted(ids(made)) == [["a", "c"], ["b"]]


@pytest.mark.parametrize("mark", ["depends_on", "sequential", "no_batch"])
def test_a_mark_that_says_nothing_is_none(mark: str) -> None:
    """A strict schema makes a model write null for what it leaves out (SPEC 67)."""
    assert ids(plan([call("a"), call("b", **{mark: None})], batch_max=4)) == [["a", "b"]]


def test_a_call_that_names_the_id_of_another_runs_after_it() -> None:
    made = plan([call("b", text="the answer of call_9, please"), call("call_9")], batch_max=4)
    assert ids(made) == [["call_9"], ["b"]]
    assert made[1].waits_for == {"call_9"}


def test_an_id_inside_a_longer_word_is_no_reference() -> None:
    assert ids(plan([call("c1"), call("c2", text="c11 xc1 c1-b")], batch_max=4)) == [["c1", "c2"]]


def test_a_dependency_may_name_a_tool() -> None:
    made = plan([call("b", "write", depends_on="read"), call("a", "read")], batch_max=4)
    assert ids(made) == [["a"], ["b"]]
    assert made[1].waits_for == {"a"}


def test_a_dependency_on_something_unknown_waits_for_all_that_came_before() -> None:
    made = plan(
        [call("a", "x"), call("b", "y", depends_on="step one"), call("c", "z")], batch_max=4
    )
    assert made[1].waits_for == {"a"}


def test_a_sequential_call_waits_for_all_that_came_before() -> None:
    made = plan([call("a", "x"), call("b", "y", sequential=True)], batch_max=4)
    assert made[1].waits_for == {"a"}


def test_a_call_without_batch_waits_for_nothing() -> None:
    assert plan([call("a"), call("b", no_batch=True)], batch_max=4)[1].waits_for == frozenset()


def test_a_circle_is_broken_at_the_call_worded_first() -> None:
    made = plan([call("a", see="b"), call("b", see="a")], batch_max=4)
    assert ids(made) == [["a"], ["b"]]
    assert made[0].waits_for == frozenset()
    assert made[1].waits_for == {"a"}


def test_no_calls_make_no_batch() -> None:
    assert plan([], batch_max=4) == ()


@pytest.mark.parametrize("text", ["", "  ", "null", "{}", '{"a": [1]}'])
def test_these_arguments_may_be_run(text: str) -> None:
    """SPEC 70; FACTS, zero-argument calls."""
    assert are_arguments_json(ToolCall(call_id="a", name="x", arguments=text))


@pytest.mark.parametrize(
    "text", ['{"a": 1', "[1]", '"a"', "3", "{'a': 1}", '{"a": NaN}', '{"a":1}{"a":2}', "[" * 9000]
)
def test_these_arguments_may_not(text: str) -> None:
    """SPEC 70; FACTS, row 1."""
    wanted = ToolCall(call_id="a", name="x", arguments=text)
    assert not are_arguments_json(wanted)
    assert arguments_of(wanted) is None
