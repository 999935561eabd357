"""Ends connections on which nobody answers any more.

A server's own time limits bound its work, and the kernel notices a peer that is gone. What is
left is a peer that takes everything and says nothing: no driver bounds that wait. So each piece
of work on a socket is watched, and when its time is up the socket is shut down under it; the
driver then reports a lost connection, which is what it is.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

from actors.kernel.clock import Watch

_JOIN_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Watched:
    until_s: float
    line: socket.socket


class Watchdog:
    """Watches any number of connections from one thread, which starts with the first.

    Args:
        limit_s: how long a piece of work may take; it is ended between one and two limits.
        watch: tells the time.
    """

    def __init__(self, limit_s: float, watch: Watch) -> None:
        self._limit_s = limit_s
        self._watch = watch
        self._changed = threading.Condition()
        self._watched: set[_Watched] = set()
        self._thread: threading.Thread | None = None
        self._is_asleep = False

    @contextmanager
    def watching(self, descriptor: int | None) -> Iterator[None]:
        """Watch the socket of this descriptor for the length of the block; None: nothing to do."""
        if descriptor is None:
            yield
            return
        # A copy of the descriptor: the driver may close its own, and the number be used again.
        with socket.socket(fileno=os.dup(descriptor)) as line:
            watched = _Watched(until_s=self._watch.now_s() + self._limit_s, line=line)
            self._add(watched)
            try:
                yield
            finally:
                with self._changed:
                    self._watched.discard(watched)

    def close(self) -> None:
        """Stop watching and end the thread."""
        with self._changed:
            thread, self._thread = self._thread, None
            self._changed.notify_all()
        if thread is not None:
            thread.join(_JOIN_S)

    def _add(self, watched: _Watched) -> None:
        with self._changed:
            self._watched.add(watched)
            if self._thread is None:
                name = "greenroom-storage-watchdog"
                self._thread = threading.Thread(target=self._run, name=name, daemon=True)
                self._thread.start()
            elif self._is_asleep:
                self._changed.notify_all()

    def _run(self) -> None:
        """Look once in each limit as long as there is anything to watch, else sleep."""
        with self._changed:
            while self._thread is threading.current_thread():
                now_s = self._watch.now_s()
                for watched in [each for each in self._watched if each.until_s <= now_s]:
                    self._watched.discard(watched)
                    with suppress(OSError):  # It is closed already.
                        watched.line.shutdown(socket.SHUT_RDWR)
                self._is_asleep = not self._watched
                self._changed.wait(self._limit_s if self._watched else None)
