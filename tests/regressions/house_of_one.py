"""The smallest whole tree: one chat whose provider waits until the test lets it go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from actors.ports import (
    Ending,
    Endpoint,
    EventSink,
    ProviderCall,
    ProviderStream,
)
from actors.values import Catalog, ChatRequest, Role, TextPart, Turn, WireFormat
from bridge.app import App, Ports
from bridge.config.settings import Settings, settings_from
from bridge.config.valves import Valves
from bridge.openrouter.codec_responses import ResponsesCodec

TURNS_MAX = 1000
ASKED = ChatRequest(
    request_id="r1",
    model="maker/model",
    items=(Turn(role=Role.USER, parts=(TextPart(text="hello"),)),),
)


class StubbornProvider:
    """Never answers, and does not give in to a cancellation before `release` is set."""

    def __init__(self) -> None:
        self.opened = 0
        self.closed = 0
        self.release = asyncio.Event()

    async def open(self, call: ProviderCall) -> ProviderStream:
        self.opened += 1
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            await self.release.wait()
            raise
        finally:
            self.closed += 1
        raise AssertionError("nobody answers that")


class EmptyCatalog:
    async def fetch(self, endpoint: Endpoint) -> Catalog:
        raise AssertionError("no test asks for the catalog")


class QuietSink:
    """Shows nothing to nobody."""

    def show(self, events: object) -> bool:
        return True

    def when_room(self, callback: object) -> None:
        """There is always room."""

    def finish(self, ending: Ending) -> None:
        """Nobody hears it."""


def settings() -> Settings:
    return settings_from(Valves.model_validate({"API_KEY": "sk-test"}), {})


def house(provider: StubbornProvider, tree: type[App] = App) -> App:
    ports = Ports(
        provider=provider,
        codecs={WireFormat.RESPONSES: ResponsesCodec()},
        catalog_source=EmptyCatalog(),
        close=lambda: None,
    )
    return tree(ports)


async def until(is_so: Callable[[], bool]) -> None:
    """Let the tree run until something is so."""
    for _ in range(TURNS_MAX):
        if is_so():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never was so")


def sink() -> EventSink:
    return QuietSink()
