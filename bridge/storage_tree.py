"""The part of the tree that keeps artifacts.

storage  one_for_one
|- permits    holds users whose storage keeps failing           permanent
|- drain      thread: moves what is acknowledged into the
|             database, where something acknowledges before it  permanent, held while it fails
|- committer  thread: one transaction at a time                 permanent, held while it fails
|- reader     thread: what histories name                       permanent, held while it fails
|- writer     gathers, and acknowledges what is committed       permanent
`- cleaner    thread: deletes what has expired                  permanent
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any, Final

from actors.chat_memory import MemorySetup
from actors.cleaner import CleanerActor, PlanSweeps
from actors.db_commit import DbCommitActor
from actors.db_drain import DbDrainActor, PlanDrains
from actors.db_line import DEFAULT_BOUNDS, Line, LineBounds
from actors.db_writer import DbWriterActor
from actors.keeping import Keeps
from actors.kernel.child_spec import ChildSpec, Intensity
from actors.kernel.mailbox import MailboxSpec
from actors.kernel.system import ActorSystem
from actors.pending import PendingRows
from actors.ports import ArtifactStore, Lease
from actors.recall import ReasoningRetention
from actors.recall_reader import RecallActor
from actors.storage_turn import StoragePermits, StorageSetup
from bridge.config.setting_groups import SharingSettings, StorageSettings
from bridge.config.settings import Settings
from bridge.policies import DRAIN, PLUMBING, STORE, storage_policy
from supervisor.gate import GateActor
from supervisor.static import Supervisor

PERMITS: Final = "root/storage/permits"
COMMITTER: Final = "root/storage/committer"
READER: Final = "root/storage/reader"
WRITER: Final = "root/storage/writer"
CLEANER: Final = "root/storage/cleaner"

# Questions that wait for the reader; beyond it a chat goes on without what its history names.
QUESTIONS_MAX: Final = 1000

# Saves that wait for the writer to look at them; it takes them in bursts and bounds their bytes.
SAVES_MAX: Final = 4000

# What the writer gets to commit what it holds when the tree stops.
WRITER_STOP_S: Final = 10.0


class Kept:
    """What outlives the actors of storage.

    Attributes:
        line: what waits to be committed.
        plan: when the cleaner works, by the valves that were read last; None: no valves yet.
        drains: likewise, how what waits in a queue is moved.
    """

    def __init__(self, bounds: LineBounds = DEFAULT_BOUNDS) -> None:
        self.line = Line(bounds)
        self.plan: PlanSweeps | None = None
        self.drains: PlanDrains | None = None

    def latest_drains(self) -> PlanDrains | None:
        """Return when what waits is moved, as the valves have it now."""
        return self.drains

    def latest_plan(self) -> PlanSweeps | None:
        """Return the plan there is now."""
        return self.plan


def storage_spec(
    store: ArtifactStore,
    kept: Kept,
    *,
    gate: type[GateActor],
    committer: type[DbCommitActor] = DbCommitActor,
    reader: type[RecallActor] = RecallActor,
    writer: type[DbWriterActor] = DbWriterActor,
    drain: type[DbDrainActor] = DbDrainActor,
    claims_max: int,
    lease: Lease | None = None,
    pending: PendingRows | None = None,
) -> ChildSpec[Any]:
    """Return the spec of `storage`.

    Args:
        store: where artifacts are kept.
        kept: what outlives the actors.
        gate: the actor behind `permits`.
        committer: the actor of this name.
        reader: the actor of this name.
        writer: the actor of this name.
        drain: the actor of this name.
        claims_max: pieces of storage work that are under way at once.
        lease: which of several processes deletes what has expired; None: this one.
        pending: what is acknowledged before the database has it; None: nothing is.
    """
    drains: tuple[ChildSpec[Any], ...] = ()
    if pending is not None:
        start = partial(drain, pending, kept.latest_drains)
        drains = (ChildSpec(name="drain", start=start, policy=DRAIN, shutdown_s=WRITER_STOP_S),)
    children: tuple[ChildSpec[Any], ...] = (
        ChildSpec(
            name="permits",
            start=partial(gate, None),
            policy=PLUMBING,
            mailbox=MailboxSpec(messages_max=claims_max),
        ),
        *drains,
        ChildSpec(name="committer", start=partial(committer, store), policy=STORE),
        ChildSpec(
            name="reader",
            start=partial(reader, store),
            policy=STORE,
            mailbox=MailboxSpec(messages_max=QUESTIONS_MAX),
        ),
        ChildSpec(
            name="writer",
            start=partial(writer, COMMITTER, kept.line),
            policy=PLUMBING,
            shutdown_s=WRITER_STOP_S,
            mailbox=MailboxSpec(messages_max=SAVES_MAX),
        ),
        ChildSpec(
            name="cleaner",
            start=partial(CleanerActor, store, kept.latest_plan, lease),
            policy=PLUMBING,
        ),
    )
    return ChildSpec(
        name="storage",
        start=partial(Supervisor, children, intensity=Intensity(restarts_max=10, window_s=60.0)),
        policy=PLUMBING,
        shutdown_s=2 * WRITER_STOP_S,
    )


class StorageRooms:
    """What chats are told of storage. Its actors have threads, and may still be starting."""

    def __init__(self, system: ActorSystem, kept: Kept) -> None:
        self._system = system
        self._kept = kept
        self._planned: StorageSettings | None = None
        self._shared: SharingSettings | None = None

    def obey(self, settings: StorageSettings, sharing: SharingSettings) -> None:
        """Let the actors know of a change; nearly always there is none."""
        if sharing is not self._shared and sharing != self._shared:
            self._shared = sharing
            self._kept.drains = PlanDrains(
                warn_rows=sharing.warn_rows, failures_max=sharing.flush_failures_max
            )
        if settings is not self._planned and settings != self._planned:
            self._planned = settings
            plan = PlanSweeps(interval_s=settings.sweep_interval_s, keep_s=settings.keep_s)
            self._kept.plan = plan
            cleaner = self._system.find(CLEANER)
            # One that starts later begins with it.
            if cleaner is not None:
                cleaner.offer(plan)

    def memory(
        self, settings: Settings, *, user: str, chat_id: str, message_id: str, runs_tools: bool
    ) -> MemorySetup:
        """Return what one chat remembers.

        Args:
            settings: of its request.
            user: whose it is.
            chat_id: the chat; never empty.
            message_id: the answer that is being made; never empty.
            runs_tools: whether calls are run here, and not by whoever asked.
        """
        memory = settings.memory
        keeps_thoughts = memory.retention is not ReasoningRetention.DISABLED
        keeps_tools = memory.keeps_tools and runs_tools
        storage = StorageSetup(
            writer=WRITER,
            reader=READER,
            permits=StoragePermits(
                gate=PERMITS,
                user=user,
                policy=storage_policy(settings.breaker_failures_max, settings.breaker_window_s),
                history_max=settings.breaker_history_max,
            ),
        )
        return MemorySetup(
            storage=storage,
            chat_id=chat_id,
            message_id=message_id,
            keeps=_keeps(keeps_thoughts, keeps_tools),
            retention=memory.retention,
            turns_kept=settings.tools.retention_turns,
            batch_rows=memory.batch_rows,
        )


@lru_cache(maxsize=4)
def _keeps(reasoning: bool, tools: bool) -> Keeps | None:
    return Keeps(reasoning=reasoning, tools=tools) if reasoning or tools else None
