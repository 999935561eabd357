"""The house's requests to POST /responses, and its streams back. Pure, no I/O.

The endpoint keeps nothing: the whole history goes with each request, as typed items. Each turn
stays an item of its own, word for word; nothing is merged or trimmed (SPEC 29-31).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import msgspec
from msgspec import Raw, Struct

from actors.ports import Endpoint, ProviderCall, ProviderError
from actors.values import (
    ChatRequest,
    ImagePart,
    Item,
    Parameter,
    Part,
    Role,
    StreamFailure,
    TextPart,
    Turn,
)
from bridge.openrouter.codec_responses_stream import ResponsesDecoder
from bridge.openrouter.errors import stream_error
from bridge.openrouter.wire_parameters import responses_parameters
from bridge.openrouter.wire_responses import UNDECODABLE
from bridge.openrouter.wire_text import mend, read_leniently, write_mended

PATH: Final = "/responses"


class _InputText(Struct, tag_field="type", tag="input_text"):
    text: str


class _OutputText(Struct, tag_field="type", tag="output_text"):
    text: str
    annotations: tuple[()] = ()


class _InputImage(Struct, tag_field="type", tag="input_image"):
    image_url: str
    detail: str


_Content = _InputText | _OutputText | _InputImage | Raw


class _Message(Struct, tag_field="type", tag="message"):
    role: str
    content: list[_Content]


class _AssistantMessage(_Message, tag="message"):
    """An answer of before. The endpoint wants an id and a status on these, and only on these."""

    id: str
    status: str = "completed"


class ResponsesCodec:
    """The `Codec` port for POST /responses."""

    def encode(self, request: ChatRequest, endpoint: Endpoint) -> ProviderCall:
        """Write the body of a streaming request.

        Args:
            request: the chat; parameters that /responses does not know are left out.
            endpoint: passed on as it is.
        """
        try:
            body = _body(request)
        except UnicodeEncodeError:
            # A surrogate half that some program cut off: no UTF-8 can hold it.
            body = _body(_mended(request))
        return ProviderCall(endpoint=endpoint, path=PATH, body=body)

    def decoder(self, *, is_streaming: bool = True) -> ResponsesDecoder:
        """Return a fresh decoder for one attempt."""
        return ResponsesDecoder()

    def error(self, failure: StreamFailure) -> ProviderError:
        """Translate what the provider reported inside a stream."""
        return stream_error(failure)


def _body(request: ChatRequest) -> bytes:
    given = {parameter.name: _value(parameter) for parameter in request.parameters}
    document: dict[str, object] = {
        "model": request.model,
        "input": _input(request.items),
        "stream": True,
        **responses_parameters(given),
    }
    return msgspec.json.encode(document)


def _value(parameter: Parameter) -> object:
    """Decode a parameter; what is no JSON by the letter is read as well as it can be."""
    try:
        strict: object = msgspec.json.decode(parameter.json)
    except (*UNDECODABLE, UnicodeEncodeError):
        read = read_leniently(mend(parameter.json).encode())
        return msgspec.json.decode(write_mended(read))
    return strict


def _input(items: tuple[Item, ...]) -> list[_Message]:
    """Turn the history into items. A turn without parts has nothing to say."""
    return [
        _message(position, turn)
        for position, turn in enumerate(items)
        if isinstance(turn, Turn) and turn.parts
    ]


def _message(position: int, turn: Turn) -> _Message:
    """Write one turn.

    Ids count positions: the same history gives the same bytes, so that a provider's prompt
    cache recognises it.
    """
    role = turn.role.value
    content = [_content(turn.role, part) for part in turn.parts]
    if turn.role is Role.ASSISTANT:
        return _AssistantMessage(role=role, content=content, id=f"msg_{position}")
    return _Message(role=role, content=content)


def _content(role: Role, part: Part) -> _Content:
    if isinstance(part, TextPart):
        text = _OutputText if role is Role.ASSISTANT else _InputText
        return text(text=part.text)
    if isinstance(part, ImagePart):
        return _InputImage(image_url=part.url, detail=part.detail)
    return Raw(part.json.encode())


def _mended(request: ChatRequest) -> ChatRequest:
    """Return the request with every surrogate half of its history joined or replaced."""
    items = (
        replace(item, parts=tuple(map(_mended_part, item.parts)))
        if isinstance(item, Turn)
        else item
        for item in request.items
    )
    return replace(request, model=mend(request.model), items=tuple(items))


def _mended_part(part: Part) -> Part:
    if isinstance(part, TextPart):
        return replace(part, text=mend(part.text))
    if isinstance(part, ImagePart):
        return replace(part, url=mend(part.url), detail=mend(part.detail))
    return replace(part, json=mend(part.json))
