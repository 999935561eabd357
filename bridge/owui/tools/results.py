"""What a tool gave back, as a model reads it (SPEC 77). Pure.

Tools return anything. Open WebUI 0.12 knows some forms: a page to be embedded, a pair of a
result and HTTP headers from a tool server, content blocks from an MCP server, and images as
`data:` URLs anywhere inside. A model reads here what it would read there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

import msgspec
from msgspec import Struct, structs

from actors.values import Source
from bridge.owui.tools.offers import MCP, Offer
from bridge.transforms.json_text import json_text
from bridge.transforms.text import whole

OUTPUT_CHARS_MAX: Final = 1_000_000
FILES_MAX: Final = 16
FILES_CHARS_MAX: Final = 40_000_000
SOURCES_MAX: Final = 50
SOURCE_CHARS_MAX: Final = 2_000

_IMAGE: Final = re.compile(r"data:image/[a-zA-Z0-9.+-]+;base64,[A-Za-z0-9+/]+={0,2}", re.IGNORECASE)
_DATA: Final = "data:"
_PLACE: Final = "[image]"
_DEPTH_MAX: Final = 64
_PAIR: Final = 2
_SHOWN: Final = "The result is embedded in the chat, and the user can see it."
_OK: Final = range(200, 300)


class Reading(Struct, frozen=True, kw_only=True, gc=False):
    """A result taken apart.

    Attributes:
        output: for the model.
        files: images, as `data:` URLs or addresses.
        embeds: pages to be shown in the chat, as HTML or addresses.
        sources: where it came from, as far as the result itself says.
        failure: what went wrong, where the result only says that; None: nothing did.
    """

    output: str
    files: tuple[str, ...] = ()
    embeds: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    failure: str | None = None

    def __repr__(self) -> str:
        return f"Reading({len(self.output)} characters, {self.sources!r})"


def read_result(raw: object, offer: Offer, *, can_embed: bool) -> Reading:
    """Read what a tool returned.

    Args:
        raw: the result itself; it is not changed.
        offer: the tool, which says what forms its results have.
        can_embed: whether a page can be shown in the chat; else the model gets it as text.
    """
    if type(raw) is str and _DATA not in raw:
        # Nearly every result is text and nothing else.
        return Reading(output=cut_output(whole(raw)))
    value, embeds = _unpacked(raw, offer, can_embed=can_embed)
    if offer.kind == MCP and (blocks := _blocks(value)) is not None:
        reading = _mcp(blocks, is_error=isinstance(value, Mapping) and value.get("isError") is True)
    elif (problem := _problem(value, offer)) is not None:
        reading = Reading(output=problem, failure=problem)
    else:
        reading = _plain_result(value, offer)
    return _bounded(structs.replace(reading, embeds=embeds))


def _plain_result(value: object, offer: Offer) -> Reading:
    files: list[str] = []
    text = _text(value)
    if _DATA in text:
        # Looked through only now: what could be written as JSON ends somewhere.
        bare = _without_images(value, files)
        text = f"{offer.name}: an image was read." if files and bare == _PLACE else _text(bare)
    return Reading(output=text, files=tuple(files), sources=tuple(_sources(value)))


# --- forms ---------------------------------------------------------------------------------------


def _unpacked(raw: object, offer: Offer, *, can_embed: bool) -> tuple[object, tuple[str, ...]]:
    """Take a page or headers away from a result; return the rest, and what is to be embedded."""
    is_page_pair = isinstance(raw, tuple) and len(raw) == _PAIR and _is_page(raw[0])
    page, context = raw if is_page_pair and isinstance(raw, tuple) else (raw, None)
    if _is_page(page):
        return _page(page, context, offer, can_embed=can_embed)
    if not _has_headers(raw, offer):
        return raw, ()
    assert isinstance(raw, tuple | list), "a pair, as was just seen"
    value, headers = raw[0], _headers(raw[1])
    if not can_embed or "inline" not in headers.get("content-disposition", ""):
        return value, ()
    inner, context = value if _is_pair(value) else (value, None)
    shown = inner if "text/html" in headers.get("content-type", "") else headers.get("location")
    if not isinstance(shown, str) or not shown:
        return value, ()
    return (context if isinstance(context, str | dict | list) else _SHOWN), (shown,)


def _page(
    page: object, context: object, offer: Offer, *, can_embed: bool
) -> tuple[object, tuple[str, ...]]:
    """Read an HTML response: embedded if it wants to be, else as text."""
    body = getattr(page, "body", b"")
    text = body.decode("utf-8", "replace") if isinstance(body, bytes | bytearray) else str(body)
    headers = _headers(getattr(page, "headers", None))
    if not can_embed or "inline" not in headers.get("content-disposition", ""):
        return text, ()
    status = getattr(page, "status_code", 200)
    if status not in _OK:
        return f"Error: the page of {offer.name} came with status {status}.", (text,)
    return (context if isinstance(context, str | dict | list) else _SHOWN), (text,)


def _is_page(value: object) -> bool:
    """Say whether this is a web framework's HTML response, without knowing the framework."""
    return any(kind.__name__ == "HTMLResponse" for kind in type(value).__mro__)


