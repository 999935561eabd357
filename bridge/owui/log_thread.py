"""Writing that never holds up the loop: a bounded queue, and one thread that empties it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Final, Generic, TypeVar

BATCH_MAX: Final = 256

Item = TypeVar("Item")


class WriterThread(Generic[Item]):
    """Hands what is offered to `write`, in order, on a thread of its own.

    The thread begins with the first thing that is offered and ends with `close`; whatever is
    offered later begins another one. It does not keep the process alive: who wants the rest to be
    written closes in time.

    Args:
        name: of the thread.
        write: takes a batch on that thread; the weather of writing is its own business.
        items_max: how much may wait; what is offered beyond it is dropped and counted.
    """

    def __init__(
        self, name: str, write: Callable[[Sequence[Item]], object], *, items_max: int
    ) -> None:
        self._name = name
        self._write = write
        self._items_max = items_max
        self._dropped = 0
        # Collecting garbage may log, and so come here while this very thread is here already.
        self._lock = threading.RLock()
        self._queue: SimpleQueue[Item | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    @property
    def dropped(self) -> int:
        """How many things there was no room for, ever."""
        return self._dropped

    @property
    def is_running(self) -> bool:
        """Whether there is a thread."""
        return self._thread is not None

    def offer(self, item: Item, *, is_urgent: bool = False) -> bool:
        """Take one thing, from any thread and without waiting. False: no room, it is dropped.

        What is urgent needs no room; whoever offers it sees to a bound of its own.
        """
        with self._lock:
            if self._queue.qsize() >= self._items_max and not is_urgent:
                self._dropped += 1
                return False
            if not self._is_ready():
                self._dropped += 1
                return False
            self._queue.put(item)
            return True

    def close(self, timeout_s: float) -> bool:
        """Write what waits and end the thread. False: it has not come to an end in time.

        Harmless when there is none.
        """
        with self._lock:
            thread, self._thread = self._thread, None
            queue, self._queue = self._queue, SimpleQueue()
        if thread is None:
            return True
        queue.put(None)
        thread.join(timeout_s)
        return not thread.is_alive()

    def _is_ready(self) -> bool:
        if self._thread is None or not self._thread.is_alive():
            thread = threading.Thread(
                target=self._run, args=(self._queue,), name=self._name, daemon=True
            )
            try:
                thread.start()
            except RuntimeError:  # The process has too many threads, or is about to end.
                return False
            self._thread = thread
        return True

    def _run(self, queue: SimpleQueue[Item | None]) -> None:
        is_open = True
        while is_open:
            batch, is_open = _next_batch(queue)
            if batch:
                self._write(batch)


def _next_batch(queue: SimpleQueue[Item | None]) -> tuple[list[Item], bool]:
    """Wait for one thing and take what else is there; False: the end of the queue was found."""
    batch: list[Item] = []
    item = queue.get()
    while item is not None:
        batch.append(item)
        if len(batch) == BATCH_MAX:
            return batch, True
        try:
            item = queue.get_nowait()
        except Empty:
            return batch, True
    return batch, False
