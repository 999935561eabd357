"""What an answer holds beside its words and its calls; each thing is told once. Pure.

Finished thinking, the phase of a message, annotations, images and searches all come several
times: in events of their own, in finished items and in the terminal output.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import IntEnum, auto

from msgspec import Raw

from actors.values import (
    ImageMade,
    MessagePhased,
    Reasoning,
    ReasoningMade,
    SearchAdvanced,
    StreamEvent,
    WireFormat,
)
from bridge.openrouter.wire_responses import decode_list, text_of
from bridge.openrouter.wire_responses_items import (
    IMAGES,
    SEARCHES,
    Item,
    Search,
    annotated,
    image_url_of,
    search_of,
)


class _Told(IntEnum):
    """What is told once for each item. A number, because it is hashed."""

    THOUGHT = auto()
    PHASE = auto()
    IMAGE = auto()
    SEARCH = auto()


_THOUGHT, _PHASE, _IMAGE, _SEARCH = _Told


class ItemLedger:
    """Turns what is said of items into events, by the output index they have."""

    __slots__ = ("_notes", "_searches", "_told")

    def __init__(self) -> None:
        # What was told of an item, by its output index.
        self._told: set[tuple[_Told, int]] = set()
        self._notes: set[tuple[int, int, str]] = set()
        self._searches: dict[int, Search] = {}

    def begin(self, output_index: int, item: Item) -> Sequence[StreamEvent]:
        """Take an item that has only begun."""
        if item.type == "message":
            return self._phased(output_index, item)
        if item.type in SEARCHES:
            return self.search(output_index, search_of(item.action))
        return ()

    def finish(self, output_index: int, item: Item, raw: Raw) -> Sequence[StreamEvent]:
        """Take a finished item; `raw` is the item as it is written."""
        if item.type == "reasoning":
            return self._thought(output_index, raw)
        if item.type == "message":
            return self._phased(output_index, item)
        if item.type in IMAGES:
            return self._image(output_index, item)
        if item.type in SEARCHES:
            return self._searched(output_index, search_of(item.action))
        return ()

    def note(
        self, output_index: int, content_index: int, notes: Sequence[Raw]
    ) -> Iterator[StreamEvent]:
        """Take annotations of one part of a message."""
        for raw in notes:
            read = annotated(output_index, raw)
            if read is None:
                continue
            name, event = read
            place = (output_index, content_index, name)
            if place not in self._notes:
                self._notes.add(place)
                yield event

    def note_all(self, output_index: int, content_index: int, notes: Raw) -> Iterator[StreamEvent]:
        """Take the list of annotations that a finished part repeats."""
        return self.note(output_index, content_index, decode_list(notes))

    def search(self, output_index: int, search: Search) -> Sequence[StreamEvent]:
        """Take a sign that a search is under way; the first one is told."""
        if output_index in self._searches or (_SEARCH, output_index) in self._told:
            return ()
        self._searches[output_index] = search
        return (_advanced(output_index, search, is_done=False),)

    def close(self) -> Sequence[StreamEvent]:
        """Tell the end of searches whose finished item never came."""
        if not self._searches:
            return ()
        begun = self._searches.items()
        return [event for index, search in begun for event in self._searched(index, search)]

    def _thought(self, output_index: int, raw: Raw) -> Sequence[StreamEvent]:
        if not self._is_first(_THOUGHT, output_index):
            return ()
        reasoning = Reasoning(wire=WireFormat.RESPONSES, json=bytes(raw).decode("utf-8", "replace"))
        return (ReasoningMade(output_index=output_index, reasoning=reasoning),)

    def _phased(self, output_index: int, item: Item) -> Sequence[StreamEvent]:
        phase = text_of(item.phase) if len(item.phase) else ""
        if not phase or not self._is_first(_PHASE, output_index):
            return ()
        return (MessagePhased(output_index=output_index, phase=phase),)

    def _image(self, output_index: int, item: Item) -> Sequence[StreamEvent]:
        url = image_url_of(item)
        if not url or not self._is_first(_IMAGE, output_index):
            return ()
        return (ImageMade(output_index=output_index, url=url, item_id=text_of(item.id)),)

    def _searched(self, output_index: int, search: Search) -> Sequence[StreamEvent]:
        if not self._is_first(_SEARCH, output_index):
            return ()
        return (_advanced(output_index, search, is_done=True),)

    def _is_first(self, kind: _Told, output_index: int) -> bool:
        """Note that this is told; False: it was told before."""
        place = (kind, output_index)
        if place in self._told:
            return False
        self._told.add(place)
        return True


def _advanced(output_index: int, search: Search, *, is_done: bool) -> SearchAdvanced:
    return SearchAdvanced(
        output_index=output_index,
        action=search.action,
        queries=search.queries,
        urls=search.urls,
        is_done=is_done,
    )
