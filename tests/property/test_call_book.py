"""Whatever calls there are and however they end: each starts once and has one output."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from actors.call_book import (
    open_book,
    open_calls,
    outputs_in_order,
    startable,
    with_begun,
    with_output,
)
from actors.values import ToolCall, ToolOutput

NAMES = ("look", "count", "write")


@st.composite
def rounds(draw: st.DrawFn) -> tuple[ToolCall, ...]:
    count = draw(st.integers(1, 8))
    calls = []
    for number in range(count):
        waits = draw(st.lists(st.integers(0, count - 1), max_size=2))
        names = ", ".join(f'"c{each}"' for each in waits)
        arguments = f'{{"depends_on": [{names}]}}' if waits else "{}"
        name = draw(st.sampled_from(NAMES))
        calls.append(ToolCall(call_id=f"c{number}", name=name, arguments=arguments))
    return tuple(calls)


@given(
    calls=rounds(),
    batch_max=st.integers(1, 4),
    parallel_max=st.integers(1, 5),
    data=st.data(),
)
def test_a_round_ends_with_one_output_for_every_call(
    calls: tuple[ToolCall, ...], batch_max: int, parallel_max: int, data: st.DataObject
) -> None:
    book = open_book(calls, batch_max=batch_max)
    running: list[ToolCall] = []
    started: list[str] = []
    while not book.is_over:
        for _, call in startable(book, parallel_max=parallel_max):
            book = with_begun(book, call.call_id)
            started.append(call.call_id)
            running.append(call)
        assert running, "somebody can always go on"
        assert len(running) == book.running <= parallel_max
        over = running.pop(data.draw(st.integers(0, len(running) - 1)))
        book = with_output(book, ToolOutput(call_id=over.call_id, output="first"))
        again = with_output(book, ToolOutput(call_id=over.call_id, output="second"))
        assert again == book, "the first output stands"
    assert sorted(started) == sorted(call.call_id for call in calls)
    assert [output.call_id for output in outputs_in_order(book)] == [c.call_id for c in calls]
    assert {output.output for output in book.outputs} == {"first"}
    assert open_calls(book) == ()


@given(calls=rounds(), batch_max=st.integers(1, 4))
def test_nothing_starts_before_what_it_waits_for_is_over(
    calls: tuple[ToolCall, ...], batch_max: int
) -> None:
    book = open_book(calls, batch_max=batch_max)
    over: set[str] = set()
    while not book.is_over:
        ready = startable(book, parallel_max=len(calls))
        for batch, call in ready:
            assert book.batches[batch].waits_for <= over
            book = with_begun(book, call.call_id)
        for _, call in ready:
            book = with_output(book, ToolOutput(call_id=call.call_id, output=""))
            over.add(call.call_id)


@given(calls=rounds())
def test_a_call_that_is_over_without_a_start_is_never_started(calls: tuple[ToolCall, ...]) -> None:
    first, *others = calls
    book = open_book(calls, batch_max=4)
    book = with_output(book, ToolOutput(call_id=first.call_id, output="refused"))
    assert book.running == 0
    assert first.call_id not in {call.call_id for _, call in startable(book, parallel_max=8)}
    assert set(open_calls(book)) == set(others)
