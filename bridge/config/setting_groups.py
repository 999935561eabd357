"""Settings that belong together, each group a frozen value with the defaults of the valves.

Whoever needs a group takes that group and not all settings.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from actors.ports import Secret
from actors.recall import ReasoningRetention
from actors.values import WireFormat
from bridge.config import template_texts
from bridge.config.errors import ValveProblem
from bridge.config.valves_logging import DEFAULT_TIMING_FILE

NO_SECRET: Final = Secret("")


class ModelFilter(Enum):
    """Which models of two kinds are on offer."""

    ALL = "all"
    ONLY = "only"
    EXCLUDE = "exclude"


class ToolMode(Enum):
    """Who runs the tools."""

    PIPELINE = "Pipeline"
    OPEN_WEBUI = "Open-WebUI"


class ThinkingPlace(Enum):
    """Where thinking is shown."""

    OPEN_WEBUI = "open_webui"
    STATUS = "status"
    BOTH = "both"


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogSettings:
    """Which models are on offer, beside `Settings.models_wanted`.

    `models_text` is MODEL_ID as the admin wrote it.
    """

    free: ModelFilter = ModelFilter.ALL
    tool_calling: ModelFilter = ModelFilter.ALL
    models_text: str = "auto"

    @property
    def lets_all_pass(self) -> bool:
        """Whether neither filter keeps anything out."""
        return self.free is ModelFilter.ALL and self.tool_calling is ModelFilter.ALL


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingSettings:
    """Which of the two wire formats a model gets (SPEC 100, 101).

    Attributes:
        wire: the format where no list says otherwise.
        chat_models, responses_models: patterns of model ids; `responses_models` wins.
        falls_back_to_chat: whether a model that does not know /responses is asked over chat.
    """

    wire: WireFormat = WireFormat.RESPONSES
    chat_models: tuple[str, ...] = ()
    responses_models: tuple[str, ...] = ()
    falls_back_to_chat: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasoningSettings:
    """How much a model thinks (SPEC 115-118, 146).

    Attributes:
        is_enabled: ask models that can think to do so.
        effort, task_effort: of a chat and of a task that name none.
        summary: how thinking is summed up; None asks for no summary.
        gemini_level: `low` or `high`; None derives it from the effort.
        gemini_budget_tokens: what Gemini 2.5 may think with at medium effort.
        interleaves_anthropic: let Claude think between tool calls.
    """

    is_enabled: bool = True
    effort: str = "medium"
    task_effort: str = "low"
    summary: str | None = "auto"
    gemini_level: str | None = None
    gemini_budget_tokens: int = 1024
    interleaves_anthropic: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSettings:
    """What is added to requests that do not say it themselves (SPEC 111, 112, 121, 136).

    Attributes:
        trims_context: ask for the middle of a conversation that is too long to be left out.
        asks_longest_answer: ask for as many tokens as the model can answer with.
        anthropic_cache_ttl: `5m` or `1h`; None marks nothing for Anthropic's cache.
        search_results_max: pages that a web search reads; None leaves it to the engine.
    """

    trims_context: bool = True
    asks_longest_answer: bool = False
    anthropic_cache_ttl: str | None = "5m"
    search_results_max: int | None = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSettings:
    """How tools are offered and run (SPEC 34, 67-78).

    Attributes:
        mode: who runs them.
        is_strict: rewrite schemas so that models keep to them exactly.
        rounds_max: rounds of calls in one answer.
        parallel_max, parallel_global_max: calls at once, of one request and of the process.
        batch_max: waiting calls of the same tool that start together.
        timeout_s: what one call may take.
        batch_timeout_s: what calls that start together may take; never less than `timeout_s`.
        idle_timeout_s: the longest wait for the next call to finish; None: no limit.
        shutdown_s: what running calls get when their request is over.
        retention_turns: turns for which long outputs stay whole; 0: for ever.
    """

    mode: ToolMode = ToolMode.PIPELINE
    is_strict: bool = True
    rounds_max: int = 25
    parallel_max: int = 5
    parallel_global_max: int = 200
    batch_max: int = 4
    timeout_s: float = 60.0
    batch_timeout_s: float = 120.0
    idle_timeout_s: float | None = None
    shutdown_s: float = 10.0
    retention_turns: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowSettings:
    """What people see beside the answer (SPEC 88, 96)."""

    thinking: ThinkingPlace = ThinkingPlace.OPEN_WEBUI
    shows_usage: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentitySettings:
    """Which identifiers the provider gets (SPEC 176)."""

    sends_user: bool = False
    sends_session: bool = False
    sends_chat: bool = False
    sends_message: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageSettings:
    """Where artifacts are kept, and how they are sealed (SPEC 150-159). The same for everybody.

    Attributes:
        database_url: an SQLAlchemy address; blank: the database of the host.
        key, keys_previous: what seals, and what sealed before, newest first; blank: nothing does.
        problem: why one of the secrets cannot be used; then nothing is read or kept.
        seals_all: seal everything, and not thinking alone.
        compresses, compress_min_bytes: whether, and from which size on.
        keep_s, sweep_interval_s: how long something is kept, and how often it is looked for.
    """

    database_url: Secret = NO_SECRET
    key: Secret = NO_SECRET
    keys_previous: tuple[Secret, ...] = ()
    problem: ValveProblem | None = None
    seals_all: bool = True
    compresses: bool = True
    compress_min_bytes: int = 0
    keep_s: float = 90 * 86400.0
    sweep_interval_s: float = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SharingSettings:
    """What is shared through Redis (SPEC 161-165, 178). The same for everybody.

    Attributes:
        is_wanted: use Redis where everything it takes is there.
        cache_ttl_s: how long it keeps what the database has as well.
        warn_rows: rows that wait for the database, from which on that is said.
        flush_failures_max: failures in a row before writing to the database is held.
        dumps_costs, costs_ttl_s: whether what each call used goes there, and for how long.
    """

    is_wanted: bool = True
    cache_ttl_s: float = 600.0
    warn_rows: int = 100
    flush_failures_max: int = 5
    dumps_costs: bool = False
    costs_ttl_s: float = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MemorySettings:
    """What is kept of one user's answers (SPEC 43, 44).

    Attributes:
        retention: how long thinking is kept.
        keeps_tools: keep calls and their outputs, where tools are run here.
        batch_rows: rows of a commit while the store is in trouble.
    """

    retention: ReasoningRetention = ReasoningRetention.CONVERSATION
    keeps_tools: bool = True
    batch_rows: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorTemplates:
    """The texts of failed requests (SPEC 179), and whom they name for help ("": nobody)."""

    openrouter_error: str = template_texts.OPENROUTER_ERROR
    authentication_error: str = template_texts.AUTHENTICATION_ERROR
    insufficient_credits: str = template_texts.INSUFFICIENT_CREDITS
    rate_limit: str = template_texts.RATE_LIMIT
    server_timeout: str = template_texts.SERVER_TIMEOUT
    network_timeout: str = template_texts.NETWORK_TIMEOUT
    connection_error: str = template_texts.CONNECTION_ERROR
    service_error: str = template_texts.SERVICE_ERROR
    internal_error: str = template_texts.INTERNAL_ERROR
    model_restricted: str = template_texts.MODEL_RESTRICTED
    max_function_call_loops_reached: str = template_texts.MAX_FUNCTION_CALL_LOOPS_REACHED
    support_email: str = ""
    support_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimingSettings:
    """Whether steps of requests are timed, and into which file (SPEC 190)."""

    is_enabled: bool = False
    path: str = DEFAULT_TIMING_FILE
