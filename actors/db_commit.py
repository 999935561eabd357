"""Commits one batch at a time, on a thread of its own.

Lifetime   permanent. A store that fails crashes it, and its restart policy is retry and breaker
           in one: a few tries, a wait between them, then a hold, then one probe (SPEC 155). A
           later life opens the store before it takes a batch, so the probe of a hold is that.
           The first one does not: a database that is away must not keep the tree from starting.
Parent     the plumbing; started before the writer, and so stopped after it.

Receives   CommitBatch      ask, from the writer
Sends      BatchCommitted   as the answer of `CommitBatch`

The store is opened here and closed by whoever made it: others use it too, and a life that was
left behind hanging in it must not hold up the next one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from actors.artifacts import ID_CHARS, Artifact
from actors.kernel.actor import ThreadActor
from actors.ports import ArtifactStore, StoreMisfit
from actors.values import OpaqueItem, WireFormat

# Where a row stands that is written to see whether the store takes rows at all.
TRIAL_CHAT: Final = "greenroom:trial"
TRIAL_ID: Final = "0" * ID_CHARS

Group = tuple[Artifact, ...]


class CommitBatch(Struct, frozen=True, kw_only=True):
    """Commit these groups of artifacts, all of a group or none of it."""

    groups: tuple[Group, ...]

    def __repr__(self) -> str:
        return f"CommitBatch({len(self.groups)} groups)"


class BatchCommitted(Struct, frozen=True, kw_only=True):
    """All groups are kept, but for those at the indices `unfit`, which the store cannot hold."""

    unfit: tuple[int, ...] = ()


class DbCommitActor(ThreadActor[CommitBatch]):
    """See the module docstring."""

    def __init__(self, store: ArtifactStore) -> None:
        self._store = store

    def on_start(self) -> None:
        """Open the store again after a failure.

        Raises:
            StoreError: it cannot be opened; that counts like a failed commit.
        """
        if self.life > 1:
            self._store.open()

    def receive(self, message: CommitBatch) -> BatchCommitted:
        """Commit.

        Raises:
            StoreError: the store is at fault, and not a single group.
        """
        self._store.open()
        return BatchCommitted(unfit=committed(self._store, message.groups))


def committed(store: ArtifactStore, groups: Sequence[Group]) -> tuple[int, ...]:
    """Keep all groups in one transaction; where that does not fit, find those that do not.

    Returns:
        The indices of the groups that are not kept, ascending.

    Raises:
        StoreError: the store is at fault: it is away, or holds not even a row that must fit.
    """
    try:
        store.save(_rows(groups))
    except StoreMisfit:
        _try_out(store)
    else:
        return ()
    unfit = []
    # Halves of what did not fit; the store is known to be good. At most 2 n saves for n groups.
    parts = _halves(0, len(groups))
    if not parts:
        return (0,)
    while parts:
        start, stop = parts.popleft()
        try:
            store.save(_rows(groups[start:stop]))
        except StoreMisfit:
            halves = _halves(start, stop)
            parts.extend(halves)
            if not halves:
                unfit.append(start)
    return tuple(sorted(unfit))


def _rows(groups: Sequence[Group]) -> list[Artifact]:
    return [artifact for group in groups for artifact in group]


def _halves(start: int, stop: int) -> deque[tuple[int, int]]:
    """Cut a range in two; of one that cannot be cut nothing is left."""
    middle = (start + stop) // 2
    return deque(((start, middle), (middle, stop)) if stop - start > 1 else ())


def _try_out(store: ArtifactStore) -> None:
    """Write a row that must fit, and take it away again.

    It tells a row that is at fault from a full disk or a table with other columns.

    Raises:
        StoreError: it is the store.
    """
    item = OpaqueItem(wire=WireFormat.RESPONSES, json='{"type":"greenroom_trial"}')
    trial = Artifact(
        id=TRIAL_ID, chat_id=TRIAL_CHAT, message_id=TRIAL_CHAT, model_id="greenroom", item=item
    )
    # One that was left behind would count as kept, whatever the store is like.
    store.forget(TRIAL_CHAT, (TRIAL_ID,))
    store.save((trial,))
    store.forget(TRIAL_CHAT, (TRIAL_ID,))
