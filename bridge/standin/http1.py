"""Just enough of HTTP/1.1 to be a server: requests in, heads and chunks out. Pure.

It is written by hand so that a fault can break an answer at any byte.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qsl, urlsplit

HEAD_BYTES_MAX = 64 * 1024
LAST_CHUNK = b"0\r\n\r\n"

_REQUEST_LINE_PARTS = 3


class RequestUnreadable(ValueError):
    """The client sent something that is no request, or too much of it."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__()


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """One request. Header names are in lower case; a repeated header keeps its last value."""

    method: str
    target: str
    version: str
    headers: dict[str, str]
    body: bytes = field(default=b"", repr=False)

    @property
    def path(self) -> str:
        """The target without its query."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """The parameters of the query."""
        return dict(parse_qsl(urlsplit(self.target).query))

    @property
    def keeps_alive(self) -> bool:
        """Whether the connection may serve another request."""
        return self.takes_chunks and self.headers.get("connection", "").lower() != "close"

    @property
    def takes_chunks(self) -> bool:
        """Whether the answer may be sent in chunks."""
        return self.version == "HTTP/1.1"


class RequestParser:
    """Takes bytes as they come and gives requests one at a time."""

    def __init__(self, *, body_bytes_max: int) -> None:
        self._body_bytes_max = body_bytes_max
        self._buffer = bytearray()
        self._head: HttpRequest | None = None
        self._continue_owed = False

    def feed(self, data: bytes) -> None:
        """Add what was read from the socket."""
        self._buffer += data

    def next_request(self) -> HttpRequest | None:
        """Return the next whole request, or None while it is not complete.

        Raises:
            RequestUnreadable: no HTTP, or larger than allowed; the connection is of no more use.
        """
        if self._head is None:
            self._head = self._take_head()
            if self._head is None:
                return None
        body = self._take_body(self._head.headers)
        if body is None:
            return None
        head, self._head = self._head, None
        self._continue_owed = False
        return HttpRequest(
            method=head.method,
            target=head.target,
            version=head.version,
            headers=head.headers,
            body=body,
        )

    def take_continue(self) -> bool:
        """Say once whether the client waits for a `100 Continue` before it sends its body."""
        owed, self._continue_owed = self._continue_owed, False
        return owed

    def _take_head(self) -> HttpRequest | None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > HEAD_BYTES_MAX:
                raise RequestUnreadable(431)
            return None
        head = _parse_head(bytes(self._buffer[:end]))
        del self._buffer[: end + 4]
        self._continue_owed = head.headers.get("expect", "").lower() == "100-continue"
        return head

    def _take_body(self, headers: dict[str, str]) -> bytes | None:
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return self._take_chunks()
        length_text = headers.get("content-length", "0")
        if not length_text.isdecimal():
            raise RequestUnreadable(400)
        length = int(length_text)
        if length > self._body_bytes_max:
            raise RequestUnreadable(413)
        if len(self._buffer) < length:
            return None
        body = bytes(self._buffer[:length])
        del self._buffer[:length]
        return body

    def _take_chunks(self) -> bytes | None:
        """Return the body once its last chunk is there; trailers are not expected."""
        body = bytearray()
        place = 0
        while (line_end := self._buffer.find(b"\r\n", place)) >= 0:
            size = _chunk_size(bytes(self._buffer[place:line_end]))
            place = line_end + 2 + size + 2
            if len(body) + size > self._body_bytes_max:
                raise RequestUnreadable(413)
            if len(self._buffer) < place:
                return None
            if size == 0:
                del self._buffer[:place]
                return bytes(body)
            body += self._buffer[line_end + 2 : place - 2]
        return None


def _chunk_size(line: bytes) -> int:
    try:
        return int(line.split(b";")[0], 16)
    except ValueError as error:
        raise RequestUnreadable(400) from error


def _parse_head(head: bytes) -> HttpRequest:
    request_line, *lines = head.decode("latin-1").split("\r\n")
    words = request_line.split(" ")
    if len(words) != _REQUEST_LINE_PARTS or not words[2].startswith("HTTP/1."):
        raise RequestUnreadable(400)
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise RequestUnreadable(400)
        headers[name.strip().lower()] = value.strip()
    return HttpRequest(method=words[0], target=words[1], version=words[2], headers=headers)


def response_head(status: int, headers: Iterable[tuple[str, str]]) -> bytes:
    """Write a status line and headers, with the blank line after them."""
    known = {member.value: member.phrase for member in HTTPStatus}
    lines = [f"HTTP/1.1 {status} {known.get(status, 'Unknown')}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def chunk(data: bytes) -> bytes:
    """Write one piece of a body as an HTTP chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)
