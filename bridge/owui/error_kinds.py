"""Which text a failure gets (SPEC 179, 187). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

from actors.ports import (
    AccessRefused,
    AnswerMalformed,
    AuthRejected,
    BudgetInFlight,
    ConnectionFailed,
    CreditsExhausted,
    ErrorFacts,
    PortError,
    ProviderError,
    ProviderTimedOut,
    ProviderUnavailable,
    QuotaExhausted,
    RateLimited,
    RequestRejected,
    StreamBroken,
    ToolError,
)
from actors.request import ChatNotStarted
from bridge.config.setting_groups import ErrorTemplates
from bridge.transforms.request_body import RequestFault, RequestInvalid

_SERVER_STATUS_MIN: Final = 500
_REQUEST_TIMEOUT: Final = 408
# Silence on an open stream that this server ended (SPEC 23).
_SILENCE: Final = "no-event"


class Condition(Enum):
    """What can stand in the way of a request without any port having failed."""

    SERVER_BUSY = "server_busy"
    BREAKER_OPEN = "breaker_open"
    MODEL_HELD = "model_held"
    STARTUP = "startup"
    MODEL_UNKNOWN = "model_unknown"
    KEY_MISSING = "key_missing"
    KEY_UNDECRYPTABLE = "key_undecryptable"
    BASE_URL_INVALID = "base_url_invalid"
    PACKAGE_MISSING = "package_missing"
    STOPPED = "stopped"
    INTERNAL = "internal"


class TemplateKind(Enum):
    """The texts there are, by the names of their fields in `ErrorTemplates`."""

    OPENROUTER_ERROR = "openrouter_error"
    AUTHENTICATION_ERROR = "authentication_error"
    INSUFFICIENT_CREDITS = "insufficient_credits"
    RATE_LIMIT = "rate_limit"
    SERVER_TIMEOUT = "server_timeout"
    NETWORK_TIMEOUT = "network_timeout"
    CONNECTION_ERROR = "connection_error"
    SERVICE_ERROR = "service_error"
    INTERNAL_ERROR = "internal_error"
    MODEL_RESTRICTED = "model_restricted"
    MAX_FUNCTION_CALL_LOOPS_REACHED = "max_function_call_loops_reached"

    @property
    def valve(self) -> str:
        """The valve that holds the text."""
        return f"{self.name}_TEMPLATE"

    def template(self, templates: ErrorTemplates) -> str:
        """Return the text that is set for this kind."""
        text: str = getattr(templates, self.value)
        return text


# The nearest class of an error rules; two of them are told apart further below.
KIND_BY_ERROR: Final[Mapping[type[PortError], TemplateKind]] = MappingProxyType(
    {
        AuthRejected: TemplateKind.AUTHENTICATION_ERROR,
        CreditsExhausted: TemplateKind.INSUFFICIENT_CREDITS,
        BudgetInFlight: TemplateKind.INSUFFICIENT_CREDITS,
        RateLimited: TemplateKind.RATE_LIMIT,
        QuotaExhausted: TemplateKind.RATE_LIMIT,
        AccessRefused: TemplateKind.OPENROUTER_ERROR,
        RequestRejected: TemplateKind.OPENROUTER_ERROR,
        AnswerMalformed: TemplateKind.OPENROUTER_ERROR,
        ProviderTimedOut: TemplateKind.NETWORK_TIMEOUT,
        ProviderUnavailable: TemplateKind.SERVICE_ERROR,
        ConnectionFailed: TemplateKind.CONNECTION_ERROR,
        StreamBroken: TemplateKind.CONNECTION_ERROR,
        ChatNotStarted: TemplateKind.SERVICE_ERROR,
        ProviderError: TemplateKind.OPENROUTER_ERROR,
        ToolError: TemplateKind.INTERNAL_ERROR,
        PortError: TemplateKind.INTERNAL_ERROR,
    }
)

KIND_BY_CONDITION: Final[Mapping[Condition, TemplateKind]] = MappingProxyType(
    {
        Condition.SERVER_BUSY: TemplateKind.SERVICE_ERROR,
        Condition.BREAKER_OPEN: TemplateKind.SERVICE_ERROR,
        Condition.MODEL_HELD: TemplateKind.SERVICE_ERROR,
        Condition.STARTUP: TemplateKind.SERVICE_ERROR,
        Condition.STOPPED: TemplateKind.SERVICE_ERROR,
        Condition.MODEL_UNKNOWN: TemplateKind.MODEL_RESTRICTED,
        Condition.KEY_MISSING: TemplateKind.AUTHENTICATION_ERROR,
        Condition.KEY_UNDECRYPTABLE: TemplateKind.AUTHENTICATION_ERROR,
        Condition.BASE_URL_INVALID: TemplateKind.CONNECTION_ERROR,
        Condition.PACKAGE_MISSING: TemplateKind.INTERNAL_ERROR,
        Condition.INTERNAL: TemplateKind.INTERNAL_ERROR,
    }
)


def template_kind(failure: BaseException | Condition) -> TemplateKind | None:
    """Return the kind of text for a failure.

    None: a request that asks for nothing that could be answered. No text speaks of that; it is
    told in plain words.
    """
    if isinstance(failure, Condition):
        return KIND_BY_CONDITION[failure]
    if isinstance(failure, RequestInvalid):
        is_model = failure.fault is RequestFault.MODEL_UNKNOWN
        return TemplateKind.MODEL_RESTRICTED if is_model else None
    if not isinstance(failure, PortError):
        return TemplateKind.INTERNAL_ERROR
    known = next(kind for kind in type(failure).__mro__ if kind in KIND_BY_ERROR)
    return _by_facts(KIND_BY_ERROR[known], failure.facts)


def _by_facts(kind: TemplateKind, facts: ErrorFacts) -> TemplateKind:
    """Tell apart who it was that gave up, and what only looks like trouble at the provider."""
    status, said = facts.status, facts.said
    if kind is TemplateKind.NETWORK_TIMEOUT:
        if status is not None and status >= _SERVER_STATUS_MIN:
            return TemplateKind.SERVICE_ERROR
        is_told = status == _REQUEST_TIMEOUT or said is not None
        return TemplateKind.SERVER_TIMEOUT if is_told else kind
    if kind is TemplateKind.CONNECTION_ERROR and facts.code == _SILENCE:
        return TemplateKind.NETWORK_TIMEOUT
    if kind is TemplateKind.SERVICE_ERROR and said is not None:
        # A 404 that may pass, or a call that the model garbled: the provider itself is well.
        is_refusal = status is not None and status < _SERVER_STATUS_MIN
        is_garbled = status is None and bool(said.native_finish_reason)
        return TemplateKind.OPENROUTER_ERROR if is_refusal or is_garbled else kind
    return kind
