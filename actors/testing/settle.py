"""Let a system run until it has nothing left to do, without waiting for a clock."""

from __future__ import annotations

import asyncio

from actors.kernel.phase import Phase
from actors.kernel.system import ActorSystem

# Turns of the loop after which a system that never rests is a failure of the test.
TURNS_MAX = 100_000

# Turns in a row that must find nothing to do: a task's end takes up to three.
QUIET_TURNS = 5


async def settle(system: ActorSystem) -> None:
    """Return once no actor has mail it could handle now. Timers do not count as something to do.

    Raises:
        AssertionError: the system did not come to rest in `TURNS_MAX` turns.
    """
    quiet = 0
    for _ in range(TURNS_MAX):
        await asyncio.sleep(0)
        is_busy = any(
            cell.phase is Phase.RUNNING
            and not cell.is_executing
            and bool(cell.signals or (cell.queue and cell.is_ready))
            for cell in system.cells()
        )
        quiet = 0 if is_busy else quiet + 1
        if quiet >= QUIET_TURNS:
            return
    raise AssertionError(f"the system did not come to rest in {TURNS_MAX} turns")
