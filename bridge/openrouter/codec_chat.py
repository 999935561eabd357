"""The house's requests to POST /chat/completions, and its answers back. Pure, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from actors.ports import Endpoint, ProviderCall, ProviderError, StreamDecoder
from actors.values import (
    ChatRequest,
    StreamFailure,
)
from bridge.openrouter.codec_chat_messages import messages_of
from bridge.openrouter.codec_chat_stream import ChatBodyDecoder, ChatDecoder
from bridge.openrouter.errors import stream_error
from bridge.openrouter.loose_json import text
from bridge.openrouter.mended_request import mended
from bridge.openrouter.wire_chat_json import read_json
from bridge.openrouter.wire_chat_tools import marks_in, tools_of
from bridge.openrouter.wire_parameters import chat_parameters

PATH: Final = "/chat/completions"

# Providers refuse a choice among tools where there are none.
_ABOUT_TOOLS: Final = ("tool_choice", "parallel_tool_calls")


class ChatCodec:
    """The `Codec` port for POST /chat/completions."""

    def encode(self, request: ChatRequest, endpoint: Endpoint) -> ProviderCall:
        """Write the body of a request.

        Args:
            request: the chat; parameters that chat does not know are left out.
            endpoint: passed on as it is.
        """
        try:
            body = _body(request)
        except UnicodeEncodeError:
            # A surrogate half that some program cut off: no UTF-8 can hold it.
            body = _body(mended(request))
        return ProviderCall(
            endpoint=endpoint,
            path=PATH,
            body=body,
            headers=request.headers,
            is_streaming=request.is_streaming,
        )

    def decoder(self, *, is_streaming: bool = True) -> StreamDecoder:
        """Return a fresh decoder for one attempt: of an event stream, or of one JSON body."""
        return ChatDecoder() if is_streaming else ChatBodyDecoder()

    def error(self, failure: StreamFailure) -> ProviderError:
        """Translate what the provider reported inside an answer."""
        return stream_error(failure)


def _body(request: ChatRequest) -> bytes:
    given = {parameter.name: read_json(parameter.json) for parameter in request.parameters}
    parameters = chat_parameters(given)
    tools = tools_of(request.tools)
    if not tools:
        for name in _ABOUT_TOOLS:
            parameters.pop(name, None)
    messages = messages_of(
        request.items,
        instructions=text(given.get("instructions")),
        cache_ttl=request.cache_ttl,
        marks_elsewhere=_marks_elsewhere(request, parameters),
    )
    document: dict[str, object] = {
        "model": request.model,
        "messages": messages,
        "stream": request.is_streaming,
        **parameters,
        **({"tools": tools} if tools else {}),
    }
    return msgspec.json.encode(document)


def _marks_elsewhere(request: ChatRequest, parameters: Mapping[str, object]) -> int:
    """Count the cache marks of the tools, and the one for the whole request."""
    return marks_in(request.tools) + ("cache_control" in parameters)
