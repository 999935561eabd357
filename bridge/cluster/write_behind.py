"""`ArtifactStore` that says yes as soon as Redis has the rows; the database gets them later.

What is saved goes into a stream and a cache in one step, and is kept in this process as well until
it is in the database (`ledger.py`). Where Redis is away, slow, full or takes no writes, or where
there is no room for more, the rows go into the database at once, as they do without Redis
(SPEC 163, 165). Nobody waits for a Redis that failed: `draining.py` finds out when it is back.

Reading looks into this process, then into the cache, then into the database.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace

from actors.artifacts import Artifact, Recalled
from actors.kernel.clock import SystemWatch, Watch
from actors.ports import ErrorFacts, StoreError, StoreMisfit, StoreUnavailable
from bridge.cluster.errors import LinkError
from bridge.cluster.ledger import Ledger, RowName, Saved
from bridge.cluster.reads import Reads
from bridge.cluster.row_queue import RowQueue
from bridge.cluster.row_store import RowStore
from bridge.storage.rows import Row, RowUnreadable, chat_column, id_column

_log = logging.getLogger("greenroom.storage")

_CLOSED = "The store is closed."


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveCounts:
    """How saves went, in rows.

    Attributes:
        queued: acknowledged on the word of Redis.
        direct: written into the database at once, because Redis could not be used.
        crowded: the same, because there was no room in Redis or in this process.
    """

    queued: int = 0
    direct: int = 0
    crowded: int = 0


class WriteBehindStore:
    """See `ArtifactStore`.

    Args:
        sql: the database.
        queue: the rows in Redis.
        ledger, reads: shared with whoever drains the queue.
        watch: tells the time that rows carry.
    """

    def __init__(
        self,
        sql: RowStore,
        queue: RowQueue,
        ledger: Ledger,
        reads: Reads,
        *,
        watch: Watch | None = None,
    ) -> None:
        self._sql = sql
        self._queue = queue
        self._ledger = ledger
        self._reads = reads
        self._watch = watch or SystemWatch()
        self._opening = threading.Lock()
        self._is_open = False
        self._is_said = False
        self._counts = SaveCounts()

    @property
    def counts(self) -> SaveCounts:
        """How saves went so far."""
        return self._counts

    @property
    def unsettled(self) -> int:
        """Rows that this process has acknowledged and not yet seen in the database."""
        return len(self._ledger)

    def open(self) -> None:
        """See `ArtifactStore`. One of the two is enough: the other one may come later."""
        with self._opening:
            if self._is_open:
                return
            is_joined = self._join()
            try:
                self._sql.open()
            except StoreMisfit:
                # Nothing would ever come out of the queue.
                raise
            except StoreError:
                if not is_joined:
                    raise
            self._is_open = True

    def save(self, artifacts: Sequence[Artifact]) -> None:
        """See `ArtifactStore`."""
        now_s = self._watch.wall_s()
        rows = [Saved(row=self._sql.row_of(each), saved_s=now_s) for each in artifacts]
        self._check_open()
        if rows and not self._is_queued(rows):
            self._sql.open()
            self._sql.save_rows([(each.row, each.saved_s) for each in rows])

    def load(self, chat_id: str, ids: Sequence[str]) -> Recalled:
        """See `ArtifactStore`. An id that is asked for twice is given once."""
        self._check_open()
        asked = {id_column(artifact_id): artifact_id for artifact_id in ids}
        chat = chat_column(chat_id)
        cached, forgotten = self._at_hand(chat, list(asked))
        found: dict[str, Artifact] = {}
        for column, row in cached.items():
            try:
                found[column] = self._sql.artifact_of(row, asked[column], chat_id)
            except RowUnreadable:
                # Sealed with another key, or damaged; the database has the last word.
                continue
        self._reads.note(chat, found, self._watch.wall_s())
        left = [each for each in asked if each not in found and each not in forgotten]
        unreadable = self._load_rows(chat_id, {each: asked[each] for each in left}, found)
        return Recalled(
            artifacts=tuple(found[column] for column in asked if column in found),
            missing=len(asked) - len(found) - unreadable,
            unreadable=unreadable,
        )

    def forget(self, chat_id: str, ids: Sequence[str]) -> int:
        """See `ArtifactStore`."""
        self._check_open()
        chat, wanted = chat_column(chat_id), list(dict.fromkeys(map(id_column, ids)))
        if not wanted:
            return 0
        names = [(chat, each) for each in wanted]
        self._ledger.discard(names)
        waiting = self._forget_queued(names)
        # A row may be in the database and not out of the queue yet.
        return min(len(wanted), waiting + self._sql.forget_rows(chat, wanted))

    def sweep(self, older_than_s: float, rows_max: int) -> int:
        """See `ArtifactStore`. What was read from the cache is kept for another term first."""
        self._reads.refresh(self._sql)
        return self._sql.sweep(older_than_s, rows_max)

    def close(self) -> None:
        """See `ArtifactStore`. What waits is written by another process, or at the next start."""
        with self._opening:
            self._is_open = False
            self._queue.close()
            self._sql.close()

    # --- Redis -----------------------------------------------------------------------------------

    def _join(self) -> bool:
        if not self._queue.is_wanted:
            return False
        try:
            self._queue.join()
        except LinkError as error:
            self._say(error)
            return False
        return True

    def _is_queued(self, rows: Sequence[Saved]) -> bool:
        """Give rows to Redis; say whether it has them."""
        if not self._queue.takes_rows:
            self._count(direct=len(rows))
            return False
        before = self._ledger.find_names(each.name for each in rows)
        if not self._ledger.add(rows):
            self._count(crowded=len(rows))
            return False
        new = {each.name for each in rows} - before
        try:
            settled = self._queue.add(rows)
        except LinkError as error:
            self._say(error)
            self._count(direct=len(rows))
            self._ledger.discard(new)
            return False
        if settled is None:
            self._count(crowded=len(rows))
            self._ledger.discard(new)
            return False
        self._ledger.discard(settled)
        self._is_said = False
        self._count(queued=len(rows))
        return True

    def _at_hand(self, chat: str, ids: Sequence[str]) -> tuple[dict[str, Row], frozenset[str]]:
        """Return rows that are here or in the cache, and the ids of those that were forgotten."""
        rows = self._ledger.find(chat, ids)
        left = [each for each in ids if each not in rows]
        if not left or not self._queue.is_joined:
            return rows, frozenset()
        try:
            cached, forgotten = self._queue.cached(chat, left)
        except LinkError as error:
            self._say(error)
            return rows, frozenset()
        return rows | cached, forgotten

    def _forget_queued(self, names: Sequence[RowName]) -> int:
        if not self._queue.is_joined:
            return 0
        try:
            return self._queue.forget(names)
        except LinkError as error:
            self._say(error)
            return 0

    # --- the database ----------------------------------------------------------------------------

    def _load_rows(self, chat_id: str, asked: dict[str, str], found: dict[str, Artifact]) -> int:
        """Add what the database has to what was found; return how many rows are unreadable."""
        if not asked:
            return 0
        chat = chat_column(chat_id)
        self._sql.open()
        rows = self._sql.load_rows(chat, list(asked))
        self._sql.refresh_rows(chat, list(rows))
        readable: dict[str, Row] = {}
        unreadable = 0
        for column, row in rows.items():
            try:
                found[column] = self._sql.artifact_of(row, asked[column], chat_id)
            except RowUnreadable:
                unreadable += 1
            else:
                assert row is not None, "what is read is there"
                readable[column] = row
        self._cache(readable)
        return unreadable

    def _cache(self, rows: dict[str, Row]) -> None:
        if not rows or not (self._queue.is_wanted and self._queue.is_joined):
            return
        try:
            self._queue.keep(rows)
        except LinkError as error:
            self._say(error)

    # --- words and numbers -----------------------------------------------------------------------

    def _check_open(self) -> None:
        if not self._is_open:
            raise StoreUnavailable(ErrorFacts(detail=_CLOSED))

    def _say(self, error: LinkError) -> None:
        """Tell once of a Redis that fails, until it is well again."""
        if not self._is_said:
            self._is_said = True
            _log.warning("artifacts go into the database directly: %s", error.facts.detail)

    def _count(self, *, queued: int = 0, direct: int = 0, crowded: int = 0) -> None:
        counts = self._counts
        self._counts = replace(
            counts,
            queued=counts.queued + queued,
            direct=counts.direct + direct,
            crowded=counts.crowded + crowded,
        )
