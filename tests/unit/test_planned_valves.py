"""Valves whose effect takes hours, or trouble: they reach whoever plans by them (SPEC 16).

What the actors make of a plan is tested beside each of them, on virtual time: `test_cleaner.py`,
`test_db_writer.py`, `test_db_drain.py`, `test_session_log_assembler.py` and `..._cleaner.py`.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from actors.kernel.actor import LoopActor
from actors.kernel.child_spec import ChildSpec
from actors.log_values import LogOwner
from actors.ports import SessionLogSettings, UseLogSettings
from bridge.config.settings import Settings, settings_from
from bridge.config.valves import Valves
from bridge.owui.session_logs import SessionLogDesk
from bridge.session_logs.children import ASSEMBLER, CLEANER
from bridge.storage_tree import Kept, StorageRooms
from supervisor.static import Supervisor
from tests.fixtures.environment import environment
from tests.unit.kernel_stage import Stage, on_stage

HOUR_S = 3600.0
OWNER = LogOwner(user_id="ada", chat_id="c", message_id="m", request_id="r")


def settings(**valves: object) -> Settings:
    with environment():
        return settings_from(Valves.model_validate(valves), {}, None)


# Valve, two values, where it is told, and what is told of each.
STORAGE: list[tuple[str, object, object, str, object, object]] = [
    ("ARTIFACT_CLEANUP_DAYS", 30, 2, "plan.keep_s", 30 * 24 * HOUR_S, 2 * 24 * HOUR_S),
    ("ARTIFACT_CLEANUP_INTERVAL_HOURS", 2, 0.5, "plan.interval_s", 2 * HOUR_S, 0.5 * HOUR_S),
    ("REDIS_PENDING_WARN_THRESHOLD", 50, 7, "drains.warn_rows", 50, 7),
    ("REDIS_FLUSH_FAILURE_LIMIT", 3, 9, "drains.failures_max", 3, 9),
]
LOGS: list[tuple[str, object, object, str, object, object]] = [
    ("SESSION_LOG_RETENTION_DAYS", 3, 9, "retention_days", 3, 9),
    ("SESSION_LOG_CLEANUP_INTERVAL_SECONDS", 60, 90, "cleanup_interval_s", 60.0, 90.0),
    ("SESSION_LOG_ASSEMBLER_JITTER_SECONDS", 0, 5, "assembler_jitter_s", 0.0, 5.0),
    ("SESSION_LOG_ASSEMBLER_BATCH_SIZE", 1, 500, "batch_max", 1, 500),
    ("SESSION_LOG_STALE_FINALIZE_SECONDS", 60, 61, "stale_finalize_s", 60.0, 61.0),
    ("SESSION_LOG_LOCK_STALE_SECONDS", 60, 61, "lock_stale_s", 60.0, 61.0),
]
PLANNED = (*(row[0] for row in (*STORAGE, *LOGS)), "DB_BATCH_SIZE")


@pytest.mark.parametrize(("valve", "before", "after", "place", "first", "second"), STORAGE, ids=str)
@on_stage
async def test_a_changed_valve_of_storage_is_in_the_next_plan(
    stage: Stage,
    valve: str,
    before: object,
    after: object,
    place: str,
    first: object,
    second: object,
) -> None:
    kept = Kept()
    rooms = StorageRooms(stage.system, kept)
    group, name = place.split(".")
    for value, told in ((before, first), (after, second)):
        made = settings(**{valve: value})
        rooms.obey(made.storage, made.sharing)
        assert getattr(getattr(kept, group), name) == told


@on_stage
async def test_the_size_of_a_batch_travels_with_each_chat(stage: Stage) -> None:
    rooms = StorageRooms(stage.system, Kept())
    for rows in (5, 20):
        memory = rooms.memory(
            settings(DB_BATCH_SIZE=rows),
            user="ada",
            chat_id="c",
            message_id="m",
            runs_tools=True,
        )
        assert memory.batch_rows == rows


class Keeper(LoopActor[UseLogSettings]):
    """Notes what it is told."""

    told: list[SessionLogSettings]

    def __init__(self, told: list[SessionLogSettings]) -> None:
        self.told = told

    def receive(self, message: UseLogSettings) -> None:
        self.told.append(message.settings)


class NoArchive:
    """Takes nothing; none of these requests logs anything."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"nobody asks for {name}")


@pytest.mark.parametrize(("valve", "before", "after", "name", "first", "second"), LOGS, ids=str)
@on_stage
async def test_a_changed_valve_of_session_logs_is_told_to_those_who_keep_them(
    stage: Stage,
    valve: str,
    before: object,
    after: object,
    name: str,
    first: object,
    second: object,
) -> None:
    told: list[SessionLogSettings] = []
    children = [ChildSpec(name=each, start=partial(Keeper, told)) for each in (ASSEMBLER, CLEANER)]
    stage.system.spawn(ChildSpec(name="root", start=partial(Supervisor, children)))
    await stage.settle()
    desk = SessionLogDesk(stage.system.entropy, stage.system.clock, NoArchive())
    desk.connect(stage.system)
    for value, seen in ((before, first), (after, second)):
        made = settings(**{"SESSION_LOG_STORE_ENABLED": True, valve: value})
        desk.begin(OWNER, made.session_logs)
        await stage.settle()
        assert [getattr(each, name) for each in told] == [seen, seen]
        told.clear()
    desk.close()
