"""A setting that cannot be obeyed has a clear outcome, and never costs an answer."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from bridge.standin.faults import ProviderFault
from tests.integration.door.test_promises import FINE, WAYS, failing
from tests.integration.promise_stage import (
    ERROR_ID,
    Scene,
    Way,
    is_complete,
    notice_after,
    scene,
)

F = ProviderFault
BROKEN = [
    "{{#if detail}}never closed",
    "{{/if}} closed, but never opened",
    "{{#if}} without a name {{/if}}",
    "{{#if detail}}{{#if reason}}one closed of two{{/if}}",
    "a lone { brace, {nobody_knows_this} and {{double}}",
    "{detail.__class__} {0} {detail!r:>99999999}",
]
THINKING = "openai.gpt-5.2"


# --- templates ---------------------------------------------------------------------------------


@WAYS
def test_a_template_is_used_for_its_error(way: Way) -> None:
    async def main() -> None:
        valves = {"RATE_LIMIT_TEMPLATE": "Too many of us. Id {error_id}.\nOdd line {provider_xyz}"}
        async with scene(failing(F.STATUS_429_DAILY_QUOTA), way=way, **valves) as stage:
            notice = notice_after(await stage.ask(), "")
            assert notice.startswith("Too many of us. Id ")
            assert "Odd line" not in notice, "a line without its value is dropped"

    asyncio.run(main())


@WAYS
@pytest.mark.parametrize("template", BROKEN)
def test_a_template_with_a_mistake_still_tells_the_id(way: Way, template: str) -> None:
    async def main() -> None:
        valves = {"OPENROUTER_ERROR_TEMPLATE": template}
        async with scene(failing(F.STATUS_400), FINE, way=way, **valves) as stage:
            went = await stage.ask()
            assert ERROR_ID.search(went.said.text)
            assert "{{" not in went.said.text
            assert len(went.said.text) < 10_000
            assert is_complete(await stage.ask()), "the next one is not affected"

    asyncio.run(main())


@WAYS
def test_a_blank_number_is_not_sent(way: Way) -> None:
    async def main() -> None:
        async with scene(FINE, way=way) as stage:
            question = stage.question(temperature="", max_tokens=" ", top_p=0.5)
            assert is_complete(await stage.ask(question))
            body: Any = stage.posts[0].body
            assert "temperature" not in body
            assert "max_output_tokens" not in body
            assert body["top_p"] == 0.5

    asyncio.run(main())


# --- valves of a user --------------------------------------------------------------------------


def stored(door: Any, **fields: object) -> object:
    """What Open WebUI hands over of a user's stored valves: the defaults if they do not fit."""
    try:
        return door.UserValves(**fields)
    except ValidationError:
        return door.UserValves()


def user_with(valves: object) -> dict[str, object]:
    return {"id": "ada", "name": "ada", "role": "user", "valves": valves}


async def effort_asked_for(stage: Scene, valves: object) -> object:
    stage.standin.plan(FINE)
    went = await stage.ask(stage.question(THINKING), __user__=user_with(valves))
    assert is_complete(went)
    body: Any = stage.posts[-1].body
    return (body.get("reasoning") or {}).get("effort")


@WAYS
def test_a_users_valve_rules_over_the_admins(way: Way) -> None:
    async def main() -> None:
        async with scene(way=way, REASONING_EFFORT="low") as stage:
            valves = stored(stage.door, REASONING_EFFORT="high")
            assert await effort_asked_for(stage, valves) == "high"

    asyncio.run(main())


@WAYS
@pytest.mark.parametrize("value", ["enormous", "inherit", "INHERIT", "", None, 7, ["high"], -1])
def test_a_users_valve_out_of_range_leaves_the_admins_value(way: Way, value: object) -> None:
    async def main() -> None:
        async with scene(way=way, REASONING_EFFORT="low") as stage:
            valves = stored(stage.door, REASONING_EFFORT=value)
            assert await effort_asked_for(stage, valves) == "low"

    asyncio.run(main())


@WAYS
@pytest.mark.parametrize(
    "valves",
    [None, {}, {"REASONING_EFFORT": "enormous"}, "text", 7, SimpleNamespace(REASONING_EFFORT=7)],
    ids=["none", "empty", "dict", "text", "number", "other"],
)
def test_valves_of_another_shape_leave_the_admins_values(way: Way, valves: object) -> None:
    async def main() -> None:
        async with scene(way=way, REASONING_EFFORT="low") as stage:
            assert await effort_asked_for(stage, valves) == "low"

    asyncio.run(main())
