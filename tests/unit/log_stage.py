"""What tests of session logs share: logs to write, a store in memory, an archive that remembers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any

import pytest

from actors.kernel.executors import Report
from actors.kernel.ref import ActorRef
from actors.log_values import (
    BundleKey,
    LogBundle,
    LogEntry,
    LogOwner,
    LogSegment,
    PendingBundle,
    StagedSegments,
)
from actors.ports import (
    ArchiveError,
    Filed,
    Secret,
    SessionLogSettings,
    StoreError,
    Swept,
)
from tests.unit.kernel_stage import Stage

SETTINGS = SessionLogSettings(is_enabled=True, password=Secret("open sesame"))


def in_force(settings: SessionLogSettings) -> Callable[[], SessionLogSettings]:
    """What tells an actor these settings."""
    return lambda: settings


def owner(message_id: str = "m", request_id: str = "r", user_id: str = "u") -> LogOwner:
    return LogOwner(
        user_id=user_id,
        chat_id="c",
        message_id=message_id,
        request_id=request_id,
        session_id="s",
    )


def entry(message: str, ts_s: float = 1.0, **more: str) -> LogEntry:
    return LogEntry(
        ts_s=ts_s,
        level="INFO",
        logger="greenroom.test",
        module="test",
        func="act",
        lineno=7,
        message=message,
        **more,
    )


def segment(
    number: int,
    *entries: LogEntry,
    of: LogOwner | None = None,
    is_terminal: bool = True,
    created_s: float = 0.0,
) -> LogSegment:
    """The segment with this number, which has one line where none is given."""
    return LogSegment(
        id=f"{number:020d}",
        owner=of if of is not None else owner(),
        entries=entries or (entry(f"line {number}", ts_s=float(number)),),
        created_s=created_s,
        is_terminal=is_terminal,
    )


def bundle(*segments: LogSegment, is_complete: bool = True, unreadable: int = 0) -> LogBundle:
    return LogBundle(segments=segments, is_complete=is_complete, unreadable=unreadable)


class MemorySegments:
    """Implements `SegmentStore` in memory. `fails` is raised by every method while it is set."""

    def __init__(self) -> None:
        self.segments: dict[str, LogSegment] = {}
        self.unreadable: dict[str, BundleKey] = {}
        self.locks: dict[BundleKey, tuple[str, float]] = {}
        self.fails: StoreError | None = None
        self.asked: list[str] = []
        self._mutex = threading.RLock()

    @contextmanager
    def _working(self, name: str) -> Iterator[None]:
        with self._mutex:
            self.asked.append(name)
            if self.fails is not None:
                raise self.fails
            yield

    def stage(self, segment: LogSegment) -> None:
        with self._working("stage"):
            self.segments.setdefault(segment.id, segment)

    def pending(
        self, *, stale_before_s: float, after_id: str, bundles_max: int
    ) -> Sequence[PendingBundle]:
        with self._working("pending"):
            by_key: dict[BundleKey, list[LogSegment]] = {}
            for each in sorted(self.segments.values(), key=lambda each: each.id):
                by_key.setdefault(key(each), []).append(each)
            found = [
                PendingBundle(key=which, first_id=some[0].id)
                for which, some in by_key.items()
                if any(each.is_terminal for each in some)
                or all(each.created_s < stale_before_s for each in some)
            ]
            return [each for each in found if each.first_id > after_id][:bundles_max]

    def lock(self, key: BundleKey, *, holder: str, now_s: float, stale_before_s: float) -> bool:
        with self._working("lock"):
            held_by, since_s = self.locks.get(key, (holder, now_s))
            if held_by != holder and since_s >= stale_before_s:
                return False
            self.locks[key] = (holder, now_s)
            return True

    def unlock(self, key: BundleKey, *, holder: str) -> None:
        with self._working("unlock"):
            if self.locks.get(key, ("", 0.0))[0] == holder:
                del self.locks[key]

    def load(self, key: BundleKey) -> StagedSegments:
        with self._working("load"):
            found = [each for each in self.segments.values() if self.key_of(each) == key]
            found.sort(key=lambda each: each.id)
            lost = [row_id for row_id, which in self.unreadable.items() if which == key]
            return StagedSegments(
                segments=tuple(found),
                ids=(*(each.id for each in found), *lost),
                unreadable=len(lost),
            )

    def remove(self, ids: Sequence[str]) -> None:
        with self._working("remove"):
            for row_id in ids:
                self.segments.pop(row_id, None)
                self.unreadable.pop(row_id, None)

    @staticmethod
    def key_of(segment: LogSegment) -> BundleKey:
        return key(segment)


def key(segment: LogSegment) -> BundleKey:
    """How the store in memory names a message."""
    return BundleKey(chat_id=segment.owner.chat_id, message_id=segment.owner.message_id)


class MemoryArchive:
    """Implements `LogArchive` in memory. `fails` says what a message's archive raises."""

    def __init__(self) -> None:
        self.merged: list[LogBundle] = []
        self.direct: list[LogSegment] = []
        self.sweeps: list[Swept] = []
        self.swept = 0
        self.kept_aside = ""
        self.fails: Callable[[str], ArchiveError | None] = lambda message_id: None

    def merge(self, bundle: LogBundle, settings: SessionLogSettings) -> Filed:
        self._check(bundle.segments[0].owner.message_id)
        self.merged.append(bundle)
        return Filed(path="merged", kept_aside=self.kept_aside)

    def write_direct(self, segment: LogSegment, settings: SessionLogSettings) -> Filed:
        self._check(segment.owner.message_id)
        self.direct.append(segment)
        return Filed(path="direct")

    def sweep(self, settings: SessionLogSettings, *, files_max: int) -> Swept:
        self._check("")
        self.swept += 1
        return self.sweeps.pop(0) if self.sweeps else Swept()

    def _check(self, message_id: str) -> None:
        if (error := self.fails(message_id)) is not None:
            raise error

    @property
    def messages(self) -> list[str]:
        """The messages whose bundles were merged, in order."""
        return [each.segments[0].owner.message_id for each in self.merged]


