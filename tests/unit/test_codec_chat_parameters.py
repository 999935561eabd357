import pytest

from bridge.openrouter.wire_parameters import CHAT_KEYS, chat_parameters

SCHEMA = {
    "name": "person",
    "schema": {"type": "object", "properties": {}},
    "strict": True,
}


def mapped(**given: object) -> dict[str, object]:
    return chat_parameters(given)


def test_only_documented_keys_are_ever_sent() -> None:
    documented = """
        cache_control debug frequency_penalty image_config logit_bias logprobs
        max_completion_tokens max_tokens metadata min_p modalities models parallel_tool_calls
        plugins prediction presence_penalty prompt_cache_key prompt_cache_options provider
        reasoning repetition_penalty response_format route seed service_tier session_id stop
        stop_server_tools_when temperature tool_choice top_a top_k top_logprobs top_p trace user
        max_tool_calls verbosity web_search_options audio preset transforms include_reasoning
    """
    assert set(documented.split()) == CHAT_KEYS


def test_what_the_endpoint_refuses_or_does_not_know_is_dropped() -> None:
    names = """
        n suffix functions store truncation tools previous_response_id background messages model
        input instructions include prompt safety_identifier stream stream_options usage
        model_fallback disable_native_websearch my_own_flag
    """
    assert mapped(**dict.fromkeys(names.split(), 1)) == {}


@pytest.mark.parametrize("name", sorted(CHAT_KEYS))
def test_nulls_are_dropped(name: str) -> None:
    assert mapped(**{name: None}) == {}


def test_what_only_chat_knows_survives() -> None:
    given: dict[str, object] = {
        "stop": ["a", "b"],
        "seed": 7,
        "min_p": 0.1,
        "top_a": 0.2,
        "repetition_penalty": 1.1,
        "logprobs": True,
        "top_logprobs": 2,
        "logit_bias": {"50256": -100},
        "provider": {"order": ["a"]},
        "route": "fallback",
        "modalities": ["text", "audio"],
        "audio": {"voice": "alloy", "format": "wav"},
        "image_config": {"aspect_ratio": "16:9"},
        "prediction": {"type": "content", "content": "x"},
        "web_search_options": {},
        "max_tool_calls": 3,
        "include_reasoning": False,
        "transforms": ["middle-out"],
    }
    assert mapped(**given) == given


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"max_tokens": 10}, {"max_tokens": 10}),
        ({"max_output_tokens": 10}, {"max_tokens": 10}),
        ({"max_tokens": 5, "max_output_tokens": 10}, {"max_tokens": 5}),
        ({"max_completion_tokens": 7, "max_tokens": 5}, {"max_completion_tokens": 7}),
        ({"max_completion_tokens": " ", "max_tokens": "99.6"}, {"max_tokens": 100}),
    ],
)
def test_the_length_is_found_under_any_of_its_names(
    given: dict[str, object], sent: dict[str, object]
) -> None:
    assert mapped(**given) == sent


@pytest.mark.parametrize("name", ["temperature", "min_p", "seed", "top_k", "repetition_penalty"])
@pytest.mark.parametrize("value", ["", "  ", "warm", True, [], {}, "nan", "inf"])
def test_what_is_no_number_is_left_out(name: str, value: object) -> None:
    assert mapped(**{name: value}) == {}


@pytest.mark.parametrize(
    ("stop", "sent"),
    [("a", "a"), (["a"], ["a"]), (list("abcde"), list("abcd")), (["", 5, "a"], ["a"])],
)
def test_an_answer_stops_at_no_more_than_four_sequences(stop: object, sent: object) -> None:
    assert mapped(stop=stop) == {"stop": sent}


@pytest.mark.parametrize("stop", ["", [], [""], 5, {}])
def test_no_sequence_stops_nothing(stop: object) -> None:
    assert mapped(stop=stop) == {}


