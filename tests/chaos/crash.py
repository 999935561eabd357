"""Kills a writer at random moments, and looks at what it has left behind.

    python -m tests.chaos.crash [--rounds N] [--seed N] [--database sqlite|postgres]

Each round a writer under load is killed with SIGKILL, mostly while it writes and sometimes while
it starts. Afterwards no row that was acknowledged is missing or torn, none is there twice, and a
group of rows is there as a whole or not at all. The next round saves again what nobody knows the
fate of, as its owner would, and has to start without a word.
"""

from __future__ import annotations

import argparse
import os
import select
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from actors.artifacts import Artifact
from actors.kernel.clock import SystemWatch
from actors.kernel.entropy import Entropy, SeededEntropy, SystemEntropy
from actors.ports import Secret
from bridge.storage.artifact_store import SqlArtifactStore
from bridge.storage.engines import Database
from bridge.storage.keyed_store import keyed_store, table_names
from tests.chaos.crash_rows import Group, group_named, group_of
from tests.chaos.crash_writer import CALLERS, KEYS, PIPE_ID, READY
from tests.integration.servers import running_postgres

ROUNDS = 200
# How long a life lasts after it was ready; and, of every so many, one from its very beginning.
LIFE_MAX_S = 0.3
STARTING_EVERY = 8
STARTING_MAX_S = 1.2
START_MAX_S = 20.0
READ_BYTES = 65536
WATCH = SystemWatch()
IDS_MAX = 500

Run = Callable[[str], list[tuple[object, ...]]]


@dataclass(frozen=True, kw_only=True)
class Site:
    """A database. `run` executes one statement there; `check` asks whether it is whole."""

    name: str
    url: Secret
    run: Run
    check: Callable[[], None]


@dataclass(kw_only=True)
class Figures:
    """What all rounds came to."""

    rounds: int = 0
    killed_starting: int = 0
    acknowledged_rows: int = 0
    unheard_rows: int = 0
    repeated_groups: int = 0
    starts_s: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        starts_s = sorted(self.starts_s) or [0.0]
        return (
            f"{self.rounds} kills, {self.killed_starting} of them before the writer was ready; "
            f"{self.acknowledged_rows} rows acknowledged and all there, {self.unheard_rows} there "
            f"whose acknowledgement was not heard, {self.repeated_groups} groups saved again; "
            f"ready after {starts_s[len(starts_s) // 2]:.2f} s, at most {starts_s[-1]:.2f} s"
        )


@contextmanager
def sqlite_site() -> Iterator[Site]:
    with tempfile.TemporaryDirectory(prefix="greenroom-crash-") as folder:
        file = Path(folder) / "artifacts.sqlite"

        def run(statement: str) -> list[tuple[object, ...]]:
            connection = sqlite3.connect(file, timeout=30.0, isolation_level=None)
            try:
                return connection.execute(statement).fetchall()
            finally:
                connection.close()

        def check() -> None:
            assert run("PRAGMA integrity_check") == [("ok",)]

        yield Site(name="sqlite", url=Secret(f"sqlite:///{file}"), run=run, check=check)


@contextmanager
def postgres_site() -> Iterator[Site]:
    with running_postgres() as server:
        database = server.new_database()

        def run(statement: str) -> list[tuple[object, ...]]:
            return server.run(statement, database)

        def check() -> None:
            """A server looks after itself."""

        yield Site(name="postgres", url=server.url(database), run=run, check=check)


SITES = {"sqlite": sqlite_site, "postgres": postgres_site}


