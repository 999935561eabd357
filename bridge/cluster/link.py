"""Redis for threads that block: a bound on each call as a whole, and one family of errors.

The library bounds each wait on a socket, not their sum: a new connection alone is several round
trips, and looking up a host's name has no bound at all. So a call is done on a thread of the link,
and whoever called goes away when its time is up; what was left behind ends by its sockets' bounds.
The number of those threads is bounded, and with it what a server that says nothing can hold.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from contextlib import suppress
from importlib import import_module
from types import ModuleType
from typing import Any, Final, Protocol, TypeAlias

from actors.ports import ErrorFacts, Secret
from bridge.cluster.errors import (
    AWAY,
    NO_ADDRESS,
    SLOW,
    LinkAway,
    LinkError,
    LinkMisfit,
    link_error,
)

# What one call may take, all in all; and each wait on a socket.
CALL_MAX_S: Final = 1.5
SOCKET_MAX_S: Final = 1.0

# Calls at once, and so connections.
LANES_MAX: Final = 8

Word: TypeAlias = str | bytes | int
Command: TypeAlias = Sequence[Word]
Reply: TypeAlias = "int | bytes | list[Reply] | None"


class Wire(Protocol):
    """One connection. Used by one thread at a time."""

    def exchange(self, commands: Sequence[Command]) -> Sequence[Reply | LinkError]:
        """Send commands at once and read all answers; an error of one is its answer.

        Raises:
            LinkError: the connection is of no use any more.
        """

    def close(self) -> None:
        """Hang up. Harmless when that is done already."""


class RedisWire:
    """See `Wire`; a connection of the library, without its client and its retries."""

    def __init__(self, connection: Any, errors: type[Exception]) -> None:
        self._connection = connection
        self._errors = errors

    def exchange(self, commands: Sequence[Command]) -> Sequence[Reply | LinkError]:
        """See `Wire`."""
        try:
            packed = self._connection.pack_commands(commands)
            self._connection.send_packed_command(packed, check_health=False)
            return [self._answer() for _ in commands]
        except (self._errors, OSError) as error:
            failure = link_error(error)
        # Outside of the block above: what was caught may hold an address, or rows.
        raise failure

    def _answer(self) -> Reply | LinkError:
        try:
            answer: Reply = self._connection.read_response(disconnect_on_error=False)
        except self._errors as error:
            if not any(kind.__name__ == "ResponseError" for kind in type(error).__mro__):
                raise
            return link_error(error)
        return answer

    def close(self) -> None:
        """See `Wire`."""
        with suppress(self._errors, OSError):
            self._connection.disconnect()


def installed_redis(find: Callable[[str], ModuleType] = import_module) -> ModuleType | None:
    """Return the library, or None when it is missing or does not load."""
    try:
        return find("redis")
    except ImportError:
        return None


def dialler(library: ModuleType, url: Secret) -> Callable[[], Wire]:
    """Return what makes connections to this address; nothing is connected yet.

    Raises:
        LinkMisfit: it is no address.
    """
    errors = library.exceptions.RedisError
    try:
        pool = library.ConnectionPool.from_url(
            url.reveal(),
            decode_responses=False,
            protocol=2,
            socket_timeout=SOCKET_MAX_S,
            socket_connect_timeout=SOCKET_MAX_S,
            socket_keepalive=True,
            retry=None,
            retry_on_error=[],
            client_name="greenroom",
        )
    except (ValueError, TypeError, errors):
        pool = None
    if pool is None:
        raise LinkMisfit(ErrorFacts(detail=NO_ADDRESS))
    make, settings = pool.connection_class, dict(pool.connection_kwargs)
    if "path" in settings:
        settings.pop("socket_keepalive", None)
    return lambda: RedisWire(make(**settings), errors)


class RedisCalls(ABC):
    """What is asked of a Redis: a command, a script, or several commands in one round trip.

    Every method blocks. Any number of threads may use one.
    """

    @abstractmethod
    def pipeline(self, commands: Sequence[Command]) -> Sequence[Reply | LinkError]:
        """Do several commands in one round trip; an error of one is its answer.

        Raises:
            LinkError: nobody knows what was done.
        """

    @abstractmethod
    def close(self) -> None:
        """Hang up. It may be used again."""

    def call(self, *command: Word) -> Reply:
        """Do one command.

        Raises:
            LinkError: it was not done, or nobody knows.
        """
        (answer,) = self.pipeline([command])
        if isinstance(answer, LinkError):
            raise answer
        return answer

    def script(self, text: str, keys: Sequence[Word], arguments: Sequence[Word]) -> Reply:
        """Run a script, which nothing comes between.

        Raises:
            LinkError: it was not done, or nobody knows.
        """
        return self.call("EVAL", text, len(keys), *keys, *arguments)


class Link(RedisCalls):
    """A way to one Redis. Any number of threads may use it.

    Args:
        dial: makes a connection.
        call_max_s: how long a call may take, all in all.
        lanes_max: calls at once.
    """

    def __init__(
        self,
        dial: Callable[[], Wire],
        *,
        call_max_s: float = CALL_MAX_S,
        lanes_max: int = LANES_MAX,
    ) -> None:
        self._dial = dial
        self._call_max_s = call_max_s
        self._lanes_max = lanes_max
        self._guard = threading.Lock()
        self._idle: list[Wire] = []
        self._lanes: ThreadPoolExecutor | None = None

    def pipeline(self, commands: Sequence[Command]) -> Sequence[Reply | LinkError]:
        """See `RedisCalls`."""
        if not commands:
            return []
        doing = self._begin(commands)
        try:
            return doing.result(self._call_max_s)
        except (NotInTime, CancelledError):
            doing.cancel()
        raise LinkAway(ErrorFacts(detail=SLOW))

    def close(self) -> None:
        """See `RedisCalls`."""
        with self._guard:
            lanes, self._lanes = self._lanes, None
            idle, self._idle = self._idle, []
        if lanes is not None:
            lanes.shutdown(wait=False, cancel_futures=True)
        for wire in idle:
            wire.close()

    def _begin(self, commands: Sequence[Command]) -> Future[Sequence[Reply | LinkError]]:
        with self._guard:
            if self._lanes is None:
                self._lanes = ThreadPoolExecutor(
                    self._lanes_max, thread_name_prefix="greenroom-redis"
                )
            lanes = self._lanes
        try:
            return lanes.submit(self._exchange, lanes, commands)
        except RuntimeError:
            # It was closed in between, or the interpreter is about to end.
            pass
        raise LinkAway(ErrorFacts(detail=AWAY))

    def _exchange(
        self, lanes: ThreadPoolExecutor, commands: Sequence[Command]
    ) -> Sequence[Reply | LinkError]:
        with self._guard:
            wire = self._idle.pop() if self._idle else None
        if wire is None:
            wire = self._dial()
        try:
            answers = wire.exchange(commands)
        except LinkError:
            wire.close()
            # What else is idle has most likely died with it.
            self._hang_up_idle()
            raise
        with self._guard:
            is_open = lanes is self._lanes
            if is_open:
                self._idle.append(wire)
        if not is_open:
            wire.close()
        return answers

    def _hang_up_idle(self) -> None:
        with self._guard:
            idle, self._idle = self._idle, []
        for each in idle:
            each.close()
