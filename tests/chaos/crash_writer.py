"""A writer under load, made to be killed: it says on its output what was acknowledged.

    python -m tests.chaos.crash_writer ROUND [GROUP ...]

The database comes in `DATABASE_URL`. It saves the groups that are named, whose fate nobody knows,
and then new ones without an end. Lines: `ready`, then each group that is acknowledged. Whatever
the log has to say stands on the error output: a clean life says nothing.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections import deque
from collections.abc import Iterator
from functools import partial
from itertools import count
from typing import Any

from actors import ActorRef, ActorSystem, ChildSpec, LoopActor
from actors.db_writer import ArtifactsRefused, ArtifactsSaved, SaveArtifacts
from actors.ports import Secret
from bridge.storage.engines import Database
from bridge.storage.keyed_store import Keys, keyed_store
from tests.chaos.crash_rows import Group, group_named
from tests.integration.storage_room import writer_of

CALLERS = 50
PIPE_ID = "crash"
KEYS = Keys(current=Secret("a-key-that-is-worth-nothing"))
READY = "ready"


def say(word: str) -> None:
    """Write a line in one piece."""
    os.write(sys.stdout.fileno(), f"{word}\n".encode())


class Caller(LoopActor[ArtifactsSaved | ArtifactsRefused]):
    """Saves one group after the other."""

    def __init__(self, writer: ActorRef[Any], groups: Iterator[Group]) -> None:
        self._writer = writer
        self._groups = groups
        self._saving: Group | None = None

    def on_start(self) -> None:
        """Begin."""
        self._go_on()

    def receive(self, message: ArtifactsSaved | ArtifactsRefused) -> None:
        """Tell of what is kept, and go on."""
        assert isinstance(message, ArtifactsSaved), message
        say(str(self._saving))
        self._go_on()

    def _go_on(self) -> None:
        self._saving = next(self._groups)
        save = SaveArtifacts(artifacts=self._saving.rows(), reply_to=self.actor_ref)
        assert self._writer.offer(save), "there is room for one group of each caller"


def groups(round_: int, unknown: list[str]) -> Iterator[Group]:
    """Those whose fate nobody knows, then new ones."""
    left = deque(map(group_named, unknown))
    while left:
        yield left.popleft()
    yield from (Group(round_, number) for number in count())


async def write(round_: int, unknown: list[str]) -> None:
    """Go on until the end comes from outside."""
    url = Secret(os.environ["DATABASE_URL"])
    store = keyed_store(Database(url=url), PIPE_ID, KEYS)
    store.open()
    system = ActorSystem("crash")
    writer = await writer_of(store, system)
    say(READY)
    work = groups(round_, unknown)
    for _ in range(CALLERS):
        system.spawn(ChildSpec(start=partial(Caller, writer, work)))
    await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    asyncio.run(write(int(sys.argv[1]), sys.argv[2:]))
