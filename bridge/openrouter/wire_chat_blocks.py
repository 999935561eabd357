"""Content blocks of a chat message: from the house's parts, and from /responses blocks. Pure.

A block is kept as its JSON, so that what is passed on stays byte for byte what it was. The two
endpoints name the same things differently (FACTS, Field conversion); a block that chat knows,
or that nobody knows, is not touched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec import Struct

from actors.values import ImagePart, OpaquePart, Part, TextPart
from bridge.openrouter.loose_json import member, text
from bridge.openrouter.wire_chat import UNDECODABLE
from bridge.openrouter.wire_chat_json import raw_json, read_json

_MARKS: Final = ("cache_control", "prompt_cache_breakpoint")

_Members = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One content block.

    Attributes:
        json: the block as it goes out.
        is_text: it is a text with something in it, so that it can carry a cache mark.
        is_marked: it carries one.
    """

    json: bytes
    is_text: bool = False
    is_marked: bool = False


class _Text(Struct, tag_field="type", tag="text"):
    text: str


class _ImageUrl(Struct):
    url: str
    detail: str


class _Image(Struct, tag_field="type", tag="image_url"):
    image_url: _ImageUrl


class _Known(Struct, gc=False):
    """What has to be known of an opaque block before it is passed on."""

    type: str = ""
    text: str = ""
    cache_control: object = None
    prompt_cache_breakpoint: object = None


_read_known = msgspec.json.Decoder(_Known).decode
_encode = msgspec.json.encode


def text_block(said: str) -> Block:
    """Write a text, word for word."""
    return Block(json=_encode(_Text(text=said)), is_text=not (said == "" or said.isspace()))


def block_of(part: Part) -> Block | None:
    """Write one part; None for a block that is no JSON and would break the body."""
    if isinstance(part, TextPart):
        return text_block(part.text)
    if isinstance(part, ImagePart):
        return Block(json=_encode(_Image(image_url=_ImageUrl(url=part.url, detail=part.detail))))
    return _opaque_block(part)


def _opaque_block(part: OpaquePart) -> Block | None:
    raw = raw_json(part.json)
    if raw is None:
        return None
    json = bytes(raw)
    try:
        known = _read_known(json)
    except UNDECODABLE:
        return Block(json=json)
    convert = _CONVERSIONS.get(known.type)
    if convert is not None:
        block = read_json(part.json)
        converted = convert(block) if isinstance(block, dict) else None
        if converted is not None:
            marks = {name: mark for name in _MARKS if (mark := member(block, name)) is not None}
            json = _encode({**converted, **marks})
            known = _read_known(json)
    return Block(
        json=json,
        is_text=known.type == "text" and not (known.text == "" or known.text.isspace()),
        is_marked=bool(known.cache_control or known.prompt_cache_breakpoint),
    )


def _text(block: Mapping[str, object]) -> _Members | None:
    said = text(block.get("text")) or text(block.get("refusal"))
    return {"type": "text", "text": said}


def _image(block: Mapping[str, object]) -> _Members | None:
    url = text(block.get("image_url"))
    if not url:
        return None
    return {"type": "image_url", "image_url": {"url": url, **_told(block, "detail")}}


def _file(block: Mapping[str, object]) -> _Members | None:
    # Chat takes an address where /responses has a field of its own for it.
    data = text(block.get("file_data")) or text(block.get("file_url"))
    file = {**_told(block, "filename"), **({"file_data": data} if data else {})}
    return {"type": "file", "file": {**file, **_told(block, "file_id")}}


def _video(block: Mapping[str, object]) -> _Members | None:
    # The older chat block of the same name has an object there; chat still takes it.
    url = text(block.get("video_url"))
    return {"type": "video_url", "video_url": {"url": url}} if url else None


def _told(block: Mapping[str, object], name: str) -> dict[str, str]:
    found = text(block.get(name))
    return {name: found} if found else {}


# `input_audio` is the same in both.
_CONVERSIONS: Final[Mapping[str, Callable[[Mapping[str, object]], _Members | None]]] = {
    "input_text": _text,
    "output_text": _text,
    "refusal": _text,
    "input_image": _image,
    "input_file": _file,
    "input_video": _video,
}
