from __future__ import annotations

from dataclasses import MISSING, asdict, fields

import pytest

from actors.ports import Secret
from actors.values import WireFormat
from bridge.config.errors import ConfigError
from bridge.config.setting_groups import ModelFilter, ThinkingPlace, ToolMode
from bridge.config.settings import KeyProblem, Settings, settings_from
from bridge.config.valves import Valves
from bridge.crypto.secret_box import encrypt_valve
from tests.fixtures.environment import environment
from tests.unit.valve_table import TEMPLATES


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
    ("STREAMING_CHUNK_QUEUE_MAXSIZE", 0, "reads_in_flight_max", 16),
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
    ("REQUEST_DEADLINE_SECONDS", None, "request_deadline_s", None),
    ("REQUEST_DEADLINE_SECONDS", 90, "request_deadline_s", 90.0),
]


@pytest.mark.parametrize(("valve", "value", "setting", "expected"), ARRIVES)
def test_a_valve_arrives_as_its_setting(
    valve: str, value: object, setting: str, expected: object
) -> None:
    assert getattr(settings(**{valve: value}), setting) == expected


# Valve, value, group of settings, field, what the code reads.
GROUPED = [
    ("MODEL_ID", " a/b ", "catalog", "models_text", "a/b"),
    ("FREE_MODEL_FILTER", "only", "catalog", "free", ModelFilter.ONLY),
    ("TOOL_CALLING_FILTER", "exclude", "catalog", "tool_calling", ModelFilter.EXCLUDE),
    ("DEFAULT_LLM_ENDPOINT", "chat_completions", "routing", "wire", WireFormat.CHAT),
    ("FORCE_CHAT_COMPLETIONS_MODELS", "a/*,\nb.c ,a/*", "routing", "chat_models", ("a/*", "b.c")),
    ("FORCE_RESPONSES_MODELS", ",d/e,", "routing", "responses_models", ("d/e",)),
    ("AUTO_FALLBACK_CHAT_COMPLETIONS", False, "routing", "falls_back_to_chat", False),
    ("ENABLE_REASONING", False, "reasoning", "is_enabled", False),
    ("REASONING_EFFORT", "xhigh", "reasoning", "effort", "xhigh"),
    ("TASK_MODEL_REASONING_EFFORT", "none", "reasoning", "task_effort", "none"),
    ("REASONING_SUMMARY_MODE", "detailed", "reasoning", "summary", "detailed"),
    ("REASONING_SUMMARY_MODE", "disabled", "reasoning", "summary", None),
    ("GEMINI_THINKING_LEVEL", "high", "reasoning", "gemini_level", "high"),
    ("GEMINI_THINKING_LEVEL", "auto", "reasoning", "gemini_level", None),
    ("GEMINI_THINKING_BUDGET", 0, "reasoning", "gemini_budget_tokens", 0),
    ("ENABLE_ANTHROPIC_INTERLEAVED_THINKING", False, "reasoning", "interleaves_anthropic", False),
    ("AUTO_CONTEXT_TRIMMING", False, "request", "trims_context", False),
    ("USE_MODEL_MAX_OUTPUT_TOKENS", True, "request", "asks_longest_answer", True),
    ("ANTHROPIC_PROMPT_CACHE_TTL", "1h", "request", "anthropic_cache_ttl", "1h"),
    ("ENABLE_ANTHROPIC_PROMPT_CACHING", False, "request", "anthropic_cache_ttl", None),
    ("WEB_SEARCH_MAX_RESULTS", 7, "request", "search_results_max", 7),
    ("WEB_SEARCH_MAX_RESULTS", "", "request", "search_results_max", None),
    ("TOOL_EXECUTION_MODE", "Open-WebUI", "tools", "mode", ToolMode.OPEN_WEBUI),
    ("ENABLE_STRICT_TOOL_CALLING", False, "tools", "is_strict", False),
    ("MAX_FUNCTION_CALL_LOOPS", 2, "tools", "rounds_max", 2),
    ("MAX_PARALLEL_TOOLS_PER_REQUEST", 9, "tools", "parallel_max", 9),
    ("MAX_PARALLEL_TOOLS_GLOBAL", 11, "tools", "parallel_global_max", 11),
    ("TOOL_BATCH_CAP", 8, "tools", "batch_max", 8),
    ("TOOL_TIMEOUT_SECONDS", 30, "tools", "timeout_s", 30.0),
    ("TOOL_TIMEOUT_SECONDS", 600, "tools", "batch_timeout_s", 600.0),
    ("TOOL_BATCH_TIMEOUT_SECONDS", 90, "tools", "batch_timeout_s", 90.0),
    ("TOOL_IDLE_TIMEOUT_SECONDS", 5, "tools", "idle_timeout_s", 5.0),
    ("TOOL_SHUTDOWN_TIMEOUT_SECONDS", 0, "tools", "shutdown_s", 0.0),
    ("TOOL_OUTPUT_RETENTION_TURNS", 0, "tools", "retention_turns", 0),
    ("THINKING_OUTPUT_MODE", "status", "show", "thinking", ThinkingPlace.STATUS),
    ("SHOW_FINAL_USAGE_STATUS", False, "show", "shows_usage", False),
    ("SEND_END_USER_ID", True, "identity", "sends_user", True),
    ("SEND_SESSION_ID", True, "identity", "sends_session", True),
    ("SEND_CHAT_ID", True, "identity", "sends_chat", True),
    ("SEND_MESSAGE_ID", True, "identity", "sends_message", True),
    ("SUPPORT_EMAIL", " a@b.example ", "templates", "support_email", "a@b.example"),
    ("SUPPORT_URL", "https://b.example", "templates", "support_url", "https://b.example"),
    ("ENABLE_TIMING_LOG", True, "timing", "is_enabled", True),
    ("TIMING_LOG_FILE", " /a/b ", "timing", "path", "/a/b"),
    *(
        (
            name,
            "Oh, {error_id}",
            "templates",
            name.removesuffix("_TEMPLATE").lower(),
            "Oh, {error_id}",
        )
        for name in TEMPLATES
    ),
]


