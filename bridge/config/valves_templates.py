"""Valves: the texts that people read when a request failed, and whom they can ask."""

from __future__ import annotations

from pydantic import Field

from bridge.config import template_texts
from bridge.config.valve_model import ForgivingModel


class TemplateValves(ForgivingModel):
    """See the module docstring."""

    OPENROUTER_ERROR_TEMPLATE: str = Field(
        default=template_texts.OPENROUTER_ERROR,
        description=(
            "Text for a request that OpenRouter or a provider refused. {heading} says what "
            "happened, {advice} what to do; the page of valves lists all placeholders."
        ),
    )
    AUTHENTICATION_ERROR_TEMPLATE: str = Field(
        default=template_texts.AUTHENTICATION_ERROR,
        description="Text for a missing, wrong or revoked API key (401).",
    )
    INSUFFICIENT_CREDITS_TEMPLATE: str = Field(
        default=template_texts.INSUFFICIENT_CREDITS,
        description="Text for an account or key without enough credit (402).",
    )
    RATE_LIMIT_TEMPLATE: str = Field(
        default=template_texts.RATE_LIMIT,
        description="Text for too many requests (429).",
    )
    SERVER_TIMEOUT_TEMPLATE: str = Field(
        default=template_texts.SERVER_TIMEOUT,
        description="Text for a provider that gave up because it took too long (408).",
    )
    SUPPORT_EMAIL: str = Field(
        default="",
        description="Address that error texts name for help; blank names none.",
    )
    SUPPORT_URL: str = Field(
        default="",
        description="Page that error texts name for help; blank names none.",
    )
    NETWORK_TIMEOUT_TEMPLATE: str = Field(
        default=template_texts.NETWORK_TIMEOUT,
        description="Text for a wait that this server ended, after one of the timeouts above.",
    )
    CONNECTION_ERROR_TEMPLATE: str = Field(
        default=template_texts.CONNECTION_ERROR,
        description="Text for a connection that could not be made or broke off.",
    )
    SERVICE_ERROR_TEMPLATE: str = Field(
        default=template_texts.SERVICE_ERROR,
        description="Text for trouble at OpenRouter or a provider (5xx), and for a busy server.",
    )
    INTERNAL_ERROR_TEMPLATE: str = Field(
        default=template_texts.INTERNAL_ERROR,
        description="Text for a fault of this function.",
    )
    MAX_FUNCTION_CALL_LOOPS_REACHED_TEMPLATE: str = Field(
        default=template_texts.MAX_FUNCTION_CALL_LOOPS_REACHED,
        description="Text at the end of an answer that used up MAX_FUNCTION_CALL_LOOPS.",
    )
    MODEL_RESTRICTED_TEMPLATE: str = Field(
        default=template_texts.MODEL_RESTRICTED,
        description="Text for a model that is not on offer here.",
    )
