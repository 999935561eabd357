"""While a tree closed, its root got the questions meant for the gate, and crashed of them."""

from __future__ import annotations

import asyncio

import pytest

from actors.kernel.errors import ActorStopped
from actors.kernel.signals import Crashed
from actors.kernel.system import LifeEnded
from tests.regressions.house_of_one import ASKED, StubbornProvider, house, settings, sink, until


def test_asking_a_tree_that_closes_is_answered_and_harms_nobody() -> None:
    async def scenario() -> None:
        provider = StubbornProvider()
        app = house(provider)
        ended: list[LifeEnded] = []
        app.system.on_life_ended(ended.append)
        await app.admitted(ASKED, settings(), sink(), user="ann")
        await until(lambda: provider.opened == 1)
        closing = asyncio.get_running_loop().create_task(app.close(5.0))
        await until(lambda: app.system.find("root/gate") is None)
        assert app.root.is_alive()
        with pytest.raises(ActorStopped):
            await app.admitted(ASKED, settings(), sink(), user="bob")
        provider.release.set()
        assert (await closing).abandoned == ()
        assert [each.name for each in ended if isinstance(each.reason, Crashed)] == []

    asyncio.run(scenario())
