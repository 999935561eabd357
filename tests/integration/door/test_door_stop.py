"""Whoever stops, leaves or forgets an answer: the connection upstream goes, and nothing stays."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import uvloop

from bridge.standin.records import RequestRecord
from bridge.standin.server import StandIn
from bridge.standin.wishes import Wish
from tests.integration.door_stage import body, listen, open_door, read

STOP_MAX_S = 0.1
SLOW = Wish(n=400, b=20, pace_ms=20)
BIG = Wish(n=200, b=25_000)
QUIET = Wish(n=2, b=20, pace_ms=60_000)
LOOPS = pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])


@asynccontextmanager
async def stage(*wishes: Wish, **valves: object) -> AsyncIterator[tuple[StandIn, Any]]:
    async with await StandIn.start() as standin, open_door(standin.base_url, **valves) as door:
        await door.pipes()
        standin.plan(*wishes)
        yield standin, door


def posts(records: Sequence[RequestRecord]) -> list[RequestRecord]:
    return [record for record in records if record.method == "POST"]


def all_left(records: Sequence[RequestRecord]) -> bool:
    asked = posts(records)
    return bool(asked) and all(record.disconnected_at_s is not None for record in asked)


async def stopped_after_s(standin: StandIn, since_s: float) -> float:
    (record,) = posts(await standin.wait_for(all_left))
    assert record.disconnected_at_s is not None
    return record.disconnected_at_s - since_s


async def at_first_line(door: Any) -> AsyncIterator[str]:
    answer = await door.pipe(body())
    await anext(answer)
    return answer


# --- ways to consume an answer ---------------------------------------------------------------


async def waits_for_more(answer: AsyncIterator[str], reached: asyncio.Event) -> None:
    await anext(answer)
    reached.set()
    async for _ in answer:
        pass


async def works_on_a_line(answer: AsyncIterator[str], reached: asyncio.Event) -> None:
    async for _ in answer:
        reached.set()
        await asyncio.Event().wait()


async def swallows_the_stop(answer: AsyncIterator[str], reached: asyncio.Event) -> None:
    with suppress(asyncio.CancelledError):
        await works_on_a_line(answer, reached)


Consumer = Callable[[AsyncIterator[str], asyncio.Event], Coroutine[Any, Any, None]]


@LOOPS
@pytest.mark.parametrize("wish", [SLOW, BIG, QUIET], ids=["slow", "big", "quiet"])
@pytest.mark.parametrize("consumer", [waits_for_more, works_on_a_line, swallows_the_stop])
def test_a_stop_closes_the_connection_at_once(
    run: Callable[..., None], wish: Wish, consumer: Consumer
) -> None:
    async def main() -> None:
        async with stage(wish) as (standin, door):
            # The answer is held on to, as a traceback in a cycle would.
            answer, reached = await door.pipe(body()), asyncio.Event()
            task = asyncio.get_running_loop().create_task(consumer(answer, reached))
            await reached.wait()
            since_s = asyncio.get_running_loop().time()
            task.cancel()
            assert await stopped_after_s(standin, since_s) < STOP_MAX_S
            await asyncio.wait((task,))
            assert door.residence.guests == 0

    run(main())


@LOOPS
def test_a_reader_that_fails_closes_the_connection_at_once(run: Callable[..., None]) -> None:
    async def fails(answer: AsyncIterator[str]) -> None:
        await anext(answer)
        raise RuntimeError("a bug of the reader")

    async def main() -> None:
        async with stage(SLOW) as (standin, door):
            answer = await door.pipe(body())
            task = asyncio.get_running_loop().create_task(fails(answer))
            since_s = asyncio.get_running_loop().time()
            await asyncio.wait((task,))
            assert isinstance(task.exception(), RuntimeError)
            assert await stopped_after_s(standin, since_s) < 10 * STOP_MAX_S
            assert door.residence.guests == 0

    run(main())


def test_closing_the_generator_closes_the_connection_at_once() -> None:
    async def main() -> None:
        async with stage(SLOW) as (standin, door):
            answer: Any = await at_first_line(door)
            since_s = asyncio.get_running_loop().time()
            await answer.aclose()
            assert await stopped_after_s(standin, since_s) < STOP_MAX_S
            assert door.residence.guests == 0

    asyncio.run(main())


def test_a_stop_of_a_whole_answer_closes_the_connection_at_once() -> None:
    async def main() -> None:
        async with stage(SLOW) as (standin, door):
            asking = asyncio.get_running_loop().create_task(door.pipe(body(stream=False)))
            await standin.wait_for(lambda records: bool(posts(records)))
            since_s = asyncio.get_running_loop().time()
            asking.cancel()
            assert await stopped_after_s(standin, since_s) < STOP_MAX_S
            await asyncio.wait((asking,))
            assert door.residence.guests == 0

    asyncio.run(main())


# --- what must not be taken for a stop -------------------------------------------------------


async def one_task_for_each_line(answer: AsyncIterator[str]) -> list[str]:
    lines = []
    with suppress(StopAsyncIteration):
        while True:
            lines.append(await asyncio.get_running_loop().create_task(take_one(answer)))
            await asyncio.sleep(0)
    return lines


async def take_one(answer: AsyncIterator[str]) -> str:
    return await anext(answer)


async def a_deadline_for_each_line(answer: AsyncIterator[str]) -> list[str]:
    lines = []
    with suppress(StopAsyncIteration):
        while True:
            lines.append(await asyncio.wait_for(anext(answer), 5.0))
    return lines


async def handed_on(answer: AsyncIterator[str]) -> list[str]:
    async def first_three() -> list[str]:
        return [await anext(answer) for _ in range(3)]

    lines = await asyncio.get_running_loop().create_task(first_three())
    return lines + [line async for line in answer]


@pytest.mark.parametrize("way", [one_task_for_each_line, a_deadline_for_each_line, handed_on])
def test_however_the_lines_are_taken_the_answer_is_whole(
    way: Callable[[AsyncIterator[str]], Coroutine[Any, Any, list[str]]],
) -> None:
    async def main() -> None:
        async with stage(Wish(n=50, b=20, pace_ms=1)) as (_, door):
            said = read(await way(await door.pipe(body())))
            assert len(said.text) == 50 * 20
            assert said.ends == ("stop",)
            assert door.residence.guests == 0

    asyncio.run(main())


# --- what nobody ever took -------------------------------------------------------------------


def test_an_answer_that_is_never_taken_leaves_nothing() -> None:
    async def main() -> None:
        async with stage() as (standin, door):
            for _ in range(20):
                await door.pipe(body())
            assert door.residence.guests == 0
            assert not posts(standin.requests)

    asyncio.run(main())


def test_a_reader_that_stops_at_the_end_of_the_text_leaves_nothing() -> None:
    async def main() -> None:
        async with stage() as (_, door):
            answer = await door.pipe(body())
            async for line in answer:
                if '"finish_reason":"stop"' in line:
                    break
            assert door.residence.guests == 0

    asyncio.run(main())


@pytest.mark.parametrize("stream", [True, False])
def test_a_stop_at_any_moment_leaves_nothing(stream: bool) -> None:
    async def consume(door: Any) -> None:
        answer = await door.pipe(body(stream=stream))
        if stream:
            async for _ in answer:
                pass

    async def main() -> None:
        async with stage(*[SLOW] * 60) as (standin, door):
            for turns in range(60):
                task = asyncio.get_running_loop().create_task(consume(door))
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait((task,))
                assert door.residence.guests == 0
            await standin.wait_for(all_left)
            standin.reset()
            assert (await listen(door, body())).ends == ("stop",)

    asyncio.run(main())


def test_stops_do_not_count_as_failures() -> None:
    async def main() -> None:
        async with stage(*[SLOW] * 5, BREAKER_MAX_FAILURES=1) as (_, door):
            for _ in range(5):
                answer: Any = await at_first_line(door)
                await answer.aclose()
            assert (await listen(door, body(), user="")).text.startswith("A green room")

    asyncio.run(main())
