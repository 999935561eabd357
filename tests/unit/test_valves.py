from __future__ import annotations

import json

import pytest

from bridge.config.valves import Valves
from tests.fixtures.environment import environment

# Name, default, lowest and highest accepted value (None: no bound), SPEC 23.
NUMBERS = [
    ("MODEL_CATALOG_REFRESH_SECONDS", 3600, 60, None),
    ("HTTP_CONNECT_TIMEOUT_SECONDS", 10, 1, None),
    ("HTTP_TOTAL_TIMEOUT_SECONDS", None, 1, None),
    ("HTTP_SOCK_READ_SECONDS", 300, 1, None),
    ("MAX_CONCURRENT_REQUESTS", 200, 1, 2000),
    ("BREAKER_MAX_FAILURES", 5, 1, 50),
    ("BREAKER_WINDOW_SECONDS", 60, 5, 900),
    ("BREAKER_HISTORY_SIZE", 5, 1, 200),
    ("STREAMING_CHUNK_QUEUE_MAXSIZE", 0, 0, None),
    ("STREAMING_EVENT_QUEUE_MAXSIZE", 0, 0, None),
    ("STREAMING_EVENT_QUEUE_WARN_SIZE", 1000, 100, None),
    ("MIDDLEWARE_STREAM_QUEUE_MAXSIZE", 0, 0, None),
    ("MIDDLEWARE_STREAM_QUEUE_PUT_TIMEOUT_SECONDS", 1.0, 0, None),
    ("SHUTDOWN_GRACE_SECONDS", 20.0, 0, 600),
]


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
    valves = Valves.model_validate({"SSE_WORKERS_PER_REQUEST": 4, "NO_SUCH_VALVE": {}})
    assert valves.problems() == ()


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_a_blank_valve_counts_as_unset(blank: str | None) -> None:
    valves = Valves.model_validate(dict.fromkeys(Valves.model_fields, blank))
    assert valves == Valves()
    assert valves.problems() == ()


@pytest.mark.parametrize("value", [float("inf"), float("nan"), [], {}, "1.5.0"])
def test_no_value_however_strange_keeps_the_model_from_being_built(value: object) -> None:
    valves = Valves.model_validate(dict.fromkeys(Valves.model_fields, value))
    json.dumps(valves.model_dump(), allow_nan=False)
    assert valves.problems()


def test_a_log_level_is_taken_in_any_case() -> None:
    assert Valves.model_validate({"LOG_LEVEL": "debug"}).LOG_LEVEL == "DEBUG"


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
