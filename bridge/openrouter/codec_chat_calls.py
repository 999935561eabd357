"""The tool calls of one chat answer, put together from their pieces. Pure.

Pieces of several calls may interleave, indexes may start anywhere, and some hosts leave out the
index, the id or the arguments. A call is known by its index, and by its id where they differ.
"""

from __future__ import annotations

from actors.values import StreamEvent, ToolCall, ToolCallBegan, ToolCalled
from bridge.openrouter.wire_chat import CallPiece
from bridge.openrouter.wire_text import mend, read_leniently

FIRST_CALL = 2
"""Output index of the first call; thinking and the message come before it."""


class _Call:
    """One call under way."""

    __slots__ = ("call_id", "name", "output_index", "pieces")

    def __init__(self, output_index: int) -> None:
        self.output_index = output_index
        self.call_id = ""
        self.name = ""
        self.pieces: list[str] = []

    def arguments(self) -> str:
        """Return the arguments as far as they came, as the model wrote them."""
        joined = "".join(self.pieces)
        try:
            joined.encode()
        except UnicodeEncodeError:
            return mend(joined)
        return joined


class CallCollector:
    """Collects pieces; a call's place in the answer is the order in which it began."""

    __slots__ = ("_by_index", "_calls")

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}

    def take(self, piece: CallPiece) -> ToolCallBegan | None:
        """Add a piece; return the beginning of a call once its name is known."""
        call = self._call_of(piece)
        call.call_id = call.call_id or piece.id or ""
        function = piece.function
        if function is None:
            return None
        if function.arguments:
            call.pieces.append(function.arguments)
        if call.name or not function.name:
            return None
        call.name = function.name
        return ToolCallBegan(output_index=call.output_index, name=call.name)

    def has_cut_call(self) -> bool:
        """Whether the arguments of a call are no JSON, and not just missing."""
        return any(map(_is_cut, self._calls))

    def called(self, answer_id: str) -> list[StreamEvent]:
        """Return all calls in their final wording.

        A call without a name is none: nothing can be run. One without an id gets one, made of
        the answer's, because its output has to name it.
        """
        return [
            ToolCalled(
                output_index=call.output_index,
                call=ToolCall(
                    call_id=call.call_id or f"call_{answer_id}_{call.output_index}",
                    name=call.name,
                    arguments=call.arguments(),
                ),
            )
            for call in self._calls
            if call.name
        ]

    def nameless_count(self) -> int:
        """How many calls came without a name."""
        return sum(not call.name for call in self._calls)

    def _call_of(self, piece: CallPiece) -> _Call:
        """Find the call that a piece belongs to, or begin one."""
        if piece.index is not None:
            call = self._by_index.get(piece.index)
        else:
            call = self._calls[-1] if self._calls else None
        if call is None or _is_another(call, piece):
            call = _Call(FIRST_CALL + len(self._calls))
            self._calls.append(call)
            if piece.index is not None:
                self._by_index[piece.index] = call
        return call


def _is_another(call: _Call, piece: CallPiece) -> bool:
    """Whether a piece at the place of this call begins a new one."""
    if piece.id and call.call_id:
        return piece.id != call.call_id
    # Without index and id, a name is what begins a call.
    return piece.index is None and bool(call.name and piece.function and piece.function.name)


def _is_cut(call: _Call) -> bool:
    arguments = call.arguments().strip()
    if arguments in ("", "null"):
        return False
    return read_leniently(arguments.encode()) is None
