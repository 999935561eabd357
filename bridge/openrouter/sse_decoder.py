"""Bytes of a server-sent event stream to the payloads of its events. Pure, no I/O.

Only `data` matters here: `event`, `id`, `retry`, comments and unknown fields are dropped,
because the JSON inside says its own type. A read may end anywhere, also inside a character or
between the two bytes of a CRLF. All three line ends of the SSE rules are taken (SPEC 81).

Cost is linear in the bytes, however small the reads are: bytes without a line end are only
appended, and each byte is joined once, when its line is complete.
"""

from __future__ import annotations

from actors.ports import ErrorFacts, StreamBroken

EVENT_BYTES_MAX = 64 * 1024 * 1024

_BOM = b"\xef\xbb\xbf"
_FIELD = b"data:"
_FIELD_SPACED = b"data: "


class SseDecoder:
    """Cuts one stream into event payloads and keeps what a read left unfinished.

    `event_bytes_max` bounds what may be held back for one event. It is high on purpose: a single
    event can repeat every tool, or carry a picture.
    """

    __slots__ = ("_at_start", "_event_bytes_max", "_line", "_lines", "_lines_bytes", "_skip_lf")

    def __init__(self, *, event_bytes_max: int = EVENT_BYTES_MAX) -> None:
        self._event_bytes_max = event_bytes_max
        self._line = bytearray()
        self._lines: list[bytes] = []
        self._lines_bytes = 0
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
        cut = data.rfind(b"\n") + 1
        if not cut:
            self._line += data
            self._check_size()
            return []
        whole = b"".join((self._line, data[:cut])) if self._line else data[:cut]
        self._line = bytearray(data[cut:])
        payloads = self._payloads(whole)
        self._check_size()
        return payloads

    def finish(self) -> list[bytes]:
        """Return the last payload when the body ended without its blank line."""
        payloads = self._payloads_by_line(bytes(self._line) + b"\n\n")
        self._line.clear()
        return payloads

    def _without_bom(self, data: bytes) -> bytes:
        """Drop a byte order mark, waiting for all of it before anything is decided."""
        data = bytes(self._line) + data
        self._line.clear()
        if len(data) < len(_BOM) and _BOM.startswith(data):
            self._line += data
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

    def _payloads(self, whole: bytes) -> list[bytes]:
        """Cut complete lines into payloads; the usual shape costs one split."""
        if not self._lines and whole.startswith(_FIELD_SPACED) and whole.endswith(b"\n\n"):
            payloads = whole[len(_FIELD_SPACED) : -2].split(b"\n\ndata: ")
            # As many line ends as two an event: there was nothing else in between.
            if whole.count(b"\n") == 2 * len(payloads):
                return payloads
        return self._payloads_by_line(whole)

    def _payloads_by_line(self, whole: bytes) -> list[bytes]:
        """Follow the SSE rules line by line: comments, other fields, several `data` lines."""
        payloads: list[bytes] = []
        lines = self._lines
        for line in whole[:-1].split(b"\n"):
            if line.startswith(_FIELD):
                lines.append(line[6:] if line.startswith(_FIELD_SPACED) else line[5:])
                self._lines_bytes += len(line) + 1
            elif not line:
                if lines:
                    payloads.append(b"\n".join(lines))
                    lines.clear()
                    self._lines_bytes = 0
            elif line == b"data":
                lines.append(b"")
                self._lines_bytes += len(line) + 1
        return payloads

    def _check_size(self) -> None:
        if len(self._line) + self._lines_bytes > self._event_bytes_max:
            raise StreamBroken(ErrorFacts(code="event_too_large"))
