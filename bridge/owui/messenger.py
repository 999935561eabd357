"""Takes side events to the browser where no stream carries them."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from bridge.owui.given import EventEmitter
from bridge.transforms.json_text import JsonValue

_log = logging.getLogger("greenroom.pipe")

# How long one event may take. Open WebUI writes some of them into its database on the way.
EVENT_WAIT_MAX_S: Final = 5.0


class Messenger:
    """The event emitter of one call. Whatever becomes of an event, the answer goes on (SPEC 27).

    Args:
        emitter: Open WebUI's; None: nobody hears.
    """

    def __init__(self, emitter: EventEmitter | None) -> None:
        self._emitter = emitter

    async def tell(self, *events: dict[str, JsonValue]) -> None:
        """Emit the events in their order, as far as that is possible."""
        for event in events:
            if self._emitter is None:
                return
            try:
                async with asyncio.timeout(EVENT_WAIT_MAX_S):
                    await self._emitter(event)
            except TimeoutError:
                # Nor will the next one come back: an answer does not wait for each of them.
                self._emitter = None
                _log.warning("Open WebUI does not take status lines and other side events")
            except Exception as error:  # noqa: BLE001 - a door: SPEC 27
                _log.debug("a side event found no reader: %s", type(error).__name__)
