"""Titles, tags and other small jobs beside a chat (SPEC 145-149)."""

from __future__ import annotations

import json

import pytest

from actors.values import ChatRequest, Model, WireFormat
from bridge.transforms.model_ids import listed_id
from bridge.transforms.policy import Caller, RequestPolicy
from bridge.transforms.request_body import RequestFault, RequestInvalid
from bridge.transforms.tasks import failed_task_text, local_task_answer, task_name, task_request

THINKER = Model(id="openai/gpt-5", name="x", parameters=("reasoning", "web_search_options"))


def task(
    *,
    model: Model = THINKER,
    policy: RequestPolicy | None = None,
    is_allowed: bool = True,
    **body: object,
) -> ChatRequest:
    messages = [{"role": "user", "content": "a title, please"}]
    return task_request(
        {"model": f"room.{listed_id(model.id)}", "messages": messages, "stream": True, **body},
        request_id="r",
        function_id="room",
        model_ids={listed_id(model.id): model.id},
        models={model.id: model},
        policy=policy or RequestPolicy(trims_context=False),
        caller=Caller(user_id="u", searches_web=True),
        is_allowed=is_allowed,
    )


def said(request: ChatRequest) -> dict[str, object]:
    return {each.name: json.loads(each.json) for each in request.parameters}


def test_a_task_is_answered_in_one_piece_without_tools_and_search() -> None:
    """SPEC 145."""
    request = task(
        tools=[{"type": "function", "name": "f"}],
        tool_choice="auto",
        plugins=[{"id": "web"}],
        web_search_options={},
    )
    assert (request.is_streaming, request.tools, request.wire) == (
        False,
        (),
        WireFormat.RESPONSES,
    )
    assert said(request) == {"reasoning": {"effort": "low", "enabled": True, "summary": "auto"}}


@pytest.mark.parametrize(("is_allowed", "effort"), [(True, "minimal"), (False, "high")])
def test_the_effort_of_tasks_is_for_models_on_offer(is_allowed: bool, effort: str) -> None:
    """SPEC 146."""
    policy = RequestPolicy(task_effort="minimal", trims_context=False)
    request = task(policy=policy, is_allowed=is_allowed, reasoning_effort="high")
    reasoning = said(request)["reasoning"]
    assert isinstance(reasoning, dict)
    assert reasoning["effort"] == effort


def test_a_model_that_does_not_think_is_not_asked_to_for_a_task() -> None:
    plain = Model(id="a/b", name="x", parameters=("tools",))
    assert said(task(model=plain)) == {"include_reasoning": False}


def test_a_model_that_always_thinks_is_not_told_to_stop_for_a_task() -> None:
    always = Model(id="a/b", name="x", parameters=("reasoning",), is_reasoning_mandatory=True)
    policy = RequestPolicy(task_effort="none", trims_context=False)
    assert said(task(model=always, policy=policy)) == {
        "reasoning": {"enabled": True, "summary": "auto"}
    }


def test_identifiers_go_with_a_task() -> None:
    """SPEC 149."""
    policy = RequestPolicy(sends_user=True, trims_context=False)
    assert said(task(policy=policy))["user"] == "u"


def test_a_task_for_no_model_is_refused() -> None:
    with pytest.raises(RequestInvalid) as caught:
        task_request(None, request_id="r", function_id="f", model_ids={}, policy=RequestPolicy())
    assert caught.value.fault is RequestFault.MODEL_MISSING


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("title_generation", {"title": "Chat"}),
        ("tags_generation", {"tags": ["General"]}),
        ("follow_up_generation", {"follow_ups": []}),
        ("query_generation", {"queries": []}),
        ({"type": "title_generation"}, {"title": "Chat"}),
    ],
)
def test_a_task_can_be_answered_without_asking_anybody(asked: object, answer: object) -> None:
    """SPEC 148."""
    assert json.loads(local_task_answer(asked)) == answer


@pytest.mark.parametrize("asked", ["emoji_generation", "moa_response_generation", "", None, 7])
def test_an_answer_in_plain_words_is_empty(asked: object) -> None:
    assert local_task_answer(asked) == ""


def test_a_failed_task_says_so() -> None:
    """SPEC 147."""
    assert failed_task_text("title_generation") == (
        "[Task error] Unable to generate title_generation. Please retry later."
    )
    assert [task_name(each) for each in (None, {}, " ", 7, "x" * 65)] == [
        "task",
        "task",
        "task",
        "task",
        "x" * 64,
    ]
