"""What stands beside the text of a chat answer: citations, parsed files, images. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from actors.values import Annotated, ImageMade, StreamEvent
from bridge.openrouter.loose_json import member, text
from bridge.openrouter.wire_chat import written

MESSAGE: Final = 1
"""Output index of the message, and of all that belongs to it."""

_CITATION: Final = "url_citation"


class NoteCollector:
    """Tells each note and each image once; some hosts say them again in a later chunk."""

    __slots__ = ("_told",)

    def __init__(self) -> None:
        self._told: set[str] = set()

    def take(
        self, annotations: Iterable[dict[str, object]], images: Iterable[dict[str, object]]
    ) -> list[StreamEvent]:
        """Return what is new among the notes and images of one chunk."""
        events: list[StreamEvent] = []
        for annotation in annotations:
            note = _note(annotation)
            if self._is_new(note.json):
                events.append(note)
        for image in images:
            url = text(member(image, "image_url", "url")) or text(member(image, "image_url"))
            if url and self._is_new(url):
                events.append(ImageMade(output_index=MESSAGE, url=url))
        return events

    def _is_new(self, name: str) -> bool:
        is_new = name not in self._told
        self._told.add(name)
        return is_new


def _note(annotation: dict[str, object]) -> Annotated:
    """Read a note. A citation has its fields nested, at other hosts beside the type."""
    json = written(annotation)
    if annotation.get("type") != _CITATION:
        return Annotated(output_index=MESSAGE, json=json)
    cited = annotation.get(_CITATION) or annotation
    return Annotated(
        output_index=MESSAGE,
        url=text(member(cited, "url")),
        title=text(member(cited, "title")),
        text=text(member(cited, "content")),
        json=json,
    )
