"""Recorded /responses streams end up as the index says, wherever the network cuts them."""

import pytest

from actors.values import EndStatus, StreamEnded
from bridge.openrouter.codec_responses import ResponsesCodec
from tests.integration.conformance import Fold, Recording, chunkings, seed, streams_of

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(300)]

STREAMS = streams_of("/responses")


def folded(chunks: list[bytes]) -> Fold:
    decoder, fold = ResponsesCodec().decoder(), Fold()
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


def assert_error_as_expected(end: StreamEnded, error: object) -> None:
    if not isinstance(error, dict):
        assert end.failure is None
        return
    assert end.failure is not None
    assert (end.failure.code, end.failure.message) == (error["code"], error["message"])


@pytest.mark.parametrize("recording", STREAMS, ids=lambda recording: recording.file)
def test_a_recorded_stream_ends_up_as_the_index_says_however_it_is_cut(
    recording: Recording,
) -> None:
    print(f"replay: GREENROOM_SEED={seed()}")
    for chunks in chunkings(recording):
        assert_as_expected(folded(chunks), recording)
