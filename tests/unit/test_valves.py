from __future__ import annotations

import json
from typing import Any

import pytest

from bridge.config.valves import Valves
from tests.fixtures.environment import environment
from tests.unit.valve_table import CHOICES, NUMBERS, SECRETS, SWITCHES, TEMPLATES, TEXTS


@pytest.mark.parametrize(("name", "default", "low", "high"), NUMBERS)
def test_a_number_has_its_default_and_takes_both_edges(
    name: str, default: object, low: int, high: int | None
) -> None:
    assert getattr(Valves(), name) == default
    for edge in (low, high if high is not None else 10**9):
        valves = Valves.model_validate({name: edge})
        assert getattr(valves, name) == edge
        assert valves.problems() == ()


@pytest.mark.parametrize(("name", "default", "low", "high"), NUMBERS)
def test_a_number_beyond_its_edges_is_reported_and_the_default_rules(
    name: str, default: object, low: int, high: int | None
) -> None:
    for beyond in (low - 1, *([high + 1] if high is not None else [])):
        valves = Valves.model_validate({name: beyond})
        assert getattr(valves, name) == default
        (problem,) = valves.problems()
        assert (problem.valve, problem.value) == (name, str(beyond))
        assert "equal to" in problem.accepted


def test_one_bad_valve_leaves_the_others_as_they_were_set() -> None:
    valves = Valves.model_validate(
        {"BREAKER_MAX_FAILURES": "many", "MODEL_ID": "openai/gpt-4o", "LOG_LEVEL": "LOUD"}
    )
    assert valves.MODEL_ID == "openai/gpt-4o"
    assert [problem.valve for problem in valves.problems()] == ["BREAKER_MAX_FAILURES", "LOG_LEVEL"]


def test_a_bad_value_stays_in_the_form_and_is_reported_at_every_load() -> None:
    saved = Valves.model_validate({"MAX_CONCURRENT_REQUESTS": 5000})
    for stored in (saved.model_dump(), saved.model_dump(exclude_unset=True)):
        loaded = Valves.model_validate(stored)
        assert loaded.MAX_CONCURRENT_REQUESTS == 200
        assert loaded.problems() == saved.problems()


def test_valves_of_the_earlier_pipe_that_are_unknown_here_are_ignored() -> None:
    valves = Valves.model_validate({"REDIS_FLUSH_FAILURE_LIMIT": 4, "NO_SUCH_VALVE": {}})
    assert valves.problems() == ()


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_a_blank_valve_counts_as_unset(blank: str | None) -> None:
    told = dict.fromkeys(Valves.model_fields, blank)
    # Nobody has set these, and for one valve a blank is a value.
    del told["WEB_SEARCH_MAX_RESULTS"]
    valves = Valves.model_validate(told)
    assert valves == Valves()
    assert valves.problems() == ()


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_where_a_default_is_a_number_a_blank_says_none_and_is_kept(blank: str | None) -> None:
    valves = Valves.model_validate({"WEB_SEARCH_MAX_RESULTS": blank})
    for stored in (valves.model_dump(), valves.model_dump(exclude_unset=True)):
        # The newer Open WebUI forgets a stored null.
        kept = {name: value for name, value in stored.items() if value is not None}
        assert Valves.model_validate(kept).WEB_SEARCH_MAX_RESULTS is None
    assert valves.problems() == ()


@pytest.mark.parametrize("value", [float("inf"), float("nan"), [], {}, "1.5.0"])
def test_no_value_however_strange_keeps_the_model_from_being_built(value: object) -> None:
    valves = Valves.model_validate(dict.fromkeys(Valves.model_fields, value))
    json.dumps(valves.model_dump(), allow_nan=False)
    assert valves.problems()


@pytest.mark.parametrize(("name", "default", "words"), CHOICES)
def test_a_choice_has_its_default_and_takes_its_words_in_any_case(
    name: str, default: str, words: tuple[str, ...]
) -> None:
    with environment():
        assert getattr(Valves(), name) == default
    for word in words:
        for typed in (word, word.upper(), f" {word.lower()} "):
            valves = Valves.model_validate({name: typed})
            assert getattr(valves, name) == word
            assert valves.problems() == ()
    unknown = Valves.model_validate({name: "loud"})
    assert [problem.value for problem in unknown.problems()] == ["loud"]


@pytest.mark.parametrize(("name", "default"), SWITCHES)
def test_a_switch_has_its_default_and_can_be_turned(name: str, default: bool) -> None:
    assert getattr(Valves(), name) is default
    assert getattr(Valves.model_validate({name: not default}), name) is not default


