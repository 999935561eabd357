"""A message that crashes its receiver is dropped, or given to so many lives and no more."""

from __future__ import annotations

import pytest

from actors import (
    Intensity,
    Loss,
    MessagePoisoned,
    Poisoned,
    Restart,
)
from tests.unit.supervision_stage import (
    AsyncChild,
    Child,
    Fail,
    Note,
    Oops,
    PlainChild,
    Stage,
    ThreadChild,
    simulated,
)

KINDS = (PlainChild, AsyncChild, ThreadChild)
OFTEN = Intensity(restarts_max=100, window_s=60.0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("redeliveries", [0, 1, 3])
@simulated(seeds=3)
async def test_a_poison_message_is_tried_as_often_as_the_spec_says(
    stage: Stage, kind: type[Child], redeliveries: int
) -> None:
    stage.supervise(stage.child("a", kind, redeliveries_max=redeliveries), intensity=OFTEN)
    await stage.wait()
    stage.ref("a").tell(Fail())
    stage.ref("a").tell(Note("after"))
    await stage.wait()
    seen = [line for line in stage.of("a") if line != "starting"]
    assert seen == ["start", *(["crashed", "start"] * (redeliveries + 1)), "after"]
    assert stage.system.dead_letters.by_class[Loss.POISON, "Fail"] == 1


@pytest.mark.parametrize(("redeliveries", "answer"), [(0, Oops), (2, MessagePoisoned)])
@simulated(seeds=3)
async def test_the_asker_of_a_poison_message_gets_an_answer(
    stage: Stage, redeliveries: int, answer: type[Exception]
) -> None:
    stage.supervise(stage.child("a", redeliveries_max=redeliveries))
    await stage.wait()
    assert isinstance(await stage.ask("a", Fail()), answer)


@simulated(seeds=3)
async def test_a_message_that_only_one_life_could_not_bear_is_handled_by_the_next(
    stage: Stage,
) -> None:
    class Moody(PlainChild):
        def receive(self, message: object) -> object:
            if self.life == 1:
                raise Oops
            return super().receive(message)

    stage.supervise(stage.child("a", Moody, redeliveries_max=1))
    await stage.wait()
    assert await stage.ask("a", Note("second")) == "second"


@simulated(seeds=3)
async def test_the_sender_of_a_poison_message_is_told(stage: Stage) -> None:
    class Sender(PlainChild):
        def receive(self, message: object) -> object:
            if isinstance(message, Note):
                self.stage.ref("a").tell(Fail())
            return super().receive(message)

        def on_poisoned(self, notice: Poisoned) -> None:
            self.stage.log.append(f"{notice.message_class} {self.label}")

    stage.supervise(stage.child("a"), stage.child("b", Sender))
    await stage.wait()
    stage.ref("b").tell(Note("go"))
    await stage.wait()
    assert stage.of("b") == ["start", "go", "Fail"]


@simulated(seeds=3)
async def test_a_temporary_child_hands_its_poison_to_nobody(stage: Stage) -> None:
    stage.supervise(stage.child("a", restart=Restart.TEMPORARY, redeliveries_max=5))
    await stage.wait()
    asked = stage.ref("a").ask(Fail(), block=False)
    await stage.wait()
    assert stage.of("a") == ["start", "crashed"]
    assert asked.error is not None


@simulated(seeds=3)
async def test_a_poison_message_given_again_counts_as_a_restart_each_time(stage: Stage) -> None:
    supervisor = stage.supervise(
        stage.child("a", redeliveries_max=50), intensity=Intensity(restarts_max=4, window_s=60.0)
    )
    await stage.wait()
    stage.ref("a").tell(Fail())
    await stage.wait()
    assert stage.of("a").count("crashed") == 5
    assert not supervisor.is_alive()
