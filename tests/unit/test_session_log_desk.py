"""From a request's first record to its archive, through the actors of a tree."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from actors.kernel.child_spec import DEFAULT_POLICY, ChildSpec
from actors.kernel.entropy import SeededEntropy
from actors.kernel.system import ActorSystem
from actors.log_values import LogSegment
from actors.ports import Secret, SessionLogSettings
from actors.testing.manual_clock import ManualClock
from bridge.owui.log_records import LogIds, RequestLog
from bridge.owui.session_logs import SessionLogDesk
from bridge.session_logs.contents import Contents, read_contents
from supervisor import Supervisor
from supervisor.report import report
from tests.unit.kernel_stage import until
from tests.unit.log_stage import SETTINGS, MemoryArchive, MemorySegments, owner

PASSWORD = Secret("open sesame")


def log_of(request_id: str) -> RequestLog:
    return RequestLog("greenroom.test", LogIds(request_id=request_id), "DEBUG")


def a_request(desk: SessionLogDesk, settings: SessionLogSettings, request_id: str = "r") -> None:
    """Let a request begin, log and end."""
    desk.begin(owner(request_id=request_id), settings)
    log_of(request_id).info("of %s", request_id)
    desk.end(request_id, is_terminal=True)


def opened(path: Path) -> Contents:
    return read_contents(path.read_bytes(), PASSWORD)


@pytest.fixture(autouse=True)
def _all_levels() -> None:
    logging.getLogger("greenroom").setLevel(logging.DEBUG)


async def a_tree(desk: SessionLogDesk, store: MemorySegments | None) -> ActorSystem:
    """Start the actors below a supervisor; the last of them has started when this returns."""
    system = ActorSystem("test", entropy=SeededEntropy(1))
    children = desk.children(store, policy=DEFAULT_POLICY)
    spec: ChildSpec[object] = ChildSpec(name="root", start=partial(Supervisor, children))
    system.spawn(spec)
    desk.connect(system)
    await until(lambda: system.find("root/session_log"))
    return system


class SlowSegments(MemorySegments):
    """Stages nothing while it may not go on; `begun` says that it was to."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.goes_on = threading.Event(), threading.Event()
        self.goes_on.set()

    def stage(self, segment: LogSegment) -> None:
        if not self.goes_on.is_set():
            self.begun.set()
            self.goes_on.wait(10.0)
        super().stage(segment)


def lives_of(system: ActorSystem, name: str) -> int:
    """How often an actor has started."""
    (found,) = [each for root in report(system).roots for each in root.walk() if each.name == name]
    return found.life


def test_a_tree_that_ends_leaves_an_archive_of_everything_that_has_ended(tmp_path: Path) -> None:
    """SPEC 192: staged first, then assembled, all of it before the end."""
    settings = replace(SETTINGS, folder=str(tmp_path), password=PASSWORD)
    store = MemorySegments()

    async def play() -> None:
        desk = SessionLogDesk(SeededEntropy(1), ManualClock())
        system = await a_tree(desk, store)
        for request_id in ("a", "b"):
            a_request(desk, settings, request_id)
        await asyncio.to_thread(desk.close)
        report = await system.stop(10.0)
        assert report.abandoned == ()

    asyncio.run(play())
    assert store.segments == {}
    contents = opened(tmp_path / "u" / "c" / "m.zip")
    lines = [json.loads(line) for line in contents.pages.json_lines]
    assert [(line["request_id"], line["message"]) for line in lines] == [
        ("a", "of a"),
        ("b", "of b"),
    ]
    assert [each.name for each in (tmp_path / "u" / "c").iterdir()] == ["m.zip"]


def test_a_tree_that_a_request_starts_assembles_by_the_settings_of_that_request(
    tmp_path: Path,
) -> None:
    """SPEC 192: it may be the only one until the tree rests again."""
    settings = replace(SETTINGS, folder=str(tmp_path), password=PASSWORD)
    store = MemorySegments()

    async def play() -> None:
        desk = SessionLogDesk(SeededEntropy(1), ManualClock())
        desk.begin(owner(request_id="a"), settings)
        system = await a_tree(desk, store)
        log_of("a").info("of a")
        desk.end("a", is_terminal=True)
        await asyncio.to_thread(desk.close)
        await system.stop(10.0)

    asyncio.run(play())
    assert store.segments == {}
    contents = opened(tmp_path / "u" / "c" / "m.zip")
    assert [json.loads(line)["message"] for line in contents.pages.json_lines] == ["of a"]


