"""Ten thousand requests of all kinds through one door: what is left over afterwards.

    python benchmarks/mixed_requests.py [--requests N] [--seed N] [--json]

Streams, whole answers, tasks, slow readers, stops at any moment and answers that nobody takes,
while the provider plays every kind of answer and of fault (the stand-in, in a process of its own).
The exit status is 1 when memory after the last request exceeds that after the first tenth by more
than a must, or when a task, a thread, a socket or an actor is left over.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import inspect
import json
import os
import random
import stat
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path[:0] = [str(ROOT)]  # So that a checkout can be measured that was never installed.

from benchmarks.loops import LOOP_NAME, run  # noqa: E402 - after the path
from benchmarks.memory import resident_mb  # noqa: E402 - after the path
from bridge.owui.pipe import pipe_class  # noqa: E402 - after the path
from bridge.standin import ProviderFault, StandIn, Wish  # noqa: E402 - after the path
from bridge.standin.conversations import conversations  # noqa: E402 - after the path
from bridge.standin.scripts import library  # noqa: E402 - after the path

REQUESTS: Final = 10_000
AT_ONCE: Final = 50
USERS: Final = 40
# As in the other benchmark: what may be held once the first tenth has warmed everything up.
GROWN_MB_MUST: Final = 5.0
QUIET_S: Final = 5.0
POOLED: Final = "pooled"
FAULT_SHARE: Final = 0.3
# How long a slow reader takes for a line, and how many lines a stop waits for at most.
SLOW_LINE_S: Final = 0.005
LINES_BEFORE_STOP_MAX: Final = 12

VALVES: Final[dict[str, object]] = {
    "API_KEY": "sk-or-mixed",
    "HTTP_SOCK_READ_SECONDS": 1,
    "HTTP_TOTAL_TIMEOUT_SECONDS": 5,
    "BREAKER_MAX_FAILURES": 50,
    "MAX_CONCURRENT_REQUESTS": 30,
    "TOOL_TIMEOUT_SECONDS": 1,
    "SHUTDOWN_GRACE_SECONDS": 5,
    "LOG_LEVEL": "CRITICAL",
}

# A Retry-After of thirty years is kept for a minute, and such a minute teaches nothing here.
FAULTS: Final = tuple(
    fault for fault in ProviderFault if fault is not ProviderFault.STATUS_429_RETRY_AFTER_ABSURD
)
SCRIPTS: Final = (
    *(script.name for script in library()),
    *(conversation.name for conversation in conversations() if not conversation.is_endless),
)


class Manner(Enum):
    """What becomes of an answer."""

    READ = "read"
    WHOLE = "whole"
    TASK = "task"
    SLOW = "slow"
    STOPPED = "stopped"
    CANCELLED = "cancelled"
    FORGOTTEN = "forgotten"


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """What a process holds, but for the loop's own pool of threads."""

    tasks: int
    threads: int
    sockets: int

    @classmethod
    def taken(cls) -> Census:
        """Count now."""
        ours = [t for t in threading.enumerate() if not t.name.startswith(POOLED)]
        return cls(tasks=len(asyncio.all_tasks()), threads=len(ours), sockets=_open_sockets())


def _open_sockets() -> int:
    count = 0
    for path in Path("/dev/fd").iterdir():
        with suppress(OSError):
            count += stat.S_ISSOCK(os.fstat(int(path.name)).st_mode)
    return count


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixed:
    """What came of it all.

    Attributes:
        manners: how many answers were taken in which manner.
        early_mb, late_mb: memory after the first tenth and after the last request.
        early_actors, late_actors: actors alive at these moments.
        before, after: what the process held before the door opened and after it closed.
    """

    manners: Counter[str]
    early_mb: float
    late_mb: float
    early_actors: int
    late_actors: int
    before: Census
    after: Census

    @property
    def grown_mb(self) -> float:
        """What the requests after the first tenth have left in memory."""
        return self.late_mb - self.early_mb

    @property
    def left_over(self) -> list[str]:
        """Everything that is more than it was, in words."""
        pairs = {
            "tasks": (self.before.tasks, self.after.tasks),
            "threads": (self.before.threads, self.after.threads),
            "sockets": (self.before.sockets, self.after.sockets),
            "actors": (self.early_actors, self.late_actors),
        }
        return [f"{name}: {was} -> {now}" for name, (was, now) in pairs.items() if now > was]