def _has_headers(raw: object, offer: Offer) -> bool:
    """Say whether this is a result and its HTTP headers, as tool servers' callers return them."""
    if isinstance(raw, tuple):
        return len(raw) == _PAIR and offer.is_on_server
    # A browser's answer is JSON. In 0.6 it is the result alone, which may be a list of two.
    if not (offer.is_direct and isinstance(raw, list) and len(raw) == _PAIR):
        return False
    return raw[1] is None or "content-type" in _headers(raw[1])


def _headers(value: object) -> dict[str, str]:
    items = value.items() if isinstance(value, Mapping) or hasattr(value, "items") else ()
    return {str(name).lower(): str(text) for name, text in items}


def _is_pair(value: object) -> bool:
    return isinstance(value, tuple | list) and len(value) == _PAIR


def _problem(value: object, offer: Offer) -> str | None:
    """Find what Open WebUI, or the browser, says instead of raising: `{"error": ...}` alone."""
    if not (offer.is_on_server or offer.is_direct):
        return None
    if not isinstance(value, Mapping) or set(value) != {"error"} or not value["error"]:
        return None
    return _text(value["error"])


# --- MCP -----------------------------------------------------------------------------------------


def _blocks(value: object) -> list[object] | None:
    """Find the content blocks of an MCP server's answer, which may stand in its envelope."""
    inner = value.get("content") if isinstance(value, Mapping) else value
    return inner if isinstance(inner, list) else None


def _mcp(blocks: list[object], *, is_error: bool) -> Reading:
    texts: list[str] = []
    files: list[str] = []
    for block in blocks:
        if isinstance(block, Mapping):
            texts += _block(block, files)
        else:
            texts.append(_text(block))
    output = "\n".join(text for text in texts if text)
    problem = (output or "it gave no reason") if is_error else None
    return Reading(output=output, files=tuple(files), failure=problem)


def _block(block: Mapping[str, object], files: list[str]) -> Iterator[str]:
    """Read one content block: its text is yielded, its image is put to the files."""
    match block.get("type"):
        case "text":
            yield _text(block.get("text"))
        case "image":
            files.append(_data_url(block, "image/png"))
        case "audio":
            yield f"[audio, {block.get('mimeType') or 'of an unknown type'}, not shown]"
        case "resource_link":
            yield _text(block.get("uri"))
        case "resource":
            inner = block.get("resource")
            yield from _resource(inner if isinstance(inner, Mapping) else {}, files)
        case _:
            yield _text(block)


def _resource(resource: Mapping[str, object], files: list[str]) -> Iterator[str]:
    kind, address = str(resource.get("mimeType") or ""), str(resource.get("uri") or "resource")
    if resource.get("text"):
        yield _text(resource["text"])
    elif resource.get("blob") and kind.startswith("image/"):
        files.append(_data_url(resource, kind))
    elif resource.get("blob"):
        yield f"[{address}: binary data, {kind or 'of an unknown type'}, not shown]"
    else:
        yield address


