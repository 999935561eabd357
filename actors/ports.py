"""What the actors need from the world, and how the world may fail.

A port is declared here and implemented in `bridge/`; the simulated implementation always counts
as the second one. Errors carry facts, not prose: sentences for people are written at the doors.
No text of an error holds a prompt, an answer or a secret; `detail` may, so it stays out of `str`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from msgspec import Struct

from actors.artifacts import Artifact, Recalled
from actors.log_values import (
    BundleKey,
    Compression,
    LogBundle,
    LogFormat,
    LogSegment,
    PendingBundle,
    StagedSegments,
)
from actors.values import (
    Catalog,
    ChatRequest,
    Noticed,
    Shown,
    StreamEvent,
    StreamFailure,
    ToolCall,
    ToolResult,
    Usage,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSaid:
    """An error in its sender's own words, for whoever words it for people. "" means: not said.

    Any of it may quote what the user wrote: it is for that user, and never for a log.

    Attributes:
        raw_body: the whole answer or event, cut to a bound.
        message: the provider's sentence; `upstream_message` is that of the one behind it.
        upstream_type: the kind of error, in the upstream's word.
        moderation_reasons: why it was flagged.
        flagged_excerpt: what was flagged.
        metadata_json, provider_raw_json: pretty JSON of what came beside the message.
        native_finish_reason: the upstream's word for an end.
        chunk_id, chunk_created, model, provider: of the event of a stream that told the error.
        rate_limit_type: whose limit it is.
        required_cost, account_balance: in dollars, as far as the sentence tells.
        context_limit_tokens, output_tokens_max: as far as the sentence tells.
    """

    raw_body: str = field(default="", repr=False)
    message: str = field(default="", repr=False)
    upstream_message: str = field(default="", repr=False)
    upstream_type: str = ""
    moderation_reasons: tuple[str, ...] = ()
    flagged_excerpt: str = field(default="", repr=False)
    metadata_json: str = field(default="", repr=False)
    provider_raw_json: str = field(default="", repr=False)
    native_finish_reason: str = ""
    chunk_id: str = ""
    chunk_created: str = ""
    model: str = ""
    provider: str = ""
    rate_limit_type: str = ""
    required_cost: str = ""
    account_balance: str = ""
    context_limit_tokens: str = ""
    output_tokens_max: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorFacts:
    """What is known about a failure at a port.

    `detail` is the other side's own message. It may quote what the user wrote: show it to that
    user, and to nobody else; the same goes for all of `said`. `retry_after_s` is a floor in
    seconds for the next try, or None.
    """

    status: int | None = None
    code: str = ""
    error_type: str = ""
    provider: str = ""
    request_id: str = ""
    retry_after_s: float | None = None
    detail: str = field(default="", repr=False)
    said: ProviderSaid | None = field(default=None, repr=False)


class PortError(Exception):
    """Weather: something outside failed in a way that was to be expected.

    `transient` says whether the same call may succeed later.
    """

    transient = False

    def __init__(self, facts: ErrorFacts | None = None) -> None:
        self.facts = facts if facts is not None else ErrorFacts()
        super().__init__()

    @property
    def retry_after_s(self) -> float | None:
        """Floor in seconds for the next try, when the other side named one."""
        return self.facts.retry_after_s

    def __str__(self) -> str:
        known = (("status", self.facts.status), ("code", self.facts.code))
        return ", ".join(f"{name} {value}" for name, value in known if value)


class ProviderError(PortError):
    """The provider could not be reached, refused, or broke off."""


class RateLimited(ProviderError):
    """429 that a later try can cure."""

    transient = True


class QuotaExhausted(ProviderError):
    """429 that no retry cures before its reset (FACTS: the daily free-model limit)."""


class ProviderUnavailable(ProviderError):
    """5xx, an overloaded or unreachable upstream behind the provider."""

    transient = True


class ProviderTimedOut(ProviderError):
    """No headers, or no byte, within the time allowed; also a 408 or 504."""

    transient = True


class ConnectionFailed(ProviderError):
    """Refused, reset before the answer, DNS or TLS failure."""

    transient = True


class StreamBroken(ProviderError):
    """The stream ended, stalled or failed before its terminal event."""

    transient = True


class AuthRejected(ProviderError):
    """401: the key is missing, wrong or revoked."""


class CreditsExhausted(ProviderError):
    """402: no balance for this request."""


class BudgetInFlight(ProviderError):
    """402 that passes when requests in flight have been billed."""

    transient = True


class AccessRefused(ProviderError):
    """403: moderation, guardrail, region or key limit."""


class RequestRejected(ProviderError):
    """Another 4xx: the request itself is at fault."""


class AnswerMalformed(ProviderError):
    """The provider answered with something that is no answer: wrong type, empty, not JSON."""

    transient = True


class ToolError(PortError):
    """A tool gave no result. `facts.detail` is for the model to read."""


class ToolUnreachable(ToolError):
    """It cannot have run: nobody was there, or it refused before it began. Worth one more try."""

    transient = True


class ToolRefused(ToolError):
    """The call itself is at fault: no such tool, arguments that are no JSON or do not fit."""


class ToolTimedOut(ToolError):
    """It did not finish in time, and may have had an effect."""


class ToolBroke(ToolError):
    """It began and failed, and may have had an effect."""


class StoreError(PortError):
    """The artifact store could not do what it was asked to."""


class StoreBusy(StoreError):
    """Locked, timed out or out of connections: the same call may succeed in a moment."""

    transient = True


class StoreUnavailable(StoreError):
    """The database is away, or went away; whether the last commit took place is not known.

    Rows have ids of their own, so that saving them again is safe.
    """

    transient = True


class StoreMisfit(StoreError):
    """The store is there and of no use: a wrong password, other columns, no right, a full disk.

    `facts.detail` is for the admin and holds no secret.
    """


class ArchiveError(PortError):
    """A log archive could not be dealt with. `facts.detail` is for the admin: no secret in it."""


class ArchiveUnwritable(ArchiveError):
    """The folder cannot be written, or not now: no right, no room, something in the way."""

    transient = True


class ArchiveUnsupported(ArchiveError):
    """Archives cannot be made here at all: a package is missing, or there is no password."""


class Secret:
    """A string that never shows itself: not in `repr`, not in a log, not in an error."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the text itself; call it where it is used and nowhere before."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a request goes and how long each step may take, in seconds (None: no limit)."""

    base_url: str
    api_key: Secret
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 300.0
    total_timeout_s: float | None = None
    referer: str = ""


class ProviderCall(Struct, frozen=True, kw_only=True):
    """One HTTP attempt, ready to send. `path` is relative to the base URL (`/responses`).

    `headers` come on top of those that every request carries. Without `is_streaming` the answer
    is one JSON body instead of an event stream.
    """

    endpoint: Endpoint
    path: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    is_streaming: bool = True

    def __repr__(self) -> str:
        return f"ProviderCall({self.endpoint!r}, {self.path!r}, {len(self.body)} bytes)"

    @property
    def size_bytes(self) -> int:
        """What the call weighs in a mailbox."""
        return len(self.body)


class ProviderStream(Protocol):
    """The answer of one attempt, as raw bytes."""

    async def read(self) -> bytes:
        """Return what is buffered, at least one byte; `b""` at the end of the body.

        Raises:
            ProviderError: the connection broke, stalled or ran out of time.
        """

    def finish(self) -> None:
        """Give the connection back: what is left of a terminated body is not wanted."""

    def abort(self) -> None:
        """Close the connection at once. Harmless when it is closed already."""


class Provider(Protocol):
    """The provider's generation endpoint: one attempt per call, no retry, no breaker."""

    async def open(self, call: ProviderCall) -> ProviderStream:
        """Send the request and wait for the head of a 200 event stream (or of a JSON body).

        Raises:
            ProviderError: every other outcome, translated, with its facts.
        """


