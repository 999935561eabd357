"""What a user set for themselves, and what is left to the admin (SPEC 11, 12)."""

from __future__ import annotations

import pytest

from actors.recall import ReasoningRetention
from bridge.config.setting_groups import ThinkingPlace, ToolMode
from bridge.config.settings import Settings, settings_from
from bridge.config.user_valves import UserValves
from bridge.config.valves import Valves
from tests.fixtures.environment import environment
from tests.unit.valve_table import CHOICES, SWITCHES

# Name and default of SPEC 23's second table; the defaults are what the form shows.
FIELDS = {
    "SHOW_FINAL_USAGE_STATUS": True,
    "ENABLE_REASONING": True,
    "THINKING_OUTPUT_MODE": "open_webui",
    "ENABLE_ANTHROPIC_INTERLEAVED_THINKING": True,
    "REASONING_EFFORT": "medium",
    "REASONING_SUMMARY_MODE": "auto",
    "TOOL_EXECUTION_MODE": "Pipeline",
    "PERSIST_REASONING_TOKENS": "next_reply",
    "PERSIST_TOOL_RESULTS": True,
}
# The admin's value of each, none of them a default.
ADMIN: dict[str, object] = {
    "SHOW_FINAL_USAGE_STATUS": False,
    "ENABLE_REASONING": False,
    "THINKING_OUTPUT_MODE": "both",
    "ENABLE_ANTHROPIC_INTERLEAVED_THINKING": False,
    "REASONING_EFFORT": "high",
    "REASONING_SUMMARY_MODE": "disabled",
    "TOOL_EXECUTION_MODE": "Open-WebUI",
    "PERSIST_REASONING_TOKENS": "disabled",
    "PERSIST_TOOL_RESULTS": False,
}
INHERITED = [None, "", "  ", "inherit", "INHERIT", " Inherit "]


def settings(user: dict[str, object] | None, **admin: object) -> Settings:
    with environment():
        users = None if user is None else UserValves.model_validate(user)
        return settings_from(Valves.model_validate(ADMIN | admin), {}, users)


def test_the_form_offers_the_valves_of_the_specification_with_their_defaults() -> None:
    properties = UserValves.model_json_schema()["properties"]
    assert {name: field["default"] for name, field in properties.items()} == FIELDS


def test_the_words_and_switches_are_those_of_the_admins_form() -> None:
    admins = Valves.model_json_schema()["properties"]
    for name, field in UserValves.model_json_schema()["properties"].items():
        assert field["type"] == admins[name]["type"]
        assert field.get("enum") == admins[name].get("enum")
        assert name in {row[0] for row in (*CHOICES, *SWITCHES)}


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("inherited", INHERITED)
def test_a_field_that_is_not_set_leaves_the_admins_value(name: str, inherited: object) -> None:
    users = UserValves.model_validate({name: inherited})
    assert (dict(users.chosen()), users.problems()) == ({}, ())
    assert settings({name: inherited}) == settings(None)


def test_a_field_that_is_set_rules_even_when_it_says_the_default() -> None:
    made = settings(dict(FIELDS))
    assert made.reasoning.is_enabled
    assert made.reasoning.interleaves_anthropic
    assert (made.reasoning.effort, made.reasoning.summary) == ("medium", "auto")
    assert (made.show.thinking, made.show.shows_usage) == (ThinkingPlace.OPEN_WEBUI, True)
    assert made.tools.mode is ToolMode.PIPELINE
    assert made.memory.retention is ReasoningRetention.NEXT_REPLY
    assert made.memory.keeps_tools


@pytest.mark.parametrize("name", FIELDS)
def test_one_field_leaves_all_others_to_the_admin(name: str) -> None:
    fields = {
        "SHOW_FINAL_USAGE_STATUS": "show",
        "THINKING_OUTPUT_MODE": "show",
        "TOOL_EXECUTION_MODE": "tools",
        "PERSIST_REASONING_TOKENS": "memory",
        "PERSIST_TOOL_RESULTS": "memory",
    }
    group = fields.get(name, "reasoning")
    admins, both = settings(None), settings({name: FIELDS[name]})
    changed = {
        each
        for each in ("show", "tools", "reasoning", "memory", "request", "endpoint", "log_level")
        if getattr(admins, each) != getattr(both, each)
    }
    assert changed == {group}


@pytest.mark.parametrize("is_newer", [False, True])
def test_saving_one_field_freezes_no_other(is_newer: bool) -> None:
    saved = UserValves.model_validate({"REASONING_EFFORT": "low"})
    stored = saved.model_dump(exclude_unset=is_newer)
    assert stored == {"REASONING_EFFORT": "low"}
    assert UserValves.model_validate(stored).chosen() == stored


def test_saving_an_untouched_form_freezes_nothing() -> None:
    assert UserValves().model_dump() == {}


def test_a_value_that_cannot_be_obeyed_is_ignored_reported_and_kept_in_the_form() -> None:
    typed = {"REASONING_EFFORT": "enormous", "ENABLE_REASONING": True}
    made = settings(typed)
    assert made.reasoning.effort == ADMIN["REASONING_EFFORT"]
    assert made.reasoning.is_enabled
    assert [problem.valve for problem in made.user_valve_problems] == ["REASONING_EFFORT"]
    assert made.valve_problems == ()
    assert UserValves.model_validate(typed).model_dump() == typed


def test_a_user_cannot_change_the_log_level_nor_anything_else() -> None:
    made = settings({"LOG_LEVEL": "DEBUG", "API_KEY": "sk-theirs"}, LOG_LEVEL="ERROR")
    assert made == settings(None, LOG_LEVEL="ERROR")


def test_what_a_user_chose_leaves_the_admins_valves_as_they_are() -> None:
    with environment():
        admins = Valves.model_validate(ADMIN)
        settings_from(admins, {}, UserValves.model_validate({"REASONING_EFFORT": "low"}))
        assert admins.REASONING_EFFORT == "high"
