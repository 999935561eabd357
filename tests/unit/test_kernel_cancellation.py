from __future__ import annotations

import asyncio
from typing import Any

import pytest

from actors.kernel.actor import LoopActor
from actors.kernel.cell import KILL_GRACE_S
from actors.kernel.dead_letter import Loss
from actors.kernel.errors import ActorStopped, MessagePoisoned
from actors.kernel.signals import ChildExited, Killed, LinkBroken, Normal, Terminated
from actors.testing.probe import Probe
from tests.unit.kernel_stage import Gated, Recorder, Stage, on_stage


class Stubborn(LoopActor[Any]):
    """Ignores every cancellation until its gate is open."""

    def __init__(self, seen: list[Any], gate: asyncio.Event) -> None:
        self._seen = seen
        self._gate = gate

    async def receive(self, message: Any) -> Any:
        self._seen.append(message)
        while message != "quick" and not self._gate.is_set():
            try:
                await self._gate.wait()
            except asyncio.CancelledError:
                self._seen.append("ignored")
        if message == "fail":
            raise ValueError
        if message == "exit":
            self.exit()
        return message


class Cancelled(LoopActor[Any]):
    """Lets a cancellation out of its handler that nobody sent it."""

    def receive(self, message: Any) -> Any:
        if message == "cancel":
            raise asyncio.CancelledError
        return message


class CancelledTask(Cancelled):
    """The same, in a task."""

    async def receive(self, message: Any) -> Any:
        return super().receive(message)


@on_stage
async def test_a_kill_cancels_the_handler_and_its_clean_up_runs_undisturbed(stage: Stage) -> None:
    seen: list[str] = []
    gate = asyncio.Event()

    class Tidy(LoopActor[Any]):
        async def receive(self, message: Any) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                seen.append("cleaning")
                await gate.wait()
                seen.append("clean")

    ref = stage.spawn(Tidy)
    probe = Probe(stage.system, watch=(ref,))
    ref.tell(1)
    await stage.settle()
    ref.kill()
    await stage.settle()
    ref.kill()
    ref.shut_down(0)
    await stage.settle()
    gate.set()
    await stage.settle()
    assert seen == ["cleaning", "clean"]
    assert probe.only(Terminated).reason == Killed()
    assert stage.system.zombies == 0


@pytest.mark.parametrize("is_told", [True, False])
@on_stage
async def test_a_kill_right_after_the_spawn_or_a_tell_needs_no_grace(
    stage: Stage, is_told: bool
) -> None:
    class Slow(Gated):
        async def on_start(self) -> None:  # type: ignore[override]  # Pykka's is plain
            await asyncio.sleep(0)

    ref = stage.spawn(Gated if is_told else Slow, [], asyncio.Event())
    probe = Probe(stage.system, watch=(ref,))
    if is_told:
        ref.tell(1)
    ref.kill()
    await stage.settle()
    assert probe.only(Terminated).reason == Killed()
    assert stage.system.zombies == 0
    assert stage.lost(Loss.CLOSED) == is_told


@pytest.mark.parametrize("message", ["reply", "fail", "exit"])
@on_stage
async def test_a_handler_that_swallows_its_cancellation_is_left_behind_as_a_zombie(
    stage: Stage, message: str
) -> None:
    seen: list[Any] = []
    gate = asyncio.Event()
    heard: list[Any] = []
    ref = stage.keep(Stubborn, seen, gate, heard=heard)
    answer = ref.ask(message, block=False)
    await stage.settle()
    ref.kill()
    await stage.advance(KILL_GRACE_S)
    assert stage.system.zombies == 1
    assert isinstance(answer.error, MessagePoisoned)
    assert ref.cell.life == 2
    assert await ref.ask("quick", block=False) == "quick"
    # What is left of the first life may do what it wants: the second does not notice.
    gate.set()
    await stage.settle()
    assert stage.system.zombies == 0
    assert await ref.ask("quick", block=False) == "quick"
    assert ref.cell.life == 2
    assert len([each for each in heard if isinstance(each, ChildExited)]) == 1


