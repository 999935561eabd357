"""A piece of work on a socket ends in time, whatever the other side does."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from actors.kernel.clock import SystemWatch
from bridge.storage.watchdog import Watchdog

SHORT_S = 0.05
LONG_S = 60.0
PATIENCE_S = 10.0


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    near, far = socket.socketpair()
    near.settimeout(PATIENCE_S)
    with near, far:
        yield near, far


def test_a_wait_that_takes_too_long_ends_as_a_lost_connection() -> None:
    """Also after a while in which there was nothing to watch."""
    dog = Watchdog(SHORT_S, SystemWatch())
    for _ in range(3):
        near, far = socket.socketpair()
        with near, far, dog.watching(near.fileno()):
            near.settimeout(PATIENCE_S)
            assert near.recv(1) == b""
    dog.close()


def test_work_that_is_done_in_time_is_left_alone(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    near, far = ends
    dog = Watchdog(LONG_S, SystemWatch())
    with dog.watching(near.fileno()), dog.watching(None):
        far.sendall(b"x")
        assert near.recv(1) == b"x"
    dog.close()
    far.sendall(b"y")
    assert near.recv(1) == b"y"


def test_only_the_connection_that_is_late_is_ended(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    near, _ = ends
    other_near, other_far = socket.socketpair()
    dog = Watchdog(SHORT_S, SystemWatch())
    with other_near, other_far:
        with dog.watching(other_near.fileno()):
            pass
        with dog.watching(near.fileno()):
            assert near.recv(1) == b""
        other_far.sendall(b"x")
        assert other_near.recv(1) == b"x"
    dog.close()


def test_a_descriptor_that_is_used_again_is_not_ended_for_its_predecessor(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    near, _ = ends
    dog = Watchdog(SHORT_S, SystemWatch())
    number = near.fileno()
    with dog.watching(number):
        watched = near.dup()
        near.close()
        heir_near, heir_far = socket.socketpair()
        with watched, heir_near, heir_far:
            assert number in {heir_near.fileno(), heir_far.fileno()}
            watched.settimeout(PATIENCE_S)
            assert watched.recv(1) == b""
            heir_far.sendall(b"x")
            assert heir_near.recv(1) == b"x"
    dog.close()


def test_its_thread_starts_with_the_first_line_and_ends_with_it(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    dog = Watchdog(LONG_S, SystemWatch())

    def threads() -> int:
        return sum("watchdog" in thread.name for thread in threading.enumerate())

    before = threads()
    dog.close()
    with dog.watching(None):
        assert threads() == before
    for _ in range(2):
        with dog.watching(ends[0].fileno()):
            assert threads() == before + 1
        dog.close()
        assert threads() == before
