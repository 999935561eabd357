"""Whatever comes in at the door, what comes out is a sentence, and the door stays open."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from bridge.standin.server import StandIn
from bridge.standin.wishes import Wish
from tests.integration.door_stage import body, listen, open_door, script_text, set_valves
from tests.integration.scripted_server import Reply, Request, serve

SETUP = "door.greenroom-setup"
NO_MESSAGE = "**The request holds no message that could be answered.**"
NO_MODEL = "**The request names no model.**"
UNKNOWN_MODEL = "**This model is not on offer.**"

ODD_BODIES: list[tuple[object, str]] = [
    (None, NO_MODEL),
    ([], NO_MODEL),
    ("hello", NO_MODEL),
    (7, NO_MODEL),
    ({}, NO_MODEL),
    ({"model": None}, NO_MODEL),
    ({"model": 5, "messages": []}, NO_MODEL),
    ({"model": "door.standin.plain"}, NO_MESSAGE),
    ({"model": "door.standin.plain", "messages": None}, NO_MESSAGE),
    ({"model": "door.standin.plain", "messages": "hello"}, NO_MESSAGE),
    ({"model": "door.standin.plain", "messages": [None, 3, "x"]}, NO_MESSAGE),
    ({"model": "door.standin.plain", "messages": [{"role": "user"}]}, NO_MESSAGE),
    (
        {"model": "door.nobody.nothing", "messages": [{"role": "user", "content": "x"}]},
        UNKNOWN_MODEL,
    ),
    ({"model": "door.", "messages": [{"role": "user", "content": "x"}]}, UNKNOWN_MODEL),
]


def words_of(whole: Any) -> str:
    (choice,) = whole["choices"]
    assert choice["finish_reason"] == "stop"
    text: str = choice["message"]["content"]
    return text


TASK_FAILED = "[Task error] Unable to generate title_generation. Please retry later."


async def answers(door: Any, question: object) -> tuple[str, str]:
    """What is said streamed and whole; a task gets something that Open WebUI can read."""
    fields = question if isinstance(question, dict) else {}
    streamed = await listen(door, {**fields, "stream": True})
    assert streamed.ends == ("stop",)
    whole = await door.pipe({**fields, "stream": False} if fields else question)
    task = await door.pipe({**fields, "stream": False}, __task__="title_generation")
    assert task in ('{"title":"Chat"}', TASK_FAILED)
    return streamed.text, words_of(whole)


def test_an_odd_request_is_answered_in_words() -> None:
    async def main() -> None:
        async with await StandIn.start() as standin, open_door(standin.base_url) as door:
            for question, words in ODD_BODIES:
                for text in await answers(door, question):
                    assert text.startswith(words), question
            assert (await listen(door, body())).text == script_text("plain")
            assert door.residence.guests == 0

    asyncio.run(main())


@pytest.mark.parametrize("user", [None, "ada", [], {}, {"id": None}, {"id": 7}])
def test_an_odd_user_is_answered_like_anybody(user: object) -> None:
    async def main() -> None:
        async with await StandIn.start() as standin, open_door(standin.base_url) as door:
            whole = await door.pipe(body(stream=False), __user__=user)
            assert words_of(whole) == script_text("plain")

    asyncio.run(main())


@pytest.mark.parametrize(
    ("valves", "name", "words"),
    [
        ({"API_KEY": ""}, "no API key", "There is no OpenRouter API key yet."),
        (
            {"API_KEY": "encrypted:xxx"},
            "the stored API key cannot be decrypted",
            "The stored API key cannot be decrypted.",
        ),
        (
            {"BASE_URL": "openrouter.ai/api/v1"},
            "BASE_URL is not an address",
            "The address of the provider cannot be used.",
        ),
    ],
)
def test_a_door_that_cannot_work_says_why(valves: dict[str, object], name: str, words: str) -> None:
    async def main() -> None:
        async with await StandIn.start() as standin, open_door(standin.base_url) as door:
            set_valves(
                door, standin.base_url, **{k: v for k, v in valves.items() if k != "BASE_URL"}
            )
            if "BASE_URL" in valves:
                set_valves(door, str(valves["BASE_URL"]))
            (entry,) = await door.pipes()
            assert entry == {"id": "greenroom-setup", "name": f"Greenroom setup: {name}"}
            for text in await answers(door, body() | {"model": SETUP}):
                assert text.startswith(f"**{words}**")
            set_valves(door, standin.base_url)
            assert len(await door.pipes()) > 1
            assert (await listen(door, body())).text == script_text("plain")

    asyncio.run(main())


def test_valves_that_are_not_obeyed_are_named_beside_the_models() -> None:
    async def main() -> None:
        async with await StandIn.start() as standin, open_door(standin.base_url) as door:
            set_valves(door, standin.base_url, MAX_CONCURRENT_REQUESTS=0, LOG_LEVEL="LOUD")
            listed = await door.pipes()
            (setup,) = [row for row in listed if row["id"] == "greenroom-setup"]
            assert setup["name"] == "Greenroom setup: check MAX_CONCURRENT_REQUESTS, LOG_LEVEL"
            for text in await answers(door, body() | {"model": SETUP}):
                assert "`MAX_CONCURRENT_REQUESTS` (0)" in text
                assert "`LOG_LEVEL` (LOUD)" in text
            assert (await listen(door, body())).text == script_text("plain")

    asyncio.run(main())


def test_valves_that_are_not_obeyed_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with await StandIn.start() as standin, open_door(standin.base_url) as door:
            for _ in range(3):
                set_valves(door, standin.base_url, MAX_CONCURRENT_REQUESTS=0)
                await door.pipes()

    asyncio.run(main())
    told = [one.getMessage() for one in caplog.records if "is not obeyed" in one.getMessage()]
    assert len(told) == 1
    assert "MAX_CONCURRENT_REQUESTS" in told[0]


# --- catalogs that are none ------------------------------------------------------------------


async def empty(_: Request, reply: Reply) -> None:
    await reply.whole("200 OK", b'{"data":[]}')


async def no_json(_: Request, reply: Reply) -> None:
    await reply.whole("200 OK", b"<html>sign in to the airport</html>", "text/html")


async def wrong_shape(_: Request, reply: Reply) -> None:
    await reply.whole("200 OK", b'{"data":{"id":"x"}}')


async def too_large(_: Request, reply: Reply) -> None:
    await reply.stream_head()
    for _ in range(40):
        await reply.chunk(b" " * 2**20)
    await reply.end()


async def refused(_: Request, reply: Reply) -> None:
    await reply.whole("401 Unauthorized", b'{"error":{"code":401,"message":"No"}}')


Script = Callable[[Request, Reply], Awaitable[None]]


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (empty, "The provider sent something that is no answer"),
        (no_json, "The provider sent something that is no answer"),
        (wrong_shape, "The provider sent something that is no answer"),
        (too_large, "The provider sent something that is no answer"),
        (refused, "The provider did not accept the API key (401)"),
    ],
)
def test_a_catalog_that_cannot_be_used_is_told_and_the_door_stays_open(
    script: Script, why: str
) -> None:
    async def main() -> None:
        async with (
            await StandIn.start() as standin,
            serve(script) as server,
            open_door(server.base_url) as door,
        ):
            (entry,) = await door.pipes()
            assert entry["id"] == "greenroom-setup"
            assert why in entry["name"]
            said = await listen(door, body())
            assert said.text.startswith("**Service unavailable due to startup issues.**")
            assert why in said.text
            set_valves(door, standin.base_url)
            assert (await listen(door, body())).text == script_text("plain")
            assert door.residence.guests == 0

    asyncio.run(main())


def test_a_huge_catalog_is_listed() -> None:
    rows = ",".join(f'{{"id":"maker/model-{n}","name":"Model {n}"}}' for n in range(20_000))

    async def huge(_: Request, reply: Reply) -> None:
        await reply.whole("200 OK", f'{{"data":[{rows}]}}'.encode())

    async def main() -> None:
        async with serve(huge) as server, open_door(server.base_url) as door:
            assert len(await door.pipes()) == 20_000

    asyncio.run(main())


def test_a_provider_that_went_away_after_its_catalog_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]

    async def main() -> None:
        async with open_door(f"http://127.0.0.1:{port}/api/v1") as door:
            async with await StandIn.start(port=port) as standin:
                standin.plan(Wish(script="plain"))
                await door.pipes()
            said = await listen(door, body())
            assert said.text.startswith("**The provider could not be reached.**")
            assert said.ends == ("stop",)

    asyncio.run(main())
