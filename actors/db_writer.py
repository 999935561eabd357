"""Gathers what is to be kept, and acknowledges what has been committed (SPEC 155).

Lifetime   permanent. Nothing is acknowledged that was not committed: at its end, whatever that
           is, it refuses everybody who still waits. Asked to shut down it commits what it has.
Parent     the plumbing; after the committer, which it finds by name.

Receives   SaveArtifacts   told; answered exactly once
           BatchCommitted, BatchFailed   from itself, by `pipe_to_self`: what became of a batch
           FlushDue        a timer: commit what this turn has brought, or the hold is over
           RetryDue        a timer: the committer had a moment to begin its next life
           StopDue         a timer: the time for shutting down is nearly over
           Shutdown        commit what is there, refuse the rest, end
Sends      CommitBatch     ask, to the committer; one at a time
           ArtifactsSaved, ArtifactsRefused   to `SaveArtifacts.reply_to`, as signals

An idle committer is given at once what one turn of the loop brought; while a commit is on its way
the next batch gathers. So a busy store makes large batches by itself, and waiting for more only
costs (measured: fewer rows a second at every number of callers, up to 20 times). After a failure,
and as the probe of a hold, a commit is small: DB_BATCH_SIZE rows, until one has succeeded.
 A batch whose outcome is not known stays here and is sent again; ids make that safe. When
to try again, how often, and when to hold is the committer's restart policy: this actor only asks
again, and hears `ActorHeld`. Then everybody is refused at once until the one probe has succeeded.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias, assert_never

from msgspec import Struct

from actors.artifacts import Artifact
from actors.db_commit import BatchCommitted, CommitBatch
from actors.db_line import Line, Place, weight_bytes
from actors.kernel.actor import LoopActor
from actors.kernel.errors import ActorHeld, ActorStopped, AskTimedOut, KernelError
from actors.kernel.ref import ActorRef
from actors.kernel.signals import STOPPED, Shutdown, Signal
from actors.kernel.system import ActorSystem
from actors.ports import StoreError

_log = logging.getLogger("greenroom.storage")

# DB_BATCH_SIZE: rows in one commit while the store is in trouble. A healthy one is given all that
# has gathered, up to the bound of the line.
BATCH_ROWS = 10

# Seconds until a failed batch is sent again. It then waits in the committer's mailbox for as long
# as the restart policy says; between two lives a thread takes no mail for a moment.
RESEND_S = 0.05

# Times that one batch is sent in all, whatever the policy of the committer bears.
SENDS_MAX = 10

# Seconds that a commit may take, restarts included, before its thread is taken for hung.
COMMIT_WAIT_MAX_S = 30.0

# What is told to those who find the line full, or a probe under way: nobody can say how long.
FULL_RETRY_S = 1.0
PROBE_RETRY_S = 1.0

# Seconds before the end of a shutdown's time in which the rest is refused.
STOP_MARGIN_S = 0.1


class NotSaved(Enum):
    """Why something was not saved.

    FULL: too much waits already. HELD: the store failed too often and is held by its policy.
    FAILED: tried, and not known to be kept. UNFIT: the store cannot hold it, and would not later.
    STOPPING: the system ends.
    """

    FULL = "full"
    HELD = "held"
    FAILED = "failed"
    UNFIT = "unfit"
    STOPPING = "stopping"


class ArtifactsSaved(Struct, Signal, frozen=True, kw_only=True):
    """They are committed, all of them. `token` is that of the `SaveArtifacts`."""

    token: int


class ArtifactsRefused(Struct, Signal, frozen=True, kw_only=True):
    """They are not known to be kept; no mark may name them. 0: there is no use in trying again."""

    token: int
    reason: NotSaved
    retry_after_s: float = 0.0


class SaveArtifacts(Struct, frozen=True, kw_only=True):
    """Keep these, all or none, and say so.

    Send it by `offer`, which says whether the writer's mailbox took it; no answer follows if it
    did not, or if the writer ends for good with it unread.

    Attributes:
        artifacts: rows of one chat; what belongs together comes together.
        reply_to: gets the answer as a signal, which no full mailbox can lose. None: nobody waits;
            then a hold is waited for, and what cannot be kept is only counted.
        token: comes back in the answer.
        batch_rows: DB_BATCH_SIZE, from here on: the rows of a commit after a failure.
    """

    artifacts: tuple[Artifact, ...]
    reply_to: ActorRef[ArtifactsSaved | ArtifactsRefused] | None
    token: int = 0
    batch_rows: int = BATCH_ROWS

    @property
    def size_bytes(self) -> int:
        """What it weighs in a mailbox."""
        return weight_bytes(self.artifacts)

    def __repr__(self) -> str:
        return f"SaveArtifacts({len(self.artifacts)} rows, {self.token})"


class BatchFailed(Struct, frozen=True, kw_only=True):
    """A batch is not known to be committed."""

    error: Exception

    def __repr__(self) -> str:
        return f"BatchFailed({type(self.error).__name__})"


class FlushDue(Struct, frozen=True):
    """Commit what has gathered."""


class RetryDue(Struct, frozen=True):
    """Send the failed batch again."""


class StopDue(Struct, frozen=True):
    """End now, whatever is left."""


WriterMessage: TypeAlias = (
    SaveArtifacts | BatchCommitted | BatchFailed | FlushDue | RetryDue | StopDue | Shutdown
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterFigures:
    """A writer at one moment, for reports; the counts are of saves in this life."""

    rows_waiting: int
    bytes_waiting: int
    saved: int
    refused: int
    commits: int
    is_held: bool


class DbWriterActor(LoopActor[WriterMessage]):
    """See the module docstring.

    Args:
        committer: the one that commits, or its name in the system.
        line: where what is not committed waits; with its bounds, and from life to life.
        commit_wait_max_s: how long the committer may take.
    """

    handles_shutdown = True

    def __init__(
        self,
        committer: ActorRef[CommitBatch] | str,
        line: Line,
        *,
        commit_wait_max_s: float = COMMIT_WAIT_MAX_S,
    ) -> None:
        self._committer = _found(self.system, committer)
        self._line = line
        self._commit_wait_max_s = commit_wait_max_s
        self._batch_rows = BATCH_ROWS
        self._in_flight: tuple[Place, ...] = ()
        # A failed batch waits to be sent again.
        self._is_pausing = False
        self._failures = 0
        self._is_flush_planned = False
        self._held_until_s = 0.0
        # The store was held; one commit has to succeed before others are let in beside it.
        self._is_on_trial = False
        self._is_stopping = False
        self._saved = self._refused = self._commits = 0
        self._now_s = self.system.clock.now_s

    def on_start(self) -> None:
        """In a later life: go on with what nobody waits for."""
        self._line.resume()
        self._plan()

    def release(self) -> None:
        """Refuse everybody who still waits: the next life knows nothing of them.

        What nobody waits for stays in the line, for that life or the end of the program.
        """
        why = NotSaved.STOPPING if self._is_stopping else NotSaved.FAILED
        left = self._line.left_behind()
        for place in left:
            if place.reply_to is not None:
                self._refuse(place, why, FULL_RETRY_S)
        if left:
            _log.warning("%s ended with %d saves that were not committed", self.name, len(left))

    def figures(self) -> WriterFigures:
        """Count what a report tells of this writer."""
        return WriterFigures(
            rows_waiting=self._line.rows,
            bytes_waiting=self._line.weight_bytes,
            saved=self._saved,
            refused=self._refused,
            commits=self._commits,
            is_held=self._now_s() < self._held_until_s or self._is_on_trial,
        )

    def receive(self, message: WriterMessage) -> None:
        """See the module docstring."""
        match message:
            case SaveArtifacts():
                self._on_save(message)
            case BatchCommitted(unfit=unfit):
                self._on_committed(frozenset(unfit))
            case BatchFailed(error=error):
                self._on_failed(error)
            case FlushDue():
                self._is_flush_planned = False
                self._commit()
            case RetryDue():
                self._is_pausing = False
                self._commit()
            case Shutdown(deadline_s=deadline_s):
                self._on_shutdown(deadline_s)
            case StopDue():
                self.exit(STOPPED)
            case _:
                assert_never(message)

    # --- taking in -------------------------------------------------------------------------------

    def _on_save(self, save: SaveArtifacts) -> None:
        self._batch_rows = save.batch_rows
        artifacts = save.artifacts
        place = Place(artifacts, weight_bytes(artifacts), save.reply_to, save.token)
        held_s = 0.0 if place.reply_to is None else self._held_s()
        if not artifacts:
            self._answer_saved(place)
        elif held_s > 0:
            self._answer_refused(place, NotSaved.HELD, held_s)
        elif not self._line.has_room(place):
            self._answer_refused(place, NotSaved.FULL, FULL_RETRY_S)
        else:
            self._line.add(place)
            self._plan()

    def _held_s(self) -> float:
        """How long somebody who waits for an answer had better not; 0: let it in."""
        left_s = self._held_until_s - self._now_s()
        is_probing = self._is_on_trial and self._is_busy
        return max(left_s, PROBE_RETRY_S if is_probing else 0.0)

    @property
    def _is_busy(self) -> bool:
        return bool(self._in_flight) or self._is_pausing

    def _plan(self) -> None:
        """See to it that what waits is committed: when the commit under way ends, or when due."""
        if self._is_busy or self._is_flush_planned or not self._line.rows_waiting:
            return
        self._is_flush_planned = True
        # Even what is due now has a turn of its own: mail that is here already goes along.
        wait_s = max(0.0, self._held_until_s - self._now_s())
        self.start_timer("flush", FlushDue(), wait_s)

    # --- committing ------------------------------------------------------------------------------

    def _commit(self) -> None:
        if self._is_busy:
            return
        is_in_trouble = self._failures > 0 or self._is_on_trial
        batch = self._line.take(self._batch_rows if is_in_trouble else None)
        if batch:
            self._in_flight = batch
            self._commits += 1
            question = CommitBatch(groups=tuple(place.artifacts for place in batch))
            asked = self._committer.ask(question, block=False, timeout=self._commit_wait_max_s)
            self.pipe_to_self(asked, _as_it_is, _as_failed)
        elif self._is_stopping:
            self.exit(STOPPED)

    def _on_committed(self, unfit: frozenset[int]) -> None:
        batch, self._in_flight = self._in_flight, ()
        self._failures, self._is_on_trial = 0, False
        for index, place in enumerate(batch):
            if index in unfit:
                self._refuse(place, NotSaved.UNFIT, 0.0)
            else:
                self._line.done(place)
                self._answer_saved(place)
        if unfit:
            _log.warning("%d saves were refused: the store cannot hold them", len(unfit))
        self._go_on()

    def _on_failed(self, error: Exception) -> None:
        """The batch is kept and sent again, unless that is of no use."""
        batch, self._in_flight = self._in_flight, ()
        self._failures += 1
        is_gone = isinstance(error, ActorStopped) and not self._committer.is_alive()
        if isinstance(error, AskTimedOut):
            # It hangs in the store. A new life has a new thread; its policy hears of this one.
            self._committer.kill()
        if not isinstance(error, StoreError | KernelError):
            batch = self._suspect(batch)
        self._line.put_back(batch)
        if isinstance(error, ActorHeld):
            self._hold(max(error.retry_after_s, PROBE_RETRY_S))
        elif is_gone or self._failures >= SENDS_MAX:
            self._failures = 0
            for place in self._line.left_behind():
                self._refuse(place, NotSaved.FAILED, FULL_RETRY_S)
            self._line.resume()
            self._go_on()
        else:
            self._is_pausing = True
            self.start_timer("retry", RetryDue(), RESEND_S)

    def _suspect(self, batch: tuple[Place, ...]) -> tuple[Place, ...]:
        """A bug: find out which save meets it. One that was alone is refused."""
        if len(batch) == 1:
            self._refuse(batch[0], NotSaved.UNFIT, 0.0)
            return ()
        for place in batch:
            place.is_suspect = True
        return batch

    def _hold(self, retry_after_s: float) -> None:
        """The restart policy holds the committer: who waits for an answer has it at once.

        What nobody waits for stays, as the probe of when the hold is over.
        """
        _log.warning("the store is held for %.1f s after too many failures", retry_after_s)
        self._held_until_s = self._now_s() + retry_after_s
        self._is_on_trial = True
        self._failures = 0
        for place in self._line.left_behind():
            if place.reply_to is not None:
                self._refuse(place, NotSaved.HELD, retry_after_s)
        self._line.resume()
        self._go_on()

    def _go_on(self) -> None:
        if self._is_stopping and not self._line.rows_waiting:
            self.exit(STOPPED)
        else:
            self._plan()

    # --- answering -------------------------------------------------------------------------------

    def _answer_saved(self, place: Place) -> None:
        self._saved += 1
        if place.reply_to is not None:
            place.reply_to.cell.signal(ArtifactsSaved(token=place.token))

    def _refuse(self, place: Place, why: NotSaved, retry_after_s: float) -> None:
        self._line.done(place)
        self._answer_refused(place, why, retry_after_s)

    def _answer_refused(self, place: Place, why: NotSaved, retry_after_s: float) -> None:
        self._refused += 1
        if place.reply_to is not None:
            refused = ArtifactsRefused(token=place.token, reason=why, retry_after_s=retry_after_s)
            place.reply_to.cell.signal(refused)

    # --- ending ----------------------------------------------------------------------------------

    def _on_shutdown(self, deadline_s: float) -> None:
        """Commit what is here, mail included, as long as there is time."""
        self._is_stopping = True
        now_s = self._now_s()
        self.start_timer("stop", StopDue(), max(0.0, deadline_s - STOP_MARGIN_S - now_s))
        if not self._is_busy:
            self._is_flush_planned = True
            self.start_timer("flush", FlushDue(), 0.0)


def _as_it_is(committed: BatchCommitted) -> BatchCommitted:
    return committed


def _as_failed(error: Exception) -> BatchFailed:
    return BatchFailed(error=error)


def _found(system: ActorSystem, address: ActorRef[CommitBatch] | str) -> ActorRef[CommitBatch]:
    if not isinstance(address, str):
        return address
    ref = system.find(address)
    if ref is None:
        raise LookupError(f"no actor is called {address!r}; start it before the writer")
    return ref
