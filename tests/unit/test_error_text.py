from __future__ import annotations

import pytest

from actors.ports import (
    AuthRejected,
    CreditsExhausted,
    ErrorFacts,
    PortError,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
    StreamBroken,
)
from bridge.config.errors import ConfigError, ValveProblem
from bridge.owui.error_text import (
    DETAIL_CHARS_MAX,
    Condition,
    cut_notice,
    explain,
    explain_condition,
    setup_name,
    valves_warning,
)
from bridge.transforms.request_body import RequestFault, RequestInvalid

ERROR_ID = "0123456789abcdef"


def kinds_of(kind: type[PortError]) -> list[type[PortError]]:
    return [kind, *(each for child in kind.__subclasses__() for each in kinds_of(child))]


@pytest.mark.parametrize("kind", kinds_of(PortError))
def test_every_port_error_is_told_with_advice_and_its_id(kind: type[PortError]) -> None:
    explanation = explain(kind(), error_id=ERROR_ID)
    assert explanation.happened.endswith(".")
    assert explanation.advice.endswith(".")
    assert "{" not in explanation.markdown()
    assert ERROR_ID in explanation.markdown()
    assert ERROR_ID in explanation.line()


def test_every_provider_error_has_words_of_its_own() -> None:
    kinds = kinds_of(ProviderError)
    assert len({explain(kind()).happened for kind in kinds}) == len(kinds)


@pytest.mark.parametrize("condition", Condition)
def test_every_condition_is_told_with_advice(condition: Condition) -> None:
    explanation = explain_condition(condition, error_id=ERROR_ID, retry_after_s=3)
    assert explanation.happened.endswith(".")
    assert "{" not in explanation.markdown()
    assert "\n" not in explanation.line()
    assert setup_name(condition).startswith("Greenroom setup: ")


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (Condition.SERVER_BUSY, "Server busy (503)"),
        (Condition.BREAKER_OPEN, "requests are temporarily disabled"),
        (Condition.STARTUP, "Service unavailable due to startup issues"),
        (Condition.KEY_UNDECRYPTABLE, "re-enter"),
    ],
)
def test_the_words_people_search_for_are_there(condition: Condition, words: str) -> None:
    assert words in explain_condition(condition).markdown()
    assert words in explain_condition(condition).line()


@pytest.mark.parametrize(
    ("retry_after_s", "words"),
    [
        (None, "in a moment"),
        (0, "in a moment"),
        (0.2, "in 1 second"),
        (1.2, "in 2 seconds"),
        (119.5, "in 120 seconds"),
        (121, "in 3 minutes"),
    ],
)
def test_a_wait_is_rounded_up(retry_after_s: float | None, words: str) -> None:
    explanation = explain(RateLimited(ErrorFacts(retry_after_s=retry_after_s)))
    assert f"try again {words}," in explanation.advice


def test_the_status_is_named() -> None:
    assert "(401)" in explain(AuthRejected(ErrorFacts(status=401))).happened
    assert "(402)" in explain(CreditsExhausted(ErrorFacts(status=402))).line()


def test_a_request_that_is_too_large_is_told_so() -> None:
    assert "too large" in explain(RequestRejected(ErrorFacts(status=413))).happened


def test_the_reason_of_a_bad_start_is_told() -> None:
    reason = explain(AuthRejected()).happened
    told = explain_condition(Condition.STARTUP, about=reason).markdown()
    assert reason in told


def test_the_providers_own_words_are_quoted() -> None:
    facts = ErrorFacts(status=503, provider="DeepInfra", detail="Model is\n  overloaded")
    explanation = explain(ProviderUnavailable(facts))
    assert "> DeepInfra: Model is overloaded" in explanation.markdown()
    assert "(DeepInfra: Model is overloaded)" in explanation.line()


def test_quoted_words_lose_their_meaning_as_markup() -> None:
    detail = "![x](https://evil.example/p.png) <details> <think> `code` **bold**\n# head"
    told = explain(ProviderUnavailable(ErrorFacts(detail=detail))).markdown()
    assert "![" not in told
    assert "<" not in told
    assert "\n#" not in told
    assert r"\*\*bold\*\*" in told


def test_quoted_words_are_bounded_and_hold_no_key() -> None:
    detail = "bad key sk-or-v1-0123456789abcdef " + "x" * 10_000_000
    explanation = explain(ProviderUnavailable(ErrorFacts(detail=detail)))
    assert len(explanation.detail) == DETAIL_CHARS_MAX
    assert "0123456789" not in explanation.detail


def test_an_unknown_model_is_named() -> None:
    error = RequestInvalid(RequestFault.MODEL_UNKNOWN, where="model", got="room.no.such")
    assert "room.no.such" in explain(error).markdown()


@pytest.mark.parametrize("fault", RequestFault)
def test_every_invalid_request_is_told_with_what_would_do(fault: RequestFault) -> None:
    explanation = explain(RequestInvalid(fault, where="x", got="NoneType"))
    assert explanation.advice.startswith(("Please", "It may"))
    assert "{" not in explanation.markdown()


def test_a_bad_setting_is_told_with_what_is_accepted() -> None:
    problem = ValveProblem(valve="BASE_URL", value="nowhere", accepted="an address")
    told = explain(ConfigError(problem)).line()
    assert all(word in told for word in ("BASE_URL", "nowhere", "an address"))


def test_a_bug_shows_its_id_and_nothing_of_itself() -> None:
    told = explain(ValueError("the prompt was hello"), error_id=ERROR_ID).markdown()
    assert ERROR_ID in told
    assert "hello" not in told


def test_a_cut_answer_ends_with_a_notice_that_stands_apart() -> None:
    notice = cut_notice(StreamBroken(ErrorFacts(detail="<think>")), error_id=ERROR_ID)
    assert notice.startswith("\n\n")
    assert "cut off" in notice
    assert ERROR_ID in notice
    assert "<" not in notice


def test_settings_that_are_not_obeyed_are_told_in_one_line() -> None:
    problems = (
        ValveProblem(valve="HTTP_REFERER_OVERRIDE", value="my.site", accepted="a full address"),
        ValveProblem(valve="API_KEY", value="", accepted="text"),
    )
    assert valves_warning(problems) == (
        "Not obeyed, so the default or the admin's value rules: "
        "HTTP_REFERER_OVERRIDE (my.site) should be a full address; API_KEY should be text."
    )
