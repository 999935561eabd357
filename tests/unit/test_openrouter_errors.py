"""What OpenRouter answers, and which error of the port it becomes."""

import json

import pytest

from actors.ports import (
    AccessRefused,
    AnswerMalformed,
    AuthRejected,
    BudgetInFlight,
    CreditsExhausted,
    ProviderError,
    ProviderTimedOut,
    ProviderUnavailable,
    QuotaExhausted,
    RateLimited,
    RequestRejected,
)
from actors.values import StreamFailure
from bridge.openrouter.errors import provider_error, retry_after_s, stream_error

NOON = "Sat, 22 Aug 2026 12:00:00 GMT"
NOON_EPOCH_S = 1787400000.0


def body(error: object, **beside: object) -> bytes:
    return json.dumps({"error": error, **beside}).encode()


def availability(*, retryable: bool, code: str = "no_endpoints") -> dict[str, object]:
    return {"message": "m", "availability": {"code": code, "retryable": retryable}}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, RequestRejected),
        (400, RequestRejected),
        (401, AuthRejected),
        (402, CreditsExhausted),
        (403, AccessRefused),
        (404, RequestRejected),
        (408, ProviderTimedOut),
        (413, RequestRejected),
        (422, RequestRejected),
        (429, RateLimited),
        (500, ProviderUnavailable),
        (502, ProviderUnavailable),
        (503, ProviderUnavailable),
        (504, ProviderTimedOut),
        (524, ProviderTimedOut),
        (529, ProviderUnavailable),
    ],
)
def test_the_status_decides_whatever_the_body_is(status: int, kind: type[ProviderError]) -> None:
    bodies = (b"", b"<html><title>Oops</title></html>", b"no json", b'{"error":', body(None))
    for sent in (*bodies, body({"code": status, "message": "m"}), body("m"), b"[1]", b"\xff\xfe"):
        error = provider_error(status, {}, sent)
        assert type(error) is kind
        assert error.facts.status == status


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (402, {"metadata": {"limit_source": "openrouter_in_flight_budget"}}, BudgetInFlight),
        (402, {"metadata": {"reason": "in_flight_budget_exhausted"}}, BudgetInFlight),
        (402, {"metadata": {"limit_source": "openrouter_credits"}}, CreditsExhausted),
        (429, {"metadata": {"limit_source": "openrouter_free_tier_daily"}}, QuotaExhausted),
        (429, {"message": "Rate limit exceeded: free-models-per-day."}, QuotaExhausted),
        (429, {"metadata": {"limit_source": "upstream_provider_shared_pool"}}, RateLimited),
        (404, availability(retryable=True), ProviderUnavailable),
        (404, availability(retryable=False), RequestRejected),
        (503, availability(retryable=False), RequestRejected),
        (503, availability(retryable=False, code="region_restricted"), AccessRefused),
        (429, availability(retryable=False), QuotaExhausted),
        (401, availability(retryable=True), AuthRejected),
    ],
)
def test_the_body_tells_cases_of_one_status_apart(
    status: int, error: object, kind: type[ProviderError]
) -> None:
    assert type(provider_error(status, {}, body(error))) is kind


@pytest.mark.parametrize(
    ("sent", "kind", "code"),
    [
        (b"", AnswerMalformed, "empty"),
        (b" \n", AnswerMalformed, "empty"),
        (b"<html></html>", AnswerMalformed, "not-a-stream"),
        (b'{"choices":[{"message":{"content":"hi"}}]}', AnswerMalformed, "not-a-stream"),
        (body({"code": 502, "message": "m"}, choices=[]), ProviderUnavailable, ""),
        (body({"code": "429", "message": "m"}), RateLimited, ""),
        (body({"code": "invalid_prompt", "message": "m"}), RequestRejected, "invalid_prompt"),
        (body({"http_status": 403, "error_type": "x"}), AccessRefused, ""),
        (b'{"choices":[{"error":{"code":401}}]}', AuthRejected, ""),
        (
            b'{"choices":[{"finish_reason":"error","native_finish_reason":"BROKEN_CALL"}]}',
            ProviderUnavailable,
            "BROKEN_CALL",
        ),
    ],
)
def test_a_200_without_a_stream_is_judged_by_its_words(
    sent: bytes, kind: type[ProviderError], code: str
) -> None:
    error = provider_error(200, {}, sent)
    assert (type(error), error.facts.code) == (kind, code)


@pytest.mark.parametrize(
    ("sent", "detail"),
    [
        (body({"message": "Plain."}), "Plain."),
        (body("Only a string."), "Only a string."),
        (body({"message": "Provider returned error"}), "Provider returned error"),
        (body({"message": "Provider returned error", "metadata": {"raw": "Busy."}}), "Busy."),
        (
            body(
                {
                    "message": "Provider returned error",
                    "metadata": {"raw": '{"error":{"message":"Too many images."}}'},
                }
            ),
            "Too many images.",
        ),
        (
            body({"message": "", "metadata": {"raw": 'failed: {"message":"Inside."} (400)'}}),
            "Inside.",
        ),
        (body({"message": "", "metadata": {"raw": {"detail": "As an object."}}}), "As an object."),
        (
            body({"message": "Invalid."}, metadata={"raw": '[{"message":"expected string"}]'}),
            "Invalid.: expected string",
        ),
        (body({"message": "a {b} c"}), "a {b} c"),
        (b"<!DOCTYPE html><title>502 Bad &amp; sad</title>", "502 Bad & sad"),
        (b"upstream connect error", "upstream connect error"),
        (b'{"error":{"message":"cut o', ""),
    ],
)
def test_the_detail_is_the_cause_and_not_its_wrapping(sent: bytes, detail: str) -> None:
    assert provider_error(400, {}, sent).facts.detail == detail


