"""Measures how fast rows are kept, beside a bare writer with group commit.

    python benchmarks/storage.py [--json] [--quick] [--only WORK,...]

Fifty callers save one row at a time, each the next when the last is acknowledged. Both writers
commit durably: SQLite in WAL mode with full synchronisation, PostgreSQL with fsync on. "sealed"
works encrypt every row; the bare writer never does. It is measured twice, and what differs between
the two is noise. Contenders take turns; the exit status is 1 when a must is missed. Databases lie
in a temporary folder, so TMPDIR says which disk is measured.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]  # So that a checkout can be measured that was never installed.

from actors.artifacts import Artifact  # noqa: E402 - after the path
from actors.ports import Secret  # noqa: E402 - after the path
from actors.values import Reasoning, WireFormat  # noqa: E402 - after the path
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
from benchmarks.loops import LOOP_NAME, run  # noqa: E402 - after the path
from benchmarks.quantiles import Stopwatch  # noqa: E402 - after the path
from benchmarks.storage_bare import (  # noqa: E402 - after the path
    BareWriter,
    Committing,
    PostgresTable,
    Row,
    SqliteTable,
)
from benchmarks.storage_ours import Room  # noqa: E402 - after the path
from bridge.storage.payloads import payload_text  # noqa: E402 - after the path
from tests.integration.servers import running_postgres  # noqa: E402 - after the path

BARE = "bare"
AGAIN = "bare again"
CONTENDERS = (OURS, BARE, AGAIN)

ROUNDS = 5
QUICK_ROUNDS = 2
CALLERS = 50
ROWS_EACH = 400
WARM_ROWS_EACH = 20

# Must and goal for SQLite as promised; the other rows are held to the same.
MUST, GOAL = 0.25, 0.60
WORKS = ("sqlite", "sqlite sealed", "postgres", "postgres sealed")
CHECKS = tuple(
    Check(
        what=f"{CALLERS} callers x 1 row, {work}",
        work=work,
        figure="per_s",
        unit="rows/s",
        against=BARE,
        must=MUST,
        goal=GOAL,
    )
    for work in WORKS
)

# Half a thousand characters, as the encrypted thinking of a short answer has.
ITEM = Reasoning(
    wire=WireFormat.RESPONSES,
    json=(
        '{"type":"reasoning","id":"rs_0123456789","summary":[{"type":"summary_text","text":'
        '"The user wants to know about lakes."}],"encrypted_content":"' + "gAAAAABrA6Y1" * 36 + '"}'
    ),
)
PAYLOAD = payload_text(ITEM, 3)


def artifacts(chat: int, ids: Iterator[int], rows: int) -> Iterator[Artifact]:
    """What one caller saves."""
    for number in range(rows):
        yield Artifact(
            id=f"{next(ids):020}",
            chat_id=f"chat-{chat}",
            message_id=f"message-{number}",
            model_id="openai/gpt-5",
            item=ITEM,
            place=3,
        )


def bare_row(artifact: Artifact) -> Row:
    """The same, as the bare writer's table has it."""
    ids = (artifact.id, artifact.chat_id, artifact.message_id, artifact.model_id)
    return (*ids, "reasoning", PAYLOAD, False, "2026-01-23 12:00:00.000000")


async def measure_ours(url: Secret, ids: Iterator[int], *, is_sealed: bool) -> Sample:
    """Time the product's writer."""
    room = Room(url, "bench", is_sealed=is_sealed)
    await room.open()
    await room.save([artifacts(n, ids, WARM_ROWS_EACH) for n in range(CALLERS)])
    callers = [artifacts(n, ids, ROWS_EACH) for n in range(CALLERS)]
    watch = Stopwatch()
    await room.save(callers)
    sample = watch.rate(CALLERS * ROWS_EACH)
    await room.close()
    return sample


async def measure_bare(table: Committing, ids: Iterator[int]) -> Sample:
    """Time the bare writer."""
    writer = BareWriter(table)

    async def caller(rows: Iterator[Artifact]) -> None:
        for row in rows:
            await writer.save(bare_row(row))

    async def all_of(rows_each: int) -> None:
        callers = (caller(artifacts(n, ids, rows_each)) for n in range(CALLERS))
        await asyncio.gather(*callers)

    await all_of(WARM_ROWS_EACH)
    watch = Stopwatch()
    await all_of(ROWS_EACH)
    sample = watch.rate(CALLERS * ROWS_EACH)
    writer.close()
    return sample


class Databases:
    """Where it is measured: an empty database for each turn."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self._numbers = count(1)
        self._new_database: Callable[[], Secret] | None = None

    def file(self) -> Path:
        return self._folder / f"{next(self._numbers)}.sqlite"

    def postgres_url(self) -> Secret:
        """Name a new database; the server starts with the first."""
        if self._new_database is None:
            server = self._stack.enter_context(running_postgres(settings=("fsync=on",)))
            self._new_database = lambda: server.url(server.new_database())
        return self._new_database()


async def measured(work: str, name: str, databases: Databases) -> Sample:
    """Let one contender have one turn."""
    kind, _, sealed = work.partition(" ")
    ids = count(1)
    if kind == "postgres":
        url = databases.postgres_url()
        if name != OURS:
            return await measure_bare(PostgresTable(url.reveal()), ids)
    else:
        file = databases.file()
        url = Secret(f"sqlite:///{file}")
        if name != OURS:
            return await measure_bare(SqliteTable(file), ids)
    return await measure_ours(url, ids, is_sealed=bool(sealed))


async def measure_all(wanted: list[str], rounds: int) -> Medians:
    """Do all works, turn by turn."""
    samples: dict[str, dict[str, list[Sample]]] = defaultdict(lambda: defaultdict(list))
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="greenroom-bench-"))
        databases = Databases(Path(folder), stack)
        for work in WORKS:
            if wanted and work not in wanted:
                continue
            for name in rotated(CONTENDERS, rounds):
                gc.collect()
                samples[work][name].append(await measured(work, name, databases))
            print(f"measured: {work}", file=sys.stderr, flush=True)
    return medians(samples)


def noise_of(found: Medians) -> str:
    """Say how far the two runs of the bare writer lie apart, work by work."""
    return "; ".join(
        f"{work} {by_name[AGAIN]['per_s'] / by_name[BARE]['per_s'] - 1:+.0%}"
        for work, by_name in found.items()
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
        "bare runs apart": noise_of(found),
    }
    return report(CHECKS, found, facts, as_json=args.json)


if __name__ == "__main__":
    raise SystemExit(main())
