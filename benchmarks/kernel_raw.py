"""What asyncio alone takes for the same: a queue and a task, nothing around them."""

from __future__ import annotations

import asyncio
from typing import Any

from benchmarks.checks import Sample
from benchmarks.quantiles import Latencies, Stopwatch
from benchmarks.workload import BURST, MAILBOX_MESSAGES


class Raw:
    """Does what the rows of the table ask for, by hand."""

    async def tell(self, count: int) -> Sample:
        """Put in bursts, each as soon as the last one was taken."""
        queue: asyncio.Queue[object] = asyncio.Queue(MAILBOX_MESSAGES)
        counted = 0

        async def consume() -> None:
            nonlocal counted
            while True:
                await queue.get()
                counted += 1

        consumer = asyncio.create_task(consume())
        message = object()
        sent = 0
        watch = Stopwatch()
        for _ in range(count // BURST):
            for _ in range(BURST):
                queue.put_nowait(message)
            sent += BURST
            # An event would be one more thing that is measured.
            while counted < sent:  # noqa: ASYNC110 - see above
                await asyncio.sleep(0)
        sample = watch.rate(count)
        consumer.cancel()
        return sample

    async def ask(self, count: int) -> Sample:
        """Send a future along and wait for it."""
        queue: asyncio.Queue[Any] = asyncio.Queue(MAILBOX_MESSAGES)
        server = asyncio.create_task(_answer(queue))
        loop = asyncio.get_running_loop()
        message = object()
        watch = Stopwatch()
        for _ in range(count):
            reply = loop.create_future()
            queue.put_nowait((message, reply))
            await reply
        sample = watch.rate(count)
        server.cancel()
        return sample

    async def start_stop(self, count: int) -> Sample:
        """Start a task with a queue and end it by a message."""
        watch = Stopwatch()
        for _ in range(count):
            queue: asyncio.Queue[object] = asyncio.Queue(MAILBOX_MESSAGES)
            task = asyncio.create_task(_until_none(queue))
            queue.put_nowait(None)
            await task
        return watch.rate(count)

    async def crash(self, count: int) -> Sample:
        """Crash the coroutine behind a queue; a loop around it starts the next."""
        queue: asyncio.Queue[Any] = asyncio.Queue(MAILBOX_MESSAGES)

        async def keep() -> None:
            while True:
                try:
                    await _answer(queue)
                except LookupError:
                    continue

        keeper = asyncio.create_task(keep())
        loop = asyncio.get_running_loop()
        latencies = Latencies()
        for _ in range(count):
            reply = loop.create_future()
            with latencies:
                queue.put_nowait((None, None))
                queue.put_nowait((object(), reply))
                await reply
        keeper.cancel()
        return latencies.sample()


async def _answer(queue: asyncio.Queue[Any]) -> None:
    while True:
        message, reply = await queue.get()
        if reply is None:
            raise LookupError
        reply.set_result(message)


async def _until_none(queue: asyncio.Queue[object]) -> None:
    while await queue.get() is not None:
        pass
