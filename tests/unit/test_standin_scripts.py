from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from bridge.standin.chat_pieces import merged_details
from bridge.standin.chat_wire import final_completion, render_chat
from bridge.standin.conversations import Conversation, conversations, named_conversation
from bridge.standin.frames import Billing, Frame, FrameKind
from bridge.standin.responses_wire import final_response, render_responses
from bridge.standin.script_values import Finish, Script, Telling, Voice
from bridge.standin.scripts import echo, generated, library, named_script

BILLING = Billing(input_tokens=10, output_tokens=20, reasoning_tokens=3)
SCRIPTS = [*library(), generated(5, 12, 2), echo("Ping?")]
BY_DELTAS = [script for script in SCRIPTS if script.telling is Telling.BY_DELTAS]


def script_named(name: str) -> Script:
    script = named_script(name)
    assert script is not None
    return script


def responses(script: Script) -> tuple[Frame, ...]:
    return render_responses(script, response_id="gen-1", model="m", billing=BILLING)


def chat(script: Script) -> tuple[Frame, ...]:
    return render_chat(script, response_id="gen-1", model="m", billing=BILLING)


def events(frames: tuple[Frame, ...]) -> list[dict[str, Any]]:
    return [
        json.loads(frame.data.removeprefix(b"data: "))
        for frame in frames
        if frame.kind not in (FrameKind.COMMENT, FrameKind.DONE)
    ]


def joined(told: list[dict[str, Any]], event_type: str) -> str:
    return "".join(event["delta"] for event in told if event["type"] == event_type)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_responses_events_are_numbered_and_end_with_a_terminal_event(script: Script) -> None:
    frames = responses(script)
    told = events(frames)
    assert [event["sequence_number"] for event in told] == list(range(len(told)))
    assert [event["type"] for event in told][:2] == ["response.created", "response.in_progress"][
        : len(told)
    ]
    expected = "completed" if script.finish is Finish.STOP else "incomplete"
    assert told[-1]["type"] == f"response.{expected}"
    assert told[-1]["response"]["status"] == expected
    assert told[-1]["response"]["usage"]["total_tokens"] == 30
    assert frames[-1].data == b"data: [DONE]\n\n"


@pytest.mark.parametrize("script", BY_DELTAS, ids=lambda script: script.name)
def test_deltas_add_up_to_the_text_on_both_endpoints(script: Script) -> None:
    told = events(responses(script))
    assert joined(told, "response.output_text.delta") == script.said(Voice.TEXT)
    assert joined(told, "response.reasoning_text.delta") == script.said(Voice.THINKING)
    assert joined(told, "response.refusal.delta") == script.said(Voice.REFUSAL)
    chunks = [c["choices"][0]["delta"] for c in events(chat(script)) if c["choices"]]
    assert "".join(c.get("content") or "" for c in chunks) == script.said(Voice.TEXT)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_each_item_is_added_before_it_is_told_and_done_once(script: Script) -> None:
    is_open: set[int] = set()
    done: list[int] = []
    for event in events(responses(script)):
        match event["type"], event.get("output_index"):
            case "response.output_item.added", index:
                is_open.add(index)
            case "response.output_item.done", index:
                is_open.remove(index)
                done.append(index)
            case _, int(index):
                assert index in is_open
    assert not is_open
    assert len(done) == len(set(done))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_the_last_chat_chunk_repeats_the_reason_and_has_the_usage(script: Script) -> None:
    ending, last = events(chat(script))[-2:]
    assert ending["choices"][0]["finish_reason"] == last["choices"][0]["finish_reason"]
    assert "usage" not in ending
    assert last["usage"]["prompt_tokens_details"]["cached_tokens"] == 0
    assert last["usage"]["total_tokens"] == 30


def test_overlapping_items_end_in_another_order_than_they_began() -> None:
    told = events(responses(script_named("overlapping")))
    order = [
        (e["type"].rsplit(".", 1)[1], e["output_index"])
        for e in told
        if e["type"].startswith("response.output_item")
    ]
    assert order == [("added", 0), ("added", 1), ("done", 1), ("done", 0)]


def test_a_later_item_may_be_added_first() -> None:
    told = events(responses(script_named("reversed")))
    added = [e["output_index"] for e in told if e["type"] == "response.output_item.added"]
    assert added == [1, 0]


def test_sealed_reasoning_comes_only_with_the_finished_item() -> None:
    told = events(responses(script_named("sealed")))
    added, done = (e["item"] for e in told if e.get("item", {}).get("type") == "reasoning")
    assert "encrypted_content" not in added
    assert done["encrypted_content"]


def test_the_terminal_event_gives_items_other_ids() -> None:
    told = events(responses(script_named("plain")))
    first = next(e["item"]["id"] for e in told if e["type"] == "response.output_item.added")
    assert told[-1]["response"]["output"][0]["id"] != first


def test_a_text_can_be_told_without_deltas() -> None:
    stated = events(responses(script_named("stated-only")))
    terminal = events(responses(script_named("terminal-only")))
    assert not joined(stated, "response.output_text.delta")
    assert any(e["type"] == "response.output_text.done" for e in stated)
    assert [e["type"] for e in terminal][2:] == ["response.completed"]
    assert terminal[-1]["response"]["output"][0]["content"][0]["text"]


