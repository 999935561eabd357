"""The calls of one answer while they run: which may start, and whether all are over. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from actors.tool_plan import Batch, plan
from actors.values import ToolCall, ToolOutput


class CallBook(Struct, frozen=True, kw_only=True):
    """One round of calls.

    Attributes:
        calls: in the order in which the model worded them.
        batches: how they run together.
        begun: ids of calls that were started, or are over without a start.
        outputs: what the calls that are over gave back, for the model.
    """

    calls: tuple[ToolCall, ...]
    batches: tuple[Batch, ...]
    begun: frozenset[str] = frozenset()
    outputs: tuple[ToolOutput, ...] = ()

    @property
    def is_over(self) -> bool:
        """Whether every call has its output."""
        return len(self.outputs) == len(self.calls)

    @property
    def running(self) -> int:
        """Calls that were started and are not over."""
        return len(self.begun) - len(self.outputs)

    def is_open(self, call_id: str) -> bool:
        """Say whether this call still waits for its output."""
        return any(call.call_id == call_id for call in self.calls) and all(
            output.call_id != call_id for output in self.outputs
        )


def open_book(calls: Sequence[ToolCall], *, batch_max: int) -> CallBook:
    """Begin a round; nothing runs yet."""
    return CallBook(calls=tuple(calls), batches=plan(calls, batch_max=batch_max))


def startable(book: CallBook, *, parallel_max: int) -> tuple[tuple[int, ToolCall], ...]:
    """Return the calls that may start now, each with the index of its batch, first one first.

    Args:
        book: the round.
        parallel_max: how many of its calls may run at once.
    """
    room = parallel_max - book.running
    if room <= 0 or len(book.begun) == len(book.calls):
        return ()
    over = {output.call_id for output in book.outputs}
    found: list[tuple[int, ToolCall]] = []
    for index, batch in enumerate(book.batches):
        if batch.waits_for <= over:
            found += [(index, call) for call in batch.calls if call.call_id not in book.begun]
    return tuple(found[:room])


def with_begun(book: CallBook, call_id: str) -> CallBook:
    """Note that a call was started."""
    return replace(book, begun=book.begun | {call_id})


def with_output(book: CallBook, output: ToolOutput) -> CallBook:
    """Note what a call gave back; the first output of a call stands."""
    if not book.is_open(output.call_id):
        return book
    return replace(book, begun=book.begun | {output.call_id}, outputs=(*book.outputs, output))


def open_calls(book: CallBook, batch: int | None = None) -> tuple[ToolCall, ...]:
    """Return the calls without an output: of one batch, or of the whole round."""
    calls = book.calls if batch is None else book.batches[batch].calls
    return tuple(call for call in calls if book.is_open(call.call_id))


def outputs_in_order(book: CallBook) -> tuple[ToolOutput, ...]:
    """Return the outputs in the order in which the model worded the calls."""
    by_id = {output.call_id: output for output in book.outputs}
    return tuple(by_id[call.call_id] for call in book.calls if call.call_id in by_id)
