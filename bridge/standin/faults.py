"""Every way in which a provider is known to fail, by name. Pure data.

The names are the vocabulary of the stand-in server, of the simulation and of reports. A member
knows three facts: what it imitates, when it strikes, and whether the same request may succeed
later. What a fault looks like on the wire stands in `error_answers` and `stream_faults`.
"""

from __future__ import annotations

from enum import Enum
from typing import Self


class Moment(Enum):
    """When a fault strikes, as the person waiting for the answer sees it."""

    BEFORE_OUTPUT = "before-output"
    AFTER_OUTPUT = "after-output"
    # The form is odd, the content is whole: a good client shows the complete answer.
    HARMLESS = "harmless"


_EARLY = Moment.BEFORE_OUTPUT
_LATE = Moment.AFTER_OUTPUT
_ODD = Moment.HARMLESS
# Whether the same request may succeed later.
_PASSES = True
_STAYS = False

_STATUS_PREFIX = "status-"


class ProviderFault(Enum):
    """One fault. The value is its name; `429-plain` is accepted for `status-429-plain`."""

    moment: Moment
    is_transient: bool
    imitates: str

    # --- refused with a status, before any stream ---------------------------------------------
    STATUS_400 = "status-400", _EARLY, _STAYS, "a bad request, found by the platform itself"
    STATUS_400_UPSTREAM_RAW = (
        "status-400-upstream-raw",
        _EARLY,
        _STAYS,
        "a provider's 400 whose cause is JSON inside a string in metadata.raw",
    )
    STATUS_400_CONTEXT_LENGTH = (
        "status-400-context-length",
        _EARLY,
        _STAYS,
        "a prompt longer than the model's context, with earlier attempts listed",
    )
    STATUS_400_REASONING_REJECTED = (
        "status-400-reasoning-rejected",
        _EARLY,
        _STAYS,
        "replayed reasoning that the provider cannot verify; cured by leaving it out",
    )
    STATUS_400_VALIDATION = (
        "status-400-validation",
        _EARLY,
        _STAYS,
        "a validation error with a word as its code and metadata beside the error",
    )
    STATUS_401 = "status-401", _EARLY, _STAYS, "a missing, wrong or revoked key"
    STATUS_402_CREDITS = "status-402-credits", _EARLY, _STAYS, "too little balance"
    STATUS_402_KEY_CAP = "status-402-key-cap", _EARLY, _STAYS, "the key's own spending cap"
    STATUS_402_IN_FLIGHT = (
        "status-402-in-flight",
        _EARLY,
        _PASSES,
        "a small balance bound by other running requests; the one 402 that passes",
    )
    STATUS_403_MODERATION = "status-403-moderation", _EARLY, _STAYS, "input flagged by moderation"
    STATUS_403_KEY_LIMIT = "status-403-key-limit", _EARLY, _STAYS, "the key's daily limit"
    STATUS_404 = "status-404", _EARLY, _STAYS, "a model that no provider serves any more"
    STATUS_404_TOOLS = "status-404-tools", _EARLY, _STAYS, "no endpoint that can use tools"
    STATUS_404_POLICY = "status-404-policy", _EARLY, _STAYS, "no endpoint within the data policy"
    STATUS_408 = "status-408", _EARLY, _PASSES, "a request that timed out on the platform"
    STATUS_413 = "status-413", _EARLY, _STAYS, "a body that is too large"
    STATUS_422 = "status-422", _EARLY, _STAYS, "a body that cannot be processed"
    STATUS_429_PLAIN = "status-429-plain", _EARLY, _PASSES, "a busy upstream, no Retry-After"
    STATUS_429_RETRY_AFTER_SECONDS = (
        "status-429-retry-after-seconds",
        _EARLY,
        _PASSES,
        "a busy upstream that asks for one second",
    )
    STATUS_429_RETRY_AFTER_DATE = (
        "status-429-retry-after-date",
        _EARLY,
        _PASSES,
        "Retry-After as an HTTP date, already past",
    )
    STATUS_429_RETRY_AFTER_ABSURD = (
        "status-429-retry-after-absurd",
        _EARLY,
        _PASSES,
        "a Retry-After of more than thirty years",
    )
    STATUS_429_RETRY_AFTER_GARBAGE = (
        "status-429-retry-after-garbage",
        _EARLY,
        _PASSES,
        "a Retry-After that is neither a number nor a date",
    )
    STATUS_429_DAILY_QUOTA = (
        "status-429-daily-quota",
        _EARLY,
        _STAYS,
        "the daily allowance of free models; no retry cures it before the reset",
    )
    STATUS_500 = "status-500", _EARLY, _PASSES, "a failure of the platform, told in general words"
    STATUS_502 = "status-502", _EARLY, _PASSES, "an upstream that dropped the connection"
    STATUS_503 = "status-503", _EARLY, _PASSES, "no provider available, with Retry-After"
    STATUS_504 = "status-504", _EARLY, _PASSES, "an upstream that took too long"
    STATUS_524 = "status-524", _EARLY, _PASSES, "the edge's own time limit"
    STATUS_529 = "status-529", _EARLY, _PASSES, "an overloaded provider"
    HTML_ERROR_BODY = "html-error-body", _EARLY, _PASSES, "a 502 page in HTML made by the edge"
    EMPTY_ERROR_BODY = "empty-error-body", _EARLY, _PASSES, "a 502 without a body"
    ERROR_CODE_TEXT = "error-code-text", _EARLY, _PASSES, "a 503 whose error code is a string"
    ERROR_WITHOUT_CODE = "error-without-code", _EARLY, _PASSES, "a 502 whose error has no code"
    REDIRECT_LOOP = "redirect-loop", _EARLY, _STAYS, "a 307 that points at itself"

    # --- an answer of 200 that is none --------------------------------------------------------
    ERROR_ONLY_200 = "error-only-200", _EARLY, _PASSES, "a 200 JSON body with only an error in it"
    ERROR_IN_CHOICE_200 = (
        "error-in-choice-200",
        _EARLY,
        _STAYS,
        "a 200 JSON body that carries its error in the first choice",
    )
    EMPTY_200 = "empty-200", _EARLY, _PASSES, "a 200 event stream of zero bytes"
    HTML_200 = "html-200", _EARLY, _PASSES, "a 200 page in HTML, as a captive portal sends"
    WRONG_CONTENT_TYPE = (
        "wrong-content-type",
        _EARLY,
        _PASSES,
        "an event stream labelled as a binary file",
    )
    TRUNCATED_GZIP = "truncated-gzip", _EARLY, _PASSES, "a compressed body that ends too early"

    # --- the connection, before output --------------------------------------------------------
    CONNECT_RESET = "connect-reset", _EARLY, _PASSES, "a reset instead of an answer"
    CLOSE_BEFORE_HEADERS = "close-before-headers", _EARLY, _PASSES, "a close without one byte"
    HALF_HEADERS = "half-headers", _EARLY, _PASSES, "a close in the middle of the headers"
    GARBAGE_STATUS_LINE = "garbage-status-line", _EARLY, _PASSES, "an answer that is not HTTP"
    SLOW_HEADERS = "slow-headers", _EARLY, _PASSES, "headers that take a while, then all is fine"
    HALF_OPEN = "half-open", _EARLY, _PASSES, "a peer that accepted and never says a word"
    HALF_OPEN_AFTER_HEADERS = (
        "half-open-after-headers",
        _EARLY,
        _PASSES,
        "headers, then silence on an open connection",
    )
    SLOW_FIRST_TOKEN = "slow-first-token", _EARLY, _PASSES, "a long wait before the first text"
    KEEP_ALIVES_ONLY = "keep-alives-only", _EARLY, _PASSES, "comments for ever and no event"
    CUT_BEFORE_OUTPUT = "cut-before-output", _EARLY, _PASSES, "a stream cut before any text"
    RESET_BEFORE_OUTPUT = "reset-before-output", _EARLY, _PASSES, "a reset before any text"
    CLEAN_END_BEFORE_OUTPUT = (
        "clean-end-before-output",
        _EARLY,
        _PASSES,
        "a body that ends properly before any text",
    )
    FAILED_BEFORE_OUTPUT = (
        "failed-before-output",
        _EARLY,
        _PASSES,
        "a rate limit reported inside the stream, before any text",
    )
    FAILED_FOR_GOOD_BEFORE_OUTPUT = (
        "failed-for-good-before-output",
        _EARLY,
        _STAYS,
        "a refused prompt reported inside the stream, before any text",
    )

    # --- the connection, after output ---------------------------------------------------------
    CUT_MID_FRAME = "cut-mid-frame", _LATE, _PASSES, "a close inside an event"
    CUT_BETWEEN_FRAMES = "cut-between-frames", _LATE, _PASSES, "a close between two events"
    CUT_MID_CHUNK_HEADER = (
        "cut-mid-chunk-header",
        _LATE,
        _PASSES,
        "a close inside the length line of an HTTP chunk",
    )
    CUT_MID_CODE_POINT = (
        "cut-mid-code-point",
        _LATE,
        _PASSES,
        "a close inside a character of several bytes",
    )
    RESET_MID_STREAM = "reset-mid-stream", _LATE, _PASSES, "a reset in the middle of the text"
    STALL_BETWEEN_FRAMES = (
        "stall-between-frames",
        _LATE,
        _PASSES,
        "a long pause in the middle of the text, then the rest",
    )
    HALF_OPEN_MID_STREAM = (
        "half-open-mid-stream",
        _LATE,
        _PASSES,
        "silence for ever in the middle of the text",
    )
    CLEAN_END_WITHOUT_COMPLETION = (
        "clean-end-without-completion",
        _LATE,
        _PASSES,
        "a body that ends properly, without a terminal event",
    )
    DONE_WITHOUT_COMPLETION = (
        "done-without-completion",
        _LATE,
        _PASSES,
        "[DONE] in the middle of the text, without a terminal event",
    )

    GARBAGE_FOR_GOOD = (
        "garbage-for-good",
        _LATE,
        _PASSES,
        "text that turns into undecodable events, and a body that ends properly after them",
    )

    # --- an error reported inside the stream, after output ------------------------------------
    RESPONSE_FAILED = "response-failed", _LATE, _PASSES, "a response.failed event"
    ERROR_FLAT = "error-flat", _LATE, _PASSES, "an error event with code and message at its top"
    ERROR_NESTED = (
        "error-nested",
        _LATE,
        _PASSES,
        "an error event with an error object, then response.failed",
    )
    RESPONSE_ERROR = "response-error", _LATE, _PASSES, "a response.error event"
    CHAT_ERROR_TYPED = (
        "chat-error-typed",
        _LATE,
        _PASSES,
        "a chat chunk with an error and finish_reason error, no [DONE]",
    )
    CHAT_ERROR_EMPTY_CHOICES = (
        "chat-error-empty-choices",
        _LATE,
        _PASSES,
        "a chat chunk with an error and no choices",
    )
    CHAT_ERROR_BARE = "chat-error-bare", _LATE, _PASSES, "a chat chunk that is only an error"
    CHAT_FINISH_ERROR = (
        "chat-finish-error",
        _LATE,
        _STAYS,
        "finish_reason error without an error; only the native reason tells",
    )
    CHAT_ERROR_AFTER_LENGTH = (
        "chat-error-after-length",
        _LATE,
        _STAYS,
        "an error about the token limit after finish_reason length: the text counts",
    )

    # --- odd form, whole answer ---------------------------------------------------------------
    COMMENT_FLOOD = "comment-flood", _ODD, _PASSES, "keep-alive comments by the hundred"
    NO_DONE = "no-done", _ODD, _PASSES, "an end without [DONE]"
    DOUBLE_DONE = "double-done", _ODD, _PASSES, "[DONE] twice"
    DATA_AFTER_DONE = "data-after-done", _ODD, _PASSES, "more text after [DONE]: not an answer"
    OPEN_AFTER_DONE = "open-after-done", _ODD, _PASSES, "a body that never ends after [DONE]"
    CUT_AFTER_COMPLETION = (
        "cut-after-completion",
        _ODD,
        _PASSES,
        "a close after the terminal event and before [DONE]",
    )
    GARBAGE_BEFORE_TEXT = "garbage-before-text", _ODD, _PASSES, "an undecodable event at first"
    GARBAGE_BETWEEN_TEXT = "garbage-between-text", _ODD, _PASSES, "one in the middle of the text"
    GARBAGE_AFTER_TEXT = "garbage-after-text", _ODD, _PASSES, "one after the terminal event"
    INVALID_UTF8 = "invalid-utf8", _ODD, _PASSES, "an event of bytes that are not UTF-8"
    SPLIT_EVERYWHERE = "split-everywhere", _ODD, _PASSES, "every byte in a chunk of its own"
    SPLIT_CODE_POINT = "split-code-point", _ODD, _PASSES, "chunks that end inside characters"
    CRLF = "crlf", _ODD, _PASSES, "lines that end with CR LF"
    CR_ONLY = "cr-only", _ODD, _PASSES, "lines that end with CR alone"
    BOM = "bom", _ODD, _PASSES, "a byte order mark in front of the stream"
    NO_SPACE_AFTER_COLON = "no-space-after-colon", _ODD, _PASSES, "data:{ without a space"
    MULTI_LINE_DATA = "multi-line-data", _ODD, _PASSES, "one event over several data lines"
    EXTRA_FIELDS = "extra-fields", _ODD, _PASSES, "event, id and retry lines around the data"
    UNTERMINATED_LAST_EVENT = (
        "unterminated-last-event",
        _ODD,
        _PASSES,
        "a terminal event without the blank line that should follow, and no [DONE]",
    )
    GIANT_FRAME = "giant-frame", _ODD, _PASSES, "one event of half a megabyte"
    USAGE_MISSING = "usage-missing", _ODD, _PASSES, "an answer that never tells its usage"

    def __new__(cls, name: str, moment: Moment, is_transient: bool, imitates: str) -> Self:
        """Keep the name as the value and the facts as attributes."""
        member = object.__new__(cls)
        member._value_ = name
        member.moment = moment
        member.is_transient = is_transient
        member.imitates = imitates
        return member

    @classmethod
    def named(cls, name: str) -> ProviderFault:
        """Return the fault of that name, with or without `status-` in front.

        Raises:
            ValueError: there is none.
        """
        wanted = (name, f"{_STATUS_PREFIX}{name}")
        found = next((fault for fault in cls if fault.value in wanted), None)
        if found is None:
            raise ValueError(name)
        return found

    @classmethod
    def _missing_(cls, value: object) -> ProviderFault | None:
        # Decoders look members up by value; they accept the short names as well.
        wanted = f"{_STATUS_PREFIX}{value}"
        return next((fault for fault in cls if fault.value == wanted), None)

    @property
    def is_curable(self) -> bool:
        """Whether trying again helps: the cause passes, and nothing has been shown yet."""
        return self.is_transient and self.moment is Moment.BEFORE_OUTPUT

    @property
    def leaves_answer_whole(self) -> bool:
        """Whether a good client shows the complete answer in spite of it."""
        return self.moment is Moment.HARMLESS


def faults_at(moment: Moment) -> tuple[ProviderFault, ...]:
    """Return the faults that strike at that moment, in the order of the list."""
    return tuple(fault for fault in ProviderFault if fault.moment is moment)


def curable_faults() -> tuple[ProviderFault, ...]:
    """Return the faults that another try may cure, in the order of the list."""
    return tuple(fault for fault in ProviderFault if fault.is_curable)