class SoonWorker:
    """Plays the thread of a thread actor: its work is done in the next turn of the loop."""

    def __init__(self, _: str) -> None:
        self._loop = asyncio.get_running_loop()

    def submit(self, call: Callable[[], object], report: Report) -> None:
        self._loop.call_soon(self._run, call, report)

    def stop(self) -> None:
        pass

    def _run(self, call: Callable[[], object], report: Report) -> None:
        try:
            result = call()
        except Exception as error:  # noqa: BLE001 - like a thread: whatever it is, it is told
            report(None, error)
        else:
            report(result, None)


class LogStage(Stage):
    """A stage whose threads are turns of the loop; an actor has begun when it is handed out."""

    async def begun(self, start: Callable[..., Any], *args: Any) -> ActorRef[Any]:
        """Start a root actor and let its `on_start` happen."""
        ref = self.spawn(start, *args)
        await self.settle()
        return ref

    async def kept(self, start: Callable[..., Any], *args: Any) -> ActorRef[Any]:
        """Start an actor under a parent that restarts it."""
        ref = self.keep(start, *args)
        await self.settle()
        return ref


def on_log_stage(scene: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run a test in a system whose threads are turns of the loop."""

    async def play(**fixtures: object) -> None:
        stage = LogStage(start_worker=SoonWorker)
        try:
            await scene(stage, **fixtures)
        finally:
            await stage.close()

    @wraps(scene)
    def test(caplog: pytest.LogCaptureFixture) -> None:
        asyncio.run(play(caplog=caplog))

    del test.__wrapped__  # type: ignore[attr-defined]  # pytest would ask for `stage`
    return test


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage() for record in caplog.records if record.name == "greenroom.session_log"
    ]
