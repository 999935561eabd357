"""Content blocks and notes that arrive in another spelling, as /responses takes them. Pure.

People's programs speak the dialect of chat completions; this endpoint has names of its own for
the same things (FACTS, Field conversion). What is in the right shape already, or is not known
here at all, passes byte for byte (SPEC 30).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from bridge.openrouter.loose_json import decode, member, text
from bridge.openrouter.wire_text import read_leniently, write_mended

INPUT_TEXT: Final = "input_text"
OUTPUT_TEXT: Final = "output_text"

NEVER_SENT: Final = frozenset(
    {"image_generation_call", "web_search_call", "file_search_call", "local_shell_call"}
)
"""Items that the provider makes for us to see, and refuses to get back (SPEC 36)."""

_TEXTS: Final = frozenset({"text", INPUT_TEXT, OUTPUT_TEXT})
_IMAGES: Final = frozenset({"image_url", "input_image"})
_FILES: Final = frozenset({"file", "input_file"})
_VIDEOS: Final = frozenset({"video_url", "input_video"})
_MEDIA: Final = _IMAGES | _FILES | _VIDEOS | {"input_audio"}
_DETAILS: Final = frozenset({"auto", "low", "high", "original"})
_FILE_FIELDS: Final = ("filename", "file_data", "file_url", "file_id")
_NOTE_FIELDS: Final = {
    "file_citation": ("file_id", "filename", "index"),
    "file_path": ("file_id", "index"),
}
_CACHE_MARK: Final = "cache_control"
_BREAKPOINT: Final = "prompt_cache_breakpoint"

_Block = dict[str, object]


def value_of(json: str) -> object:
    """Read JSON, as strictly as it can be; no text in it holds half a character."""
    value = decode(json)
    return decode(write_mended(read_leniently(json.encode()))) if value is None else value


def document_of(json: str) -> _Block | None:
    """Read an object; None for anything else."""
    document = value_of(json)
    return document if isinstance(document, dict) else None


def type_of(json: str) -> str | None:
    """Return the `type` of an object ("" when it has none); None when it is no object."""
    document = document_of(json)
    return None if document is None else text(document.get("type"))


def is_media(json: str) -> bool:
    """Say whether a block is something to look at or listen to, which only input may hold."""
    return type_of(json) in _MEDIA


def wire_block(json: str, text_type: str) -> bytes | None:
    """Write a content block in the shape of this endpoint.

    Args:
        json: the block as it came.
        text_type: what text is called in the message around it.

    Returns:
        The block; unchanged when there is nothing to convert. None: it must not be sent.
    """
    block = document_of(json)
    kind = "" if block is None else text(block.get("type"))
    if kind in NEVER_SENT:
        return None
    convert = _CONVERSIONS.get(kind)
    converted = None if convert is None or block is None else convert(block, text_type)
    return json.encode() if converted is None else msgspec.json.encode(converted)


def wire_note(json: str) -> bytes | None:
    """Write an annotation of an earlier answer in the shape of this endpoint.

    Returns:
        The annotation, or None for a kind that the endpoint does not know (a parsed file, for
        one): it would cost the whole request.
    """
    note = document_of(json)
    kind = None if note is None else note.get("type")
    if note is None:
        return None
    if kind == "url_citation":
        return _citation(note, json)
    required = {
        "file_citation": ("file_id", "filename", "index"),
        "file_path": ("file_id", "index"),
    }
    fields = required.get(text(kind))
    is_whole = fields is not None and all(_is_field(note, name) for name in fields)
    return json.encode() if is_whole else None


def _citation(note: _Block, json: str) -> bytes | None:
    """Flatten a citation; chat nests it under its own name. All but the page may be missing."""
    names = ("url", "title", "start_index", "end_index")
    if all(_is_field(note, name) for name in names):
        return json.encode()
    nested = note.get("url_citation")
    source = nested if isinstance(nested, dict) else note
    if not text(source.get("url")):
        return None
    flat: _Block = {
        "type": "url_citation",
        "url": source["url"],
        "title": text(source.get("title")),
        "start_index": _position(source.get("start_index")),
        "end_index": _position(source.get("end_index")),
    }
    if text(source.get("content")):
        flat["content"] = source["content"]
    return msgspec.json.encode(flat)


def _is_field(note: _Block, name: str) -> bool:
    value = note.get(name)
    return type(value) is int if name.endswith("index") else isinstance(value, str)


def _position(value: object) -> int:
    return value if type(value) is int else 0


def _text(block: _Block, text_type: str) -> _Block | None:
    """Call text what it is called here. A mark for the prompt cache has another name, too."""
    words = block.get("text")
    is_fine = block.get("type") == text_type and _CACHE_MARK not in block
    if is_fine or not isinstance(words, str):
        return None
    converted: _Block = {"type": text_type, "text": words}
    if text_type == OUTPUT_TEXT:
        notes = block.get("annotations")
        converted["annotations"] = notes if isinstance(notes, list) else []
    elif block.get(_BREAKPOINT) or block.get(_CACHE_MARK):
        converted[_BREAKPOINT] = block.get(_BREAKPOINT) or {"mode": "explicit"}
    return converted


def _image(block: _Block, _: str) -> _Block | None:
    source = block.get("image_url")
    url = source if isinstance(source, str) else text(member(source, "url"))
    given = block.get("detail") or member(source, "detail")
    detail = given if isinstance(given, str) and given in _DETAILS else "auto"
    if not url:
        return _unmarked(block)
    converted: _Block = {"type": "input_image", "image_url": url, "detail": detail}
    return None if _holds(block, converted) else converted


def _file(block: _Block, _: str) -> _Block | None:
    """Lay a file open. Chat takes an address where its content would be; here it has a place."""
    nested = block.get("file") or block.get("input_file")
    source = nested if isinstance(nested, dict) else block
    fields = {name: source[name] for name in _FILE_FIELDS if text(source.get(name))}
    if text(fields.get("file_data")).startswith(("https://", "http://")):
        fields.setdefault("file_url", fields.pop("file_data"))
    if not fields.keys() - {"filename"}:
        return _unmarked(block)
    converted: _Block = {"type": "input_file", **fields}
    return None if _holds(block, converted) and len(fields) == _file_fields(block) else converted


def _file_fields(block: _Block) -> int:
    return sum(1 for name in _FILE_FIELDS if text(block.get(name)))


def _video(block: _Block, _: str) -> _Block | None:
    source = block.get("video_url")
    url = source if isinstance(source, str) else text(member(source, "url"))
    if not url:
        return _unmarked(block)
    converted: _Block = {"type": "input_video", "video_url": url}
    return None if _holds(block, converted) else converted


def _audio(block: _Block, _: str) -> _Block | None:
    return _unmarked(block)


def _unmarked(block: _Block) -> _Block | None:
    """Take off a cache mark, which only text may carry here."""
    if _CACHE_MARK not in block:
        return None
    return {name: value for name, value in block.items() if name != _CACHE_MARK}


def _holds(block: _Block, converted: _Block) -> bool:
    """Say whether a block has the shape of its conversion, so that it may pass as it came."""
    has_all = all(block.get(name) == value for name, value in converted.items())
    return has_all and _CACHE_MARK not in block


_CONVERSIONS: Final[Mapping[str, Callable[[_Block, str], _Block | None]]] = {
    **dict.fromkeys(_TEXTS, _text),
    **dict.fromkeys(_IMAGES, _image),
    **dict.fromkeys(_FILES, _file),
    **dict.fromkeys(_VIDEOS, _video),
    "input_audio": _audio,
}
