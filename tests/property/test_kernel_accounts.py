"""Whatever happens to a small system, its books balance.

A script of sends and ends is played on a simulated loop, whose seed decides the order of
everything that the script leaves open.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import Any

import pykka
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.kernel.actor import LoopActor
from actors.kernel.cell import Cell
from actors.kernel.child_spec import ChildSpec, Restart
from actors.kernel.dead_letter import DeadLetter, Loss
from actors.kernel.envelope import Envelope
from actors.kernel.future import AskFuture
from actors.kernel.interceptor import Interceptor
from actors.kernel.mailbox import MailboxSpec, WhenFull
from actors.kernel.ref import ActorRef
from actors.kernel.signals import Terminated
from actors.kernel.system import ActorSystem
from actors.testing.choices import Choices
from actors.testing.settle import settle
from actors.testing.simloop import SimLoop
from actors.testing.simulate import simulate
from tests.unit.kernel_stage import Keeper

DOINGS = ("reply", "crash", "weather", "exit", "stop", "wait", "stash", "unstash")


class Weather(Exception):
    """An error that an ask gets as its answer."""


@dataclass(frozen=True, slots=True)
class Work:
    """A message with a number of its own; `doing` says how its handler ends."""

    number: int
    doing: str
    size_bytes: int = 10


class Plain(LoopActor[Work]):
    """Does what the work says, and enters in the books what it has dealt with."""

    answers = (Weather,)

    def __init__(self, books: Books) -> None:
        self._books = books

    def receive(self, message: Work) -> Any:
        if message.doing == "stash" and self.life == 1:
            self.stash()
            return None
        if message.doing == "crash":
            raise ValueError
        self._books.fates[message.number].append("done")
        match message.doing:
            case "weather":
                # For a tell this is a crash, and then the kernel has the last word.
                raise Weather
            case "exit":
                self.exit()
            case "stop":
                self.stop()
            case "unstash":
                self.unstash_all()
        return message.number


class Awaiting(Plain):
    """The same, with handlers that take a while."""

    async def receive(self, message: Work) -> Any:
        await asyncio.sleep(0.5 if message.doing == "wait" else 0)
        return super().receive(message)


class Books(Interceptor):
    """Who sent what, and what became of it."""

    def __init__(self) -> None:
        self.fates: dict[int, list[str]] = {}
        self.taken: Counter[bool] = Counter()

    def sent(self, cell: Cell, envelope: Envelope, was_taken: bool) -> None:
        if isinstance(envelope.message, Work):
            self.taken[was_taken] += 1

    def lost(self, letter: DeadLetter, message: object) -> None:
        if isinstance(message, Work) and letter.reason is not Loss.LATE_REPLY:
            self.fates[message.number].append(letter.reason.value)


class World:
    """A few actors of every kind, and a script that is played on them."""

    def __init__(self) -> None:
        self.books = Books()
        self.system = ActorSystem("sim", interceptors=[self.books], ask_timeout_s=3.0)
        self.system.dead_letters.subscribe(self.books.lost)
        self.answers: list[AskFuture] = []
        self.ends: dict[ActorRef[Any], list[Terminated]] = {}
        self.refs = [
            self._start(Plain, Restart.TEMPORARY, MailboxSpec(messages_max=3)),
            self._start(Plain, Restart.PERMANENT, MailboxSpec(bytes_max=35)),
            self._start(
                Awaiting,
                Restart.TRANSIENT,
                MailboxSpec(messages_max=2, when_full=WhenFull.DROP_OLDEST),
            ),
            self._start(Awaiting, Restart.PERMANENT, MailboxSpec(messages_max=100)),
        ]
        for ref in self.refs:
            self.ends[ref] = []
            self.system.monitor(ref, self.ends[ref].append)

    def _start(self, actor: type[Plain], restart: Restart, mailbox: MailboxSpec) -> ActorRef[Any]:
        spec: ChildSpec[Any] = ChildSpec(
            start=partial(actor, self.books), restart=restart, mailbox=mailbox
        )
        self.system.spawn(ChildSpec(start=partial(Keeper, spec, [])))
        return self.system.cells()[-1].ref

    def send(self, ref: ActorRef[Any], doing: str, how: str) -> None:
        work = Work(len(self.books.fates), doing)
        self.books.fates[work.number] = []
        match how:
            case "offer":
                ref.offer(work)
            case "ask":
                self.answers.append(ref.ask(work, block=False))
            case _:
                try:
                    ref.tell(work)
                except pykka.ActorDeadError:
                    assert self.books.fates[work.number] == ["closed"]

    async def play(self, step: Step) -> None:
        ref = self.refs[step.target]
        match step.what:
            case "tell" | "offer" | "ask":
                self.send(ref, step.doing, step.what)
            case "stop":
                ref.stop(block=False)
            case "kill":
                ref.kill()
            case "shut_down":
                ref.shut_down(1.0)
            case "turn":
                await asyncio.sleep(0)
            case "wait":
                await asyncio.sleep(0.7)
        self.check_bounds()

    def check_bounds(self) -> None:
        for cell in self.system.cells():
            assert cell.queued_bytes <= (cell.mailbox.bytes_max or 10**9)
            assert all(len(ends) <= 1 for ends in self.ends.values())

    def where_is(self, number: int) -> list[str]:
        """Every place where a message is, or where it came to its end; right is exactly one."""
        places = [*self.books.fates[number]]
        for cell in self.system.cells():
            waiting = [*cell.queue, *(cell.stash or ()), *([cell.in_hand] if cell.in_hand else ())]
            places += [
                cell.name
                for envelope in waiting
                if isinstance(envelope.message, Work) and envelope.message.number == number
            ]
        # A tell's error crashes its actor: dealt with, and reported as poison on top.
        return places[:1] if places[:2] == ["done", "poison"] else places


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a script."""

    what: str
    target: int
    doing: str


STEPS = st.builds(
    Step,
    what=st.sampled_from(
        ("tell", "tell", "offer", "ask", "ask", "stop", "kill", "shut_down", "turn", "wait")
    ),
    target=st.integers(min_value=0, max_value=3),
    doing=st.sampled_from(DOINGS),
)


@settings(max_examples=150)
@given(steps=st.lists(STEPS, max_size=40), seed=st.integers(min_value=0, max_value=2**32))
def test_every_message_has_one_fate_every_ask_an_answer_and_every_monitor_its_end(
    steps: list[Step], seed: int
) -> None:
    async def scenario(_: SimLoop) -> None:
        world = World()
        for step in steps:
            await world.play(step)
        await settle(world.system)
        fates = {number: world.where_is(number) for number in world.books.fates}
        assert all(len(places) == 1 for places in fates.values()), fates
        refused = sum(places[0] in ("full", "closed") for places in fates.values())
        assert world.books.taken.total() <= len(fates)
        assert world.books.taken[False] <= refused
        await asyncio.sleep(10)
        assert all(answer.is_done for answer in world.answers)
        report = await world.system.stop()
        assert (report.abandoned, report.zombies, world.system.live) == ((), 0, 0)
        assert [len(ends) for ends in world.ends.values()] == [1, 1, 1, 1]
        fates = {number: world.where_is(number) for number in world.books.fates}
        assert all(len(places) == 1 for places in fates.values()), fates

    run = simulate(scenario, Choices.from_seed(seed), frozen=False)
    if run.error is not None:
        raise run.error
