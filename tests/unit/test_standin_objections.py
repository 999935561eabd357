from __future__ import annotations

import json
from typing import Any

import pytest

from bridge.standin.frames import Endpoint
from bridge.standin.objections import Objection, objection_to
from bridge.standin.plan import wish_of_model
from bridge.standin.wishes import Wish, WishRejected, parse_spec

PLAIN: dict[str, Any] = {"model": "m", "input": "hello"}
CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
MARKED = [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]


@pytest.mark.parametrize(
    ("objection", "change", "status", "words"),
    [
        (Objection.EFFORT, {"reasoning": {"effort": "xhigh"}}, 400, "Supported values are: 'low'"),
        (Objection.EFFORT, {"reasoning_effort": "none"}, 400, "'none' is not supported"),
        (Objection.THINKING, {"reasoning": {"enabled": True}}, 400, "include_thoughts is only"),
        (Objection.THINKING, {"include_reasoning": True}, 400, "include_thoughts is only"),
        (Objection.CACHE_CONTROL, {"cache_control": {"type": "ephemeral"}}, 400, "cache_control"),
        (Objection.CACHE_CONTROL, {"input": [{"content": MARKED}]}, 400, "cache_control"),
        (Objection.RESPONSES, {}, 400, "wrong_endpoint"),
        (Objection.TOOLS, {"tools": [{"type": "function"}]}, 404, "support tool use"),
        (Objection.REASONING, {"input": [{"type": "reasoning"}]}, 400, "Invalid signature"),
    ],
)
def test_what_is_objected_to_is_refused_in_known_words(
    objection: Objection, change: dict[str, Any], status: int, words: str
) -> None:
    refused = objection_to(objection, Endpoint.RESPONSES, {**PLAIN, **change})
    assert refused is not None
    assert refused.status == status
    assert words in refused.body.decode()
    assert "error" in json.loads(refused.body)


@pytest.mark.parametrize(
    ("objection", "document"),
    [
        (Objection.EFFORT, {**PLAIN, "reasoning": {"effort": "low"}}),
        (Objection.THINKING, {**PLAIN, "reasoning": {"enabled": False, "effort": "none"}}),
        (Objection.CACHE_CONTROL, PLAIN),
        (Objection.TOOLS, {**PLAIN, "tools": []}),
        (Objection.REASONING, {**PLAIN, "input": [{"role": "user", "content": "x"}]}),
        (Objection.CHAT, PLAIN),
        (Objection.LOST_REASONING, PLAIN),
    ],
)
def test_a_request_without_it_is_taken(objection: Objection, document: dict[str, Any]) -> None:
    assert objection_to(objection, Endpoint.RESPONSES, document) is None


def test_an_endpoint_is_objected_to_on_itself_only() -> None:
    assert objection_to(Objection.RESPONSES, Endpoint.CHAT, CHAT) is None
    assert objection_to(Objection.CHAT, Endpoint.CHAT, CHAT) is not None


@pytest.mark.parametrize("objection", Objection)
def test_an_objection_can_be_wished_for_by_url_and_by_model(objection: Objection) -> None:
    assert objection.imitates
    assert parse_spec(f"objects_to={objection.value}+tools").objects_to == (
        objection,
        Objection.TOOLS,
    )
    model = f"standin/objects-to-{objection.value}"
    assert wish_of_model(model) == Wish(objects_to=(objection,))


def test_an_objection_of_another_name_is_rejected() -> None:
    with pytest.raises(WishRejected):
        wish_of_model("standin/objects-to-mondays")
    with pytest.raises(WishRejected):
        parse_spec("objects_to=mondays")
