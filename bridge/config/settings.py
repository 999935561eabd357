"""What the code reads: one frozen snapshot of all settings, made from the valves of a request.

Pure. What makes a setting unusable is data here: the doors decide whom to tell, and how.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from actors.ports import Endpoint, SessionLogSettings
from actors.values import WireFormat
from bridge.config.addresses import base_url, referer
from bridge.config.api_key import KeyProblem, open_api_key
from bridge.config.errors import ValveProblem
from bridge.config.secret_text import SECRET_KEY_VARIABLE
from bridge.config.setting_groups import (
    CatalogSettings,
    ErrorTemplates,
    IdentitySettings,
    MemorySettings,
    ModelFilter,
    ReasoningSettings,
    RequestSettings,
    RoutingSettings,
    SharingSettings,
    ShowSettings,
    StorageSettings,
    ThinkingPlace,
    TimingSettings,
    ToolMode,
    ToolSettings,
)
from bridge.config.storage_valves import (
    memory_settings,
    session_log_settings,
    sharing_settings,
    storage_settings,
)
from bridge.config.user_valves import UserValves
from bridge.config.valves import Valves
from bridge.config.valves_models import ALL_MODELS

__all__ = ["KeyProblem", "Settings", "settings_from"]

READS_IN_FLIGHT_MAX: Final = 16
REQUEST_MAILBOX_MAX: Final = 1000
HANDOVER_BYTES_MAX: Final = 256 * 1024

# A month. Longer waits mean "never", and some event loops cannot count that far.
DURATION_MAX_S: Final = 30 * 24 * 3600.0

_LIST_MARKS: Final = re.compile(r"[,\n]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """An immutable snapshot; it travels in messages, so a changed valve rules the next request.

    Attributes:
        endpoint: where requests go. Of use only while neither problem below is set.
        key_problem: what is wrong with the API key, or None.
        base_url_problem: what is wrong with the address, or None.
        referer_problem: what is wrong with the referer, or None; the default one is sent.
        valve_problems: other valves whose value is not obeyed; their defaults stand here.
        user_valve_problems: the same of the user's own valves; the admin's stand here.
        models_wanted: ids as the admin wrote them; empty means the whole catalog.
        catalog_refresh_s: how long a fetched catalog counts as fresh.
        requests_max: requests that run at once in this process.
        breaker_failures_max: the failure that opens a user's breaker (the n-th).
        breaker_window_s: how long a failure counts, and how long the breaker holds.
        breaker_history_max: failures kept per user; never fewer than `breaker_failures_max`.
        reads_in_flight_max: socket reads of one stream not yet taken over by the request.
        request_mailbox_max: messages that may wait for one request actor.
        backlog_warn_size: waiting messages from which a backlog is logged.
        handover_lines_max: lines waiting for Open WebUI, or None: bounded in bytes alone.
        handover_bytes_max: bytes waiting for Open WebUI, whatever the number of lines.
        slow_reader_after_s: how long a full hand-over may stand unlogged; None: for ever.
        log_level: name of the least severe level that is logged.
        shutdown_grace_s: what running requests get to finish.
        request_deadline_s: what a whole request may take; None: no limit.
    """

    endpoint: Endpoint
    key_problem: KeyProblem | None
    base_url_problem: ValveProblem | None
    valve_problems: tuple[ValveProblem, ...]
    models_wanted: tuple[str, ...]
    catalog_refresh_s: float
    requests_max: int
    breaker_failures_max: int
    breaker_window_s: float
    breaker_history_max: int
    reads_in_flight_max: int
    request_mailbox_max: int
    backlog_warn_size: int
    handover_lines_max: int | None
    handover_bytes_max: int
    slow_reader_after_s: float | None
    log_level: str
    shutdown_grace_s: float
    request_deadline_s: float | None = None
    referer_problem: ValveProblem | None = None
    user_valve_problems: tuple[ValveProblem, ...] = ()
    catalog: CatalogSettings = field(default_factory=CatalogSettings)
    routing: RoutingSettings = field(default_factory=RoutingSettings)
    reasoning: ReasoningSettings = field(default_factory=ReasoningSettings)
    request: RequestSettings = field(default_factory=RequestSettings)
    tools: ToolSettings = field(default_factory=ToolSettings)
    show: ShowSettings = field(default_factory=ShowSettings)
    identity: IdentitySettings = field(default_factory=IdentitySettings)
    templates: ErrorTemplates = field(default_factory=ErrorTemplates)
    timing: TimingSettings = field(default_factory=TimingSettings)
    storage: StorageSettings = field(default_factory=StorageSettings)
    memory: MemorySettings = field(default_factory=MemorySettings)
    sharing: SharingSettings = field(default_factory=SharingSettings)
    session_logs: SessionLogSettings = field(default_factory=SessionLogSettings)


def settings_from(
    valves: Valves, env: Mapping[str, str], user_valves: UserValves | None = None
) -> Settings:
    """Turn the valves of one request into settings.

    Args:
        valves: what the admin set.
        env: the environment of the process; `WEBUI_SECRET_KEY` opens the API key.
        user_valves: what the user set over it. Has no say about the rest (SPEC 11).
    """
    chosen = {} if user_valves is None else user_valves.chosen()
    if chosen:
        valves = valves.model_copy(update=chosen)
    endpoint, base_url_problem, referer_problem, key_problem = _endpoint(valves, env)
    secret_key = env.get(SECRET_KEY_VARIABLE, "")
    storage = storage_settings(valves, secret_key)
    session_logs, log_problem = session_log_settings(valves, secret_key)
    slow_s = valves.MIDDLEWARE_STREAM_QUEUE_PUT_TIMEOUT_SECONDS
    return Settings(
        endpoint=endpoint,
        key_problem=key_problem,
        base_url_problem=base_url_problem,
        referer_problem=referer_problem,
        valve_problems=_problems(valves, storage.problem, log_problem),
        user_valve_problems=() if user_valves is None else user_valves.problems(),
        models_wanted=_models_wanted(valves.MODEL_ID),
        catalog_refresh_s=_duration_s(valves.MODEL_CATALOG_REFRESH_SECONDS),
        requests_max=valves.MAX_CONCURRENT_REQUESTS,
        breaker_failures_max=valves.BREAKER_MAX_FAILURES,
        breaker_window_s=_duration_s(valves.BREAKER_WINDOW_SECONDS),
        # A history shorter than the limit could never reach it (SPEC 21).
        breaker_history_max=max(valves.BREAKER_HISTORY_SIZE, valves.BREAKER_MAX_FAILURES),
        reads_in_flight_max=valves.STREAMING_CHUNK_QUEUE_MAXSIZE or READS_IN_FLIGHT_MAX,
        request_mailbox_max=valves.STREAMING_EVENT_QUEUE_MAXSIZE or REQUEST_MAILBOX_MAX,
        backlog_warn_size=valves.STREAMING_EVENT_QUEUE_WARN_SIZE,
        handover_lines_max=valves.MIDDLEWARE_STREAM_QUEUE_MAXSIZE or None,
        handover_bytes_max=HANDOVER_BYTES_MAX,
        slow_reader_after_s=_duration_s(slow_s) or None,
        log_level=valves.LOG_LEVEL,
        shutdown_grace_s=_duration_s(valves.SHUTDOWN_GRACE_SECONDS),
        request_deadline_s=_limit_s(valves.REQUEST_DEADLINE_SECONDS),
        catalog=CatalogSettings(
            free=ModelFilter(valves.FREE_MODEL_FILTER),
            tool_calling=ModelFilter(valves.TOOL_CALLING_FILTER),
            models_text=valves.MODEL_ID.strip(),
        ),
        routing=RoutingSettings(
            wire=WireFormat(valves.DEFAULT_LLM_ENDPOINT),
            chat_models=_names(valves.FORCE_CHAT_COMPLETIONS_MODELS),
            responses_models=_names(valves.FORCE_RESPONSES_MODELS),
            falls_back_to_chat=valves.AUTO_FALLBACK_CHAT_COMPLETIONS,
        ),
        reasoning=_reasoning(valves),
        request=_request(valves),
        tools=_tools(valves),
        show=ShowSettings(
            thinking=ThinkingPlace(valves.THINKING_OUTPUT_MODE),
            shows_usage=valves.SHOW_FINAL_USAGE_STATUS,
        ),
        identity=IdentitySettings(
            sends_user=valves.SEND_END_USER_ID,
            sends_session=valves.SEND_SESSION_ID,
            sends_chat=valves.SEND_CHAT_ID,
            sends_message=valves.SEND_MESSAGE_ID,
        ),
        templates=_templates(valves),
        storage=storage,
        memory=memory_settings(valves),
        session_logs=session_logs,
        sharing=sharing_settings(valves),
        timing=TimingSettings(
            is_enabled=valves.ENABLE_TIMING_LOG, path=valves.TIMING_LOG_FILE.strip()
        ),
    )


def _problems(valves: Valves, *more: ValveProblem | None) -> tuple[ValveProblem, ...]:
    return (*valves.problems(), *(problem for problem in more if problem is not None))


def _endpoint(
    valves: Valves, env: Mapping[str, str]
) -> tuple[Endpoint, ValveProblem | None, ValveProblem | None, KeyProblem | None]:
    url, url_problem = base_url(valves.BASE_URL)
    site, site_problem = referer(valves.HTTP_REFERER_OVERRIDE)
    api_key, key_problem = open_api_key(valves.API_KEY, env.get(SECRET_KEY_VARIABLE, ""))
    endpoint = Endpoint(
        base_url=url,
        api_key=api_key,
        connect_timeout_s=_duration_s(valves.HTTP_CONNECT_TIMEOUT_SECONDS),
        read_timeout_s=_duration_s(valves.HTTP_SOCK_READ_SECONDS),
        total_timeout_s=_limit_s(valves.HTTP_TOTAL_TIMEOUT_SECONDS),
        referer=site,
    )
    return endpoint, url_problem, site_problem, key_problem


def _reasoning(valves: Valves) -> ReasoningSettings:
    summary, level = valves.REASONING_SUMMARY_MODE, valves.GEMINI_THINKING_LEVEL
    return ReasoningSettings(
        is_enabled=valves.ENABLE_REASONING,
        effort=valves.REASONING_EFFORT,
        task_effort=valves.TASK_MODEL_REASONING_EFFORT,
        summary=None if summary == "disabled" else summary,
        gemini_level=None if level == "auto" else level,
        gemini_budget_tokens=valves.GEMINI_THINKING_BUDGET,
        interleaves_anthropic=valves.ENABLE_ANTHROPIC_INTERLEAVED_THINKING,
    )


def _request(valves: Valves) -> RequestSettings:
    ttl = valves.ANTHROPIC_PROMPT_CACHE_TTL
    return RequestSettings(
        trims_context=valves.AUTO_CONTEXT_TRIMMING,
        asks_longest_answer=valves.USE_MODEL_MAX_OUTPUT_TOKENS,
        anthropic_cache_ttl=ttl if valves.ENABLE_ANTHROPIC_PROMPT_CACHING else None,
        search_results_max=valves.WEB_SEARCH_MAX_RESULTS,
    )


def _tools(valves: Valves) -> ToolSettings:
    timeout_s = _duration_s(valves.TOOL_TIMEOUT_SECONDS)
    return ToolSettings(
        mode=ToolMode(valves.TOOL_EXECUTION_MODE),
        is_strict=valves.ENABLE_STRICT_TOOL_CALLING,
        rounds_max=valves.MAX_FUNCTION_CALL_LOOPS,
        parallel_max=valves.MAX_PARALLEL_TOOLS_PER_REQUEST,
        parallel_global_max=valves.MAX_PARALLEL_TOOLS_GLOBAL,
        batch_max=valves.TOOL_BATCH_CAP,
        timeout_s=timeout_s,
        # A batch that may take less than one of its calls could never finish (SPEC 73).
        batch_timeout_s=max(timeout_s, _duration_s(valves.TOOL_BATCH_TIMEOUT_SECONDS)),
        idle_timeout_s=_limit_s(valves.TOOL_IDLE_TIMEOUT_SECONDS),
        shutdown_s=_duration_s(valves.TOOL_SHUTDOWN_TIMEOUT_SECONDS),
        retention_turns=valves.TOOL_OUTPUT_RETENTION_TURNS,
    )


def _templates(valves: Valves) -> ErrorTemplates:
    return ErrorTemplates(
        openrouter_error=valves.OPENROUTER_ERROR_TEMPLATE,
        authentication_error=valves.AUTHENTICATION_ERROR_TEMPLATE,
        insufficient_credits=valves.INSUFFICIENT_CREDITS_TEMPLATE,
        rate_limit=valves.RATE_LIMIT_TEMPLATE,
        server_timeout=valves.SERVER_TIMEOUT_TEMPLATE,
        network_timeout=valves.NETWORK_TIMEOUT_TEMPLATE,
        connection_error=valves.CONNECTION_ERROR_TEMPLATE,
        service_error=valves.SERVICE_ERROR_TEMPLATE,
        internal_error=valves.INTERNAL_ERROR_TEMPLATE,
        model_restricted=valves.MODEL_RESTRICTED_TEMPLATE,
        max_function_call_loops_reached=valves.MAX_FUNCTION_CALL_LOOPS_REACHED_TEMPLATE,
        support_email=valves.SUPPORT_EMAIL.strip(),
        support_url=valves.SUPPORT_URL.strip(),
    )


def _duration_s(seconds: float) -> float:
    return float(min(seconds, DURATION_MAX_S))


def _limit_s(seconds: float | None) -> float | None:
    return None if seconds is None else _duration_s(seconds)


def _names(text: str) -> tuple[str, ...]:
    """Split a list of names at commas and line ends; order is kept, names do not repeat."""
    parts = _LIST_MARKS.split(text)
    return tuple(dict.fromkeys(name for part in parts if (name := part.strip())))


def _models_wanted(text: str) -> tuple[str, ...]:
    """Split a list of models; `auto` anywhere in it, or nothing at all, stands for every model."""
    wanted = _names(text)
    return () if any(name.lower() == ALL_MODELS for name in wanted) else wanted
