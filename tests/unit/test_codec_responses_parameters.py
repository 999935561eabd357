import pytest

from bridge.openrouter.wire_parameters import RESPONSES_KEYS, responses_parameters

SCHEMA = {
    "name": "person",
    "schema": {"type": "object", "properties": {}},
    "strict": True,
}


def mapped(**given: object) -> dict[str, object]:
    return responses_parameters(given)


def test_only_documented_keys_are_ever_sent() -> None:
    documented = """
        cache_control debug frequency_penalty image_config include instructions max_output_tokens
        max_tool_calls metadata modalities models parallel_tool_calls plugins presence_penalty
        prompt prompt_cache_key prompt_cache_options provider reasoning route safety_identifier
        service_tier session_id stop_server_tools_when temperature text tool_choice top_k
        top_logprobs top_p trace user preset transforms
    """
    assert set(documented.split()) == RESPONSES_KEYS


def test_what_the_endpoint_refuses_or_does_not_know_is_dropped() -> None:
    names = """
        n suffix functions store truncation tools
        previous_response_id background messages model input stream stream_options
        stop seed min_p top_a repetition_penalty logit_bias logprobs include_reasoning
        prediction web_search_options audio
        model_fallback disable_native_websearch my_own_flag
    """
    assert mapped(**dict.fromkeys(names.split(), 1)) == {}


@pytest.mark.parametrize("name", sorted(RESPONSES_KEYS))
def test_nulls_are_dropped(name: str) -> None:
    assert mapped(**{name: None}) == {}


def test_objects_and_lists_pass_as_they_are() -> None:
    given = {
        "provider": {"order": ["a", "b"], "zdr": None},
        "plugins": [{"id": "web", "max_results": 3}],
        "models": ["a/b"],
        "include": ["reasoning.encrypted_content"],
        "cache_control": {"type": "ephemeral"},
    }
    assert mapped(**given) == given


@pytest.mark.parametrize(
    ("given", "tokens"),
    [
        ({"max_tokens": 10}, 10),
        ({"max_completion_tokens": 10, "max_tokens": 5}, 10),
        ({"max_output_tokens": 10, "max_completion_tokens": 5, "max_tokens": 5}, 10),
        ({"max_output_tokens": None, "max_tokens": 5}, 5),
        ({"max_output_tokens": " ", "max_tokens": 5}, 5),
        ({"max_tokens": 99.6}, 100),
        ({"max_tokens": "256"}, 256),
    ],
)
def test_the_length_is_found_under_any_of_its_names(given: dict[str, object], tokens: int) -> None:
    assert mapped(**given) == {"max_output_tokens": tokens}


@pytest.mark.parametrize("name", ["temperature", "top_p", "presence_penalty", "top_k"])
@pytest.mark.parametrize("value", ["", "  ", "warm", True, [], {}, "nan", "inf", 1e308 * 10])
def test_what_is_no_number_is_left_out(name: str, value: object) -> None:
    assert mapped(**{name: value}) == {}


def test_numbers_may_come_as_text_and_integers_are_rounded() -> None:
    given = mapped(temperature="0.7", top_p=1, top_k=39.7, top_logprobs="2")
    assert given == {"temperature": 0.7, "top_p": 1, "top_k": 40, "top_logprobs": 2}
    assert isinstance(given["top_k"], int)


def test_an_integer_beyond_all_reason_is_left_out() -> None:
    assert mapped(top_k=10**400, max_tokens="1e300") == {}


@pytest.mark.parametrize(
    ("reasoning", "effort", "sent"),
    [
        (None, "high", {"effort": "high"}),
        ({"summary": "auto"}, "high", {"summary": "auto", "effort": "high"}),
        ({"effort": "low"}, "high", {"effort": "low"}),
        ({"effort": None}, "high", {"effort": "high"}),
        ({"effort": " "}, "high", {"effort": "high"}),
        ({"max_tokens": 2000.4}, "high", {"max_tokens": 2000}),
        ({"enabled": True, "exclude": True}, None, {"enabled": True}),
        ("high", "low", {"effort": "low"}),
    ],
)
def test_an_older_effort_fills_in_and_never_overrides(
    reasoning: object, effort: object, sent: dict[str, object]
) -> None:
    assert mapped(reasoning=reasoning, reasoning_effort=effort) == {"reasoning": sent}


@pytest.mark.parametrize("effort", [None, "", " ", 3])
def test_no_effort_makes_no_reasoning(effort: object) -> None:
    assert mapped(reasoning_effort=effort, reasoning={}) == {}


