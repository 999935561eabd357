"""How much a model is asked to think (SPEC 115-118)."""

from __future__ import annotations

import json

import pytest

from actors.values import ChatRequest, Model, Parameter, Tool, WireFormat
from bridge.transforms.policy import RequestPolicy
from bridge.transforms.reasoning import wanted_effort, with_betas, with_reasoning

BOTH = ("reasoning", "include_reasoning")
THINKER = Model(id="openai/gpt-5", name="x", parameters=BOTH)
ALWAYS = Model(
    id="openai/o3",
    name="x",
    parameters=BOTH,
    efforts=("none", "low", "high"),
    is_reasoning_mandatory=True,
)
OLDER = Model(id="a/older", name="x", parameters=("include_reasoning",))
PLAIN = Model(id="a/plain", name="x", parameters=("tools",))
GEMINI_2 = Model(id="google/gemini-2.5-flash", name="x", parameters=BOTH)
GEMINI_3 = Model(id="google/gemini-3.1-pro-preview", name="x", parameters=BOTH)


def asking(model: Model | None = None, **parameters: object) -> ChatRequest:
    return ChatRequest(
        request_id="r",
        model=model.id if model else "@preset/x",
        items=(),
        parameters=tuple(
            Parameter(name=name, json=json.dumps(value)) for name, value in parameters.items()
        ),
    )


def sent(
    model: Model | None, policy: RequestPolicy | None = None, **parameters: object
) -> dict[str, object]:
    request = with_reasoning(asking(model, **parameters), model, policy or RequestPolicy())
    return {each.name: json.loads(each.json) for each in request.parameters}


def reasoning(model: Model, policy: RequestPolicy | None = None, **parameters: object) -> object:
    return sent(model, policy, **parameters).get("reasoning")


def test_a_model_that_thinks_is_asked_to() -> None:
    """SPEC 115."""
    assert sent(THINKER) == {"reasoning": {"effort": "medium", "enabled": True, "summary": "auto"}}


@pytest.mark.parametrize(
    "said",
    [{"reasoning_effort": " High"}, {"reasoning": {"effort": "high"}}],
)
def test_the_request_beats_the_valve(said: dict[str, object]) -> None:
    """SPEC 116."""
    policy = RequestPolicy(reasoning_effort="low")
    assert sent(THINKER, policy, **said) == {
        "reasoning": {"effort": "high", "enabled": True, "summary": "auto"}
    }


def test_of_two_efforts_the_one_inside_counts() -> None:
    """SPEC 106."""
    said = {"reasoning": {"effort": "low", "summary": "detailed"}, "reasoning_effort": "high"}
    assert sent(THINKER, None, **said) == {
        "reasoning": {"effort": "low", "enabled": True, "summary": "detailed"}
    }


def test_a_budget_takes_the_place_of_an_effort() -> None:
    """FACTS, Reasoning: not both."""
    assert reasoning(THINKER, reasoning={"max_tokens": 5}) == {
        "enabled": True,
        "max_tokens": 5,
        "summary": "auto",
    }


def test_no_summary_is_asked_for_when_none_is_wanted() -> None:
    assert reasoning(THINKER, RequestPolicy(reasoning_summary="disabled")) == {
        "effort": "medium",
        "enabled": True,
    }


@pytest.mark.parametrize(
    "policy", [RequestPolicy(reasoning_effort="none"), RequestPolicy(reasoning_effort="low")]
)
def test_a_model_that_may_rest_is_told_to(policy: RequestPolicy) -> None:
    said = {} if policy.reasoning_effort == "none" else {"reasoning_effort": "none"}
    assert reasoning(THINKER, policy, **said) == {"effort": "none"}


def test_a_model_that_always_thinks_is_never_told_not_to() -> None:
    """FACTS, Reasoning: that is a 400. It is asked for the least that it names."""
    assert reasoning(ALWAYS, reasoning_effort="none") == {
        "effort": "low",
        "enabled": True,
        "summary": "auto",
    }
    assert reasoning(ALWAYS, reasoning={"enabled": False}) == {
        "effort": "medium",
        "enabled": True,
        "summary": "auto",
    }


def test_a_model_that_always_thinks_and_names_no_effort_gets_none() -> None:
    model = Model(id="a/b", name="x", parameters=BOTH, is_reasoning_mandatory=True)
    assert reasoning(model, reasoning_effort="none") == {"enabled": True, "summary": "auto"}


def test_thinking_that_was_switched_off_stays_off() -> None:
    assert reasoning(THINKER, reasoning={"enabled": False}) == {"enabled": False}


def test_the_older_word_for_hidden_thinking_is_translated() -> None:
    assert sent(THINKER, None, include_reasoning=False) == {
        "reasoning": {"effort": "medium", "enabled": True, "summary": "auto", "exclude": True}
    }


@pytest.mark.parametrize(
    ("said", "included"),
    [
        ({}, True),
        ({"reasoning_effort": "low"}, True),
        ({"reasoning_effort": "none"}, False),
        ({"reasoning": {"effort": "none"}}, False),
        ({"reasoning": {"enabled": False}}, False),
        ({"include_reasoning": False}, False),
    ],
)
def test_an_older_model_is_asked_in_the_older_way(said: dict[str, object], included: bool) -> None:
    """SPEC 115."""
    assert sent(OLDER, None, **said) == {"include_reasoning": included}


def test_a_model_that_does_not_think_is_not_asked() -> None:
    """SPEC 115."""
    said = {"reasoning": {"effort": "low"}, "reasoning_effort": "low", "include_reasoning": True}
    assert sent(PLAIN, None, **said) == {"include_reasoning": False}


