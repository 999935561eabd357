"""The actor that stages finished logs: in the store where it can, else in archives of their own."""

from __future__ import annotations

import pytest

from actors.ports import ArchiveUnwritable, ErrorFacts, StoreUnavailable
from actors.session_log import SESSION_LOG_MAILBOX, STORE_REST_S, SessionLogActor, StageSegment
from tests.unit.log_stage import (
    SETTINGS,
    LogStage,
    MemoryArchive,
    MemorySegments,
    entry,
    on_log_stage,
    segment,
    warnings,
)


def stage_it(number: int) -> StageSegment:
    return StageSegment(segment=segment(number), settings=SETTINGS)


@on_log_stage
async def test_a_finished_log_is_staged(stage: LogStage, caplog: pytest.LogCaptureFixture) -> None:
    store, archive = MemorySegments(), MemoryArchive()
    ref = await stage.begun(SessionLogActor, store, archive)
    ref.tell(stage_it(1))
    await stage.settle()
    assert [*store.segments.values()] == [segment(1)]
    assert archive.direct == []


@on_log_stage
async def test_what_cannot_be_staged_gets_an_archive_of_its_own(
    stage: LogStage, caplog: pytest.LogCaptureFixture
) -> None:
    """SPEC 171."""
    store, archive = MemorySegments(), MemoryArchive()
    store.fails = StoreUnavailable()
    ref = await stage.begun(SessionLogActor, store, archive)
    ref.tell(stage_it(1))
    await stage.settle()
    assert archive.direct == [segment(1)]
    assert warnings(caplog) == [
        "session logs cannot be staged (StoreUnavailable); each goes into an archive of its own"
    ]


@on_log_stage
async def test_a_store_that_failed_is_left_alone_for_a_while_and_then_used_again(
    stage: LogStage, caplog: pytest.LogCaptureFixture
) -> None:
    store, archive = MemorySegments(), MemoryArchive()
    store.fails = StoreUnavailable()
    ref = await stage.begun(SessionLogActor, store, archive)
    ref.tell(stage_it(1))
    await stage.settle()
    store.fails = None
    await stage.advance(STORE_REST_S - 1.0)
    ref.tell(stage_it(2))
    await stage.settle()
    await stage.advance(1.0)
    ref.tell(stage_it(3))
    await stage.settle()
    assert archive.direct == [segment(1), segment(2)]
    assert [*store.segments.values()] == [segment(3)]
    assert store.asked == ["stage", "stage"]


@on_log_stage
async def test_without_a_store_every_log_gets_an_archive_of_its_own(
    stage: LogStage, caplog: pytest.LogCaptureFixture
) -> None:
    archive = MemoryArchive()
    ref = await stage.begun(SessionLogActor, None, archive)
    ref.tell(stage_it(1))
    await stage.settle()
    assert archive.direct == [segment(1)]
    assert warnings(caplog) == []


@on_log_stage
async def test_a_log_that_can_go_nowhere_is_given_up_and_that_is_told_once(
    stage: LogStage, caplog: pytest.LogCaptureFixture
) -> None:
    archive = MemoryArchive()
    full = ArchiveUnwritable(ErrorFacts(detail="No space left on device"))
    archive.fails = lambda message_id: full
    ref = await stage.begun(SessionLogActor, None, archive)
    for number in range(3):
        ref.tell(stage_it(number))
    await stage.settle()
    told = "session logs are lost, they can be written nowhere: No space left on device"
    assert warnings(caplog) == [told]
    archive.fails = lambda message_id: None
    ref.tell(stage_it(4))
    await stage.settle()
    archive.fails = lambda message_id: full
    ref.tell(stage_it(5))
    await stage.settle()
    assert warnings(caplog) == [told, told]
    assert ref.is_alive()


@on_log_stage
async def test_what_waits_at_a_shutdown_is_still_staged(
    stage: LogStage, caplog: pytest.LogCaptureFixture
) -> None:
    """SPEC 192."""
    store = MemorySegments()
    ref = await stage.begun(SessionLogActor, store, MemoryArchive())
    for number in range(5):
        ref.tell(stage_it(number))
    ref.shut_down(stage.clock.now_s() + 5.0)
    await stage.settle()
    assert len(store.segments) == 5
    assert not ref.is_alive()


@on_log_stage
async def test_a_bug_in_the_store_costs_one_log_and_not_the_actor(
    stage: LogStage, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(MemorySegments):
        def stage(self, segment: object) -> None:
            self.asked.append("stage")
            if len(self.asked) == 1:
                raise AssertionError

    store = Broken()
    ref = await stage.kept(SessionLogActor, store, MemoryArchive())
    ref.tell(stage_it(1))
    ref.tell(stage_it(2))
    await stage.settle()
    assert store.asked == ["stage", "stage"]
    assert ref.is_alive()


def test_a_log_weighs_in_the_mailbox_what_its_texts_weigh() -> None:
    message = StageSegment(segment=segment(1, entry("x" * 1000)), settings=SETTINGS)
    assert 1000 <= message.size_bytes <= 1200
    assert SESSION_LOG_MAILBOX.bytes_max is not None


def test_neither_lines_nor_the_password_stand_in_what_a_message_looks_like() -> None:
    looks = repr(StageSegment(segment=segment(1, entry("my prompt")), settings=SETTINGS))
    assert "my prompt" not in looks
    assert "sesame" not in looks
