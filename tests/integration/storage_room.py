"""The actors of storage as the product starts them, around a store, and nothing else."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from actors import ActorRef, ActorSystem, ChildSpec, Intensity
from actors.db_writer import DbWriterActor
from actors.ports import ArtifactStore
from bridge.storage_tree import Kept, storage_spec
from supervisor import Supervisor
from supervisor.gate import GateActor

START_S = 10.0


async def writer_of(store: ArtifactStore, system: ActorSystem) -> ActorRef[Any]:
    """Start them below a root of their own, and return the writer."""
    storage = storage_spec(store, Kept(), gate=GateActor, claims_max=100)
    once = Intensity(restarts_max=0, window_s=1.0)
    root = ChildSpec(name="root", start=partial(Supervisor, (storage,), intensity=once))
    system.spawn(root)
    async with asyncio.timeout(START_S):
        # Those before it have threads, and start on them; nobody tells when they have.
        while (writer := system.find("root/storage/writer")) is None:  # noqa: ASYNC110 - see above
            await asyncio.sleep(0)
    assert writer.actor_class is DbWriterActor
    return writer
