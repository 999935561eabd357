"""Every valve takes effect with the next request, without a restart (SPEC 16).

One row for each valve: its value is changed between two requests of one door on one tree, and
what is seen of the second is not what was seen of the first. Rows about time and order run on
virtual time, with the stand-in behind the ports; the others over sockets.
"""

import asyncio
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from actors.ports import Provider, ProviderCall, ProviderStream
from bridge.app import Ports
from bridge.config.valves import Valves
from bridge.owui.real_ports import provider_ports
from bridge.standin.faults import ProviderFault
from bridge.standin.wishes import Wish
from tests.integration import valve_looks as look
from tests.integration.promise_stage import Way, scene
from tests.integration.quiet_stage import play_quietly
from tests.integration.storage import test_every_kept_valve
from tests.integration.valve_looks import CLAUDE, PLAIN, THINKER, Look
from tests.unit.test_planned_valves import PLANNED

F = ProviderFault
OURS = "Ours: {error_id}"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One valve, changed from `before` to `after`; then `look` sees `second`, not `first`.

    A value may be made from the stage. `others` are valves that stay as they are; `prepare` is
    played once, at the beginning. On a row that `ends_trees` the valve is about just that.
    """

    valve: str
    before: object
    after: object
    look: Look
    first: object
    second: object
    is_quiet: bool
    others: Mapping[str, object] = field(default_factory=dict)
    prepare: Look | None = None
    ends_trees: bool = False
    ports: Callable[[], Ports] = provider_ports


def wired(
    valve: str,
    before: object,
    after: object,
    seen: Look,
    first: object,
    second: object,
    **more: Any,
) -> Row:
    """A row that is played over sockets."""
    return Row(
        valve=valve,
        before=before,
        after=after,
        look=seen,
        first=first,
        second=second,
        is_quiet=False,
        **more,
    )


def quiet(
    valve: str,
    before: object,
    after: object,
    seen: Look,
    first: object,
    second: object,
    **more: Any,
) -> Row:
    """A row that is played on virtual time."""
    return replace(wired(valve, before, after, seen, first, second, **more), is_quiet=True)


def template(valve: str, seen: Look, **more: Any) -> Row:
    """A row about the text of a failure."""
    default = Valves.model_fields[valve].default
    return quiet(valve, default, OURS, seen, False, True, **more)


def failing(fault: ProviderFault, times: int = 1, **more: Any) -> Wish:
    return Wish(script="plain", fault=fault, times=times, **more)


def ours(fault: ProviderFault, times: int = 1) -> Look:
    """Whether a failure is told in our words."""
    return look.words(failing(fault, times), starts="Ours")


# --- what has to be there for a row --------------------------------------------------------------


class Elsewhere:
    """A `Provider` that asks another address than it is told."""

    def __init__(self, provider: Provider, base_url: str) -> None:
        self._provider = provider
        self._base_url = base_url

    async def open(self, call: ProviderCall) -> ProviderStream:
        endpoint = replace(call.endpoint, base_url=self._base_url)
        moved = ProviderCall(
            endpoint=endpoint, path=call.path, body=call.body, is_streaming=call.is_streaming
        )
        return await self._provider.open(moved)


def deaf_ports() -> Ports:
    """The real ports, but answers are asked of an address that never takes a connection."""
    real = provider_ports()
    deaf = socket.socket()
    deaf.bind(("127.0.0.1", 0))
    deaf.listen(0)
    # These fill the queue of those who wait; whoever comes then is not even heard.
    waiting = [socket.socket() for _ in range(4)]
    for each in waiting:
        each.setblocking(False)
        each.connect_ex(deaf.getsockname())

    async def close() -> None:
        for each in (*waiting, deaf):
            each.close()
        await real.close()

    address = f"http://127.0.0.1:{deaf.getsockname()[1]}/api/v1"
    return replace(real, provider=Elsewhere(real.provider, address), close=close)


def failed(*pauses_s: float) -> Look:
    """Ada's requests fail, with so many seconds after each."""

    async def prepare(stage: Any) -> None:
        for pause_s in pauses_s:
            await look.ask(stage, wish=failing(F.CUT_MID_FRAME))
            await asyncio.sleep(pause_s)

    return prepare


