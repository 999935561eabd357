"""A segment as a row of the table of artifacts, and back (SPEC 151, 168, 169). Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, Protocol

import msgspec

from actors.log_values import BundleKey, LogSegment

SEGMENT: Final = "session_log_segment"
TERMINAL: Final = "session_log_terminal"
LOCK: Final = "session_log_lock"

ID_CHARS: Final = 20
_COLUMN_CHARS_MAX: Final = 64
_DIGEST: Final = "~"
_VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRow:
    """The columns of one row, without its time. `payload` is JSON text."""

    id: str
    chat_id: str
    message_id: str
    item_type: str
    model_id: str = ""
    payload: str = field(default="{}", repr=False)
    is_encrypted: bool = False


class PackingBroken(Exception):
    """A payload does not open: damaged, moved, or made with a key that is not at hand."""


class Packing(Protocol):
    """Seals the payloads of rows, as the artifacts' are sealed. Used by several threads at once."""

    def pack(self, row: SegmentRow) -> SegmentRow:
        """Return the row as it is stored."""

    def unpack(self, row: SegmentRow) -> SegmentRow:
        """Return the row as it was.

        Raises:
            PackingBroken: nobody can.
        """


class NoPacking:
    """Rows are stored as they are; sealed ones do not open."""

    def pack(self, row: SegmentRow) -> SegmentRow:
        """See `Packing`."""
        return row

    def unpack(self, row: SegmentRow) -> SegmentRow:
        """See `Packing`."""
        if row.is_encrypted:
            raise PackingBroken
        return row


class SegmentUnreadable(Exception):
    """A row holds no segment, or one of a form that nobody here knows."""


class _Payload(msgspec.Struct, frozen=True, kw_only=True):
    """What the payload says."""

    type: str
    version: int
    segment: LogSegment


def row_of(segment: LogSegment) -> SegmentRow:
    """Write a segment as a row."""
    kind = TERMINAL if segment.is_terminal else SEGMENT
    payload = _Payload(type=kind, version=_VERSION, segment=segment)
    return SegmentRow(
        id=segment.id,
        chat_id=column(segment.owner.chat_id),
        message_id=column(segment.owner.message_id),
        item_type=kind,
        payload=msgspec.json.encode(payload).decode(),
    )


def segment_of(row: SegmentRow) -> LogSegment:
    """Read a row.

    Raises:
        SegmentUnreadable: it holds no segment.
    """
    try:
        payload = msgspec.json.decode(row.payload, type=_Payload)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise SegmentUnreadable from None
    if payload.version != _VERSION:
        raise SegmentUnreadable
    return payload.segment


def key_of(segment: LogSegment) -> BundleKey:
    """Return the key under which a segment is staged."""
    owner = segment.owner
    return BundleKey(chat_id=column(owner.chat_id), message_id=column(owner.message_id))


def lock_id(key: BundleKey) -> str:
    """Return the id of a message's lock, the same in every process."""
    text = "\0".join((LOCK, key.chat_id, key.message_id))
    return sha256(text.encode()).hexdigest()[:ID_CHARS]


def column(text: str) -> str:
    """Return what a column holds for an id: itself, or a digest where it does not fit.

    NUL and half pairs of code units are taken by no database; what looks like a digest gets one,
    so that no id can stand for another.
    """
    if len(text) <= _COLUMN_CHARS_MAX and "\0" not in text and not text.startswith(_DIGEST):
        try:
            text.encode()
        except UnicodeEncodeError:
            pass
        else:
            return text
    digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return (_DIGEST + digest)[:_COLUMN_CHARS_MAX]
