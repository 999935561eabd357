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
    """

    __slots__ = ("_bytes_max", "_is_closed", "_items", "_items_max", "_room", "_size", "_waiter")

    def __init__(self, bytes_max: int, items_max: int = 1_000_000) -> None:
        self._bytes_max = bytes_max
        self._items_max = items_max
        self._items: list[T] = []
        self._size = 0
        self._room: Callable[[], object] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._is_closed = False

    @property
    def size_bytes(self) -> int:
        """What waits to be taken."""
        return self._size

    def __len__(self) -> int:
        return len(self._items)

    @property
    def is_closed(self) -> bool:
        """Whether nothing more will be put."""
        return self._is_closed

    def put(self, item: T, size_bytes: int) -> bool:
        """Add an item. False: full, pause until the callback of `when_room`."""
        assert not self._is_closed, "nothing follows the end"
        items = self._items
        items.append(item)
        size = self._size = self._size + size_bytes
        if self._waiter is not None:
            self._wake()
        return size < self._bytes_max and len(items) < self._items_max

    def when_room(self, callback: Callable[[], object]) -> None:
        """Call `callback` once, as soon as everything that waits has been taken."""
        if self._items:
            self._room = callback
        else:
            callback()

    def close(self) -> None:
        """Say that nothing follows; harmless when repeated."""
        self._is_closed = True
        if self._waiter is not None:
            self._wake()

    async def take(self) -> list[T]:
        """Wait for items and take them all; an empty list is the end."""
        while not self._items:
            if self._is_closed:
                return []
            assert self._waiter is None, "a hand-over has one taker"
            waiter = self._waiter = asyncio.get_running_loop().create_future()
            try:
                await waiter
            finally:
                self._waiter = None
        items, self._items = self._items, []
        self._size = 0
        if self._room is not None:
            room, self._room = self._room, None
            room()
        return items

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None:
            # Told once: until the taker comes, there is nobody to wake.
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)