def test_a_call_cut_by_the_token_limit_looks_finished_on_chat() -> None:
    script = script_named("tool-call-cut")
    whole = final_completion(script, response_id="gen-1", model="m", billing=BILLING)
    choice = json.loads(json.dumps(whole))["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    with pytest.raises(json.JSONDecodeError):
        json.loads(choice["message"]["tool_calls"][0]["function"]["arguments"])


def test_a_plain_answer_is_the_object_of_the_terminal_event() -> None:
    script = script_named("summary")
    whole = final_response(script, response_id="gen-1", model="m", billing=BILLING)
    terminal = events(responses(script))[-1]
    assert terminal["response"] == json.loads(json.dumps(whole))


def test_a_picture_is_a_png_with_another_spelling_on_each_endpoint() -> None:
    script = script_named("image")
    told = events(responses(script))
    [item] = [e["item"] for e in told if e["type"].endswith("item.done") and "result" in e["item"]]
    assert base64.b64decode(item["result"]).startswith(b"\x89PNG\r\n\x1a\n")
    deltas = [c["choices"][0]["delta"] for c in events(chat(script)) if c["choices"]]
    [images] = [delta["images"] for delta in deltas if "images" in delta]
    assert images[0]["image_url"]["url"] == f"data:image/png;base64,{item['result']}"
    whole = final_completion(script, response_id="gen-1", model="m", billing=BILLING)
    assert json.loads(json.dumps(whole))["choices"][0]["message"]["images"] == images


def test_a_picture_is_output_only_when_its_item_is_finished() -> None:
    frames = responses(script_named("image-alone"))
    [shown] = [frame for frame in frames if frame.kind is FrameKind.OUTPUT]
    assert b'"result"' in shown.data


def test_a_search_tells_its_steps_and_is_billed() -> None:
    script = script_named("search")
    told = events(responses(script))
    actions = [e["item"]["action"] for e in told if "action" in e.get("item", {})]
    assert [action["type"] for action in actions] == ["search", "open_page", "find_in_page"]
    assert sum(e["type"] == "response.web_search_call.searching" for e in told) == 3
    billing = Billing(input_tokens=1, output_tokens=1, reasoning_tokens=0, searches=3)
    for render in (render_responses, render_chat):
        last = render(script, response_id="gen-1", model="m", billing=billing)[-2]
        assert b'"web_search_requests":3' in last.data
    assert billing.cost_usd > billing.token_cost_usd


def test_a_signature_comes_last_and_without_text_on_chat() -> None:
    script = script_named("signed")
    deltas = [c["choices"][0]["delta"] for c in events(chat(script)) if c["choices"]]
    details = [detail for delta in deltas for detail in delta.get("reasoning_details", ())]
    assert "text" not in details[-1]
    assert details[-1]["signature"]
    assert {detail["index"] for detail in details} == {0}
    [merged] = merged_details(script)
    assert merged["text"] == script.said(Voice.THINKING)
    done = [e["item"] for e in events(responses(script)) if e["type"].endswith("item.done")]
    assert done[0]["signature"] == merged["signature"] == details[-1]["signature"]
    assert done[0]["format"] == merged["format"]


@pytest.mark.parametrize("conversation", conversations(), ids=lambda one: one.name)
def test_every_call_is_told_alike_in_pieces_and_whole(conversation: Conversation) -> None:
    for script in conversation.rounds:
        told = events(responses(script))
        done = [e["item"] for e in told if e["type"] == "response.output_item.done"]
        calls = [item for item in done if item["type"] == "function_call"]
        pieces: dict[int, dict[str, str]] = {}
        for event in events(chat(script)):
            for piece in event["choices"][0]["delta"].get("tool_calls", ()):
                known = pieces.setdefault(piece["index"], {"id": "", "name": "", "arguments": ""})
                known["id"] += piece.get("id", "")
                known["name"] += piece["function"].get("name", "")
                known["arguments"] += piece["function"]["arguments"]
        assert list(pieces) == list(range(len(calls)))
        expected = [
            {"id": item["call_id"], "name": item["name"], "arguments": item["arguments"]}
            for item in sorted(calls, key=lambda item: int(item["call_id"].rpartition("_")[2]))
        ]
        assert list(pieces.values()) == expected
        whole = final_completion(script, response_id="gen-1", model="m", billing=BILLING)
        message = json.loads(json.dumps(whole))["choices"][0]["message"]
        assert [
            {"id": call["id"], "arguments": "", **call["function"]}
            for call in message["tool_calls"]
        ] == expected


def test_only_the_native_reason_tells_that_a_call_was_cut() -> None:
    ending = events(chat(script_named("tool-call-cut")))[-1]["choices"][0]
    assert ending["finish_reason"] == "tool_calls"
    assert ending["native_finish_reason"] == "max_output_tokens"


def test_a_call_without_arguments_has_no_delta_and_no_field() -> None:
    conversation = named_conversation("no-arguments")
    assert conversation is not None
    [script] = conversation.rounds
    assert not joined(events(responses(script)), "response.function_call_arguments.delta")
    whole = final_completion(script, response_id="gen-1", model="m", billing=BILLING)
    [call] = json.loads(json.dumps(whole))["choices"][0]["message"]["tool_calls"]
    assert call["function"] == {"name": "get_time"}


def test_a_generated_answer_has_the_size_that_was_asked_for() -> None:
    frames = responses(generated(7, 1000, 3))
    told = events(frames)
    assert len(joined(told, "response.output_text.delta").encode()) == 7000
    assert sum(frame.kind is FrameKind.OUTPUT for frame in frames) == 7
    assert sum(frame.kind is FrameKind.REASONING for frame in frames) == 3


def test_an_echo_is_shortened() -> None:
    assert len(echo("x" * 10_000).said(Voice.TEXT)) < 2200
    assert "Ping?" in echo(" Ping? ").said(Voice.TEXT)
