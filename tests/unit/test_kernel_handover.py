from __future__ import annotations

import asyncio

import pytest

from actors.kernel.handover import HandOver
from tests.unit.kernel_stage import Stage, on_stage


@on_stage
async def test_all_that_waits_is_taken_at_once(stage: Stage) -> None:
    line: HandOver[str] = HandOver(bytes_max=100)
    assert line.put("a", 1)
    assert line.put("b", 1)
    assert line.size_bytes == 2
    assert await line.take() == ["a", "b"]
    assert line.size_bytes == 0


@on_stage
async def test_a_taker_waits_for_the_first_item(stage: Stage) -> None:
    line: HandOver[str] = HandOver(bytes_max=100)
    taking = stage.begin(line.take())
    await stage.settle()
    assert not taking.done()
    line.put("a", 1)
    line.put("b", 1)
    assert await taking == ["a", "b"]


@pytest.mark.parametrize(("bytes_max", "items_max"), [(10, 1000), (1000, 2)])
@on_stage
async def test_a_full_line_asks_for_a_pause_but_loses_nothing(
    stage: Stage, bytes_max: int, items_max: int
) -> None:
    line: HandOver[int] = HandOver(bytes_max=bytes_max, items_max=items_max)
    rooms: list[str] = []
    assert line.put(1, 5)
    assert not line.put(2, 5)
    assert not line.put(3, 5)
    line.when_room(lambda: rooms.append("room"))
    assert rooms == []
    assert await line.take() == [1, 2, 3]
    assert rooms == ["room"]
    line.when_room(lambda: rooms.append("at once"))
    assert rooms == ["room", "at once"]


@on_stage
async def test_what_was_put_before_the_end_is_still_taken(stage: Stage) -> None:
    line: HandOver[str] = HandOver(bytes_max=100)
    line.put("a", 1)
    line.close()
    line.close()
    assert line.is_closed
    assert await line.take() == ["a"]
    assert await line.take() == []


@on_stage
async def test_a_waiting_taker_hears_of_the_end(stage: Stage) -> None:
    line: HandOver[str] = HandOver(bytes_max=100)
    taking = stage.begin(line.take())
    await stage.settle()
    line.close()
    assert await taking == []


@on_stage
async def test_a_taker_that_is_cancelled_takes_nothing_along(stage: Stage) -> None:
    line: HandOver[str] = HandOver(bytes_max=100)
    taking = stage.begin(line.take())
    await stage.settle()
    line.put("a", 1)
    taking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await taking
    assert await line.take() == ["a"]
