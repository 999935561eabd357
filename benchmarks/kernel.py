"""Measures the actor kernel beside bare asyncio and Pykka's threads.

    python benchmarks/kernel.py [--json] [--quick] [--only WORK,...]

Everything is on: bounds by count and bytes, a deadline on every ask, an interceptor. Contenders
take turns in one process; "raw" is measured twice, and what differs between the two is noise. The
exit status is 1 when a must is missed. Linux only: memory is read out of /proc.
"""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]  # So that a checkout can be measured that was never installed.

from benchmarks.checks import (  # noqa: E402 - after the path
    OURS,
    Check,
    Medians,
    Sample,
    arguments,
    medians,
    report,
    rotated,
)
from benchmarks.kernel_ours import Kernel  # noqa: E402 - after the path
from benchmarks.kernel_pykka import Threads  # noqa: E402 - after the path
from benchmarks.kernel_raw import Raw  # noqa: E402 - after the path
from benchmarks.loops import LOOP_NAME, run  # noqa: E402 - after the path

RAW = "raw"
AGAIN = "raw again"
PYKKA = "pykka"

ROUNDS = 7
QUICK_ROUNDS = 2

CHECKS = (
    Check(
        what="tell, bounded, same loop",
        work="tell",
        figure="per_cpu_s",
        unit="1/s of CPU",
        against=RAW,
        must=0.22,
        goal=0.40,
    ),
    Check(what="tell", work="tell", figure="per_s", unit="1/s", against=PYKKA, must=1.0),
    Check(
        what="ask, round trip",
        work="ask",
        figure="per_cpu_s",
        unit="1/s of CPU",
        against=RAW,
        must=0.40,
        goal=0.60,
    ),
    Check(what="ask", work="ask", figure="per_s", unit="1/s", against=PYKKA, must=1.0),
    Check(
        what="start + stop",
        work="start",
        figure="per_cpu_s",
        unit="1/s of CPU",
        against=RAW,
        must=0.30,
        goal=0.50,
    ),
    Check(what="start + stop", work="start", figure="per_s", unit="1/s", against=PYKKA, must=1.0),
    Check(
        what="memory of an idle actor, no task",
        work="memory",
        figure="kib",
        unit="KiB",
        must=3.0,
        goal=2.0,
        is_ceiling=True,
    ),
    Check(
        what="memory of an idle actor",
        work="memory",
        figure="kib",
        unit="KiB",
        against=PYKKA,
        must=1.0,
        is_ceiling=True,
    ),
    Check(what="memory of an idle actor", work="memory", figure="kib", unit="KiB", against=RAW),
    Check(
        what="crash to the next good reply, no backoff, p99",
        work="crash",
        figure="p99_us",
        unit="us",
        must=1000.0,
        goal=150.0,
        is_ceiling=True,
    ),
    Check(
        what="crash to the next good reply, p99",
        work="crash",
        figure="p99_us",
        unit="us",
        against=PYKKA,
        must=1.0,
        is_ceiling=True,
    ),
    Check(
        what="crash to the next good reply, p99",
        work="crash",
        figure="p99_us",
        unit="us",
        against=RAW,
    ),
    Check(
        what="stop one of 10,000, or take it off a registry",
        work="books",
        figure="us",
        unit="us",
        against=PYKKA,
    ),
    Check(what="proxy()", work="proxy", figure="us", unit="us", against=PYKKA),
    Check(
        what="memory of a thread actor",
        work="thread memory",
        figure="kib",
        unit="KiB",
        against=PYKKA,
    ),
)

Bench = Callable[[], Awaitable[Sample]]


def benches() -> Mapping[str, Mapping[str, Bench]]:
    """All works by name, and who does them; the threads do fewer of what they are slow at."""
    ours, raw, threads = Kernel(), Raw(), Threads()
    return {
        "tell": {
            OURS: lambda: ours.tell(50_000),
            RAW: lambda: raw.tell(50_000),
            AGAIN: lambda: raw.tell(50_000),
            PYKKA: lambda: threads.tell(20_000),
        },
        "ask": {
            OURS: lambda: ours.ask(10_000),
            RAW: lambda: raw.ask(10_000),
            AGAIN: lambda: raw.ask(10_000),
            PYKKA: lambda: threads.ask(2_000),
        },
        "start": {
            OURS: lambda: ours.start_stop(5_000),
            RAW: lambda: raw.start_stop(5_000),
            AGAIN: lambda: raw.start_stop(5_000),
            PYKKA: lambda: threads.start_stop(500),
        },
        "crash": {
            OURS: lambda: ours.crash(1_000),
            RAW: lambda: raw.crash(1_000),
            AGAIN: lambda: raw.crash(1_000),
            PYKKA: lambda: threads.crash(300),
        },
        "books": {OURS: ours.books, PYKKA: threads.books},
        "proxy": {OURS: lambda: ours.proxy(1_000), PYKKA: lambda: threads.proxy(1_000)},
        "memory": {
            OURS: lambda: weighed("greenroom", 20_000),
            RAW: lambda: weighed("raw", 20_000),
            PYKKA: lambda: weighed("pykka", 1_000),
        },
        "thread memory": {
            OURS: lambda: weighed("greenroom thread", 1_000),
            PYKKA: lambda: weighed("pykka", 1_000),
        },
    }


async def weighed(kind: str, count: int) -> Sample:
    """Weigh idle actors in a process of their own."""
    command = [sys.executable, "-m", "benchmarks.kernel_memory", kind, str(count)]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=subprocess.PIPE)
    printed, _ = await process.communicate()
    return {"kib": float(printed)}


async def measure_all(wanted: list[str], rounds: int) -> Medians:
    """Do all works, turn by turn."""
    samples: dict[str, dict[str, list[Sample]]] = defaultdict(lambda: defaultdict(list))
    for work, by_name in benches().items():
        if wanted and work not in wanted:
            continue
        for name in rotated(tuple(by_name), rounds):
            gc.collect()
            await asyncio.sleep(0.01)
            samples[work][name].append(await by_name[name]())
        print(f"measured: {work}", file=sys.stderr, flush=True)
    return medians(samples)


def noise_of(found: Medians) -> str:
    """Say how far the two runs of bare asyncio lie apart, work by work."""
    return "; ".join(
        f"{work} {by_name[AGAIN][figure] / by_name[RAW][figure] - 1:+.0%}"
        for work, by_name in found.items()
        if AGAIN in by_name
        for figure in by_name[RAW]
    )


def main() -> int:
    args = arguments(__doc__).parse_args()
    rounds = QUICK_ROUNDS if args.quick else ROUNDS
    load = os.getloadavg()[0]
    found = run(measure_all(args.only.split(",") if args.only else [], rounds))
    facts = {
        "python": sys.version.split()[0],
        "loop": LOOP_NAME,
        "rounds": rounds,
        "load before": f"{load:.2f}",
        "raw runs apart": noise_of(found),
    }
    return report(CHECKS, found, facts, as_json=args.json)


if __name__ == "__main__":
    raise SystemExit(main())
