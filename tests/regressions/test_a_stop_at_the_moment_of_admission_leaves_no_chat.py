"""A door that was cancelled in the very turn of its admission never heard of its chat."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from actors.kernel.future import AskFuture
from bridge.app import App
from tests.regressions.house_of_one import ASKED, StubbornProvider, house, settings, sink


class CancelledOnAdmission(App):
    """Cancels whoever waits as soon as the gate has answered, before that can be noticed."""

    waiting: asyncio.Task[Any]

    def admit(self, *args: Any, **named: Any) -> AskFuture:
        asking = super().admit(*args, **named)
        asking.add_done_callback(lambda _: self.waiting.cancel())
        return asking


def test_a_stop_at_the_moment_of_admission_leaves_no_chat() -> None:
    async def scenario() -> None:
        provider = StubbornProvider()
        provider.release.set()
        app = house(provider, CancelledOnAdmission)
        assert isinstance(app, CancelledOnAdmission)
        fixed = app.system.live
        app.waiting = asyncio.get_running_loop().create_task(
            app.admitted(ASKED, settings(), sink(), user="ann")
        )
        with pytest.raises(asyncio.CancelledError):
            await app.waiting
        for _ in range(20):
            await asyncio.sleep(0)
        assert app.system.live == fixed
        assert provider.opened == provider.closed
        await app.close(1.0)

    asyncio.run(scenario())
