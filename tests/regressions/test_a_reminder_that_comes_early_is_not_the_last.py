"""A child waits out its backoff also when the loop's timers run a little before their time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from actors import Backoff, ChildSpec, Intensity, LoopActor, RestartPolicy
from actors.kernel.clock import Timer
from actors.kernel.system import ActorSystem
from actors.testing.manual_clock import ManualClock
from actors.testing.settle import settle
from supervisor import Supervisor

# What uvloop may be early, as it counts in whole milliseconds.
EARLY_S = 0.0004


class EarlyClock(ManualClock):
    def call_at(self, when_s: float, callback: Callable[[], object]) -> Timer:
        return super().call_at(when_s - EARLY_S, callback)


class Frail(LoopActor[str]):
    def __init__(self, lives: list[int]) -> None:
        self._lives = lives

    def on_start(self) -> None:
        self._lives.append(self.life)

    def receive(self, message: str) -> None:
        raise ZeroDivisionError


def test_a_child_is_restarted_although_its_reminder_came_early() -> None:
    async def scene() -> list[int]:
        lives: list[int] = []
        clock = EarlyClock()
        system = ActorSystem(clock=clock)
        policy = RestartPolicy(
            intensity=Intensity(restarts_max=5, window_s=60.0),
            backoff=Backoff(min_s=1.0, max_s=1.0),
        )
        child: ChildSpec[str] = ChildSpec(name="frail", start=partial(Frail, lives), policy=policy)
        system.spawn(ChildSpec(name="root", start=partial(Supervisor, (child,))))
        frail = system.find("root/frail")
        assert frail is not None
        frail.tell("crash")
        await settle(system)
        clock.advance(1.0 - EARLY_S)
        await settle(system)
        early = list(lives)
        clock.advance(EARLY_S)
        await settle(system)
        assert early == [1], "not before the backoff is over"
        return lives

    assert asyncio.run(scene()) == [1, 2]