async def remembers_old_failures(stage: Any) -> object:
    """Whether failures count that were long ago, once the limits are widened.

    Three failures of a new user, none of them within the window of another; then more of them
    are borne, but within a longer time.
    """
    user = f"user {len(stage.posts)}"
    for _ in range(3):
        await look.ask(stage, wish=failing(F.CUT_MID_FRAME), user=user)
        await asyncio.sleep(10)
    stage.change(BREAKER_MAX_FAILURES=3, BREAKER_WINDOW_SECONDS=900)
    went = await look.ask(stage, user=user)
    stage.change(BREAKER_MAX_FAILURES=2, BREAKER_WINDOW_SECONDS=5)
    return "temporarily disabled" in went.said.text


def folder(name: str) -> Callable[[Any], str]:
    return lambda stage: str(stage.folder / name)


# --- the table -----------------------------------------------------------------------------------

RESPONSES, CHAT = "/api/v1/responses", "/api/v1/chat/completions"
MANY = {"BREAKER_MAX_FAILURES": 50}
ALONE = {"MAX_PARALLEL_TOOLS_PER_REQUEST": 1, "TOOL_TIMEOUT_SECONDS": 3}
FREE, DEAR, WRITER = "openai.gpt-oss-20b:free", "openai.gpt-4o", "cohere.command-a"

