from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from actors.tool_plan import plan
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
