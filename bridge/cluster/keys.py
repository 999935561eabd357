"""The names of keys (SPEC 162): all under the pipe's id, so that two installs share nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

GROUP: Final = "writers"


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one pipe."""

    pipe_id: str

    @property
    def _root(self) -> str:
        return self.pipe_id.lower()

    @property
    def pending(self) -> str:
        """The stream of rows that are not in the database yet; once a list of the earlier pipe."""
        return f"{self._root}:pending"

    @property
    def pending_bytes(self) -> str:
        """What they weigh."""
        return f"{self._root}:pending:bytes"

    @property
    def earlier(self) -> str:
        """Where a list of the earlier pipe is put, out of the way of the stream."""
        return f"{self._root}:pending:earlier"

    @property
    def poison(self) -> str:
        """Some rows that the database does not hold, for somebody to look at."""
        return f"{self._root}:poison"

    def artifact(self, chat: str, row: str) -> str:
        """Return the key of a cached row, by its columns."""
        return f"{self._root}:artifact:{chat}:{row}"

    def lease(self, name: str) -> str:
        """Return the key of a lease."""
        return f"{self._root}:lease:{name}"

    def costs(self, user_id: str, unique: str, at_s: int) -> str:
        """Return the key of a snapshot of costs (SPEC 178); the name is read by other programs."""
        return f"costs:{self.pipe_id}:{user_id}:{unique}:{at_s}"
