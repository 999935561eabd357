"""A permit comes back after every kind of end, whatever crashes in between."""

from __future__ import annotations

import pytest

from actors import (
    Children,
    Drop,
    Envelope,
    Interceptor,
    ListChildren,
    MailboxSpec,
    Signal,
    StartChild,
    StartedChild,
    StopChild,
)
from actors.kernel.cell import Cell
from supervisor import Admit, Admitted, Refusal, Refused
from tests.unit.gate_hall import CrashOn, Hall
from tests.unit.supervision_stage import (
    SUP,
    AsyncChild,
    BadStart,
    Child,
    Note,
    PlainChild,
    Stage,
    ThreadChild,
    simulated,
)


class Fleeting(PlainChild):
    """Ends in its very start."""

    def on_start(self) -> None:
        super().on_start()
        self.exit()


@pytest.mark.parametrize("kind", [PlainChild, AsyncChild, ThreadChild])
@pytest.mark.parametrize("how", ["normal", "crashed", "killed", "stopped"])
@simulated(seeds=3)
async def test_a_permit_is_back_after_every_end(stage: Stage, how: str, kind: type[Child]) -> None:
    hall = Hall(stage, running_max=1)
    for _ in range(3):
        await hall.run("a", kind=kind, how=how)
    assert isinstance(await hall.answer("b"), Admitted)


@simulated(seeds=5)
async def test_work_that_ends_in_its_start_gives_its_permit_back(stage: Stage) -> None:
    hall = Hall(stage, running_max=1)
    for _ in range(3):
        assert isinstance(await hall.answer("a", kind=Fleeting), Admitted)
    assert isinstance(await hall.answer("b"), Admitted)


@pytest.mark.parametrize("where", ["constructor", "on_start"])
@simulated(seeds=3)
async def test_work_that_does_not_start_is_refused_and_takes_no_permit(
    stage: Stage, where: str
) -> None:
    hall = Hall(stage, running_max=1)
    stage.bad_starts["a"] = [BadStart(where)]
    assert await hall.answer("a") == Refused(why=Refusal.NOT_STARTED)
    assert isinstance(await hall.answer("b"), Admitted)


@simulated(seeds=3)
async def test_a_supervisor_without_room_means_full(stage: Stage) -> None:
    hall = Hall(stage, running_max=5, children_max=1)
    assert isinstance(await hall.answer("a"), Admitted)
    assert await hall.answer("b") == Refused(why=Refusal.FULL)
    await hall.end("a")
    assert isinstance(await hall.answer("b"), Admitted)


@simulated(seeds=3)
async def test_a_flood_that_fills_the_gates_mailbox_loses_no_permit(stage: Stage) -> None:
    hall = Hall(stage, running_max=3, gate_mailbox=MailboxSpec(messages_max=4))
    for wave in range(5):
        asked = [hall.admit(f"w{wave}n{number}") for number in range(50)]
        for _ in range(10):
            await stage.wait(0.05)
            await hall.kill_all()
        assert all(each.is_done for each in asked)
    assert hall.running() == 0
    for name in "abc":
        assert isinstance(await hall.answer(name), Admitted)


# --- crashes ----------------------------------------------------------------------------------


@simulated(seeds=10)
async def test_a_gate_that_crashes_counts_who_runs(stage: Stage) -> None:
    hall = Hall(stage, running_max=2)
    running = [await hall.answer(name) for name in "ab"]
    assert all(isinstance(each, Admitted) for each in running)
    waiting = hall.admit("c")
    await stage.wait()
    hall.gate.kill()
    after = [hall.admit(f"d{number}") for number in range(5)]
    await stage.wait()
    assert waiting.get() == Refused(why=Refusal.NOT_STARTED)
    assert hall.running() == 2
    assert not any(each.is_done for each in after)
    for name in "ab":
        await hall.end(name)
    assert [each.is_done for each in after] == [True, True, False, False, False]
    assert hall.running() == 2


@simulated(seeds=40)
async def test_a_crash_of_the_gate_hands_nobody_the_work_of_another(stage: Stage) -> None:
    hall = Hall(stage, running_max=2)
    asked = {name: hall.admit(name) for name in "abcd"}
    for _ in range(stage.loop.choose(8, "turns")):
        await stage.wait(0.0)
    hall.gate.kill()
    asked |= {name: hall.admit(name) for name in "efgh"}
    for _ in range(20):
        await stage.wait()
        assert hall.running() <= 2
        for name, future in asked.items():
            if future.is_done and isinstance(answer := future.get(), Admitted):
                cell = answer.ref.cell
                assert cell.name == f"{SUP}/chats/{name}"
                answer.ref.kill()
    assert all(future.is_done for future in asked.values())
    assert hall.running() == 0


class LateAnswers(Interceptor):
    """The fault: a `StartedChild` needs two seconds, everything else arrives at once."""

    def signalling(self, cell: Cell, signal: Signal) -> float:
        return 2.0 if isinstance(signal, StartedChild) else 0.0


