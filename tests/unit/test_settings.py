from __future__ import annotations

from dataclasses import asdict

import pytest

from actors.ports import Secret
from bridge.config.errors import ConfigError
from bridge.config.settings import KeyProblem, Settings, settings_from
from bridge.config.valves import Valves
from bridge.crypto.secret_box import encrypt_valve
from tests.fixtures.environment import environment


def settings(secret_key: str = "", /, **valves: object) -> Settings:
    with environment():
        return settings_from(Valves.model_validate(valves), {"WEBUI_SECRET_KEY": secret_key})


def stored_key(text: str) -> str:
    return encrypt_valve(text, "open sesame")


# Valve, value, setting, what the code reads.
ARRIVES = [
    ("MODEL_ID", "a/b, c/d,a/b", "models_wanted", ("a/b", "c/d")),
    ("MODEL_ID", " Auto ", "models_wanted", ()),
    ("MODEL_CATALOG_REFRESH_SECONDS", 60, "catalog_refresh_s", 60.0),
    ("MAX_CONCURRENT_REQUESTS", 7, "requests_max", 7),
    ("BREAKER_MAX_FAILURES", 9, "breaker_failures_max", 9),
    ("BREAKER_WINDOW_SECONDS", 30, "breaker_window_s", 30.0),
    ("BREAKER_HISTORY_SIZE", 50, "breaker_history_max", 50),
    ("BREAKER_MAX_FAILURES", 9, "breaker_history_max", 9),
    ("STREAMING_CHUNK_QUEUE_MAXSIZE", 0, "reads_in_flight_max", 8),
    ("STREAMING_CHUNK_QUEUE_MAXSIZE", 1, "reads_in_flight_max", 1),
    ("STREAMING_EVENT_QUEUE_MAXSIZE", 0, "request_mailbox_max", 1000),
    ("STREAMING_EVENT_QUEUE_MAXSIZE", 1, "request_mailbox_max", 1),
    ("STREAMING_EVENT_QUEUE_WARN_SIZE", 100, "backlog_warn_size", 100),
    ("MIDDLEWARE_STREAM_QUEUE_MAXSIZE", 0, "handover_lines_max", None),
    ("MIDDLEWARE_STREAM_QUEUE_MAXSIZE", 3, "handover_lines_max", 3),
    ("MIDDLEWARE_STREAM_QUEUE_MAXSIZE", 3, "handover_bytes_max", 262144),
    ("MIDDLEWARE_STREAM_QUEUE_PUT_TIMEOUT_SECONDS", 0, "slow_reader_after_s", None),
    ("MIDDLEWARE_STREAM_QUEUE_PUT_TIMEOUT_SECONDS", 2.5, "slow_reader_after_s", 2.5),
    ("LOG_LEVEL", "ERROR", "log_level", "ERROR"),
    ("SHUTDOWN_GRACE_SECONDS", 0, "shutdown_grace_s", 0.0),
]


@pytest.mark.parametrize(("valve", "value", "setting", "expected"), ARRIVES)
def test_a_valve_arrives_as_its_setting(
    valve: str, value: object, setting: str, expected: object
) -> None:
    assert getattr(settings(**{valve: value}), setting) == expected


@pytest.mark.parametrize(
    ("valve", "value", "field", "expected"),
    [
        ("BASE_URL", " https://a.example/v1// ", "base_url", "https://a.example/v1"),
        ("HTTP_CONNECT_TIMEOUT_SECONDS", 3, "connect_timeout_s", 3.0),
        ("HTTP_SOCK_READ_SECONDS", 4, "read_timeout_s", 4.0),
        ("HTTP_TOTAL_TIMEOUT_SECONDS", 5, "total_timeout_s", 5.0),
        ("HTTP_TOTAL_TIMEOUT_SECONDS", None, "total_timeout_s", None),
        ("HTTP_SOCK_READ_SECONDS", 10**400, "read_timeout_s", 30 * 24 * 3600.0),
    ],
)
def test_a_valve_arrives_in_the_endpoint(
    valve: str, value: object, field: str, expected: object
) -> None:
    assert getattr(settings(**{valve: value}).endpoint, field) == expected


def test_a_valve_that_cannot_be_obeyed_is_told_in_the_settings() -> None:
    (problem,) = settings(MAX_CONCURRENT_REQUESTS=0).valve_problems
    assert problem.valve == "MAX_CONCURRENT_REQUESTS"
    assert "MAX_CONCURRENT_REQUESTS='0'" in str(ConfigError(problem))


def test_the_key_is_opened() -> None:
    made = settings("open sesame", API_KEY=stored_key("sk-or-v1-abc"))
    assert made.key_problem is None
    assert made.endpoint.api_key == Secret("sk-or-v1-abc")
    assert "abc" not in repr(asdict(made))


def test_a_plain_key_may_belong_to_any_gateway() -> None:
    made = settings(API_KEY="gateway-token")
    assert (made.key_problem, made.endpoint.api_key) == (None, Secret("gateway-token"))


@pytest.mark.parametrize("api_key", ["", "   "])
def test_without_a_key_that_is_said(api_key: str) -> None:
    assert settings(API_KEY=api_key).key_problem is KeyProblem.MISSING


@pytest.mark.parametrize(
    ("secret_key", "api_key"),
    [
        ("", stored_key("sk-abc")),
        ("another", stored_key("sk-abc")),
        ("open sesame", stored_key("gateway-token")),
        ("open sesame", "encrypted:cut"),
        ("open sesame", stored_key("sk-line\nbreak")),
        ("", "sk-smart\u2013dash"),
        ("", "sk-two words"),
    ],
)
def test_a_key_that_cannot_be_one_is_not_sent(secret_key: str, api_key: str) -> None:
    made = settings(secret_key, API_KEY=api_key)
    assert made.key_problem is KeyProblem.UNDECRYPTABLE
    assert made.endpoint.api_key == Secret("")


@pytest.mark.parametrize(
    "base_url", ["http://localhost:8080/v1", "https://[::1]/v1", "https://a.example"]
)
def test_an_address_may_be_a_gateway_nearby(base_url: str) -> None:
    made = settings(BASE_URL=base_url)
    assert (made.base_url_problem, made.endpoint.base_url) == (None, base_url)


@pytest.mark.parametrize(
    "base_url",
    [
        "openrouter.ai/api/v1",
        "ftp://a.example",
        "https://",
        "https:///v1",
        "https://a.example:port",
        "https://a.example:99999",
        "https://[::1",
        "https://a.example/v1?x=1",
        "https://a.example/v1#x",
        "https://a b.example",
        "https://a.example/\x00",
    ],
)
def test_an_address_that_cannot_be_used_is_told(base_url: str) -> None:
    problem = settings(BASE_URL=base_url).base_url_problem
    assert problem is not None
    assert problem.valve == "BASE_URL"
    assert "https://openrouter.ai/api/v1" in problem.accepted


@pytest.mark.parametrize("base_url", ["https://me:pass@a.example", "sk-or-v1-pass"])
def test_a_secret_in_the_address_is_refused_and_not_repeated(base_url: str) -> None:
    problem = settings(BASE_URL=base_url).base_url_problem
    assert problem is not None
    assert "pass" not in problem.value