@pytest.mark.parametrize(("name", "default"), TEXTS)
def test_a_text_has_its_default(name: str, default: str) -> None:
    with environment():
        assert getattr(Valves(), name) == default
    assert getattr(Valves.model_validate({name: "a b"}), name) == "a b"


def test_the_form_has_these_valves_and_no_others() -> None:
    known = [str(row[0]) for row in (*NUMBERS, *CHOICES, *SWITCHES, *TEXTS)]
    known += ["API_KEY", *SECRETS, *TEMPLATES]
    assert sorted(known) == sorted(Valves.model_fields)


def test_the_form_begins_with_what_has_to_be_filled_in_and_ends_with_texts() -> None:
    order = list(Valves.model_json_schema()["properties"])
    assert order[0] == "BASE_URL"
    places = [order.index(name) for name in ("API_KEY", "MODEL_ID", "ENABLE_REASONING")]
    places += [order.index(name) for name in ("TOOL_EXECUTION_MODE", "LOG_LEVEL", *TEMPLATES[:1])]
    assert places == sorted(places)


@pytest.mark.parametrize("name", ["SSE_WORKERS_PER_REQUEST", "ENABLE_STATUS_CSS_PATCH"])
def test_a_valve_without_effect_says_so(name: str) -> None:
    assert "no effect" in str(Valves.model_fields[name].description)


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_is_kept_as_it_is_typed(name: str) -> None:
    assert getattr(Valves(), name).strip()
    typed = "{{#if x}}\n {heading}\n{{/if}}\n"
    assert Valves.model_validate({name: typed}).model_dump()[name] == typed


@pytest.mark.parametrize(
    ("level", "expected"), [("warning", "WARNING"), ("TRACE", "INFO"), ("", "INFO")]
)
def test_the_log_level_of_the_environment_is_the_default(level: str, expected: str) -> None:
    with environment(GLOBAL_LOG_LEVEL=level):
        valves = Valves()
    assert expected == valves.LOG_LEVEL


def test_the_environment_is_read_when_valves_are_built() -> None:
    with environment(OPENROUTER_API_BASE_URL="https://proxy.example/v1", OPENROUTER_API_KEY="sk-1"):
        valves = Valves()
    assert (valves.BASE_URL, str(valves.API_KEY)) == ("https://proxy.example/v1", "sk-1")
    with environment():
        valves = Valves()
    assert (valves.BASE_URL, str(valves.API_KEY)) == ("https://openrouter.ai/api/v1", "")


def test_a_default_of_the_environment_is_never_stored() -> None:
    with environment(OPENROUTER_API_KEY="sk-env", GLOBAL_LOG_LEVEL="DEBUG"):
        stored = Valves().model_dump()
        assert (stored["API_KEY"], stored["LOG_LEVEL"], stored["BASE_URL"]) == ("", "", "")
        assert str(Valves.model_validate(stored).API_KEY) == "sk-env"


def built(**told: Any) -> Valves:
    """Build a form as Open WebUI does, out of whatever was stored."""
    return Valves(**told)


def test_a_form_that_is_built_again_says_the_same_and_is_not_the_same() -> None:
    told = {"MODEL_ID": "openai/gpt-4o", "MAX_CONCURRENT_REQUESTS": 5000, "LOG_LEVEL": " "}
    first, again = built(**told), built(**told)
    assert again == first
    assert again.problems() == first.problems() != ()
    assert again.model_dump() == first.model_dump()
    again.MODEL_ID = ""
    again.MAX_CONCURRENT_REQUESTS = 7
    third = built(**told)
    assert third == first
    assert third.model_fields_set == first.model_fields_set


@pytest.mark.parametrize("looks_equal", [1, 1.0, True])
def test_values_that_only_compare_equal_are_not_taken_for_each_other(looks_equal: object) -> None:
    built(MODEL_ID=1)
    (problem,) = built(MODEL_ID=looks_equal).problems()
    assert problem.value == str(looks_equal)


@pytest.mark.parametrize("blank", [None, "  "])
def test_the_environment_is_read_again_for_a_form_that_is_built_again(blank: str | None) -> None:
    levels = []
    for level in ("DEBUG", "ERROR"):
        with environment(GLOBAL_LOG_LEVEL=level):
            levels.append(built(LOG_LEVEL=blank).LOG_LEVEL)
    assert levels == ["DEBUG", "ERROR"]