@simulated(seeds=5)
async def test_a_late_answer_to_an_earlier_life_is_not_taken_for_anothers(stage: Stage) -> None:
    hall = Hall(stage, running_max=2)
    stage.system.interceptors = (LateAnswers(),)
    early = hall.admit("a")
    await stage.wait()
    hall.gate.kill()
    late = hall.admit("b")
    await stage.wait(5.0)
    assert early.get() == Refused(why=Refusal.NOT_STARTED)
    assert isinstance(answer := late.get(), Admitted)
    assert answer.ref is stage.ref("chats/b")
    assert hall.running() == 1, "what nobody owns any more was stopped"


class LostQuestion(Interceptor):
    """The fault: the first question who runs never gets there."""

    def __init__(self) -> None:
        self.times = 1

    def sending(self, cell: Cell, envelope: Envelope) -> Drop | None:
        if not isinstance(envelope.message, ListChildren):
            return None
        self.times -= 1
        return Drop() if self.times >= 0 else None


@simulated(seeds=5)
async def test_a_lost_question_who_runs_is_asked_again(stage: Stage) -> None:
    hall = Hall(stage, running_max=2)
    await hall.answer("a")
    stage.system.interceptors = (LostQuestion(),)
    hall.gate.kill()
    asked = hall.admit("b")
    await stage.wait(3.0)
    assert isinstance(asked.get(), Admitted)
    assert hall.running() == 2
    assert await hall.answer("c") is None


class LateList(Interceptor):
    """The fault: answers to who runs take as long as is said, a `StartedChild` ten seconds."""

    def __init__(self, *delays_s: float) -> None:
        self.delays_s = list(delays_s)

    def signalling(self, cell: Cell, signal: Signal) -> float:
        if isinstance(signal, StartedChild):
            return 10.0
        return self.delays_s.pop(0) if isinstance(signal, Children) and self.delays_s else 0.0


@simulated(seeds=5)
async def test_a_late_list_of_who_ran_is_not_taken_for_who_runs(stage: Stage) -> None:
    hall = Hall(stage, running_max=1)
    stage.system.interceptors = (LateList(3.0, 0.0, 5.0),)
    hall.gate.kill()
    first = hall.admit("a")
    await stage.wait(2.0)  # "a" was let in after the second question, and runs.
    hall.gate.kill()
    second = hall.admit("b")
    await stage.wait(2.5)  # The first answer, that nobody runs, has come meanwhile.
    assert first.get() == Refused(why=Refusal.NOT_STARTED)
    assert hall.running() == 1
    await stage.wait(20.0)  # What nobody owns is stopped, and its permit goes on.
    assert isinstance(answer := second.get(), Admitted)
    assert answer.ref is stage.ref("chats/b")
    assert hall.running() == 1


@simulated(seeds=5)
async def test_an_end_that_is_heard_of_before_the_start_gives_the_permit_back(
    stage: Stage,
) -> None:
    hall = Hall(stage, running_max=1)
    stage.system.interceptors = (LateAnswers(),)
    for _ in range(3):
        asked = hall.admit("a")
        await stage.wait(1.0)
        await hall.end("a", "crashed")
        await stage.wait(2.0)
        assert isinstance(asked.get(), Admitted)


@pytest.mark.parametrize("what", [StartChild, ListChildren])
@simulated(seeds=20)
async def test_a_crash_of_the_supervisor_loses_no_permit(stage: Stage, what: type[object]) -> None:
    hall = Hall(stage, running_max=2)
    stage.system.interceptors = (CrashOn(f"{SUP}/chats", what, times=2),)
    asked = [hall.admit(name) for name in "abcdef"]
    if what is ListChildren:
        hall.gate.kill()
    for _ in range(20):
        await stage.wait()
        await hall.kill_all()
    assert all(each.is_done for each in asked)
    answers = [each.get() for each in asked]
    assert all(isinstance(each, Admitted | Refused) for each in answers)
    for name in "xy":
        assert isinstance(await hall.answer(name), Admitted)
    assert await hall.answer("z") is None


@simulated(seeds=5)
async def test_a_killed_supervisor_gives_all_permits_back(stage: Stage) -> None:
    hall = Hall(stage, running_max=2)
    for name in "ab":
        await hall.answer(name)
    hall.chats.kill()
    assert isinstance(await hall.answer("c"), Admitted)
    assert isinstance(await hall.answer("d"), Admitted)
    assert await hall.answer("e") is None


@simulated(seeds=40)
async def test_a_gate_whose_supervisor_is_gone_refuses_at_once(stage: Stage) -> None:
    hall = Hall(stage, running_max=2)
    asked = [hall.admit(name) for name in "abc"]
    for _ in range(stage.loop.choose(6, "turns")):
        await stage.wait(0.0)
    stage.root.tell(StopChild(ref=hall.chats))
    await stage.wait()
    assert all(isinstance(each.get(), Admitted | Refused) for each in asked)
    assert await hall.answer("d") == Refused(why=Refusal.NOT_STARTED)


@simulated(seeds=5)
async def test_a_request_that_crashes_the_gate_is_told(stage: Stage) -> None:
    hall = Hall(stage, running_max=1)
    stage.system.interceptors = (CrashOn(f"{SUP}/gate", Admit),)
    asked = hall.admit("a")
    await stage.wait()
    assert asked.error is not None
    assert isinstance(await hall.answer("b"), Admitted)
    assert await stage.ask("chats/b", Note("here")) == "here"
