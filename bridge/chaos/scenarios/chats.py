"""Several users chat through one tree: first while things break, then healed.

hostile    visits arrive, are stopped, submitted twice; limits change; every fault is on
healed     the faults stop, everybody comes to an end, and then all must work as on the first day:
           breakers close, permits are back, nobody lives beyond the fixed actors
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Final, TypeVar

from actors.catalog import CatalogKnown
from actors.kernel.errors import KernelError
from actors.testing.simloop import SimLoop
from bridge.app import PRODUCT, Parts
from bridge.chaos.faults.provider import Part
from bridge.chaos.faults.reels import WORDS, Shape
from bridge.chaos.faults.reels import Answer as Script
from bridge.chaos.invariants import breaches, breaker_states
from bridge.chaos.scenarios.door import CATALOG_WAIT_S, Manners
from bridge.chaos.scenarios.house import LEAVING_S, House, settings_for
from bridge.chaos.trace import Answer, Breach, End, Trace, Visit
from bridge.config.settings import Settings

T = TypeVar("T")

# How long a user waits before giving up on everything.
PATIENCE_S: Final = 900.0

# A wait for admission and a user's patience, after the last visit has arrived.
HOSTILE_MAX_S: Final = 1600.0
# The longest hang, backoff and grace that may still be running when the faults stop.
QUIET_S: Final = 40.0
AT_ONCE_S: Final = 0.1
TRIES_MAX: Final = 4
TOGETHER_MAX: Final = 3

_SHAPES: Final = tuple(Shape)


class InvariantBroken(AssertionError):
    """A run broke a promise. The text tells the first one; `breaches` has all."""

    def __init__(self, found: tuple[Breach, ...]) -> None:
        self.breaches = found
        first = found[0]
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        super().__init__(f"{first.invariant}: {first.what}{more}")


class Chats:
    """One run of the scenario.

    Args:
        loop: decides everything that is open.
        parts: what the tree is made of; a test brings broken parts.
    """

    def __init__(self, loop: SimLoop, parts: Parts = PRODUCT) -> None:
        self._loop = loop
        self._house = House(loop, parts)
        self._load = self._house.knobs.load
        self._bounds = self._house.knobs.bounds
        self._running_max = self._bounds.running_max
        self._tasks: list[asyncio.Task[object]] = []

    @property
    def trace(self) -> Trace:
        """What the run has left behind so far."""
        return self._house.trace

    async def play(self) -> None:
        """Run all of it.

        Raises:
            InvariantBroken: a promise was not kept.
        """
        await self._hostile()
        self._house.heal()
        await self._everybody_ends()
        await self._recover()
        await self._house.close_all()
        self.trace.fired.update(breaker_states(self.trace))
        if found := breaches(self.trace):
            raise InvariantBroken(found)

    # --- hostile ---------------------------------------------------------------------------------

    async def _hostile(self) -> None:
        loop, load = self._loop, self._load
        for number in range(load.requests):
            # A stream of choices for each visit: without one, the others stay as they were.
            tag = f"visit {number}"
            await asyncio.sleep(_drawn(loop, load.arrival_gaps_s, tag))
            if self._house.knobs.rates.closes_busy and number == load.requests // 2:
                self._house.close_busy()
            user = f"user{loop.choose(load.users, tag)}"
            self._arrive(user, tag)
            if loop.chance(load.double_submits, tag):
                self.trace.fired["double submit"] += 1
                self._arrive(user, tag)

    def _arrive(self, user: str, tag: str) -> None:
        loop, load = self._loop, self._load
        stop_s = _drawn(loop, load.stops_s, tag)
        manners = Manners(
            stop_s=PATIENCE_S if stop_s is None else stop_s,
            pauses_s=load.reader_pauses_s,
            asks_catalog=load.asks_catalog,
        )
        script = Script(shape=_drawn(loop, _SHAPES, tag), words=_drawn(loop, WORDS, tag))
        self._turn_limit(_drawn(loop, load.limits, tag))
        settings = settings_for(self._bounds, self._running_max)
        _, door = self._house.visit(user, Part(answer=script), settings, manners)
        self._tasks.append(loop.create_task(door.run()))

    def _turn_limit(self, limit: int) -> None:
        """Change the valve, as an admin may at any time; 0 leaves it."""
        if limit and limit != self._running_max:
            how = "raised" if limit > self._running_max else "lowered"
            self.trace.fired[f"limit {how}"] += 1
            self._running_max = limit

    # --- healed ----------------------------------------------------------------------------------

    async def _everybody_ends(self) -> None:
        _, pending = await asyncio.wait(self._tasks, timeout=HOSTILE_MAX_S)
        for _ in pending:
            self.trace.breach("recovery", "a visit goes on although nothing breaks any more")
        for task in self._tasks:
            task.cancel()
        await asyncio.sleep(QUIET_S)
        self._house.check_nobody_left()

    async def _recover(self) -> None:
        settings = settings_for(self._bounds, min(TOGETHER_MAX, self._bounds.chats_max))
        for number in range(self._load.users):
            await self._recover_user(f"user{number}", settings)
        await self._all_permits_are_back(settings)
        await self._catalog_is_known(settings)
        await asyncio.sleep(LEAVING_S)
        self._house.check_nobody_left()

    async def _recover_user(self, user: str, settings: Settings) -> None:
        """A held user waits as told, and is then served; after that at once."""
        for _ in range(TRIES_MAX):
            visit, retry_after_s = await self._calm_visit(user, settings)
            if visit.answers != [Answer.HELD]:
                break
            await asyncio.sleep(retry_after_s + AT_ONCE_S)
        self._check_served(visit)
        # The door sees the answer's end a moment before the gate hears of the chat's.
        await asyncio.sleep(AT_ONCE_S)
        visit, _ = await self._calm_visit(user, settings)
        self._check_served(visit)

    async def _calm_visit(self, user: str, settings: Settings) -> tuple[Visit, float]:
        part = Part(answer=Script(shape=Shape.THINKING, words=9))
        visit, door = self._house.visit(user, part, settings, Manners(stop_s=PATIENCE_S))
        await self._loop.create_task(door.run())
        return visit, door.retry_after_s

    async def _all_permits_are_back(self, settings: Settings) -> None:
        """As many as the limit says run at once, all of them let in without a wait."""
        part = Part(answer=Script(shape=Shape.PLAIN, words=9), pace_s=0.2)
        doors = [
            self._house.visit(f"new{number}", part, settings, Manners(stop_s=PATIENCE_S))
            for number in range(settings.requests_max)
        ]
        await asyncio.gather(*(self._loop.create_task(door.run()) for _, door in doors))
        for visit, _ in doors:
            self._check_served(visit)

    def _check_served(self, visit: Visit) -> None:
        if visit.answers != [Answer.ADMITTED]:
            answers = [answer.value for answer in visit.answers]
            self.trace.breach("recovery", f"{visit.id} of {visit.user} was answered {answers}")
        elif visit.answered_s is not None and visit.answered_s - visit.asked_s > AT_ONCE_S:
            wait_s = visit.answered_s - visit.asked_s
            self.trace.breach("recovery", f"{visit.id} waited {wait_s:.3f} s for a free permit")
        elif visit.ends != [End.COMPLETED]:
            ends = [end.value for end in visit.ends]
            self.trace.breach("recovery", f"{visit.id} of {visit.user} ended {ends}")

    async def _catalog_is_known(self, settings: Settings) -> None:
        try:
            answer = await self._house.enter().catalog(settings, wait_s=CATALOG_WAIT_S)
        except KernelError as error:
            answer = error
        if not isinstance(answer, CatalogKnown):
            self.trace.breach("recovery", f"the catalog answers {type(answer).__name__}")


def history_hex(trace: Trace) -> str:
    """Return what identifies a run as its users saw it: equal runs, equal digests."""
    digest = hashlib.blake2b(digest_size=8)
    for visit in trace.visits:
        seen = (visit.id, visit.answers, visit.ends, visit.pieces, visit.gone_s, visit.stopped_s)
        digest.update(repr(seen).encode())
    digest.update(repr(sorted(trace.messages.items())).encode())
    return digest.hexdigest()


def _drawn(loop: SimLoop, options: Sequence[T], tag: str) -> T:
    return options[loop.choose(len(options), tag)]
