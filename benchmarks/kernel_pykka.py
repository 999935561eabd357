"""The same on Pykka's own actors, each on a thread. They block: nothing else runs meanwhile."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import pykka

from benchmarks.checks import Sample
from benchmarks.quantiles import Latencies, Stopwatch
from benchmarks.workload import BURST, CROWD, TAKEN

# Nobody can answer for longer than this but an actor that is gone.
ANSWER_WAIT_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Count this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """Answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    """Fail."""


class Counter(pykka.ThreadingActor):
    """Counts, answers and fails as it is told."""

    def __init__(self) -> None:
        super().__init__()
        self._counted = 0

    def on_receive(self, message: object) -> object:
        """See the messages."""
        if isinstance(message, Count):
            self._counted += 1
        elif isinstance(message, Crash):
            raise LookupError
        return message


class Threads:
    """Does what the rows of the table ask for."""

    def __init__(self) -> None:
        # It logs every crash with its traceback; here crashes are the point.
        logging.getLogger("pykka").setLevel(logging.CRITICAL)

    async def tell(self, count: int) -> Sample:
        """Send in bursts, each with a question behind it, for that is how Pykka can wait."""
        ref = Counter.start()
        message = Count()
        watch = Stopwatch()
        for _ in range(count // BURST):
            for _ in range(BURST):
                ref.tell(message)
            ref.ask(Ping())
        sample = watch.rate(count)
        ref.stop()
        return sample

    async def ask(self, count: int) -> Sample:
        """Ask, one question after another."""
        ref = Counter.start()
        message = Ping()
        watch = Stopwatch()
        for _ in range(count):
            ref.ask(message)
        sample = watch.rate(count)
        ref.stop()
        return sample

    async def start_stop(self, count: int) -> Sample:
        """Start an actor and stop it, one after another."""
        watch = Stopwatch()
        for _ in range(count):
            Counter.start().stop()
        return watch.rate(count)

    async def crash(self, count: int) -> Sample:
        """Crash an actor; whoever asks next notices, starts another one, and asks that."""
        ref = Counter.start()
        latencies = Latencies()
        for _ in range(count):
            with latencies:
                ref.tell(Crash())
                try:
                    ref.ask(Ping(), timeout=ANSWER_WAIT_S)
                except pykka.ActorDeadError:
                    ref = Counter.start()
                    ref.ask(Ping())
        ref.stop()
        return latencies.sample()

    async def books(self) -> Sample:
        """Take some out of a crowd off Pykka's registry; without threads, so that it fits."""
        crowd = [Counter().actor_ref for _ in range(CROWD)]
        for ref in crowd:
            pykka.ActorRegistry.register(ref)
        chosen = crowd[:: CROWD // TAKEN]
        watch = Stopwatch()
        for ref in chosen:
            pykka.ActorRegistry.unregister(ref)
        sample = watch.each_us(len(chosen))
        for ref in crowd:
            pykka.ActorRegistry.unregister(ref)
        return sample

    async def proxy(self, count: int) -> Sample:
        """Make proxies of one actor."""
        ref = Counter.start()
        watch = Stopwatch()
        for _ in range(count):
            ref.proxy()
        sample = watch.each_us(count)
        ref.stop()
        return sample