def test_a_detail_is_bounded_and_deep_nesting_is_survived() -> None:
    assert len(provider_error(400, {}, body({"message": "x" * 60_000})).facts.detail) <= 2000
    nested = '{"error":' * 5000 + "1" + "}" * 5000
    raw = {"message": "m", "metadata": {"raw": nested}}
    assert provider_error(400, {}, body(raw)).facts.status == 400
    assert provider_error(400, {}, nested.encode()).facts.status == 400


def test_provider_type_and_request_id_are_kept() -> None:
    error = provider_error(
        502,
        {"X-Generation-Id": "gen-123"},
        body(
            {"metadata": {"provider_name": "Amazon Bedrock", "error_type": "provider_unavailable"}}
        ),
    )
    facts = error.facts
    assert (facts.provider, facts.error_type) == ("Amazon Bedrock", "provider_unavailable")
    assert facts.request_id == "gen-123"


def test_no_sentence_of_the_other_side_reaches_the_text_of_an_error() -> None:
    secret = "what the user wrote"
    said = {"code": secret, "message": secret, "metadata": {"error_type": secret, "raw": secret}}
    error = provider_error(403, {"X-Generation-Id": secret}, body(said))
    streamed = stream_error(StreamFailure(code=secret, error_type=secret, message=secret))
    for shown in (str(error), repr(error.facts), str(streamed), repr(streamed.facts)):
        assert secret not in shown


@pytest.mark.parametrize(
    ("value", "wait_s"),
    [
        ("7", 7.0),
        (" 1.5 ", 1.5),
        ("0", 0.0),
        ("999999999", 999999999.0),
        ("Sat, 22 Aug 2026 12:00:30 GMT", 30.0),
        ("Sat, 22 Aug 2026 11:59:00 GMT", None),
        ("-3", None),
        ("nan", None),
        ("inf", None),
        ("1_000", None),
        ("9" * 5000, None),
        ("soon", None),
        ("", None),
        ("Sat, 99 Aug 2026 12:00:30 GMT", None),
    ],
)
def test_retry_after_is_a_wait_ahead_or_nothing(value: str, wait_s: float | None) -> None:
    assert retry_after_s(value, NOON_EPOCH_S) == wait_s
    assert provider_error(503, {"retry-after": value, "Date": NOON}, b"").retry_after_s == wait_s


def test_a_date_needs_another_date_to_be_a_wait() -> None:
    headers = {"Retry-After": "Sat, 22 Aug 2026 12:00:30 GMT"}
    assert provider_error(503, headers, b"").retry_after_s is None
    assert provider_error(503, headers, b"", now_epoch_s=NOON_EPOCH_S).retry_after_s == 30.0


def test_availability_names_a_wait_where_the_headers_do_not() -> None:
    sent = body({"availability": {"retryable": True, "retry_after": 4}})
    assert provider_error(503, {}, sent).retry_after_s == 4.0
    assert provider_error(503, {"Retry-After": "9"}, sent).retry_after_s == 9.0


def test_a_spent_quota_waits_for_its_reset() -> None:
    reset_ms = str(int((NOON_EPOCH_S + 3600) * 1000))
    metadata = {
        "limit_source": "openrouter_free_tier_daily",
        "headers": {"X-RateLimit-Reset": reset_ms},
    }
    error = provider_error(
        429, {"Date": NOON, "Retry-After": "1"}, body({"code": 429, "metadata": metadata})
    )
    assert isinstance(error, QuotaExhausted)
    assert error.retry_after_s == 3600.0


def test_a_plain_rate_limit_prefers_the_shorter_answer_of_retry_after() -> None:
    reset_ms = str(int((NOON_EPOCH_S + 40) * 1000))
    headers = {"Date": NOON, "X-RateLimit-Reset": reset_ms}
    assert provider_error(429, headers, b"").retry_after_s == 40.0
    assert provider_error(429, headers | {"Retry-After": "2"}, b"").retry_after_s == 2.0
    assert provider_error(500, headers, b"").retry_after_s is None


@pytest.mark.parametrize(
    ("code", "error_type", "kind"),
    [
        ("rate_limit_exceeded", "", RateLimited),
        ("server_error", "", ProviderUnavailable),
        ("server_error", "provider_overloaded", ProviderUnavailable),
        ("server_error", "rate_limit_exceeded", RateLimited),
        ("server_error", "timeout", ProviderTimedOut),
        ("vector_store_timeout", "", ProviderTimedOut),
        ("invalid_prompt", "", RequestRejected),
        ("image_too_large", "", RequestRejected),
        ("unsupported_image_media_type", "", RequestRejected),
        ("insufficient_quota", "", CreditsExhausted),
        ("", "payment_required", CreditsExhausted),
        ("", "authentication", AuthRejected),
        ("invalid_api_key", "", AuthRejected),
        ("image_content_policy_violation", "", AccessRefused),
        ("", "content_policy_violation", AccessRefused),
        ("502", "provider_unavailable", ProviderUnavailable),
        ("429", "", RateLimited),
        ("400", "unmapped", RequestRejected),
        ("something_new", "", ProviderUnavailable),
        ("", "", ProviderUnavailable),
    ],
)
def test_an_error_inside_a_stream_is_judged_by_its_precise_word(
    code: str, error_type: str, kind: type[ProviderError]
) -> None:
    error = stream_error(StreamFailure(code=code, error_type=error_type, message="m"))
    assert type(error) is kind
    assert error.facts.detail == "m"
    assert error.facts.status == (int(code) if code.isdigit() else None)


def test_a_daily_limit_inside_a_stream_is_as_hopeless_as_before_it() -> None:
    failure = StreamFailure(code="429", message="Rate limit exceeded: free-models-per-day")
    assert isinstance(stream_error(failure), QuotaExhausted)
