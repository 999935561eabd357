"""From an actor to code outside actors, bounded in bytes, never waiting on the actor's side."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class HandOver(Generic[T]):
    """One actor puts, one coroutine on the same loop takes; all that waits is taken at once.

    Args:
        bytes_max: from this many waiting bytes on `put` says that it is full. What is put is
            kept all the same: the bound asks the sender to pause, it never loses an item, and
            a sender that honours it overshoots by one item at most.
        items_max: the same bound in items.

    Attributes:
        waiting: what waits to be taken, in order; only to look at.
        is_closed: whether nothing more will be put.
    """

    __slots__ = ("_bytes_max", "_items_max", "_room", "_size", "_waiter", "is_closed", "waiting")

    def __init__(self, bytes_max: int, items_max: int = 1_000_000) -> None:
        self._bytes_max = bytes_max
        self._items_max = items_max
        self.waiting: list[T] = []
        self._size = 0
        self._room: Callable[[], object] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self.is_closed = False

    @property
    def size_bytes(self) -> int:
        """What waits to be taken."""
        return self._size

    def __len__(self) -> int:
        return len(self.waiting)

    def put(self, item: T, size_bytes: int) -> bool:
        """Add an item. False: full, pause until the callback of `when_room`."""
        assert not self.is_closed, "nothing follows the end"
        items = self.waiting
        items.append(item)
        size = self._size = self._size + size_bytes
        if (waiter := self._waiter) is not None:
            # Told once: until the taker comes, there is nobody to wake.
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)
        return size < self._bytes_max and len(items) < self._items_max

    def when_room(self, callback: Callable[[], object]) -> None:
        """Call `callback` once, as soon as everything that waits has been taken."""
        if self.waiting:
            self._room = callback
        else:
            callback()

    def close(self) -> None:
        """Say that nothing follows; harmless when repeated."""
        self.is_closed = True
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def take(self) -> list[T]:
        """Wait for items and take them all; an empty list is the end."""
        while not self.waiting:
            if self.is_closed:
                return []
            assert self._waiter is None, "a hand-over has one taker"
            waiter = self._waiter = asyncio.get_running_loop().create_future()
            try:
                await waiter
            finally:
                self._waiter = None
        items, self.waiting = self.waiting, []
        self._size = 0
        if self._room is not None:
            room, self._room = self._room, None
            room()
        return items
