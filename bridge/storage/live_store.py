"""A store that follows its configuration: whoever asks always gets the one that is meant now.

Valves change while a tree runs (SPEC 16). The store that was meant before goes on for the calls
that use it at that moment, and is closed by the last of them.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, TypeVar

from actors.artifacts import Artifact, Recalled
from actors.ports import ArtifactStore, ErrorFacts, StoreError, StoreUnavailable

_log = logging.getLogger("greenroom.storage")

W = TypeVar("W")
S = TypeVar("S", bound=ArtifactStore)


class _Made(Generic[S]):
    """One store, and how many use it at this moment."""

    __slots__ = ("is_given_up", "store", "users")

    def __init__(self, store: S) -> None:
        self.store = store
        self.users = 0
        self.is_given_up = False


class LiveStore(Generic[W, S]):
    """See `ArtifactStore`, and the module docstring. Any number of threads may use it.

    Args:
        make: makes the store of a configuration; it may raise `StoreError`, and is tried again
            at the next call.
    """

    def __init__(self, make: Callable[[W], S]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._wanted: W | None = None
        self._made: _Made[S] | None = None
        self._trouble = ""

    def configure(self, wanted: W) -> None:
        """Say which store is meant from now on. Harmless when it is that one; never blocks long.

        Args:
            wanted: compared by value.
        """
        if wanted is self._wanted:
            return
        with self._lock:
            if wanted == self._wanted:
                return
            self._wanted = wanted
            idle = self._given_up()
        if idle is not None:
            # It is closed off this thread, which may be a loop's.
            threading.Thread(target=idle.close, name="greenroom-store-close", daemon=True).start()

    # --- the port --------------------------------------------------------------------------------

    def open(self) -> None:
        """See `ArtifactStore`."""
        with self.used():
            pass

    def save(self, artifacts: Sequence[Artifact]) -> None:
        """See `ArtifactStore`. Says once why nothing is kept, and once that it is again."""
        with self.used() as store:
            self.watch_save(lambda: store.save(artifacts))

    def watch_save(self, save: Callable[[], None]) -> None:
        """Save, and tell the admin where that began to fail, or works again.

        Raises:
            StoreError: what `save` raised.
        """
        try:
            save()
        except StoreError as error:
            self._tell(error)
            raise
        self._tell(None)

    def load(self, chat_id: str, ids: Sequence[str]) -> Recalled:
        """See `ArtifactStore`."""
        with self.used() as store:
            return store.load(chat_id, ids)

    def forget(self, chat_id: str, ids: Sequence[str]) -> int:
        """See `ArtifactStore`."""
        with self.used() as store:
            return store.forget(chat_id, ids)

    def sweep(self, older_than_s: float, rows_max: int) -> int:
        """See `ArtifactStore`."""
        with self.used() as store:
            return store.sweep(older_than_s, rows_max)

    def close(self) -> None:
        """See `ArtifactStore`. A store that is in use is closed by its last user."""
        with self._lock:
            idle = self._given_up()
        if idle is not None:
            idle.close()

    # --- who uses what ---------------------------------------------------------------------------

    @contextmanager
    def used(self) -> Iterator[S]:
        """Give the store that is meant, opened.

        Raises:
            StoreError: it cannot be used, or not now.
        """
        with self.meant() as store:
            try:
                store.open()
            except StoreError as error:
                self._tell(error)
                raise
            yield store

    @contextmanager
    def meant(self) -> Iterator[S]:
        """Give the store that is meant, for what needs no connection.

        Raises:
            StoreError: there is none.
        """
        try:
            made = self._taken()
        except StoreError as error:
            self._tell(error)
            raise
        try:
            yield made.store
        finally:
            self._left(made)

    def _taken(self) -> _Made[S]:
        with self._lock:
            if self._wanted is None:
                raise StoreUnavailable(ErrorFacts(detail="No database is configured yet."))
            if self._made is None:
                self._made = _Made(self._make(self._wanted))
            self._made.users += 1
            return self._made

    def _left(self, made: _Made[S]) -> None:
        with self._lock:
            made.users -= 1
            is_last = made.is_given_up and not made.users
        if is_last:
            made.store.close()

    def _given_up(self) -> S | None:
        """Give up the store there is; return it if nobody uses it, to be closed."""
        made, self._made = self._made, None
        if made is None:
            return None
        made.is_given_up = True
        return None if made.users else made.store

    def _tell(self, error: StoreError | None) -> None:
        """Log a change for better or worse, and no repetition."""
        trouble = "" if error is None else (error.facts.detail or type(error).__name__)
        before, self._trouble = self._trouble, trouble
        if trouble == before:
            return
        if error is None:
            _log.info("thinking and tool results are kept again")
        else:
            _log.error("thinking and tool results are not kept: %s", trouble)
