"""The traps in Pykka and asyncio, each told once and played twice.

In our house nobody falls in; the naive form of the same thing must fail the same test, or the
test would not show anything. Real threads and real time: every wait is bounded by `House.wait_s`.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import weakref
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pykka
import pytest

from actors.kernel.errors import WouldBlock
from tests.unit.house import Gate, House, OurHouse, in_time, ticks
from tests.unit.kernel_stage import until
from tests.unit.naive import NaiveHouse

FALLS_IN = pytest.mark.xfail(
    strict=True,
    raises=(
        AssertionError,
        RuntimeError,
        pykka.ActorDeadError,
        pykka.Timeout,
        pytest.fail.Exception,
    ),
    reason="the naive form falls into this trap",
)


@pytest.fixture(
    params=[pytest.param(OurHouse, id="ours"), pytest.param(NaiveHouse, id="naive", marks=FALLS_IN)]
)
def house(request: pytest.FixtureRequest) -> Iterator[House]:
    built: House = request.param()
    yield built
    built.close()


@pytest.fixture
def gate() -> Iterator[Gate]:
    """Opened at the end of the test at the latest, so that no thread is left waiting."""
    closed = Gate()
    yield closed
    closed.open()


SHORT_S = 0.1


class Behaviour:
    """Answers "ping"; waits at a gate; raises an error that it is sent."""

    def __init__(self) -> None:
        self.number = 1

    def receive(self, message: Any) -> Any:
        if isinstance(message, Gate):
            return message.enter()
        if isinstance(message, BaseException):
            raise message
        return "pong" if message == "ping" else message


class AsyncBehaviour:
    """The same for a loop; it may refuse to be cancelled."""

    def __init__(self, held: list[Any]) -> None:
        self._held = held

    async def receive(self, message: Any) -> Any:
        while message == "hold" or (message == "refuse" and len(self._held) < 10):
            future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
            self._held.append(weakref.ref(future))
            try:
                return await future
            except asyncio.CancelledError:
                if message == "hold":
                    raise
        return "pong"


# 1


def test_a_stop_gets_past_a_full_mailbox(house: House, gate: Gate) -> None:
    ref = house.start(Behaviour, room=1, blocking=True)
    ref.tell(gate)
    gate.await_entered()
    in_time(house, lambda: ref.tell("fills the mailbox"))
    in_time(house, lambda: ref.stop(block=False))


def test_a_tell_to_oneself_returns_though_the_mailbox_is_full(house: House) -> None:
    class Talkative(Behaviour):
        def receive(self, message: Any) -> Any:
            if message == "talk":
                for _ in range(3):
                    self.actor_ref.tell("to myself")  # type: ignore[attr-defined]
            return message

    ref = house.start(Talkative, room=1, blocking=True)
    assert ref.ask("talk", timeout=house.wait_s) == "talk"


# 2


def test_an_ask_that_comes_in_after_the_end_is_answered(house: House) -> None:
    ref = house.start(Behaviour, slow_mail=True)
    answer = ref.ask("ping", block=False)
    ref.stop(timeout=house.wait_s)
    house.pass_time(1)
    with pytest.raises(pykka.ActorDeadError):
        answer.get(timeout=2 * house.wait_s)


# 3


def test_no_tell_behind_a_stop_is_lost_without_trace(house: House, gate: Gate) -> None:
    ref = house.start(Behaviour, blocking=True)
    ref.tell(gate)
    stopped = ref.stop(block=False)
    refused = 0
    for number in range(5):
        try:
            ref.tell(number)
        except pykka.ActorDeadError:
            refused += 1
    gate.open()
    stopped.get(timeout=house.wait_s)
    assert max(refused, house.lost()) == 5


# 4


def test_a_bug_that_an_ask_runs_into_ends_that_life(house: House) -> None:
    ref = house.start(Behaviour)
    with pytest.raises(ValueError, match="bug"):
        ref.ask(ValueError("bug"), timeout=house.wait_s)
    with pytest.raises(pykka.ActorDeadError):
        ref.ask("ping", timeout=house.wait_s)


# 5


@pytest.mark.parametrize("error", [asyncio.CancelledError(), SystemExit(), GeneratorExit()])
def test_what_ends_one_handler_does_not_stop_the_world(house: House, error: BaseException) -> None:
    bystander, ref = house.start(Behaviour), house.start(Behaviour)
    answer = ref.ask(error, block=False)
    with suppress(Exception):
        answer.get(timeout=SHORT_S)
    assert bystander.ask("ping", timeout=house.wait_s) == "pong"
    with pytest.raises(Exception, match="ended by"):
        answer.get(timeout=house.wait_s)


# 6


def test_who_starts_an_actor_is_told_that_it_did_not_start(house: House) -> None:
    class Unable(Behaviour):
        def on_start(self) -> None:
            raise ValueError

    with pytest.raises(Exception, match="did not start"):
        house.start(Unable)


# 7


def test_a_thread_that_cannot_be_started_leaves_no_ghost(house: House) -> None:
    with pytest.raises(Exception, match=r"new thread|did not start"):
        house.start(Behaviour, blocking=True, no_thread=True)
    in_time(house, house.stop_all)


# 8


def test_the_loop_goes_on_while_an_answer_is_awaited(house: House, gate: Gate) -> None:
    ref = house.start(Behaviour, blocking=True)

    async def scene() -> bool:
        answer = ref.ask(gate, block=False)
        await asyncio.get_running_loop().run_in_executor(None, gate.await_entered)
        ticking = asyncio.gather(ticks(10, gate.open))
        was_opened: bool = await answer
        await ticking
        return was_opened

    assert house.run(scene), "nothing else ran on the loop"


# 9


def test_a_proxy_does_not_keep_the_state_of_a_dead_actor_alive(house: House) -> None:
    states: list[weakref.ref[Any]] = []

    class Stateful(Behaviour):
        def __init__(self) -> None:
            super().__init__()
            states.append(weakref.ref(self))

    ref = house.start(Stateful)
    proxy = ref.proxy()
    assert proxy.number.get(timeout=house.wait_s) == 1
    ref.stop(timeout=house.wait_s)
    for _ in range(5):
        gc.collect()
        if states[0]() is None:
            break
    assert states[0]() is None
    assert proxy is not None


# 10


def test_two_actors_that_ask_each_other_are_free_again_at_the_deadline(house: House) -> None:
    class Polite(Behaviour):
        answers = (pykka.Timeout,)

        def receive(self, message: Any) -> Any:
            if message == "ping":
                return "pong"
            after_you, *rest = message
            return after_you.ask(rest) if rest else "pong"

    one, other = (house.start(Polite, blocking=True) for _ in range(2))
    with pytest.raises(pykka.Timeout):
        one.ask([other, one, other], timeout=SHORT_S)
    house.pass_time(1)
    assert [ref.ask("ping", timeout=house.wait_s) for ref in (one, other)] == ["pong", "pong"]


# 13


def test_a_second_answer_does_not_harm_the_actor(house: House, gate: Gate) -> None:
    ref = house.start(Behaviour, blocking=True)
    answer = ref.ask(gate, block=False)
    answer.set("given up by somebody else")
    gate.open()
    assert ref.ask("ping", timeout=house.wait_s) == "pong"
    assert answer.get(timeout=house.wait_s) == "given up by somebody else"


# 14


def test_what_follows_an_answer_happens_though_nobody_waits_for_it(house: House) -> None:
    ref = house.start(Behaviour)
    mapped = threading.Event()

    async def scene() -> None:
        ref.ask("ping", block=False).map(lambda _: mapped.set())

    house.run(scene)
    assert mapped.wait(house.wait_s)


# 15


def test_an_assignment_through_a_proxy_does_not_hold_up_the_loop(house: House, gate: Gate) -> None:
    ref = house.start(Behaviour, blocking=True)
    proxy = ref.proxy()
    ref.tell(gate)
    gate.await_entered()
    opener = threading.Timer(house.wait_s / 3, gate.open)
    opener.start()

    async def scene() -> None:
        with suppress(WouldBlock):
            proxy.number = 2
        assert opener.is_alive(), "the loop stood still until the actor was free"
        opener.cancel()

    house.run(scene)


# 16


@pytest.mark.parametrize("kind", ["unexpected", "error"])
def test_no_log_says_what_a_message_or_an_error_said(
    house: House, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Silent:
        """It has no handler at all."""

    with caplog.at_level(logging.DEBUG):
        ref = house.start(Silent if kind == "unexpected" else Behaviour)
        ref.tell("swordfish" if kind == "unexpected" else ValueError("swordfish"))
        with suppress(pykka.ActorDeadError):
            ref.stop(timeout=house.wait_s)
    assert caplog.text
    assert "swordfish" not in caplog.text


# 17


def test_an_actor_whose_handler_hangs_can_be_replaced(house: House, gate: Gate) -> None:
    ref = house.keep(Behaviour, blocking=True)
    ref.tell(gate)
    gate.await_entered()
    house.kill(ref)
    assert ref.ask("ping", timeout=house.wait_s) == "pong"


# 19


def test_a_task_lives_on_though_only_its_own_future_knows_it(house: House) -> None:
    held: list[Any] = []
    ref = house.start(AsyncBehaviour, held)
    answer = ref.ask("hold", block=False)

    async def scene() -> None:
        await until(lambda: bool(held))
        await asyncio.sleep(0)
        gc.collect()
        future = held[0]()
        assert future is not None, "the garbage collector took the task with its future"
        future.set_result("held")

    house.run(scene)
    assert answer.get(timeout=house.wait_s) == "held"


# 20


def test_a_coroutine_that_is_closed_with_its_loop_does_not_await_again(house: House) -> None:
    class Apologetic(AsyncBehaviour):
        async def on_failure(self, *_: object) -> None:
            await asyncio.sleep(0)

    held: list[Any] = []
    ref = house.start(Apologetic, held)
    ref.ask("hold", block=False)

    async def scene() -> None:
        await until(lambda: bool(held))
        this = asyncio.current_task()
        [task] = [task for task in asyncio.all_tasks() if task is not this]
        coroutine = task.get_coro()
        assert coroutine is not None
        task.cancel()
        coroutine.close()

    house.run(scene)


# 21


def test_an_actor_that_swallows_its_cancellation_can_be_replaced(house: House) -> None:
    held: list[Any] = []
    ref = house.keep(AsyncBehaviour, held)
    ref.ask("refuse", block=False)

    async def scene() -> None:
        await until(lambda: bool(held))

    house.run(scene)
    house.kill(ref)
    house.run(lambda: ticks(10, lambda: None))
    house.pass_time(1)
    assert ref.ask("ping", timeout=house.wait_s) == "pong"


# 22


def test_a_ref_is_good_between_a_crash_and_the_restart(house: House) -> None:
    ref = house.keep(Behaviour)
    ref.tell(ValueError())
    assert ref.ask("ping", timeout=house.wait_s) == "pong"
    assert ref.is_alive()


# 23


def test_who_hears_of_a_loss_may_send_to_the_actor_that_lost_it(house: House, gate: Gate) -> None:
    refs: list[Any] = []
    heard: list[str] = []

    def hear() -> None:
        heard.append("loss")
        if len(heard) == 1:
            refs[0].tell("and another one")

    house.on_loss(hear)
    refs.append(house.start(Behaviour, room=1, blocking=True))
    refs[0].tell(gate)
    gate.await_entered()
    for _ in range(2):
        in_time(house, lambda: refs[0].tell("fills the mailbox"))
    gate.open()
    assert in_time(house, lambda: refs[0].stop(timeout=house.wait_s))
    assert heard == ["loss", "loss"]
