"""What this process has acknowledged and not yet seen in the database.

A Redis that is emptied, or starts again without what it held, loses rows that it has taken. Their
readers were told that they are kept, so whoever told them keeps them until they are in the
database. Bounded: what does not fit in here is not acknowledged on the word of Redis.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeAlias

from bridge.storage.rows import Row

ROWS_MAX: Final = 20_000
BYTES_MAX: Final = 64 * 1024 * 1024

# What a row weighs beside its payload.
_ROW_BYTES: Final = 1024

# The columns that name a row.
RowName: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """A row and the wall clock at its acknowledgement."""

    row: Row
    saved_s: float

    @property
    def name(self) -> RowName:
        """Chat and id."""
        return self.row.chat_id, self.row.id

    @property
    def weight_bytes(self) -> int:
        """What it weighs, roughly: a character counts as a byte."""
        return _ROW_BYTES + len(self.row.payload)


class Ledger:
    """See the module docstring. Any number of threads may use one."""

    def __init__(self, *, rows_max: int = ROWS_MAX, bytes_max: int = BYTES_MAX) -> None:
        self._rows_max = rows_max
        self._bytes_max = bytes_max
        self._guard = threading.Lock()
        self._rows: dict[RowName, Saved] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, rows: Sequence[Saved]) -> bool:
        """Take all of them or none; those that are here already stay as they are.

        It is done before Redis is asked, so that there is room for what it says yes to.

        Returns:
            Whether there was room.
        """
        with self._guard:
            new = {each.name: each for each in reversed(rows) if each.name not in self._rows}
            weight = sum(each.weight_bytes for each in new.values())
            is_full = len(self._rows) + len(new) > self._rows_max
            if is_full or self._bytes + weight > self._bytes_max:
                return False
            self._rows |= new
            self._bytes += weight
            return True

    def discard(self, names: Iterable[RowName]) -> None:
        """Let go of rows; harmless where they are gone."""
        with self._guard:
            for name in names:
                gone = self._rows.pop(name, None)
                if gone is not None:
                    self._bytes -= gone.weight_bytes

    def find(self, chat: str, ids: Iterable[str]) -> dict[str, Row]:
        """Return the rows of a chat that are here, by id."""
        with self._guard:
            found = {each: self._rows.get((chat, each)) for each in ids}
        return {each: saved.row for each, saved in found.items() if saved is not None}

    def find_names(self, names: Iterable[RowName]) -> frozenset[RowName]:
        """Return those of the names whose rows are here."""
        with self._guard:
            return frozenset(name for name in names if name in self._rows)

    def oldest(self, rows_max: int, *, skip: int = 0) -> list[Saved]:
        """Return some rows, in the order in which they were acknowledged."""
        with self._guard:
            return list(islice(self._rows.values(), skip, skip + rows_max))
