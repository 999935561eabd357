"""What one /responses answer has said so far, and what a statement of an item adds. Pure.

Three ledgers share the work: of the parts that are text, of the calls, and of all the rest. They
are keyed by `output_index`; what they tell is gathered here, in the order in which it came.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import Raw

from actors.values import EndStatus, StreamEvent
from bridge.openrouter.codec_responses_calls import CallLedger
from bridge.openrouter.codec_responses_items import ItemLedger
from bridge.openrouter.codec_responses_parts import PartKind, PartLedger
from bridge.openrouter.wire_responses import Part, decode_parts, place_items, text_of
from bridge.openrouter.wire_responses_items import CALLS, Item, decode_item, read_item

PART_KINDS: Final[Mapping[str, PartKind]] = {
    "output_text": PartKind.TEXT,
    "refusal": PartKind.REFUSAL,
    "reasoning_text": PartKind.RAW_THINKING,
    "summary_text": PartKind.SUMMARY,
}

REMEMBERED_ITEMS_MAX: Final = 32
REMEMBERED_BYTES_MAX: Final = 64 * 1024
"""Of each finished item; where one is longer, or they are more, the terminal event is read in full.
"""

_EMPTY_LIST_CHARS: Final = len("[]")


class Answer:
    """The ledgers of one answer; `parts` gathers the events of all three."""

    __slots__ = ("_finished", "_item_types", "calls", "items", "parts")

    def __init__(self) -> None:
        self.parts = PartLedger()
        self.calls = CallLedger()
        self.items = ItemLedger()
        self._item_types: dict[int, str] = {}
        # Finished items as they were written, as long as nothing stands out of their order.
        self._finished: list[Raw] | None = []

    def tell(self, events: Iterable[StreamEvent]) -> None:
        """Add events to what was told."""
        self.parts.events.extend(events)

    def begin_item(self, output_index: int, raw: Raw) -> None:
        """Take an item that has only begun."""
        item = read_item(raw)
        self._item_types.setdefault(output_index, item.type)
        ledger = self.calls if item.type in CALLS else self.items
        self.tell(ledger.begin(output_index, item))

    def finish_item(self, output_index: int, raw: Raw) -> None:
        """Take a finished item."""
        item = read_item(raw)
        self._item_types[output_index] = item.type
        self._state_item(output_index, item, raw)
        finished = self._finished
        if finished is not None:
            is_next = output_index == len(finished) < REMEMBERED_ITEMS_MAX
            if is_next and len(raw) <= REMEMBERED_BYTES_MAX:
                finished.append(raw)
            else:
                self._finished = None

    def state_output(self, output: Sequence[Raw]) -> None:
        """Take the list of all items that the terminal event repeats."""
        if not output or output == self._finished:
            # Nearly always: word for word what was told item by item.
            return
        items = [decode_item(raw) for raw in output]
        types = [item.type for item in items]
        announced = {**self.parts.item_types(), **self._item_types}
        places = place_items(types, announced)
        for position, (output_index, item) in enumerate(zip(places, items, strict=True)):
            if output_index is not None:
                self._state_item(output_index, item, output[position])
            elif item.type in CALLS and not self.calls.knows(text_of(item.call_id)):
                # Its id tells a call from all that were streamed, wherever it stands.
                self._state_item(max(announced) + 1 + position, item, output[position])

    def close(self, status: EndStatus) -> EndStatus:
        """Tell what nothing has finished; return how the answer as a whole has ended.

        A call that its provider calls incomplete makes the answer incomplete: it was cut.
        """
        self.parts.close()
        if status in (EndStatus.FAILED, EndStatus.ERROR):
            return status
        self.tell(self.calls.close())
        self.tell(self.items.close())
        return EndStatus.INCOMPLETE if self.calls.is_cut else status

    def _state_item(self, output_index: int, item: Item, raw: Raw) -> None:
        """State what a finished item holds. Other types have content of other shapes."""
        if item.type in CALLS:
            self.tell(self.calls.finish(output_index, item))
            return
        if item.type == "message":
            self._state_parts(output_index, decode_parts(item.content))
        elif item.type == "reasoning":
            self._state_parts(output_index, decode_parts(item.content))
            self._state_parts(output_index, decode_parts(item.summary))
        self.tell(self.items.finish(output_index, item, raw))

    def _state_parts(self, output_index: int, parts: Sequence[Part]) -> None:
        for index, part in enumerate(parts):
            kind = PART_KINDS.get(part.type)
            if kind is not None:
                self.parts.state((kind, output_index, index), part.text or part.refusal or "")
            if len(part.annotations) > _EMPTY_LIST_CHARS:
                self.tell(self.items.note_all(output_index, index, part.annotations))
