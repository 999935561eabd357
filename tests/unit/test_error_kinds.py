"""Which text a failure gets (SPEC 179, 187)."""

from __future__ import annotations

import pytest

from actors.ports import (
    AccessRefused,
    AnswerMalformed,
    AuthRejected,
    BudgetInFlight,
    ConnectionFailed,
    CreditsExhausted,
    ErrorFacts,
    PortError,
    ProviderSaid,
    ProviderTimedOut,
    ProviderUnavailable,
    QuotaExhausted,
    RateLimited,
    RequestRejected,
    StreamBroken,
    ToolTimedOut,
)
from actors.request import ChatNotStarted
from bridge.config.errors import ConfigError, ValveProblem
from bridge.config.setting_groups import ErrorTemplates
from bridge.config.valves import Valves
from bridge.openrouter.errors import provider_error
from bridge.owui.error_kinds import KIND_BY_CONDITION, Condition, TemplateKind, template_kind
from bridge.transforms.request_body import RequestFault, RequestInvalid

BY_STATUS = [
    (400, TemplateKind.OPENROUTER_ERROR),
    (401, TemplateKind.AUTHENTICATION_ERROR),
    (402, TemplateKind.INSUFFICIENT_CREDITS),
    (403, TemplateKind.OPENROUTER_ERROR),
    (404, TemplateKind.OPENROUTER_ERROR),
    (408, TemplateKind.SERVER_TIMEOUT),
    (413, TemplateKind.OPENROUTER_ERROR),
    (422, TemplateKind.OPENROUTER_ERROR),
    (429, TemplateKind.RATE_LIMIT),
    (500, TemplateKind.SERVICE_ERROR),
    (502, TemplateKind.SERVICE_ERROR),
    (503, TemplateKind.SERVICE_ERROR),
    (504, TemplateKind.SERVICE_ERROR),
    (522, TemplateKind.SERVICE_ERROR),
    (524, TemplateKind.SERVICE_ERROR),
    (529, TemplateKind.SERVICE_ERROR),
]

# What never had a status, by our own word for it.
BY_CODE: list[tuple[PortError, TemplateKind]] = [
    (ProviderTimedOut(ErrorFacts(code="connect-timeout")), TemplateKind.NETWORK_TIMEOUT),
    (ProviderTimedOut(ErrorFacts(code="read-timeout")), TemplateKind.NETWORK_TIMEOUT),
    (ProviderTimedOut(ErrorFacts(code="total-timeout")), TemplateKind.NETWORK_TIMEOUT),
    (ConnectionFailed(ErrorFacts(code="connect")), TemplateKind.CONNECTION_ERROR),
    (ConnectionFailed(ErrorFacts(code="dns")), TemplateKind.CONNECTION_ERROR),
    (ConnectionFailed(ErrorFacts(code="tls")), TemplateKind.CONNECTION_ERROR),
    (StreamBroken(ErrorFacts(code="connection-lost")), TemplateKind.CONNECTION_ERROR),
    (StreamBroken(ErrorFacts(code="no-event")), TemplateKind.NETWORK_TIMEOUT),
    (AnswerMalformed(ErrorFacts(code="not-a-stream")), TemplateKind.OPENROUTER_ERROR),
    (ChatNotStarted(ErrorFacts(code="not-started")), TemplateKind.SERVICE_ERROR),
    (ToolTimedOut(), TemplateKind.INTERNAL_ERROR),
]

# What the provider said inside a stream without a status; its class alone tells.
BY_CLASS: list[tuple[type[PortError], TemplateKind]] = [
    (AuthRejected, TemplateKind.AUTHENTICATION_ERROR),
    (CreditsExhausted, TemplateKind.INSUFFICIENT_CREDITS),
    (BudgetInFlight, TemplateKind.INSUFFICIENT_CREDITS),
    (RateLimited, TemplateKind.RATE_LIMIT),
    (QuotaExhausted, TemplateKind.RATE_LIMIT),
    (AccessRefused, TemplateKind.OPENROUTER_ERROR),
    (RequestRejected, TemplateKind.OPENROUTER_ERROR),
    (ProviderUnavailable, TemplateKind.SERVICE_ERROR),
    (ProviderTimedOut, TemplateKind.SERVER_TIMEOUT),
]


@pytest.mark.parametrize(("status", "kind"), BY_STATUS)
@pytest.mark.parametrize("body", [b"", b'{"error":{"message":"m"}}', b"<html></html>"])
def test_an_answer_gets_the_text_of_its_status(
    status: int, body: bytes, kind: TemplateKind
) -> None:
    assert template_kind(provider_error(status, {}, body)) is kind


@pytest.mark.parametrize(("error", "kind"), BY_CODE)
def test_what_never_had_a_status_gets_the_text_of_its_cause(
    error: PortError, kind: TemplateKind
) -> None:
    assert template_kind(error) is kind


@pytest.mark.parametrize(("error", "kind"), BY_CLASS)
def test_what_a_stream_said_gets_the_text_of_its_class(
    error: type[PortError], kind: TemplateKind
) -> None:
    assert template_kind(error(ErrorFacts(said=ProviderSaid(message="m")))) is kind


def test_a_refusal_that_may_pass_is_no_trouble_at_the_provider() -> None:
    facts = ErrorFacts(status=404, said=ProviderSaid(message="m"))
    assert template_kind(ProviderUnavailable(facts)) is TemplateKind.OPENROUTER_ERROR


def test_a_call_that_the_model_garbled_is_no_trouble_at_the_provider() -> None:
    facts = ErrorFacts(said=ProviderSaid(native_finish_reason="MALFORMED_FUNCTION_CALL"))
    assert template_kind(ProviderUnavailable(facts)) is TemplateKind.OPENROUTER_ERROR


def kinds_of(kind: type[PortError]) -> list[type[PortError]]:
    return [kind, *(each for child in kind.__subclasses__() for each in kinds_of(child))]


@pytest.mark.parametrize("kind", kinds_of(PortError))
def test_every_error_of_a_port_has_a_text(kind: type[PortError]) -> None:
    assert template_kind(kind()) is not None


def test_every_condition_has_a_text() -> None:
    assert set(KIND_BY_CONDITION) == set(Condition)


def test_a_bug_and_a_bad_setting_have_the_text_of_a_fault_of_ours() -> None:
    problem = ValveProblem(valve="X", value="", accepted="y")
    for error in (ValueError(), ConfigError(problem)):
        assert template_kind(error) is TemplateKind.INTERNAL_ERROR


def test_a_request_for_nothing_has_no_text_and_one_for_an_unknown_model_has() -> None:
    for fault in RequestFault:
        kind = template_kind(RequestInvalid(fault, where="x", got=""))
        is_model = fault is RequestFault.MODEL_UNKNOWN
        assert kind is (TemplateKind.MODEL_RESTRICTED if is_model else None)


@pytest.mark.parametrize("kind", TemplateKind)
def test_every_kind_is_a_valve_with_its_own_text(kind: TemplateKind) -> None:
    assert getattr(Valves(), kind.valve) == kind.template(ErrorTemplates())
