"""The actor that assembles what is staged: in batches, under a lock, and never losing anything."""

from __future__ import annotations

from dataclasses import replace

import pytest

from actors.log_assembler import AssemblerActor
from actors.ports import ArchiveUnwritable, ErrorFacts, StoreUnavailable, UseLogSettings
from tests.unit.log_stage import (
    SETTINGS,
    LogStage,
    MemoryArchive,
    MemorySegments,
    in_force,
    key,
    on_log_stage,
    owner,
    segment,
    warnings,
)

LOOK_MAX_S = SETTINGS.assembler_interval_s + SETTINGS.assembler_jitter_s


def staged(store: MemorySegments, *message_ids: str) -> None:
    """Stage a finished log for each of these messages."""
    for message_id in message_ids:
        store.stage(segment(len(store.segments) + 1, of=owner(message_id)))


async def look(stage: LogStage) -> None:
    """Let the assembler come around once, with all of its batch."""
    await stage.advance(LOOK_MAX_S)
    for _ in range(30):
        await stage.advance(0.0)


@on_log_stage
async def test_all_segments_of_a_message_become_one_bundle(
    stage: LogStage, caplog: pytest.LogCaptureFixture
) -> None:
    """SPEC 169."""
    store, archive = MemorySegments(), MemoryArchive()
    store.stage(segment(1, is_terminal=False))
    store.stage(segment(2, of=owner(request_id="r2")))
    await stage.begun(AssemblerActor, store, archive, in_force(SETTINGS))
    await look(stage)
    (merged,) = archive.merged
    assert [each.id for each in merged.segments] == [segment(1).id, segment(2).id]
    assert merged.is_complete
    assert (store.segments, store.locks) == ({}, {})


@on_log_stage
async def test_nothing_is_looked_for_before_the_interval_is_over(
    stage: LogStage, caplog: pytest.LogCaptureFixture
) -> None:
    store = MemorySegments()
    await stage.begun(AssemblerActor, store, MemoryArchive(), in_force(SETTINGS))
    await stage.advance(SETTINGS.assembler_interval_s - 0.1)
    assert store.asked == []
    await stage.advance(SETTINGS.assembler_jitter_s + 0.1)
    assert store.asked == ["pending"]


@on_log_stage
async def test_a_log_without_its_end_waits_until_it_is_stale(
    stage: LogStage, caplog: pytest.LogCaptureFixture
) -> None:
    """SPEC 170."""
    store, archive = MemorySegments(), MemoryArchive()
    store.stage(segment(1, is_terminal=False, created_s=stage.clock.wall_s()))
    await stage.begun(AssemblerActor, store, archive, in_force(SETTINGS))
    await look(stage)
    assert archive.merged == []
    await stage.advance(SETTINGS.stale_finalize_s)
    await look(stage)
    assert [each.is_complete for each in archive.merged] == [False]
    assert store.segments == {}


@on_log_stage
async def test_a_message_that_another_process_has_in_hand_is_left_to_it(
    stage: LogStage, caplog: pytest.LogCaptureFixture
) -> None:
    store, archive = MemorySegments(), MemoryArchive()
    staged(store, "m")
    store.locks[key(segment(1))] = ("other", stage.clock.wall_s())
    await stage.begun(AssemblerActor, store, archive, in_force(SETTINGS))
    await look(stage)
    assert archive.merged == []
    assert len(store.segments) == 1
    await stage.advance(SETTINGS.lock_stale_s)
    await look(stage)
    assert archive.messages == ["m"]
    assert store.locks == {}


@on_log_stage
async def test_a_batch_has_its_bound_and_the_next_one_goes_on_behind_it(
    stage: LogStage, caplog: pytest.LogCaptureFixture
) -> None:
    store, archive = MemorySegments(), MemoryArchive()
    staged(store, "a", "b", "c", "d", "e")
    await stage.begun(AssemblerActor, store, archive, in_force(replace(SETTINGS, batch_max=2)))
    await look(stage)
    assert archive.messages == ["a", "b"]
    await look(stage)
    await look(stage)
    assert archive.messages == ["a", "b", "c", "d", "e"]


@on_log_stage
async def test_a_message_that_cannot_be_written_holds_up_no_other(
    stage: LogStage, caplog: pytest.LogCaptureFixture
) -> None:
    store, archive = MemorySegments(), MemoryArchive()
    staged(store, "a", "b", "c")
    blocked = ArchiveUnwritable(ErrorFacts(detail="Permission denied"))
    archive.fails = lambda message_id: blocked if message_id == "a" else None
    await stage.begun(AssemblerActor, store, archive, in_force(replace(SETTINGS, batch_max=2)))
    for _ in range(3):
        await look(stage)
    assert archive.messages == ["b", "c"]
    assert [each.owner.message_id for each in store.segments.values()] == ["a"]
    assert store.locks == {}
    archive.fails = lambda message_id: None
    for _ in range(2):
        await look(stage)
    assert archive.messages == ["b", "c", "a"]


@on_log_stage
async def test_a_trouble_that_lasts_is_told_once(
    stage: LogStage, caplog: pytest.LogCaptureFixture
) -> None:
    store, archive = MemorySegments(), MemoryArchive()
    staged(store, "a")
    full = ArchiveUnwritable(ErrorFacts(detail="No space left on device"))
    archive.fails = lambda message_id: full
    await stage.begun(AssemblerActor, store, archive, in_force(SETTINGS))
    for _ in range(3):
        await look(stage)
    told = "session logs wait to be written: No space left on device"
    assert warnings(caplog) == [told]


