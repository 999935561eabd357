"""SPEC 121: which blocks of a chat request carry a cache mark."""

import json

import pytest

from actors.ports import Endpoint, Secret
from actors.values import (
    ChatRequest,
    ImagePart,
    Item,
    OpaquePart,
    OpaqueTool,
    Parameter,
    Part,
    Role,
    TextPart,
    ToolCall,
    ToolOutput,
    Turn,
)
from bridge.openrouter.codec_chat import ChatCodec

ENDPOINT = Endpoint(base_url="https://provider.test/api/v1", api_key=Secret("sk-test"))
MARKED = '{"type":"text","text":"%s","cache_control":{"type":"ephemeral","ttl":"1h"}}'


def body_of(
    *items: Item,
    ttl: str | None = "5m",
    tools: tuple[OpaqueTool, ...] = (),
    parameters: tuple[Parameter, ...] = (),
) -> bytes:
    asked = ChatRequest(
        request_id="r",
        model="m",
        items=items,
        cache_ttl=ttl,
        tools=tools,
        parameters=parameters,
    )
    return ChatCodec().encode(asked, ENDPOINT).body


def marks(body: bytes) -> list[str]:
    """The texts that are marked, in order."""
    return [
        block["text"]
        for message in json.loads(body)["messages"]
        if isinstance(message["content"], list)
        for block in message["content"]
        if "cache_control" in block
    ]


def turn(role: Role, *parts: Part | str) -> Turn:
    told = (TextPart(text=part) if isinstance(part, str) else part for part in parts)
    return Turn(role=role, parts=tuple(told))


def user(*parts: Part | str) -> Turn:
    return turn(Role.USER, *parts)


SYSTEM = turn(Role.SYSTEM, "s")
IMAGE = ImagePart(url="u")


def test_without_a_time_to_live_nothing_is_marked() -> None:
    assert b"cache_control" not in body_of(SYSTEM, user("a"), ttl=None)


@pytest.mark.parametrize(
    ("ttl", "mark"), [("5m", {"type": "ephemeral"}), ("1h", {"type": "ephemeral", "ttl": "1h"})]
)
def test_the_short_time_to_live_goes_without_saying(ttl: str, mark: dict[str, str]) -> None:
    (message,) = json.loads(body_of(user("a"), ttl=ttl))["messages"]
    assert message["content"] == [{"type": "text", "text": "a", "cache_control": mark}]


def test_the_last_system_message_and_the_last_three_of_the_user_are_marked() -> None:
    items = (
        SYSTEM,
        turn(Role.DEVELOPER, "d1", "d2"),
        user("a"),
        turn(Role.ASSISTANT, "x"),
        user("b1", "b2"),
        ToolCall(call_id="c", name="f", arguments=""),
        ToolOutput(call_id="c", output="o"),
        user("c"),
        user("d"),
    )
    assert marks(body_of(*items)) == ["d2", "b2", "c", "d"]


def test_instructions_share_the_mark_of_the_system_message() -> None:
    given = (Parameter(name="instructions", json='"i"'),)
    assert marks(body_of(SYSTEM, user("a"), parameters=given)) == ["s", "a"]
    assert marks(body_of(user("a"), parameters=given)) == ["i", "a"]


def test_the_mark_is_on_the_last_text_whatever_follows_it() -> None:
    assert marks(body_of(user("a", "b", IMAGE, " ", ""))) == ["b"]


def test_a_message_without_text_has_no_mark() -> None:
    assert marks(body_of(user("a"), user(IMAGE), user(""))) == ["a"]


def test_a_text_block_that_came_as_it_is_can_be_marked_and_is_otherwise_untouched() -> None:
    body = body_of(user(OpaquePart(json='{"type":  "text", "text": "a" } ')), ttl="1h")
    assert (
        b'{"type":  "text", "text": "a" ,"cache_control":{"type":"ephemeral","ttl":"1h"}}' in body
    )


def test_marks_that_are_there_stay_and_count() -> None:
    ours = [OpaquePart(json=MARKED % name) for name in "xyz"]
    body = body_of(SYSTEM, user(*ours), user("a"), user("b"))
    assert marks(body) == ["s", "x", "y", "z"]
    assert body.count(b'"ttl":"1h"') == 3


def test_a_marked_block_is_not_marked_again() -> None:
    body = body_of(SYSTEM, user("b"), user(OpaquePart(json=MARKED % "a")))
    assert marks(body) == ["s", "b", "a"]
    assert body.count(b"cache_control") == 3


def test_marks_elsewhere_count_and_the_latest_of_the_user_come_first() -> None:
    tools = (OpaqueTool(json='{"type":"x","cache_control":{"type":"ephemeral"}}'),)
    whole = (Parameter(name="cache_control", json='{"type":"ephemeral"}'),)
    body = body_of(SYSTEM, user("a"), user("b"), user("c"), tools=tools, parameters=whole)
    assert marks(body) == ["s", "c"]


def test_more_marks_than_are_allowed_are_the_caller_s_own_affair() -> None:
    ours = [OpaquePart(json=MARKED % name) for name in "abcde"]
    assert marks(body_of(SYSTEM, user(*ours))) == list("abcde")


def test_another_spelling_of_a_mark_counts_as_one() -> None:
    block = '{"type":"input_text","text":"a","prompt_cache_breakpoint":{"mode":"explicit"}}'
    assert body_of(user(OpaquePart(json=block))).count(b"cache_control") == 0
