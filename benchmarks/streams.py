"""Measures streams through the built pipe file, beside the least that any pipe could do.

    python benchmarks/streams.py [--json] [--quick] [--only WORK,...]

Greenroom is built into its one file and driven as Open WebUI drives it, in a process of its own;
so is the floor (`floor_pipe.py`), twice: what differs between the two floors is noise. All read
the same provider (`provider.py`). Contenders take turns. The exit status is 1 when a must is
missed. Linux only: memory is read out of /proc.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
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
from benchmarks.drive_pipe import Work  # noqa: E402 - after the path
from benchmarks.loops import LOOP_NAME  # noqa: E402 - after the path
from bridge.onefile.build import build_pipe  # noqa: E402 - after the path

FLOOR = "floor"
AGAIN = "floor again"
CONTENDERS = (OURS, FLOOR, AGAIN)

ROUNDS = 5
QUICK_ROUNDS = 2

# All contenders live on from one work to the next.
WORKS = (
    Work(name="short", spec="n=1,b=12", requests=800),
    Work(name="50", spec="n=200,b=12", streams=50, requests=4, warm=50),
    Work(name="200", spec="n=200,b=12", streams=200, warm=200),
    Work(name="long", spec="n=20000,b=12", warm=1),
    Work(name="live 200", spec="n=50,b=12,i=20", streams=200),
    Work(name="live 50", spec="n=200,b=12,i=20", streams=50),
)
# Every measurement in a process that has done nothing before.
FRESH_WORKS = (
    Work(name="1000", spec="n=200,b=12", streams=1000, warm=8),
    Work(name="10000 requests", spec="n=1,b=12", streams=20, requests=500, runs_long=True),
)

CHECKS = (
    Check(
        what="fixed CPU per request",
        work="short",
        figure="cpu_ms_per_request",
        unit="ms",
        against=FLOOR,
        must=3.0,
        goal=2.0,
        is_ceiling=True,
    ),
    Check(
        what="50 streams x 200 deltas",
        work="50",
        figure="deltas_per_s",
        unit="1/s",
        against=FLOOR,
        must=0.60,
        goal=0.85,
    ),
    Check(
        what="200 streams x 200 deltas",
        work="200",
        figure="deltas_per_s",
        unit="1/s",
        against=FLOOR,
        must=0.55,
        goal=0.80,
    ),
    Check(
        what="200 at once: time to first token, p50",
        work="200",
        figure="first_p50_ms",
        unit="ms",
        against=FLOOR,
        must=2.5,
        goal=1.7,
        is_ceiling=True,
    ),
    Check(
        what="1000 streams x 200 deltas, fresh process",
        work="1000",
        figure="deltas_per_s",
        unit="1/s",
        against=FLOOR,
        must=0.55,
        goal=0.80,
    ),
    Check(
        what="1000 streams: extra memory",
        work="1000",
        figure="extra_mb",
        unit="MB",
        must=60.0,
        goal=35.0,
        is_ceiling=True,
    ),
    Check(
        what="one stream x 20000 deltas",
        work="long",
        figure="deltas_per_s",
        unit="1/s",
        against=FLOOR,
        must=0.65,
        goal=0.90,
    ),
    Check(
        what="200 live streams, a delta each 20 ms: CPU per delta",
        work="live 200",
        figure="cpu_us_per_delta",
        unit="us",
        against=FLOOR,
        must=1.8,
        goal=1.4,
        is_ceiling=True,
    ),
    Check(
        what="200 live streams: lateness, p99",
        work="live 200",
        figure="late_p99_ms",
        unit="ms",
        must=50.0,
        goal=15.0,
        is_ceiling=True,
    ),
    Check(
        what="50 live streams of 4 s: CPU per delta",
        work="live 50",
        figure="cpu_us_per_delta",
        unit="us",
        against=FLOOR,
        must=1.5,
        goal=1.25,
        is_ceiling=True,
    ),
    Check(
        what="memory after 10000 requests over that after 1000",
        work="10000 requests",
        figure="grown_mb",
        unit="MB",
        must=5.0,
        goal=1.0,
        is_ceiling=True,
    ),
)


def started(module: str, *args: str) -> subprocess.Popen[str]:
    """Start a module of this folder in a process of its own, its input and output in our hands."""
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", module, *args],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


class Contender:
    """One driver process, idle while another one is measured."""

    def __init__(self, path: Path, address: str) -> None:
        self._process = started("benchmarks.drive_pipe", str(path), address)
        self._read()

    def measure(self, work: Work) -> Sample:
        """Let it do the work."""
        assert self._process.stdin is not None
        print(json.dumps(asdict(work)), file=self._process.stdin, flush=True)
        return self._read()

    def stop(self) -> None:
        """End the process."""
        self._process.communicate(timeout=10)

    def _read(self) -> Sample:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("A contender ended; what it had to say stands above.")
        figures: Sample = json.loads(line)
        return figures


@contextmanager
def provider() -> Iterator[str]:
    """Run the provider; give its address."""
    with started("benchmarks.provider") as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.communicate()


def measure_all(
    works: Sequence[Work], rounds: int, pipes: Mapping[str, Path], address: str
) -> Medians:
    """Do all works with all contenders, turn by turn."""
    samples: dict[str, dict[str, list[Sample]]] = defaultdict(lambda: defaultdict(list))
    with ExitStack() as ends:
        teams: dict[str, Contender] = {}
        for name, path in pipes.items():
            teams[name] = Contender(path, address)
            ends.callback(teams[name].stop)
        for work in (work for work in WORKS if work in works):
            for name in rotated(CONTENDERS, rounds):
                samples[work.name][name].append(teams[name].measure(work))
            _tell(work)
    for work in (work for work in FRESH_WORKS if work in works):
        for name in rotated(CONTENDERS, rounds):
            fresh = Contender(pipes[name], address)
            samples[work.name][name].append(fresh.measure(work))
            fresh.stop()
        _tell(work)
    return medians(samples)


def _tell(work: Work) -> None:
    print(f"measured: {work.name}", file=sys.stderr, flush=True)


def noise_of(found: Medians) -> str:
    """Say how far the two floors lie apart, work by work."""
    figure = "cpu_us_per_delta"
    apart = {work: by[AGAIN][figure] / by[FLOOR][figure] - 1 for work, by in found.items()}
    return "; ".join(f"{work} {share:+.0%}" for work, share in apart.items())


def main() -> int:
    args = arguments(__doc__).parse_args()
    wanted = args.only.split(",") if args.only else []
    works = [w for w in (*WORKS, *FRESH_WORKS) if not wanted or w.name in wanted]
    rounds = QUICK_ROUNDS if args.quick else ROUNDS
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder, provider() as address:
        built = build_pipe(ROOT)
        pipe = Path(folder) / "greenroom_pipe.py"
        pipe.write_bytes(built.readable)
        floor = HERE / "floor_pipe.py"
        found = measure_all(works, rounds, {OURS: pipe, FLOOR: floor, AGAIN: floor}, address)
    facts = {
        "build": built.build,
        "python": sys.version.split()[0],
        "loop": LOOP_NAME,
        "rounds": rounds,
        "load before": f"{load:.2f}",
        "floors apart": noise_of(found),
    }
    return report(CHECKS, found, facts, as_json=args.json)


if __name__ == "__main__":
    raise SystemExit(main())
