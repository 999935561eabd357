"""Recorded /responses answers end up as the index says, wherever the network cuts them."""

import json

import pytest

from actors.values import EndStatus, StreamEnded, ToolCallBegan
from bridge.openrouter.codec_responses import ResponsesCodec
from tests.integration.conformance import (
    Fold,
    Recording,
    bodies_of,
    chunkings,
    seed,
    streams_of,
)

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(300)]

STREAMS = streams_of("/responses")
BODIES = bodies_of("/responses")


def folded(chunks: list[bytes], *, is_streaming: bool = True) -> Fold:
    decoder, fold = ResponsesCodec().decoder(is_streaming=is_streaming), Fold()
    for chunk in chunks:
        for event in decoder.feed(chunk):
            fold.take(event)
    for event in decoder.finish():
        fold.take(event)
    return fold


def expected_status(recording: Recording) -> object:
    """An `error` event ends a stream before the `response.failed` that may follow it."""
    counts = recording.expect.get("event_counts")
    has_error = isinstance(counts, dict) and "error" in counts
    return EndStatus.ERROR.value if has_error else recording.expect["status"]


def told(end: StreamEnded, names: set[str]) -> dict[str, object]:
    """Usage as the index spells it, as far as the index has it."""
    usage = end.usage
    if usage is None:
        return {}
    numbers = {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "cached_tokens": usage.cached_tokens,
        "cost": usage.cost_usd,
    }
    return {name: number for name, number in numbers.items() if name in names}


def assert_as_expected(fold: Fold, recording: Recording) -> None:
    expect, end = recording.expect, fold.end
    assert fold.text == expect["text"]
    assert fold.refusal == (expect.get("refusal") or "")
    assert_calls_as_expected(fold, expect["tool_calls"])
    assert_items_as_expected(fold, expect)
    if "reasoning_text" in expect:
        assert fold.reasoning_text == (expect["reasoning_text"] or "")
        assert fold.reasoning_summary == (expect["reasoning_summary"] or "")
    assert end.status.value == expected_status(recording)
    assert end.incomplete_reason == expect.get("incomplete_reason")
    assert_error_as_expected(end, expect.get("error"))
    if "usage" in expect:
        usage = expect["usage"] or {}
        assert isinstance(usage, dict)
        assert told(end, set(usage)) == usage
    assert fold.skipped == 0


def assert_calls_as_expected(fold: Fold, expected: object) -> None:
    assert isinstance(expected, list)
    assert [
        (event.call.call_id, event.call.name, event.call.arguments) for event in fold.calls
    ] == [(call["call_id"], call["name"], call["arguments"]) for call in expected]
    began = [event.name for event in fold.others if isinstance(event, ToolCallBegan)]
    assert began in ([], [call["name"] for call in expected])


def assert_items_as_expected(fold: Fold, expect: dict[str, object]) -> None:
    """Thinking, images and annotations are told once for each that the terminal event names."""
    types = expect.get("output_item_types")
    if isinstance(types, dict):
        assert len(fold.thoughts) == types.get("reasoning", 0)
        images = types.get("image_generation_call", 0) + types.get("openrouter:image_generation", 0)
        assert len(fold.images) == images
    if "annotations" in expect:
        assert len(fold.annotations) == expect["annotations"]


def assert_thinking_is_untouched(fold: Fold, recording: Recording) -> None:
    """Each finished item stands in the recording byte for byte (lines joined)."""
    wire = recording.body.decode()
    for event in fold.thoughts:
        assert event.reasoning.json in wire
        assert json.loads(event.reasoning.json)["type"] == "reasoning"


def assert_error_as_expected(end: StreamEnded, error: object) -> None:
    if not isinstance(error, dict):
        assert end.failure is None
        return
    assert end.failure is not None
    assert (end.failure.code, end.failure.message) == (str(error["code"]), error["message"])
    assert error["message"] in json.dumps(json.loads(end.failure.json), ensure_ascii=False)


@pytest.mark.parametrize("recording", STREAMS, ids=lambda recording: recording.file)
def test_a_recorded_stream_ends_up_as_the_index_says_however_it_is_cut(
    recording: Recording,
) -> None:
    print(f"replay: GREENROOM_SEED={seed()}")
    for chunks in chunkings(recording):
        fold = folded(chunks)
        assert_as_expected(fold, recording)
        assert_thinking_is_untouched(fold, recording)


@pytest.mark.parametrize("recording", BODIES, ids=lambda recording: recording.file)
def test_a_recorded_body_ends_up_as_the_index_says_however_it_is_cut(
    recording: Recording,
) -> None:
    print(f"replay: GREENROOM_SEED={seed()}")
    for chunks in chunkings(recording):
        fold = folded(chunks, is_streaming=False)
        if "status" in recording.expect:
            assert_as_expected(fold, recording)
        else:
            assert fold.end.status is EndStatus.ERROR
            assert_error_as_expected(fold.end, recording.expect["error"])
