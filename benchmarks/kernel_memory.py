"""What an idle actor weighs, measured in a process that does nothing else.

python -m benchmarks.kernel_memory KIND COUNT       prints KiB for one actor
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections.abc import Callable
from functools import partial

from actors import ActorSystem, ChildSpec, LoopActor, ThreadActor
from benchmarks.kernel_pykka import Counter
from benchmarks.loops import run
from benchmarks.memory import resident_bytes


class Idle(LoopActor[object]):
    """Waits on the loop."""

    def receive(self, message: object) -> None:
        """Never called."""


class IdleThread(ThreadActor[object]):
    """Waits on a thread of its own."""

    def receive(self, message: object) -> None:
        """Never called."""


async def _wait(queue: asyncio.Queue[object]) -> None:
    await queue.get()


def _raw() -> object:
    queue: asyncio.Queue[object] = asyncio.Queue()
    return queue, asyncio.get_running_loop().create_task(_wait(queue))


async def weigh(make: Callable[[], object], count: int) -> float:
    """Make `count` of something and return what each has added, in KiB."""
    kept = [make() for _ in range(count // 10)]
    await asyncio.sleep(0.1)
    gc.collect()
    before = resident_bytes()
    kept += [make() for _ in range(count)]
    await asyncio.sleep(0.1)
    gc.collect()
    return (resident_bytes() - before) / count / 1024


async def main(kind: str, count: int) -> None:
    system = ActorSystem("memory")
    loop_spec: ChildSpec[object] = ChildSpec(start=Idle)
    thread_spec: ChildSpec[object] = ChildSpec(start=IdleThread)
    kinds: dict[str, Callable[[], object]] = {
        "greenroom": partial(system.spawn, loop_spec),
        "greenroom thread": partial(system.spawn, thread_spec),
        "raw": _raw,
        "pykka": Counter.start,
    }
    print(await weigh(kinds[kind], count), flush=True)
    # Thousands of idle threads and tasks need no farewell.
    os._exit(0)


if __name__ == "__main__":
    run(main(sys.argv[1], int(sys.argv[2])))
