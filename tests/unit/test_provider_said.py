"""What an error says in its sender's words, wherever it says it (SPEC 182, 183)."""

from __future__ import annotations

import json

import pytest

from actors.ports import (
    AccessRefused,
    BudgetInFlight,
    CreditsExhausted,
    ProviderError,
    ProviderSaid,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
)
from actors.values import StreamFailure
from bridge.openrouter.errors import provider_error, stream_error
from bridge.openrouter.provider_said import SAID_CHARS_MAX


def said_by(
    error: object, status: int = 400, headers: dict[str, str] | None = None, **beside: object
) -> ProviderSaid:
    body = json.dumps({"error": error, **beside}).encode()
    said = provider_error(status, headers or {}, body).facts.said
    assert said is not None
    return said


def streamed(event: object, **failure: str) -> ProviderError:
    return stream_error(StreamFailure(json=json.dumps(event), **failure))


def test_the_words_of_provider_and_upstream_stand_apart() -> None:
    raw = json.dumps({"error": {"type": "invalid_request_error", "message": "Too many images."}})
    said = said_by(
        {
            "message": "Provider returned error",
            "code": 400,
            "metadata": {"raw": raw, "provider_name": "Room Inc", "is_byok": False},
        }
    )
    assert (said.message, said.upstream_message) == ("Provider returned error", "Too many images.")
    assert (said.upstream_type, said.provider) == ("invalid_request_error", "Room Inc")
    assert json.loads(said.provider_raw_json) == json.loads(raw)
    assert json.loads(said.metadata_json) == {"provider_name": "Room Inc", "is_byok": False}
    assert '"Too many images."' in said.raw_body.replace("\\", "")


def test_an_upstream_without_json_is_named_by_its_code() -> None:
    metadata = {"raw": "busy", "provider_error_code": "engine_overloaded"}
    said = said_by({"message": "m", "metadata": metadata})
    assert (said.upstream_message, said.upstream_type) == ("busy", "engine_overloaded")
    assert said.provider_raw_json == ""


def test_metadata_beside_the_error_counts_as_well() -> None:
    said = said_by({"code": "invalid_prompt", "message": "m"}, metadata={"raw": '["a"]'})
    assert json.loads(said.provider_raw_json) == ["a"]


def test_moderation_tells_its_reasons_and_what_was_flagged() -> None:
    metadata = {
        "reasons": ["harassment", "violence\nand more", 3],
        "patterns": ["ssn"],
        "flagged_input": "what I wrote",
        "model_slug": "room/large",
    }
    said = said_by({"message": "flagged", "metadata": metadata}, 403)
    assert said.moderation_reasons == ("harassment", "violence and more", "ssn")
    assert (said.flagged_excerpt, said.model) == ("what I wrote", "room/large")


@pytest.mark.parametrize(
    ("headers", "metadata", "limit"),
    [
        ({"X-RateLimit-Scope": "account"}, {"limit_source": "key"}, "account"),
        ({}, {"headers": {"X-RateLimit-Scope": "minute"}, "limit_source": "key"}, "minute"),
        ({}, {"limit_source": "upstream_provider_shared_pool"}, "upstream_provider_shared_pool"),
        ({}, {}, ""),
    ],
)
def test_whose_limit_it_is_is_told_by_the_nearest_source(
    headers: dict[str, str], metadata: dict[str, object], limit: str
) -> None:
    assert said_by({"message": "m", "metadata": metadata}, 429, headers).rate_limit_type == limit


@pytest.mark.parametrize(
    ("message", "metadata", "cost", "balance"),
    [
        (
            "This request requires at least $0.25, but your balance is $1,000.05.",
            {},
            "0.25",
            "1000.05",
        ),
        ("It costs about $ 2 and you only have $0.5 left.", {}, "2", "0.5"),
        ("Requires more credits. You asked for 4096 tokens, but can only afford 2381.", {}, "", ""),
        ("m", {"required_cost": 0.5, "account_balance": "0.10"}, "0.5", "0.10"),
    ],
)
def test_what_is_needed_and_what_is_there_is_read_in_dollars(
    message: str, metadata: dict[str, object], cost: str, balance: str
) -> None:
    said = said_by({"message": message, "metadata": metadata}, 402)
    assert (said.required_cost, said.account_balance) == (cost, balance)


@pytest.mark.parametrize(
    ("message", "context", "output"),
    [
        ("The maximum context length is 200,000 tokens. You asked for 2500021.", "200000", ""),
        ("Longer than the context window of 8192 tokens", "8192", ""),
        ("Above the maximum number of output tokens: 4096.", "", "4096"),
        ("Needs fewer max_tokens. You requested up to 4096 tokens", "", ""),
    ],
)
def test_limits_of_the_model_are_read_out_of_the_sentence(
    message: str, context: str, output: str
) -> None:
    said = said_by({"message": message})
    assert (said.context_limit_tokens, said.output_tokens_max) == (context, output)


def test_an_answer_that_says_nothing_has_no_words() -> None:
    assert provider_error(503, {}, b"").facts.said is None
    page = provider_error(503, {}, b"<html>sorry</html>").facts.said
    assert page is not None
    assert page.raw_body == "<html>sorry</html>"


