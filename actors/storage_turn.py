"""Does one piece of storage work for one chat, unless its user's policy holds (SPEC 160).

Lifetime   temporary; one for what a turn reads, one for each time that it saves.
Parent     the chat's supervisor; beside it the request, which goes on without an answer as well.

Receives   Granted, Refused   from the gate of storage: is this user held?
           ArtifactsLoaded, ArtifactsUnread   what became of a question to the reader
           ArtifactsSaved, ArtifactsRefused   from the writer
           TimeSpent      the work has taken too long
           LookAgain      storage was still starting
Sends      Claim          to the gate
           LoadArtifacts  ask, to the reader
           SaveArtifacts  to the writer
           ArtifactsLoaded, ArtifactsUnread, ArtifactsSaved, ArtifactsRefused   to its listener,
                          one of them and once, as a signal

Its end carries the outcome: normal, or crashed with a `StoreError`, which is how the user's policy
learns of failures. What was not tried (a store that is held or full for everybody) is none of
this user's. A gate that cannot be asked lets everybody in: it guards the user's time, not a bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias, assert_never

from msgspec import Struct

from actors.db_writer import (
    ArtifactsRefused,
    ArtifactsSaved,
    NotSaved,
    SaveArtifacts,
)
from actors.kernel.actor import LoopActor
from actors.kernel.child_spec import RestartPolicy
from actors.kernel.permit import Claim, Granted, KeyPolicy, Refusal, Refused
from actors.kernel.ref import ActorRef
from actors.kernel.signals import NORMAL, Crashed, Poisoned
from actors.kernel.system import ActorSystem
from actors.ports import StoreUnavailable
from actors.recall_reader import (
    ArtifactsLoaded,
    ArtifactsUnread,
    LoadArtifacts,
    NotRead,
    RecallMessage,
    unread,
)

# Between two looks for storage that is still starting, beside a tree that takes chats already.
LOOK_AGAIN_S = 0.02

# Permits of storage that may be taken at once: a wall, since the actors have bounds of their own.
TURNS_MAX = 10_000

# How long a chat waits for what it reads before it begins, and for the word that it may leave
# marks when it has ended.
LOAD_WAIT_MAX_S = 5.0
SAVE_WAIT_MAX_S = 10.0

# Outcomes that say nothing about this user's rows: nothing was tried.
_NOT_TRIED = (NotSaved.HELD, NotSaved.FULL, NotSaved.STOPPING, NotRead.HELD)


@dataclass(frozen=True, slots=True)
class TimeSpent:
    """The time that the work may take is over."""


@dataclass(frozen=True, slots=True)
class LookAgain:
    """Storage may have started meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoragePermits:
    """Whose storage it is, and who says whether it is held.

    Attributes:
        gate: a gate for claims only, the same for all chats; or its name.
        user: whose failures count together.
        policy: how many failures are borne, and what then.
        history_max: failures remembered beyond those.
    """

    gate: ActorRef[Any] | str
    user: str
    policy: RestartPolicy
    history_max: int = 0

    def claim(self, holder: ActorRef[Any]) -> Claim:
        """Word the claim of one piece of work."""
        key = KeyPolicy(
            key=f"storage:{self.user}", policy=self.policy, history_max=self.history_max
        )
        return Claim(
            holder=holder,
            keys=(key,),
            running_max=TURNS_MAX,
            fair_key=self.user,
            reply_to=holder,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageSetup:
    """Where storage is, by address or by name, and how long a chat waits for it."""

    writer: ActorRef[SaveArtifacts] | str
    reader: ActorRef[RecallMessage] | str
    permits: StoragePermits
    load_wait_max_s: float = LOAD_WAIT_MAX_S
    save_wait_max_s: float = SAVE_WAIT_MAX_S


class StorageFound(Struct, frozen=True):
    """The actors of storage, all of them started."""

    writer: ActorRef[SaveArtifacts]
    reader: ActorRef[RecallMessage]
    gate: ActorRef[Any]


def storage_found(setup: StorageSetup, system: ActorSystem) -> StorageFound | None:
    """Return the actors of storage, or None while one of them has not been started yet."""
    writer, reader = _found(setup.writer, system), _found(setup.reader, system)
    gate = _found(setup.permits.gate, system)
    if writer is None or reader is None or gate is None:
        return None
    return StorageFound(writer, reader, gate)


def _found(place: ActorRef[Any] | str, system: ActorSystem) -> ActorRef[Any] | None:
    return system.find(place) if isinstance(place, str) else place


StorageJob: TypeAlias = LoadArtifacts | SaveArtifacts
StorageAnswer: TypeAlias = ArtifactsLoaded | ArtifactsUnread | ArtifactsSaved | ArtifactsRefused
TurnMessage: TypeAlias = Granted | Refused | StorageAnswer | TimeSpent | LookAgain


class StorageTurnActor(LoopActor[TurnMessage]):
    """See the module docstring.

    Args:
        job: what to read, or to save; its `reply_to` is not used.
        setup: where storage is.
        listener: gets the one answer; of a save, with the token of the job.
    """

    def __init__(
        self, job: StorageJob, setup: StorageSetup, listener: ActorRef[StorageAnswer]
    ) -> None:
        self._job = job
        self._setup = setup
        self._listener = listener
        self._has_begun = False
        self._storage: StorageFound | None = None

    def on_start(self) -> None:
        """Ask whether this user is held; all of it has a bound."""
        setup = self._setup
        is_reading = isinstance(self._job, LoadArtifacts)
        wait_max_s = setup.load_wait_max_s if is_reading else setup.save_wait_max_s
        self.start_timer("time", TimeSpent(), wait_max_s)
        self._look()

    def _look(self) -> None:
        storage = self._storage = storage_found(self._setup, self.system)
        if storage is None:
            self.start_timer("look", LookAgain(), LOOK_AGAIN_S)
        elif not storage.gate.offer(self._setup.permits.claim(self.actor_ref)):
            self._begin(storage)

    def on_poisoned(self, notice: Poisoned) -> None:
        """Whoever crashed on a message of ours has forgotten it."""
        storage = self._storage
        if storage is not None and notice.ref is storage.gate:
            self._begin(storage)
        else:
            self._end(self._too_late())

    def receive(self, message: TurnMessage) -> None:
        """See the module docstring."""
        storage = self._storage
        match message:
            case LookAgain():
                self._look()
            case Refused(why=Refusal.HELD, retry_after_s=retry_after_s):
                self._end(self._held(retry_after_s))
            case Granted() | Refused():
                assert storage is not None, "its gate has answered"
                self._begin(storage)
            case TimeSpent():
                self._end(self._too_late())
            case ArtifactsLoaded() | ArtifactsUnread() | ArtifactsSaved() | ArtifactsRefused():
                self._end(message)
            case _:
                assert_never(message)

    def _begin(self, storage: StorageFound) -> None:
        # A claim that came twice is answered twice.
        if self._has_begun:
            return
        self._has_begun = True
        job, setup = self._job, self._setup
        if isinstance(job, LoadArtifacts):
            asked = storage.reader.ask(job, block=False, timeout=setup.load_wait_max_s)
            self.pipe_to_self(asked, _as_it_is, unread)
            return
        save = SaveArtifacts(
            artifacts=job.artifacts,
            reply_to=self.actor_ref,
            token=job.token,
            batch_rows=job.batch_rows,
        )
        if not storage.writer.offer(save):
            self._end(ArtifactsRefused(token=job.token, reason=NotSaved.FULL))

    def _end(self, answer: StorageAnswer) -> None:
        """Pass the answer on, and let the policy hear of it by the way this ends."""
        self._listener.cell.signal(answer)
        self.exit(Crashed(StoreUnavailable()) if is_failure(answer) else NORMAL)

    def _held(self, retry_after_s: float) -> StorageAnswer:
        if isinstance(self._job, LoadArtifacts):
            return ArtifactsUnread(reason=NotRead.HELD, retry_after_s=retry_after_s)
        return ArtifactsRefused(
            token=self._job.token, reason=NotSaved.HELD, retry_after_s=retry_after_s
        )

    def _too_late(self) -> StorageAnswer:
        if isinstance(self._job, LoadArtifacts):
            return ArtifactsUnread(reason=NotRead.BUSY)
        return ArtifactsRefused(token=self._job.token, reason=NotSaved.FAILED)


def is_failure(answer: StorageAnswer) -> bool:
    """Say whether an answer speaks against the storage of this user."""
    match answer:
        case ArtifactsUnread(reason=reason) | ArtifactsRefused(reason=reason):
            return reason not in _NOT_TRIED
        case _:
            return False


def _as_it_is(loaded: ArtifactsLoaded) -> ArtifactsLoaded:
    return loaded
