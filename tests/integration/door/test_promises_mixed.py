"""After hundreds of requests of all kinds nothing is left; the benchmark makes ten thousand."""

import asyncio

from benchmarks.mixed_requests import Manner, play, provider_here

REQUESTS = 300
SEED = 4


def test_nothing_is_left_over_after_requests_of_all_kinds() -> None:
    async def main() -> None:
        async with provider_here(REQUESTS, SEED) as base_url:
            mixed = await play(base_url, requests=REQUESTS, seed=SEED)
            assert mixed.left_over == []
            assert set(mixed.manners) == {manner.value for manner in Manner}
            assert sum(mixed.manners.values()) >= REQUESTS

    asyncio.run(main())