ROWS = [
    # Where requests go, and how long each step may take.
    wired(
        "BASE_URL",
        lambda stage: stage.standin.base_url,
        lambda stage: stage.standin.spec_url("script=plain"),
        look.endpoint,
        RESPONSES,
        "/s/script=plain" + RESPONSES,
    ),
    wired("DEFAULT_LLM_ENDPOINT", "responses", "chat_completions", look.endpoint, RESPONSES, CHAT),
    wired("FORCE_CHAT_COMPLETIONS_MODELS", "", "standin/*", look.endpoint, RESPONSES, CHAT),
    wired(
        "FORCE_RESPONSES_MODELS",
        "",
        "openai/*, standin/plain",
        look.endpoint,
        CHAT,
        RESPONSES,
        others={"DEFAULT_LLM_ENDPOINT": "chat_completions"},
    ),
    wired("AUTO_FALLBACK_CHAT_COMPLETIONS", True, False, look.endpoints_tried, 2, 1),
    wired(
        "API_KEY",
        "sk-or-v1-one",
        "sk-or-v1-two",
        look.header("authorization"),
        "Bearer ***-one",
        "Bearer ***-two",
    ),
    wired(
        "HTTP_REFERER_OVERRIDE",
        "https://one.example/",
        "https://two.example/",
        look.header("http-referer"),
        "https://one.example/",
        "https://two.example/",
    ),
    wired("HTTP_CONNECT_TIMEOUT_SECONDS", 2, 1, look.is_over_soon, False, True, ports=deaf_ports),
    wired(
        "HTTP_TOTAL_TIMEOUT_SECONDS",
        None,
        1,
        look.answer(Wish(n=75, b=20, pace_ms=20)),
        True,
        False,
    ),
    wired(
        "HTTP_SOCK_READ_SECONDS",
        9,
        1,
        look.answer(failing(F.STALL_BETWEEN_FRAMES, wait_ms=1800)),
        True,
        False,
    ),
    quiet(
        "REQUEST_DEADLINE_SECONDS",
        None,
        60,
        look.answer(Wish(n=100, b=20, pace_ms=1000)),
        True,
        False,
    ),
    # Which models are on offer.
    wired("MODEL_ID", "auto", "openai/gpt-4o", look.listed(FREE, DEAR), {FREE, DEAR}, {DEAR}),
    quiet("MODEL_CATALOG_REFRESH_SECONDS", 3600, 60, look.fetches_after_a_while, 0, 1),
    wired("FREE_MODEL_FILTER", "only", "exclude", look.listed(FREE, DEAR), {FREE}, {DEAR}),
    wired("TOOL_CALLING_FILTER", "only", "exclude", look.listed(DEAR, WRITER), {DEAR}, {WRITER}),
    # How much models think, and what is sent along.
    wired(
        "ENABLE_REASONING",
        True,
        False,
        look.sent("reasoning", model=THINKER),
        {"effort": "medium", "enabled": True, "summary": "auto"},
        None,
    ),
    wired(
        "THINKING_OUTPUT_MODE", "open_webui", "status", look.thinking, (True, False), (False, True)
    ),
    wired(
        "ENABLE_ANTHROPIC_INTERLEAVED_THINKING",
        True,
        False,
        look.header("x-anthropic-beta", model=CLAUDE),
        "interleaved-thinking-2025-05-14",
        None,
    ),
    wired(
        "ENABLE_ANTHROPIC_PROMPT_CACHING",
        True,
        False,
        look.sent("cache_control", "type", model=CLAUDE),
        "ephemeral",
        None,
    ),
    wired(
        "ANTHROPIC_PROMPT_CACHE_TTL",
        "5m",
        "1h",
        look.sent("cache_control", "ttl", model=CLAUDE),
        # What Anthropic takes where nothing is said.
        None,
        "1h",
    ),
    wired(
        "AUTO_CONTEXT_TRIMMING",
        True,
        False,
        look.sent("plugins"),
        [{"id": "context-compression", "engine": "middle-out"}],
        None,
    ),
    wired(
        "REASONING_EFFORT",
        "low",
        "high",
        look.sent("reasoning", "effort", model=THINKER),
        "low",
        "high",
    ),
    wired(
        "REASONING_SUMMARY_MODE",
        "detailed",
        "disabled",
        look.sent("reasoning", "summary", model=THINKER),
        "detailed",
        None,
    ),
    wired(
        "GEMINI_THINKING_LEVEL",
        "low",
        "high",
        look.sent("reasoning", "effort", model="google.gemini-3.6-flash"),
        "low",
        "high",
    ),
    wired(
        "GEMINI_THINKING_BUDGET",
        1000,
        3000,
        look.sent("reasoning", "max_tokens", model="google.gemini-2.5-flash"),
        1000,
        3000,
    ),
    wired("TASK_MODEL_REASONING_EFFORT", "low", "high", look.effort_of_a_task, "low", "high"),
    # Tools.
    wired(
        "TOOL_EXECUTION_MODE",
        "Pipeline",
        "Open-WebUI",
        look.who_runs_tools,
        (("stop",), 1),
        (("tool_calls",), 0),
    ),
    wired("ENABLE_STRICT_TOOL_CALLING", True, False, look.strictness, {True}, {None}),
    wired("MAX_FUNCTION_CALL_LOOPS", 3, 1, look.rounds, 3, 1),
    wired("WEB_SEARCH_MAX_RESULTS", 3, None, look.search_pages, 3, None),
    quiet("MAX_PARALLEL_TOOLS_GLOBAL", 200, 2, look.tools_at_once_of_all, 3, 2),
    quiet("MAX_PARALLEL_TOOLS_PER_REQUEST", 5, 2, look.tools_at_once, 3, 2),
    quiet(
        "TOOL_BATCH_CAP",
        4,
        1,
        look.calls_given_up(2),
        1,
        0,
        others=ALONE | {"TOOL_BATCH_TIMEOUT_SECONDS": 3},
    ),
    wired("TOOL_OUTPUT_RETENTION_TURNS", 0, 1, look.oldest_output, 2000, 413),
    quiet("TOOL_TIMEOUT_SECONDS", 60, 3, look.calls_given_up(5), 0, 3),
    quiet("TOOL_BATCH_TIMEOUT_SECONDS", 120, 3, look.calls_given_up(2), 0, 1, others=ALONE),
    quiet("TOOL_IDLE_TIMEOUT_SECONDS", None, 3, look.calls_given_up(5), 0, 3),
    quiet(
        "TOOL_SHUTDOWN_TIMEOUT_SECONDS",
        10.0,
        1.0,
        look.tools_let_finish,
        3,
        0,
        others={"TOOL_IDLE_TIMEOUT_SECONDS": 2},
    ),
    # What people see beside the answer, and what the provider learns about them.
    wired("USE_MODEL_MAX_OUTPUT_TOKENS", False, True, look.sent("max_output_tokens"), None, 16384),
    wired("SHOW_FINAL_USAGE_STATUS", True, False, look.last_status, "Time:", "Thought"),
    wired("SEND_END_USER_ID", False, True, look.sent("user"), None, "ada"),
    wired("SEND_SESSION_ID", False, True, look.sent("session_id"), None, "session-1"),
    wired("SEND_CHAT_ID", False, True, look.sent("metadata"), None, {"chat_id": "chat-1"}),
    wired("SEND_MESSAGE_ID", False, True, look.sent("metadata"), None, {"message_id": "message-1"}),
    # How much runs at once, and how much may wait.
    quiet("MAX_CONCURRENT_REQUESTS", 200, 2, look.answers_at_once, 3, 2),
    quiet(
        "STREAMING_CHUNK_QUEUE_MAXSIZE",
        0,
        2,
        look.reads_ahead,
        15,
        1,
        others={"MIDDLEWARE_STREAM_QUEUE_MAXSIZE": 1},
    ),
    quiet(
        "STREAMING_EVENT_QUEUE_MAXSIZE",
        0,
        2,
        look.reads_ahead,
        15,
        1,
        others={"MIDDLEWARE_STREAM_QUEUE_MAXSIZE": 1},
    ),
    quiet("STREAMING_EVENT_QUEUE_WARN_SIZE", 1000, 100, look.is_backlog_logged, False, True),
    quiet("MIDDLEWARE_STREAM_QUEUE_MAXSIZE", 0, 1, look.reads_ahead, 62, 15),
    quiet(
        "MIDDLEWARE_STREAM_QUEUE_PUT_TIMEOUT_SECONDS",
        0.0,
        2.0,
        look.is_slow_reader_logged,
        False,
        True,
        others={"MIDDLEWARE_STREAM_QUEUE_MAXSIZE": 1},
    ),
    quiet("BREAKER_MAX_FAILURES", 5, 2, look.is_refused, False, True, prepare=failed(0, 0)),
    quiet(
        "BREAKER_WINDOW_SECONDS",
        900,
        5,
        look.is_refused,
        True,
        False,
        others={"BREAKER_MAX_FAILURES": 2},
        prepare=failed(0, 60),
    ),
    quiet(
        "BREAKER_HISTORY_SIZE",
        5,
        1,
        remembers_old_failures,
        True,
        False,
        others={"BREAKER_MAX_FAILURES": 2, "BREAKER_WINDOW_SECONDS": 5},
    ),
    quiet(
        "SHUTDOWN_GRACE_SECONDS", 20.0, 1.0, look.close_in_the_middle, True, False, ends_trees=True
    ),
    # What is written down.
    wired("LOG_LEVEL", "INFO", "CRITICAL", look.is_failure_logged, True, False),
    wired(
        "ENABLE_TIMING_LOG",
        False,
        True,
        look.timed("times.jsonl"),
        (0,),
        (1,),
        others={"TIMING_LOG_FILE": folder("times.jsonl")},
    ),
    wired(
        "TIMING_LOG_FILE",
        folder("one.jsonl"),
        folder("two.jsonl"),
        look.timed("one.jsonl", "two.jsonl"),
        (1, 0),
        (1, 1),
        others={"ENABLE_TIMING_LOG": True},
    ),
    # The texts of failures.
    template("OPENROUTER_ERROR_TEMPLATE", ours(F.STATUS_400)),
    template("AUTHENTICATION_ERROR_TEMPLATE", ours(F.STATUS_401)),
    template("INSUFFICIENT_CREDITS_TEMPLATE", ours(F.STATUS_402_CREDITS)),
    template("RATE_LIMIT_TEMPLATE", ours(F.STATUS_429_DAILY_QUOTA)),
    template("SERVER_TIMEOUT_TEMPLATE", ours(F.STATUS_408, 3), others=MANY),
    template("NETWORK_TIMEOUT_TEMPLATE", ours(F.HALF_OPEN, 3), others=MANY),
    template("CONNECTION_ERROR_TEMPLATE", ours(F.CONNECT_RESET, 3), others=MANY),
    template("SERVICE_ERROR_TEMPLATE", ours(F.STATUS_500, 3), others=MANY),
    template("INTERNAL_ERROR_TEMPLATE", look.words_of_a_bug, others=MANY),
    template(
        "MAX_FUNCTION_CALL_LOOPS_REACHED_TEMPLATE",
        look.rounds_text,
        others={"MAX_FUNCTION_CALL_LOOPS": 1},
    ),
    template(
        "MODEL_RESTRICTED_TEMPLATE",
        look.words(model=PLAIN, starts="Ours"),
        others={"MODEL_ID": "openai/gpt-4o"},
    ),
    quiet(
        "SUPPORT_EMAIL",
        "",
        "help@example.com",
        look.words(failing(F.STATUS_400), holds="help@example.com"),
        False,
        True,
    ),
    quiet(
        "SUPPORT_URL",
        "",
        "https://example.com/help",
        look.words(failing(F.STATUS_400), holds="https://example.com/help"),
        False,
        True,
    ),
]
# These are taken so that the settings of an earlier pipe fit, and say so.
IDLE = {"ENABLE_STATUS_CSS_PATCH": (False, True), "SSE_WORKERS_PER_REQUEST": (1, 8)}