class StreamDecoder(Protocol):
    """Bytes of one stream to events; keeps what a read left unfinished. Pure, no I/O.

    The terminal event is the last one that is ever decoded.
    """

    @property
    def payloads(self) -> int:
        """How many events of the wire came so far, known or not; comments do not count."""

    def feed(self, data: bytes) -> Sequence[StreamEvent]:
        """Decode one socket read; deltas of a kind are joined."""

    def finish(self) -> Sequence[StreamEvent]:
        """Decode what is left at the end of the body."""


class Codec(Protocol):
    """House language to wire and back, for one endpoint. Pure."""

    def encode(self, request: ChatRequest, endpoint: Endpoint) -> ProviderCall:
        """Write the request body."""

    def decoder(self, *, is_streaming: bool = True) -> StreamDecoder:
        """Return a fresh decoder for one attempt: of an event stream, or of one JSON body.

        A body is decoded by `finish`, into the same events as a stream.
        """

    def error(self, failure: StreamFailure) -> ProviderError:
        """Translate what the provider reported inside a stream."""


class CatalogSource(Protocol):
    """Where the list of models comes from."""

    async def fetch(self, endpoint: Endpoint) -> Catalog:
        """Read the whole catalog once.

        Raises:
            ProviderError: not reachable, refused, empty, too large or not a catalog.
        """


