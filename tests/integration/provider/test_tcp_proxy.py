"""What the proxy of the chaos kit does to the lines between a client and a server."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from actors.kernel.clock import SystemWatch
from bridge.chaos.tcp_proxy import TcpProxy

HOST = "127.0.0.1"
PATIENCE_S = 10.0
SHORT_S = 0.2


class Echo:
    """A server that sends back what it gets, and notes it."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.is_left = threading.Event()
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(PATIENCE_S)

    def _run(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(line,), daemon=True).start()

    def _answer(self, line: socket.socket) -> None:
        with line:
            try:
                while data := line.recv(65_536):
                    self.heard.append(data)
                    line.sendall(data)
            except OSError:
                pass
            self.is_left.set()


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.close()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[TcpProxy]:
    with TcpProxy(echo.port) as made:
        yield made


@contextmanager
def line_to(proxy: TcpProxy) -> Iterator[socket.socket]:
    with socket.create_connection((HOST, proxy.port), timeout=PATIENCE_S) as line:
        yield line


def said(line: socket.socket, data: bytes) -> bytes:
    line.sendall(data)
    answer = b""
    while len(answer) < len(data) and (some := line.recv(65_536)):
        answer += some
    return answer


def ended(line: socket.socket) -> bool:
    """Whether nothing more comes, in whatever way the line ended."""
    try:
        return line.recv(10) == b""
    except ConnectionResetError:
        return True


def test_without_a_fault_nothing_is_changed(proxy: TcpProxy) -> None:
    with line_to(proxy) as one, line_to(proxy) as other:
        big = bytes(range(256)) * 4_000
        assert said(one, b"hello") == b"hello"
        thread = threading.Thread(target=one.sendall, args=(big,))
        thread.start()
        answer = b""
        while len(answer) < len(big):
            answer += one.recv(65_536)
        thread.join(PATIENCE_S)
        assert answer == big
        assert said(other, b"hi") == b"hi"
        assert (proxy.connections, proxy.accepted) == (2, 2)


def test_a_client_that_leaves_takes_its_line_to_the_server_along(
    proxy: TcpProxy, echo: Echo
) -> None:
    with line_to(proxy) as line:
        said(line, b"hello")
    assert echo.is_left.wait(PATIENCE_S)


def test_a_cut_line_ends_and_a_new_one_works(proxy: TcpProxy) -> None:
    with line_to(proxy) as line:
        said(line, b"hello")
        proxy.cut()
        assert line.recv(10) == b""
    with line_to(proxy) as line:
        assert said(line, b"again") == b"again"


def test_a_reset_line_ends_as_a_crash_does(proxy: TcpProxy) -> None:
    with line_to(proxy) as line:
        said(line, b"hello")
        proxy.reset()
        with pytest.raises(ConnectionResetError):
            line.recv(10)


def test_refused_connections_are_taken_again_after_healing(proxy: TcpProxy) -> None:
    port = proxy.port
    with line_to(proxy) as line:
        said(line, b"hello")
        proxy.refuse()
        assert line.recv(10) == b""
    with pytest.raises(ConnectionRefusedError), line_to(proxy):
        pass
    proxy.heal()
    assert proxy.port == port
    with line_to(proxy) as line:
        assert said(line, b"again") == b"again"


def test_delayed_data_comes_late_and_whole(proxy: TcpProxy) -> None:
    with line_to(proxy) as line:
        proxy.delay(SHORT_S)
        watch = SystemWatch()
        before_s = watch.now_s()
        assert said(line, b"hello") == b"hello"
        assert watch.now_s() - before_s >= 2 * SHORT_S
        proxy.heal()
        assert said(line, b"hello") == b"hello"


def test_a_stalled_line_says_nothing_until_it_heals(proxy: TcpProxy, echo: Echo) -> None:
    with line_to(proxy) as line:
        proxy.stall()
        line.sendall(b"hello")
        line.settimeout(SHORT_S)
        with pytest.raises(TimeoutError):
            line.recv(10)
        assert echo.heard == []
        line.settimeout(PATIENCE_S)
        proxy.heal()
        assert line.recv(10) == b"hello"


@pytest.mark.parametrize("is_passed", [True, False])
def test_a_line_ends_at_the_words_it_was_told(
    proxy: TcpProxy, echo: Echo, *, is_passed: bool
) -> None:
    proxy.cut_at(b"COMMIT", is_passed=is_passed)
    with line_to(proxy) as line, line_to(proxy) as other:
        assert said(line, b"INSERT") == b"INSERT"
        line.sendall(b"Q;COMMIT;")
        assert ended(line)
        assert echo.is_left.wait(PATIENCE_S)
        assert echo.heard == ([b"INSERT", b"Q;COMMIT;"] if is_passed else [b"INSERT"])
        # Once: the next one gets through.
        assert said(other, b"COMMIT") == b"COMMIT"


def test_more_lines_than_it_may_have_are_reset(echo: Echo) -> None:
    with TcpProxy(echo.port, connections_max=1) as proxy, line_to(proxy) as line:
        said(line, b"hello")
        with pytest.raises(ConnectionResetError), line_to(proxy) as second:
            second.recv(10)
        assert said(line, b"still") == b"still"


def test_a_server_that_is_not_there_resets_the_line(echo: Echo) -> None:
    with socket.create_server((HOST, 0)) as gone:
        port = gone.getsockname()[1]
    # It may come as early as in the middle of connecting.
    with TcpProxy(port) as proxy, pytest.raises(ConnectionResetError), line_to(proxy) as line:
        line.recv(10)


def test_it_leaves_no_thread_behind_and_complains_of_nothing(
    echo: Echo, caplog: pytest.LogCaptureFixture
) -> None:
    with TcpProxy(echo.port) as proxy, line_to(proxy) as line:
        said(line, b"hello")
        proxy.stall()
        line.sendall(b"never")
    assert [t for t in threading.enumerate() if t.name == "tcp-proxy"] == []
    assert caplog.records == []
