"""The house's requests to POST /responses, and its answers back. Pure, no I/O.

The endpoint keeps nothing: the whole history goes with each request, as typed items. Each turn
stays an item of its own, word for word; nothing is merged or trimmed (SPEC 29-31).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import msgspec

from actors.ports import Endpoint, ProviderCall, ProviderError, StreamDecoder
from actors.values import (
    ChatRequest,
    Parameter,
    StreamFailure,
)
from bridge.openrouter.codec_responses_body import ResponsesBodyDecoder
from bridge.openrouter.codec_responses_input import wire_input, wire_tools
from bridge.openrouter.codec_responses_stream import ResponsesDecoder
from bridge.openrouter.errors import stream_error
from bridge.openrouter.mended_request import mended
from bridge.openrouter.wire_parameters import responses_parameters
from bridge.openrouter.wire_responses import UNDECODABLE
from bridge.openrouter.wire_text import mend, read_leniently, write_mended

PATH: Final = "/responses"

SEALED_THINKING: Final = "reasoning.encrypted_content"
"""What has to be asked for by name, or thinking could not go back with the next request."""

CACHE_TTL_DEFAULT: Final = "5m"
"""How long a provider keeps a prefix when no time is named."""

REMEMBERED_CHARS_MAX: Final = 1024
"""Parameters up to this size are decoded once for all requests that set them like this."""

_NO_PARAMETERS: Final[Mapping[str, object]] = {}


class ResponsesCodec:
    """The `Codec` port for POST /responses."""

    def encode(self, request: ChatRequest, endpoint: Endpoint) -> ProviderCall:
        """Write the request.

        Args:
            request: the chat; parameters that /responses does not know are left out.
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
        """Return a fresh decoder for one attempt."""
        return ResponsesDecoder() if is_streaming else ResponsesBodyDecoder()

    def error(self, failure: StreamFailure) -> ProviderError:
        """Translate what the provider reported inside a stream."""
        return stream_error(failure)


def _body(request: ChatRequest) -> bytes:
    parameters = _parameters(request.parameters) if request.parameters else _NO_PARAMETERS
    document: dict[str, object] = {
        "model": request.model,
        "input": wire_input(request.items),
        "stream": request.is_streaming,
    }
    if request.tools:
        document["tools"] = wire_tools(request.tools)
    if request.cache_ttl is not None:
        document["cache_control"] = _cache_mark(request.cache_ttl)
    if parameters and _asks_for_thinking(parameters):
        document["include"] = [SEALED_THINKING]
    # What the caller set stands; what a request is made of is no parameter (SPEC 103).
    return msgspec.json.encode({**document, **parameters} if parameters else document)


def _parameters(given: tuple[Parameter, ...]) -> Mapping[str, object]:
    """Write the parameters; those of most requests follow from the same settings."""
    chars = sum(len(parameter.json) for parameter in given)
    return (_remembered if chars <= REMEMBERED_CHARS_MAX else _written)(given)


def _written(given: tuple[Parameter, ...]) -> Mapping[str, object]:
    return responses_parameters({parameter.name: _value(parameter) for parameter in given})


_remembered = lru_cache(maxsize=128)(_written)


def _cache_mark(ttl: str) -> dict[str, str]:
    """Ask for a cached prefix: this endpoint has one mark for the whole request (SPEC 121)."""
    mark = {"type": "ephemeral"}
    return mark if ttl == CACHE_TTL_DEFAULT else mark | {"ttl": ttl}


def _asks_for_thinking(parameters: Mapping[str, object]) -> bool:
    reasoning = parameters.get("reasoning")
    return (
        isinstance(reasoning, dict)
        and reasoning.get("enabled") is not False
        and reasoning.get("effort") != "none"
    )


def _value(parameter: Parameter) -> object:
    """Decode a parameter; what is no JSON by the letter is read as well as it can be."""
    try:
        strict: object = msgspec.json.decode(parameter.json)
    except (*UNDECODABLE, UnicodeEncodeError):
        read = read_leniently(mend(parameter.json).encode())
        return msgspec.json.decode(write_mended(read))
    return strict
