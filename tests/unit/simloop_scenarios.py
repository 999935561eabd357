"""Scenarios for the tests of the simulation; runnable, so that other processes can play them."""

from __future__ import annotations

import asyncio
import sys

from actors.testing.choices import Choices
from actors.testing.simloop import SimLoop
from actors.testing.simulate import simulate


async def lost_update(loop: SimLoop) -> None:
    """Five writers add one each; a rare one of them forgets the lock."""
    lock = asyncio.Lock()
    total = 0

    async def add() -> None:
        nonlocal total
        seen = total
        await asyncio.sleep(loop.choose(50, "latency") / 100)
        total = seen + 1

    async def write() -> None:
        if loop.chance(0.1, "forgets-lock"):
            await add()
            return
        async with lock:
            await add()

    await asyncio.gather(*(write() for _ in range(5)))
    assert total == 5, "lost update"


async def stale_read(loop: SimLoop) -> None:
    """Right in asyncio's own order, wrong in another."""
    written: list[str] = []

    async def write() -> None:
        written.append("value")

    async def read() -> None:
        for _ in range(3):
            await asyncio.sleep(0)
        assert written, "stale read"

    await asyncio.gather(write(), read())


async def busy(loop: SimLoop) -> None:
    """A bit of everything: delays, threads, timeouts, a set of strings."""

    async def work(name: str) -> None:
        for _ in range(loop.choose(8, "rounds")):
            await asyncio.sleep(loop.choose(100, "latency") / 1000)
            await asyncio.to_thread(len, name)
            try:
                async with asyncio.timeout(0.01):
                    await asyncio.sleep(loop.choose(20, "latency") / 1000)
            except TimeoutError:
                await asyncio.sleep(0)

    await asyncio.gather(*(work(f"worker {number}") for number in range(6)))


if __name__ == "__main__":
    print(simulate(busy, Choices.from_seed(int(sys.argv[1]))).digest_hex)
