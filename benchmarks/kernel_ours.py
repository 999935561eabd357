"""The kernel under test with everything on: both bounds, deadlines on asks, an interceptor."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from actors import (
    ActorRef,
    ActorSystem,
    ChildSpec,
    Envelope,
    Intensity,
    Interceptor,
    LoopActor,
    MailboxSpec,
)
from actors.kernel.cell import Cell
from benchmarks.checks import Sample
from benchmarks.quantiles import Latencies, Stopwatch
from benchmarks.workload import BURST, CROWD, MAILBOX_BYTES, MAILBOX_MESSAGES, TAKEN
from supervisor import Supervisor


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Count this; it weighs something, so that the bound in bytes has work to do."""

    size_bytes: int = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """Answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    """Fail."""


Message: TypeAlias = Count | Ping | Crash


class Tally:
    """What a life leaves behind: how many messages it has counted."""

    def __init__(self) -> None:
        self.counted = 0


class Counter(LoopActor[Message]):
    """Counts, answers and fails as it is told."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def receive(self, message: Message) -> object:
        """See the messages."""
        if isinstance(message, Count):
            self._tally.counted += 1
        elif isinstance(message, Crash):
            raise LookupError
        return message


class Meter(Interceptor):
    """Counts what is sent and what was handled, as metrics would."""

    def __init__(self) -> None:
        self.sends = 0
        self.receives = 0

    def sent(self, cell: Cell, envelope: Envelope, was_taken: bool) -> None:
        """See `Interceptor`."""
        self.sends += 1

    def received(self, cell: Cell, envelope: Envelope, error: BaseException | None) -> None:
        """See `Interceptor`."""
        self.receives += 1


class Kernel:
    """Does what the rows of the table ask for. Made inside the running loop."""

    def __init__(self) -> None:
        # What is lost in a crash is logged; here crashes are the point.
        logging.getLogger("greenroom").setLevel(logging.CRITICAL)
        self._system = ActorSystem("bench", interceptors=(Meter(),))
        self._tally = Tally()
        self._spec: ChildSpec[Message] = ChildSpec(
            start=partial(Counter, self._tally),
            mailbox=MailboxSpec(messages_max=MAILBOX_MESSAGES, bytes_max=MAILBOX_BYTES),
        )

    async def tell(self, count: int) -> Sample:
        """Send in bursts, each as soon as the last one was handled."""
        ref = self._system.spawn(self._spec)
        tally, message = self._tally, Count()
        sent = tally.counted
        watch = Stopwatch()
        for _ in range(count // BURST):
            for _ in range(BURST):
                ref.tell(message)
            sent += BURST
            # An event would be one more thing that is measured.
            while tally.counted < sent:  # noqa: ASYNC110 - see above
                await asyncio.sleep(0)
        return await self._ended(ref, watch.rate(count))

    async def ask(self, count: int) -> Sample:
        """Ask, one question after another."""
        ref = self._system.spawn(self._spec)
        message = Ping()
        watch = Stopwatch()
        for _ in range(count):
            await ref.ask(message, block=False)
        return await self._ended(ref, watch.rate(count))

    async def start_stop(self, count: int) -> Sample:
        """Start an actor and stop it, one after another."""
        watch = Stopwatch()
        for _ in range(count):
            await self._system.spawn(self._spec).stop(block=False)
        return watch.rate(count)

    async def crash(self, count: int) -> Sample:
        """Crash a supervised actor and wait for its next answer."""
        keeper = partial(
            Supervisor,
            (ChildSpec(name="counter", start=self._spec.start),),
            intensity=Intensity(restarts_max=10 * count, window_s=600.0),
        )
        root = self._system.spawn(ChildSpec(name="keeper", start=keeper))
        ref = self._system.find("keeper/counter")
        assert ref is not None, "a supervisor starts its children"
        latencies = Latencies()
        for _ in range(count):
            with latencies:
                ref.tell(Crash())
                await ref.ask(Ping(), block=False)
        return await self._ended(root, latencies.sample())

    async def books(self) -> Sample:
        """Stop some out of a crowd."""
        crowd = [self._system.spawn(self._spec) for _ in range(CROWD)]
        chosen = crowd[:: CROWD // TAKEN]
        watch = Stopwatch()
        for ref in chosen:
            await ref.stop(block=False)
        sample = watch.each_us(len(chosen))
        for ref in crowd:
            ref.kill()
        return sample

    async def proxy(self, count: int) -> Sample:
        """Make proxies of one actor."""
        ref = self._system.spawn(self._spec)
        watch = Stopwatch()
        for _ in range(count):
            ref.proxy()
        sample = watch.each_us(count)
        return await self._ended(ref, sample)

    async def end(self) -> None:
        """Stop what is left."""
        await self._system.stop(1.0)

    async def _ended(self, ref: ActorRef[Any], sample: Sample) -> Sample:
        await ref.stop(block=False)
        return sample
