"""A store that fails as told, and the actors of storage around it, on virtual time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from actors.artifacts import Artifact, Recalled
from actors.db_commit import DbCommitActor
from actors.db_line import DEFAULT_BOUNDS, Line, LineBounds
from actors.db_writer import (
    ArtifactsRefused,
    ArtifactsSaved,
    DbWriterActor,
    NotSaved,
    SaveArtifacts,
)
from actors.kernel.child_spec import Backoff, ChildSpec, Intensity, RestartPolicy, Then
from actors.kernel.mailbox import MailboxSpec
from actors.kernel.ref import ActorRef
from actors.kernel.system import ActorSystem
from actors.ports import StoreMisfit, StoreUnavailable
from actors.testing.probe import Probe
from actors.values import Reasoning, WireFormat
from tests.unit.supervision_stage import Stage

CHAT = "chat-1"

# Three tries, 0.5 to 2 s apart, then half a minute of refusal before each probe (SPEC 155).
HOLD_S = 30.0
STORE_POLICY = RestartPolicy(
    intensity=Intensity(restarts_max=2, window_s=60.0),
    backoff=Backoff(min_s=0.5, max_s=2.0, jitter=0.5),
    then=Then.HOLD,
    hold_s=HOLD_S,
)
PLUMBING = RestartPolicy(intensity=Intensity(restarts_max=10, window_s=60.0))


def artifact(name: str, *, chat: str = CHAT, payload: str = "{}") -> Artifact:
    item = Reasoning(wire=WireFormat.RESPONSES, json=payload)
    return Artifact(id=name, chat_id=chat, message_id="m", model_id="maker/model", item=item)


class LostWord(Exception):
    """Not an error of a store: the commit takes place, and the word of it is lost."""


@dataclass
class FakeStore:
    """Keeps rows in memory. Implements `ArtifactStore`.

    Attributes:
        faults: by the number of a call, counted from 1, what it raises.
        fails_from: the first call from which on all calls raise `failure`.
        unfit: ids that it cannot hold; `cursed`: ids on which it has a bug.
        saves: how many rows each `save` that went well had.
    """

    faults: dict[int, Exception] = field(default_factory=dict)
    fails_from: int | None = None
    failure: Exception = field(default_factory=StoreUnavailable)
    unfit: set[str] = field(default_factory=set)
    cursed: set[str] = field(default_factory=set)
    is_full: bool = False
    rows: dict[str, Artifact] = field(default_factory=dict)
    saves: list[int] = field(default_factory=list)
    sweeps: list[tuple[float, int]] = field(default_factory=list)
    expired: int = 0
    opened: int = 0
    calls: int = 0

    def open(self) -> None:
        # Harmless when it is open, and then nothing that can fail.
        if not self.opened or self.fails_from is not None:
            self._call()
        self.opened += 1

    def save(self, artifacts: Sequence[Artifact]) -> None:
        ids = {each.id for each in artifacts}
        if ids & self.cursed:
            raise ValueError
        word = self._call()
        if self.is_full or ids & self.unfit:
            raise StoreMisfit
        self.rows |= {each.id: each for each in artifacts if each.id not in self.rows}
        self.saves.append(len(artifacts))
        if word is not None:
            raise StoreUnavailable from word

    def load(self, chat_id: str, ids: Sequence[str]) -> Recalled:
        self._call()
        found = [self.rows[each] for each in ids if each in self.rows]
        mine = tuple(each for each in found if each.chat_id == chat_id)
        return Recalled(artifacts=mine, missing=len(ids) - len(mine))

    def forget(self, chat_id: str, ids: Sequence[str]) -> int:
        self._call()
        there = [each for each in ids if each in self.rows]
        for each in there:
            del self.rows[each]
        return len(there)

    def sweep(self, older_than_s: float, rows_max: int) -> int:
        self._call()
        self.sweeps.append((older_than_s, rows_max))
        deleted = min(rows_max, self.expired)
        self.expired -= deleted
        return deleted

    def close(self) -> None:
        self.opened = 0

    def _call(self) -> LostWord | None:
        self.calls += 1
        if self.fails_from is not None and self.calls >= self.fails_from:
            raise self.failure
        fault = self.faults.get(self.calls)
        if isinstance(fault, LostWord):
            return fault
        if fault is not None:
            raise fault
        return None


@dataclass
class Room:
    """A writer and its committer under one supervisor, and one who asks."""

    stage: Stage
    store: FakeStore
    line: Line
    asker: Probe
    sent: dict[int, tuple[str, ...]] = field(default_factory=dict)

    @property
    def system(self) -> ActorSystem:
        return self.stage.system

    @property
    def writer(self) -> ActorRef[Any]:
        return self.stage.ref("db_writer")

    @property
    def committer(self) -> ActorRef[Any]:
        return self.stage.ref("db_commit")

    def save(self, *ids: str, reply_to: ActorRef[Any] | None = None, **more: Any) -> int:
        """Send a save; returns its token."""
        token = len(self.sent) + 1
        self.sent[token] = ids
        artifacts = tuple(artifact(each) for each in ids)
        message = SaveArtifacts(
            artifacts=artifacts, reply_to=reply_to or self.asker.ref, token=token, **more
        )
        assert self.writer.offer(message)
        return token

    def save_unasked(self, *ids: str) -> None:
        """Send a save that nobody waits for."""
        artifacts = tuple(artifact(each) for each in ids)
        assert self.writer.offer(SaveArtifacts(artifacts=artifacts, reply_to=None))

    @property
    def saved(self) -> list[int]:
        return [each.token for each in self.asker.of(ArtifactsSaved)]

    @property
    def refused(self) -> dict[int, ArtifactsRefused]:
        return {each.token: each for each in self.asker.of(ArtifactsRefused)}

    def reasons(self) -> set[NotSaved]:
        return {each.reason for each in self.refused.values()}

    def check_law(self) -> None:
        """Every save is answered exactly once, and what is acknowledged is there."""
        answered = sorted([*self.saved, *(e.token for e in self.asker.of(ArtifactsRefused))])
        assert answered == sorted(self.sent)
        for token in self.saved:
            assert set(self.sent[token]) <= self.store.rows.keys()
        assert (self.line.rows, self.line.weight_bytes, self.line.saves) == (0, 0, 0)

    async def until_committing(self) -> None:
        """Wait for the moment in which the committer is at work."""
        while not self.committer.cell.is_executing:
            await self.stage.wait(0.0001)


async def furnished(
    stage: Stage,
    store: FakeStore | None = None,
    *,
    bounds: LineBounds = DEFAULT_BOUNDS,
    policy: RestartPolicy = STORE_POLICY,
    committer: type[DbCommitActor] = DbCommitActor,
) -> Room:
    """Start a writer and a committer as the product does."""
    store = store if store is not None else FakeStore()
    line = Line(bounds)
    stage.supervise(
        ChildSpec(name="db_commit", start=partial(committer, store), policy=policy),
        ChildSpec(
            name="db_writer",
            start=partial(DbWriterActor, "sup/db_commit", line),
            policy=PLUMBING,
            mailbox=MailboxSpec(messages_max=1000),
        ),
    )
    await stage.wait()
    return Room(stage, store, line, Probe(stage.system))
