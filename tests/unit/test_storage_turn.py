"""One chat's storage work: answered once, and a user whose storage fails too often is held."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from actors.artifacts import Recalled
from actors.db_writer import ArtifactsRefused, ArtifactsSaved, NotSaved, SaveArtifacts
from actors.kernel.actor import LoopActor
from actors.kernel.child_spec import ChildSpec, Intensity, Restart, RestartPolicy, Then
from actors.kernel.permit import Claim, Granted, Refusal, Refused
from actors.kernel.ref import ActorRef
from actors.ports import StoreBusy
from actors.recall_reader import ArtifactsLoaded, ArtifactsUnread, LoadArtifacts, NotRead
from actors.storage_turn import (
    StorageJob,
    StoragePermits,
    StorageSetup,
    StorageTurnActor,
    is_failure,
)
from actors.testing.probe import Probe
from supervisor.gate import GateActor
from tests.unit.storage_stage import CHAT, artifact
from tests.unit.supervision_stage import Stage, simulated

WINDOW_S = 60.0
POLICY = RestartPolicy(
    counts=(Exception,),
    intensity=Intensity(restarts_max=2, window_s=WINDOW_S),
    then=Then.HOLD,
    hold_s=WINDOW_S,
)
LOAD = LoadArtifacts(chat_id=CHAT, ids=("a",))
SAVE = SaveArtifacts(artifacts=(artifact("a"),), reply_to=None, token=7)
LOADED = ArtifactsLoaded(recalled=Recalled(missing=1))
SAVED = ArtifactsSaved(token=7)
FAILED = ArtifactsRefused(token=7, reason=NotSaved.FAILED)


class Player(LoopActor[Any]):
    """Plays the writer and the reader: answers with whatever `say` returns, None not at all."""

    answers = (StoreBusy,)

    def __init__(self, say: Callable[[], Any], heard: list[Any]) -> None:
        self._say = say
        self._heard = heard

    def receive(self, message: Any) -> Any:
        self._heard.append(message)
        answer = self._say()
        if isinstance(answer, Exception):
            raise answer
        if isinstance(message, SaveArtifacts) and message.reply_to and answer is not None:
            message.reply_to.cell.signal(answer)
        if answer is None:
            self.reply_later()
        return answer


@dataclass
class Hall:
    """A gate, a store that answers as told, and who listens."""

    stage: Stage
    answer: Any = None
    heard: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        system = self.stage.system
        self.player: ActorRef[Any] = system.spawn(
            ChildSpec(start=partial(Player, lambda: self.answer, self.heard))
        )
        self.gate: ActorRef[Any] = system.spawn(ChildSpec(start=partial(GateActor, None)))

    async def answered(self, job: StorageJob, *, user: str = "u", wait_s: float = 0.1) -> list[Any]:
        """Do one job; returns all that its listener heard."""
        listener = Probe(self.stage.system)
        permits = StoragePermits(gate=self.gate, user=user, policy=POLICY)
        setup = StorageSetup(writer=self.player, reader=self.player, permits=permits)
        turn: ActorRef[Any] = self.stage.system.spawn(
            ChildSpec(
                start=partial(StorageTurnActor, job, setup, listener.ref),
                restart=Restart.TEMPORARY,
            )
        )
        await self.stage.wait(wait_s)
        assert not turn.is_alive()
        return listener.seen


@pytest.mark.parametrize(("job", "answer"), [(LOAD, LOADED), (SAVE, SAVED), (SAVE, FAILED)])
@simulated(seeds=5)
async def test_a_job_is_done_and_its_answer_passed_on(
    stage: Stage, job: StorageJob, answer: Any
) -> None:
    hall = Hall(stage, answer)
    assert await hall.answered(job) == [answer]
    assert len(hall.heard) == 1


@simulated(seeds=3)
async def test_an_error_of_the_reader_is_one_answer(stage: Stage) -> None:
    assert await Hall(stage, StoreBusy()).answered(LOAD) == [ArtifactsUnread(reason=NotRead.AWAY)]


@pytest.mark.parametrize(
    ("job", "wait_s", "answer"),
    [(LOAD, 6.0, ArtifactsUnread(reason=NotRead.BUSY)), (SAVE, 11.0, FAILED)],
)
@simulated(seeds=3)
async def test_a_chat_does_not_wait_for_ever(
    stage: Stage, job: StorageJob, wait_s: float, answer: Any
) -> None:
    assert await Hall(stage).answered(job, wait_s=wait_s) == [answer]


@simulated(seeds=5)
async def test_a_user_whose_storage_fails_too_often_is_held_and_others_are_not(
    stage: Stage,
) -> None:
    hall = Hall(stage, StoreBusy())
    for _ in range(2):
        await hall.answered(LOAD)
    hall.answer = FAILED
    await hall.answered(SAVE)
    (unread,) = await hall.answered(LOAD)
    (refused,) = await hall.answered(SAVE)
    assert (unread.reason, refused.reason) == (NotRead.HELD, NotSaved.HELD)
    assert refused.token == SAVE.token
    assert WINDOW_S - 1.0 <= refused.retry_after_s <= unread.retry_after_s <= WINDOW_S
    assert len(hall.heard) == 3
    hall.answer = SAVED
    assert await hall.answered(SAVE, user="other") == [SAVED]


@simulated(seeds=5)
async def test_a_held_user_comes_back_by_one_probe(stage: Stage) -> None:
    hall = Hall(stage, FAILED)
    for _ in range(3):
        await hall.answered(SAVE)
    await stage.wait(WINDOW_S)
    hall.answer = SAVED
    assert await hall.answered(SAVE) == [SAVED]
    assert await hall.answered(SAVE) == [SAVED]


@simulated(seeds=3)
async def test_a_store_that_is_held_for_everybody_holds_no_user_longer(stage: Stage) -> None:
    hall = Hall(stage, ArtifactsRefused(token=7, reason=NotSaved.HELD, retry_after_s=1.0))
    for _ in range(5):
        await hall.answered(SAVE)
    assert len(hall.heard) == 5


@simulated(seeds=5)
async def test_a_gate_that_has_ended_lets_everybody_in(stage: Stage) -> None:
    hall = Hall(stage, SAVED)
    hall.gate.kill()
    assert await hall.answered(SAVE) == [SAVED]


class OddGate(LoopActor[Any]):
    """Answers each claim with these, or crashes on it."""

    def __init__(self, *answers: Granted | Refused) -> None:
        self._answers = answers

    def receive(self, message: Claim) -> None:
        if not self._answers:
            raise KeyError
        assert message.reply_to is not None
        for each in self._answers:
            message.reply_to.cell.signal(each)


@pytest.mark.parametrize(
    "answers",
    [(), (Refused(why=Refusal.FULL),), (Refused(why=Refusal.NOT_STARTED),), (Granted(),) * 2],
    ids=["crash", "full", "not started", "granted twice"],
)
@simulated(seeds=5)
async def test_a_gate_in_trouble_keeps_nobody_out_and_lets_nobody_in_twice(
    stage: Stage, answers: tuple[Granted | Refused, ...]
) -> None:
    hall = Hall(stage, SAVED)
    hall.gate = stage.system.spawn(ChildSpec(start=partial(OddGate, *answers)))
    assert await hall.answered(SAVE) == [SAVED]
    assert len(hall.heard) == 1


@simulated(seeds=5)
async def test_a_writer_that_has_ended_is_an_answer(stage: Stage) -> None:
    hall = Hall(stage, SAVED)
    hall.player.kill()
    assert await hall.answered(SAVE) == [ArtifactsRefused(token=7, reason=NotSaved.FULL)]
    assert await hall.answered(LOAD) == [ArtifactsUnread(reason=NotRead.BROKEN)]


@simulated(seeds=5)
async def test_a_writer_that_crashed_on_the_save_is_an_answer(stage: Stage) -> None:
    assert await Hall(stage, KeyError()).answered(SAVE) == [FAILED]


@pytest.mark.parametrize("reason", [*NotSaved, *NotRead])
def test_only_what_was_tried_speaks_against_a_user(reason: NotSaved | NotRead) -> None:
    answer = (
        ArtifactsUnread(reason=reason)
        if isinstance(reason, NotRead)
        else ArtifactsRefused(token=0, reason=reason)
    )
    untried = {NotSaved.HELD, NotSaved.FULL, NotSaved.STOPPING, NotRead.HELD}
    assert is_failure(answer) == (reason not in untried)
    assert not is_failure(LOADED)
    assert not is_failure(SAVED)
