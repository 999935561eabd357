from __future__ import annotations

import json
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from actors.tool_plan import Batch, plan
from actors.values import ToolCall

IDS = st.sampled_from(["c1", "c2", "c3", "c4", "c5", "c6"])
ARGUMENTS = st.dictionaries(
    st.sampled_from(["text", "depends_on", "_depends_on", "sequential", "no_batch"]),
    IDS | st.booleans() | st.none() | st.lists(IDS, max_size=3) | st.just("look"),
    max_size=2,
).map(json.dumps)
CALLS = st.lists(
    st.builds(
        ToolCall,
        call_id=IDS,
        name=st.sampled_from(["look", "write"]),
        arguments=ARGUMENTS | st.text(max_size=5),
    ),
    max_size=8,
    unique_by=lambda call: call.call_id,
)


@given(calls=CALLS, batch_max=st.integers(min_value=-1, max_value=4))
def test_every_call_is_planned_once_and_no_batch_is_too_large(
    calls: list[ToolCall], batch_max: int
) -> None:
    batches = plan(calls, batch_max=batch_max)
    planned = [call for batch in batches for call in batch.calls]
    assert sorted(call.call_id for call in planned) == sorted(call.call_id for call in calls)
    for batch in batches:
        assert 1 <= len(batch.calls) <= max(1, batch_max)
        assert len({call.name for call in batch.calls}) == 1


@given(calls=CALLS, batch_max=st.integers(min_value=1, max_value=4))
def test_a_batch_waits_only_for_what_stands_before_it(
    calls: list[ToolCall], batch_max: int
) -> None:
    before: set[str] = set()
    for batch in plan(calls, batch_max=batch_max):
        assert batch.waits_for <= before
        assert len(batch.calls) == 1 or not batch.waits_for
        before.update(call.call_id for call in batch.calls)


@given(calls=CALLS, batch_max=st.integers(min_value=1, max_value=4))
def test_how_a_model_spells_its_arguments_decides_nothing(
    calls: list[ToolCall], batch_max: int
) -> None:
    spelt = [replace(call, arguments=spelt_out(call.arguments)) for call in calls]
    as_spelt, as_written = plan(spelt, batch_max=batch_max), plan(calls, batch_max=batch_max)
    assert ids(as_spelt) == ids(as_written)


def spelt_out(arguments: str) -> str:
    """Write every character of every string as an escape, where there is JSON to be read."""
    try:
        return written(json.loads(arguments))
    except ValueError:
        return arguments


def written(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{written(key)}:{written(value[key])}" for key in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    if not isinstance(value, str):
        return json.dumps(value)
    units = value.encode("utf-16-be", "surrogatepass").hex()
    return '"' + "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4)) + '"'


def ids(batches: Sequence[Batch]) -> list[tuple[list[str], frozenset[str]]]:
    return [([call.call_id for call in batch.calls], batch.waits_for) for batch in batches]