class Remedies(Protocol):
    """What may be changed in a request that was refused, so that it goes through. Pure."""

    def find(
        self, request: ChatRequest, error: ProviderError, used: Collection[str]
    ) -> Remedied | None:
        """Return the changed request, or None where nothing (or nothing new) would help.

        Args:
            request: what was refused, before anything of an answer was shown.
            error: how.
            used: names of the remedies that this chat has used up.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedied:
    """A request changed by the remedy of this name, and what the reader should hear of it."""

    name: str
    request: ChatRequest
    notice: Noticed | None = None


class ArtifactStore(Protocol):
    """Where artifacts are kept. Every method blocks: call them on a thread.

    A store is used by one writer, several readers and one sweeper at a time, each on a thread of
    its own. What is kept may be sealed; the callers see only what was put in.
    """

    def open(self) -> None:
        """Connect, and make what is missing. Harmless when it is open.

        Raises:
            StoreError: it cannot be used, or not now.
        """

    def save(self, artifacts: Sequence[Artifact]) -> None:
        """Keep all of them or none, durably, in one transaction.

        An id that is there already counts as saved: whoever does not know whether a commit took
        place saves again.

        Raises:
            StoreError: nothing is known to be kept.
        """

    def load(self, chat_id: str, ids: Sequence[str]) -> Recalled:
        """Return those of this chat; each is kept for another full term from now (SPEC 156).

        Raises:
            StoreError: nothing can be read now. A single unreadable row is no error, but counted.
        """

    def forget(self, chat_id: str, ids: Sequence[str]) -> int:
        """Delete them; return how many there were.

        Raises:
            StoreError: it cannot be done now.
        """

    def sweep(self, older_than_s: float, rows_max: int) -> int:
        """Delete at most `rows_max` rows last used more than `older_than_s` seconds ago.

        Returns:
            How many were deleted; fewer than `rows_max`: there are no more.

        Raises:
            StoreError: it cannot be done now.
        """

    def close(self) -> None:
        """Let go of all connections. Harmless when it is closed."""


class Lease(Protocol):
    """Who of several processes does a job that one of them is to do."""

    def take(self, name: str, ttl_s: float) -> bool:
        """Take the job of this name for `ttl_s` seconds, or keep it for as long again. Blocks.

        Never raises: where nobody can be asked the answer is yes. Jobs under a lease do no harm
        when they are done twice.

        Returns:
            Whether it is this process's job; False while another one has it.
        """


class ToolBox(Protocol):
    """The tools of one chat, wherever they run."""

    async def invoke(self, call: ToolCall) -> ToolResult:
        """Run the call to its end. It may be cancelled at any moment.

        Raises:
            ToolError: it gave no result.
        """


class EventSink(Protocol):
    """Where a chat's events are shown. It never waits; it says when it is full.

    Implementations hold a hand-over bounded in bytes and render lazily.
    """

    def show(self, events: Sequence[Shown]) -> bool:
        """Take the events. False: full; stop sending until the callback of `when_room`."""

    def when_room(self, callback: Callable[[], object]) -> None:
        """Call `callback` once, on the loop, as soon as there is room again."""

    def finish(self, ending: Ending) -> None:
        """Close with the one terminal outcome. The second call is a bug."""


class Completed(Struct, frozen=True, kw_only=True, gc=False):
    """The model said all it wanted (or all it was allowed: `incomplete_reason`).

    `usage` is the sum over `rounds` provider calls. `tool_calls` were run on the way; `has_calls`
    says that the answer ends with calls for whoever asked.
    """

    usage: Usage | None = None
    incomplete_reason: str | None = None
    rounds: int = 1
    tool_calls: int = 0
    has_calls: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The answer ended with an error; what was shown before stays.

    `error` is a `PortError` for weather, anything else is a bug of ours. `error_id` stands in
    the log as well.
    """

    error: BaseException
    error_id: str
    shown: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """The user stopped it or went away."""


