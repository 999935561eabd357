"""One call's stay in a tree: how it ends, and whom it watches."""

import asyncio
from collections.abc import Coroutine
from typing import Any, cast

import pytest

from actors.kernel.ref import ActorRef
from bridge.app import App
from bridge.owui.residence import Visit


class Chat:
    """Stands for the ref of a chat."""

    def __init__(self) -> None:
        self.stops = 0

    def shut_down(self, grace_s: float) -> None:
        assert grace_s > 0
        self.stops += 1


class Stay:
    """A visit, with what it was to let go of."""

    def __init__(self) -> None:
        self.left = 0
        self.chat = Chat()
        self.visit = Visit(cast("App", object()), self.leave)
        self.visit.chat = cast("ActorRef[Any]", self.chat)

    def leave(self) -> None:
        self.left += 1


async def after(stay: Stay, taking: Coroutine[Any, Any, None], *, cancel: bool = False) -> None:
    """Run a taker to its end, and let its end be heard of."""
    task = asyncio.get_running_loop().create_task(taking)
    await asyncio.sleep(0)
    if cancel:
        task.cancel()
    await asyncio.wait((task,))
    await asyncio.sleep(0)
    assert stay.left <= 1
    assert task.cancelled() or task.exception() is None or isinstance(task.exception(), OSError)


def test_a_visit_ends_once() -> None:
    stay = Stay()
    stay.visit.end()
    stay.visit.end()
    assert (stay.left, stay.chat.stops) == (1, 1)


def test_a_chat_that_is_over_is_not_stopped() -> None:
    stay = Stay()
    stay.visit.chat = None
    stay.visit.end()
    assert (stay.left, stay.chat.stops) == (1, 0)


async def stays(stay: Stay) -> None:
    stay.visit.watch()
    await asyncio.Event().wait()


async def catches(stay: Stay) -> None:
    try:
        await stays(stay)
    except asyncio.CancelledError:
        return


async def fails(stay: Stay) -> None:
    stay.visit.watch()
    raise OSError


async def ends(stay: Stay) -> None:
    stay.visit.watch()


@pytest.mark.parametrize("taker", [stays, catches])
def test_a_taker_that_was_cancelled_ends_the_visit(taker: Any) -> None:
    stay = Stay()
    asyncio.run(after(stay, taker(stay), cancel=True))
    assert (stay.left, stay.chat.stops) == (1, 1)


def test_a_taker_that_failed_ends_the_visit() -> None:
    stay = Stay()
    asyncio.run(after(stay, fails(stay)))
    assert (stay.left, stay.chat.stops) == (1, 1)


def test_a_taker_that_ended_in_the_usual_way_may_be_followed_by_another() -> None:
    async def main() -> None:
        stay = Stay()
        await after(stay, ends(stay))
        await after(stay, ends(stay))
        assert (stay.left, stay.chat.stops) == (0, 0)
        await after(stay, stays(stay), cancel=True)
        assert (stay.left, stay.chat.stops) == (1, 1)

    asyncio.run(main())


def test_a_taker_that_handed_on_is_not_watched_any_more() -> None:
    async def main() -> None:
        stay = Stay()
        first = asyncio.get_running_loop().create_task(stays(stay))
        await asyncio.sleep(0)
        await after(stay, ends(stay))
        first.cancel()
        await asyncio.wait((first,))
        await asyncio.sleep(0)
        assert (stay.left, stay.chat.stops) == (0, 0)

    asyncio.run(main())


def test_a_visit_that_is_over_watches_nobody() -> None:
    async def main() -> None:
        stay = Stay()
        stay.visit.end()
        await after(stay, stays(stay), cancel=True)
        assert (stay.left, stay.chat.stops) == (1, 1)

    asyncio.run(main())
