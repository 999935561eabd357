"""Moves what a pipe keeps under its current key, while it goes on being used (SPEC 150, 152).

Rows of earlier keys are sealed anew and moved to the current table. A row changes and moves in
one transaction, so whoever has the old and the new key can read it at every moment, and a
rotation that ends anywhere is taken up by the next. Rows that do not open stay where they are.

It makes no table: the pipe itself makes the current one when the key is set in its valve. A key
that was mistyped here would seal everything so that nobody can read it; it has no table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final, TypeVar

import msgspec
from sqlalchemy import Table
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from actors.kernel.clock import SystemWatch, Watch
from actors.kernel.entropy import Entropy
from actors.ports import StoreError
from bridge.crypto.key_ring import KeyRing
from bridge.crypto.seal_broken import SealBroken, WhyBroken
from bridge.storage.engines import Database, Patience
from bridge.storage.errors import NO_KIND, misfit, store_error
from bridge.storage.keyed_store import Keys, key_ring, table_names
from bridge.storage.rows import STAGED_LOGS, Row
from bridge.storage.statements import count_rows, move_rows, reseal_rows, slice_after
from bridge.storage.table import artifact_table, is_table
from bridge.storage.transactions import Transactions
from bridge.transforms.json_text import json_text

T = TypeVar("T")

# What is locked and held in memory at once.
SLICE_ROWS_MAX: Final = 500
SLICE_BYTES_MAX: Final = 16 * 1024 * 1024

# Whoever has not heard of the new key yet goes on writing under the old one: so the earlier
# tables are gone through until one pass finds nothing, and this often at most.
PASSES_MAX: Final = 5

TRIES_MAX: Final = 5
PAUSE_S: Final = 1.0

NO_KEY_TOLD: Final = "There is no current key, so there is nothing to seal with."
NO_TABLE_TOLD: Final = (
    "The pipe has no table under this key. Set the key in its valve and chat once, so that the "
    "table is made; or the key, the id of the pipe or the database is another one."
)
_KINDS: Final = ("sqlite", "postgresql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """What became of the rows of one transaction."""

    seen: int
    rotated: int
    left: Counter[str]
    last_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a rotation is.

    Attributes:
        rows: there were at its beginning, in all tables.
        seen: have been looked at; it may grow past `rows`.
        rotated: were put under the current key.
        left: do not open and were left as they are: how many for each reason.
    """

    rows: int = 0
    seen: int = 0
    rotated: int = 0
    left: Mapping[str, int] = field(default_factory=dict)

    def after(self, done: Slice) -> Progress:
        """Return how far it is after one more slice."""
        return replace(
            self,
            seen=self.seen + done.seen,
            rotated=self.rotated + done.rotated,
            left=Counter(self.left) + done.left,
        )