def test_all_of_it_is_bounded() -> None:
    huge = "x" * 100_000
    metadata = {"raw": json.dumps({"message": huge}), "flagged_input": huge, "reasons": [huge] * 99}
    said = said_by({"message": huge, "metadata": metadata})
    kept = [said.raw_body, said.message, said.upstream_message, said.metadata_json]
    kept += [said.provider_raw_json, said.flagged_excerpt, "".join(said.moderation_reasons)]
    assert max(map(len, kept)) <= SAID_CHARS_MAX


NESTED = {"code": 502, "message": "Gone.", "metadata": {"error_type": "provider_unavailable"}}
CHUNK = {"id": "gen-7", "created": 17, "model": "room/large", "provider": "Room"}


@pytest.mark.parametrize(
    ("event", "kind", "status", "detail"),
    [
        ({**CHUNK, "choices": [], "error": NESTED}, ProviderUnavailable, 502, "Gone."),
        (
            {**CHUNK, "choices": [{"finish_reason": "error", "delta": {}}], "error": NESTED},
            ProviderUnavailable,
            502,
            "Gone.",
        ),
        ({"error": NESTED}, ProviderUnavailable, 502, "Gone."),
        ({"error": "Only a sentence."}, ProviderUnavailable, None, "Only a sentence."),
        ({"choices": [{"error": {"code": 400, "message": "m"}}]}, RequestRejected, 400, "m"),
        ({"type": "error", "code": "server_error", "message": "m"}, ProviderUnavailable, None, "m"),
        ({"type": "error", "error": {"code": "invalid_prompt"}}, RequestRejected, None, ""),
        ({"type": "response.error", "error": {"code": 403}}, AccessRefused, 403, ""),
        (
            {
                "type": "response.failed",
                "response": {
                    "error": {"code": "server_error", "message": "m"},
                    "error_type": "rate_limit_exceeded",
                    "metadata": {"limit_source": "mine"},
                },
            },
            RateLimited,
            None,
            "m",
        ),
        (
            {"error": {"code": 402, "metadata": {"reason": "in_flight_budget_exhausted"}}},
            BudgetInFlight,
            402,
            "",
        ),
        ({"error": {"code": "insufficient_quota"}}, CreditsExhausted, None, ""),
        (
            {"error": {"code": 404, "availability": {"code": "no_endpoints", "retryable": True}}},
            ProviderUnavailable,
            404,
            "",
        ),
    ],
)
def test_every_shape_of_an_error_inside_a_stream_is_understood(
    event: object, kind: type[ProviderError], status: int | None, detail: str
) -> None:
    error = streamed(event)
    assert (type(error), error.facts.status, error.facts.detail) == (kind, status, detail)


def test_an_end_without_an_error_object_is_told_by_its_native_reason() -> None:
    choice = {"finish_reason": "error", "native_finish_reason": "MALFORMED_FUNCTION_CALL"}
    facts = streamed({**CHUNK, "choices": [choice]}).facts
    assert facts.code == "MALFORMED_FUNCTION_CALL"
    assert facts.said is not None
    assert facts.said.native_finish_reason == "MALFORMED_FUNCTION_CALL"


def test_the_chunk_that_told_the_error_is_described() -> None:
    facts = streamed({**CHUNK, "error": NESTED}).facts
    assert facts.said is not None
    said = facts.said
    assert (said.chunk_id, said.chunk_created, said.model, said.provider) == (
        ("gen-7", "17", "room/large", "Room")
    )
    assert (facts.request_id, facts.provider) == ("gen-7", "Room")


def test_the_conversation_that_an_event_repeats_is_left_out() -> None:
    response = {"instructions": "my prompt", "tools": ["my tool"], "error": {"message": "m"}}
    said = streamed({"type": "response.failed", "response": response}).facts.said
    assert said is not None
    assert "my" not in said.raw_body
    assert '"response.failed"' in said.raw_body


def test_without_its_event_a_failure_still_has_its_message() -> None:
    facts = stream_error(StreamFailure(code="server_error", message="m")).facts
    assert facts.said is not None
    assert (facts.said.message, facts.said.raw_body) == ("m", "")


def test_what_the_decoder_found_goes_before_what_the_event_says() -> None:
    error = streamed({"error": NESTED}, error_type="rate_limit_exceeded", code="429")
    assert (type(error), error.facts.status) == (RateLimited, 429)


@pytest.mark.parametrize("spelled", ["", "null", "[]", "{", '"x"', "{}", '{"error":7}'])
def test_an_event_that_makes_no_sense_is_survived(spelled: str) -> None:
    error = stream_error(StreamFailure(json=spelled, message="m"))
    assert (type(error), error.facts.detail) == (ProviderUnavailable, "m")


def test_words_never_show_in_the_text_of_an_error() -> None:
    secret = "what the user wrote"
    metadata = {"flagged_input": secret, "raw": secret, "reasons": [secret]}
    for error in (
        provider_error(403, {}, json.dumps({"error": {"metadata": metadata}}).encode()),
        streamed({"error": {"message": secret, "metadata": metadata}}),
    ):
        assert secret not in str(error) + repr(error) + repr(error.facts)
