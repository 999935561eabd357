"""Tools that a client brings along (SPEC 63, 78, 106)."""

from __future__ import annotations

import json

import pytest

from actors.values import OpaqueTool, Tool
from bridge.transforms.tool_specs import tool_choice_from, tools_of

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
FLAT = {"type": "function", "name": "f", "description": "does", "parameters": SCHEMA}


def tools(*entries: object) -> tuple[Tool | OpaqueTool, ...]:
    return tools_of({"tools": list(entries)})


@pytest.mark.parametrize(
    "entry",
    [
        FLAT,
        {"type": "function", "function": {k: v for k, v in FLAT.items() if k != "type"}},
        {"function": {"name": "f", "description": "does", "parameters": SCHEMA}},
    ],
)
def test_a_function_is_read_in_every_spelling(entry: object) -> None:
    (tool,) = tools(entry)
    assert isinstance(tool, Tool)
    assert (tool.name, tool.description, tool.strict) == ("f", "does", None)
    assert json.loads(tool.parameters_json) == SCHEMA


def test_a_function_needs_no_more_than_a_name() -> None:
    assert tools({"type": "function", "name": "f", "strict": True}) == (
        Tool(
            name="f",
            description="",
            parameters_json='{"type":"object","properties":{}}',
            strict=True,
        ),
    )


def test_a_tool_of_the_provider_is_passed_on_unchanged() -> None:
    entry = {"type": "openrouter:web_search", "parameters": {"max_results": 3}}
    (tool,) = tools(entry)
    assert isinstance(tool, OpaqueTool)
    assert json.loads(tool.json) == entry


@pytest.mark.parametrize(
    "entry",
    [
        None,
        "f",
        7,
        {},
        {"name": "f"},
        {"type": "function"},
        {"type": "function", "name": ""},
        {"type": "function", "name": "x" * 65},
        {"type": "function", "name": 7},
        {"type": "function", "name": "f", "parameters": [1]},
        {"type": "function", "name": "f", "parameters": "{}"},
        {"type": ""},
        {"type": 7},
    ],
)
def test_what_is_no_tool_is_left_out(entry: object) -> None:
    assert tools(entry, FLAT | {"name": "good"})[0] == tools(FLAT | {"name": "good"})[0]
    assert len(tools(entry, FLAT | {"name": "good"})) == 1


def test_a_name_is_given_once() -> None:
    first, second = FLAT | {"description": "1"}, FLAT | {"description": "2"}
    (tool,) = tools(first, second)
    assert isinstance(tool, Tool)
    assert tool.description == "1"


@pytest.mark.parametrize("body", [None, 7, [], {}, {"tools": None}, {"tools": {"a": 1}}])
def test_a_body_without_tools_has_none(body: object) -> None:
    assert tools_of(body) == ()


@pytest.mark.parametrize(
    ("said", "choice"),
    [
        ("auto", "auto"),
        ("none", "none"),
        ({"name": "f"}, {"type": "function", "function": {"name": "f"}}),
        ({"name": ""}, None),
        ({}, None),
        ("f", None),
        (None, None),
        (["auto"], None),
    ],
)
def test_the_old_word_for_a_choice_is_translated(said: object, choice: object) -> None:
    """SPEC 106."""
    assert tool_choice_from(said) == choice
