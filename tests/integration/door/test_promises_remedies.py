"""A request that a model does not take as it is, and that a small change makes acceptable.

Each is sent once more at most, and the reader hears of the change (SPEC 101, 119, 120, 122).
"""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from bridge.standin.objections import Objection
from bridge.standin.wishes import Wish
from tests.integration.door.test_promises import FINE, WAYS
from tests.integration.promise_stage import Scene, Way, Wire, is_complete, notice_after, scene

WIRES = pytest.mark.parametrize("wire", Wire, ids=[wire.value for wire in Wire])


def objecting(*objections: Objection) -> Wish:
    return Wish(script="plain", objects_to=objections)


def effort_of(body: Any) -> object:
    """The effort a request asks for, wherever it stands."""
    return (body.get("reasoning") or {}).get("effort") or body.get("reasoning_effort")


def asks_to_think(body: Any) -> bool:
    thinking = (body.get("reasoning") or {}).get("enabled")
    return bool(effort_of(body) or thinking or body.get("include_reasoning"))


def asked(stage: Scene, model: str, **fields: object) -> dict[str, Any]:
    return stage.question(model, **fields)


async def cured(stage: Scene, question: dict[str, Any], changed: Callable[[Any], bool]) -> None:
    """The answer is whole after two requests, and only the second one is changed."""
    went = await stage.ask(question)
    assert is_complete(went)
    first, second = stage.posts
    assert first.refusal
    assert not second.refusal
    assert not changed(first.body)
    assert changed(second.body)


@WIRES
@WAYS
def test_an_effort_that_is_not_supported_becomes_the_next_higher(way: Way, wire: Wire) -> None:
    async def main() -> None:
        wishes = (objecting(Objection.EFFORT),) * 3
        async with scene(*wishes, way=way, wire=wire) as stage:
            question = asked(stage, "openai.gpt-5.2", reasoning_effort="medium")
            await cured(stage, question, lambda body: effort_of(body) == "high")

    asyncio.run(main())


@WIRES
@WAYS
def test_a_model_that_cannot_think_is_asked_without(way: Way, wire: Wire) -> None:
    async def main() -> None:
        wishes = (objecting(Objection.THINKING),) * 3
        async with scene(*wishes, way=way, wire=wire) as stage:
            question = asked(stage, "google.gemini-2.5-flash", reasoning_effort="medium")
            await cured(stage, question, lambda body: not asks_to_think(body))

    asyncio.run(main())


@WIRES
@WAYS
def test_cache_marks_that_are_not_taken_are_left_out(way: Way, wire: Wire) -> None:
    async def main() -> None:
        wishes = (objecting(Objection.CACHE_CONTROL),) * 3
        async with scene(*wishes, way=way, wire=wire) as stage:
            question = asked(stage, "anthropic.claude-sonnet-4.5")
            await cured(stage, question, lambda body: "cache_control" not in str(body))

    asyncio.run(main())


@WIRES
@WAYS
def test_reasoning_that_is_rejected_is_left_out(way: Way, wire: Wire) -> None:
    async def main() -> None:
        details = [{"type": "reasoning.text", "text": "Hm.", "signature": "x", "index": 0}]
        history = [
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": "Hello!", "reasoning_details": details},
            {"role": "user", "content": "And now?"},
        ]
        wishes = (objecting(Objection.REASONING),) * 3
        async with scene(*wishes, way=way, wire=wire) as stage:
            question = asked(stage, "anthropic.claude-sonnet-4.5", messages=history)
            await cured(stage, question, lambda body: "signature" not in str(body))

    asyncio.run(main())


@WAYS
def test_a_model_that_is_not_on_responses_is_asked_on_chat(way: Way) -> None:
    async def main() -> None:
        wishes = (objecting(Objection.RESPONSES),) * 3
        async with scene(*wishes, way=way) as stage:
            stage.may_change_wire = True
            await cured(stage, stage.question(), lambda body: "messages" in body)
            assert [record.path.rpartition("/v1")[2] for record in stage.posts] == [
                Wire.RESPONSES.path,
                Wire.CHAT.path,
            ]

    asyncio.run(main())


@WAYS
def test_without_the_valve_no_other_endpoint_is_tried(way: Way) -> None:
    async def main() -> None:
        wish = objecting(Objection.RESPONSES)
        async with scene(wish, FINE, way=way, AUTO_FALLBACK_CHAT_COMPLETIONS=False) as stage:
            notice_after(await stage.ask(), "")
            assert len(stage.posts) == 1

    asyncio.run(main())


@WAYS
def test_a_refusal_that_stays_is_told_after_a_bounded_number_of_changes(way: Way) -> None:
    async def main() -> None:
        wishes = (objecting(Objection.EFFORT, Objection.THINKING, Objection.RESPONSES),) * 9
        async with scene(*wishes, way=way, AUTO_FALLBACK_CHAT_COMPLETIONS=False) as stage:
            question = asked(stage, "openai.gpt-5.2", reasoning_effort="medium")
            notice_after(await stage.ask(question), "")
            assert len(stage.posts) <= 1 + len(Objection)

    asyncio.run(main())
