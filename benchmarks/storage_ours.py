"""The writer under test: the actors of storage as the product starts them, on the SQL store."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from actors import ActorRef, ActorSystem, ChildSpec, LoopActor
from actors.artifacts import Artifact
from actors.db_writer import ArtifactsRefused, ArtifactsSaved, SaveArtifacts
from actors.ports import Secret
from bridge.storage.engines import Database
from bridge.storage.keyed_store import Keys, keyed_store
from tests.integration.storage_room import writer_of

KEY = "a key of the benchmark"


class Caller(LoopActor[ArtifactsSaved | ArtifactsRefused]):
    """Saves one row after the other, each when the one before is acknowledged."""

    def __init__(
        self, writer: ActorRef[Any], rows: Iterator[Artifact], ended: Callable[[], object]
    ) -> None:
        self._writer = writer
        self._rows = rows
        self._ended = ended

    def on_start(self) -> None:
        """Begin."""
        self._go_on()

    def receive(self, message: ArtifactsSaved | ArtifactsRefused) -> None:
        """Go on with the next row."""
        assert isinstance(message, ArtifactsSaved), "a healthy store refuses nothing"
        self._go_on()

    def _go_on(self) -> None:
        row = next(self._rows, None)
        if row is None:
            self._ended()
            return
        taken = self._writer.offer(SaveArtifacts(artifacts=(row,), reply_to=self.actor_ref))
        assert taken, "there is room for one row of each caller"


class Room:
    """A store, and the actors that write into it. Made inside the running loop."""

    def __init__(self, url: Secret, pipe_id: str, *, is_sealed: bool) -> None:
        logging.getLogger("greenroom").setLevel(logging.ERROR)
        keys = Keys(current=Secret(KEY if is_sealed else ""))
        self._store = keyed_store(Database(url=url), pipe_id, keys)
        self._system = ActorSystem("bench")

    async def open(self) -> None:
        """Open the store, start the actors."""
        self._store.open()
        self._writer = await writer_of(self._store, self._system)

    async def save(self, callers: list[Iterator[Artifact]]) -> None:
        """Let everybody save all of theirs, all at once."""
        done = asyncio.get_running_loop().create_future()
        left = len(callers)

        def ended() -> None:
            nonlocal left
            left -= 1
            if not left:
                done.set_result(None)

        refs = [
            self._system.spawn(ChildSpec(start=partial(Caller, self._writer, rows, ended)))
            for rows in callers
        ]
        await done
        for ref in refs:
            ref.kill()

    async def close(self) -> None:
        """End the actors, then the store."""
        await self._system.stop(10.0)
        self._store.close()