Ending = Completed | Failed | Cancelled


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLogSettings:
    """How session logs are kept (the SESSION_LOG_* valves).

    Attributes:
        is_enabled: nothing is collected without it.
        folder: where archives go, in a folder for each user and chat.
        password: of the archives; without one there are none.
        retention_days, cleanup_interval_s: how long they are kept, and how often that is looked at.
        compression, compress_level: of the archives; None leaves the level to the method.
        lines_max: lines of one request.
        log_format: what an archive holds.
        assembler_interval_s, assembler_jitter_s: the wait before staged segments are looked for.
        batch_max: messages that are assembled in one go.
        stale_finalize_s: age at which segments without an end are assembled as they are.
        lock_stale_s: age at which the lock of another process is void.
    """

    is_enabled: bool = False
    folder: str = "session_logs"
    password: Secret = field(default_factory=lambda: Secret(""))
    retention_days: int = 90
    cleanup_interval_s: float = 3600.0
    compression: Compression = Compression.LZMA
    compress_level: int | None = None
    lines_max: int = 20_000
    log_format: LogFormat = LogFormat.JSONL
    assembler_interval_s: float = 15.0
    assembler_jitter_s: float = 10.0
    batch_max: int = 25
    stale_finalize_s: float = 21_600.0
    lock_stale_s: float = 1_800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class UseLogSettings:
    """To those who look after session logs: keep them like this from now on."""

    settings: SessionLogSettings = field(repr=False)


class SegmentStore(Protocol):
    """Where segments wait to be assembled. Every method blocks: call them on a thread.

    Several threads, and several processes, may use it at once.
    """

    def stage(self, segment: LogSegment) -> None:
        """Keep it durably. An id that is there already counts as kept.

        Raises:
            StoreError: it is not known to be kept.
        """

    def pending(
        self, *, stale_before_s: float, after_id: str, bundles_max: int
    ) -> Sequence[PendingBundle]:
        """List what can be assembled, by the ids of the oldest segments, which are unique.

        Args:
            stale_before_s: what has no end is listed if all of it was sealed before this time.
            after_id: list only what comes after this `first_id`; "" begins at the beginning.
            bundles_max: how many at the most.

        Raises:
            StoreError: it cannot be told now.
        """

    def lock(self, key: BundleKey, *, holder: str, now_s: float, stale_before_s: float) -> bool:
        """Take the lock of one message, from its holder if that took it before `stale_before_s`.

        Returns:
            False where somebody else holds it. Who holds it already takes it again.

        Raises:
            StoreError: nobody knows whether it was taken; it will be stale some day.
        """

    def unlock(self, key: BundleKey, *, holder: str) -> None:
        """Give the lock back; harmless where somebody else has it by now.

        Raises:
            StoreError: it cannot be done now; it will be stale some day.
        """

    def load(self, key: BundleKey) -> StagedSegments:
        """Return all that is staged of one message.

        Raises:
            StoreError: nothing can be read now. An unreadable segment is no error, but counted.
        """

    def remove(self, ids: Sequence[str]) -> None:
        """Delete segments; harmless where they are gone.

        Raises:
            StoreError: it cannot be done now.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Filed:
    """Where lines have gone.

    Attributes:
        path: of the archive.
        kept_aside: what an older archive that could not be read is called now; "" for none.
    """

    path: str
    kept_aside: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What a sweep removed; `is_done`: there is nothing more that has expired."""

    files: int = 0
    folders: int = 0
    is_done: bool = True


class LogArchive(Protocol):
    """Where session logs end up. Every method blocks: call them on a thread."""

    def merge(self, bundle: LogBundle, settings: SessionLogSettings) -> Filed:
        """Put a bundle into the archive of its message, once, however often it is called.

        Raises:
            ArchiveError: the archive is as it was before.
        """

    def write_direct(self, segment: LogSegment, settings: SessionLogSettings) -> Filed:
        """Put a segment that could not be staged into an archive of its own (SPEC 171).

        Raises:
            ArchiveError: it is not kept.
        """

    def sweep(self, settings: SessionLogSettings, *, files_max: int) -> Swept:
        """Remove at most `files_max` archives that have expired, and folders that are empty.

        Raises:
            ArchiveError: the folder cannot be read.
        """
