"""Valves: what people see beside the answer, and what the provider learns about them."""

from __future__ import annotations

from pydantic import Field

from bridge.config.valve_model import ForgivingModel


class DisplayValves(ForgivingModel):
    """See the module docstring."""

    USE_MODEL_MAX_OUTPUT_TOKENS: bool = Field(
        default=False,
        description=(
            "Ask for the longest answer a model can give when the request names no length."
        ),
    )
    SHOW_FINAL_USAGE_STATUS: bool = Field(
        default=True,
        description="End with a status line that tells time, cost and tokens.",
    )
    ENABLE_STATUS_CSS_PATCH: bool = Field(
        default=False,
        description=(
            "Has no effect: status lines read well as they are. Kept so that settings of the "
            "earlier pipe fit."
        ),
    )
    SEND_END_USER_ID: bool = Field(
        default=False,
        description="Tell OpenRouter the Open WebUI id of the person who asks.",
    )
    SEND_SESSION_ID: bool = Field(
        default=False,
        description=(
            "Tell OpenRouter the Open WebUI session; it then tries to stay with one provider."
        ),
    )
    SEND_CHAT_ID: bool = Field(
        default=False,
        description="Tell OpenRouter the id of the chat, as metadata.",
    )
    SEND_MESSAGE_ID: bool = Field(
        default=False,
        description="Tell OpenRouter the id of the message, as metadata.",
    )
