"""What a user sets for themselves, over what the admin set.

Only what was chosen on purpose counts (SPEC 11). In Open WebUI's form every field stands at
"Default" until somebody makes it "Custom", and 0.6.28 would store the defaults of all other fields
with the first one that is saved. So what nobody chose is not even written out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from pydantic import Field

from bridge.config.valve_choices import (
    EffortChoice,
    RetentionChoice,
    SummaryChoice,
    ThinkingChoice,
    ToolModeChoice,
)
from bridge.config.valve_model import ForgivingModel

INHERIT: Final = "inherit"


class UserValves(ForgivingModel):
    """A user's own settings; a field that is not set, or says `inherit`, is the admin's."""

    stores_chosen_only: ClassVar[bool] = True

    SHOW_FINAL_USAGE_STATUS: bool = Field(
        default=True,
        description="End with a status line that tells time, cost and tokens.",
    )
    ENABLE_REASONING: bool = Field(
        default=True,
        description="Ask models that can think to do so.",
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
    REASONING_EFFORT: EffortChoice = Field(
        default="medium",
        description="How much models think when the chat does not say.",
    )
    REASONING_SUMMARY_MODE: SummaryChoice = Field(
        default="auto",
        description="How models sum up their thinking; disabled asks for no summary.",
    )
    PERSIST_REASONING_TOKENS: RetentionChoice = Field(
        default="next_reply",
        description=(
            "How long the thinking of models is kept and sent back to them: disabled not at all, "
            "next_reply for one more answer, conversation for the whole chat."
        ),
    )
    PERSIST_TOOL_RESULTS: bool = Field(
        default=True,
        description="Keep tool calls and what they gave, so that later turns know of them.",
    )
    TOOL_EXECUTION_MODE: ToolModeChoice = Field(
        default="Pipeline",
        description=(
            "Who runs tools: Pipeline this function, Open-WebUI hands the calls to Open WebUI."
        ),
    )

    def chosen(self) -> Mapping[str, object]:
        """Return what this user set and what can be obeyed, by the name of the valve."""
        fields = vars(self)
        return {name: fields[name] for name in fields if name in self.model_fields_set}

    @classmethod
    def is_unset(cls, value: object) -> bool:
        """Say whether a value leaves the field to the admin (SPEC 12)."""
        is_inherited = isinstance(value, str) and value.strip().lower() == INHERIT
        return is_inherited or super().is_unset(value)