def test_the_table_has_every_valve_once_and_no_other() -> None:
    here = [row.valve for row in ROWS]
    kept = [row.valve for row in test_every_kept_valve.ROWS]
    assert sorted([*here, *kept, *PLANNED, *IDLE]) == sorted(Valves.model_fields)
    assert [row.valve for row in ROWS if row.first == row.second] == []


@pytest.mark.parametrize("row", [row for row in ROWS if row.is_quiet], ids=lambda row: row.valve)
def test_a_changed_valve_rules_the_next_request(row: Row) -> None:
    async def play(stage: Any) -> None:
        await looked_at(row, stage)
        assert stage.world.trees == 1 or row.ends_trees, "one tree all the time"

    play_quietly(play, **row.others)


@pytest.mark.parametrize(
    "row", [row for row in ROWS if not row.is_quiet], ids=lambda row: row.valve
)
def test_a_changed_valve_rules_the_next_request_over_sockets(row: Row) -> None:
    trees: list[Ports] = []

    def ports() -> Ports:
        trees.append(row.ports())
        return trees[-1]

    async def main() -> None:
        with temporary_folder() as there:
            async with scene(way=Way.STREAM, ports=ports) as stage:
                stage.folder = there
                stage.may_change_wire = True
                await looked_at(row, stage)
                assert len(trees) == 1, "one tree all the time"

    asyncio.run(main())


async def looked_at(row: Row, stage: Any) -> None:
    """Look, change the valve, and look again."""
    stage.change(**{name: made(value, stage) for name, value in row.others.items()})
    stage.change(**{row.valve: made(row.before, stage)})
    if row.prepare is not None:
        await row.prepare(stage)
    assert await row.look(stage) == row.first
    stage.change(**{row.valve: made(row.after, stage)})
    assert await row.look(stage) == row.second


def made(value: object, stage: Any) -> object:
    return value(stage) if callable(value) else value


@contextmanager
def temporary_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.mark.parametrize("valve", IDLE)
def test_a_valve_without_effect_says_so_and_has_none(valve: str) -> None:
    before, after = IDLE[valve]

    async def play(stage: Any) -> None:
        stage.change(**{valve: before})
        seen = await look.everything(stage)
        stage.change(**{valve: after})
        assert await look.everything(stage) == seen

    assert str(Valves.model_fields[valve].description).startswith("Has no effect")
    play_quietly(play)
