"""A chat stream, or a whole chat body, to the house's events: a decoder for each. Pure, no I/O.

A chunk costs one decoded struct, and all text of one kind that follows itself in a read becomes
one event.
"""

from __future__ import annotations

from collections.abc import Sequence

from actors.ports import ErrorFacts, StreamBroken
from actors.values import StreamEvent
from bridge.openrouter.codec_chat_answer import HELD_BYTES_MAX, ChatAnswer
from bridge.openrouter.sse_decoder import EVENT_BYTES_MAX, SseDecoder
from bridge.openrouter.wire_chat import UNDECODABLE, loosened, read_chunk
from bridge.openrouter.wire_text import read_leniently


class ChatDecoder:
    """Decodes an event stream. After the terminal event or `[DONE]` nothing is read any more.

    A stream without a reason to finish yields no `StreamEnded`, whatever else came: the reader
    knows that it is broken.

    Attributes:
        payloads: see `StreamDecoder.payloads`.
    """

    def __init__(self, *, held_bytes_max: int = HELD_BYTES_MAX) -> None:
        self._sse = SseDecoder()
        self._answer = ChatAnswer(held_bytes_max=held_bytes_max)
        self.payloads = 0

    def feed(self, data: bytes) -> Sequence[StreamEvent]:
        """Decode one socket read; text that belongs together is joined.

        Raises:
            StreamBroken: one event, or the answer, is larger than any real one.
        """
        if self._answer.is_over:
            return ()
        payloads = self._sse.feed(data)
        self.payloads += len(payloads)
        self._decode(payloads)
        return self._answer.take_events()

    def finish(self) -> Sequence[StreamEvent]:
        """Decode an event that lacks its blank line, and end the answer if it has finished."""
        if self._answer.is_over:
            return ()
        payloads = self._sse.finish()
        self.payloads += len(payloads)
        self._decode(payloads)
        self._answer.close()
        return self._answer.take_events()

    def _decode(self, payloads: Sequence[bytes]) -> None:
        answer = self._answer
        for payload in payloads:
            try:
                chunk = read_chunk(payload)
            except UNDECODABLE:
                self._salvage(payload)
            else:
                answer.take(chunk, payload)
            if answer.is_over:
                return

    def _salvage(self, payload: bytes) -> None:
        """Find out what the strict reader refused: the end mark, torn text, an odd shape."""
        bare = payload.strip()
        if bare == b"[DONE]":
            self._answer.close()
        elif bare:
            chunk = loosened(read_leniently(payload))
            if chunk is None:
                self._answer.skip()
            else:
                self._answer.note_torn_text(chunk)
                self._answer.take(chunk, payload)


class ChatBodyDecoder:
    """Decodes the one JSON body of an answer that is no stream; all is told by `finish`."""

    def __init__(self, *, body_bytes_max: int = EVENT_BYTES_MAX) -> None:
        self._body_bytes_max = body_bytes_max
        self._body = bytearray()
        self._has_begun = False
        self._is_over = False

    @property
    def payloads(self) -> int:
        """One from the first byte of the body on; the blanks before it only keep it alive."""
        return int(self._has_begun)

    def feed(self, data: bytes) -> Sequence[StreamEvent]:
        """Keep one socket read.

        Raises:
            StreamBroken: the body is larger than any real one.
        """
        if not self._has_begun:
            data = data.lstrip()
            self._has_begun = bool(data)
        self._body += data
        if len(self._body) > self._body_bytes_max:
            raise StreamBroken(ErrorFacts(code="body_too_large"))
        return ()

    def finish(self) -> Sequence[StreamEvent]:
        """Decode the body. One that is no answer and no error yields no `StreamEnded`."""
        if self._is_over:
            return ()
        self._is_over = True
        body = bytes(self._body)
        self._body.clear()
        answer = ChatAnswer()
        try:
            answer.take_whole(read_chunk(body), body)
        except UNDECODABLE:
            chunk = loosened(read_leniently(body))
            if chunk is None:
                if body:
                    answer.skip()
            else:
                answer.note_torn_text(chunk)
                answer.take_whole(chunk, body)
        return answer.take_events()
