"""What a user sets rules that user's requests, and nobody else's (SPEC 11, 12).

One row for each of the user's valves; on virtual time, with the stand-in behind the ports.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import BaseModel

from bridge.config.user_valves import UserValves
from bridge.standin.faults import ProviderFault
from bridge.standin.wishes import Wish
from tests.integration import valve_looks as look
from tests.integration.promise_stage import WHOLE, Went
from tests.integration.quiet_stage import heard_log, play_quietly
from tests.integration.storage import test_every_kept_valve
from tests.integration.tool_bench import Bench
from tests.integration.valve_looks import CLAUDE, THINKER, Look


@dataclass(frozen=True, kw_only=True)
class Row:
    """One valve: what the admin set, what the user did, and what one sees of either."""

    valve: str
    admins: object
    users: object
    look: Look
    first: object
    second: object


def row(
    valve: str, admins: object, users: object, seen: Look, first: object, second: object
) -> Row:
    return Row(valve=valve, admins=admins, users=users, look=seen, first=first, second=second)


BETA = "interleaved-thinking-2025-05-14"
ASKED = {"effort": "medium", "enabled": True, "summary": "auto"}

ROWS = [
    row("SHOW_FINAL_USAGE_STATUS", True, False, look.last_status, "Time:", "Thought"),
    row("ENABLE_REASONING", True, False, look.sent("reasoning", model=THINKER), ASKED, None),
    row("THINKING_OUTPUT_MODE", "open_webui", "both", look.thinking, (True, False), (True, True)),
    row(
        "ENABLE_ANTHROPIC_INTERLEAVED_THINKING",
        False,
        True,
        look.header("x-anthropic-beta", model=CLAUDE),
        None,
        BETA,
    ),
    row(
        "REASONING_EFFORT",
        "low",
        "high",
        look.sent("reasoning", "effort", model=THINKER),
        "low",
        "high",
    ),
    row(
        "REASONING_SUMMARY_MODE",
        "concise",
        "disabled",
        look.sent("reasoning", "summary", model=THINKER),
        "concise",
        None,
    ),
    row(
        "TOOL_EXECUTION_MODE",
        "Open-WebUI",
        "Pipeline",
        look.who_runs_tools,
        (("tool_calls",), 0),
        (("stop",), 1),
    ),
]
EACH = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.valve)


class ElsewhereBuilt(BaseModel):
    """The form of another build: the same names, and defaults that nobody chose."""

    SHOW_FINAL_USAGE_STATUS: bool = True
    ENABLE_REASONING: bool = True
    THINKING_OUTPUT_MODE: str = "status"
    ENABLE_ANTHROPIC_INTERLEAVED_THINKING: bool = True
    REASONING_EFFORT: str = "xhigh"
    REASONING_SUMMARY_MODE: str = "detailed"
    TOOL_EXECUTION_MODE: str = "Open-WebUI"
    A_VALVE_OF_TOMORROW: int = 7


SHAPES: dict[str, Callable[..., object]] = {
    "instance": UserValves,
    "dict": dict,
    "another build": ElsewhereBuilt,
}


def test_the_table_has_every_valve_of_a_user_once_and_no_other() -> None:
    here, kept = [row.valve for row in ROWS], [row[0] for row in test_every_kept_valve.USERS]
    assert sorted([*here, *kept]) == sorted(UserValves.model_fields)
    assert [row.valve for row in ROWS if row.first == row.second] == []


@EACH
@pytest.mark.parametrize("shape", SHAPES)
def test_what_a_user_sets_rules_over_the_admin_for_that_user_only(row: Row, shape: str) -> None:
    async def play(stage: Any) -> None:
        stage.chosen = None
        assert await row.look(stage) == row.first
        stage.chosen = SHAPES[shape](**{row.valve: row.users})
        assert await row.look(stage) == row.second
        stage.chosen = SHAPES[shape]()
        assert await row.look(stage) == row.first, "another user chose nothing"
        stage.change(**{row.valve: row.users})
        stage.chosen = SHAPES[shape](**{row.valve: row.admins})
        assert await row.look(stage) == row.first, "what the admin changes is not the user's"
        assert stage.world.trees == 1

    play_quietly(play, **{row.valve: row.admins})


@EACH
def test_what_a_user_leaves_open_is_the_admins(row: Row) -> None:
    async def play(stage: Any) -> None:
        for inherited in (None, "", "  ", "inherit", "INHERIT", " Inherit "):
            for made in (UserValves(**{row.valve: inherited}), {row.valve: inherited}):
                stage.chosen = made
                assert await row.look(stage) == row.first, inherited

    play_quietly(play, **{row.valve: row.admins})


@EACH
@pytest.mark.parametrize("typed", ["enormous", 7, ["high"], {"a": 1}, -1.5])
def test_what_cannot_be_obeyed_leaves_the_admins_value_and_is_told(row: Row, typed: object) -> None:
    async def play(stage: Any) -> None:
        for made in (UserValves(**{row.valve: typed}), {row.valve: typed}):
            stage.chosen = made
            assert await row.look(stage) == row.first
            (told,) = toasts(await look.ask(stage))
            assert row.valve in told["content"]
            assert told["type"] == "warning"

    play_quietly(play, **{row.valve: row.admins})


@pytest.mark.parametrize(
    "chosen",
    [
        {},
        "text",
        7,
        [("REASONING_EFFORT", "high")],
        SimpleNamespace(REASONING_EFFORT="high"),
        UserValves,
        ElsewhereBuilt,
        {7: "high", None: 1},
    ],
    ids=["empty", "text", "number", "list", "object", "class", "foreign class", "odd names"],
)
def test_valves_of_no_known_shape_leave_the_admins_values(chosen: object) -> None:
    async def play(stage: Any) -> None:
        stage.chosen = chosen
        went = await look.ask(stage, THINKER)
        assert went.said.text == WHOLE
        assert look.member(stage.posts[-1].body, "reasoning", "effort") == "low"
        assert toasts(went) == []

    play_quietly(play, REASONING_EFFORT="low")


def test_a_user_cannot_set_the_log_level_nor_anything_else_of_the_admins() -> None:
    refused = Wish(script="plain", fault=ProviderFault.STATUS_400)

    async def play(stage: Any) -> None:
        stage.chosen = {"LOG_LEVEL": "CRITICAL", "API_KEY": "sk-theirs", "MODEL_ID": "nobody/x"}
        with heard_log() as log:
            await look.ask(stage, wish=refused)
        assert any("request failed" in text for text in log.texts)
        assert stage.posts[-1].headers["authorization"].endswith("uiet")

    play_quietly(play, LOG_LEVEL="INFO")


# --- toasts ------------------------------------------------------------------------------------


def toasts(went: Went) -> list[Any]:
    return [event["data"] for event in went.said.events if event["type"] == "notification"]


def test_all_that_is_not_obeyed_is_told_once_with_the_request() -> None:
    """SPEC 28: however often the provider is asked for one answer."""

    async def play(stage: Any) -> None:
        stage.chosen = {"REASONING_EFFORT": "enormous", "THINKING_OUTPUT_MODE": "loud"}
        wish = Wish(script="three-rounds", times=4)
        went = await look.ask(stage, wish=wish, __tools__=Bench().registry())
        assert len(stage.posts) == 4
        (told,) = toasts(went)
        for name in ("HTTP_REFERER_OVERRIDE", "REASONING_EFFORT", "THINKING_OUTPUT_MODE"):
            assert told["content"].count(name) == 1
        assert went.said.events[0]["type"] == "notification", "before anything else"
        (again,) = toasts(await look.ask(stage))
        assert again == told, "the next request is told anew"

    play_quietly(play, HTTP_REFERER_OVERRIDE="example.com")


def test_a_program_and_a_task_hear_of_no_toast() -> None:
    async def play(stage: Any) -> None:
        stage.chosen = {"REASONING_EFFORT": "enormous"}
        went = await look.ask(stage, __metadata__={"user_id": "ada"})
        assert went.said.events == ()
        await stage.door.pipe(
            stage.question() | {"stream": False},
            __user__={"id": "ada", "valves": stage.chosen},
            __metadata__=stage.surroundings("ada")["__metadata__"],
            __event_emitter__=stage.surroundings("ada")["__event_emitter__"],
            __task__="title_generation",
        )
        assert stage.emitted == []

    play_quietly(play, HTTP_REFERER_OVERRIDE="example.com")
