"""Valves: how tools are offered to models and run."""

from __future__ import annotations

from pydantic import Field

from bridge.config.valve_choices import ToolModeChoice
from bridge.config.valve_model import ForgivingModel


class ToolValves(ForgivingModel):
    """See the module docstring."""

    TOOL_EXECUTION_MODE: ToolModeChoice = Field(
        default="Pipeline",
        description=(
            "Who runs tools: Pipeline this function, Open-WebUI hands the calls to Open WebUI."
        ),
    )
    ENABLE_STRICT_TOOL_CALLING: bool = Field(
        default=True,
        description=(
            "Rewrite the schemas of tools so that models have to keep to them exactly (Pipeline "
            "only)."
        ),
    )
    MAX_FUNCTION_CALL_LOOPS: int = Field(
        default=25,
        ge=1,
        le=1000,
        description="Rounds of tool calls that one answer may take (1 to 1000).",
    )
    WEB_SEARCH_MAX_RESULTS: int | None = Field(
        default=3,
        ge=1,
        le=10,
        description=(
            "Pages that a web search at OpenRouter reads (1 to 10); an empty field leaves the "
            "number to the search engine."
        ),
    )
    MAX_PARALLEL_TOOLS_GLOBAL: int = Field(
        default=200,
        ge=1,
        le=2000,
        description="Tool calls that run at once in one server process (1 to 2000).",
    )
    MAX_PARALLEL_TOOLS_PER_REQUEST: int = Field(
        default=5,
        ge=1,
        le=50,
        description="Tool calls of one request that run at once (1 to 50).",
    )
    TOOL_BATCH_CAP: int = Field(
        default=4,
        ge=1,
        le=32,
        description="Waiting calls of the same tool that are started together (1 to 32).",
    )
    TOOL_OUTPUT_RETENTION_TURNS: int = Field(
        default=10,
        ge=0,
        description=(
            "Turns for which long tool outputs stay whole in the conversation; older ones are "
            "shortened. 0 keeps all of them whole."
        ),
    )
    TOOL_TIMEOUT_SECONDS: int = Field(
        default=60,
        ge=1,
        le=600,
        description="Seconds one tool call may take (1 to 600).",
    )
    TOOL_BATCH_TIMEOUT_SECONDS: int = Field(
        default=120,
        ge=1,
        description=(
            "Seconds that tool calls started together may take (1 or more), and never less than "
            "one of them."
        ),
    )
    TOOL_IDLE_TIMEOUT_SECONDS: int | None = Field(
        default=None,
        ge=1,
        description=(
            "Seconds to wait for the next tool to finish before the others are given up "
            "(1 or more); blank sets no limit."
        ),
    )
    TOOL_SHUTDOWN_TIMEOUT_SECONDS: float = Field(
        default=10.0,
        ge=0,
        description="Seconds that running tools get to finish when their request is over.",
    )
