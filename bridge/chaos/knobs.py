"""What a seed decides about a whole run: sizes, bounds, and which faults are on at what rate.

The first option of every knob is the plain one, so that a shrunken run is small, roomy and calm.
Few kinds of fault at once reach states that all of them together keep hidden; most seeds
therefore leave most kinds out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from actors.db_line import DEFAULT_BOUNDS, LineBounds
from actors.recall import ReasoningRetention
from actors.testing.simloop import SimLoop
from actors.values import WireFormat
from bridge.chaos.faults.redis_faults import RedisFault
from bridge.chaos.faults.roles import Role
from bridge.chaos.faults.sink import Moment
from bridge.chaos.faults.store_faults import StoreFault
from bridge.chaos.faults.tools import ToolFault
from bridge.config.setting_groups import ToolSettings
from bridge.standin.faults import ProviderFault

T = TypeVar("T")

STORM_S: Final = 30.0
PROVIDER_KINDS_MAX: Final = 6
TOOL_KINDS_MAX: Final = 4
STORE_KINDS_MAX: Final = 3
REDIS_KINDS_MAX: Final = 3

# How long a database that is away stays so, and how long a run then goes on breaking.
AWAY_S: Final = 3_600.0

# What a provider that is down for everybody says.
OUTAGES: Final = (
    ProviderFault.STATUS_429_PLAIN,
    ProviderFault.STATUS_504,
    ProviderFault.STATUS_529,
)

# Rounds of calls in a chat that never stops calling: more than any limit on them.
ENDLESS: Final = 100

# Where a crash, and a hang that may last for ever, can be borne. A plumbing actor or a supervisor
# that hangs for good would need a watchdog, which the tree does not have; it only ever hangs for
# a while.
CRASHABLE: Final = (
    Role.GATE,
    Role.CHATS,
    Role.CATALOG,
    Role.TOOLS,
    Role.CHAT,
    Role.REQUEST,
    Role.ATTEMPT,
    Role.ROUND,
    Role.TOOL,
    Role.PERMITS,
    Role.COMMITTER,
    Role.READER,
    Role.WRITER,
    Role.KEEPING,
    Role.STAGER,
)
MORTAL: Final = (Role.REQUEST, Role.ATTEMPT, Role.ROUND, Role.TOOL, Role.KEEPING)


# Lines that an answer or two fill.
SMALL_LINES: Final = (
    LineBounds(rows_max=4, commit_rows_max=2),
    LineBounds(rows_max=20, bytes_max=4_000, commit_rows_max=5),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Sizes of the system under test: what an admin can set, and the bounds behind that."""

    running_max: int
    waiting_max: int
    chats_max: int
    reads_max: int
    mailbox_max: int
    handover_bytes: int
    handover_pieces: int | None
    failures_max: int
    breaker_window_s: float
    read_timeout_s: float
    deadline_s: float | None
    tools: ToolSettings
    line: LineBounds = DEFAULT_BOUNDS
    batch_rows: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How many come, how fast, and how they behave; tuples are what each visit draws from.

    Attributes:
        arrival_gaps_s: the time since the visit before.
        stops_s: when the user presses stop; None: only at the end of all patience.
        stops_on: what the user sees right before pressing stop.
        reader_pauses_s: between two pieces that are taken.
        limits: limits on running requests that a visit brings along; 0 keeps the last one.
        linger_s: how long things go on breaking after the last one has come.
        wires: the formats that a chat may be told to use.
        calling_rounds: rounds that end with calls before the last one.
        hands_over: how often the calls are for whoever asked.
        refused: how often a chat is refused as it is.
        chats: how many chats a user goes on with; 0: each visit is a chat of its own.
        has_past: whether these chats began long ago, with an answer of which something was kept.
        strays: how often a history names what belongs to another chat.
        retention, keeps_tools: what is kept of an answer.
    """

    users: int
    models: int
    requests: int
    arrival_gaps_s: tuple[float, ...]
    stops_s: tuple[float | None, ...]
    stops_on: tuple[Moment | None, ...]
    reader_pauses_s: tuple[float, ...]
    limits: tuple[int, ...]
    double_submits: float
    linger_s: float
    asks_catalog: bool
    wires: tuple[WireFormat, ...]
    calling_rounds: tuple[int, ...]
    hands_over: float
    refused: float
    chats: int = 0
    has_past: bool = False
    strays: float = 0.0
    retention: ReasoningRetention = ReasoningRetention.CONVERSATION
    keeps_tools: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRates:
    """How often the store fails, and how.

    Attributes:
        rate: of each call.
        faults: what can strike.
        spoil: how often a row can't be read again.
        away_from_s: when the database goes away for `AWAY_S`; None: it stays.
    """

    rate: float = 0.0
    faults: tuple[StoreFault, ...] = ()
    spoil: float = 0.0
    away_from_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisRates:
    """Whether there is a Redis, how often it fails, and how.

    Attributes:
        is_there: whether what is kept is acknowledged by it.
        rate: of each round trip.
        faults: what can strike.
        away_from_s: when it goes away, for `away_s`; None: it stays.
        emptied_at_s: from when on it loses all it has as soon as rows wait in it; None: it is
            emptied only as one of the faults.
    """

    is_there: bool = False
    rate: float = 0.0
    faults: tuple[RedisFault, ...] = ()
    away_from_s: float | None = None
    away_s: float = 45.0
    emptied_at_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRates:
    """How often staging and archives of session logs fail or have a bug, and how often one is slow.

    `slow_s` is how slow.
    """

    staging: float = 0.0
    archive: float = 0.0
    bug: float = 0.0
    slow: float = 0.0
    slow_s: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """How often each fault strikes where it can; 0 is never.

    `storm` is an actor that crashes on every message for `STORM_S` seconds; `outage` is what all
    calls to the provider fail with for as long. `closes_busy` shuts the whole tree down while
    chats run, and `kills_busy` ends it without a warning; the next visit starts another one.
    """

    outage: ProviderFault | None
    provider: float
    provider_faults: tuple[ProviderFault, ...]
    garble: float
    swallow: float
    tool: float
    tool_faults: tuple[ToolFault, ...]
    remedy: float
    codec: float
    catalog: float
    crash: float
    crash_roles: tuple[Role, ...]
    hang: float
    hang_roles: tuple[Role, ...]
    slow: float
    refuse: float
    duplicate: float
    delay: float
    overtake: float
    signal_delay: float
    storm: Role | None
    closes_busy: bool
    kills_busy: bool = False
    store: StoreRates = field(default_factory=StoreRates)
    redis: RedisRates = field(default_factory=RedisRates)
    logs: LogRates = field(default_factory=LogRates)


@dataclass(frozen=True, slots=True, kw_only=True)
class Knobs:
    """All that is fixed for a run."""

    bounds: Bounds
    load: Load
    rates: Rates


class Dial:
    """Asks the loop; every knob has a stream of choices of its own."""

    def __init__(self, loop: SimLoop) -> None:
        self._loop = loop

    def turn(self, name: str, options: Sequence[T]) -> T:
        """Return one of the options; the first is the default."""
        return options[self._loop.choose(len(options), f"knob/{name}")]

    def in_turn(self, options: Sequence[T]) -> T:
        """Return the option whose turn it is, so that many seeds meet all of them."""
        return options[self._loop.choices.seed % len(options)]

    def subset(self, name: str, options: Sequence[T]) -> tuple[T, ...]:
        """Return some of the options, none by default."""
        return tuple(each for each in options if self._loop.choose(2, f"knob/{name}"))


def draw_knobs(
    loop: SimLoop, faults: Sequence[ProviderFault], wires: Sequence[WireFormat]
) -> Knobs:
    """Let the seed turn every knob.

    Args:
        loop: what is asked.
        faults: the provider faults that can be played.
        wires: the formats there are.
    """
    dial = Dial(loop)
    return Knobs(bounds=_bounds(dial), load=_load(dial, wires), rates=_rates(dial, faults))


def _bounds(dial: Dial) -> Bounds:
    return Bounds(
        running_max=dial.turn("running", (8, 1, 2, 3, 4)),
        waiting_max=dial.turn("waiting", (1000, 1000, 1000, 1, 2, 4)),
        chats_max=dial.turn("chats", (64, 64, 2, 3, 6)),
        reads_max=dial.turn("reads", (4, 1, 2, 3)),
        mailbox_max=dial.turn("mailbox", (1000, 1, 2)),
        handover_bytes=dial.turn("handover-bytes", (256 * 1024, 1, 16, 64)),
        handover_pieces=dial.turn("handover-pieces", (None, None, 1, 3)),
        failures_max=dial.turn("failures", (5, 1, 2, 3)),
        breaker_window_s=dial.turn("breaker-window", (60.0, 5.0, 15.0)),
        read_timeout_s=dial.turn("read-timeout", (300.0, 30.0, 5.0)),
        deadline_s=dial.turn("deadline", (None, None, None, 120.0, 15.0)),
        tools=_tools(dial),
        line=dial.turn("line", (DEFAULT_BOUNDS, DEFAULT_BOUNDS, *SMALL_LINES)),
        batch_rows=dial.turn("batch-rows", (10, 1, 3)),
    )


def _tools(dial: Dial) -> ToolSettings:
    timeout_s = dial.turn("tool-timeout", (60.0, 2.0, 10.0))
    return ToolSettings(
        rounds_max=dial.turn("tool-rounds", (25, 4, 4, 2, 1)),
        parallel_max=dial.turn("tools-parallel", (5, 1, 2, 3)),
        parallel_global_max=dial.turn("tools-global", (200, 1, 2, 4)),
        batch_max=dial.turn("tool-batch", (4, 1, 2)),
        timeout_s=timeout_s,
        batch_timeout_s=max(timeout_s, dial.turn("batch-timeout", (120.0, 5.0, 20.0))),
        idle_timeout_s=dial.turn("tool-idle", (None, None, 1.0, 15.0)),
        shutdown_s=dial.turn("tool-drain", (10.0, 0.0, 1.0)),
    )


def _load(dial: Dial, wires: Sequence[WireFormat]) -> Load:
    return Load(
        users=dial.turn("users", (1, 2, 3, 4)),
        models=dial.turn("models", (1, 2)),
        requests=dial.turn("requests", (1, 16, 20, 24, 24, 28, 36)),
        arrival_gaps_s=dial.turn(
            "arrivals", ((0.0,), (0.0, 0.01, 0.1, 0.5), (0.0, 0.5, 2.0, 4.0), (0.0, 2.0, 8.0))
        ),
        stops_s=dial.turn(
            "stops",
            (
                (None,),
                (None, None, None, None, 0.0, 0.05, 1.0),
                (None, None, None, 0.01, 0.3, 5.0, 30.0),
            ),
        ),
        stops_on=dial.turn("stops-on", ((None,), (None,), (None, None, None, *Moment))),
        reader_pauses_s=dial.turn("readers", ((0.0,), (0.0, 0.01, 0.2), (0.0, 3.0))),
        limits=dial.turn("limits", ((0,), (0, 0, 1, 2, 8), (0, 3))),
        double_submits=dial.turn("double-submits", (0.0, 0.2)),
        linger_s=dial.turn("linger", (60.0, 2.0, 300.0)),
        asks_catalog=dial.turn("asks-catalog", (False, True)),
        wires=dial.turn("wires", (tuple(wires), *((wire,) for wire in wires))),
        calling_rounds=dial.turn(
            "calling", ((0,), (1, 1, 2), (1, 2, 3), (0, 1, 2, 3), (1, 2, ENDLESS))
        ),
        hands_over=dial.turn("hands-over", (0.0, 0.0, 0.3)),
        refused=dial.turn("refused", (0.0, 0.0, 0.3)),
        chats=dial.turn("chats-of-user", (1, 1, 2, 0)),
        has_past=dial.turn("past", (False, True, True)),
        strays=dial.turn("strays", (0.0, 0.0, 0.3)),
        retention=dial.turn(
            "retention",
            (
                ReasoningRetention.CONVERSATION,
                ReasoningRetention.CONVERSATION,
                ReasoningRetention.NEXT_REPLY,
                ReasoningRetention.DISABLED,
            ),
        ),
        keeps_tools=dial.turn("keeps-tools", (True, True, True, False)),
    )


def _rates(dial: Dial, faults: Sequence[ProviderFault]) -> Rates:
    kinds = dial.turn("provider-kinds", range(1, PROVIDER_KINDS_MAX + 1))
    tools = dial.turn("tool-kinds", range(1, TOOL_KINDS_MAX + 1))
    redis = _redis(dial)
    return Rates(
        outage=dial.turn("outage", (None,) * 9 + OUTAGES),
        provider=dial.turn("provider", (0.0, 0.15, 0.4, 0.7)),
        provider_faults=(
            dial.in_turn(faults),
            *(dial.turn("provider-fault", faults) for _ in range(kinds)),
        ),
        garble=dial.turn("garble", (0.0, 0.7)),
        swallow=dial.turn("swallow", (0.0, 0.0, 0.3)),
        tool=dial.turn("tool", (0.0, 0.2, 0.5, 1.0)),
        tool_faults=tuple(dial.turn("tool-fault", tuple(ToolFault)) for _ in range(tools)),
        remedy=dial.turn("remedy", (0.0, 0.0, 0.3)),
        codec=dial.turn("codec", (0.0, 0.0, 0.01)),
        catalog=dial.turn("catalog", (0.0, 0.3, 0.8)),
        crash=dial.turn("crash", (0.0, 0.0, 0.01, 0.05, 0.25)),
        crash_roles=dial.subset("crash-role", CRASHABLE),
        hang=dial.turn("hang", (0.0, 0.0, 0.02, 0.1)),
        hang_roles=dial.subset("hang-role", CRASHABLE),
        slow=dial.turn("slow", (0.0, 0.0, 0.1)),
        refuse=dial.turn("refuse", (0.0, 0.0, 0.1)),
        duplicate=dial.turn("duplicate", (0.0, 0.0, 0.1)),
        delay=dial.turn("delay", (0.0, 0.0, 0.1)),
        overtake=dial.turn("overtake", (0.0, 0.0, 0.1)),
        signal_delay=dial.turn("signal-delay", (0.0, 0.0, 0.1)),
        storm=dial.turn("storm", (None,) * 8 + (Role.GATE, Role.CHATS, Role.CATALOG, Role.TOOLS)),
        closes_busy=dial.turn("closes-busy", (False, False, False, False, True)),
        kills_busy=dial.turn("kills-busy", (False, False, False, False, True)),
        store=_store(dial, redis),
        redis=redis,
        logs=LogRates(
            staging=dial.turn("log-staging", (0.0, 0.0, 0.1, 0.5)),
            archive=dial.turn("log-archive", (0.0, 0.0, 0.1, 0.5)),
            bug=dial.turn("log-bug", (0.0, 0.0, 0.0, 0.03)),
            slow=dial.turn("log-slow", (0.0, 0.0, 0.1)),
            slow_s=dial.turn("log-slow-s", (2.0, 12.0)),
        ),
    )


def _store(dial: Dial, redis: RedisRates) -> StoreRates:
    kinds = dial.turn("store-kinds", range(1, STORE_KINDS_MAX + 1))
    faults = tuple(dial.turn("store-fault", tuple(StoreFault)) for _ in range(kinds))
    if redis.is_there:
        # What a database takes for unfit is put aside for good, and not lost by anybody.
        faults = tuple(each for each in faults if each is not StoreFault.MISFIT)
    return StoreRates(
        rate=dial.turn("store", (0.0, 0.0, 0.1, 0.3, 0.8)) if faults else 0.0,
        faults=faults,
        spoil=dial.turn("spoil", (0.0, 0.0, 0.2)),
        away_from_s=dial.turn("away", (None,) * 9 + (0.0, 2.0, 10.0)),
    )


def _redis(dial: Dial) -> RedisRates:
    kinds = dial.turn("redis-kinds", range(1, REDIS_KINDS_MAX + 1))
    return RedisRates(
        is_there=dial.turn("redis", (False, False, True)),
        rate=dial.turn("redis-rate", (0.0, 0.0, 0.02, 0.1, 0.4)),
        faults=tuple(dial.turn("redis-fault", tuple(RedisFault)) for _ in range(kinds)),
        away_from_s=dial.turn("redis-away", (None,) * 5 + (0.0, 2.0, 10.0)),
        away_s=dial.turn("redis-away-s", (5.0, 45.0, 200.0)),
        emptied_at_s=dial.turn("redis-emptied", (None,) * 4 + (5.0, 20.0)),
    )
