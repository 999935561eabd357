"""Bytes of a server-sent event stream to the payloads of its events. Pure, no I/O.

Only `data` matters here: `event`, `id`, `retry`, comments and unknown fields are dropped,
because the JSON inside says its own type. A read may end anywhere, also inside a character or
between the two bytes of a CRLF. All three line ends of the SSE rules are taken (SPEC 81).

Only whole events are looked at: bytes after the last blank line wait. Cost is linear in the
bytes, however small the reads are: what waits is only appended to, and joined once.
"""

from __future__ import annotations

from actors.ports import ErrorFacts, StreamBroken

EVENT_BYTES_MAX = 64 * 1024 * 1024

_BOM = b"\xef\xbb\xbf"
_BOM_START = _BOM[:1]
_FIELD = b"data:"
_FIELD_SPACED = b"data: "
_FIELD_CHARS = len(_FIELD_SPACED)
# Its own and the blank line.
_LINE_ENDS_OF_ONE = 2
_EVENT = b"event:"
_BLANK_LINE = b"\n\n"


class SseDecoder:
    """Cuts one stream into event payloads and keeps what a read left unfinished.

    `event_bytes_max` bounds what may be held back for one event. It is high on purpose: a single
    event can repeat every tool, or carry a picture.
    """

    __slots__ = ("_at_start", "_event_bytes_max", "_rest", "_skip_lf")

    def __init__(self, *, event_bytes_max: int = EVENT_BYTES_MAX) -> None:
        self._event_bytes_max = event_bytes_max
        self._rest = bytearray()
        self._skip_lf = False
        self._at_start = True

    def feed(self, data: bytes) -> list[bytes]:
        """Take one read; return the payloads that it completed, in order.

        Raises:
            StreamBroken: one event grew past `event_bytes_max`.
        """
        if self._at_start:
            data = self._without_bom(data)
        if self._skip_lf or b"\r" in data:
            data = self._with_lf_only(data)
        rest = self._rest
        if not rest and data.endswith(_BLANK_LINE):
            return _payloads(data)
        cut = data.rfind(_BLANK_LINE) + 2
        if cut == 1:
            # The two line ends of a blank line may come in two reads.
            if not (rest.endswith(b"\n") and data.startswith(b"\n")):
                rest += data
                self._check_size()
                return []
            cut = 1
        whole = b"".join((rest, data[:cut])) if rest else data[:cut]
        self._rest = bytearray(data[cut:])
        self._check_size()
        return _payloads(whole)

    def finish(self) -> list[bytes]:
        """Return the last payload when the body ended without its blank line."""
        payloads = _payloads_by_line(bytes(self._rest) + _BLANK_LINE)
        self._rest.clear()
        return payloads

    def _without_bom(self, data: bytes) -> bytes:
        """Drop a byte order mark, waiting for all of it before anything is decided."""
        if self._rest:
            data = bytes(self._rest) + data
            self._rest.clear()
        if data and not data.startswith(_BOM_START):
            # Nearly always.
            self._at_start = False
            return data
        if len(data) < len(_BOM) and _BOM.startswith(data):
            self._rest += data
            return b""
        self._at_start = False
        return data.removeprefix(_BOM)

    def _with_lf_only(self, data: bytes) -> bytes:
        """Turn CRLF and CR into LF. A CR at the end of a read ends its line at once."""
        if not data:
            return data
        if self._skip_lf:
            data = data.removeprefix(b"\n")
        self._skip_lf = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _check_size(self) -> None:
        if len(self._rest) > self._event_bytes_max:
            raise StreamBroken(ErrorFacts(code="event_too_large"))


def _payloads(whole: bytes) -> list[bytes]:
    """Cut complete events into payloads; the usual shapes cost one split."""
    if whole.startswith(_FIELD_SPACED):
        line_ends = whole.count(b"\n")
        if line_ends == _LINE_ENDS_OF_ONE:
            return [whole[_FIELD_CHARS:-2]]
        payloads = whole[_FIELD_CHARS:-2].split(b"\n\ndata: ")
        # As many line ends as two an event: there was nothing else in between.
        if line_ends == 2 * len(payloads):
            return payloads
    payloads = []
    for block in whole[:-2].split(_BLANK_LINE):
        first, line_end, second = block.partition(b"\n")
        if first.startswith(_EVENT) and second.startswith(_FIELD_SPACED) and b"\n" not in second:
            payloads.append(second[_FIELD_CHARS:])
        elif first.startswith(_FIELD_SPACED) and not line_end:
            payloads.append(first[_FIELD_CHARS:])
        else:
            payloads += _payloads_by_line(block + _BLANK_LINE)
    return payloads


def _payloads_by_line(whole: bytes) -> list[bytes]:
    """Follow the SSE rules line by line: comments, other fields, several `data` lines."""
    payloads: list[bytes] = []
    lines: list[bytes] = []
    for line in whole[:-1].split(b"\n"):
        if line.startswith(_FIELD):
            lines.append(line[6:] if line.startswith(_FIELD_SPACED) else line[5:])
        elif not line:
            if lines:
                payloads.append(b"\n".join(lines))
                lines.clear()
        elif line == b"data":
            lines.append(b"")
    return payloads
