"""Watches the line of what waits to be committed, from inside the writer that fills it.

The line passes no interceptor; so the writer that runs is a class made from the one under test,
which has its line looked at after each message.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from actors.db_line import Line, LineBounds
from actors.db_writer import DbWriterActor, WriterMessage
from actors.kernel.ref import ActorRef
from bridge.chaos.trace import Trace


class LineBook:
    """Knows the lines of all trees of a run.

    Args:
        trace: where it is written down what is wrong with one.
        bounds: what each may hold.
    """

    def __init__(self, trace: Trace, bounds: LineBounds) -> None:
        self._trace = trace
        self._bounds = bounds
        # The writer's name in its tree is always the same, so its last life is asked.
        self._lines: dict[int, tuple[Line, Callable[[], bool]]] = {}

    def has(self, line: Line, is_served: Callable[[], bool]) -> None:
        """Get to know a line, and who says whether its writer lives."""
        self._lines[id(line)] = (line, is_served)

    def look(self, line: Line) -> None:
        """See whether the line keeps its bounds. A single save may be larger."""
        bounds = self._bounds
        if line.saves:
            self._trace.fired["storage line in use"] += 1
        is_over = line.rows > bounds.rows_max or line.weight_bytes > bounds.bytes_max
        if line.saves > 1 and is_over:
            what = f"{line.rows} rows of {line.weight_bytes} bytes wait to be committed"
            self._trace.breach("line", what)

    def check_drained(self) -> None:
        """After quiet nothing waits in the line of a tree that lives."""
        for line, is_served in self._lines.values():
            if line.saves and is_served():
                self._trace.breach("drained", f"after quiet {line.saves} saves wait")


def watched_writer(writer: type[DbWriterActor], book: LineBook) -> type[DbWriterActor]:
    """Return a writer whose line is looked at after each message."""

    class WatchedWriter(writer):  # type: ignore[valid-type, misc]  # only known here
        """A writer under observation."""

        def __init__(self, committer: ActorRef[Any] | str, line: Line) -> None:
            super().__init__(committer, line)
            self.line = line
            book.has(line, self.actor_ref.is_alive)

        def receive(self, message: WriterMessage) -> object:
            result = super().receive(message)
            book.look(self.line)
            return result

    return WatchedWriter
