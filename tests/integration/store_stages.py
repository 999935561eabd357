"""Every artifact store on a stage of its own: the one in memory, SQLite on disk, PostgreSQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Protocol

from actors.artifacts import Artifact, StoredItem
from actors.ports import ArtifactStore, Secret
from actors.testing.manual_clock import ManualClock
from actors.values import OpaqueItem, Reasoning, ToolCall, ToolOutput, WireFormat
from bridge.chaos.memory_store import MemoryArtifactStore, MemoryTable
from bridge.storage.artifact_store import SqlArtifactStore
from bridge.storage.engines import Database
from bridge.storage.sealing import SealPolicy
from tests.integration.servers import Postgres
from tests.unit.crypto_stage import ring

KEY = "a key of the tests"
TABLES = count(1)

ITEMS: dict[str, StoredItem] = {
    "thinking": Reasoning(
        wire=WireFormat.RESPONSES,
        json='{"type": "reasoning", "id":"rs_1","summary":[], "encrypted_content":"gAAAAA=="}',
    ),
    "thinking of chat": Reasoning(
        wire=WireFormat.CHAT, json='[{"type":"reasoning.text","text":"2 + 3","signature":"s"}]'
    ),
    "a call": ToolCall(call_id="call_1", name="weather", arguments='{"city":"Köln 🌞"}'),
    "an output": ToolOutput(call_id="call_1", output="sunny, 21 °C\n\0"),
    "another item": OpaqueItem(
        wire=WireFormat.RESPONSES, json='{"type":"image_generation_call","result":"aGk="}'
    ),
    "another item of chat": OpaqueItem(wire=WireFormat.CHAT, json='{"type":"audio","id":"a1"}'),
    "no JSON": Reasoning(wire=WireFormat.RESPONSES, json="<thinking>"),
    "half an escape": Reasoning(
        wire=WireFormat.RESPONSES, json='{"type":"reasoning","summary":"\\ud800"}'
    ),
}
THOUGHT = ITEMS["thinking"]


def artifact(
    number: int,
    *,
    chat_id: str = "chat-1",
    message_id: str = "message-1",
    item: StoredItem = THOUGHT,
    place: int = 0,
) -> Artifact:
    return Artifact(
        id=f"{number:020}",
        chat_id=chat_id,
        message_id=message_id,
        model_id="openai/gpt-5",
        item=item,
        place=place,
    )


class Stage(Protocol):
    """Rows that stores come and go on."""

    @property
    def clock(self) -> ManualClock:
        """The time of its stores."""

    def store(self) -> ArtifactStore:
        """Make a store, not open yet, on the rows of this stage."""

    def spoil(self, artifact_id: str) -> None:
        """Damage what is in a row."""

    def rows(self) -> int:
        """Count the rows of all chats."""


class MemoryStage:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self._table = MemoryTable()

    def store(self) -> ArtifactStore:
        return MemoryArtifactStore(self._table, self.clock)

    def spoil(self, artifact_id: str) -> None:
        self._table.spoil(artifact_id)

    def rows(self) -> int:
        return len(self._table)


@dataclass(frozen=True, kw_only=True)
class SqlStage:
    """A table in a database. `run` executes one statement there and returns its rows."""

    clock: ManualClock
    database: Database
    table: str
    policy: SealPolicy
    run: Callable[[str], list[tuple[object, ...]]]

    @property
    def is_sqlite(self) -> bool:
        assert self.database.url is not None
        return self.database.url.reveal().startswith("sqlite")

    def store(self, key: str = KEY) -> ArtifactStore:
        return SqlArtifactStore(
            self.database,
            self.table,
            sealer=ring(key),
            policy=self.policy,
            watch=self.clock,
        )

    def spoil(self, artifact_id: str) -> None:
        self.run(f"UPDATE {self.table} SET payload = '{{\"box\":1}}' WHERE id = '{artifact_id}'")

    def rows(self) -> int:
        ((number,),) = self.run(f"SELECT count(*) FROM {self.table}")
        assert isinstance(number, int)
        return number


def sqlite_stage(folder: Path, policy: SealPolicy = SealPolicy.NOTHING) -> SqlStage:
    file = folder / "its own" / "artifacts.sqlite"

    def run(statement: str) -> list[tuple[object, ...]]:
        connection = sqlite3.connect(file, timeout=30.0, isolation_level=None)
        try:
            return connection.execute(statement).fetchall()
        finally:
            connection.close()

    return SqlStage(
        clock=ManualClock(),
        database=Database(url=Secret(f"sqlite:///{file}")),
        table=f"response_items_{next(TABLES)}",
        policy=policy,
        run=run,
    )


def postgres_stage(server: Postgres, policy: SealPolicy = SealPolicy.NOTHING) -> SqlStage:
    return SqlStage(
        clock=ManualClock(),
        database=Database(url=server.url()),
        table=f"response_items_{next(TABLES)}",
        policy=policy,
        run=server.run,
    )
