"""Several users chat through one tree: first while things break, then healed.

hostile    visits arrive, are stopped, submitted twice; answers call tools, round after round;
           requests are refused and sent once more, changed; limits change; every fault is on
healed     the faults stop, everybody comes to an end, and then all must work as on the first day:
           breakers close, permits of chats and of tools are back, every call has its result,
           nobody lives beyond the fixed actors
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, TypeVar

from actors.catalog import CatalogKnown
from actors.kernel.errors import KernelError
from actors.testing.simloop import SimLoop
from bridge.app import PRODUCT, Parts
from bridge.chaos.faults.answers import (
    CALLING,
    CALLING_SHAPES,
    LAST_SHAPES,
    WORDS,
    Part,
    Refusal,
    Shape,
    Wants,
)
from bridge.chaos.faults.answers import Answer as Script
from bridge.chaos.faults.tools import RESULT
from bridge.chaos.invariants import breaches
from bridge.chaos.invariants_gates import breaker_states
from bridge.chaos.knobs import AWAY_S
from bridge.chaos.scenarios.broken import InvariantBroken
from bridge.chaos.scenarios.door import CATALOG_WAIT_S, Manners
from bridge.chaos.scenarios.house import LEAVING_S, Errand, House, settings_for
from bridge.chaos.scenarios.log_desk import LOG_BATCH_MAX
from bridge.chaos.trace import Answer, End, Trace, Visit
from bridge.config.setting_groups import MemorySettings
from bridge.config.settings import Settings
from supervisor.cluster import RENEW_S

T = TypeVar("T")

# How long a user waits before giving up on everything.
PATIENCE_S: Final = 900.0

# A wait for admission and a user's patience, after the last visit has arrived.
HOSTILE_MAX_S: Final = 1600.0
# The longest hang, backoff and grace that may still be running when the faults stop.
QUIET_S: Final = 40.0
AT_ONCE_S: Final = 0.1
TRIES_MAX: Final = 4
# The longest life of a lock that nobody holds any more, and of a log without its end.
LOG_LOOK_S: Final = 30.0
LOG_TRIES_MAX: Final = 10
# Longer than what a dead worker took is left to it, and than the drain is held after a failure.
BACKLOG_LOOK_S: Final = 10.0
BACKLOG_TRIES_MAX: Final = 10
# Until the server is told of a wish, and the gate of the answer.
SHARE_WAIT_S: Final = 2 * RENEW_S
TOGETHER_MAX: Final = 3

MODELS: Final = ("sim/a", "sim/b")

# Calls that take their time, so that all that may run at once do so.
TOOL_S: Final = 1.0
TOOL_PATIENCE_S: Final = 60.0

# Rounds that say different things; after those a chat that goes on calling repeats itself.
ANSWERS_MAX: Final = 4

_CALM: Final = Script(shape=Shape.THINKING, words=3)
_CALLS_ALL: Final = Script(shape=Shape.PLAIN, words=1, wants=Wants.MIXED)
_CALLS_MANY: Final = Script(shape=Shape.SILENT, words=0, wants=Wants.MANY)


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
        self._memory = MemorySettings(
            retention=self._load.retention,
            keeps_tools=self._load.keeps_tools,
            batch_rows=self._bounds.batch_rows,
        )
        self._tasks: list[asyncio.Task[object]] = []
        self._hostile_visits = 0

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
        self._hostile_visits = len(self.trace.visits)
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
            if self._house.knobs.rates.kills_busy and number == load.requests // 3:
                self._house.kill_busy()
            user = f"user{loop.choose(load.users, tag)}"
            self._arrive(user, tag)
            if loop.chance(load.double_submits, tag):
                self.trace.fired["double submit"] += 1
                self._arrive(user, tag)
        is_away = self._house.knobs.rates.store.away_from_s is not None
        await asyncio.wait(self._tasks, timeout=AWAY_S if is_away else load.linger_s)

    def _arrive(self, user: str, tag: str) -> None:
        loop, load = self._loop, self._load
        stop_s = _drawn(loop, load.stops_s, tag)
        manners = Manners(
            stop_s=PATIENCE_S if stop_s is None else stop_s,
            stop_on=_drawn(loop, load.stops_on, tag),
            pauses_s=load.reader_pauses_s,
            asks_catalog=load.asks_catalog,
        )
        self._turn_limit(_drawn(loop, load.limits, tag))
        settings = settings_for(self._bounds, self._running_max, self._memory)
        _, door = self._house.visit(user, self._errand(tag), settings, manners)
        self._tasks.append(loop.create_task(door.run()))

    def _errand(self, tag: str) -> Errand:
        """Draw what somebody comes for."""
        loop, load = self._loop, self._load
        last = Script(shape=_drawn(loop, LAST_SHAPES, tag), words=_drawn(loop, WORDS, tag))
        rounds = _drawn(loop, load.calling_rounds, tag)
        answers = [self._calling(tag) for _ in range(min(rounds, ANSWERS_MAX))]
        if rounds <= ANSWERS_MAX:
            answers.append(last)
        refusal = Refusal.NOTHING
        if loop.chance(load.refused, tag):
            refusal = _drawn(loop, (Refusal.CURABLE, Refusal.STUBBORN), tag)
        return Errand(
            model=MODELS[loop.choose(load.models, tag)],
            wire=_drawn(loop, load.wires, tag),
            part=Part(answers=tuple(answers), refusal=refusal),
            runs_tools=not loop.chance(load.hands_over, tag),
            chat=f"c{loop.choose(load.chats, tag)}" if load.chats else "",
            has_past=load.has_past and bool(load.chats),
            strays=loop.chance(load.strays, tag),
        )

    def _calling(self, tag: str) -> Script:
        """Draw an answer that ends with calls."""
        loop = self._loop
        wants = _drawn(loop, CALLING, tag)
        self.trace.fired[f"calls {wants.value}"] += 1
        return Script(shape=_drawn(loop, CALLING_SHAPES, tag), words=2, wants=wants)

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
        settings = self._calm_settings()
        users, models = self._load.users, self._load.models
        for number in range(max(users, models)):
            model = MODELS[number % models]
            await self._recover_user(f"user{number % users}", model, settings)
        await self._all_permits_are_back(settings)
        await self._all_tools_are_free(settings)
        await self._catalog_is_known(settings)
        await self._storage_works(settings)
        await self._logs_arrive()
        await self._backlog_is_gone()
        await asyncio.sleep(LEAVING_S)
        self._house.check_nobody_left()

    def _calm_settings(self) -> Settings:
        """Room for some chats at once, with all the rounds and the time that they want."""
        bounds = self._bounds
        settings = settings_for(bounds, min(TOGETHER_MAX, bounds.chats_max))
        tools = replace(
            settings.tools,
            rounds_max=ANSWERS_MAX,
            # No more claims at once than the mailbox of their gate has room for.
            parallel_max=min(settings.tools.parallel_max, bounds.waiting_max + bounds.chats_max),
            timeout_s=TOOL_PATIENCE_S,
            batch_timeout_s=TOOL_PATIENCE_S,
            idle_timeout_s=None,
        )
        return replace(settings, request_deadline_s=None, tools=tools)

    async def _recover_user(self, user: str, model: str, settings: Settings) -> None:
        """Who is held waits as told, and is then served; after that at once."""
        for _ in range(TRIES_MAX):
            visit, retry_after_s = await self._calm_visit(
                user, (_CALLS_ALL, _CALM), model, settings
            )
            if visit.answers != [Answer.HELD] and not visit.tool_wait_s:
                break
            await asyncio.sleep(max(retry_after_s, visit.tool_wait_s) + AT_ONCE_S)
        self._check_served(visit)
        # The door sees the answer's end a moment before the gate hears of the chat's.
        await asyncio.sleep(AT_ONCE_S)
        visit, _ = await self._calm_visit(user, (_CALM,), model, settings)
        self._check_served(visit)

    async def _calm_visit(
        self,
        user: str,
        answers: tuple[Script, ...],
        model: str,
        settings: Settings,
        chat: str = "",
    ) -> tuple[Visit, float]:
        errand = Errand(part=Part(answers=answers), model=model, chat=chat)
        visit, door = self._house.visit(user, errand, settings, Manners(stop_s=PATIENCE_S))
        await self._loop.create_task(door.run())
        return visit, door.retry_after_s

    async def _all_permits_are_back(self, settings: Settings) -> None:
        """As many as the limit says run at once, all of them let in without a wait."""
        errand = Errand(part=Part(answers=(_CALM,), pace_s=0.2))
        together = settings.requests_max
        if self._house.shares:
            # A share grows once somebody waits, and who comes before that needs a place to wait.
            together = min(together, 1 + self._bounds.waiting_max)
        doors = [
            self._house.visit(f"new{number}", errand, settings, Manners(stop_s=PATIENCE_S))
            for number in range(together)
        ]
        await asyncio.gather(*(self._loop.create_task(door.run()) for _, door in doors))
        for visit, _ in doors:
            self._check_served(visit)

    async def _all_tools_are_free(self, settings: Settings) -> None:
        """As many calls as the limits say run at once, all of them let in without a wait."""
        tools = settings.tools
        errand = Errand(part=Part(answers=(_CALLS_MANY, _CALM), tool_s=TOOL_S))
        visit, door = self._house.visit("new", errand, settings, Manners(stop_s=PATIENCE_S))
        await self._loop.create_task(door.run())
        self._check_served(visit)
        began_s = sorted(run.began_s for run in self.trace.runs if run.visit == visit.id)
        together = min(tools.parallel_max, tools.parallel_global_max, len(began_s))
        if together and began_s[together - 1] - began_s[0] > AT_ONCE_S:
            wait_s = began_s[together - 1] - began_s[0]
            what = f"call {together} of {visit.id} waited {wait_s:.3f} s for a free permit"
            self.trace.breach("recovery", what)

    async def _storage_works(self, settings: Settings) -> None:
        """Who is held waits as told; then an answer is kept, and comes back with the next turn."""
        for number in range(TRIES_MAX):
            answers = (_CALLS_ALL, _CALM)
            chat = f"kept{number}"
            visit, _ = await self._calm_visit("user0", answers, MODELS[0], settings, chat)
            if visit.marks:
                break
            await asyncio.sleep(visit.storage_wait_s + AT_ONCE_S)
        else:
            self.trace.breach("recovery", "nothing is kept although nothing breaks any more")
            return
        again, _ = await self._calm_visit("user0", (_CALM,), MODELS[0], settings, chat)
        self._check_served(again)
        if [each for _, each in again.recalled] != list(again.brought):
            what = f"{len(again.recalled)} of {len(again.brought)} artifacts came back"
            self.trace.breach("recovery", what)

    async def _logs_arrive(self) -> None:
        """What ended since nothing breaks is in an archive, and nothing whole still waits."""
        # One that failed is tried again once all the others had their turn.
        batches = len(self.trace.visits) // LOG_BATCH_MAX
        for _ in range(LOG_TRIES_MAX + 2 * batches):
            if not self._logs_on_their_way():
                return
            await asyncio.sleep(LOG_LOOK_S)
        for what in self._logs_on_their_way()[:1]:
            self.trace.breach("recovery", what)

    async def _backlog_is_gone(self) -> None:
        """What Redis has acknowledged is in the database, whoever had taken it."""
        for _ in range(BACKLOG_TRIES_MAX):
            if not self._house.backlog:
                return
            await asyncio.sleep(BACKLOG_LOOK_S)
        if self._house.backlog:
            what = f"{self._house.backlog} rows wait in Redis although nothing breaks any more"
            self.trace.breach("recovery", what)

    def _logs_on_their_way(self) -> list[str]:
        logs = self.trace.logs
        late = [f"the log {each} is staged and never assembled" for each in logs.staged]
        calm = self.trace.visits[self._hostile_visits :]
        late += [
            f"the log of {visit.id} is in no archive"
            for visit in calm
            if visit.log_id not in logs.archived
        ]
        return late

    def _check_served(self, visit: Visit) -> None:
        if visit.answers != [Answer.ADMITTED]:
            answers = [answer.value for answer in visit.answers]
            self.trace.breach("recovery", f"{visit.id} of {visit.user} was answered {answers}")
        elif visit.answered_s is not None and visit.answered_s - visit.asked_s > self._soon_s:
            wait_s = visit.answered_s - visit.asked_s
            self.trace.breach("recovery", f"{visit.id} waited {wait_s:.3f} s for a free permit")
        elif visit.ends != [End.COMPLETED]:
            ends = [end.value for end in visit.ends]
            self.trace.breach("recovery", f"{visit.id} of {visit.user} ended {ends}")
        else:
            self._check_outputs(visit)

    @property
    def _soon_s(self) -> float:
        """How long a free permit may take: one that is shared has to be leased first."""
        return AT_ONCE_S + (SHARE_WAIT_S if self._house.shares else 0.0)

    def _check_outputs(self, visit: Visit) -> None:
        """Nothing breaks any more: every call that was gone on from has its result."""
        for call_id, output in visit.outputs.items():
            if not output.startswith(RESULT):
                self.trace.breach("recovery", f"{call_id} of {visit.user} gave {output[:80]!r}")

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
        outputs = tuple(visit.outputs.items())
        seen = (visit.id, visit.answers, visit.ends, visit.pieces, visit.gone_s, visit.stopped_s)
        digest.update(repr(outputs).encode())
        digest.update(repr(seen).encode())
    digest.update(repr(sorted(trace.messages.items())).encode())
    return digest.hexdigest()


def _drawn(loop: SimLoop, options: Sequence[T], tag: str) -> T:
    return options[loop.choose(len(options), tag)]
