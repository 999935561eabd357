"""Valves: how much models think, what is sent along with a request, and what is left out."""

from __future__ import annotations

from pydantic import Field

from bridge.config.valve_choices import (
    CacheTtlChoice,
    EffortChoice,
    GeminiLevelChoice,
    SummaryChoice,
    ThinkingChoice,
)
from bridge.config.valve_model import ForgivingModel


class ReasoningValves(ForgivingModel):
    """See the module docstring."""

    ENABLE_REASONING: bool = Field(
        default=True,
        description="Ask models that can think to do so. A request that says otherwise is obeyed.",
    )
    THINKING_OUTPUT_MODE: ThinkingChoice = Field(
        default="open_webui",
        description=(
            "Where thinking is shown: open_webui in Open WebUI's box, status in status lines, "
            "both in both."
        ),
    )
    ENABLE_ANTHROPIC_INTERLEAVED_THINKING: bool = Field(
        default=True,
        description="Let Claude models think between tool calls as well.",
    )
    ENABLE_ANTHROPIC_PROMPT_CACHING: bool = Field(
        default=True,
        description=(
            "Let Anthropic keep the beginning of a conversation, which makes later turns cheaper "
            "and quicker."
        ),
    )
    ANTHROPIC_PROMPT_CACHE_TTL: CacheTtlChoice = Field(
        default="5m",
        description=(
            "How long Anthropic keeps it: 5m, or 1h, which costs more to write and pays in slow "
            "conversations."
        ),
    )
    AUTO_CONTEXT_TRIMMING: bool = Field(
        default=True,
        description=(
            "Let OpenRouter leave out the middle of a conversation that is longer than the model "
            "takes. A request that says otherwise is obeyed."
        ),
    )
    REASONING_EFFORT: EffortChoice = Field(
        default="medium",
        description="How much models think when the request does not say.",
    )
    REASONING_SUMMARY_MODE: SummaryChoice = Field(
        default="auto",
        description="How models sum up their thinking; disabled asks for no summary.",
    )
    GEMINI_THINKING_LEVEL: GeminiLevelChoice = Field(
        default="auto",
        description=(
            "Thinking level of Gemini 3 models; auto derives it from the effort of the request."
        ),
    )
    GEMINI_THINKING_BUDGET: int = Field(
        default=1024,
        ge=0,
        le=65536,
        description=(
            "Tokens that Gemini 2.5 models may think with at medium effort (0 to 65536); other "
            "efforts get a quarter up to four times as many. 0 switches their thinking off."
        ),
    )
    TASK_MODEL_REASONING_EFFORT: EffortChoice = Field(
        default="low",
        description=(
            "How much models think in Open WebUI's own tasks, such as titles, tags and follow-ups."
        ),
    )
