"""Measures streams through the built pipe file, beside the least that any pipe could do.

    python benchmarks/streams.py [--json] [--quick] [--only WORK,...]

Greenroom is built into its one file and driven as Open WebUI drives it, in a process of its own;
so is the floor (`floor_pipe.py`), twice: what differs between the two floors is noise. All read
the same provider (`provider.py`), which has a core of its own where there are two. Contenders take
turns. The exit status is 1 when a must is missed. Linux only: memory is read out of /proc.

What is measured, by the names that `--only` takes (limits in `promises.py`):

    short            one request after the other, one delta each; with a database as well
    50, 200, 1000    so many streams of 200 deltas at once
    long             one stream of 20000 deltas
    live 50, live 200    so many at once, a delta each 20 ms
    tools, tools 50  five calls, then 200 deltas: one user, and fifty at once
    10000 requests   memory, all requests alike: what a request leaves over, and nothing else
    mixed            memory, requests of all kinds and all that can go wrong, once (over a minute)

`mixed` is a run of `mixed_requests.py`, which can be called by itself, with another seed and other
numbers; it has no floor, because no floor could take what comes there.
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
from dataclasses import asdict, dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path[:0] = [str(ROOT)]  # So that a checkout can be measured that was never installed.

from benchmarks.checks import (  # noqa: E402 - after the path
    OURS,
    Medians,
    Sample,
    arguments,
    medians,
    report,
    rotated,
)
from benchmarks.drive_pipe import Work  # noqa: E402 - after the path
from benchmarks.loops import LOOP_NAME  # noqa: E402 - after the path
from benchmarks.promises import (  # noqa: E402 - after the path
    AGAIN,
    CHECKS,
    CONTENDERS,
    FLOOR,
    FRESH_WORKS,
    GUESTS,
    KEEPING,
    MIXED,
    WORKS,
)
from bridge.onefile.build import build_pipe  # noqa: E402 - after the path

ROUNDS = 5
QUICK_ROUNDS = 2

NAMES = tuple(work.name for work in (*WORKS, *FRESH_WORKS))


# The provider's core, and everybody else's. A provider is another machine: its answer wakes a core
# that slept, which is the dearest part of a short request to the floor. Left alone, the scheduler
# puts both on one core for the first tenth of a second or so and apart afterwards, so that a figure
# would depend on how long it was measured.
CORES = sorted(os.sched_getaffinity(0))
ITS_CORE, OTHER_CORES = CORES[-1:], CORES[:-1] or CORES


def started(module: str, *args: str, cores: Sequence[int] = OTHER_CORES) -> subprocess.Popen[str]:
    """Start a module of this folder in a process of its own, its input and output in our hands."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", module, *args],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    os.sched_setaffinity(process.pid, cores)
    return process


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What a contender is: a pipe file, and valves that it has beside those of every work."""

    path: Path
    valves: Mapping[str, str] = field(default_factory=dict)


class Contender:
    """One driver process, idle while another one is measured."""

    def __init__(self, setup: Setup, address: str) -> None:
        self._process = started(
            "benchmarks.drive_pipe", str(setup.path), address, json.dumps(setup.valves)
        )
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
    with started("benchmarks.provider", cores=ITS_CORE) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.communicate()


def measure_all(
    works: Sequence[Work], rounds: int, setups: Mapping[str, Setup], address: str
) -> Medians:
    """Do all works with all contenders, turn by turn."""
    samples: dict[str, dict[str, list[Sample]]] = defaultdict(lambda: defaultdict(list))
    with ExitStack() as ends:
        teams: dict[str, Contender] = {}
        for name, setup in setups.items():
            teams[name] = Contender(setup, address)
            ends.callback(teams[name].stop)
        for work in (work for work in WORKS if work in works):
            for name in rotated((*CONTENDERS, *GUESTS.get(work.name, ())), rounds):
                samples[work.name][name].append(teams[name].measure(work))
            _tell(work.name)
    for work in (work for work in FRESH_WORKS if work in works):
        for name in rotated(CONTENDERS, rounds):
            fresh = Contender(setups[name], address)
            samples[work.name][name].append(fresh.measure(work))
            fresh.stop()
        _tell(work.name)
    return medians(samples)


def measure_mixed() -> Medians:
    """Make the mixed requests, once: what they leave over depends on no other contender."""
    with started("benchmarks.mixed_requests", "--json", cores=CORES) as process:
        told, _ = process.communicate()
    if not told:
        raise SystemExit("The mixed requests came to no end; what they had to say stands above.")
    facts = json.loads(told)
    _tell(MIXED)
    sample = {"grown_mb": facts["grown_mb"], "left_over": float(len(facts["left_over"]))}
    return medians({MIXED: {OURS: [sample]}})


def _tell(name: str) -> None:
    print(f"measured: {name}", file=sys.stderr, flush=True)


def noise_of(found: Medians) -> str:
    """Say how far the two floors lie apart, work by work."""
    figure = "cpu_us_per_delta"
    pairs = {work: (by[AGAIN], by[FLOOR]) for work, by in found.items() if AGAIN in by}
    apart = {work: one[figure] / other[figure] - 1 for work, (one, other) in pairs.items()}
    return "; ".join(f"{work} {share:+.0%}" for work, share in apart.items())


def main() -> int:
    parser = arguments(__doc__)
    args = parser.parse_args()
    wanted = args.only.split(",") if args.only else [*NAMES, MIXED]
    if unknown := set(wanted) - {*NAMES, MIXED}:
        parser.error(f"{', '.join(sorted(unknown))}: there is {', '.join((*NAMES, MIXED))}")
    works = [work for work in (*WORKS, *FRESH_WORKS) if work.name in wanted]
    rounds = QUICK_ROUNDS if args.quick else ROUNDS
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder, provider() as address:
        built = build_pipe(ROOT)
        pipe = Path(folder) / "greenroom_pipe.py"
        pipe.write_bytes(built.readable)
        floor = Setup(path=HERE / "floor_pipe.py")
        database = {"ARTIFACT_DATABASE_URL": f"sqlite:///{folder}/kept.sqlite"}
        setups = {
            OURS: Setup(path=pipe),
            KEEPING: Setup(path=pipe, valves=database),
            FLOOR: floor,
            AGAIN: floor,
        }
        found = measure_all(works, rounds, setups, address) if works else {}
    if MIXED in wanted:
        found = {**found, **measure_mixed()}
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