def test_an_assembler_that_has_crashed_goes_on_with_the_settings_in_force(tmp_path: Path) -> None:
    settings = replace(SETTINGS, folder=str(tmp_path), password=PASSWORD)
    store = MemorySegments()

    async def play() -> None:
        desk = SessionLogDesk(SeededEntropy(1), ManualClock())
        system = await a_tree(desk, store)
        a_request(desk, settings)
        assembler = system.find("root/log_assembler")
        assert assembler is not None
        assembler.tell("no message of its protocol")
        await until(lambda: lives_of(system, "root/log_assembler") == 2)
        await asyncio.to_thread(desk.close)
        await system.stop(10.0)

    asyncio.run(play())
    assert store.segments == {}
    assert (tmp_path / "u" / "c" / "m.zip").exists()


def test_without_a_store_each_request_leaves_an_archive_of_its_own(tmp_path: Path) -> None:
    """SPEC 171."""
    settings = replace(SETTINGS, folder=str(tmp_path), password=PASSWORD)

    async def play() -> None:
        desk = SessionLogDesk(SeededEntropy(1), ManualClock())
        system = await a_tree(desk, None)
        a_request(desk, settings)
        await asyncio.to_thread(desk.close)
        await system.stop(10.0)

    asyncio.run(play())
    assert opened(tmp_path / "u" / "c" / "m.r.zip").meta.requests == ("r",)


def test_a_log_that_ends_after_its_tree_leaves_an_archive_as_well() -> None:
    archive, store = MemoryArchive(), MemorySegments()

    async def play() -> None:
        desk = SessionLogDesk(SeededEntropy(1), ManualClock(), archive)
        system = await a_tree(desk, store)
        desk.begin(owner(), SETTINGS)
        await system.stop(10.0)
        log_of("r").info("late")
        desk.end("r", is_terminal=True)
        await asyncio.to_thread(desk.close)

    asyncio.run(play())
    (segment,) = archive.direct
    assert [entry.message for entry in segment.entries] == ["late"]


def test_a_log_on_its_way_to_a_tree_whose_loop_has_ended_leaves_an_archive() -> None:
    """SPEC 192: the program may end before the actor's thread has kept it."""
    archive, store = MemoryArchive(), SlowSegments()
    desk = SessionLogDesk(SeededEntropy(1), ManualClock(), archive)

    async def play() -> None:
        await a_tree(desk, store)
        a_request(desk, SETTINGS, "kept")
        await until(lambda: bool(store.segments))
        store.goes_on.clear()
        a_request(desk, SETTINGS, "late")
        await until(store.begun.is_set)

    asyncio.run(play())
    desk.leave(0.0)
    assert [each.owner.request_id for each in archive.direct] == ["late"]
    desk.leave(0.0)
    assert len(archive.direct) == 1
    store.goes_on.set()


def test_while_it_is_off_nothing_reaches_the_actors() -> None:
    archive, store = MemoryArchive(), MemorySegments()

    async def play() -> None:
        desk = SessionLogDesk(SeededEntropy(1), ManualClock(), archive)
        system = await a_tree(desk, store)
        a_request(desk, replace(SETTINGS, is_enabled=False))
        desk.close()
        await system.stop(10.0)

    asyncio.run(play())
    assert (store.asked, archive.merged, archive.direct) == ([], [], [])


def test_new_settings_reach_the_actors_with_the_next_request() -> None:
    archive, store = MemoryArchive(), MemorySegments()

    async def play() -> None:
        desk = SessionLogDesk(SeededEntropy(1), ManualClock(), archive)
        system = await a_tree(desk, store)
        a_request(desk, SETTINGS)
        await asyncio.to_thread(desk.close)
        await system.stop(10.0)

    asyncio.run(play())
    assert archive.messages == ["m"]
    assert store.segments == {}
