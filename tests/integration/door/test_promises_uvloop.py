"""Open WebUI runs on uvloop, whose timers are less exact than those of asyncio."""

import asyncio

import uvloop

from bridge.standin.faults import ProviderFault
from tests.integration.door.test_promises import FINE, WAYS, failing
from tests.integration.promise_stage import Way, is_complete, scene

AT_ONCE = 12


@WAYS
def test_a_second_attempt_comes_on_uvloop_as_well(way: Way) -> None:
    async def main() -> None:
        cut = failing(ProviderFault.CUT_BEFORE_OUTPUT)
        async with scene(*(cut,) * AT_ONCE, *(FINE,) * AT_ONCE, way=way) as stage:
            # uvloop counts in milliseconds and rounds, so about half of all timers come early.
            went = await asyncio.gather(
                *(stage.ask(user=f"user {n}", bound_s=6.0) for n in range(AT_ONCE))
            )
            assert all(map(is_complete, went))
            assert len(stage.posts) == 2 * AT_ONCE

    uvloop.run(main())
