"""When the steps of a request begin and end (SPEC 190)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from actors.testing.manual_clock import ManualClock
from bridge.config.setting_groups import TimingSettings
from bridge.owui.log_timing import TimingLog


class Stage:
    """A timing log, its clock, and what it complained of."""

    def __init__(self, path: Path, *, lines_max: int = 100) -> None:
        self.path = path
        self.clock = ManualClock(start_s=100.0, wall_start_s=1_787_400_000.25)
        self.complaints: list[OSError] = []
        self.log = TimingLog(self.clock, complain=self.complaints.append, lines_max=lines_max)
        self.turn(on=True)

    def turn(self, *, on: bool, path: Path | None = None) -> None:
        self.log.configure(TimingSettings(is_enabled=on, path=str(path or self.path)))

    def lines(self, path: Path | None = None) -> list[dict[str, object]]:
        assert self.log.close(30.0)
        where = path or self.path
        return [json.loads(line) for line in where.read_text("utf-8").splitlines()]


def test_a_step_is_told_when_it_begins_and_ends(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "new" / "folders" / "timing.jsonl")
    with stage.log.span("open", "req-1"):
        stage.clock.advance(0.25)
        stage.log.mark("first byte", "req-1")
    assert stage.lines() == [
        {
            "ts": "2026-08-22T12:00:00.250Z",
            "perf_ts": 100.0,
            "event": "enter",
            "label": "open",
            "request_id": "req-1",
            "elapsed_ms": None,
        },
        {
            "ts": "2026-08-22T12:00:00.500Z",
            "perf_ts": 100.25,
            "event": "mark",
            "label": "first byte",
            "request_id": "req-1",
            "elapsed_ms": None,
        },
        {
            "ts": "2026-08-22T12:00:00.500Z",
            "perf_ts": 100.25,
            "event": "exit",
            "label": "open",
            "request_id": "req-1",
            "elapsed_ms": 250.0,
        },
    ]


def test_a_step_that_fails_ends_as_well(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "timing.jsonl")
    with pytest.raises(LookupError), stage.log.span("step"):
        raise LookupError
    assert [line["event"] for line in stage.lines()] == ["enter", "exit"]


def test_while_it_is_off_nothing_is_written_and_no_file_made(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "timing.jsonl")
    stage.turn(on=False)
    with stage.log.span("step"):
        stage.log.mark("moment")
    assert stage.log.close(30.0)
    assert list(tmp_path.iterdir()) == []


def test_it_can_be_switched_at_any_time(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "timing.jsonl")
    stage.turn(on=False)
    with stage.log.span("never"):
        stage.turn(on=True)
        stage.log.mark("moment")
    with stage.log.span("begun"):
        stage.turn(on=False)
        stage.log.mark("never")
    events = [(line["event"], line["label"]) for line in stage.lines()]
    assert events == [("mark", "moment"), ("enter", "begun"), ("exit", "begun")]


def test_another_file_is_written_from_the_next_line_on(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "one.jsonl")
    stage.log.mark("a")
    stage.turn(on=True, path=tmp_path / "two.jsonl")
    stage.log.mark("b")
    assert [line["label"] for line in stage.lines()] == ["a"]
    assert [line["label"] for line in stage.lines(tmp_path / "two.jsonl")] == ["b"]


def test_a_file_is_added_to(tmp_path: Path) -> None:
    for label in ("a", "b"):
        stage = Stage(tmp_path / "timing.jsonl")
        stage.log.mark(label)
        labels = [line["label"] for line in stage.lines()]
    assert labels == ["a", "b"]


@pytest.mark.parametrize("name", ["taken/timing.jsonl", "taken/x/timing.jsonl", "a\0b"])
def test_a_file_that_cannot_be_written_is_told_once_and_hurts_nobody(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "taken").write_text("a file where a folder should be")
    stage = Stage(tmp_path / name)
    for _ in range(3):
        stage.log.mark("lost")
        assert stage.log.close(30.0)
    assert len(stage.complaints) == 1
    assert stage.complaints[0].strerror
    stage.turn(on=True, path=tmp_path / "timing.jsonl")
    stage.log.mark("kept")
    assert [line["label"] for line in stage.lines(tmp_path / "timing.jsonl")] == ["kept"]


def test_a_home_that_nobody_has_is_told(tmp_path: Path) -> None:
    stage = Stage(Path("~nobody-of-this-name/timing.jsonl"))
    stage.log.mark("lost")
    assert stage.log.close(30.0)
    assert len(stage.complaints) == 1


def test_the_settings_of_every_request_may_be_given_again(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "taken" / "timing.jsonl")
    (tmp_path / "taken").write_text("a file where a folder should be")
    for _ in range(3):
        stage.turn(on=True)
        stage.log.mark("lost")
        assert stage.log.close(30.0)
    assert len(stage.complaints) == 1
