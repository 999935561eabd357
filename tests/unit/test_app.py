"""The composed tree: admission under live limits, and an orderly end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from actors.kernel.errors import ActorStopped
from actors.ports import Cancelled, Completed, ConnectionFailed, Endpoint
from actors.testing.manual_clock import ManualClock
from actors.testing.settle import settle
from actors.values import Catalog, Model, WireFormat
from bridge.app import App, Ports
from bridge.config.settings import Settings, settings_from
from bridge.config.valves import Valves
from supervisor.gate import Admitted, Refusal, Refused
from tests.unit.chat_stage import (
    ASKED,
    COMPLETED,
    Eof,
    ListSink,
    Read,
    ScriptedProvider,
    Silence,
    text,
)

SETTINGS = settings_from(Valves(API_KEY="sk-or-test"), {})


class OneModel:
    async def fetch(self, endpoint: Endpoint) -> Catalog:
        return Catalog(models=(Model(id="maker/model", name="Model"),))


class House:
    """An app on manual time, with a scripted provider behind it."""

    def __init__(self, provider: ScriptedProvider) -> None:
        self.closed = 0
        self.clock = ManualClock()
        ports = Ports(
            provider=provider,
            codecs={WireFormat.RESPONSES: provider.codec},
            catalog_source=OneModel(),
            close=self._note_close,
        )
        self.app = App(ports, clock=self.clock)

    def _note_close(self) -> None:
        self.closed += 1

    async def ask(self, sink: ListSink, settings: Settings = SETTINGS, user: str = "u") -> Any:
        asking = self.app.admit(ASKED, settings, sink, user=user)
        await self.settle()
        return asking.get() if asking.is_done else None

    async def settle(self) -> None:
        await settle(self.app.system)

    async def close(self, grace_s: float) -> asyncio.Task[Any]:
        # A test stands outside the actors.
        closing = asyncio.ensure_future(self.app.close(grace_s))  # noqa: TID251
        await self.settle()
        return closing

    async def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await self.settle()


def play(scene: Callable[[], Any]) -> None:
    asyncio.run(scene())


def test_a_raised_limit_lets_those_who_wait_in_with_the_next_request() -> None:
    async def scene() -> None:
        house = House(ScriptedProvider([Silence()]))
        narrow = replace(SETTINGS, requests_max=1)
        wide = replace(SETTINGS, requests_max=3)
        assert isinstance(await house.ask(ListSink(), narrow), Admitted)
        waiting = house.app.admit(ASKED, narrow, ListSink(), user="u")
        await house.settle()
        assert not waiting.is_done
        assert isinstance(await house.ask(ListSink(), wide), Admitted)
        assert isinstance(waiting.get(), Admitted)
        closing = await house.close(0.0)
        await closing

    play(scene)


def test_a_user_whose_requests_fail_is_held_and_others_are_not() -> None:
    async def scene() -> None:
        house = House(ScriptedProvider([Read((text("a"),)), Eof()]))
        strict = replace(SETTINGS, breaker_failures_max=2, breaker_window_s=60.0)
        for _ in range(2):
            assert isinstance(await house.ask(ListSink(), strict), Admitted)
        refused = await house.ask(ListSink(), strict)
        assert isinstance(refused, Refused)
        assert (refused.why, refused.retry_after_s) == (Refusal.HELD, 60.0)
        assert isinstance(await house.ask(ListSink(), strict, user="other"), Admitted)
        await house.advance(60.0)
        assert isinstance(await house.ask(ListSink(), strict), Admitted)
        await (await house.close(0.0))

    play(scene)


def test_a_close_lets_running_chats_finish_within_the_grace() -> None:
    async def scene() -> None:
        house = House(ScriptedProvider([Read((text("a"),)), Read((COMPLETED,))]))
        sink = ListSink(room=1)
        narrow = replace(SETTINGS, reads_in_flight_max=1, requests_max=1)
        assert isinstance(await house.ask(sink, narrow), Admitted)
        waiting = house.app.admit(ASKED, narrow, ListSink(), user="late")
        await house.settle()
        closing = await house.close(20.0)
        assert not closing.done()
        assert not house.app.is_alive
        assert waiting.is_done
        sink.make_room()
        await house.settle()
        report = await closing
        assert sink.endings == [Completed(usage=COMPLETED.usage)]
        assert report.abandoned == ()
        assert house.closed == 1

    play(scene)


def test_what_is_still_running_after_the_grace_is_stopped() -> None:
    async def scene() -> None:
        house = House(ScriptedProvider([Read((text("a"),)), Silence()]))
        sink = ListSink()
        assert isinstance(await house.ask(sink), Admitted)
        closing = await house.close(20.0)
        await house.advance(19.0)
        assert not closing.done()
        await house.advance(1.0)
        await closing
        assert sink.endings == [Cancelled()]
        assert house.app.system.live == 0

    play(scene)


def test_a_closed_app_says_so_to_whoever_still_asks() -> None:
    async def scene() -> None:
        house = House(ScriptedProvider(ConnectionFailed()))
        await (await house.close(0.0))
        asking = house.app.admit(ASKED, SETTINGS, ListSink(), user="u")
        assert isinstance(asking.error, ActorStopped)

    play(scene)
