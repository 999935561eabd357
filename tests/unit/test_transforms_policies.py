"""What the settings add to a request, and what stays behind (SPEC 111-113, 121, 136, 176)."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import msgspec
import pytest

from actors.values import ChatRequest, Model, OpaqueTool, Parameter, Tool, WireFormat
from bridge.transforms.policy import (
    NOBODY,
    POLICY_VALVES,
    Caller,
    RequestPolicy,
    caller_of,
    policy_from,
)
from bridge.transforms.request_policies import (
    can_search,
    is_yes,
    under_policy,
    with_cache_ttl,
    with_custom_parameters,
    with_identifiers,
    with_output_max,
    with_tools,
    with_trimming,
    with_web_search,
    without_web_search,
)

SEARCHING = Model(id="a/b", name="x", parameters=("web_search_options", "reasoning"))
IDS = {"a.b": "a/b", "c.d": "c/d"}
WEB = {"id": "web"}
TRIM = {"id": "context-compression", "engine": "middle-out"}


def asking(model: str = "a/b", **parameters: object) -> ChatRequest:
    return ChatRequest(
        request_id="r",
        model=model,
        items=(),
        parameters=tuple(
            Parameter(name=name, json=json.dumps(value)) for name, value in parameters.items()
        ),
    )


def said(request: ChatRequest) -> dict[str, object]:
    return {each.name: json.loads(each.json) for each in request.parameters}


# --- where the settings come from ---------------------------------------------------------------


def test_every_setting_has_a_valve() -> None:
    assert sorted(POLICY_VALVES.values()) == sorted(field.name for field in fields(RequestPolicy))


VALVE_DEFAULTS = {
    "DEFAULT_LLM_ENDPOINT": "responses",
    "FORCE_RESPONSES_MODELS": "",
    "FORCE_CHAT_COMPLETIONS_MODELS": "",
    "ENABLE_REASONING": True,
    "REASONING_EFFORT": "medium",
    "REASONING_SUMMARY_MODE": "auto",
    "GEMINI_THINKING_LEVEL": "auto",
    "GEMINI_THINKING_BUDGET": 1024,
    "ENABLE_ANTHROPIC_INTERLEAVED_THINKING": True,
    "ENABLE_ANTHROPIC_PROMPT_CACHING": True,
    "ANTHROPIC_PROMPT_CACHE_TTL": "5m",
    "AUTO_CONTEXT_TRIMMING": True,
    "USE_MODEL_MAX_OUTPUT_TOKENS": False,
    "WEB_SEARCH_MAX_RESULTS": 3,
    "SEND_END_USER_ID": False,
    "SEND_SESSION_ID": False,
    "SEND_CHAT_ID": False,
    "SEND_MESSAGE_ID": False,
    "TOOL_OUTPUT_RETENTION_TURNS": 10,
    "MAX_INPUT_IMAGES_PER_REQUEST": 5,
    "IMAGE_INPUT_SELECTION": "user_then_assistant",
    "TASK_MODEL_REASONING_EFFORT": "low",
}


def test_the_defaults_are_those_of_the_valves() -> None:
    """SPEC 23."""
    assert VALVE_DEFAULTS.keys() == POLICY_VALVES.keys()
    assert policy_from(VALVE_DEFAULTS) == RequestPolicy()


def test_a_policy_is_filled_from_valves() -> None:
    policy = policy_from(
        {"DEFAULT_LLM_ENDPOINT": "chat_completions", "WEB_SEARCH_MAX_RESULTS": None, "LOG": 1}
    )
    assert policy == RequestPolicy(default_wire=WireFormat.CHAT, search_results_max=None)


def test_a_valve_of_another_type_is_a_bug() -> None:
    with pytest.raises(msgspec.ValidationError):
        policy_from({"MAX_INPUT_IMAGES_PER_REQUEST": "many"})


def test_a_caller_is_read_from_what_open_webui_tells() -> None:
    metadata = {
        "session_id": "s",
        "chat_id": "c",
        "message_id": None,
        "features": {"openrouter_web_search": True},
    }
    assert caller_of({"id": "u", "name": "n"}, metadata) == Caller(
        user_id="u", session_id="s", chat_id="c", searches_web=True
    )


@pytest.mark.parametrize("odd", [None, 7, [], {}, {"id": 3, "features": [1], "chat_id": {}}])
def test_what_cannot_be_read_is_nobody(odd: object) -> None:
    assert caller_of(odd, odd) == NOBODY


# --- the web ------------------------------------------------------------------------------------


def test_the_web_is_searched_when_the_reader_wants_it() -> None:
    """SPEC 136."""
    made = with_web_search(asking(), SEARCHING, results_max=3)
    assert said(made) == {"plugins": [{"id": "web", "max_results": 3}]}
    made = with_web_search(asking(plugins=[TRIM]), SEARCHING, results_max=None)
    assert said(made) == {"plugins": [TRIM, WEB]}


def test_a_search_that_the_request_describes_is_not_doubled() -> None:
    request = asking(plugins=[{"id": "web", "enabled": False}])
    assert with_web_search(request, SEARCHING, results_max=3) == request


def test_a_model_that_cannot_search_is_not_asked_to() -> None:
    plain = Model(id="a/b", name="x", parameters=("tools",))
    assert with_web_search(asking(), plain, results_max=3) == asking()
    assert [can_search(m) for m in (None, SEARCHING, plain)] == [True, True, False]
    assert can_search(replace(plain, prices=(("web_search", 0.01),)))


@pytest.mark.parametrize(
    ("effort", "searches"), [("minimal", False), ("low", True), ("none", True)]
)
def test_a_model_that_hardly_thinks_does_not_search(effort: str, searches: bool) -> None:
    """SPEC 136."""
    policy = RequestPolicy(reasoning_effort=effort, trims_context=False)
    caller = Caller(searches_web=True)
    made = under_policy(asking(), model=SEARCHING, policy=policy, caller=caller)
    assert ("plugins" in said(made)) is searches


def test_the_web_is_left_alone_in_each_spelling() -> None:
    """SPEC 113."""
    request = asking(plugins=[WEB, TRIM], web_search_options={}, top_p=1)
    assert said(without_web_search(request)) == {"plugins": [TRIM], "top_p": 1}
    assert said(without_web_search(asking(plugins=[WEB]))) == {}
    assert without_web_search(asking(plugins=[TRIM])) == asking(plugins=[TRIM])


# --- custom parameters --------------------------------------------------------------------------


def custom(**parameters: object) -> tuple[dict[str, object], bool]:
    request, may_search = with_custom_parameters(
        asking(**parameters), function_id="room", model_ids=IDS
    )
    return said(request), may_search


def test_fallback_models_come_after_those_that_are_named() -> None:
    """SPEC 113."""
    given, _ = custom(models=["c/d", 7], model_fallback=" room.a.b, c.d,, x/y:free ,a/b")
    assert given == {"models": ["c/d", "a/b", "x/y:free"]}


@pytest.mark.parametrize("nothing", ["", " , ", None, []])
def test_no_fallback_is_no_list(nothing: object) -> None:
    assert custom(model_fallback=nothing) == ({}, True)


@pytest.mark.parametrize("flag", ["disable_native_websearch", "disable_native_web_search"])
@pytest.mark.parametrize("value", [True, 1, "1", " TRUE ", "yes", "on"])
def test_a_flag_takes_the_web_away(flag: str, value: object) -> None:
    """SPEC 113."""
    assert custom(**{flag: value}, plugins=[WEB], web_search_options={}) == ({}, False)


@pytest.mark.parametrize("value", [False, 0, "", "no", "false", None, [True], {}])
def test_a_flag_that_says_no_changes_nothing(value: object) -> None:
    assert custom(disable_native_websearch=value, plugins=[WEB]) == ({"plugins": [WEB]}, True)
    assert not is_yes(value)


# --- the rest -----------------------------------------------------------------------------------


def test_a_long_conversation_may_be_cut() -> None:
    """SPEC 112."""
    assert said(with_trimming(asking())) == {"plugins": [TRIM]}


@pytest.mark.parametrize(
    "parameters",
    [
        {"plugins": [{"id": "context-compression", "enabled": False}]},
        {"transforms": []},
    ],
)
def test_what_the_request_says_about_trimming_stands(parameters: dict[str, object]) -> None:
    """SPEC 112."""
    assert with_trimming(asking(**parameters)) == asking(**parameters)


def test_an_answer_may_be_as_long_as_the_catalog_says() -> None:
    """SPEC 111."""
    model = Model(id="a/b", name="x", output_tokens_max=99)
    assert said(with_output_max(asking(), model)) == {"max_output_tokens": 99}
    assert said(with_output_max(asking(max_tokens=""), model)) == {"max_output_tokens": 99}


@pytest.mark.parametrize("name", ["max_output_tokens", "max_completion_tokens", "max_tokens"])
def test_a_length_that_was_asked_for_stands(name: str) -> None:
    """SPEC 111."""
    model = Model(id="a/b", name="x", output_tokens_max=99)
    assert said(with_output_max(asking(**{name: 5}), model)) == {name: 5}


@pytest.mark.parametrize("model", [None, Model(id="a/b", name="x")])
def test_a_length_that_nobody_knows_is_not_sent(model: Model | None) -> None:
    assert with_output_max(asking(), model) == asking()


@pytest.mark.parametrize(
    ("model", "ttl"),
    [
        ("anthropic/claude-opus-5", "1h"),
        ("~anthropic/claude-opus-latest", "1h"),
        ("anthropicals/x", None),
        ("openai/gpt-5", None),
    ],
)
def test_prompts_of_claude_are_cached(model: str, ttl: str | None) -> None:
    """SPEC 121."""
    assert with_cache_ttl(asking(model), "1h").cache_ttl == ttl


def test_a_caller_that_says_what_to_cache_is_obeyed() -> None:
    request = asking("anthropic/claude-opus-5", cache_control={"type": "ephemeral"})
    assert with_cache_ttl(request, "1h") == request


CALLER = Caller(user_id="u", session_id="s", chat_id="c", message_id="m")


@pytest.mark.parametrize(
    ("policy", "identifiers"),
    [
        (RequestPolicy(), {}),
        (RequestPolicy(sends_user=True), {"user": "u", "metadata": {"user_id": "u"}}),
        (
            RequestPolicy(sends_session=True),
            {"session_id": "s", "metadata": {"session_id": "s"}},
        ),
        (RequestPolicy(sends_chat=True), {"metadata": {"chat_id": "c"}}),
        (RequestPolicy(sends_message=True), {"metadata": {"message_id": "m"}}),
    ],
)
def test_a_caller_is_named_as_far_as_the_settings_allow(
    policy: RequestPolicy, identifiers: dict[str, object]
) -> None:
    """SPEC 176; what a client says about it is taken away."""
    request = asking(user="mine", session_id="mine", metadata={"a": "b"}, top_p=1)
    assert said(with_identifiers(request, policy, CALLER)) == {"top_p": 1, **identifiers}


def test_names_that_are_missing_or_too_long_are_left_out() -> None:
    """SPEC 177."""
    policy = RequestPolicy(sends_user=True, sends_session=True, sends_chat=True)
    longest = Caller(user_id="u" * 128, session_id="s" * 256)
    made = said(with_identifiers(asking(), policy, longest))
    assert (made["user"], made["session_id"]) == ("u" * 128, "s" * 256)
    longer = Caller(user_id="u" * 129, session_id="s" * 257, chat_id="c" * 513)
    assert with_identifiers(asking(), policy, longer) == asking()
    assert with_identifiers(asking(), policy, NOBODY) == asking()


def test_a_model_without_tools_is_told_nothing_about_calling_them() -> None:
    request = asking(tool_choice="auto", parallel_tool_calls=True, top_p=1)
    assert said(with_tools(request, (), RequestPolicy())) == {"top_p": 1}
    tool = OpaqueTool(json="{}")
    made = with_tools(request, (tool,), RequestPolicy())
    assert (made.tools, made.parameters) == ((tool,), request.parameters)


def test_strict_tools_of_claude_are_announced_when_they_come() -> None:
    tool = Tool(name="f", description="", parameters_json="{}", strict=True)
    made = with_tools(asking("anthropic/x"), (tool,), RequestPolicy(interleaves_thinking=False))
    assert made.headers == (("x-anthropic-beta", "structured-outputs-2025-11-13"),)
