"""What comes in may be odd or huge: the outcome is clear all the same, and nothing is left over.

What needs tools stands in `test_promises_tools`, what needs valves in `test_promises_settings`.
"""

import asyncio
import json
from typing import Any

import pytest

from bridge.standin.wishes import Wish
from tests.integration.door.test_promises import FINE, WAYS
from tests.integration.promise_stage import (
    ERROR_ID,
    WHOLE,
    Way,
    Wire,
    each_way,
    is_complete,
    scene,
)

MESSAGES = 10_000
MESSAGE_BYTES = 20 * 2**20
WAIT_S = 30.0


@WAYS
@pytest.mark.parametrize(
    "block",
    [
        {"type": "hologram", "hologram": {"depth": 3}},
        {"type": "hologram"},
        {"no": "type"},
        {},
        7,
        None,
        [["nested"]],
    ],
    ids=["whole", "bare", "typeless", "empty", "number", "null", "list"],
)
def test_a_block_that_nobody_knows_does_not_hinder_the_text(way: Way, block: object) -> None:
    async def main() -> None:
        content = [{"type": "text", "text": "What is this?"}, block]
        async with scene(FINE, way=way) as stage:
            question = stage.question(messages=[{"role": "user", "content": content}])
            assert is_complete(await stage.ask(question))
            assert "What is this?" in json.dumps(stage.posts[0].body)
            assert len(stage.posts) == 1

    asyncio.run(main())


@WAYS
@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": "0.7"},
        {"max_tokens": "one hundred"},
        {"top_k": "40", "top_p": "0.5"},
        {"seed": "7", "frequency_penalty": "0"},
    ],
    ids=["float", "word", "several", "others"],
)
def test_a_number_as_a_string_is_taken_or_told(way: Way, fields: dict[str, Any]) -> None:
    async def main() -> None:
        async with scene(FINE, FINE, way=way) as stage:
            went = await stage.ask(stage.question(**fields))
            refused = [record for record in stage.posts if record.refusal]
            if refused:
                assert ERROR_ID.search(went.said.text)
                assert WHOLE not in went.said.text
            else:
                assert is_complete(went)
            assert len(stage.posts) <= 1

    asyncio.run(main())


def test_ten_thousand_messages_are_sent_as_they_are() -> None:
    async def main(way: Way) -> None:
        roles = ("user", "assistant")
        messages = [{"role": roles[n % 2], "content": f"Word {n}."} for n in range(MESSAGES - 1)]
        async with scene(FINE, way=way) as stage:
            went = await stage.ask(stage.question(messages=messages), bound_s=WAIT_S)
            assert is_complete(went)
            body: Any = stage.posts[0].body
            assert len(body["input"]) == MESSAGES - 1
            assert "Word 4999." in json.dumps(body["input"][4999])

    each_way(main)


def test_a_message_of_twenty_megabytes_is_sent_as_it_is() -> None:
    async def main(way: Way) -> None:
        text = "All work and no play. " * (MESSAGE_BYTES // 22)
        async with scene(FINE, way=way) as stage:
            question = stage.question(messages=[{"role": "user", "content": text}])
            assert is_complete(await stage.ask(question, bound_s=WAIT_S))
            assert stage.posts[0].body_bytes > len(text)
            # The house is not held up for good: the next one is as quick as ever.
            stage.standin.plan(FINE)
            assert (await stage.ask()).elapsed_s < 1.0

    each_way(main)


@WAYS
def test_a_message_beyond_what_the_provider_takes_is_told(way: Way) -> None:
    async def main() -> None:
        text = "x" * (33 * 2**20)
        async with scene(FINE, way=way) as stage:
            question = stage.question(messages=[{"role": "user", "content": text}])
            went = await stage.ask(question, bound_s=WAIT_S)
            assert ERROR_ID.search(went.said.text)
            assert WHOLE not in went.said.text

    asyncio.run(main())


@WAYS
def test_a_question_in_half_characters_is_asked(way: Way) -> None:
    async def main() -> None:
        async with scene(Wish(script="echo"), way=way, wire=Wire.RESPONSES) as stage:
            question = stage.question(messages=[{"role": "user", "content": "Half \ud83d of it"}])
            went = await stage.ask(question)
            assert "Half " in went.said.text
            assert went.said.ends == ("stop",)

    asyncio.run(main())