class Rotation:
    """See the module docstring. One thread uses it; several may run at once, and share the work.

    Args:
        database: where the pipe keeps things.
        pipe_id: its id in Open WebUI.
        keys: the current key, and those that sealed before.
        entropy: where nonces come from.
        watch: tells the time.
        patience: how long each step may take.
        pause: waits so many seconds while the database is busy or away.
        slice_rows: rows of one transaction.
    """

    def __init__(
        self,
        database: Database,
        pipe_id: str,
        keys: Keys,
        *,
        pause: Callable[[float], object],
        entropy: Entropy | None = None,
        watch: Watch | None = None,
        patience: Patience | None = None,
        slice_rows: int = SLICE_ROWS_MAX,
    ) -> None:
        self._database = database
        self._pipe_id = pipe_id
        self._keys = keys
        self._pause = pause
        self._entropy = entropy
        self._slice_rows = slice_rows
        self._transactions = Transactions(database, patience or Patience(), watch or SystemWatch())

    def run(self) -> Iterator[Progress]:
        """Put everything under the current key; tell after each slice how far it is.

        Raises:
            StoreError: it cannot go on; what was done is done.
        """
        if not self._keys.current.reveal():
            raise misfit(NO_KEY_TOLD)
        ring = key_ring(self._keys, entropy=self._entropy)
        current, earlier = self._tables()
        rows = sum(self._patiently(partial(count_rows, table=t)) for t in (current, *earlier))
        progress = Progress(rows=rows)
        yield progress
        for done in self._slices(current, current, ring):
            progress = progress.after(done)
            yield progress
        left = progress.left
        for _ in range(PASSES_MAX):
            rotated = progress.rotated
            # What stays is met in every pass, and counted in the last.
            progress = replace(progress, left=left)
            for table in earlier:
                for done in self._slices(table, current, ring):
                    progress = progress.after(done)
                    yield progress
            if progress.rotated == rotated:
                return

    def close(self) -> None:
        """Let go of all connections."""
        self._transactions.close()

    def _tables(self) -> tuple[Table, list[Table]]:
        """Return the current table and those of earlier keys that are there.

        Raises:
            StoreMisfit: the current one is not there, or is none.
            StoreError: it cannot be asked.
        """
        names = table_names(self._database, self._pipe_id, self._keys)
        engine = self._transactions.open()
        if engine.dialect.name not in _KINDS:
            raise misfit(NO_KIND)
        there = [
            table
            for name in (names.current, *names.earlier)
            if _is_there(
                engine, table := artifact_table(name, self._database.schema, engine.dialect)
            )
        ]
        if not there or there[0].name != names.current:
            raise misfit(NO_TABLE_TOLD)
        return there[0], there[1:]

    def _slices(self, source: Table, target: Table, ring: KeyRing) -> Iterator[Slice]:
        """Go through a table once."""
        after = ""
        while True:
            work = partial(
                self._rotated_slice, source=source, target=target, ring=ring, after=after
            )
            done = self._patiently(work)
            if not done.seen:
                return
            after = done.last_id
            yield done

    def _rotated_slice(
        self, connection: Connection, *, source: Table, target: Table, ring: KeyRing, after: str
    ) -> Slice:
        rows = slice_after(
            connection,
            source,
            after=after,
            rows_max=self._slice_rows,
            bytes_max=SLICE_BYTES_MAX,
        )
        payloads: list[Mapping[str, Any]] = []
        left: Counter[str] = Counter()
        for row_id, row in rows:
            try:
                rotated = self._rotated(row, ring, moves=source is not target)
            except SealBroken as broken:
                left[broken.why.value] += 1
                continue
            if rotated is not None:
                payloads.append(
                    {
                        "b_id": row_id,
                        "b_payload": rotated.payload,
                        "b_is_encrypted": rotated.is_encrypted,
                    }
                )
        if payloads and source is target:
            reseal_rows(connection, source, payloads=payloads)
        elif payloads:
            move_rows(connection, source, target, payloads=payloads)
        last_id = rows[-1][0] if rows else after
        return Slice(seen=len(rows), rotated=len(payloads), left=left, last_id=last_id)

    def _rotated(self, row: Row | None, ring: KeyRing, *, moves: bool) -> Row | None:
        """Return the row as it is to be; None: it is so already.

        Raises:
            SealBroken: it does not open, or is no row.
        """
        if row is None:
            raise SealBroken(WhyBroken.NOT_A_WRAPPER)
        if not row.is_encrypted:
            # A staged session log that lies open is assembled and gone in a moment.
            is_staged = row.item_type.startswith(STAGED_LOGS)
            if is_staged or not self._keys.policy.seals(row.item_type):
                return row if moves else None
            wrapper = ring.seal(row.payload.encode(), row.identity)
            return replace(row, payload=json_text(wrapper), is_encrypted=True)
        sealed = _wrapper(row.payload)
        if ring.needs_rotation(sealed):
            return replace(row, payload=json_text(ring.reseal(sealed, row.identity)))
        return row if moves else None

    def _patiently(self, work: Callable[[Connection], T]) -> T:
        """Do the work in one transaction, and once more where the database had no time for it."""
        tries = 1
        while True:
            try:
                return self._transactions.run(work)
            except StoreError as error:
                if not error.transient or tries == TRIES_MAX:
                    raise
            tries += 1
            self._pause(PAUSE_S)


def _is_there(engine: Engine, table: Table) -> bool:
    try:
        return is_table(engine, table)
    except SQLAlchemyError as error:
        failure = store_error(error)
    raise failure


def _wrapper(payload: str) -> object:
    try:
        return msgspec.json.decode(payload)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        pass
    raise SealBroken(WhyBroken.NOT_A_WRAPPER)
