"""The formats that simulated chats are told in; the real codec of each, one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from actors.ports import Codec
from actors.values import WireFormat
from bridge.openrouter.codec_chat import ChatCodec
from bridge.openrouter.codec_responses import ResponsesCodec

CODECS: Final[Mapping[WireFormat, Callable[[], Codec]]] = {
    WireFormat.RESPONSES: ResponsesCodec,
    WireFormat.CHAT: ChatCodec,
}
WIRES: Final = tuple(CODECS)