@pytest.mark.parametrize(
    ("chat", "flat"),
    [
        ({"type": "text"}, {"type": "text"}),
        ({"type": "json_object", "extra": 1}, {"type": "json_object"}),
        ({"type": "json_schema", "json_schema": SCHEMA}, {"type": "json_schema", **SCHEMA}),
        ({"type": "json_schema", **SCHEMA, "strict": None},
         {"type": "json_schema", "name": "person", "schema": SCHEMA["schema"]}),
    ],
)  # fmt: skip
def test_an_output_format_is_sent_flat(chat: object, flat: object) -> None:
    assert mapped(response_format=chat) == {"text": {"format": flat}}
    assert mapped(text={"format": chat}) == {"text": {"format": flat}}


@pytest.mark.parametrize(
    "invalid",
    [
        "json",
        {},
        {"type": "xml"},
        {"type": ["text"]},
        {"type": "json_schema"},
        {"type": "json_schema", "json_schema": {"name": "x"}},
        {"type": "json_schema", "json_schema": {"schema": {}}},
        {"type": "json_schema", "json_schema": "x"},
    ],
)
def test_an_invalid_output_format_is_dropped(invalid: object) -> None:
    assert mapped(response_format=invalid) == {}
    valid = {"type": "json_object"}
    assert mapped(text={"format": invalid}, response_format=valid) == {"text": {"format": valid}}


def test_the_endpoint_s_own_text_settings_win() -> None:
    given = mapped(
        text={"format": {"type": "text"}, "verbosity": "low", "unknown": 1},
        response_format={"type": "json_object"},
        verbosity="high",
    )
    assert given == {"text": {"format": {"type": "text"}, "verbosity": "low"}}


def test_verbosity_moves_into_text() -> None:
    assert mapped(verbosity="high") == {"text": {"verbosity": "high"}}
    assert mapped(verbosity=" ") == {}


def test_metadata_keeps_the_pairs_that_fit() -> None:
    kept = {"a": "1", "k" * 64: "v" * 512}
    odd = {"b[0]": "x", "c]": "x", "k" * 65: "x", "d": "v" * 513, "e": 5, "f": None}
    assert mapped(metadata={**odd, **kept}) == {"metadata": kept}
    assert mapped(metadata=odd) == mapped(metadata="x") == {}


def test_metadata_holds_at_most_sixteen_pairs() -> None:
    pairs = {f"k{number}": "v" for number in range(20)}
    assert mapped(metadata=pairs) == {"metadata": dict(list(pairs.items())[:16])}


def test_a_session_id_that_is_too_long_is_left_out() -> None:
    assert mapped(session_id="s" * 256) == {"session_id": "s" * 256}
    assert mapped(session_id="s" * 257) == mapped(session_id="") == mapped(session_id=5) == {}


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("auto", "auto"),
        (" required ", "required"),
        ({"type": "function", "name": "f"}, {"type": "function", "name": "f"}),
        ({"type": "function", "function": {"name": "f"}}, {"type": "function", "name": "f"}),
        ({"type": "openrouter:web_search"}, {"type": "openrouter:web_search"}),
    ],
)
def test_a_choice_of_tools_is_sent_flat(given: object, sent: object) -> None:
    assert mapped(tool_choice=given) == {"tool_choice": sent}


def test_a_set_of_allowed_tools_is_known_here() -> None:
    allowed = {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function"}]}
    assert mapped(tool_choice=allowed) == {"tool_choice": allowed}


@pytest.mark.parametrize("choice", ["any", "", {}, {"type": "function"}, 1, ["auto"]])
def test_a_choice_of_tools_that_does_not_exist_is_dropped(choice: object) -> None:
    assert mapped(tool_choice=choice) == {}
    assert mapped(tool_choice=choice, function_call="none") == {"tool_choice": "none"}


def test_an_older_function_call_becomes_a_choice_of_tools() -> None:
    named = {"type": "function", "name": "f"}
    assert mapped(function_call={"name": "f"}) == {"tool_choice": named}
    assert mapped(function_call={"name": "f"}, tool_choice="auto") == {"tool_choice": "auto"}


def test_flags_and_the_budget_of_calls_are_read_as_people_write_them() -> None:
    given = mapped(parallel_tool_calls="False", max_tool_calls=9.6)
    assert given == {"parallel_tool_calls": False, "max_tool_calls": 10}
    assert mapped(parallel_tool_calls=1, max_tool_calls=" ") == {}


def test_audio_is_left_out_of_the_modalities_because_it_costs_the_whole_request() -> None:
    assert mapped(modalities=["text", "audio"]) == {"modalities": ["text"]}
    assert mapped(modalities=["audio"]) == {}


def test_a_user_that_is_too_long_is_left_out() -> None:
    assert mapped(user="u" * 128) == {"user": "u" * 128}
    assert mapped(user="u" * 129) == mapped(user="") == mapped(user=5) == {}
