"""Thinking that chat completions gave us, as items of POST /responses."""

import json

import msgspec
import pytest

from bridge.openrouter.codec_responses_reasoning import items_from_details


def items(*details: object) -> list[dict[str, object]]:
    written: list[dict[str, object]] = json.loads(
        msgspec.json.encode(items_from_details(json.dumps(details)))
    )
    return written


def said(text: str, **fields: object) -> dict[str, object]:
    return {"type": "reasoning.text", "text": text, "index": 0, **fields}


def summed_up(summary: str, **fields: object) -> dict[str, object]:
    return {"type": "reasoning.summary", "summary": summary, "index": 0, **fields}


def sealed(data: str, **fields: object) -> dict[str, object]:
    return {"type": "reasoning.encrypted", "data": data, "index": 0, **fields}


def item(
    *, number: int = 0, summary: tuple[str, ...] = (), content: tuple[str, ...] = (), **more: object
) -> dict[str, object]:
    parts: dict[str, object] = {
        "type": "reasoning",
        "id": f"rs_{number}",
        "summary": [{"type": "summary_text", "text": text} for text in summary],
    }
    if content:
        parts["content"] = [{"type": "reasoning_text", "text": text} for text in content]
    return parts | more


def test_a_signed_text_is_content_with_its_signature() -> None:
    claude = "anthropic-claude-v1"
    assert items(said("Hm", signature="s", format=claude)) == [
        item(content=("Hm",), signature="s", format=claude)
    ]


def test_a_signature_that_comes_alone_belongs_to_the_text_before_it() -> None:
    last = {"type": "reasoning.text", "signature": "s", "index": 0}
    assert items(said("Hm"), last) == [item(content=("Hm",), signature="s")]


def test_a_summary_and_the_data_under_its_id_are_one_item() -> None:
    openai = "openai-responses-v1"
    details = (
        summed_up("**Plan**", format=openai),
        summed_up("Go", format=openai, index=1),
        sealed("gA==.e30", id="rs_7", format=openai, index=2),
    )
    assert items(*details) == [
        item(summary=("**Plan**", "Go"), id="rs_7", encrypted_content="gA==.e30", format=openai)
    ]


def test_pieces_of_one_text_are_joined_and_pieces_without_a_place_are_not() -> None:
    assert items(said("H"), said("m")) == [item(content=("Hm",))]
    assert items(said("H"), said("m", index=1)) == [item(content=("H", "m"))]
    assert items(said("H", index=None), said("m", index=None)) == [item(content=("H", "m"))]


def test_what_follows_a_seal_is_an_item_of_its_own_in_its_order() -> None:
    assert items(said("a", signature="s"), sealed("x"), said("b", signature="t")) == [
        item(content=("a",), signature="s"),
        item(number=1, encrypted_content="x"),
        item(number=2, content=("b",), signature="t"),
    ]


def test_thinking_under_another_id_or_format_is_another_item() -> None:
    assert items(summed_up("a", id="rs_a"), summed_up("b", id="rs_b")) == [
        item(summary=("a",), id="rs_a"),
        item(summary=("b",), id="rs_b"),
    ]
    assert len(items(said("a", format="x"), said("b", format="y"))) == 2
    assert len(items(said("a", format="x"), said("b", format=None))) == 1


def test_ids_that_have_to_be_made_up_begin_as_asked() -> None:
    (made,) = items_from_details(json.dumps([said("a")]), id_prefix="rs_4")
    assert made.id == "rs_4_0"


@pytest.mark.parametrize(
    "detail",
    [
        {"type": "reasoning.server_tool_call", "tool_name": "x", "arguments": "{}"},
        {"type": "reasoning.new", "text": "x"},
        {"type": "reasoning.text", "text": None},
        {"type": "reasoning.summary"},
        {"type": "reasoning.encrypted", "data": ""},
        {"type": []},
        7,
        None,
    ],
)
def test_what_has_no_counterpart_or_no_content_is_left_out(detail: object) -> None:
    assert items(said("a"), detail, said("b")) == [item(content=("ab",))]


@pytest.mark.parametrize("json_text", ["", "{}", "null", "[", "7"])
def test_what_is_no_list_has_no_items(json_text: str) -> None:
    assert items_from_details(json_text) == []
