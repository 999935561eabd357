"""The actor that removes expired archives: in slices, at its interval, with jitter (SPEC 175)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from actors.log_cleaner import LogCleanerActor
from actors.ports import ArchiveUnwritable, ErrorFacts, Swept, UseLogSettings
from tests.unit.log_stage import SETTINGS, LogStage, MemoryArchive, in_force, on_log_stage, warnings

INTERVAL_S = SETTINGS.cleanup_interval_s
JITTER_S = INTERVAL_S / 4


@on_log_stage
async def test_the_first_sweep_comes_soon_and_the_next_an_interval_later(
    stage: LogStage, caplog: pytest.LogCaptureFixture
) -> None:
    archive = MemoryArchive()
    await stage.begun(LogCleanerActor, archive, in_force(SETTINGS))
    await stage.advance(JITTER_S)
    assert archive.swept == 1
    await stage.advance(INTERVAL_S - JITTER_S)
    assert archive.swept == 1
    await stage.advance(2 * JITTER_S)
    assert archive.swept == 2


@on_log_stage
async def test_a_sweep_goes_on_slice_by_slice_until_it_is_done(
    stage: LogStage, caplog: pytest.LogCaptureFixture
) -> None:
    archive = MemoryArchive()
    archive.sweeps = [Swept(files=500, is_done=False), Swept(files=500, is_done=False), Swept()]
    await stage.begun(LogCleanerActor, archive, in_force(SETTINGS))
    await stage.advance(JITTER_S)
    for _ in range(5):
        await stage.advance(0.0)
    assert archive.swept == 3


@on_log_stage
async def test_a_folder_that_cannot_be_read_is_told_of_once_and_tried_again(
    stage: LogStage, caplog: pytest.LogCaptureFixture
) -> None:
    archive = MemoryArchive()
    denied = ArchiveUnwritable(ErrorFacts(detail="Permission denied"))
    archive.fails = lambda message_id: denied
    ref = await stage.begun(LogCleanerActor, archive, in_force(SETTINGS))
    for _ in range(3):
        await stage.advance(INTERVAL_S + JITTER_S)
    assert warnings(caplog) == ["expired log archives cannot be removed: Permission denied"]
    archive.fails = lambda message_id: None
    await stage.advance(INTERVAL_S + JITTER_S)
    assert archive.swept == 1
    assert ref.is_alive()


@on_log_stage
async def test_nothing_is_swept_while_the_feature_is_off(
    stage: LogStage, caplog: pytest.LogCaptureFixture
) -> None:
    archive = MemoryArchive()
    ref = await stage.begun(LogCleanerActor, archive)
    await stage.advance(10 * INTERVAL_S)
    assert archive.swept == 0
    ref.tell(UseLogSettings(settings=SETTINGS))
    await stage.settle()
    await stage.advance(JITTER_S)
    assert archive.swept == 1
    ref.tell(UseLogSettings(settings=replace(SETTINGS, is_enabled=False)))
    await stage.settle()
    await stage.advance(10 * INTERVAL_S)
    assert archive.swept == 1


@on_log_stage
async def test_a_shorter_interval_counts_at_once(
    stage: LogStage, caplog: pytest.LogCaptureFixture
) -> None:
    archive = MemoryArchive()
    ref = await stage.begun(LogCleanerActor, archive, in_force(SETTINGS))
    await stage.advance(JITTER_S)
    ref.tell(UseLogSettings(settings=replace(SETTINGS, cleanup_interval_s=60.0)))
    await stage.settle()
    await stage.advance(15.0)
    assert archive.swept == 2