@pytest.mark.parametrize(("valve", "value", "group", "field", "expected"), GROUPED)
def test_a_valve_arrives_in_its_group(
    valve: str, value: object, group: str, field: str, expected: object
) -> None:
    assert getattr(getattr(settings(**{valve: value}), group), field) == expected


def test_the_groups_begin_with_the_defaults_of_the_valves() -> None:
    made = settings()
    for group in fields(Settings):
        if group.default_factory is not MISSING:
            assert getattr(made, group.name) == group.default_factory()


def test_every_setting_is_reached_by_a_valve() -> None:
    moved = {f"{group}.{field}" for _, _, group, field, _ in GROUPED}
    made = settings()
    groups = {row[2] for row in GROUPED}
    assert moved == {f"{name}.{one.name}" for name in groups for one in fields(getattr(made, name))}


@pytest.mark.parametrize(
    "typed",
    ["example.com", "www.example.com/path", "ftp://a.example", "https://", "https://\u00e9"],
)
def test_a_referer_without_a_scheme_is_told_and_the_default_one_is_sent(typed: str) -> None:
    made = settings(HTTP_REFERER_OVERRIDE=typed)
    assert made.endpoint.referer == ""
    assert made.referer_problem is not None
    assert made.referer_problem.valve == "HTTP_REFERER_OVERRIDE"


@pytest.mark.parametrize("typed", ["", " https://chat.example/x?y=1 ", "http://localhost:3000"])
def test_a_full_referer_is_sent(typed: str) -> None:
    made = settings(HTTP_REFERER_OVERRIDE=typed)
    assert (made.endpoint.referer, made.referer_problem) == (typed.strip(), None)


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
