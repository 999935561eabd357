"""A /responses event stream, as bytes, to the house's events: one decoder for one attempt. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from actors.values import StreamEvent
from bridge.openrouter.codec_responses_events import EventReader
from bridge.openrouter.sse_decoder import SseDecoder


class ResponsesDecoder:
    """The `StreamDecoder` of a stream. After its terminal event nothing is read any more.

    Attributes:
        payloads: see `StreamDecoder.payloads`.
    """

    __slots__ = ("_reader", "_sse", "payloads")

    def __init__(self) -> None:
        self._sse = SseDecoder()
        self._reader = EventReader()
        self.payloads = 0

    def feed(self, data: bytes) -> Sequence[StreamEvent]:
        """Decode one socket read; deltas that belong together are joined.

        Raises:
            StreamBroken: one event is larger than any real one.
        """
        reader = self._reader
        if reader.is_over:
            return ()
        payloads = self._sse.feed(data)
        count = len(payloads)
        self.payloads += count
        if count == 1:
            return reader.read_one(payloads[0])
        if payloads:
            reader.read(payloads)
        return reader.take_events()

    def finish(self) -> Sequence[StreamEvent]:
        """Decode an event that lacks its blank line, and let go of half a character."""
        reader = self._reader
        if reader.is_over:
            return ()
        reader.read(self._sse.finish())
        reader.close()
        return reader.take_events()
