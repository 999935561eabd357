"""A program that saves rows through Redis, says which are acknowledged, and drains, until killed.

python -m tests.integration.dying_worker PORT FOLDER TABLE PIPE FIRST
"""

from __future__ import annotations

import sys
from dataclasses import replace
from itertools import count
from pathlib import Path

from bridge.cluster.keys import Keys
from tests.integration.cluster_stage import worker
from tests.integration.store_stages import artifact, sqlite_stage


def main(port: str, folder: str, table: str, pipe_id: str, first: str) -> None:
    sql = replace(sqlite_stage(Path(folder)), table=table)
    one = worker(sql, int(port), Keys(pipe_id), consumer=f"dying-{first}")
    one.store.open()
    one.drain.open()
    for number in count(int(first)):
        rows = [artifact(10 * number + each) for each in range(3)]
        one.store.save(rows)
        print(*(each.id for each in rows), flush=True)
        taken = one.drain.take(2)
        one.drain.commit(taken.rows)
        one.drain.settle(taken.rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
