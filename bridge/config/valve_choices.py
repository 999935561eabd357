"""The words between which a valve lets people choose; their case does not matter."""

from __future__ import annotations

from typing import Annotated, Final, Literal, get_args

from pydantic import BeforeValidator


def _any_case(words: object) -> BeforeValidator:
    """Take the words of a `Literal` in any case, with blanks around them."""
    spelled = {str(word).lower(): word for word in get_args(words)}

    def find(value: object) -> object:
        return spelled.get(value.strip().lower(), value) if isinstance(value, str) else value

    return BeforeValidator(find)


LevelName = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
LOG_LEVELS: Final[tuple[LevelName, ...]] = get_args(LevelName)
_EndpointName = Literal["responses", "chat_completions"]
_FilterName = Literal["all", "only", "exclude"]
_ThinkingName = Literal["open_webui", "status", "both"]
_EffortName = Literal["none", "minimal", "low", "medium", "high", "xhigh"]
_SummaryName = Literal["auto", "concise", "detailed", "disabled"]
_GeminiName = Literal["auto", "low", "high"]
_CacheTtlName = Literal["5m", "1h"]
_ToolModeName = Literal["Pipeline", "Open-WebUI"]
_RetentionName = Literal["disabled", "next_reply", "conversation"]

LogLevel = Annotated[LevelName, _any_case(LevelName)]
EndpointChoice = Annotated[_EndpointName, _any_case(_EndpointName)]
FilterChoice = Annotated[_FilterName, _any_case(_FilterName)]
ThinkingChoice = Annotated[_ThinkingName, _any_case(_ThinkingName)]
EffortChoice = Annotated[_EffortName, _any_case(_EffortName)]
SummaryChoice = Annotated[_SummaryName, _any_case(_SummaryName)]
GeminiLevelChoice = Annotated[_GeminiName, _any_case(_GeminiName)]
CacheTtlChoice = Annotated[_CacheTtlName, _any_case(_CacheTtlName)]
RetentionChoice = Annotated[_RetentionName, _any_case(_RetentionName)]
ToolModeChoice = Annotated[_ToolModeName, _any_case(_ToolModeName)]
