"""Recorded chat answers end up as the index says, wherever the network cuts them."""

import json

import pytest

from actors.values import (
    EndStatus,
    StreamEnded,
    StreamEvent,
    ToolCallBegan,
)
from bridge.openrouter.codec_chat import ChatCodec
from tests.integration.conformance import Fold, Recording, chunkings, recordings, seed

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(300)]

# The other bodies of the index are answers with an HTTP error: no codec sees them.
ANSWERS = tuple(
    recording
    for recording in recordings()
    if recording.endpoint.endswith("/chat/completions") and "finish_reason" in recording.expect
)
ERRORS_AS_BODIES = tuple(
    recording
    for recording in recordings()
    if recording.endpoint.endswith("/chat/completions")
    and recording.file.startswith("errors/err-200-")
)
LENGTH_WORDS = ("length", "max_output_tokens", "max_tokens")


class ChatFold(Fold):
    """Adds up what only a chat answer tells as well; nothing follows its end."""

    def take(self, event: StreamEvent) -> None:
        assert not self.ends, "the terminal event is the last"
        super().take(event)

    @property
    def began(self) -> list[ToolCallBegan]:
        return [event for event in self.others if isinstance(event, ToolCallBegan)]

    @property
    def thinking(self) -> str:
        """The index does not tell apart how a model words its thinking."""
        return self.reasoning_text + self.reasoning_summary


def folded(recording: Recording, chunks: list[bytes]) -> ChatFold:
    decoder, fold = ChatCodec().decoder(is_streaming=recording.transport == "sse"), ChatFold()
    for chunk in chunks:
        for event in decoder.feed(chunk):
            fold.take(event)
    for event in decoder.finish():
        fold.take(event)
    return fold


def told_usage(end: StreamEnded, names: set[str]) -> dict[str, object]:
    """Usage as the index spells it, as far as the index has it."""
    usage = end.usage
    if usage is None:
        return {}
    numbers = {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "cached_tokens": usage.cached_tokens,
        "cost": usage.cost_usd,
    }
    return {name: number for name, number in numbers.items() if name in names}


def expected_ending(expect: dict[str, object]) -> tuple[EndStatus, str | None]:
    if expect["error"] or expect["finish_reason"] == "error":
        return EndStatus.ERROR, None
    if expect["finish_reason"] == "content_filter":
        return EndStatus.INCOMPLETE, "content_filter"
    calls = expect["tool_calls"]
    assert isinstance(calls, list)
    has_cut_call = not all(is_json(call["arguments"]) for call in calls)
    native = str(expect["native_finish_reason"]).lower()
    if expect["finish_reason"] == "length" or (native in LENGTH_WORDS and has_cut_call):
        return EndStatus.INCOMPLETE, "max_output_tokens"
    return EndStatus.COMPLETED, None


def is_json(arguments: str) -> bool:
    try:
        json.loads(arguments or "{}")
    except ValueError:
        return False
    return True


def assert_as_expected(fold: ChatFold, recording: Recording) -> None:
    expect, end = recording.expect, fold.end
    assert fold.text == (expect["text"] or "")
    assert fold.refusal == (expect["refusal"] or "")
    assert fold.thinking == (expect["reasoning_text"] or "")
    assert_calls_as_expected(fold, expect["tool_calls"])
    assert (len(fold.annotations), len(fold.images)) == (expect["annotations"], expect["images"])
    assert (end.status, end.incomplete_reason) == expected_ending(expect)
    assert end.native_reason == (expect["native_finish_reason"] or "")
    assert_error_as_expected(end, expect["error"])
    usage = expect["usage"] or {}
    assert isinstance(usage, dict)
    # A count that was null is none that we know of.
    assert told_usage(end, set(usage)) == {name: count or 0 for name, count in usage.items()}
    assert fold.skipped == 0


def assert_calls_as_expected(fold: ChatFold, calls: object) -> None:
    assert isinstance(calls, list)
    told = [(c.call.call_id, c.call.name, c.call.arguments or "{}") for c in fold.calls]
    assert told == [(c["call_id"], c["name"], c["arguments"] or "{}") for c in calls]
    announced = [(began.output_index, began.name) for began in fold.began]
    assert announced == [(called.output_index, called.call.name) for called in fold.calls]


def assert_error_as_expected(end: StreamEnded, error: object) -> None:
    if end.status is not EndStatus.ERROR:
        assert (end.failure, error) == (None, None)
        return
    assert end.failure is not None
    assert json.loads(end.failure.json)
    if isinstance(error, dict):
        assert (end.failure.code, end.failure.message) == (str(error["code"]), error["message"])
        word = error.get("metadata", {}).get("error_type", "")
        assert end.failure.error_type == word


@pytest.mark.parametrize("recording", ANSWERS, ids=lambda recording: recording.file)
def test_a_recorded_answer_ends_up_as_the_index_says_however_it_is_cut(
    recording: Recording,
) -> None:
    print(f"replay: GREENROOM_SEED={seed()}")
    whole: ChatFold | None = None
    for chunks in chunkings(recording):
        fold = folded(recording, chunks)
        assert_as_expected(fold, recording)
        whole = whole or fold
        assert fold == whole


@pytest.mark.parametrize("recording", ERRORS_AS_BODIES, ids=lambda recording: recording.file)
def test_a_body_that_is_only_an_error_ends_with_it(recording: Recording) -> None:
    assert folded(recording, [recording.body]).end.status is EndStatus.ERROR


@pytest.mark.parametrize("recording", ANSWERS, ids=lambda recording: recording.file)
def test_thinking_to_be_sent_back_says_what_the_answer_showed(recording: Recording) -> None:
    fold = folded(recording, [recording.body])
    assert len(fold.thoughts) <= 1
    for thought in fold.thoughts:
        details = json.loads(thought.reasoning.json)
        texts = [detail.get("text") or detail.get("summary") or "" for detail in details]
        # A body may keep a summary to itself.
        assert fold.thinking in ("".join(texts), "")
        places = [(detail["type"], detail.get("index")) for detail in details]
        assert len(set(places)) == len(places)
