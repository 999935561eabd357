"""Valves: which models are on offer."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from bridge.config.valve_choices import FilterChoice
from bridge.config.valve_model import ForgivingModel

ALL_MODELS: Final = "auto"


class ModelValves(ForgivingModel):
    """See the module docstring."""

    MODEL_ID: str = Field(
        default=ALL_MODELS,
        description=(
            "Models on offer, as OpenRouter ids separated by commas; auto offers the whole catalog."
        ),
    )
    MODEL_CATALOG_REFRESH_SECONDS: int = Field(
        default=3600,
        ge=60,
        description="Seconds for which a fetched model list counts as fresh (60 or more).",
    )
    FREE_MODEL_FILTER: FilterChoice = Field(
        default="all",
        description=(
            "Free models: all offers every model, only nothing but free ones, exclude none of them."
        ),
    )
    TOOL_CALLING_FILTER: FilterChoice = Field(
        default="all",
        description=(
            "Models that can call tools: all offers every model, only nothing but those, exclude "
            "none of them."
        ),
    )