class Crash:
    """Rounds on one site; `chance` says when a life ends."""

    def __init__(self, site: Site, chance: Entropy) -> None:
        self._site = site
        self._chance = chance
        self._database = Database(url=site.url)
        self.table = table_names(self._database, PIPE_ID, KEYS).current
        # Acknowledged in any round; rows of earlier rounds must not be lost later either.
        self.acknowledged: set[Group] = set()
        self._unknown: list[Group] = []
        self.figures = Figures()

    def play(self, rounds: int) -> None:
        """Kill so many writers, and look after each; at the end look at everything once more."""
        for number in range(self.figures.rounds, self.figures.rounds + rounds):
            repeated, acknowledged = self._unknown, self._life(number)
            self.acknowledged |= acknowledged
            self.figures.rounds += 1
            self.figures.repeated_groups += len(acknowledged & set(repeated))
            self._look(number, acknowledged, repeated)
        self._look_at_all()

    def store(self) -> SqlArtifactStore:
        """Make a store on what the writers have left behind."""
        return keyed_store(self._database, PIPE_ID, KEYS)

    def _life(self, number: int) -> set[Group]:
        """Let a writer live for a moment; return what it said was kept."""
        began_s = WATCH.now_s()
        is_starting = number % STARTING_EVERY == STARTING_EVERY - 1
        ends_s = began_s + (
            self._chance.uniform(0.0, STARTING_MAX_S) if is_starting else START_MAX_S
        )
        words = [sys.executable, "-m", "tests.chaos.crash_writer", str(number)]
        with subprocess.Popen(
            [*words, *map(str, self._unknown)],
            env={**os.environ, "DATABASE_URL": self._site.url.reveal()},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as writer:
            heard = _Ear(writer)
            try:
                if heard.until_ready(ends_s):
                    self.figures.starts_s.append(WATCH.now_s() - began_s)
                    if not is_starting:
                        ends_s = WATCH.now_s() + self._chance.uniform(0.0, LIFE_MAX_S)
                elif is_starting:
                    self.figures.killed_starting += 1
                heard.until(ends_s)
                is_alive = writer.poll() is None
            finally:
                writer.kill()
                complaints = heard.to_the_end()
        assert complaints == "", complaints
        assert is_alive, "it ended by itself"
        assert is_starting or heard.is_ready, "it did not start in time"
        return heard.groups

    def _look(self, number: int, acknowledged: set[Group], repeated: list[Group]) -> None:
        """Look at what this round has written."""
        there = {
            str(row_id) for (row_id,) in self._ids(f"WHERE chat_id = '{Group(number, 0).chat_id}'")
        }
        kept = {group_of(row_id) for row_id in there}
        for group in kept:
            assert there.issuperset(group.ids), f"half a group: {group}"
        assert there == {each for group in kept for each in group.ids}, "rows that nobody sent"
        fresh = {group for group in acknowledged if group.round == number}
        assert fresh <= kept, f"acknowledged and missing: {sorted(fresh - kept)[:5]}"
        self._read(kept | (acknowledged - fresh))
        self.figures.acknowledged_rows += sum(group.size for group in acknowledged)
        self.figures.unheard_rows += sum(group.size for group in kept - fresh)
        # Every caller had one group on its way at the most.
        last = max((group.number for group in fresh), default=-1)
        sent = {Group(number, n) for n in range(last + CALLERS + 1)}
        unknown = (sent - fresh) | (set(repeated) - acknowledged)
        assert kept - fresh <= sent
        self._unknown = sorted(unknown)[: 4 * CALLERS]

    def _look_at_all(self) -> None:
        """What was acknowledged once is there for good, and nothing is there twice."""
        ids = [str(row_id) for (row_id,) in self._ids("")]
        assert len(ids) == len(set(ids)), "rows that are there twice"
        wanted = {row_id for group in self.acknowledged for row_id in group.ids}
        assert wanted <= set(ids), "rows of an earlier round are missing"
        self._site.check()

    def _ids(self, where: str) -> list[tuple[object, ...]]:
        ((tables,),) = self._site.run(
            "SELECT count(*) FROM sqlite_master WHERE type = 'table'"
            if self._site.name == "sqlite"
            else "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        )
        # Killed before it had made its table.
        return self._site.run(f"SELECT id FROM {self.table} {where}") if tables else []

    def _read(self, groups: set[Group]) -> None:
        by_chat: dict[str, list[Artifact]] = {}
        for group in sorted(groups):
            by_chat.setdefault(group.chat_id, []).extend(group.rows())
        if not by_chat:
            return
        store = self.store()
        store.open()
        for chat_id, rows in by_chat.items():
            for start in range(0, len(rows), IDS_MAX):
                compare(store, chat_id, rows[start : start + IDS_MAX])
        store.close()


def compare(store: SqlArtifactStore, chat_id: str, rows: Sequence[Artifact]) -> None:
    """Read rows as the product does, and compare every letter."""
    found = store.load(chat_id, [row.id for row in rows])
    assert not found.missing, f"{found.missing} rows are missing"
    assert not found.unreadable, f"{found.unreadable} rows are torn"
    assert found.artifacts == tuple(rows), "rows hold something else"


class _Ear:
    """Listens to a writer."""

    def __init__(self, writer: subprocess.Popen[bytes]) -> None:
        assert writer.stdout is not None
        assert writer.stderr is not None
        self._out, self._err = writer.stdout.fileno(), writer.stderr
        self._pieces: list[bytes] = []
        self._is_over = False

    @property
    def is_ready(self) -> bool:
        return bool(self._pieces)

    @property
    def groups(self) -> set[Group]:
        """What was acknowledged; a line that was cut off was not heard."""
        lines = b"".join(self._pieces).decode().split("\n")[:-1]
        return {group_named(line) for line in lines if line != READY}

    def until_ready(self, ends_s: float) -> bool:
        """Listen until it says its first word, or the time has come."""
        while not self._pieces and not self._is_over and WATCH.now_s() < ends_s:
            self._listen(ends_s)
        return bool(self._pieces)

    def until(self, ends_s: float) -> None:
        """Listen until the time has come."""
        while not self._is_over and WATCH.now_s() < ends_s:
            self._listen(ends_s)

    def to_the_end(self) -> str:
        """Take what is left; return what it had to complain about."""
        while not self._is_over:
            self._listen(WATCH.now_s() + START_MAX_S)
        return self._err.read().decode()

    def _listen(self, ends_s: float) -> None:
        wait_s = max(0.0, ends_s - WATCH.now_s())
        if select.select([self._out], [], [], wait_s)[0]:
            piece = os.read(self._out, READ_BYTES)
            self._is_over = not piece
            if piece:
                self._pieces.append(piece)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seed", type=int, default=int(SystemEntropy().token(3), 16))
    parser.add_argument("--database", choices=sorted(SITES), action="append")
    args = parser.parse_args()
    for name in args.database or sorted(SITES, reverse=True):
        with ExitStack() as stack:
            site = stack.enter_context(SITES[name]())
            began_s = WATCH.now_s()
            print(f"{name}: {args.rounds} rounds, seed {args.seed}", flush=True)
            crash = Crash(site, SeededEntropy(args.seed))
            crash.play(args.rounds)
            print(f"{name}: {crash.figures}; {WATCH.now_s() - began_s:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