def _data_url(block: Mapping[str, object], kind: str) -> str:
    data = block.get("data") or block.get("blob") or ""
    return f"data:{block.get('mimeType') or kind};base64,{data}"


# --- text and images -----------------------------------------------------------------------------


def _without_images(value: object, files: list[str], depth: int = 0) -> object:
    """Put images aside, wherever they stand: as text they are of no use to a model."""
    if isinstance(value, str):
        if not value.startswith(_DATA):
            return value
        if _IMAGE.fullmatch(value):
            files.append(value)
            return _PLACE
        # Half a megabyte of anything else in base64 is no text either.
        return value if "base64," not in value[:200] else f"{value[:40]}... [not shown]"
    if isinstance(value, Mapping) and depth < _DEPTH_MAX:
        return {key: _without_images(each, files, depth + 1) for key, each in value.items()}
    if isinstance(value, list | tuple) and depth < _DEPTH_MAX:
        return [_without_images(each, files, depth + 1) for each in value]
    return value


def _text(value: object) -> str:
    """Write a value for a model: nothing as nothing, what has parts as JSON, the rest as text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return whole(value)
    if isinstance(value, bytes | bytearray):
        return f"[{len(value)} bytes]"
    if isinstance(value, int | float):
        return str(value)
    try:
        text = msgspec.json.encode(value, enc_hook=_spelt).decode()
        # A date, an id, an object of the tool's own: JSON has one text for it, in quotes.
        return text if not text.startswith('"') else str(msgspec.json.decode(text))
    except UnicodeEncodeError:
        return json_text(value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        # No JSON: a key that is no text, or a value that holds itself.
        return whole(str(value))


def _spelt(unknown: object) -> object:
    """Write what JSON does not know: a pydantic model as its fields, anything else as its text."""
    dump = getattr(unknown, "model_dump", None)
    is_model = callable(dump) and not isinstance(unknown, type)
    return dump(mode="json") if is_model and callable(dump) else str(unknown)


# --- sources -------------------------------------------------------------------------------------


def _sources(value: object) -> Iterator[Source]:
    """Read sources that a result carries in Open WebUI's own form, under `sources`."""
    listed = value.get("sources") if isinstance(value, Mapping) else None
    for entry in listed if isinstance(listed, list) else ():
        about = entry.get("source") if isinstance(entry, Mapping) else None
        if not isinstance(about, Mapping):
            continue
        address = str(about.get("url") or "")
        documents = entry.get("document")
        texts = documents if isinstance(documents, list) else []
        text = "\n".join(each for each in texts if isinstance(each, str))
        yield Source(name=str(about.get("name") or address or "source"), url=address, text=text)


# --- bounds --------------------------------------------------------------------------------------


def _bounded(reading: Reading) -> Reading:
    kept: list[str] = []
    left = FILES_CHARS_MAX
    for file in reading.files[:FILES_MAX]:
        if len(file) <= left:
            kept.append(file)
            left -= len(file)
    output = cut_output(reading.output)
    if lost := len(reading.files) - len(kept):
        output += f"\n[{lost} images were too many or too large and are not here]"
    return structs.replace(
        reading,
        output=output,
        files=tuple(kept),
        sources=tuple(bounded_sources(reading.sources)),
    )


def cut_output(text: str) -> str:
    """Cut what is longer than any model reads, and say by how much."""
    if len(text) <= OUTPUT_CHARS_MAX:
        return text
    return f"{text[:OUTPUT_CHARS_MAX]}\n[cut: {len(text) - OUTPUT_CHARS_MAX} more characters]"


def bounded_sources(sources: tuple[Source, ...]) -> Iterator[Source]:
    """Keep so many sources, and so much text of each."""
    for source in sources[:SOURCES_MAX]:
        yield replace(source, text=whole(source.text[:SOURCE_CHARS_MAX]))