def wishes(count: int, seed: int) -> Iterator[Wish]:
    """What the provider gives, request by request."""
    chance = random.Random(seed)
    for _ in range(count):
        script = chance.choice(SCRIPTS)
        if chance.random() < FAULT_SHARE:
            yield Wish(script=script, fault=chance.choice(FAULTS), wait_ms=20)
        elif script == "long" or chance.random() < 0.05:
            yield Wish(n=200, b=chance.choice((12, 400)), reasoning_n=chance.choice((0, 20)))
        else:
            yield Wish(script=script, pace_ms=chance.choice((0, 0, 0, 2)))


class Driver:
    """Asks one door in every manner there is."""

    def __init__(self, door: Any, base_url: str, seed: int) -> None:
        self._door = door
        self._valves = VALVES | {"BASE_URL": base_url}
        self._chance = random.Random(seed)
        self._takes = inspect.signature(door.pipe).parameters
        self.manners: Counter[str] = Counter()

    async def one(self, number: int) -> None:
        """Make one request and take its answer in some manner."""
        manner = self._chance.choice(tuple(Manner))
        self.manners[manner.value] += 1
        # Open WebUI puts a new object into place before every call.
        self._door.valves = self._door.Valves(**self._valves)
        match manner:
            case Manner.WHOLE | Manner.TASK:
                assert isinstance(await self._asked(number, manner), dict | str)
            case Manner.FORGOTTEN:
                await self._asked(number, manner)
            case Manner.CANCELLED:
                await self._cancelled(number)
            case _:
                await self._read(await self._asked(number, manner), manner)

    async def _asked(self, number: int, manner: Manner) -> Any:
        is_task = manner is Manner.TASK
        body: dict[str, object] = {
            "model": f"{self._door.id}.standin.plain",
            "stream": manner not in (Manner.WHOLE, Manner.TASK),
            "messages": [{"role": "user", "content": f"Question {number}"}],
        }
        ids = {name: f"{name}-{number}" for name in ("chat_id", "message_id", "session_id")}
        user = f"user-{number % USERS}"
        given: dict[str, object] = {
            "body": body,
            "__user__": {"id": user, "name": user, "role": "user"},
            "__metadata__": {**ids, "user_id": user},
            "__event_emitter__": None if is_task else _emit,
            "__task__": "title_generation" if is_task else None,
            "__tools__": {} if is_task else _tools(),
            **{f"__{name}__": value for name, value in ids.items()},
        }
        return await self._door.pipe(**{k: v for k, v in given.items() if k in self._takes})

    async def _read(self, answer: AsyncIterator[str], manner: Manner) -> None:
        lines_max = self._chance.randrange(LINES_BEFORE_STOP_MAX)
        ends = lines = 0
        async for line in answer:
            assert not ends or '"usage"' in line or '"event"' in line, "nothing follows the end"
            ends += '"finish_reason":"' in line.replace('": "', '":"')
            lines += 1
            if manner is Manner.SLOW:
                await asyncio.sleep(SLOW_LINE_S)
            if manner is Manner.STOPPED and lines > lines_max:
                await answer.aclose()  # type: ignore[attr-defined]
                return
        assert ends == 1, "an answer ends exactly once"

    async def _cancelled(self, number: int) -> None:
        async def read() -> None:
            async for _ in await self._asked(number, Manner.READ):
                pass

        task = asyncio.get_running_loop().create_task(read())
        await asyncio.wait((task,), timeout=self._chance.choice((0, 0, 0.001, 0.01, 0.1)))
        task.cancel()
        await asyncio.wait((task,))


async def _emit(_: object) -> None:
    """Take an event as a browser would."""


def _tools() -> dict[str, object]:
    async def run(**_: object) -> str:
        await asyncio.sleep(0)
        return "18 degrees"

    schema = {"type": "object", "properties": {}}
    return {
        name: {
            "tool_id": name,
            "callable": run,
            "spec": {"name": name, "description": name, "parameters": schema},
        }
        for name in ("get_weather", "get_time")
    }