@on_stage
async def test_a_signal_s_handler_that_was_left_behind_does_not_disturb_the_next_life(
    stage: Stage,
) -> None:
    gate = asyncio.Event()

    class Deaf(Stubborn):
        def on_start(self) -> None:
            if self.life == 1:
                self.start_timer("t", "fail", 0)

    ref = stage.keep(Deaf, [], gate)
    await stage.advance(0)
    ref.kill()
    await stage.advance(KILL_GRACE_S)
    answer = ref.ask("quick", block=False)
    gate.set()
    assert await answer == "quick"
    assert ref.cell.life == 2


@pytest.mark.parametrize("actor", [Cancelled, CancelledTask])
@on_stage
async def test_a_cancellation_out_of_a_handler_ends_this_actor_and_nobody_else(
    stage: Stage, actor: Any
) -> None:
    ref, other = stage.spawn(actor), stage.spawn(Recorder, [])
    ends: list[Terminated] = []
    stage.system.monitor(ref, ends.append)
    with pytest.raises(MessagePoisoned):
        await ref.ask("cancel", block=False)
    assert [end.reason for end in ends] == [Killed()]
    assert await other.ask(1, block=False) == 1
    with pytest.raises(ActorStopped):
        await ref.ask("again", block=False)


@pytest.mark.parametrize("actor", [Cancelled, CancelledTask])
@on_stage
async def test_a_cancellation_out_of_a_signal_s_handler_is_a_kill_too(
    stage: Stage, actor: Any
) -> None:
    class Signalled(actor):  # type: ignore[misc]  # the base is a parameter
        def on_start(self) -> None:
            self.start_timer("t", "cancel", 1)

    ref = stage.spawn(Signalled)
    probe = Probe(stage.system, watch=(ref,))
    await stage.settle()
    await stage.advance(1)
    assert probe.only(Terminated).reason == Killed()
    assert stage.lost(Loss.POISON) == 0


@on_stage
async def test_an_actor_may_kill_itself_in_a_handler_or_in_its_start(stage: Stage) -> None:
    class Suicidal(Recorder):
        def on_start(self) -> None:
            if not self._seen:
                self.actor_ref.kill()

        def receive(self, message: Any) -> Any:
            self.actor_ref.kill()
            return message

    at_start = stage.spawn(Suicidal, [])
    in_handler = stage.spawn(Suicidal, ["lives"])
    assert await in_handler.ask(1, block=False) == 1
    assert not at_start.is_alive()
    assert not in_handler.is_alive()
    assert stage.system.live == 0


@on_stage
async def test_an_actor_with_a_link_can_be_killed_while_its_handler_runs(stage: Stage) -> None:
    class Trapping(Gated):
        traps_exits = True

    seen: list[Any] = []
    gate = asyncio.Event()
    victim = stage.spawn(Gated, [], gate)

    class Tied(Trapping):
        def on_start(self) -> None:
            self.link(victim)

    tied = stage.spawn(Tied, seen, gate)
    gate.set()
    victim.tell(1)
    victim.kill()
    await stage.settle()
    assert [type(each) for each in seen] == [LinkBroken]
    assert tied.is_alive()


@on_stage
async def test_a_stop_during_a_long_handler_waits_for_it(stage: Stage) -> None:
    seen: list[Any] = []
    gate = asyncio.Event()
    ref = stage.spawn(Gated, seen, gate)
    probe = Probe(stage.system, watch=(ref,))
    ref.tell(1)
    await stage.settle()
    stopped = ref.stop(block=False)
    await stage.settle()
    assert not stopped.is_done
    gate.set()
    assert await stopped is True
    await stage.settle()
    assert probe.only(Terminated).reason == Normal()


def test_the_end_of_the_loop_in_the_middle_of_a_handler_makes_no_noise() -> None:
    """No warning, no unraisable error: pytest turns both into failures."""

    async def scene() -> None:
        stage = Stage()
        for actor in (Gated, Stubborn):
            stage.spawn(actor, [], asyncio.Event()).tell("quick")
        await stage.settle()

    loop = asyncio.new_event_loop()
    loop.run_until_complete(scene())
    pending = asyncio.all_tasks(loop)
    for task in pending:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
    loop.close()
