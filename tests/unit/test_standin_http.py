from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.standin.http1 import RequestParser, RequestUnreadable

PLAIN = b"POST /a?x=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"POST /b HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"
)


def parser(body_bytes_max: int = 1000) -> RequestParser:
    return RequestParser(body_bytes_max=body_bytes_max)


@given(st.integers(min_value=1, max_value=len(PLAIN + CHUNKED)))
def test_requests_are_read_whatever_the_size_of_the_reads(size: int) -> None:
    reader, data, bodies = parser(), PLAIN + CHUNKED, []
    for start in range(0, len(data), size):
        reader.feed(data[start : start + size])
        while (request := reader.next_request()) is not None:
            bodies.append((request.path, request.body))
    assert bodies == [("/a", b"hello"), ("/b", b"abcde")]


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01 hello\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\ncontent-length: many\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\ncontent-length: 1001\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3e9\r\n", 413),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"x" * 70_000, 431),
    ],
)
def test_what_is_no_request_is_refused_with_a_status(data: bytes, status: int) -> None:
    reader = parser()
    reader.feed(data)
    with pytest.raises(RequestUnreadable) as caught:
        reader.next_request()
    assert caught.value.status == status


def test_a_client_that_waits_for_leave_to_send_is_told_once() -> None:
    reader = parser()
    reader.feed(b"POST / HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n")
    assert reader.next_request() is None
    assert reader.take_continue()
    assert not reader.take_continue()
    reader.feed(b"ok")
    request = reader.next_request()
    assert request is not None
    assert request.body == b"ok"


def test_old_clients_get_no_chunks_and_no_second_request() -> None:
    reader = parser()
    reader.feed(b"GET / HTTP/1.0\r\n\r\n")
    request = reader.next_request()
    assert request is not None
    assert not request.takes_chunks
    assert not request.keeps_alive
