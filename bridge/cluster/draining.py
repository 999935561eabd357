"""`PendingRows` over Redis and the database: the half of write-behind that works later."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from actors.artifacts import Artifact
from actors.db_commit import TRIAL_CHAT, TRIAL_ID
from actors.kernel.clock import SystemWatch, Watch
from actors.pending import PendingRow, QueueAway, Taken, Tended
from actors.ports import StoreMisfit
from actors.values import OpaqueItem, WireFormat
from bridge.cluster.entries import EntryBroken, read
from bridge.cluster.errors import LinkError
from bridge.cluster.ledger import Ledger, RowName, Saved
from bridge.cluster.reads import Reads
from bridge.cluster.row_queue import RowQueue
from bridge.cluster.row_store import RowStore
from bridge.storage.rows import Row

# Rows of the ledger that one script looks at, and that one transaction holds.
SLICE_ROWS: Final = 500

_SETTLED: Final = 1
_LOST: Final = 2


class Drain:
    """See `PendingRows`. Used by one thread at a time.

    Args:
        sql, queue, ledger, reads: those of the store that acknowledges.
        watch: tells the time for rows on which nobody noted it.
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

    def open(self) -> None:
        """See `PendingRows`."""
        try:
            self._queue.join()
        except LinkError as error:
            raise QueueAway(error.facts) from None
        self._sql.open()

    def take(self, rows_max: int) -> Taken:
        """See `PendingRows`."""
        try:
            return self._queue.take(rows_max)
        except LinkError as error:
            raise QueueAway(error.facts) from None

    def commit(self, rows: Sequence[PendingRow]) -> None:
        """See `PendingRows`."""
        now_s = self._watch.wall_s()
        read_rows = (read(each.row) for each in rows)
        self._sql.save_rows(
            [(row, now_s if saved_s is None else saved_s) for row, saved_s in read_rows]
        )

    def try_out(self) -> None:
        """See `PendingRows`."""
        item = OpaqueItem(wire=WireFormat.RESPONSES, json='{"type":"greenroom_trial"}')
        trial = Artifact(
            id=TRIAL_ID, chat_id=TRIAL_CHAT, message_id=TRIAL_CHAT, model_id="greenroom", item=item
        )
        row = self._sql.row_of(trial)
        # One that was left behind would count as put, whatever the table is like.
        self._sql.forget_rows(row.chat_id, [row.id])
        self._sql.save_rows([(row, self._watch.wall_s())])
        self._sql.forget_rows(row.chat_id, [row.id])

    def settle(self, rows: Sequence[PendingRow]) -> None:
        """See `PendingRows`. What was forgotten in between is taken out of the database again."""
        if not rows:
            return
        settled = [(each.entry, read(each.row)[0]) for each in rows]
        try:
            forgotten = self._queue.settle(settled)
        except LinkError as error:
            raise QueueAway(error.facts) from None
        self._ledger.discard((row.chat_id, row.id) for _, row in settled)
        for chat, row_id in forgotten:
            self._sql.forget_rows(chat, [row_id])

    def put_aside(self, rows: Sequence[PendingRow]) -> None:
        """See `PendingRows`. They leave the ledger as well: there is no place for them."""
        names: list[RowName] = []
        for each in rows:
            with suppress(EntryBroken):
                row, _ = read(each.row)
                names.append((row.chat_id, row.id))
        try:
            self._queue.put_aside([each.entry for each in rows], names)
        except LinkError as error:
            raise QueueAway(error.facts) from None
        self._ledger.discard(names)

    def tend(self) -> Tended:
        """See `PendingRows`."""
        try:
            adopted = self._queue.adopt(SLICE_ROWS)
            lost = self._lost()
        except LinkError as error:
            raise QueueAway(error.facts) from None
        rescued, refused = self._save(lost)
        self._reads.refresh(self._sql)
        return Tended(rescued=rescued, refused=refused, adopted=adopted)

    def rescue(self) -> int:
        """See `PendingRows`."""
        rescued = 0
        self._sql.open()
        while some := self._ledger.oldest(SLICE_ROWS):
            rescued += self._save(some)[0]
        return rescued

    def _lost(self) -> list[Saved]:
        """Let go of what is in the database; return what Redis has no trace of."""
        lost: list[Saved] = []
        seen = 0
        while some := self._ledger.oldest(SLICE_ROWS, skip=seen):
            names = [each.name for each in some]
            states = self._queue.states(names)
            settled = [name for name, state in zip(names, states, strict=True) if state == _SETTLED]
            lost += [each for each, state in zip(some, states, strict=True) if state == _LOST]
            self._ledger.discard(settled)
            seen += len(some) - len(settled)
        return lost

    def _save(self, rows: Sequence[Saved]) -> tuple[int, int]:
        """Put rows of the ledger into the database; return how many fit, and how many do not."""
        refused = 0
        for start in range(0, len(rows), SLICE_ROWS):
            some = rows[start : start + SLICE_ROWS]
            try:
                self._sql.save_rows(_pairs(some))
            except StoreMisfit:
                self.try_out()
                refused += self._save_singly(some)
            self._ledger.discard(each.name for each in some)
        return len(rows) - refused, refused

    def _save_singly(self, rows: Sequence[Saved]) -> int:
        refused = 0
        for each in rows:
            try:
                self._sql.save_rows(_pairs([each]))
            except StoreMisfit:
                refused += 1
        return refused


def _pairs(rows: Sequence[Saved]) -> list[tuple[Row, float]]:
    return [(each.row, each.saved_s) for each in rows]