@pytest.mark.parametrize(
    ("reasoning", "effort", "sent"),
    [
        (None, "high", {"effort": "high"}),
        ({"effort": "low"}, "high", {"effort": "low"}),
        ({"max_tokens": 2000.4, "exclude": True}, "high", {"exclude": True, "max_tokens": 2000}),
        ({"enabled": True, "summary": "auto"}, None, {"enabled": True, "summary": "auto"}),
        ({"enabled": True, "context": "auto", "mode": "pro"}, None, {"enabled": True}),
    ],
)
def test_reasoning_has_the_members_of_chat_and_an_older_effort_fills_in(
    reasoning: object, effort: object, sent: dict[str, object]
) -> None:
    assert mapped(reasoning=reasoning, reasoning_effort=effort) == {"reasoning": sent}


@pytest.mark.parametrize(
    ("flat", "nested"),
    [
        ({"type": "text"}, {"type": "text"}),
        ({"type": "json_object", "extra": 1}, {"type": "json_object"}),
        ({"type": "json_schema", **SCHEMA}, {"type": "json_schema", "json_schema": SCHEMA}),
        ({"type": "json_schema", "json_schema": SCHEMA},
         {"type": "json_schema", "json_schema": SCHEMA}),
        ({"type": "grammar", "grammar": "g"}, {"type": "grammar", "grammar": "g"}),
        ({"type": "python"}, {"type": "python"}),
    ],
)  # fmt: skip
def test_an_output_format_is_sent_nested(flat: object, nested: object) -> None:
    assert mapped(response_format=flat) == {"response_format": nested}
    assert mapped(text={"format": flat}) == {"response_format": nested}


@pytest.mark.parametrize(
    "invalid",
    ["json", {}, {"type": "xml"}, {"type": "json_schema"}, {"type": "grammar"}, {"type": ["text"]}],
)
def test_an_invalid_output_format_is_dropped(invalid: object) -> None:
    assert mapped(response_format=invalid) == {}
    valid = {"type": "json_object"}
    assert mapped(response_format=invalid, text={"format": valid}) == {"response_format": valid}


def test_the_endpoint_s_own_spelling_wins() -> None:
    assert mapped(
        response_format={"type": "text"},
        verbosity="high",
        text={"format": {"type": "json_object"}, "verbosity": "low"},
    ) == {"response_format": {"type": "text"}, "verbosity": "high"}


def test_verbosity_moves_out_of_text() -> None:
    assert mapped(text={"verbosity": "low"}, verbosity=" ") == {"verbosity": "low"}


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("none", "none"),
        ({"type": "function", "name": "f"}, {"type": "function", "function": {"name": "f"}}),
        ({"type": "function", "function": {"name": "f"}},
         {"type": "function", "function": {"name": "f"}}),
        ({"type": "openrouter:web_search"}, {"type": "openrouter:web_search"}),
        ({"type": "allowed_tools", "mode": "required", "tools": []}, "required"),
    ],
)  # fmt: skip
def test_a_choice_of_tools_is_sent_nested(given: object, sent: object) -> None:
    assert mapped(tool_choice=given) == {"tool_choice": sent}


@pytest.mark.parametrize("choice", ["any", {}, {"type": "allowed_tools", "mode": "x"}, 1])
def test_a_choice_of_tools_that_does_not_exist_is_dropped(choice: object) -> None:
    assert mapped(tool_choice=choice) == {}


def test_an_older_function_call_becomes_a_choice_of_tools() -> None:
    named = {"type": "function", "function": {"name": "f"}}
    assert mapped(function_call={"name": "f"}) == {"tool_choice": named}
    assert mapped(function_call={"name": "f"}, tool_choice="auto") == {"tool_choice": "auto"}


def test_identifiers_have_the_same_bounds_as_elsewhere() -> None:
    fitting: dict[str, object] = {
        "user": "u" * 128,
        "session_id": "s" * 256,
        "metadata": {"a": "1"},
    }
    assert mapped(**fitting) == fitting
    assert mapped(user="u" * 129, session_id="s" * 257, metadata={"a[0]": "1"}) == {}
