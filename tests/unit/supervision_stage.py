"""Children that do as they are told, on virtual time, and one log of all that happens to them."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

import pytest

from actors import (
    Actor,
    ActorRef,
    ActorSystem,
    Backoff,
    ChildSpec,
    LifeEnded,
    LoopActor,
    RestartPolicy,
    SeededEntropy,
    ThreadActor,
)
from actors.testing.choices import Choices
from actors.testing.inline_worker import inline_workers
from actors.testing.simloop import SimLoop
from actors.testing.simulate import simulate
from supervisor import Supervisor

SUP = "sup"
"""The name of the supervisor under test; its children are found under it."""


class Oops(Exception):
    """What a child crashes with unless told otherwise."""


@dataclass(frozen=True)
class Fail:
    """Raise this."""

    error: BaseException = field(default_factory=Oops)


@dataclass(frozen=True)
class Finish:
    """End normally."""


@dataclass(frozen=True)
class Take:
    """Be busy this long; infinity hangs. Only for async children."""

    seconds: float


@dataclass(frozen=True)
class Note:
    """Write this into the log and answer with it."""

    text: str


@dataclass(frozen=True)
class BadStart:
    """How one start fails: in the constructor, in `on_start`, or never coming to its end."""

    where: str
    error: BaseException = field(default_factory=Oops)


@dataclass
class Stage:
    """A system in a simulation, what its children are to do, and what happened."""

    loop: SimLoop
    system: ActorSystem
    log: list[str] = field(default_factory=list)
    bad_starts: dict[str, list[BadStart]] = field(default_factory=dict)
    # Seconds that the start of an async child takes.
    start_s: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.system.on_life_ended(self._on_life_ended)

    def _on_life_ended(self, ended: LifeEnded) -> None:
        self.log.append(f"{type(ended.reason).__name__.lower()} {ended.name.rsplit('/', 1)[-1]}")

    def take_log(self) -> list[str]:
        """Return the log so far and begin a new one."""
        taken, self.log[:] = list(self.log), []
        return taken

    def of(self, name: str) -> list[str]:
        """What happened to one child, in order."""
        return [line.rsplit(" ", 1)[0] for line in self.log if line.rsplit(" ", 1)[1] == name]

    def now_s(self) -> float:
        """Virtual seconds."""
        return self.system.clock.now_s()

    async def wait(self, seconds: float = 0.5) -> None:
        """Let virtual time pass."""
        await self.system.wait_until(self.now_s() + seconds, lambda _: None)

    def child(self, label: str, kind: type[Child] | None = None, **wishes: Any) -> ChildSpec[Any]:
        """Describe a child of this name."""
        start = partial(kind or PlainChild, self, label)
        return ChildSpec(start=start, name=label, **wishes)

    def supervise(self, *children: ChildSpec[Any], **options: Any) -> ActorRef[Any]:
        """Start the supervisor under test."""
        start = partial(Supervisor, children, **options)
        return self.system.spawn(ChildSpec(start=start, name=SUP))

    def below(self, label: str, *children: ChildSpec[Any], **options: Any) -> ChildSpec[Any]:
        """Describe a supervisor that is itself a child."""
        return ChildSpec(start=partial(Supervisor, children, **options), name=label)

    async def ask(self, name: str, message: object, timeout_s: float = 5.0) -> object:
        """Ask a child; an error is returned, not raised."""
        try:
            return await self.ref(name).ask(message, block=False, timeout=timeout_s)
        except Exception as error:  # noqa: BLE001 - tests look at it
            return error

    @property
    def root(self) -> ActorRef[Any]:
        """The supervisor under test."""
        found = self.system.find(SUP)
        assert found is not None, "the supervisor has ended"
        return found

    def find(self, name: str) -> ActorRef[Any] | None:
        """The live child of this name under the supervisor under test."""
        return self.system.find(f"{SUP}/{name}")

    def ref(self, name: str) -> ActorRef[Any]:
        """The same, and it has to be there."""
        found = self.find(name)
        assert found is not None, f"{name} is not there"
        return found

    def next_start(self, label: str, where: str) -> None:
        """Fail here if the next start of this child is to fail here."""
        planned = self.bad_starts.get(label)
        if planned and planned[0].where == where:
            raise planned.pop(0).error


def patient(seconds: float, **wishes: Any) -> RestartPolicy:
    """A policy that waits this long before each restart."""
    return RestartPolicy(backoff=Backoff(min_s=seconds, max_s=seconds), **wishes)


class Child(Actor[Any]):
    """What the three kinds have in common."""

    def __init__(self, stage: Stage, label: str) -> None:
        self.stage, self.label = stage, label
        stage.next_start(label, "constructor")

    def obey(self, message: object) -> str | None:
        """Do what every kind can do."""
        match message:
            case Fail(error=error):
                raise error
            case Finish():
                self.exit()
            case Note(text=text):
                self.stage.log.append(f"{text} {self.label}")
                return text
            case _:
                pass
        return None


class PlainChild(Child, LoopActor[Any]):
    """Runs in loop callbacks."""

    def on_start(self) -> None:
        self.stage.next_start(self.label, "on_start")
        self.stage.log.append(f"start {self.label}")

    def receive(self, message: object) -> object:
        return self.obey(message)


class AsyncChild(Child, LoopActor[Any]):
    """Runs in a task and can take its time."""

    async def on_start(self) -> None:
        self.stage.log.append(f"starting {self.label}")
        await self.stage.wait(self.stage.start_s.get(self.label, 0.0))
        self.stage.next_start(self.label, "on_start")
        planned = self.stage.bad_starts.get(self.label)
        if planned and planned[0].where == "never":
            planned.pop(0)
            await asyncio.Event().wait()
        self.stage.log.append(f"start {self.label}")

    async def receive(self, message: object) -> object:
        if isinstance(message, Take):
            await self.stage.wait(message.seconds)
        return self.obey(message)


class DeafChild(AsyncChild):
    """Ignores every cancellation while it is busy."""

    async def receive(self, message: object) -> object:
        while isinstance(message, Take):
            with suppress(asyncio.CancelledError):
                await self.stage.wait(message.seconds)
                break
        return self.obey(message)


class SlowlyStopping(AsyncChild):
    """Takes its time to stop, as long as `start_s` says."""

    async def on_start(self) -> None:
        self.stage.log.append(f"start {self.label}")

    async def on_stop(self) -> None:
        self.stage.log.append(f"stopping {self.label}")
        await self.stage.wait(self.stage.start_s.get(self.label, 0.0))


class ThreadChild(Child, ThreadActor[Any]):
    """Runs on a thread, played in virtual time."""

    def on_start(self) -> None:
        self.stage.next_start(self.label, "on_start")
        self.stage.log.append(f"start {self.label}")

    def receive(self, message: object) -> object:
        return self.obey(message)


Scenario: TypeAlias = Callable[..., Coroutine[Any, Any, None]]


def play(scenario: Scenario, *, seed: int) -> None:
    """Run one scenario to its end; whatever it leaves has to stop in time."""

    async def run(loop: SimLoop) -> None:
        system = ActorSystem("test", entropy=SeededEntropy(seed), start_worker=inline_workers(loop))
        await scenario(Stage(loop, system))
        stopped = await system.stop(grace_s=60.0)
        assert stopped.abandoned == ()
        assert system.live == 0

    outcome = simulate(run, Choices.from_seed(seed))
    if outcome.error is not None:
        raise outcome.error


def simulated(seeds: int = 1) -> Callable[[Scenario], Callable[..., None]]:
    """Make a test of an `async def` that takes a `Stage`: once per seed, each its own schedule."""

    def decorate(scenario: Scenario) -> Callable[..., None]:
        def test(**parameters: Any) -> None:
            for seed in range(seeds):
                try:
                    play(partial(scenario, **parameters), seed=seed)
                except BaseException as error:
                    error.add_note(f"in the schedule of seed {seed}")
                    raise

        signature = inspect.signature(scenario)
        rest = [p for name, p in signature.parameters.items() if name != "stage"]
        test.__signature__ = signature.replace(parameters=rest)  # type: ignore[attr-defined]
        test.__name__, test.__doc__ = scenario.__name__, scenario.__doc__
        for mark in getattr(scenario, "pytestmark", ()):
            test = pytest.mark.__getattr__(mark.name)(*mark.args, **mark.kwargs)(test)
        return test

    return decorate
