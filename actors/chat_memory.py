"""What storage is to one chat: what its history names, and what is kept of its answer.

The request actor owns one and asks it at four moments: before the first call of the provider
(`question`, then `recall`), after each round (`keep`), when the answer is complete (`to_save`,
then `saved`), and when it is over (`forget`). It never waits, and decides nothing about storage
itself: each piece of work is done by an actor beside the request.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from typing import Any, TypeAlias

from msgspec import Struct

from actors.artifact_ids import chance_bytes, new_ids
from actors.artifacts import Recalled, StoredItem
from actors.conversation import Conversation
from actors.db_writer import BATCH_ROWS, ArtifactsRefused, ArtifactsSaved, NotSaved, SaveArtifacts
from actors.keeping import Keeps, artifacts_of, bounded, kept_of
from actors.kernel.child_spec import ChildSpec, Restart
from actors.kernel.ref import ActorRef
from actors.kernel.system import ActorSystem
from actors.recall import Placed, ReasoningRetention, placed, wanted
from actors.recall_reader import (
    ArtifactsLoaded,
    ArtifactsUnread,
    ForgetArtifacts,
    LoadArtifacts,
    NotRead,
)
from actors.storage_turn import StorageJob, StorageSetup, StorageTurnActor, storage_found
from actors.values import Item, Marked, Notice, Noticed, Shown, ToolOutput

_log = logging.getLogger("greenroom.storage")

# Beyond its own bound, until a job that never answers is taken for lost.
LOST_AFTER_S = 1.0

LoadAnswer: TypeAlias = ArtifactsLoaded | ArtifactsUnread
SaveAnswer: TypeAlias = ArtifactsSaved | ArtifactsRefused


class MemorySetup(Struct, frozen=True, kw_only=True):
    """What a chat remembers, by its settings.

    Attributes:
        storage: where it is kept.
        chat_id, message_id: the chat, and the answer that is being made. Never empty.
        keeps: what is kept of the answer; None: nothing.
        retention: how long thinking is sent back.
        turns_kept: turns whose long outputs stay whole.
        batch_rows: rows of a commit while the store is in trouble.
    """

    storage: StorageSetup
    chat_id: str
    message_id: str
    keeps: Keeps | None
    retention: ReasoningRetention
    turns_kept: int
    batch_rows: int = BATCH_ROWS

    def __repr__(self) -> str:
        return f"MemorySetup({self.keeps}, {self.retention.value})"


class ChatMemory:
    """See the module docstring.

    Args:
        setup: what is remembered.
        system: whose clock and chance make the ids.
    """

    def __init__(self, setup: MemorySetup, system: ActorSystem) -> None:
        self._setup = setup
        self._system = system
        self._kept: list[StoredItem] = []
        self._to_forget: tuple[str, ...] = ()
        self._ids: tuple[str, ...] = ()

    # --- what the history names ------------------------------------------------------------------

    def question(self, items: Sequence[Item]) -> LoadArtifacts | None:
        """Return what is to be read before the provider can be asked, if anything is."""
        ids = wanted(items)
        return LoadArtifacts(chat_id=self._setup.chat_id, ids=ids) if ids else None

    def recall(
        self, items: Sequence[Item], answer: LoadAnswer, *, model: str
    ) -> tuple[tuple[Item, ...], tuple[Shown, ...]]:
        """Put what was read in its places; return the conversation, and what the reader hears."""
        setup = self._setup
        recalled = answer.recalled if isinstance(answer, ArtifactsLoaded) else Recalled()
        made = placed(
            items,
            recalled,
            model=model,
            retention=setup.retention,
            turns_kept=setup.turns_kept,
        )
        self._to_forget = made.to_forget
        if isinstance(answer, ArtifactsLoaded):
            _report(made, recalled)
        shown: tuple[Shown, ...] = ()
        if isinstance(answer, ArtifactsUnread) and answer.reason is NotRead.HELD:
            shown = (Noticed(notice=Notice.STORAGE_PAUSED, amount=answer.retry_after_s),)
        return made.items, shown

    def forget(self) -> None:
        """Delete thinking that was kept for this one reply (SPEC 43)."""
        if self._to_forget:
            ids, self._to_forget = self._to_forget, ()
            storage = storage_found(self._setup.storage, self._system)
            if storage is not None:
                storage.reader.offer(ForgetArtifacts(chat_id=self._setup.chat_id, ids=ids))

    # --- what is kept ----------------------------------------------------------------------------

    def keep(
        self,
        conversation: Conversation,
        outputs: Sequence[ToolOutput] = (),
        *,
        hands_over: bool = False,
    ) -> None:
        """Keep what is worth it of a round that is over."""
        if self._setup.keeps is not None:
            self._kept += kept_of(
                conversation, outputs, keeps=self._setup.keeps, hands_over=hands_over
            )

    def to_save(self, model_id: str) -> SaveArtifacts | None:
        """Give what was kept its ids, and return it as one save, if there is anything."""
        items = bounded(self._kept)
        if not items:
            return None
        setup, system = self._setup, self._system
        chance = system.entropy.token(chance_bytes(len(items)))
        self._ids = new_ids(len(items), wall_s=system.clock.wall_s(), token=chance)
        artifacts = artifacts_of(
            items,
            self._ids,
            chat_id=setup.chat_id,
            message_id=setup.message_id,
            model_id=model_id,
        )
        return SaveArtifacts(artifacts=artifacts, reply_to=None, batch_rows=setup.batch_rows)

    def saved(self, answer: SaveAnswer) -> tuple[Shown, ...]:
        """Return what is shown of the outcome: marks, or why there are none (SPEC 37, 45, 160)."""
        match answer:
            case ArtifactsSaved():
                return (Marked(ids=self._ids),)
            case ArtifactsRefused(reason=NotSaved.HELD, retry_after_s=retry_after_s):
                return (Noticed(notice=Notice.STORAGE_PAUSED, amount=retry_after_s),)
            case _:
                return (Noticed(notice=Notice.STORAGE_UNAVAILABLE),)

    # --- jobs ------------------------------------------------------------------------------------

    def wait_max_s(self, job: StorageJob) -> float:
        """How long a job may take, the word of it included."""
        storage = self._setup.storage
        is_reading = isinstance(job, LoadArtifacts)
        bound_s = storage.load_wait_max_s if is_reading else storage.save_wait_max_s
        return bound_s + LOST_AFTER_S

    def child(self, job: StorageJob, listener: ActorRef[Any]) -> ChildSpec[Any]:
        """Return the actor that does it."""
        return ChildSpec(
            start=partial(StorageTurnActor, job, self._setup.storage, listener),
            restart=Restart.TEMPORARY,
            shutdown_s=0.0,
        )


def _report(made: Placed, recalled: Recalled) -> None:
    """Say what an answer had to do without (SPEC 41, 42)."""
    if made.missing or made.unpaired:
        _log.warning(
            "a history names %d artifacts that are not there and %d that cannot be read; "
            "%d were left out because they lack another",
            made.missing - recalled.unreadable,
            recalled.unreadable,
            made.unpaired,
        )
