from __future__ import annotations

from asyncio import CancelledError
from collections import deque
from typing import Any

import pytest

from actors.kernel.actor import ThreadActor
from actors.kernel.cell import Cell
from actors.kernel.dead_letter import Loss
from actors.kernel.envelope import Envelope
from actors.kernel.errors import MailboxFull, MessagePoisoned
from actors.kernel.interceptor import (
    Delay,
    Drop,
    Duplicate,
    Interceptor,
    Overtake,
    SendVerdict,
)
from actors.kernel.mailbox import MailboxSpec
from actors.kernel.signals import Killed, Signal, Terminated
from actors.testing.probe import Probe
from tests.unit.kernel_stage import Gated, Recorder, Stage, on_stage_with


class Faults(Interceptor):
    """Does to a message what was planned for it; notes what it sees."""

    def __init__(self) -> None:
        self.verdicts: dict[Any, SendVerdict] = {}
        self.hangs_s: dict[Any, float] = {}
        self.crashes: dict[Any, BaseException] = {}
        self.signal_delays_s: deque[float] = deque()
        self.log: list[tuple[str, Any, Any]] = []

    def sending(self, cell: Cell, envelope: Envelope) -> SendVerdict:
        return self.verdicts.get(envelope.message)

    def sent(self, cell: Cell, envelope: Envelope, was_taken: bool) -> None:
        self.log.append(("sent", envelope.message, was_taken))

    def signalling(self, cell: Cell, signal: Signal) -> float:
        return self.signal_delays_s.popleft() if self.signal_delays_s else 0.0

    def receiving(self, cell: Cell, envelope: Envelope) -> float:
        if (error := self.crashes.pop(envelope.message, None)) is not None:
            raise error
        return self.hangs_s.pop(envelope.message, 0.0)

    def received(self, cell: Cell, envelope: Envelope, error: BaseException | None) -> None:
        self.log.append(("received", envelope.message, error))


def faults_of(stage: Stage) -> Faults:
    faults = stage.system.interceptors[0]
    assert isinstance(faults, Faults)
    return faults


def with_faults() -> tuple[Interceptor, ...]:
    return (Faults(),)


@on_stage_with(with_faults)
async def test_every_send_and_receive_can_be_seen(stage: Stage) -> None:
    ref = stage.spawn(Recorder, [], mailbox=MailboxSpec(messages_max=1))
    ref.tell("taken")
    ref.tell("refused")
    await stage.settle()
    assert faults_of(stage).log == [
        ("sent", "taken", True),
        ("sent", "refused", False),
        ("received", "taken", None),
    ]


@on_stage_with(with_faults)
async def test_a_dropped_message_is_a_dead_letter_and_its_asker_is_told(stage: Stage) -> None:
    seen: list[Any] = []
    ref = stage.spawn(Recorder, seen)
    faults_of(stage).verdicts = {"a": Drop()}
    ref.tell("a")
    ref.tell("b")
    with pytest.raises(MailboxFull):
        await ref.ask("a", block=False)
    await stage.settle()
    assert seen == ["b"]
    assert stage.lost(Loss.DROPPED) == 2


@on_stage_with(with_faults)
async def test_a_delayed_message_comes_later_and_finds_the_mailbox_as_it_is_then(
    stage: Stage,
) -> None:
    seen: list[Any] = []
    ref = stage.spawn(Recorder, seen)
    faults_of(stage).verdicts = {"a": Delay(3), "c": Delay(9)}
    for message in "abc":
        ref.tell(message)
    await stage.advance(2.9)
    assert seen == ["b"]
    await stage.advance(0.1)
    assert seen == ["b", "a"]
    ref.kill()
    await stage.advance(9)
    assert stage.lost(Loss.CLOSED) == 1


@on_stage_with(with_faults)
async def test_a_duplicated_message_is_handled_twice_and_answered_once(stage: Stage) -> None:
    seen: list[Any] = []
    ref = stage.spawn(Recorder, seen)
    faults_of(stage).verdicts = {"a": Duplicate()}
    assert await ref.ask("a", block=False) == "a"
    await stage.settle()
    assert seen == ["a", "a"]
    assert stage.lost(Loss.LATE_REPLY) == 0


@on_stage_with(with_faults)
async def test_a_message_can_overtake_those_that_wait(stage: Stage) -> None:
    seen: list[Any] = []
    ref = stage.spawn(Recorder, seen)
    faults_of(stage).verdicts = {"c": Overtake()}
    for message in "abcd":
        ref.tell(message)
    await stage.settle()
    assert seen == ["c", "a", "b", "d"]


