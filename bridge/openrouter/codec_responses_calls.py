"""The calls of one answer: begun once, told once, in their final wording. Pure.

A call is worded up to four times: in deltas, in its `done` event, in the finished item and in
the terminal output. It is told with the first finished item. What never got one is told at the
end, as far as it was written: then nobody can take it for a call to run (FACTS, fact 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from actors.values import StreamEvent, ToolCall, ToolCallBegan, ToolCalled
from bridge.openrouter.wire_responses import text_of
from bridge.openrouter.wire_responses_items import CallStatement, Item, arguments_of
from bridge.openrouter.wire_text import mend

ARGUMENTS_CHARS_MAX: Final = 16 * 2**20
"""Arguments in pieces that are held, over all calls; what is longer is told cut off."""


class _Call:
    """A call while it is being written."""

    __slots__ = ("begun", "call_id", "is_begun", "is_told", "name", "pieces", "stated")

    def __init__(self) -> None:
        self.call_id = ""
        self.name = ""
        self.begun = ""
        self.stated = ""
        self.pieces: list[str] = []
        self.is_begun = False
        self.is_told = False


class CallLedger:
    """Turns what is said of calls into events, by the output index they have."""

    __slots__ = ("_calls", "_room_chars", "_told_ids", "is_cut")

    def __init__(self) -> None:
        self._calls: dict[int, _Call] = {}
        self._told_ids: set[str] = set()
        self._room_chars = ARGUMENTS_CHARS_MAX
        # Whether the provider said of any call that it is not whole.
        self.is_cut = False

    def begin(self, output_index: int, item: Item) -> Sequence[StreamEvent]:
        """Take a call that the model begins to write.

        It may be whole already, or have a placeholder for its arguments: anything that comes
        later counts for more.
        """
        call = self._call(output_index)
        self._name(call, item)
        call.begun = arguments_of(item)
        return self._begun(output_index, call)

    def advance(self, output_index: int, delta: str) -> None:
        """Take a piece of the arguments."""
        if len(delta) <= self._room_chars:
            self._room_chars -= len(delta)
            self._call(output_index).pieces.append(delta)
        else:
            # A later piece that would fit must not be put behind the gap.
            self._room_chars = 0

    def state(self, output_index: int, statement: CallStatement) -> Sequence[StreamEvent]:
        """Take the full arguments of a call whose item is not finished yet."""
        call = self._call(output_index)
        call.stated = arguments_of(statement) or call.stated
        call.name = call.name or text_of(statement.name)
        return self._begun(output_index, call)

    def finish(self, output_index: int, item: Item) -> Sequence[StreamEvent]:
        """Take a finished item, told by the stream or by the terminal output."""
        self.is_cut = self.is_cut or text_of(item.status) == "incomplete"
        call = self._call(output_index)
        self._name(call, item)
        call.stated = arguments_of(item) or call.stated
        if not call.call_id:
            call.call_id = text_of(item.id) or f"call_{output_index}"
        return self._told(output_index, call)

    def close(self) -> Sequence[StreamEvent]:
        """Tell the calls that nothing finished, when the answer itself ended well."""
        if not self._calls:
            return ()
        waiting = sorted(
            item for item in self._calls.items() if not item[1].is_told and item[1].name
        )
        return [event for index, call in waiting for event in self._told(index, call)]

    def knows(self, call_id: str) -> bool:
        """Say whether the call with this id was told."""
        return call_id in self._told_ids

    def _call(self, output_index: int) -> _Call:
        call = self._calls.get(output_index)
        if call is None:
            call = self._calls[output_index] = _Call()
        return call

    def _name(self, call: _Call, item: Item) -> None:
        """Take over what an item says; what it leaves out stays as it was."""
        call.call_id = text_of(item.call_id) or call.call_id
        call.name = text_of(item.name) or call.name

    def _begun(self, output_index: int, call: _Call) -> Sequence[StreamEvent]:
        if call.is_begun or call.is_told or not call.name:
            return ()
        call.is_begun = True
        return (ToolCallBegan(output_index=output_index, name=call.name),)

    def _told(self, output_index: int, call: _Call) -> Sequence[StreamEvent]:
        call_id = call.call_id or f"call_{output_index}"
        if call.is_told or call_id in self._told_ids:
            return ()
        call.is_told = True
        self._told_ids.add(call_id)
        arguments = call.stated or "".join(call.pieces) or call.begun
        call.pieces.clear()
        worded = ToolCall(call_id=call_id, name=call.name, arguments=_whole(arguments))
        return (ToolCalled(output_index=output_index, call=worded),)


def _whole(text: str) -> str:
    """Join the surrogate halves that came in two deltas."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return mend(text)
    return text
