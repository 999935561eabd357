"""What an admin sets, as Open WebUI shows and stores it.

Open WebUI builds this model anew before every call, with the same constructor that checks the
admin's form, and in 0.6.28 a stored value that does not validate takes the whole model list
down. So building it never fails over a value: what cannot be obeyed is reported by `problems()`,
stays in the form as it was typed, and the default rules meanwhile. A valve that is left blank
counts as unset. Stored valves that are unknown here are ignored.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from bridge.config.errors import ValveProblem, shown_value
from bridge.config.secret_text import SecretText

DEFAULT_BASE_URL: Final = "https://openrouter.ai/api/v1"
ALL_MODELS: Final = "auto"

LevelName = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
LOG_LEVELS: Final[tuple[LevelName, ...]] = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

# Their defaults come out of the environment. Such a default is stored blank, so that it neither
# freezes in the database nor puts a key there that nobody typed.
_FROM_ENVIRONMENT: Final = ("BASE_URL", "API_KEY", "LOG_LEVEL")


def _default_base_url() -> str:
    return os.environ.get("OPENROUTER_API_BASE_URL", "").strip() or DEFAULT_BASE_URL


def _default_api_key() -> SecretText:
    return SecretText.closed(os.environ.get("OPENROUTER_API_KEY", ""))


def _default_log_level() -> LevelName:
    wanted = _upper(os.environ.get("GLOBAL_LOG_LEVEL", ""))
    return next((level for level in LOG_LEVELS if level == wanted), "INFO")


def _upper(value: object) -> object:
    return value.strip().upper() if isinstance(value, str) else value


LogLevel = Annotated[LevelName, BeforeValidator(_upper)]


class Valves(BaseModel):
    """Admin settings of the pipe; each takes effect with the next request (SPEC 16)."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    BASE_URL: str = Field(
        default_factory=_default_base_url,
        description=(
            "Address of the OpenRouter API, with https:// and without /responses; "
            "blank uses OPENROUTER_API_BASE_URL or the public address."
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
    MAX_CONCURRENT_REQUESTS: int = Field(
        default=200,
        ge=1,
        le=2000,
        description=(
            "Requests that run at once in one server process (1 to 2000); further ones wait."
        ),
    )
    BREAKER_MAX_FAILURES: int = Field(
        default=5,
        ge=1,
        le=50,
        description=(
            "Failed requests of one user within the window that pause this user's requests "
            "(1 to 50)."
        ),
    )
    BREAKER_WINDOW_SECONDS: int = Field(
        default=60,
        ge=5,
        le=900,
        description=(
            "Seconds within which failures are counted, and for which the pause lasts (5 to 900)."
        ),
    )
    BREAKER_HISTORY_SIZE: int = Field(
        default=5,
        ge=1,
        le=200,
        description=(
            "Failures remembered per user (1 to 200), never fewer than BREAKER_MAX_FAILURES; more "
            "than those change nothing."
        ),
    )
    STREAMING_CHUNK_QUEUE_MAXSIZE: int = Field(
        default=0,
        ge=0,
        description=(
            "Network reads of one answer that may be under way inside the pipe before it stops "
            "reading; 0 uses the built-in 8."
        ),
    )
    STREAMING_EVENT_QUEUE_MAXSIZE: int = Field(
        default=0,
        ge=0,
        description=("Messages that may wait for one running request; 0 uses the built-in 1000."),
    )
    STREAMING_EVENT_QUEUE_WARN_SIZE: int = Field(
        default=1000,
        ge=100,
        description=(
            "Pieces of one answer waiting for Open WebUI from which a backlog is logged, at most "
            "every 30 seconds (100 or more)."
        ),
    )
    MIDDLEWARE_STREAM_QUEUE_MAXSIZE: int = Field(
        default=0,
        ge=0,
        description=(
            "Pieces of one answer that may wait for Open WebUI to take them; 0 bounds them by "
            "the built-in 256 KiB alone."
        ),
    )
    MIDDLEWARE_STREAM_QUEUE_PUT_TIMEOUT_SECONDS: float = Field(
        default=1.0,
        ge=0,
        description=(
            "Seconds Open WebUI may leave a full answer queue standing before it is logged as a "
            "slow reader; 0 never logs it."
        ),
    )
    LOG_LEVEL: LogLevel = Field(
        default_factory=_default_log_level,
        description="Least severe messages that reach the server's log.",
    )
    SHUTDOWN_GRACE_SECONDS: float = Field(
        default=20.0,
        ge=0,
        le=600,
        description=(
            "Seconds that running requests get to finish when the pipe is shut down (0 to 600). A "
            "pipe that is replaced by an update lets all of them finish."
        ),
    )

    _problems: tuple[ValveProblem, ...] = PrivateAttr(default=())

    def problems(self) -> tuple[ValveProblem, ...]:
        """Return what was set and cannot be obeyed; the default rules in its place."""
        return self._problems

    @model_validator(mode="wrap")
    @classmethod
    def _obey_what_fits(cls, data: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(data, Mapping):
            return handler(data)
        given = {name: value for name, value in data.items() if not _is_blank(value)}
        try:
            return handler(given)
        except ValidationError as error:
            problems = _problems_in(error, given)
            if not problems:
                raise
        unfit = {problem.valve for problem in problems}
        valves = handler({name: value for name, value in given.items() if name not in unfit})
        valves._problems = problems
        return valves

    @model_serializer(mode="wrap")
    def _as_stored(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        stored: dict[str, object] = handler(self)
        for name in _FROM_ENVIRONMENT:
            if name in stored and name not in self.model_fields_set:
                stored[name] = ""
        # The form goes on showing what was typed, and every load reports it again.
        stored.update({unfit.valve: unfit.value for unfit in self._problems if unfit.value})
        return stored


def _is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _problems_in(error: ValidationError, given: Mapping[str, object]) -> tuple[ValveProblem, ...]:
    """Read one problem per valve out of pydantic's report."""
    problems: dict[str, ValveProblem] = {}
    for fault in error.errors(include_url=False, include_context=False, include_input=False):
        valve = str(fault["loc"][0]) if fault["loc"] else ""
        if valve in given and valve not in problems:
            is_secret = Valves.model_fields[valve].annotation is SecretText
            value = "" if is_secret else shown_value(str(given[valve]))
            problems[valve] = ValveProblem(valve=valve, value=value, accepted=fault["msg"])
    return tuple(problems.values())