@pytest.mark.parametrize("verdict", [Drop(), Delay(5), Overtake(), Duplicate()])
@on_stage_with(with_faults)
async def test_a_stop_is_an_order_that_no_fault_touches(stage: Stage, verdict: SendVerdict) -> None:
    class All(dict[Any, SendVerdict]):
        def get(self, key: Any, default: Any = None) -> SendVerdict:
            return verdict if not isinstance(key, str) else None

    seen: list[Any] = []
    ref = stage.spawn(Recorder, seen)
    faults_of(stage).verdicts = All()
    ref.tell("a")
    assert await ref.stop(block=False) is True
    assert seen == ["a"]


@pytest.mark.parametrize("actor", [Recorder, Gated])
@on_stage_with(with_faults)
async def test_an_actor_that_hangs_handles_nothing_until_it_is_over(
    stage: Stage, actor: Any
) -> None:
    seen: list[Any] = []
    gate = [] if actor is Recorder else [_open_gate()]
    ref = stage.spawn(actor, seen, *gate)
    faults_of(stage).hangs_s = {"a": 3.0}
    answer = ref.ask("a", block=False)
    ref.tell("b")
    await stage.settle()
    await stage.advance(2.9)
    assert seen == []
    await stage.advance(0.1)
    assert seen == ["a", "b"]
    assert await answer == "a"


def _open_gate() -> Any:
    class Open:
        async def wait(self) -> bool:
            return True

    return Open()


@pytest.mark.parametrize("actor", [Recorder, Gated])
@on_stage_with(with_faults)
async def test_an_actor_that_hangs_for_ever_can_be_killed_and_its_asker_is_told(
    stage: Stage, actor: Any
) -> None:
    gate = [] if actor is Recorder else [_open_gate()]
    ref = stage.spawn(actor, [], *gate)
    probe = Probe(stage.system, watch=(ref,))
    faults_of(stage).hangs_s = {"a": float("inf")}
    answer = ref.ask("a", block=False)
    await stage.settle()
    ref.shut_down(2)
    await stage.advance(2)
    assert probe.only(Terminated).reason == Killed()
    assert isinstance(answer.error, MessagePoisoned)
    assert stage.lost(Loss.CLOSED) == 1


@pytest.mark.parametrize("actor", [Recorder, Gated])
@on_stage_with(with_faults)
async def test_an_injected_error_is_a_crash_of_the_handler(stage: Stage, actor: Any) -> None:
    gate = [] if actor is Recorder else [_open_gate()]
    ref = stage.keep(actor, [], *gate)
    error = ValueError()
    faults_of(stage).crashes = {"a": error}
    with pytest.raises(ValueError):  # noqa: PT011 - which one it is, is seen below
        await ref.ask("a", block=False)
    await stage.settle()
    assert ref.cell.life == 2
    assert ("received", "a", error) in faults_of(stage).log


class OnThread(ThreadActor[Any]):
    def receive(self, message: Any) -> Any:
        return message


@pytest.mark.parametrize("error", [ValueError(), SystemExit(), CancelledError()])
@on_stage_with(with_faults)
async def test_an_injected_error_of_any_kind_is_a_crash_of_an_actor_on_a_thread(
    stage: Stage, error: BaseException
) -> None:
    ref = stage.keep(OnThread)
    faults_of(stage).crashes = {"a": error}
    ref.tell("a")
    assert await ref.ask("b", block=False) == "b"
    assert ref.cell.life == 2
    assert ("received", "a", error) in faults_of(stage).log


@on_stage_with(with_faults)
async def test_a_signal_can_be_delayed_but_not_lost(stage: Stage) -> None:
    ref = stage.spawn(Recorder, [])
    probe = Probe(stage.system, watch=(ref,))
    faults_of(stage).signal_delays_s.append(4)
    ref.kill()
    await stage.advance(3.9)
    assert probe.seen == []
    await stage.advance(0.1)
    assert probe.only(Terminated).ref is ref


class Faulty(Interceptor):
    """Has a bug of its own, once."""

    def __init__(self) -> None:
        self._is_faulty = True

    def received(self, cell: Cell, envelope: Envelope, error: BaseException | None) -> None:
        if self._is_faulty:
            self._is_faulty = False
            raise ZeroDivisionError


@pytest.mark.parametrize("actor", [Recorder, Gated])
@on_stage_with(lambda: (Faulty(),))
async def test_a_bug_around_a_handler_is_loud_and_the_actor_goes_on(
    stage: Stage, actor: Any
) -> None:
    seen: list[Any] = []
    gate = [] if actor is Recorder else [_open_gate()]
    ref = stage.spawn(actor, seen, *gate)
    ref.tell("a")
    ref.tell("b")
    await stage.settle()
    assert seen == ["a", "b"]
    assert [type(each["exception"]) for each in stage.loop_errors] == [ZeroDivisionError]
    stage.loop_errors.clear()
