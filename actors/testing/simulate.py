"""Runs one scenario on a loop of its own and says how it went."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import warnings
from asyncio import events
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Final, TypeAlias

from actors.testing.choices import Choices, Replay, Taken
from actors.testing.frozen_world import frozen_world
from actors.testing.simloop import SimLoop

Scenario: TypeAlias = Callable[[SimLoop], Coroutine[object, object, object]]
"""What to run. It draws on `loop.choose` and `loop.chance`, and fails by raising."""

STEPS_MAX: Final = 1_000_000
WIND_UP_STEPS_MAX: Final = 20_000
WIND_UP_ROUNDS_MAX: Final = 3
WIND_UP_ROUND_S: Final = 60.0
CLOSE_TRIES_MAX: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How one run went.

    `error` is what the scenario raised, a `SimulationError`, or else the first of `unhandled`;
    None is a pass. `unhandled` came out of tasks and callbacks that nobody awaited. Equal
    digests mean the same run. `taken` and `seed` replay it.
    """

    error: BaseException | None
    digest_hex: str
    steps: int
    now_s: float
    seed: int
    taken: Taken
    unhandled: tuple[BaseException, ...]

    def replay(self, *, version: str) -> Replay:
        """Return the content of a replay file; `version` names the code under test."""
        return Replay(seed=self.seed, version=version, taken=self.taken)


def simulate(
    scenario: Scenario,
    choices: Choices,
    *,
    steps_max: int = STEPS_MAX,
    permute: bool = True,
    frozen: bool = True,
) -> Run:
    """Run `scenario(loop)` to its end and clean up behind it.

    Tasks that outlive the scenario are cancelled, then dropped; neither changes the result.

    Args:
        scenario: a function of the loop that returns a coroutine.
        choices: fresh ones; a run uses them up.
        steps_max: callbacks to run before it counts as a livelock.
        permute: False keeps asyncio's own order of callbacks.
        frozen: True patches ambient time and chance for libraries; see `frozen_world`.
    """
    assert events._get_running_loop() is None, "a simulation needs a thread without a loop"
    loop = SimLoop(choices, steps_max=steps_max, permute=permute)
    world = frozen_world(loop, seed=choices.seed) if frozen else nullcontext()
    with world, _without_automatic_gc():
        try:
            error = _outcome(scenario, loop)
            loop.collect_unretrieved()
            return _report(loop, error)
        finally:
            _wind_up(loop)


def _outcome(scenario: Scenario, loop: SimLoop) -> BaseException | None:
    try:
        loop.run_until_complete(scenario(loop))
    except (Exception, asyncio.CancelledError, SystemExit) as error:  # noqa: BLE001 - a door
        # Whatever the scenario raised is the finding. Only what stops the simulating program
        # itself, such as Ctrl-C, goes through.
        return error
    return None


def _report(loop: SimLoop, error: BaseException | None) -> Run:
    unhandled = tuple(loop.unhandled)
    return Run(
        error=error if error is not None or not unhandled else unhandled[0],
        digest_hex=loop.digest_hex(),
        steps=loop.steps,
        now_s=loop.time(),
        seed=loop.choices.seed,
        taken=loop.choices.taken,
        unhandled=unhandled,
    )


@contextmanager
def _without_automatic_gc() -> Iterator[None]:
    """Keep the collector still: it runs finalizers at moments that no seed decides."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _wind_up(loop: SimLoop) -> None:
    """Leave nothing behind that could complain later, whatever state the run ended in."""
    loop.begin_wind_up(steps_max=WIND_UP_STEPS_MAX)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with suppress(Exception, asyncio.CancelledError, SystemExit):
            loop.run_until_complete(_farewell(loop))
        _drop_tasks(loop)
        loop.close()
        # Young objects only: that is this run, not the whole process.
        gc.collect(1)


async def _farewell(loop: SimLoop) -> None:
    this = asyncio.current_task()
    for _ in range(WIND_UP_ROUNDS_MAX):
        others = [task for task in loop.tasks() if not task.done() and task is not this]
        if not others:
            break
        for task in others:
            task.cancel()
        await asyncio.wait(others, timeout=WIND_UP_ROUND_S)
    await loop.shutdown_asyncgens()


def _drop_tasks(loop: SimLoop) -> None:
    """Close by hand what no cancellation ended; closing may well start more of it."""
    dropped: set[asyncio.Task[object]] = set()
    # A coroutine that is closed may ask for its loop once more, and go wild if there is none.
    events._set_running_loop(loop)
    try:
        for _ in range(WIND_UP_ROUNDS_MAX):
            for task in loop.tasks():
                if not task.done() and task not in dropped:
                    dropped.add(task)
                    _drop(task)
    finally:
        events._set_running_loop(None)


def _drop(task: asyncio.Task[object]) -> None:
    task._log_destroy_pending = False  # type: ignore[attr-defined]  # not in typeshed
    coroutine = task.get_coro()
    # Each try unwinds a little of a coroutine that awaits again instead of ending.
    if not any(_has_closed(coroutine) for _ in range(CLOSE_TRIES_MAX)):
        # It refuses every way to end. Python would try once more when it frees the task, loudly
        # or for ever, so this one is never freed, not even as the process exits.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(task))


def _has_closed(
    coroutine: Coroutine[object, object, object] | Generator[object, None, object],
) -> bool:
    try:
        coroutine.close()
    except (Exception, asyncio.CancelledError, SystemExit):  # noqa: BLE001 - the run is over
        return False
    return True
