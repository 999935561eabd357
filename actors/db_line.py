"""What waits to be committed: a bounded line of saves, and the thread that empties it at exit.

The line belongs to the writer and is touched by the loop's thread alone, with one exception:
`left_behind`, for a program that ends without its loop. It outlives the writer's lives, so that
what nobody waits for is not lost with one of them.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from actors.artifacts import Artifact
from actors.ports import ArtifactStore, StoreError
from actors.values import OpaqueItem, Reasoning, ToolCall

if TYPE_CHECKING:
    from actors.kernel.ref import ActorRef

# What a row weighs beside its payload: ids, the object around it, its place in the line.
ROW_BYTES = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class LineBounds:
    """How much may wait, and how much goes into one commit; a single save may be larger.

    Attributes:
        rows_max, bytes_max: what is not committed yet, all of it.
        commit_rows_max, commit_bytes_max: one transaction.
    """

    rows_max: int = 10_000
    bytes_max: int = 64 * 1024 * 1024
    commit_rows_max: int = 500
    commit_bytes_max: int = 8 * 1024 * 1024


DEFAULT_BOUNDS = LineBounds()


class Place(Struct, eq=False):
    """One save in the line; never torn apart.

    Attributes:
        artifacts: what is to be kept, all or nothing.
        weight_bytes: what it counts against the bound in bytes.
        reply_to, token: who gets the answer; None: nobody waits for it.
        is_suspect: a commit with it among others met a bug, so the next try is for it alone.
    """

    artifacts: tuple[Artifact, ...]
    weight_bytes: int
    reply_to: ActorRef[Any] | None = None
    token: int = 0
    is_suspect: bool = False

    @property
    def is_wanted(self) -> bool:
        """Whether there is still a use for it: who waited for an answer may be gone."""
        return self.reply_to is None or self.reply_to.is_alive()


def weight_bytes(artifacts: Iterable[Artifact]) -> int:
    """Return what artifacts weigh, roughly: a character counts as a byte."""
    return sum(ROW_BYTES + _payload_chars(artifact) for artifact in artifacts)


def _payload_chars(artifact: Artifact) -> int:
    match artifact.item:
        case Reasoning(json=text) | OpaqueItem(json=text):
            return len(text)
        case ToolCall(arguments=text):
            return len(text)
        case output:
            return len(output.output)


class Line:
    """See the module docstring. What is on its way to the store still counts as waiting."""

    def __init__(self, bounds: LineBounds = DEFAULT_BOUNDS) -> None:
        self.bounds = bounds
        # All that is not committed, in order of arrival; and those of them that no commit has.
        self._places: dict[Place, None] = {}
        self._waiting: deque[Place] = deque()
        self.rows = 0
        self.rows_waiting = 0
        self.weight_bytes = 0

    @property
    def saves(self) -> int:
        """How many saves are not committed."""
        return len(self._places)

    def has_room(self, place: Place) -> bool:
        """Whether one more fits; an empty line takes any."""
        if not self._places:
            return True
        rows, weight = self.rows + len(place.artifacts), self.weight_bytes + place.weight_bytes
        return rows <= self.bounds.rows_max and weight <= self.bounds.bytes_max

    def add(self, place: Place) -> None:
        """Let it wait behind all others."""
        self._places[place] = None
        self._waiting.append(place)
        self.rows += len(place.artifacts)
        self.rows_waiting += len(place.artifacts)
        self.weight_bytes += place.weight_bytes

    def take(self, rows_max: int | None = None) -> tuple[Place, ...]:
        """Return the next batch, oldest first; it stays in the books until it is `done`.

        Saves whose asker has gone are forgotten on the way. A suspect goes alone. `rows_max` is
        for one that is to be smaller than the bound of a commit.
        """
        rows_max = self.bounds.commit_rows_max if rows_max is None else rows_max
        batch: list[Place] = []
        rows = weight = 0
        while self._waiting:
            place = self._waiting[0]
            if not place.is_wanted:
                self._waiting.popleft()
                self.rows_waiting -= len(place.artifacts)
                self.done(place)
                continue
            rows += len(place.artifacts)
            weight += place.weight_bytes
            is_over = rows > rows_max or weight > self.bounds.commit_bytes_max
            if batch and (is_over or place.is_suspect or batch[0].is_suspect):
                break
            batch.append(self._waiting.popleft())
            self.rows_waiting -= len(place.artifacts)
        return tuple(batch)

    def put_back(self, batch: Sequence[Place]) -> None:
        """Let a batch wait again, before all others."""
        self._waiting.extendleft(reversed(batch))
        self.rows_waiting += sum(len(place.artifacts) for place in batch)

    def resume(self) -> None:
        """Let all that is not committed wait: whoever had taken some of it is gone."""
        self._waiting = deque(self._places)
        self.rows_waiting = self.rows

    def done(self, place: Place) -> None:
        """Forget a save that no commit has to care for any more."""
        del self._places[place]
        self.rows -= len(place.artifacts)
        self.weight_bytes -= place.weight_bytes

    def left_behind(self) -> tuple[Place, ...]:
        """Return all that is not committed, from any thread."""
        return tuple(self._places)


class ExitFlush:
    """Commits what is left in a line when the program ends and the loop has ended before it.

    The thread is there from the start and sleeps: a program that ends cannot start one, and the
    committer's own may hang in the database. What the committer has in hand may be committed
    twice by that; ids make it the same row.

    Args:
        line: the writer's.
        store: the same as the committer's.
    """

    def __init__(self, line: Line, store: ArtifactStore) -> None:
        self._line = line
        self._store = store
        self._orders: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._flushed = threading.Event()
        self._saved = 0
        threading.Thread(target=self._wait, name="greenroom-exit-flush", daemon=True).start()

    def flush(self, wait_max_s: float) -> int:
        """Commit what is left and return how many saves could not be; for `atexit`.

        A thread that hangs is not waited for any longer than that.
        """
        left = len(self._line.left_behind())
        if left:
            self._orders.put(True)
            self._flushed.wait(wait_max_s)
        return left - self._saved

    def dismiss(self) -> None:
        """Let the thread go: the tree has stopped in order."""
        self._orders.put(False)

    def _wait(self) -> None:
        if self._orders.get():
            try:
                self._commit_all()
            finally:
                self._flushed.set()

    def _commit_all(self) -> None:
        rest = Line(self._line.bounds)
        for place in self._line.left_behind():
            # Whoever waited for an answer is gone with the loop; the row may be of use to others.
            rest.add(Place(place.artifacts, place.weight_bytes))
        try:
            self._store.open()
            while batch := rest.take():
                self._store.save([each for place in batch for each in place.artifacts])
                self._saved += len(batch)
        except StoreError:
            return  # The count says how many are left; nobody is there to try again.
