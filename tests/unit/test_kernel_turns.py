"""Turns of plain handlers share a callback of the loop, and nobody's turn is lost."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

import pytest

from actors.kernel.turns import TURNS_MAX, Turns

SEEN: ContextVar[str] = ContextVar("seen", default="nothing")


def test_what_a_turn_plans_runs_in_the_same_callback() -> None:
    async def scene() -> list[str]:
        turns, order = Turns(asyncio.get_running_loop()), []

        def first() -> None:
            order.append("first")
            turns.plan(lambda: order.append("third"))

        turns.plan(first)
        turns.plan(lambda: order.append("second"))
        asyncio.get_running_loop().call_soon(lambda: order.append("the loop"))
        await asyncio.sleep(0)
        return order

    assert asyncio.run(scene()) == ["first", "second", "third", "the loop"]


def test_an_endless_chain_of_turns_lets_the_loop_go_on() -> None:
    async def scene() -> int:
        turns, taken = Turns(asyncio.get_running_loop()), 0

        def again() -> None:
            nonlocal taken
            taken += 1
            turns.plan(again)

        turns.plan(again)
        await asyncio.sleep(0)
        return taken

    assert asyncio.run(scene()) == TURNS_MAX


def test_a_turn_that_raises_takes_nobody_elses_turn_away() -> None:
    async def scene() -> tuple[list[str], list[BaseException | None]]:
        loop = asyncio.get_running_loop()
        heard: list[BaseException | None] = []
        loop.set_exception_handler(lambda _, context: heard.append(context.get("exception")))
        turns, order = Turns(loop), []

        def broken() -> None:
            raise ZeroDivisionError

        turns.plan(broken)
        turns.plan(lambda: order.append("next"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return order, heard

    order, heard = asyncio.run(scene())
    assert order == ["next"]
    assert [type(error) for error in heard] == [ZeroDivisionError]


def test_what_a_turn_sets_in_its_context_no_other_turn_sees() -> None:
    async def scene() -> str:
        turns, seen = Turns(asyncio.get_running_loop()), []
        turns.plan(lambda: SEEN.set("mine"))
        turns.plan(lambda: seen.append(SEEN.get()))
        await asyncio.sleep(0)
        return seen[0]

    assert asyncio.run(scene()) == "nothing"


@pytest.mark.parametrize("orders", [True, False])
def test_a_loop_that_orders_turns_gets_a_callback_for_each(orders: bool) -> None:
    class Loop(asyncio.SelectorEventLoop):
        orders_turns = orders

    async def scene() -> list[str]:
        turns, order = Turns(asyncio.get_running_loop()), []
        turns.plan(lambda: order.append("first"))
        asyncio.get_running_loop().call_soon(lambda: order.append("the loop"))
        turns.plan(lambda: order.append("second"))
        await asyncio.sleep(0)
        return order

    with asyncio.Runner(loop_factory=Loop) as runner:
        order = runner.run(scene())
    assert (order.index("the loop") == 1) is orders
