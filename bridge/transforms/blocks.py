"""Blocks of a message, as Open WebUI and other programs write them, to parts of a turn. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from actors.values import ImagePart, OpaquePart, Part, TextPart
from bridge.transforms.json_text import NULL, json_text
from bridge.transforms.text import whole

CACHE_MARK: Final = "cache_control"

_TEXT_TYPES: Final = frozenset({"text", "input_text", "output_text"})
_IMAGE_TYPES: Final = frozenset({"image_url", "input_image"})
_IMAGE_DETAILS: Final = frozenset({"auto", "low", "high"})
_EMPTY: Final = TextPart(text="")
_IMAGE_WORD: Final = "[image]"


def parts_of(content: object, *, keeps_marks: bool = False) -> tuple[Part, ...]:
    """Read content: a string, a list of blocks, or one block alone.

    Args:
        content: as it came; a block that is not known is passed on unchanged (SPEC 30).
        keeps_marks: pass a text on as it is when it says what to cache. Chat takes such marks,
            /responses does not (FACTS, Prompt caching).
    """
    # Some providers refuse a text without a character.
    if isinstance(content, str):
        return (TextPart(text=whole(content)),) if content else ()
    blocks: Iterable[object] = content if isinstance(content, list | tuple) else (content,)
    parts = (_part(block, keeps_marks) for block in blocks)
    return tuple(part for part in parts if part is not None and part != _EMPTY)


def text_of(content: object) -> str:
    """Return content as text, for a tool's output (SPEC 32, 35, 77).

    Text blocks follow each other line by line, other values are written as JSON. An image is
    only mentioned: as text it would be a million letters that no model can read.
    """
    if content is None:
        return ""
    if isinstance(content, str):
        return whole(content)
    if not isinstance(content, list | tuple):
        return json_text(content)
    if not all(_is_block(block) for block in content):
        return json_text(content)
    return "\n".join(_text_of_block(block) for block in content)


def _is_block(block: object) -> bool:
    return isinstance(block, str) or (isinstance(block, Mapping) and "type" in block)


def _text_of_block(block: object) -> str:
    part = _part(block, keeps_marks=False)
    match part:
        case TextPart(text=text):
            return text
        case ImagePart():
            return _IMAGE_WORD
        case OpaquePart(json=text):
            return text
        case None:
            return ""


def _part(block: object, keeps_marks: bool) -> Part | None:
    if isinstance(block, str):
        return TextPart(text=whole(block))
    if isinstance(block, Mapping):
        kind = str(block.get("type"))
        text = block.get("text")
        if isinstance(text, str) and kind in _TEXT_TYPES:
            mark = block.get(CACHE_MARK) if keeps_marks else None
            return TextPart(text=whole(text)) if mark is None or not text else _marked(text, mark)
        if kind in _IMAGE_TYPES and (image := _image(block)) is not None:
            return image
    as_json = json_text(block)
    return OpaquePart(json=as_json) if as_json != NULL else None


def _marked(text: str, mark: object) -> OpaquePart:
    return OpaquePart(json=json_text({"type": "text", "text": text, CACHE_MARK: mark}))


def _image(block: Mapping[object, object]) -> ImagePart | None:
    """Read an image whose address stands in the block or one level below; None without one."""
    image = block.get("image_url")
    source: Mapping[object, object] = image if isinstance(image, Mapping) else block
    url = image.get("url") if isinstance(image, Mapping) else image
    if not isinstance(url, str) or not url:
        return None
    detail = source.get("detail")
    # SPEC 46; anything else would be refused by the provider, so it does not get that far.
    is_known = isinstance(detail, str) and detail in _IMAGE_DETAILS
    return ImagePart(url=whole(url), detail=str(detail) if is_known else "auto")