async def play(base_url: str, *, requests: int, seed: int, function_id: str = "mixed") -> Mixed:
    """Open a door, ask that often, close it, and say what is left over."""
    # The loop keeps its helpers until it ends; a name tells them from threads of the door's own.
    pool = ThreadPoolExecutor(thread_name_prefix=POOLED)
    asyncio.get_running_loop().set_default_executor(pool)
    before = await quiet(Census.taken)
    door: Any = pipe_class(function_id, "one", None)()
    driver = Driver(door, base_url, seed)
    door.valves = door.Valves(**VALVES | {"BASE_URL": base_url})
    await door.pipes()
    numbers = iter(range(requests))

    async def asks(last: int) -> None:
        for number in numbers:
            await driver.one(number)
            if number >= last:
                return

    async def ask_until(last: int) -> tuple[float, int]:
        await asyncio.gather(*(asks(last) for _ in range(AT_ONCE)))
        return await at_rest(door)

    try:
        early_mb, early_actors = await ask_until(requests // 10)
        late_mb, late_actors = await ask_until(requests)
        assert door.residence.guests == 0, "every visit has ended"
    finally:
        await door.close()
    return Mixed(
        manners=driver.manners,
        early_mb=early_mb,
        late_mb=late_mb,
        early_actors=early_actors,
        late_actors=late_actors,
        before=before,
        after=await quiet(Census.taken),
    )


async def at_rest(door: Any) -> tuple[float, int]:
    """Return memory and actors once nothing runs any more."""

    def actors() -> int:
        visit = door.residence.enter(VALVES["SHUTDOWN_GRACE_SECONDS"])
        try:
            live: int = visit.app.system.live
            return live
        finally:
            visit.end()

    alive = await quiet(actors)
    return resident_mb(), alive


async def quiet(look: Callable[[], Any]) -> Any:
    """Look until three looks in a row see the same, which is when things have settled."""
    gc.collect()
    seen: list[Any] = []
    async with asyncio.timeout(QUIET_S):
        while len(seen) < 3 or len(set(map(repr, seen[-3:]))) > 1:
            await asyncio.sleep(0.1)
            seen.append(look())
    return seen[-1]


# --- the provider, in a process of its own ------------------------------------------------------


async def provide(count: int, seed: int) -> None:
    """Serve until the input ends."""
    async with await StandIn.start() as standin:
        standin.plan(*wishes(count, seed))
        print(standin.base_url, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


@contextmanager
def provider(count: int, seed: int) -> Iterator[str]:
    """Run the provider for a while; gives its base URL."""
    command = [sys.executable, "-m", "benchmarks.mixed_requests", "--provide"]
    command += ["--requests", str(count), "--seed", str(seed)]
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.communicate(timeout=10)


@asynccontextmanager
async def provider_here(count: int, seed: int) -> AsyncIterator[str]:
    """Run the provider in this process, for a short version."""
    async with await StandIn.start() as standin:
        standin.plan(*wishes(count, seed))
        yield standin.base_url
        await standin.wait_until_alone()


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--requests", type=int, default=REQUESTS, help="how many in all")
    parser.add_argument("--seed", type=int, default=1, help="decides what is asked and answered")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument("--provide", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.provide:
        run(provide(args.requests, args.seed))
        return 0
    with provider(args.requests, args.seed) as base_url:
        mixed: Mixed = run(play(base_url, requests=args.requests, seed=args.seed))
    is_missed = mixed.grown_mb > GROWN_MB_MUST or bool(mixed.left_over)
    facts = {
        "requests": sum(mixed.manners.values()),
        "manners": dict(mixed.manners),
        "early_mb": round(mixed.early_mb, 1),
        "late_mb": round(mixed.late_mb, 1),
        "grown_mb": round(mixed.grown_mb, 2),
        "grown_mb_must": GROWN_MB_MUST,
        "left_over": mixed.left_over,
        "loop": LOOP_NAME,
        "seed": args.seed,
    }
    if args.json:
        print(json.dumps(facts, indent=1))
    else:
        print("\n".join(f"{name:<14} {value}" for name, value in facts.items()))
        print("MISSED" if is_missed else "kept")
    return int(is_missed)


if __name__ == "__main__":
    raise SystemExit(main())
