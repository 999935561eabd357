"""A request that was refused is changed and sent once more (SPEC 101, 119, 120, 122)."""

from __future__ import annotations

import json

import pytest

from actors.ports import (
    AccessRefused,
    ErrorFacts,
    ProviderError,
    ProviderSaid,
    RateLimited,
    Remedied,
    Remedies,
    RequestRejected,
)
from actors.values import (
    ChatRequest,
    ImagePart,
    Item,
    Notice,
    Noticed,
    OpaquePart,
    OpaqueTool,
    Parameter,
    Reasoning,
    Role,
    TextPart,
    Tool,
    ToolCall,
    Turn,
    WireFormat,
)
from bridge.openrouter.remedies import OpenRouterRemedies
from bridge.transforms.json_text import json_text

QUESTION = Turn(role=Role.USER, parts=(TextPart(text="hi"),))
THINKING = Reasoning(wire=WireFormat.CHAT, json='[{"type":"reasoning.text"}]')
CALL = ToolCall(call_id="c", name="f", arguments="{}")
REMEDIES: Remedies = OpenRouterRemedies()

NO_THOUGHTS = "Thinking_config.include_thoughts is only enabled when thinking is enabled."
BAD_SIGNATURE = "messages.7.content.2: Invalid signature in thinking block"
OPENAI_EFFORTS = (
    "Unsupported value: 'minimal' is not supported with the 'gpt-5.1' model. "
    "Supported values are: 'none', 'low', 'medium', and 'high'."
)
KIMI_EFFORTS = (
    "Unsupported value: 'reasoning_effort' does not support 'none' with this model. "
    "Supported values are: 'minimal', 'low', 'medium', and 'high'."
)
NO_RESPONSES = "The requested model 'x' is not supported with the Responses API."
MARKED = '{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}'


def asking(
    *items: Item,
    cache_ttl: str | None = None,
    wire: WireFormat = WireFormat.RESPONSES,
    tools: tuple[Tool | OpaqueTool, ...] = (),
    **parameters: object,
) -> ChatRequest:
    return ChatRequest(
        request_id="r",
        model="a/b",
        items=items or (QUESTION,),
        parameters=tuple(
            Parameter(name=name, json=json_text(value)) for name, value in parameters.items()
        ),
        tools=tools,
        wire=wire,
        cache_ttl=cache_ttl,
    )


def refused(detail: str = "", *, status: int | None = 400, code: str = "") -> ProviderError:
    return RequestRejected(ErrorFacts(status=status, code=code, detail=detail))


def found(request: ChatRequest, error: ProviderError, *used: str) -> Remedied:
    remedied = REMEDIES.find(request, error, used)
    assert remedied is not None
    return remedied


def said(request: ChatRequest) -> dict[str, object]:
    return {each.name: json.loads(each.json) for each in request.parameters}


# --- thinking that was asked for ----------------------------------------------------------------


@pytest.mark.parametrize(
    "asked",
    [{"reasoning": {"effort": "low"}}, {"reasoning_effort": "low"}, {"include_reasoning": True}],
)
def test_thoughts_that_are_refused_are_not_asked_for_again(asked: dict[str, object]) -> None:
    """SPEC 119."""
    remedied = found(asking(**asked, top_p=1), refused(NO_THOUGHTS))
    assert (said(remedied.request), remedied.notice) == ({"top_p": 1}, None)


def test_a_request_that_asked_for_no_thoughts_cannot_ask_for_less() -> None:
    assert REMEDIES.find(asking(top_p=1), refused(NO_THOUGHTS), ()) is None


@pytest.mark.parametrize(
    ("sent", "sentence", "nearest"),
    [
        ("minimal", OPENAI_EFFORTS, "low"),
        ("xhigh", OPENAI_EFFORTS.replace("minimal", "xhigh"), "high"),
        ("none", KIMI_EFFORTS, "minimal"),
        ("medium", "reasoning.effort: must be one of `low`, `high`", "high"),
        ("medium", "`reasoning_effort` must be one of `none` or `default`", "none"),
        ("max", "effort: Input should be 'low', 'medium' or 'high'", "high"),
        ("low", 'Invalid effort. Supported values: ["medium","max"]', "medium"),
    ],
)
def test_an_effort_that_is_not_supported_becomes_the_nearest(
    sent: str, sentence: str, nearest: str
) -> None:
    """SPEC 120: the next higher one, clamped at the ends."""
    for asked in ({"reasoning": {"effort": sent}}, {"reasoning_effort": sent}):
        remedied = found(asking(**asked), refused(sentence))
        assert said(remedied.request) == {"reasoning": {"effort": nearest}}
        assert remedied.notice == Noticed(notice=Notice.EFFORT_CHANGED, about=nearest)


