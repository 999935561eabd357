"""A /responses answer that comes as one JSON body, to the events of a stream. Pure, no I/O.

A body is what a stream's terminal event carries. So it is given that event's name, and all that
was not streamed before is told from it: once, and by the same rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Raw, Struct

from actors.ports import ErrorFacts, StreamBroken
from actors.values import StreamEvent
from bridge.openrouter.codec_responses_events import EventReader
from bridge.openrouter.wire_responses import UNDECODABLE, is_told, text_of
from bridge.openrouter.wire_text import read_leniently, write_mended

BODY_BYTES_MAX: Final = 64 * 1024 * 1024
"""A body may carry several pictures; more than this is no answer."""

_EVENTS: Final = {
    "completed": b"response.completed",
    "incomplete": b"response.incomplete",
    "failed": b"response.failed",
    "cancelled": b"response.failed",
}
_UNFINISHED: Final = frozenset({"in_progress", "queued"})
_NOTHING = Raw()


class _Head(Struct, gc=False):
    type: Raw = _NOTHING
    status: Raw = _NOTHING
    output: Raw = _NOTHING
    error: Raw = _NOTHING


_read_head = msgspec.json.Decoder(_Head).decode


class ResponsesBodyDecoder:
    """The `StreamDecoder` of one JSON body: it gathers, and `finish` tells everything."""

    __slots__ = ("_body", "_payloads")

    def __init__(self) -> None:
        self._body = bytearray()
        self._payloads = 0

    @property
    def payloads(self) -> int:
        """How many reads brought a piece of the body; white space only keeps a connection."""
        return self._payloads

    def feed(self, data: bytes) -> Sequence[StreamEvent]:
        """Gather one socket read.

        Raises:
            StreamBroken: the body is larger than any real one.
        """
        if len(self._body) + len(data) > BODY_BYTES_MAX:
            raise StreamBroken(ErrorFacts(code="body_too_large"))
        self._body += data
        if data and not data.isspace():
            self._payloads += 1
        return ()

    def finish(self) -> Sequence[StreamEvent]:
        """Decode the body. One that is no finished answer yields no `StreamEnded`."""
        body = bytes(self._body).strip()
        self._body.clear()
        if not body:
            return ()
        reader = EventReader()
        events = reader.read_one(_as_event(_as_utf8(body)))
        reader.close()
        return [*events, *reader.take_events()]


def _as_utf8(body: bytes) -> bytes:
    """Replace what is no UTF-8: it shall cost a character, not the text around it."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return body.decode("utf-8", "replace").encode()
    return body


def _as_event(body: bytes) -> bytes:
    """Write the terminal event that would have carried this body."""
    try:
        head = _read_head(body)
    except UNDECODABLE:
        document = read_leniently(body)
        if not isinstance(document, dict):
            return body
        body = write_mended(document)
        try:
            head = _read_head(body)
        except UNDECODABLE:
            return body
    status = text_of(head.status)
    if status in _UNFINISHED:
        return b""
    if status not in _EVENTS and not is_told(head.output):
        # An error and nothing else is an event of its own.
        return body
    event = b"response.failed" if is_told(head.error) else _EVENTS.get(status)
    return b'{"type":"%b","response":%b}' % (event or b"response.completed", body)
