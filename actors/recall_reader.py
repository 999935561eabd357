"""Reads what marks name, on a thread of its own (SPEC 40, 156).

Lifetime   permanent. A store that fails is an answer and no end; its policy hears of it, and may
           hold this actor. Then everybody is refused at once until one probe has succeeded.
Parent     the plumbing.

Receives   LoadArtifacts     ask, with a deadline; what comes too late is skipped
           ForgetArtifacts   told; done if it can be done now
Sends      ArtifactsLoaded   as the answer of `LoadArtifacts`, or the error that `unread` words

A chat goes on without what it could not read (SPEC 42). So whoever asks pipes the answer to
itself with `failed=unread`: a store that is away, a hold, a full mailbox, a deadline and a bug
all become the one message `ArtifactsUnread`.
"""

from __future__ import annotations

import logging
from enum import Enum
from typing import ClassVar, TypeAlias, assert_never

from msgspec import Struct

from actors.artifacts import Recalled
from actors.kernel.actor import ThreadActor
from actors.kernel.errors import ActorHeld, AskTimedOut, MailboxFull
from actors.kernel.signals import Signal
from actors.ports import ArtifactStore, PortError, StoreError

_log = logging.getLogger("greenroom.storage")

# The most that is read for one turn of a chat; of more, the newest.
LOAD_IDS_MAX = 4000

# How many of them one call of the store is asked for: databases bound their parameters.
SLICE_IDS_MAX = 500


class NotRead(Enum):
    """Why nothing was read.

    HELD: the store failed too often and is held by its policy. BUSY: too many ask, or it took too
    long. AWAY: the store could not be read. BROKEN: a bug, or the reader has ended.
    """

    HELD = "held"
    BUSY = "busy"
    AWAY = "away"
    BROKEN = "broken"


class ArtifactsLoaded(Struct, Signal, frozen=True, kw_only=True):
    """What could be read. Ids over the bound of one question count as missing."""

    recalled: Recalled


class ArtifactsUnread(Struct, Signal, frozen=True, kw_only=True):
    """Nothing was read. `retry_after_s` is set where a policy says how long it holds."""

    reason: NotRead
    retry_after_s: float = 0.0


class LoadArtifacts(Struct, frozen=True, kw_only=True):
    """Read these artifacts of this chat, oldest first."""

    chat_id: str
    ids: tuple[str, ...]

    def __repr__(self) -> str:
        return f"LoadArtifacts({len(self.ids)} ids)"


class ForgetArtifacts(Struct, frozen=True, kw_only=True):
    """Delete these artifacts of this chat: they have been replayed and are not wanted again.

    Best effort: what is not deleted expires.
    """

    chat_id: str
    ids: tuple[str, ...]

    def __repr__(self) -> str:
        return f"ForgetArtifacts({len(self.ids)} ids)"


RecallMessage: TypeAlias = LoadArtifacts | ForgetArtifacts


def unread(error: Exception) -> ArtifactsUnread:
    """Word an ask that failed as the answer that it is."""
    match error:
        case ActorHeld(retry_after_s=retry_after_s):
            return ArtifactsUnread(reason=NotRead.HELD, retry_after_s=retry_after_s)
        case MailboxFull() | AskTimedOut():
            return ArtifactsUnread(reason=NotRead.BUSY)
        case PortError():
            return ArtifactsUnread(reason=NotRead.AWAY)
        case _:
            return ArtifactsUnread(reason=NotRead.BROKEN)


class RecallActor(ThreadActor[RecallMessage]):
    """See the module docstring. The store is opened here, and closed by whoever made it."""

    answers: ClassVar[tuple[type[BaseException], ...]] = (StoreError,)

    def __init__(self, store: ArtifactStore) -> None:
        self._store = store

    def receive(self, message: RecallMessage) -> ArtifactsLoaded | None:
        """See the module docstring.

        Raises:
            StoreError: the answer of a question that cannot be answered now.
        """
        match message:
            case LoadArtifacts(chat_id=chat_id, ids=ids):
                return ArtifactsLoaded(recalled=self._loaded(chat_id, ids))
            case ForgetArtifacts(chat_id=chat_id, ids=ids):
                self._forget(chat_id, ids)
                return None
            case _:
                assert_never(message)

    def _loaded(self, chat_id: str, ids: tuple[str, ...]) -> Recalled:
        wanted = ids[-LOAD_IDS_MAX:]
        self._store.open()
        parts = [self._store.load(chat_id, each) for each in _slices(wanted)]
        return Recalled(
            artifacts=tuple(artifact for part in parts for artifact in part.artifacts),
            missing=sum(part.missing for part in parts) + len(ids) - len(wanted),
            unreadable=sum(part.unreadable for part in parts),
        )

    def _forget(self, chat_id: str, ids: tuple[str, ...]) -> None:
        try:
            self._store.open()
            for each in _slices(ids):
                self._store.forget(chat_id, each)
        except StoreError as error:
            # Nobody waits for it, and the cleaner comes by. Told, it would crash this actor.
            _log.info("%d artifacts were not deleted: %s", len(ids), type(error).__name__)


def _slices(ids: tuple[str, ...]) -> list[tuple[str, ...]]:
    return [ids[start : start + SLICE_IDS_MAX] for start in range(0, len(ids), SLICE_IDS_MAX)]
