"""Thread actors, on real threads: events stand in for time, and nothing sleeps."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from actors.kernel.actor import ThreadActor
from actors.kernel.child_spec import Restart
from actors.kernel.dead_letter import Loss
from actors.kernel.errors import MessagePoisoned, SpawnFailed
from actors.kernel.future import Reply
from actors.kernel.ref import ActorRef
from actors.kernel.signals import ChildStarted, Killed, Poisoned, Terminated
from actors.kernel.system import ZOMBIES_MAX
from actors.testing.probe import Probe
from tests.unit.kernel_stage import Recorder, Stage, crash_kind, on_stage, until

HANG_MAX_S = 5.0


class Blocking(ThreadActor[Any]):
    """Does what it is told, and notes on which thread."""

    def __init__(self, log: list[tuple[str, int]]) -> None:
        self._log = log
        self.replies: list[Reply] = []

    def on_start(self) -> None:
        self._note("start")

    def on_stop(self) -> None:
        self._note("stop")

    def on_failure(self, *_: object) -> None:
        self._note("failure")

    def on_poisoned(self, notice: Poisoned) -> None:
        self._note(f"poisoned {notice.message_class}")

    def receive(self, message: Any) -> Any:
        self._note(str(message) if not isinstance(message, threading.Event) else "hang")
        match message:
            case threading.Event():
                message.wait(HANG_MAX_S)
            case "crash":
                raise ValueError
            case "exit":
                self.exit()
            case "later":
                self.reply_later().set("answered later")
            case "timer":
                self.start_timer("t", "timed", 0)
            case ("tell", target, what):
                target.tell(what)
            case ("ask", target, what):
                return target.ask(what, timeout=HANG_MAX_S)
        return message

    def _note(self, what: str) -> None:
        self._log.append((what, threading.get_ident()))


def words(log: list[tuple[str, int]]) -> list[str]:
    return [what for what, _ in log]


@on_stage
async def test_hooks_and_handlers_run_in_order_on_one_thread_that_is_not_the_loop_s(
    stage: Stage,
) -> None:
    log: list[tuple[str, int]] = []
    ref = stage.spawn(Blocking, log)
    for number in range(3):
        ref.tell(number)
    assert await ref.ask("last", block=False) == "last"
    assert await ref.stop(block=False) is True
    assert words(log) == ["start", "0", "1", "2", "last", "stop"]
    threads = {thread for _, thread in log}
    assert len(threads) == 1
    assert threads != {threading.get_ident()}


@on_stage
async def test_a_thread_actor_is_restarted_with_its_ref_and_its_mail(stage: Stage) -> None:
    log: list[tuple[str, int]] = []
    heard: list[Any] = []
    ref = stage.keep(Blocking, log, heard=heard)
    ref.tell("crash")
    assert await ref.ask("next", block=False) == "next"
    assert words(log) == ["start", "crash", "failure", "start", "next"]
    assert len({thread for _, thread in log[:3]}) == 1
    await stage.settle()
    assert [type(each) for each in heard].count(ChildStarted) == 2


@on_stage
async def test_a_hung_handler_is_left_behind_counted_and_replaced(stage: Stage) -> None:
    log: list[tuple[str, int]] = []
    ref = stage.keep(Blocking, log)
    hang = threading.Event()
    answer = ref.ask(hang, block=False)
    await until(lambda: "hang" in words(log))
    ref.kill()
    assert stage.system.zombies == 1
    assert await ref.ask("next", block=False) == "next"
    with pytest.raises(MessagePoisoned):
        await answer
    hang.set()
    await until(lambda: not stage.system.zombies)
    assert stage.lost(Loss.LATE_REPLY) == 1
    assert await ref.ask("again", block=False) == "again"


@on_stage
async def test_a_start_that_hangs_is_left_behind_when_its_time_is_up(stage: Stage) -> None:
    hang = threading.Event()

    class Hanging(Blocking):
        def on_start(self) -> None:
            hang.wait(HANG_MAX_S)

    ref = stage.spawn(Hanging, [], start_timeout_s=3)
    probe = Probe(stage.system, watch=(ref,))
    await stage.settle()
    await stage.advance(3)
    assert crash_kind(probe.only(Terminated).reason) == "TimeoutError"
    assert stage.system.zombies == 1
    hang.set()
    await until(lambda: not stage.system.zombies)


@on_stage
async def test_no_thread_is_started_while_too_many_hang(stage: Stage) -> None:
    hang = threading.Event()
    for _ in range(ZOMBIES_MAX):
        ref = stage.spawn(Blocking, [])
        ref.tell(hang)
        await until(ref.actor_inbox.empty)
        ref.kill()
    with pytest.raises(SpawnFailed):
        stage.spawn(Blocking, [])
    assert stage.system.live == 0
    hang.set()
    await until(lambda: not stage.system.zombies)
    assert await stage.spawn(Blocking, []).ask("fine", block=False) == "fine"


@on_stage
async def test_a_thread_that_cannot_be_started_leaves_no_ghost(stage: Stage) -> None:
    def no_thread(name: str) -> Any:
        raise RuntimeError("can't start new thread")

    cramped = Stage(start_worker=no_thread)
    with pytest.raises(SpawnFailed):
        cramped.spawn(Blocking, [], name="ghost")
    assert cramped.system.live == 0
    assert cramped.system.find("ghost") is None
    assert (await cramped.system.stop()).abandoned == ()


@on_stage
async def test_what_a_thread_actor_sends_knows_its_sender(stage: Stage) -> None:
    class Fragile(Recorder):
        def receive(self, message: Any) -> Any:
            if message == "poison":
                raise ValueError
            return message

    log: list[tuple[str, int]] = []
    fragile = stage.spawn(Fragile, [], restart=Restart.TEMPORARY)
    ref: ActorRef[Any] = stage.spawn(Blocking, log)
    assert await ref.ask(("ask", fragile, "hello"), block=False) == "hello"
    ref.tell(("tell", fragile, "poison"))
    await until(lambda: "poisoned str" in words(log))
    assert log[-1][1] == log[0][1]


@on_stage
async def test_timers_replies_and_exits_work_from_the_actor_s_thread(stage: Stage) -> None:
    log: list[tuple[str, int]] = []
    ref = stage.spawn(Blocking, log)
    probe = Probe(stage.system, watch=(ref,))
    assert await ref.ask("later", block=False) == "answered later"
    assert await ref.ask("timer", block=False) == "timer"
    stage.clock.advance(0)
    assert await ref.ask("after", block=False) == "after"
    assert "timed" in words(log)
    ref.tell("exit")
    await until(lambda: probe.seen)
    assert words(log)[-2:] == ["exit", "stop"]


@on_stage
async def test_a_kill_between_two_messages_needs_no_zombie(stage: Stage) -> None:
    ref = stage.spawn(Blocking, [])
    probe = Probe(stage.system, watch=(ref,))
    assert await ref.ask(1, block=False) == 1
    ref.kill()
    await stage.settle()
    assert probe.only(Terminated).reason == Killed()
    assert stage.system.zombies == 0


@on_stage
async def test_a_receive_timeout_reaches_a_thread_actor_too(stage: Stage) -> None:
    class Idle(Blocking):
        def on_start(self) -> None:
            self.set_receive_timeout(10, "silence")

    log: list[tuple[str, int]] = []
    ref = stage.spawn(Idle, log)
    assert await ref.ask("mail", block=False) == "mail"
    await stage.advance(9)
    assert await ref.ask("mail", block=False) == "mail"
    await stage.settle()
    await stage.advance(9)
    assert words(log) == ["mail", "mail"]
    await stage.advance(1)
    await until(lambda: "silence" in words(log))