def test_what_else_is_said_about_thinking_stays() -> None:
    request = asking(reasoning={"effort": "minimal", "summary": "auto", "enabled": True})
    assert said(found(request, refused(OPENAI_EFFORTS)).request) == {
        "reasoning": {"effort": "low", "summary": "auto", "enabled": True}
    }
    off = "`reasoning_effort` must be one of `none` or `default`"
    assert said(found(request, refused(off)).request) == {"reasoning": {"effort": "none"}}


@pytest.mark.parametrize(
    "sentence",
    [
        "Unsupported value: 'low' is not supported with this model. Supported values are: 'high'.",
        "Unsupported value: 'verbosity' of 'minimal'. Supported values are: 'medium'.",
        "Unsupported value: 'minimal' for verbosity. Supported values are: 'medium'.",
        "Unsupported effort. Supported values are: 'quick', 'slow'.",
        "Unsupported effort 'minimal'.",
        "Invalid size. Supported values are: '256x256'.",
        OPENAI_EFFORTS.replace("'none'", "'minimal'"),
    ],
)
def test_a_sentence_about_something_else_changes_no_effort(sentence: str) -> None:
    assert REMEDIES.find(asking(reasoning={"effort": "minimal"}), refused(sentence), ()) is None


def test_a_request_without_an_effort_has_none_to_change() -> None:
    assert REMEDIES.find(asking(reasoning={"max_tokens": 3}), refused(OPENAI_EFFORTS), ()) is None


# --- thinking that was sent back ----------------------------------------------------------------


@pytest.mark.parametrize(
    "sentence",
    [
        BAD_SIGNATURE,
        "messages.1.content.0: Invalid `signature` in `thinking` block",
        "The encrypted content gAAA...DQ== could not be verified.",
        "The encrypted content could not be decrypted or parsed.",
        "Unable to submit: function call `f` in the 5. content block is missing a "
        "`thought_signature`.",
        "Function call is missing a thought_signature in functionCall parts.",
        "Corrupted thought signature.",
        "Thought signature is not valid",
        "messages.3: `thinking` or `redacted_thinking` blocks in the latest assistant message "
        "cannot be modified.",
        "Item 'rs_1' of type 'reasoning' was provided without its required following item.",
    ],
)
def test_thinking_that_is_rejected_is_left_out(sentence: str) -> None:
    """FACTS, Reasoning: one recovery, drop it and send once more."""
    remedied = found(asking(QUESTION, THINKING, CALL), refused(sentence))
    assert remedied.request.items == (QUESTION, CALL)
    assert remedied.notice == Noticed(notice=Notice.REASONING_LEFT_OUT)


def test_a_code_is_enough() -> None:
    error = refused("x", code="invalid_encrypted_content")
    assert found(asking(THINKING, CALL), error).request.items == (CALL,)


def test_what_the_provider_behind_it_said_is_read_as_well() -> None:
    facts = ErrorFacts(status=400, said=ProviderSaid(upstream_message=BAD_SIGNATURE))
    assert found(asking(THINKING, CALL), RequestRejected(facts)).request.items == (CALL,)


def test_a_history_without_thinking_has_none_to_leave_out() -> None:
    assert REMEDIES.find(asking(CALL), refused(BAD_SIGNATURE), ()) is None


# --- caching ------------------------------------------------------------------------------------


def test_marks_are_taken_out_wherever_they_stand() -> None:
    """SPEC 122."""
    mark = {"type": "ephemeral"}
    turn = Turn(role=Role.USER, parts=(OpaquePart(json=MARKED), ImagePart(url="https://a")))
    tool = OpaqueTool(json=MARKED)
    request = asking(
        QUESTION,
        turn,
        cache_ttl="5m",
        tools=(tool,),
        cache_control=mark,
        plugins=[{"id": "x", "cache_control": mark}],
    )
    remedied = found(request, refused("anything"))
    plain = '{"type":"text","text":"a"}'
    assert remedied.request == asking(
        QUESTION,
        Turn(role=Role.USER, parts=(OpaquePart(json=plain), ImagePart(url="https://a"))),
        tools=(OpaqueTool(json=plain),),
        plugins=[{"id": "x"}],
    )
    assert remedied.notice == Noticed(notice=Notice.CACHE_MARKS_LEFT_OUT)


