"""What stands in a chat in the place of an answer (SPEC 179-185)."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from actors.ports import (
    AuthRejected,
    ConnectionFailed,
    Endpoint,
    ErrorFacts,
    PortError,
    ProviderError,
    ProviderTimedOut,
    Secret,
    StreamBroken,
)
from actors.values import Model, StreamFailure
from bridge.config.setting_groups import ErrorTemplates
from bridge.openrouter.errors import provider_error, stream_error
from bridge.owui.error_kinds import TemplateKind
from bridge.owui.error_text import (
    Condition,
    ErrorContext,
    explain,
    failure_markdown,
    model_restricted_markdown,
    template_problems,
    tool_rounds_markdown,
)
from bridge.owui.error_values import PLACEHOLDERS
from bridge.transforms.request_body import RequestFault, RequestInvalid

ERROR_ID = "0123456789abcdef"
BUILT_IN = ErrorTemplates()
KEY = "sk-or-v1-very-secret-key"
ABOUT = ErrorContext(
    requested_model="room.maker.large-2026-08-22",
    api_model_id="Maker/large-2026-08-22",
    session_id="session-1",
    user_id="user-1",
    path="/responses",
    endpoint=Endpoint(
        base_url="https://a.example/v1",
        api_key=Secret(KEY),
        connect_timeout_s=3.0,
        read_timeout_s=4.5,
        total_timeout_s=60.0,
    ),
    model=Model(id="Maker/large", name="Large", context_tokens=8192, output_tokens_max=1024),
    deadline_s=90.0,
    at=datetime(2026, 8, 22, 14, 0, 5, tzinfo=timezone(timedelta(hours=2))),
)


def told(failure: BaseException | Condition, template: str = "", **more: str) -> str:
    """The text of a failure, with one and the same template for every kind unless it is ""."""
    texts = {kind.value: template for kind in TemplateKind} if template else {}
    templates = replace(BUILT_IN, **texts, **more)
    return failure_markdown(failure, templates=templates, error_id=ERROR_ID, about=ABOUT)


def answered(status: int, error: object, headers: dict[str, str] | None = None) -> ProviderError:
    return provider_error(status, headers or {}, json.dumps({"error": error}).encode())


def kinds_of(kind: type[PortError]) -> list[type[PortError]]:
    return [kind, *(each for child in kind.__subclasses__() for each in kinds_of(child))]


@pytest.mark.parametrize("kind", kinds_of(PortError))
def test_the_built_in_texts_say_what_happened_what_to_do_and_the_id(kind: type[PortError]) -> None:
    words, text = explain(kind()), told(kind())
    assert text.startswith(f"**{words.happened}**\n\n{words.advice}")
    assert text.endswith(f"Error id: `{ERROR_ID}`")
    assert "{" not in text


@pytest.mark.parametrize("condition", Condition)
def test_the_built_in_texts_serve_conditions_too(condition: Condition) -> None:
    text = told(condition)
    assert text.startswith("**")
    assert text.endswith(f"Error id: `{ERROR_ID}`")
    assert "{" not in text


def test_the_built_in_texts_are_in_order() -> None:
    assert template_problems(BUILT_IN) == ()


def test_the_built_in_texts_quote_the_provider_and_name_the_model() -> None:
    text = told(answered(503, {"message": "Over*loaded*", "metadata": {"provider_name": "Room"}}))
    assert "> Room: Over\\*loaded\\*" in text
    assert "- Model: Maker/large-2026-08-22" in text


def test_whoever_may_help_is_named() -> None:
    text = told(AuthRejected(), support_email="help_me@a.example", support_url="https://b.example/")
    assert text.endswith("Help: help_me@a.example\n\nHelp: https://b.example/")


VALUES = [
    (Condition.INTERNAL, "error_id", ERROR_ID),
    (Condition.INTERNAL, "timestamp", "2026-08-22T12:00:05Z"),
    (Condition.INTERNAL, "session_id", "session-1"),
    (Condition.INTERNAL, "user_id", "user-1"),
    (Condition.INTERNAL, "support_email", ""),
    (Condition.INTERNAL, "requested_model", "room.maker.large-2026-08-22"),
    (Condition.INTERNAL, "api_model_id", "Maker/large-2026-08-22"),
    (Condition.INTERNAL, "normalized_model_id", "maker.large"),
    (Condition.INTERNAL, "model_identifier", "Maker/large-2026-08-22"),
    (Condition.INTERNAL, "endpoint", "https://a.example/v1/responses"),
    (ValueError("my prompt"), "error_type", "ValueError"),
    (ValueError("my prompt"), "detail", ""),
    (answered(429, {"message": "m"}, {"Retry-After": "1.2"}), "retry_after_seconds", "2"),
    (answered(429, {"message": "m"}, {"X-RateLimit-Scope": "key"}), "rate_limit_type", "key"),
    (answered(502, {"message": "m"}), "status_code", "502"),
    (answered(502, {"message": "m"}), "reason", "Bad Gateway"),
    (answered(529, {"message": "m"}), "reason", "Overloaded"),
    (answered(502, {"code": 502, "message": "m"}), "openrouter_code", "502"),
    (answered(400, {"message": "A sentence."}), "openrouter_message", "A sentence."),
    (answered(400, {"message": "A sentence."}), "sanitized_detail", "A sentence."),
    (answered(400, {"metadata": {"raw": "Cause."}}), "upstream_message", "Cause."),
    (answered(400, {"metadata": {"raw": '{"type":"odd"}'}}), "upstream_type", "odd"),
    (answered(400, {"metadata": {"raw": '{"a":1}'}}), "provider_raw_json", '{\n  "a": 1\n}'),
    (answered(400, {"metadata": {"a": 1}}), "metadata_json", '{\n  "a": 1\n}'),
    (answered(400, {"metadata": {"provider_name": "Room"}}), "provider", "Room"),
    (answered(400, {"message": "m"}), "raw_body", '{"error": {"message": "m"}}'),
    (answered(400, {}, {"X-Generation-Id": "gen-1"}), "request_id", "gen-1"),
    (
        answered(400, {}, {"X-Generation-Id": "gen-1"}),
        "request_id_reference",
        "Request id at OpenRouter: gen-1",
    ),
    (answered(403, {"metadata": {"reasons": ["a", "b"]}}), "moderation_reasons", "a, b"),
    (answered(403, {"metadata": {"flagged_input": "bad"}}), "flagged_excerpt", "bad"),
    (answered(402, {"message": "It requires $2, you have $1."}), "required_cost", "2"),
    (answered(402, {"message": "It requires $2, you have $1."}), "account_balance", "1"),
    (answered(403, {"metadata": {"error_type": "odd"}}), "error_type", "odd"),
    (
        answered(403, {"code": "c", "metadata": {"error_type": "t"}}),
        "diagnostics",
        "- Status: 403\n- Code: c\n- Type: t",
    ),
    (ConnectionFailed(ErrorFacts(code="dns")), "reason", "dns"),
    (ConnectionFailed(), "reason", "ConnectionFailed"),
    (ConnectionFailed(), "error_type", "ConnectionFailed"),
    (ProviderTimedOut(ErrorFacts(code="connect-timeout")), "timeout_seconds", "3"),
    (ProviderTimedOut(ErrorFacts(code="read-timeout")), "timeout_seconds", "4.5"),
    (ProviderTimedOut(ErrorFacts(code="total-timeout")), "timeout_seconds", "60"),
    (ProviderTimedOut(ErrorFacts(code="deadline")), "timeout_seconds", "90"),
    (StreamBroken(ErrorFacts(code="no-event")), "timeout_seconds", "900"),
    (ProviderTimedOut(), "timeout_seconds", ""),
]


@pytest.mark.parametrize(("failure", "name", "value"), VALUES)
def test_a_placeholder_has_its_value(
    failure: BaseException | Condition, name: str, value: str
) -> None:
    assert told(failure, f"At: {{{name}}}\nEnd.") == (f"At: {value}\nEnd." if value else "End.")


def test_a_stream_tells_of_its_chunk() -> None:
    event = {
        "id": "gen-7",
        "created": 17,
        "model": "maker/other",
        "provider": "Room",
        "choices": [{"finish_reason": "error", "native_finish_reason": "SAFETY"}],
    }
    names = ("error_chunk_id", "error_chunk_created", "streaming_model", "streaming_provider")
    template = " ".join(f"{{{name}}}" for name in (*names, "native_finish_reason"))
    error = stream_error(StreamFailure(json=json.dumps(event)))
    assert told(error, template) == "gen-7 17 maker/other Room SAFETY"


TOO_LONG = "The maximum context length is 4096 tokens. {} to compress your prompt."


@pytest.mark.parametrize(
    "hint", ['Use the "middle-out" transform', "the context-compression plugin"]
)
def test_the_limits_of_the_model_are_told_when_the_conversation_was_too_long(hint: str) -> None:
    text = told(answered(400, {"message": TOO_LONG.format(hint)}))
    assert "- Room of the model, in tokens: 4096" in text
    assert "- Longest answer, in tokens: 1024" in text


def test_the_limits_of_the_model_are_not_told_otherwise() -> None:
    text = told(answered(400, {"message": "The maximum context length is 4096 tokens."}))
    assert "Room of the model" not in text
    assert "in tokens" not in text


def test_the_catalog_knows_limits_that_the_sentence_does_not_tell() -> None:
    error = answered(400, {"message": "Use the middle-out transform"})
    assert told(error, "{context_limit_tokens} {max_output_tokens}") == "8192 1024"


EVIL = "<think>![x](https://e.example/p.png)`**\n# head\n[0123456789ABCDEFGHJK]: #\n" + KEY


@pytest.mark.parametrize("name", PLACEHOLDERS)
def test_nothing_that_comes_from_outside_means_anything(name: str) -> None:
    raw = json.dumps({"type": EVIL, "message": EVIL, "code": EVIL})
    metadata: dict[str, object] = {
        "raw": raw,
        "reasons": [EVIL],
        "flagged_input": EVIL,
        "limit_source": EVIL,
    }
    metadata |= {"provider_name": EVIL, "error_type": EVIL, "headers": {"X-RateLimit-Scope": EVIL}}
    body = json.dumps({"id": EVIL, "error": {"code": EVIL, "message": EVIL, "metadata": metadata}})
    errors: list[BaseException] = [
        provider_error(400, {"X-RateLimit-Scope": EVIL}, body.encode()),
        stream_error(StreamFailure(code=EVIL, error_type=EVIL, message=EVIL, json=body)),
        RequestInvalid(RequestFault.MODEL_UNKNOWN, where="model", got=EVIL),
    ]
    about = ErrorContext(requested_model=EVIL, api_model_id=EVIL, session_id=EVIL, user_id=EVIL)
    templates = replace(BUILT_IN, **{kind.value: f"x {{{name}}}" for kind in TemplateKind})
    for error in errors:
        text = failure_markdown(error, templates=templates, error_id=ERROR_ID, about=about)
        assert "<" not in text
        assert "very-secret" not in text
        assert not re.search(r"(?<!\\)!\[|(?<!\\)\](\(|:)|^#", text, re.MULTILINE)


@pytest.mark.parametrize("before", ["", " ", '"', r"\n", r"\t", r"\u0022", "Bearer "])
def test_a_key_is_masked_wherever_it_begins(before: str) -> None:
    error = answered(400, {"metadata": {"raw": f"{before}{KEY}{before}"}})
    for name in ("raw_body", "upstream_message", "sanitized_detail"):
        assert "secret" not in told(error, f"{{{name}}}")


def test_a_broken_text_leaves_what_happened_and_the_id() -> None:
    text = told(AuthRejected(ErrorFacts(status=401)), "{{#if detail}}never closed")
    assert "The provider did not accept the API key (401)." in text
    assert ERROR_ID in text
    assert "never closed" not in text


def test_a_text_that_comes_out_empty_leaves_what_happened_and_the_id() -> None:
    assert ERROR_ID in told(Condition.INTERNAL, "{support_email}")


def test_texts_that_are_not_in_order_are_named_with_what_is_wrong() -> None:
    broken = replace(BUILT_IN, rate_limit="{{/if}}", service_error="{eror_id}")
    problems = template_problems(broken)
    assert [problem.valve for problem in problems] == [
        "RATE_LIMIT_TEMPLATE",
        "SERVICE_ERROR_TEMPLATE",
    ]
    assert "{{/if}} has no {{#if}}" in problems[0].accepted
    assert "eror_id" in problems[1].accepted


def test_a_request_for_nothing_is_told_in_plain_words() -> None:
    error = RequestInvalid(RequestFault.MESSAGES_MISSING, where="messages", got="None")
    assert told(error, "an admin's text") == explain(error, error_id=ERROR_ID).markdown()


def test_an_unknown_model_is_named_even_when_nobody_else_knows_it() -> None:
    error = RequestInvalid(RequestFault.MODEL_UNKNOWN, where="model", got="no.such")
    text = failure_markdown(error, templates=BUILT_IN, error_id=ERROR_ID, about=ErrorContext())
    assert "- Model: no.such" in text
    assert "- Why: not\\_in\\_catalog" in text


def test_a_condition_tells_its_reason_and_when_to_try_again() -> None:
    template = "{reason}: {advice} {retry_after_seconds}"
    text = failure_markdown(
        Condition.BREAKER_OPEN,
        templates=replace(BUILT_IN, service_error=template),
        error_id=ERROR_ID,
        about=ErrorContext(at=datetime.now(UTC)),
        reason="why",
        retry_after_s=7.5,
    )
    assert text.startswith("why: Please try again in 8 seconds;")
    assert text.endswith(" 8")


def test_a_model_that_the_valves_keep_out_is_told_with_the_reasons() -> None:
    def text(template: str) -> str:
        return model_restricted_markdown(
            ("MODEL_ID", "FREE_MODEL_FILTER=only"),
            templates=replace(BUILT_IN, model_restricted=template),
            error_id=ERROR_ID,
            about=ABOUT,
            model_id_filter="a/b, c/d",
            free_model_filter="only",
            tool_calling_filter="exclude",
        )

    built_in = text(BUILT_IN.model_restricted)
    assert "- Why: MODEL\\_ID, FREE\\_MODEL\\_FILTER=only" in built_in
    assert "- Models on offer: a/b, c/d" in built_in
    assert ERROR_ID in built_in
    filters = text("{model_id_filter}; {free_model_filter}; {tool_calling_filter}")
    assert filters == "a/b, c/d; only; exclude"


def test_an_answer_that_used_up_its_rounds_ends_with_their_number() -> None:
    text = tool_rounds_markdown(25, templates=BUILT_IN, error_id=ERROR_ID, about=ABOUT)
    assert text.startswith("**The answer ended after 25 rounds of tool calls.**")
    assert ERROR_ID in text
