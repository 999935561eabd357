"""What the items of a /responses output look like on the wire, and what they say. Pure.

An item's fields stay raw until somebody asks: a strange one costs what it says, and never the
item around it.
"""

from __future__ import annotations

from base64 import b64decode
from typing import Final

import msgspec
from msgspec import Raw, Struct

from actors.values import Annotated, SearchAction
from bridge.openrouter.loose_json import decode, member, text, texts
from bridge.openrouter.wire_responses import UNDECODABLE, is_told, text_of

CALLS: Final = frozenset({"function_call", "custom_tool_call"})
"""The items that wait for us; all other tools run at the provider."""

IMAGES: Final = frozenset({"image_generation_call", "openrouter:image_generation"})
SEARCHES: Final = frozenset({"web_search_call", "openrouter:web_search"})

IMAGE_MIME_DEFAULT: Final = "image/png"

_NOTHING = Raw()
_HEAD_CHARS: Final = 24
_MAGIC: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
)
_RIFF, _WEBP, _WEBP_AT = b"RIFF", b"WEBP", 8
_AVIF, _AVIF_AT = b"ftypavif", 4


class Item(Struct, gc=False):
    """An output item: the fields of all kinds that are looked into."""

    type: str = ""
    id: Raw = _NOTHING
    status: Raw = _NOTHING
    content: Raw = _NOTHING
    summary: Raw = _NOTHING
    phase: Raw = _NOTHING
    call_id: Raw = _NOTHING
    name: Raw = _NOTHING
    arguments: Raw = _NOTHING
    input: Raw = _NOTHING
    action: Raw = _NOTHING
    result: Raw = _NOTHING
    image_url: Raw = msgspec.field(default=_NOTHING, name="imageUrl")
    image_base64: Raw = msgspec.field(default=_NOTHING, name="imageB64")


class CallStatement(Struct, gc=False):
    """`function_call_arguments.done` and `custom_tool_call_input.done`."""

    name: Raw = _NOTHING
    arguments: Raw = _NOTHING
    input: Raw = _NOTHING


class AnnotationEvent(Struct, gc=False):
    """`output_text.annotation.added`."""

    annotation: Raw


class Search(Struct, gc=False):
    """What a search is after, as far as it says."""

    action: SearchAction = SearchAction.SEARCH
    queries: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()


read_item: Final = msgspec.json.Decoder(Item).decode


def decode_item(raw: Raw) -> Item:
    """Read an item; one that makes no sense reads as one of no known type."""
    try:
        return read_item(raw)
    except UNDECODABLE:
        return Item()


def arguments_of(stated: Item | CallStatement) -> str:
    """Read a call's arguments: JSON text, the free text of a custom tool, or "".

    A host that writes the arguments as an object instead of a string means the same.
    """
    for raw in (stated.arguments, stated.input):
        if is_told(raw):
            written = bytes(raw)
            return text_of(raw) if written[:1] == b'"' else written.decode("utf-8", "replace")
    return ""


def search_of(raw: Raw) -> Search:
    """Read a search's `action`. It is often told only when the step is over."""
    action = decode(bytes(raw)) if is_told(raw) else None
    url = text(member(action, "url"))
    match member(action, "type"):
        case "open_page":
            return Search(action=SearchAction.OPEN_PAGE, urls=(url,) if url else ())
        case "find_in_page":
            pattern = text(member(action, "pattern"))
            return Search(
                action=SearchAction.FIND_IN_PAGE,
                queries=(pattern,) if pattern else (),
                urls=(url,) if url else (),
            )
    query = text(member(action, "query"))
    sources = member(action, "sources")
    found = [member(source, "url") for source in sources] if isinstance(sources, list) else []
    return Search(
        queries=texts(member(action, "queries")) or ((query,) if query else ()),
        urls=texts(found),
    )


def image_url_of(item: Item) -> str:
    """Return the finished image as a `data:` URL or an address; "" when there is none.

    The fields hold base64, a `data:` URL or an address, as the host likes it.
    """
    for raw in (item.result, item.image_url, item.image_base64):
        if told := text_of(raw).strip():
            is_url = told.startswith(("data:", "https://", "http://"))
            return told if is_url else f"data:{_mime_of(told)};base64,{told}"
    return ""


def _mime_of(base64: str) -> str:
    """Tell the kind of an image by its first bytes."""
    try:
        head = b64decode(base64[:_HEAD_CHARS], validate=True)
    except ValueError:
        return IMAGE_MIME_DEFAULT
    if head.startswith(_RIFF) and head[_WEBP_AT:].startswith(_WEBP):
        return "image/webp"
    if head[_AVIF_AT:].startswith(_AVIF):
        return "image/avif"
    return next((mime for magic, mime in _MAGIC if head.startswith(magic)), IMAGE_MIME_DEFAULT)


def annotated(output_index: int, raw: Raw) -> tuple[str, Annotated] | None:
    """Read an annotation. Some hosts nest what it says under its own type, as chat does.

    Returns:
        Its name, by which a later statement of the same is known, and the event. A citation is a
        page at a place in the text, a parsed file its hash; of anything else the whole counts.
        None: it notes nothing.
    """
    document = decode(bytes(raw))
    if not isinstance(document, dict):
        return None
    nested = member(document, text(member(document, "type")))
    source = nested if isinstance(nested, dict) else document
    url, file_hash = text(member(source, "url")), text(member(source, "hash"))
    if url:
        name = f"{url} {member(source, 'start_index')} {member(source, 'end_index')}"
    else:
        name = file_hash or msgspec.json.encode(document, order="sorted").decode()
    titles = (text(member(source, key)) for key in ("title", "filename", "name"))
    event = Annotated(
        output_index=output_index,
        url=url,
        title=next(filter(None, titles), ""),
        text=text(member(source, "content")),
        json=bytes(raw).decode("utf-8", "replace"),
    )
    return name, event
