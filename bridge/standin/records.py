"""What the stand-in remembers of the requests it got. Bounded in count and in bytes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bridge.standin.frames import Json

RECORDS_MAX = 5_000
BODIES_BYTES_MAX = 64 * 1024 * 1024
WAIT_S = 5.0

_KEY_CHARACTERS_SHOWN = 4
_KEY_CHARACTERS_HIDDEN_MIN = 8


@dataclass(slots=True, kw_only=True)
class RequestRecord:
    """One request. Times are seconds of the monotonic clock, which all processes share.

    `finished` says that the answer was played to its end, faults included.
    `disconnected_at_s` is set when the client left before that: it times a stop. `body` is the
    JSON that came, or None when it was none. `refusal` is why the request was refused as not in
    order or not to the model's liking; a planned fault leaves it empty.
    """

    serial: int
    method: str
    path: str
    headers: Mapping[str, str]
    received_at_s: float
    body: Json = field(default=None, repr=False)
    body_bytes: int = 0
    fault: str | None = None
    refusal: str = ""
    disconnected_at_s: float | None = None
    finished: bool = False


class RecordList:
    """The latest requests, oldest first."""

    def __init__(
        self, *, records_max: int = RECORDS_MAX, bodies_bytes_max: int = BODIES_BYTES_MAX
    ) -> None:
        self._records_max = records_max
        self._bodies_bytes_max = bodies_bytes_max
        self._records: deque[RequestRecord] = deque()
        self._bodies_bytes = 0
        self._changes: set[asyncio.Event] = set()

    def __len__(self) -> int:
        return len(self._records)

    def snapshot(self) -> tuple[RequestRecord, ...]:
        """Return what is remembered."""
        return tuple(self._records)

    def add(self, record: RequestRecord) -> None:
        """Remember one more, and forget the oldest ones past the bounds."""
        self._records.append(record)
        self._bodies_bytes += record.body_bytes
        while len(self._records) > self._records_max or (
            self._bodies_bytes > self._bodies_bytes_max and len(self._records) > 1
        ):
            self._bodies_bytes -= self._records.popleft().body_bytes
        self.announce()

    def clear(self) -> None:
        """Forget everything."""
        self._records.clear()
        self._bodies_bytes = 0
        self.announce()

    def announce(self) -> None:
        """Tell those who wait that a record came or changed."""
        for change in self._changes:
            change.set()

    async def wait_for(
        self, condition: Callable[[Sequence[RequestRecord]], bool], *, timeout_s: float = WAIT_S
    ) -> tuple[RequestRecord, ...]:
        """Wait until the records meet a condition, and return them.

        Raises:
            TimeoutError: they did not in time.
        """
        change = asyncio.Event()
        self._changes.add(change)
        try:
            async with asyncio.timeout(timeout_s):
                while not condition(self.snapshot()):
                    change.clear()
                    await change.wait()
        finally:
            self._changes.discard(change)
        return self.snapshot()


def redacted(headers: Mapping[str, str]) -> dict[str, str]:
    """Hide keys but for their last characters, which tell two keys apart."""
    return {
        name: _hidden(value) if "authorization" in name else value
        for name, value in headers.items()
    }


def _hidden(value: str) -> str:
    scheme, _, key = value.rpartition(" ")
    is_long = len(key) >= _KEY_CHARACTERS_HIDDEN_MIN
    shown = key[-_KEY_CHARACTERS_SHOWN:] if is_long else ""
    return f"{scheme} ***{shown}".strip()
