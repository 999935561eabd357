"""Valves: where requests go, with which key, and how long each step may take."""

from __future__ import annotations

import os
from typing import Final

from pydantic import Field

from bridge.config.secret_text import SecretText
from bridge.config.valve_choices import EndpointChoice
from bridge.config.valve_model import ForgivingModel

DEFAULT_BASE_URL: Final = "https://openrouter.ai/api/v1"


def _default_base_url() -> str:
    return os.environ.get("OPENROUTER_API_BASE_URL", "").strip() or DEFAULT_BASE_URL


def _default_api_key() -> SecretText:
    return SecretText.closed(os.environ.get("OPENROUTER_API_KEY", ""))


class ConnectionValves(ForgivingModel):
    """See the module docstring."""

    BASE_URL: str = Field(
        default_factory=_default_base_url,
        description=(
            "Address of the OpenRouter API, with https:// and without /responses; "
            "blank uses OPENROUTER_API_BASE_URL or the public address."
        ),
    )
    DEFAULT_LLM_ENDPOINT: EndpointChoice = Field(
        default="responses",
        description=(
            "Interface that requests use: responses (/responses) or chat_completions "
            "(/chat/completions). The two lists below make exceptions."
        ),
    )
    FORCE_CHAT_COMPLETIONS_MODELS: str = Field(
        default="",
        description=(
            "Models that always use /chat/completions: ids or patterns such as anthropic/*, "
            "separated by commas."
        ),
    )
    FORCE_RESPONSES_MODELS: str = Field(
        default="",
        description=(
            "Models that always use /responses: ids or patterns, separated by commas. This list "
            "wins over the one for /chat/completions."
        ),
    )
    AUTO_FALLBACK_CHAT_COMPLETIONS: bool = Field(
        default=True,
        description=(
            "Send a request once more through /chat/completions when a model turns out not to "
            "know /responses. Only before anything of the answer was shown."
        ),
    )
    API_KEY: SecretText = Field(
        default_factory=_default_api_key,
        description=(
            "OpenRouter API key (begins with sk-); stored encrypted when WEBUI_SECRET_KEY is set; "
            "blank uses OPENROUTER_API_KEY."
        ),
        json_schema_extra={"input": {"type": "password"}},
    )
    HTTP_REFERER_OVERRIDE: str = Field(
        default="",
        description=(
            "Address of your site that OpenRouter shows as the app, with https://; blank uses "
            "the one of this project."
        ),
    )
    HTTP_CONNECT_TIMEOUT_SECONDS: int = Field(
        default=10,
        ge=1,
        description="Seconds to wait for a connection to the provider (1 or more).",
    )
    HTTP_TOTAL_TIMEOUT_SECONDS: int | None = Field(
        default=None,
        ge=1,
        description="Seconds one whole attempt may take, answer included; blank sets no limit.",
    )
    HTTP_SOCK_READ_SECONDS: int = Field(
        default=300,
        ge=1,
        description=(
            "Seconds the provider may stay silent before the connection counts as broken "
            "(1 or more)."
        ),
    )
    REQUEST_DEADLINE_SECONDS: int | None = Field(
        default=None,
        ge=1,
        description=(
            "Seconds a whole request may take, with all of its attempts and tool calls "
            "(1 or more); blank sets no limit."
        ),
    )
