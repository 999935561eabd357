from __future__ import annotations

import asyncio
import sys
from typing import Any

import pykka
import pytest

from actors.kernel.future import AskFuture
from tests.unit.kernel_stage import Stage, on_stage


@on_stage
async def test_map_filter_and_reduce_follow_the_answer(stage: Stage) -> None:
    answer = AskFuture(stage.system)
    doubled = answer.map(lambda numbers: [2 * number for number in numbers])
    odd = answer.filter(lambda number: number % 2 == 1)
    total = answer.reduce(lambda left, right: left + right)
    total_from = answer.reduce(lambda left, right: left + right, 100)
    assert not total.is_done
    answer.resolve([1, 2, 3])
    assert (await doubled, await odd, await total, await total_from) == ([2, 4, 6], [1, 3], 6, 106)


@on_stage
async def test_reduce_of_nothing_is_an_error_as_in_functools(stage: Stage) -> None:
    answer = AskFuture(stage.system)
    total = answer.reduce(lambda left, right: left + right)
    answer.resolve([])
    with pytest.raises(TypeError):
        await total


@on_stage
async def test_join_collects_the_answers_in_order_or_the_first_error(stage: Stage) -> None:
    parts = [AskFuture(stage.system) for _ in range(3)]
    joined = parts[0].join(*parts[1:])
    for number in (2, 0, 1):
        parts[number].resolve(number)
    assert await joined == [0, 1, 2]
    failed, open_one = AskFuture(stage.system), AskFuture(stage.system)
    joined = open_one.join(failed)
    failed.resolve(None, ValueError("no"))
    with pytest.raises(ValueError, match="no"):
        await joined


@on_stage
async def test_errors_pass_through_map_and_errors_of_the_function_are_its_answer(
    stage: Stage,
) -> None:
    answer = AskFuture(stage.system)
    mapped = answer.map(str)
    answer.resolve(None, KeyError("k"))
    with pytest.raises(KeyError):
        await mapped
    divided = AskFuture(stage.system)
    inverse = divided.map(lambda number: 1 / number)
    divided.resolve(0)
    with pytest.raises(ZeroDivisionError):
        await inverse


@on_stage
async def test_the_first_answer_counts_and_later_ones_are_refused(stage: Stage) -> None:
    answer = AskFuture(stage.system)
    assert answer.resolve("first") is True
    assert answer.resolve("second") is False
    answer.set("third")
    try:
        raise ValueError
    except ValueError:
        answer.set_exception(sys.exc_info())
    assert await answer == "first"


@on_stage
async def test_a_callback_that_fails_does_not_keep_the_others_from_the_answer(
    stage: Stage,
) -> None:
    heard: list[Any] = []
    answer = AskFuture(stage.system)
    answer.add_done_callback(lambda _: 1 // 0)
    answer.add_done_callback(lambda done: heard.append(done.get()))
    answer.resolve("answer")
    answer.add_done_callback(lambda done: heard.append(done.get()))
    assert heard == ["answer", "answer"]


@on_stage
async def test_many_can_wait_for_one_answer_without_holding_up_the_loop(stage: Stage) -> None:
    answer = AskFuture(stage.system)

    async def wait() -> Any:
        return await answer

    waiting = [stage.begin(wait()) for _ in range(3)]
    await stage.settle()
    answer.resolve(7)
    assert await asyncio.gather(*waiting) == [7, 7, 7]
    assert pykka.get_all([answer, answer]) == [7, 7]


@on_stage
async def test_a_get_hook_is_refused_because_it_would_run_in_whoever_waits(stage: Stage) -> None:
    with pytest.raises(NotImplementedError):
        AskFuture(stage.system).set_get_hook(lambda timeout: timeout)