@pytest.mark.parametrize("model", [None, Model(id="openrouter/auto", name="x")])
def test_a_model_of_which_nothing_is_known_is_left_to_the_request(model: Model | None) -> None:
    assert sent(model) == {}
    assert sent(model, None, reasoning_effort="low") == {"reasoning_effort": "low"}


@pytest.mark.parametrize("model", [THINKER, OLDER])
def test_nothing_is_added_when_reasoning_is_off(model: Model) -> None:
    assert sent(model, RequestPolicy(asks_reasoning=False)) == {}


def test_a_request_that_asks_is_heard_when_reasoning_is_off() -> None:
    policy = RequestPolicy(asks_reasoning=False)
    assert reasoning(THINKER, policy, reasoning_effort="low") == {
        "effort": "low",
        "enabled": True,
        "summary": "auto",
    }


@pytest.mark.parametrize("odd", ["high", True, 3, [], {"effort": 3}, {"effort": ""}])
def test_what_cannot_be_meant_counts_as_nothing_said(odd: object) -> None:
    assert reasoning(THINKER, reasoning=odd) == {
        "effort": "medium",
        "enabled": True,
        "summary": "auto",
    }


@pytest.mark.parametrize(
    ("effort", "tokens"),
    [("minimal", 250), ("low", 500), ("medium", 1000), ("high", 2000), ("xhigh", 4000)],
)
def test_gemini_2_5_thinks_by_tokens(effort: str, tokens: int) -> None:
    """SPEC 117."""
    policy = RequestPolicy(gemini_budget_tokens=1000, reasoning_effort=effort)
    assert reasoning(GEMINI_2, policy) == {
        "max_tokens": tokens,
        "enabled": True,
        "summary": "auto",
    }


def test_gemini_2_5_keeps_a_budget_that_was_asked_for() -> None:
    said = reasoning(GEMINI_2, reasoning={"max_tokens": 7}, reasoning_effort="high")
    assert isinstance(said, dict)
    assert said["max_tokens"] == 7


def test_gemini_2_5_without_a_budget_does_not_think() -> None:
    policy = RequestPolicy(gemini_budget_tokens=0)
    assert reasoning(GEMINI_2, policy) == {"effort": "none"}
    always = Model(
        id="google/gemini-2.5-pro", name="x", parameters=BOTH, is_reasoning_mandatory=True
    )
    assert reasoning(always, policy) == {"enabled": True, "summary": "auto"}


@pytest.mark.parametrize(
    ("level", "effort", "sent_effort"),
    [
        ("auto", "minimal", "low"),
        ("auto", "low", "low"),
        ("auto", "medium", "high"),
        ("auto", "xhigh", "high"),
        ("low", "xhigh", "low"),
        ("high", "minimal", "high"),
        ("high", "none", "none"),
    ],
)
def test_gemini_3_thinks_on_two_levels(level: str, effort: str, sent_effort: str) -> None:
    """SPEC 117."""
    policy = RequestPolicy(gemini_level=level, reasoning_effort=effort)
    said = reasoning(GEMINI_3, policy)
    assert isinstance(said, dict)
    assert said["effort"] == sent_effort


@pytest.mark.parametrize(
    ("model", "effort"), [(THINKER, "low"), (PLAIN, ""), (None, "low"), (OLDER, "")]
)
def test_the_effort_that_is_wanted_is_one_that_the_model_takes(
    model: Model | None, effort: str
) -> None:
    policy = RequestPolicy(reasoning_effort="low")
    assert wanted_effort(asking(model), model, policy) == effort


def betas(request: ChatRequest, policy: RequestPolicy | None = None) -> object:
    return dict(with_betas(request, policy or RequestPolicy()).headers).get("x-anthropic-beta")


def claude(
    *,
    model: str = "anthropic/claude-opus-5",
    wire: WireFormat = WireFormat.RESPONSES,
    is_streaming: bool = True,
    headers: tuple[tuple[str, str], ...] = (),
    tools: tuple[Tool, ...] = (),
) -> ChatRequest:
    return ChatRequest(
        request_id="r",
        model=model,
        items=(),
        wire=wire,
        is_streaming=is_streaming,
        headers=headers,
        tools=tools,
    )


@pytest.mark.parametrize("model", ["anthropic/claude-opus-5:online", "~anthropic/x-latest"])
def test_claude_may_think_between_its_calls(model: str) -> None:
    """SPEC 118."""
    assert betas(claude(model=model)) == "interleaved-thinking-2025-05-14"


@pytest.mark.parametrize(
    ("wire", "is_streaming", "has_header"),
    [
        (WireFormat.RESPONSES, True, True),
        (WireFormat.RESPONSES, False, False),
        (WireFormat.CHAT, True, True),
        (WireFormat.CHAT, False, True),
    ],
)
def test_the_header_goes_where_it_is_taken(
    wire: WireFormat, is_streaming: bool, has_header: bool
) -> None:
    """SPEC 118."""
    assert (betas(claude(wire=wire, is_streaming=is_streaming)) is not None) is has_header


def test_nobody_else_gets_the_header() -> None:
    assert betas(claude(model="openai/gpt-5")) is None
    assert betas(claude(), RequestPolicy(interleaves_thinking=False)) is None


def test_strict_tools_of_claude_are_announced() -> None:
    """FACTS, Tool calling."""
    strict = Tool(name="f", description="", parameters_json="{}", strict=True)
    given = claude(tools=(strict,), headers=(("X-Anthropic-Beta", "mine, yours"), ("a", "b")))
    made = with_betas(given, RequestPolicy())
    assert made.headers == (
        ("a", "b"),
        (
            "x-anthropic-beta",
            "mine,yours,interleaved-thinking-2025-05-14,structured-outputs-2025-11-13",
        ),
    )
    assert with_betas(made, RequestPolicy()) == made