@on_log_stage
async def test_a_store_that_is_away_is_asked_again_and_nothing_is_lost(
    stage: LogStage, caplog: pytest.LogCaptureFixture
) -> None:
    store, archive = MemorySegments(), MemoryArchive()
    staged(store, "a")
    store.fails = StoreUnavailable()
    ref = await stage.begun(AssemblerActor, store, archive, in_force(SETTINGS))
    await look(stage)
    assert archive.merged == []
    store.fails = None
    await look(stage)
    assert archive.messages == ["a"]
    assert ref.is_alive()


@on_log_stage
async def test_segments_stay_until_their_archive_is_in_place(
    stage: LogStage, caplog: pytest.LogCaptureFixture
) -> None:
    store = MemorySegments()
    staged(store, "a")

    class Watching(MemoryArchive):
        def merge(self, *args: object) -> object:  # type: ignore[override]
            assert len(store.segments) == 1
            assert store.asked[-2:] == ["lock", "load"]
            return super().merge(*args)  # type: ignore[arg-type]

    await stage.begun(AssemblerActor, store, Watching(), in_force(SETTINGS))
    await look(stage)
    assert store.asked[-2:] == ["remove", "unlock"]
    assert store.segments == {}


@on_log_stage
async def test_two_users_who_name_one_message_get_an_archive_each(
    stage: LogStage, caplog: pytest.LogCaptureFixture
) -> None:
    store, archive = MemorySegments(), MemoryArchive()
    store.stage(segment(1, of=owner(user_id="a")))
    store.stage(segment(2, of=owner(user_id="b"), is_terminal=False))
    await stage.begun(AssemblerActor, store, archive, in_force(SETTINGS))
    await look(stage)
    found = [(each.segments[0].owner.user_id, each.is_complete) for each in archive.merged]
    assert found == [("a", True), ("b", False)]


@on_log_stage
async def test_segments_that_cannot_be_read_are_told_of_and_do_not_stay(
    stage: LogStage, caplog: pytest.LogCaptureFixture
) -> None:
    store, archive = MemorySegments(), MemoryArchive()
    staged(store, "a")
    store.unreadable["x"] = key(segment(1, of=owner("a")))
    await stage.begun(AssemblerActor, store, archive, in_force(SETTINGS))
    await look(stage)
    assert archive.merged[0].unreadable == 1
    assert store.unreadable == {}
    assert warnings(caplog) == ["1 segments of a session log cannot be read"]


@on_log_stage
async def test_an_archive_that_was_put_aside_is_told_of(
    stage: LogStage, caplog: pytest.LogCaptureFixture
) -> None:
    store, archive = MemorySegments(), MemoryArchive()
    archive.kept_aside = "m.zip.aside-1"
    staged(store, "m")
    await stage.begun(AssemblerActor, store, archive, in_force(SETTINGS))
    await look(stage)
    assert warnings(caplog) == ["a log archive cannot be read; kept as m.zip.aside-1"]


@on_log_stage
async def test_nothing_is_looked_for_while_the_feature_is_off(
    stage: LogStage, caplog: pytest.LogCaptureFixture
) -> None:
    store, archive = MemorySegments(), MemoryArchive()
    staged(store, "a")
    ref = await stage.begun(AssemblerActor, store, archive)
    await look(stage)
    assert store.asked == ["stage"]
    ref.tell(UseLogSettings(settings=SETTINGS))
    await stage.settle()
    await look(stage)
    assert archive.messages == ["a"]
    ref.tell(UseLogSettings(settings=replace(SETTINGS, is_enabled=False)))
    await stage.settle()
    asked = len(store.asked)
    for _ in range(3):
        await look(stage)
    assert len(store.asked) == asked


@on_log_stage
async def test_what_is_ready_at_a_shutdown_is_still_assembled(
    stage: LogStage, caplog: pytest.LogCaptureFixture
) -> None:
    """SPEC 192: also more than a batch, and also what stands behind one that fails."""
    store, archive = MemorySegments(), MemoryArchive()
    staged(store, "a", "b", "c", "d", "e")
    archive.fails = lambda message_id: ArchiveUnwritable() if message_id == "b" else None
    ref = await stage.begun(
        AssemblerActor, store, archive, in_force(replace(SETTINGS, batch_max=2))
    )
    ref.shut_down(stage.clock.now_s() + 5.0)
    await stage.settle()
    assert archive.messages == ["a", "c", "d", "e"]
    assert not ref.is_alive()


@on_log_stage
async def test_a_shutdown_without_time_leaves_what_is_staged_where_it_is(
    stage: LogStage, caplog: pytest.LogCaptureFixture
) -> None:
    store, archive = MemorySegments(), MemoryArchive()
    staged(store, "a", "b")
    ref = await stage.begun(AssemblerActor, store, archive, in_force(SETTINGS))
    ref.shut_down(stage.clock.now_s() + 0.5)
    await stage.settle()
    assert archive.merged == []
    assert len(store.segments) == 2
    assert not ref.is_alive()