def test_a_property_of_that_name_in_a_schema_is_no_mark() -> None:
    schema = {"type": "object", "properties": {"cache_control": {"type": "string"}}}
    request = asking(text={"format": {"schema": schema}}, cache_ttl="5m")
    assert said(found(request, refused()).request) == said(request)


def test_words_about_marks_are_no_marks() -> None:
    part = OpaquePart(json='{"type":"file","name":"cache_control" }')
    request = asking(Turn(role=Role.USER, parts=(part,)))
    assert REMEDIES.find(request, refused(), ()) is None


@pytest.mark.parametrize("status", [404, 413, 422, 500, None])
def test_only_a_bad_request_is_sent_again_without_marks(status: int | None) -> None:
    """SPEC 122."""
    assert REMEDIES.find(asking(cache_ttl="5m"), refused("x", status=status), ()) is None


# --- the other endpoint -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "sentence", "code"),
    [
        (400, NO_RESPONSES, ""),
        (400, "Provider 'x' does not support the Responses API", ""),
        (404, "Invalid URL (POST /v1/responses)", ""),
        (400, "This model is only supported in v1/chat/completions.", ""),
        (405, "Method Not Allowed", ""),
        (404, "404 page not found", ""),
        (404, "", ""),
        (400, "no", "wrong_endpoint"),
        (None, NO_RESPONSES, ""),
    ],
)
def test_a_model_that_does_not_speak_responses_is_asked_over_chat(
    status: int | None, sentence: str, code: str
) -> None:
    """SPEC 101."""
    remedied = found(asking(top_p=1), refused(sentence, status=status, code=code))
    assert remedied.request == asking(top_p=1, wire=WireFormat.CHAT)
    assert remedied.notice == Noticed(notice=Notice.ENDPOINT_CHANGED, about="chat_completions")


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (404, "No endpoints found for a/b."),
        (404, "No endpoints found that support tool use."),
        (404, "Model a/b not found"),
        (400, "Invalid URL in image_url"),
        (400, "Invalid Responses API request"),
        (400, "a/b is not a valid model ID"),
    ],
)
def test_other_refusals_are_no_reason_to_change_the_endpoint(status: int, sentence: str) -> None:
    assert REMEDIES.find(asking(), refused(sentence, status=status), ()) is None


def test_the_endpoint_is_changed_only_where_that_is_allowed() -> None:
    strict = OpenRouterRemedies(falls_back_to_chat=False)
    assert strict.find(asking(), refused(NO_RESPONSES), ()) is None


def test_there_is_no_way_back_from_chat() -> None:
    assert REMEDIES.find(asking(wire=WireFormat.CHAT), refused(NO_RESPONSES), ()) is None


# --- all of them --------------------------------------------------------------------------------


def test_remedies_are_taken_in_their_order_and_once() -> None:
    sentences = "\n".join((NO_THOUGHTS, OPENAI_EFFORTS, BAD_SIGNATURE, NO_RESPONSES))
    request = asking(THINKING, CALL, cache_ttl="5m", reasoning={"effort": "minimal"})
    names: list[str] = []
    while (remedied := REMEDIES.find(request, refused(sentences), names)) is not None:
        names.append(remedied.name)
    assert names == [
        "no-reasoning",
        "nearest-effort",
        "no-old-reasoning",
        "no-cache-marks",
        "other-endpoint",
    ]


@pytest.mark.parametrize("status", [401, 402, 403, 408, 429])
def test_an_answer_that_is_not_about_the_request_has_no_remedy(status: int) -> None:
    for kind in (AccessRefused, RateLimited, RequestRejected):
        error = kind(ErrorFacts(status=status, detail=f"{BAD_SIGNATURE} {NO_RESPONSES}"))
        assert REMEDIES.find(asking(THINKING, CALL), error, ()) is None
