"""What a session log is made of, before it becomes an archive (SPEC 166-175).

A request's records are collected as entries. When the request ends, they are sealed as a segment,
which is staged. All segments of one message make a bundle, and a bundle goes into an archive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from msgspec import Struct

# What a segment weighs in a mailbox beside its texts, for each entry.
_ENTRY_BYTES = 100


class LogOwner(Struct, frozen=True, kw_only=True, gc=False):
    """Whose log it is. Ids come from outside: any text, of any length."""

    user_id: str
    chat_id: str
    message_id: str
    request_id: str
    session_id: str = ""


class LogEntry(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One record, formatted, as the server's own log would show it.

    Attributes:
        ts_s: seconds since 1970.
        level, logger: by name.
        module, func, lineno: the place in the code.
        event_type: what kind of event it is; `log` for an ordinary line.
        exception: the traceback; "" where there is none.
    """

    ts_s: float
    level: str
    logger: str
    module: str
    func: str
    lineno: int
    message: str
    event_type: str = "log"
    exception: str = ""


class LogSegment(Struct, frozen=True, kw_only=True):
    """All that one request logged.

    Attributes:
        id: unique, 20 characters, sortable by time; staging it twice stages it once.
        created_s: when it was sealed, seconds since 1970.
        is_terminal: whether the answer is at its end. A round whose tools somebody else runs ends
            a request, and not the answer (SPEC 168).
    """

    id: str
    owner: LogOwner
    entries: tuple[LogEntry, ...]
    created_s: float
    is_terminal: bool

    def __repr__(self) -> str:
        return f"LogSegment({self.id!r}, {len(self.entries)} entries)"

    @property
    def size_bytes(self) -> int:
        """About what the segment weighs in a mailbox."""
        return sum(
            _ENTRY_BYTES + len(entry.message) + len(entry.exception) for entry in self.entries
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleKey:
    """Which message, in the form in which a store keeps ids; segments know the ids themselves."""

    chat_id: str
    message_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingBundle:
    """A bundle that can be assembled. `first_id` is the id of its oldest segment."""

    key: BundleKey
    first_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedSegments:
    """What a store holds of one message.

    Attributes:
        segments: the oldest first.
        ids: of everything that was found, readable or not.
        unreadable: how many could not be read, and never will be.
    """

    segments: tuple[LogSegment, ...] = ()
    ids: tuple[str, ...] = ()
    unreadable: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LogBundle:
    """What goes into the archive of one message.

    Attributes:
        segments: all of the same user, chat and message; at least one.
        is_complete: whether the end of the answer is among them.
        unreadable: how many more there were that could not be read.
    """

    segments: tuple[LogSegment, ...]
    is_complete: bool
    unreadable: int = 0


class LogFormat(Enum):
    """How an archive holds its lines."""

    JSONL = "jsonl"
    TEXT = "text"
    BOTH = "both"


class Compression(Enum):
    """How an archive is compressed."""

    STORED = "stored"
    DEFLATED = "deflated"
    BZIP2 = "bzip2"
    LZMA = "lzma"


def bundles_of(staged: StagedSegments) -> tuple[LogBundle, ...]:
    """Put what was staged of one message together: one bundle for each user that is named.

    There is one user, unless somebody sends another's ids; then neither reads the other's lines.
    """
    by_owner: dict[tuple[str, str, str], list[LogSegment]] = {}
    for segment in staged.segments:
        owner = segment.owner
        by_owner.setdefault((owner.user_id, owner.chat_id, owner.message_id), []).append(segment)
    return tuple(_bundle(segments, staged.unreadable) for segments in by_owner.values())


def _bundle(segments: Sequence[LogSegment], unreadable: int) -> LogBundle:
    return LogBundle(
        segments=tuple(segments),
        is_complete=any(segment.is_terminal for segment in segments),
        unreadable=unreadable,
    )
