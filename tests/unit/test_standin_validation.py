from __future__ import annotations

import json
from typing import Any

import pytest

from bridge.standin.frames import Endpoint
from bridge.standin.validation import body_problem, key_problem, parse_body

RESPONSES: dict[str, Any] = {"model": "m", "input": "hello"}
CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


def problem(endpoint: Endpoint, document: dict[str, Any]) -> dict[str, Any] | None:
    answer = body_problem(endpoint, document)
    if answer is None:
        return None
    assert answer.status == 400
    decoded: dict[str, Any] = json.loads(answer.body)
    return decoded


def test_requests_in_order_have_no_problem() -> None:
    assert (
        problem(Endpoint.RESPONSES, {**RESPONSES, "store": False, "metadata": {"a": "b"}}) is None
    )
    assert problem(Endpoint.CHAT, CHAT) is None


@pytest.mark.parametrize(
    "change",
    [
        {"model": ""},
        {"input": None},
        {"store": True},
        {"previous_response_id": "gen-1"},
        {"modalities": ["audio"]},
        {"user": "x" * 257},
        {"session_id": 7},
        {"metadata": {str(n): "x" for n in range(17)}},
        {"metadata": {"a[0]": "x"}},
        {"metadata": {"a": 1}},
        {"metadata": {"a": "x" * 513}},
    ],
)
def test_responses_errors_have_a_word_as_code_and_metadata_beside(change: dict[str, Any]) -> None:
    told = problem(Endpoint.RESPONSES, {**RESPONSES, **change})
    assert told is not None
    assert told["error"]["code"] == "invalid_prompt"
    assert "metadata" in told


@pytest.mark.parametrize("change", [{"model": None}, {"messages": []}, {"messages": "hello"}])
def test_chat_errors_have_a_number_as_code(change: dict[str, Any]) -> None:
    told = problem(Endpoint.CHAT, {**CHAT, **change})
    assert told is not None
    assert told["error"]["code"] == 400


def test_a_key_is_needed_and_some_are_refused() -> None:
    assert key_problem({"authorization": "Bearer sk-or-v1-x"}) is None
    for headers in ({}, {"authorization": "Bearer "}, {"authorization": "Bearer sk-refused-1"}):
        answer = key_problem(headers)
        assert answer is not None
        assert answer.status == 401


@pytest.mark.parametrize("body", [b"", b"[]", b"nonsense", b'"x"', b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_none(body: bytes) -> None:
    assert parse_body(body) is None
