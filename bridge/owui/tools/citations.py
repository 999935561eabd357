"""The sources of Open WebUI's own tools, derived from results as its chat loop does it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from actors.values import Source
from bridge.owui.tools.offers import BUILTIN, Offer

_EXCERPT_CHARS: Final = 500
_FILE_TOOLS: Final = frozenset({"view_file", "view_knowledge_file"})
_QUERY_TOOLS: Final = frozenset({"query_knowledge_files", "query_chat_files"})


def cited(offer: Offer, arguments: Mapping[str, object], output: str) -> tuple[Source, ...]:
    """Name what a built-in tool drew on; nothing for any other tool.

    Args:
        offer: the tool.
        arguments: what it was called with.
        output: what it gave back, as text.
    """
    if offer.kind != BUILTIN or not output:
        return ()
    value = _decoded(output)
    if isinstance(value, Mapping) and "error" in value:
        return ()
    if offer.name == "fetch_url":
        url = _text(arguments.get("url"))
        excerpt = output[:_EXCERPT_CHARS] + ("..." if len(output) > _EXCERPT_CHARS else "")
        return (Source(name=url or offer.name, url=url, text=excerpt),)
    if offer.name in _FILE_TOOLS and isinstance(value, Mapping):
        name = _text(value.get("filename")) or "Unknown File"
        return (Source(name=name, text=_text(value.get("content"))),)
    if offer.name in _QUERY_TOOLS and isinstance(value, list):
        return tuple(_by_file(value))
    return ()


def _by_file(chunks: list[object]) -> Iterator[Source]:
    """Join the passages of each file into one source, in the order of their first passages."""
    texts: dict[tuple[str, str], list[str]] = {}
    for chunk in chunks:
        if isinstance(chunk, Mapping):
            name = _text(chunk.get("source")) or "Unknown"
            key = _text(chunk.get("file_id")) or _text(chunk.get("note_id")) or name
            texts.setdefault((key, name), []).append(_text(chunk.get("content")))
    for (_, name), passages in texts.items():
        yield Source(name=name, text="\n\n".join(passages))


def _decoded(text: str) -> object:
    try:
        value: object = msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    return value


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
