"""A newer build takes over while answers run; they end in peace, and then the old one is gone."""

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from bridge.owui.pipe import pipe_class
from bridge.owui.residence import residences_here
from bridge.standin.server import StandIn
from bridge.standin.wishes import Wish
from tests.fixtures.onefile import REPOSITORY, build_pipe, clean_process, loaded
from tests.integration.door_stage import FUNCTION, body, listen, open_door, read, set_valves

SLOW = Wish(n=60, b=20, pace_ms=5)

LEAVE_S = 5.0


def builds_here(function_id: str = FUNCTION) -> list[str]:
    """The builds of a function that have not left yet."""
    return [place.partition(" ")[0] for place in residences_here().get(function_id, {})]


@pytest.fixture(autouse=True)
def _clean_process() -> Iterator[None]:
    residences_here().clear()
    with clean_process():
        yield
    residences_here().clear()


async def rest_of(answer: AsyncIterator[str]) -> list[str]:
    return [line async for line in answer]


def test_running_answers_lose_nothing_when_newer_builds_take_over() -> None:
    async def main() -> None:
        async with await StandIn.start() as standin, open_door(standin.base_url) as oldest:
            await oldest.pipes()
            standin.plan(*[SLOW] * 10)
            running = [
                asyncio.get_running_loop().create_task(listen(oldest, body())) for _ in range(10)
            ]
            await standin.wait_for(lambda records: len(records) == 11)
            for build in ("two", "three", "four"):
                async with open_door(standin.base_url, build=build) as newer:
                    await newer.pipes()
            assert builds_here() == ["one", "four"]
            for said in await asyncio.gather(*running):
                assert len(said.text) == 60 * 20
                assert said.ends == ("stop",)
            await oldest.close()
            assert builds_here() == ["four"]

    asyncio.run(main())


def test_a_call_on_a_replaced_build_is_answered_and_takes_nothing_over() -> None:
    async def main() -> None:
        async with (
            await StandIn.start() as standin,
            open_door(standin.base_url) as old,
            open_door(standin.base_url, build="two") as new,
        ):
            await old.pipes()
            await new.pipes()
            assert (await listen(old, body())).ends == ("stop",)
            await old.close()
            assert builds_here() == ["two"]
            assert (await listen(new, body())).ends == ("stop",)

    asyncio.run(main())


def test_the_same_build_loaded_twice_keeps_one_tree() -> None:
    async def main() -> None:
        async with (
            await StandIn.start() as standin,
            open_door(standin.base_url) as first,
            open_door(standin.base_url) as second,
        ):
            await first.pipes()
            await second.pipes()
            await first.close()
            assert builds_here() == ["one"]

    asyncio.run(main())


def test_two_functions_share_nothing() -> None:
    async def main() -> None:
        async with (
            await StandIn.start() as standin,
            open_door(standin.base_url, function_id="left") as left,
            open_door(standin.base_url, function_id="right", build="two") as right,
        ):
            await left.pipes()
            await right.pipes()
            assert builds_here("left") == ["one"]
            assert builds_here("right") == ["two"]
            await right.close()
            said = await listen(left, body() | {"model": "left.standin.plain"})
            assert said.ends == ("stop",)

    asyncio.run(main())


def test_a_door_that_was_closed_opens_again_on_use() -> None:
    async def main() -> None:
        async with await StandIn.start() as standin, open_door(standin.base_url) as door:
            for _ in range(2):
                assert (await listen(door, body())).ends == ("stop",)
                await door.close()

    asyncio.run(main())


def test_a_close_lets_a_running_answer_finish() -> None:
    async def main() -> None:
        async with await StandIn.start() as standin, open_door(standin.base_url) as door:
            await door.pipes()
            standin.plan(SLOW)
            answer = await door.pipe(body())
            first = await anext(answer)
            closing = asyncio.get_running_loop().create_task(door.close())
            said = read([first, *await rest_of(answer)])
            assert len(said.text) == 60 * 20
            await closing

    asyncio.run(main())


def test_a_close_does_not_wait_longer_than_the_grace_period() -> None:
    async def main() -> None:
        async with await StandIn.start() as standin:
            async with open_door(standin.base_url, SHUTDOWN_GRACE_SECONDS=0.05) as door:
                await door.pipes()
                standin.plan(Wish(n=2, b=20, pace_ms=60_000))
                answer = await door.pipe(body())
                first = await anext(answer)
                async with asyncio.timeout(5.0):
                    await door.close()
                    said = read([first, *await rest_of(answer)])
            assert len(said.ends) == 1
            assert door.residence.guests == 0

    asyncio.run(main())


def test_replaced_pipe_files_leave_the_memory_of_the_process() -> None:
    files = build_pipe(REPOSITORY)

    async def use(module: Any, base_url: str) -> None:
        pipe = module.Pipe()
        set_valves(pipe, base_url)
        said = await listen(pipe, body() | {"model": "sample.standin.plain"})
        assert said.ends == ("stop",)

    async def main() -> None:
        async with await StandIn.start() as standin:
            for build in ("a1", "b2", "c3"):
                content = files.readable.replace(files.build.encode(), build.encode())
                await use(loaded(content), standin.base_url)
            await standin.wait_for(lambda records: len(records) == 6)
            # Those that were replaced let go of their threads, which takes a moment.
            async with asyncio.timeout(LEAVE_S):
                while len(builds_here("sample")) > 1:  # noqa: ASYNC110 - told to nobody
                    await asyncio.sleep(0.01)
            last = sys.modules["function_sample"].Pipe()
            await last.close()

    asyncio.run(main())
    gc.collect()
    kinds = [found for found in gc.get_objects() if isinstance(found, type)]
    residences = [kind.__module__ for kind in kinds if kind.__name__ == "Residence"]
    ours = {name.partition(".")[0] for name in residences if name.startswith("_greenroom_")}
    assert ours == {"_greenroom_c3"}


def test_a_build_that_was_never_used_is_released_with_the_next_one_that_is() -> None:
    released: list[str] = []

    async def main() -> None:
        async with await StandIn.start() as standin:
            pipe_class(FUNCTION, "unused", released.append)
            async with open_door(standin.base_url, build="used") as door:
                await door.pipes()
                assert released == ["unused"]
                assert builds_here() == ["used"]

    asyncio.run(main())


def test_a_build_that_was_loaded_and_not_used_yet_is_left_alone() -> None:
    async def main() -> None:
        async with (
            await StandIn.start() as standin,
            open_door(standin.base_url) as old,
            open_door(standin.base_url, build="two") as new,
        ):
            await old.pipes()
            assert builds_here() == ["one", "two"]
            await new.pipes()
            assert (await listen(new, body())).ends == ("stop",)

    asyncio.run(main())
