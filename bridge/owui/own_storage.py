"""Where one function of Open WebUI keeps things: a store by its valves, and session logs in it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Table
from sqlalchemy.engine import Connection

from actors.kernel.child_spec import ChildSpec
from actors.kernel.system import ActorSystem
from actors.ports import StoreError
from bridge.config.setting_groups import StorageSettings
from bridge.config.settings import Settings
from bridge.crypto.key_ring import KeyRing
from bridge.owui.own_database import own_database
from bridge.owui.session_logs import SessionLogDesk
from bridge.policies import PLUMBING
from bridge.session_logs.sealed_segments import SealedSegments
from bridge.storage.artifact_store import SqlArtifactStore
from bridge.storage.engines import Database
from bridge.storage.keyed_store import Keys, key_ring, keyed_store
from bridge.storage.live_store import LiveStore

_log = logging.getLogger("greenroom.storage")

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreWish:
    """Which store is meant."""

    database: Database
    keys: Keys


class OwnStorage:
    """The store that the valves mean.

    Args:
        function_id: whose it is; it names the table (SPEC 150).
        host: finds the database of whoever is around us; None: there is none.
    """

    def __init__(
        self, function_id: str, host: Callable[[], Database | None] = own_database
    ) -> None:
        self.store: LiveStore[StoreWish, SqlArtifactStore] = LiveStore(self._made)
        self._function_id = function_id
        self._host = host
        self._obeyed: StorageSettings | None = None
        self._has_place = False
        self._ring = key_ring(Keys())

    def obey(self, settings: Settings) -> bool:
        """Follow the settings; say whether there is a place to keep anything."""
        storage = settings.storage
        # The same object nearly always: to compare them field by field would cost more.
        if storage is not self._obeyed and storage != self._obeyed:
            self._obeyed = storage
            self._has_place = self._configured(storage)
        return self._has_place

    def run(self, work: Callable[[Connection, Table], T]) -> T:
        """Do work in a transaction of the store; see `Transactions` of session logs."""
        with self.store.used() as store:
            return store.run(work)

    def ring(self) -> KeyRing:
        """Return the keys there are now."""
        return self._ring

    def _configured(self, storage: StorageSettings) -> bool:
        url = storage.database_url
        database = Database(url=url) if url.reveal() else self._host()
        if database is None:
            _log.warning(
                "thinking and tool results are not kept: no database is around, and "
                "ARTIFACT_DATABASE_URL names none"
            )
            return False
        keys = Keys(
            current=storage.key,
            previous=storage.keys_previous,
            seals_all=storage.seals_all,
            compresses=storage.compresses,
            compress_min_bytes=storage.compress_min_bytes,
        )
        with suppress(StoreError):
            # The store says what is wrong with the keys, whenever it is opened.
            self._ring = key_ring(keys)
        self.store.configure(StoreWish(database=database, keys=keys))
        return True

    def _made(self, wish: StoreWish) -> SqlArtifactStore:
        return keyed_store(wish.database, self._function_id, wish.keys)


class SessionLogAnnex:
    """The actors of session logs, as a part of the tree; see `Annex`."""

    def __init__(self, desk: SessionLogDesk, storage: OwnStorage) -> None:
        self._desk = desk
        self._storage = storage

    def children(self) -> tuple[ChildSpec[Any], ...]:
        """See `Annex`."""
        packing = SealedSegments(self._storage.ring)
        return self._desk.children(self._storage.run, policy=PLUMBING, packing=packing)

    def connect(self, system: ActorSystem) -> None:
        """See `Annex`."""
        self._desk.connect(system)

    def close(self) -> None:
        """See `Annex`."""
        self._desk.close()

    def exit(self) -> None:
        """See `Annex`."""
        self._desk.leave()
