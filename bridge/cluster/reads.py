"""What was read from the cache, and is therefore kept in the database for another term (SPEC 156).

Nobody who reads from the cache waits for the database; it hears of the reads a little later.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Final

from bridge.cluster.ledger import RowName
from bridge.cluster.row_store import RowStore

# Rows that are noted at once; of more, the oldest are let go: they are read again one day.
NOTED_MAX: Final = 20_000


class Reads:
    """See the module docstring. Any number of threads may use one."""

    def __init__(self, noted_max: int = NOTED_MAX) -> None:
        self._noted_max = noted_max
        self._guard = threading.Lock()
        self._names: dict[RowName, float] = {}

    def note(self, chat: str, ids: Iterable[str], now_s: float) -> None:
        """Note that rows of a chat were read, by the wall clock."""
        with self._guard:
            for each in ids:
                self._names.pop((chat, each), None)
                self._names[chat, each] = now_s
            while len(self._names) > self._noted_max:
                del self._names[next(iter(self._names))]

    def refresh(self, sql: RowStore) -> None:
        """Tell the database of what was noted. Where that fails it is said there, once."""
        with self._guard:
            names, self._names = self._names, {}
        chats: dict[str, list[str]] = {}
        for chat, row_id in names:
            chats.setdefault(chat, []).append(row_id)
        for chat, ids in chats.items():
            # One time for a chat: a row too many is kept for a moment longer.
            sql.refresh_rows(chat, ids, max(names[chat, each] for each in ids))
