from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from actors.values import OpaqueTool, Tool
from bridge.owui.tools.kit import TOOLS_MAX, Handed, KitProblem, ToolKit, tool_kit
from bridge.transforms.strict_schema import strict_parameters
from tests.fixtures import owui_tools as owui
from tests.fixtures.owui_tools import Browser, spec

STRING = {"type": "string"}
LOOK = spec("look", query=STRING)


def gathered(
    *,
    tools: object = None,
    metadata: object = None,
    body: object = None,
    browser: Browser | None = None,
    **wanted: Any,
) -> ToolKit:
    handed = Handed(
        tools=tools, metadata=metadata, body=body, event_call=browser.call if browser else None
    )
    return asyncio.run(tool_kit(handed, **{"model_takes_tools": True, **wanted}))


def runnable(about: owui.Entry, tool_id: str = "mine") -> owui.Entry:
    return owui.user_tool(about, lambda **_: "ran", tool_id)


def names(kit: ToolKit) -> list[str]:
    return [tool.name for tool in kit.tools if isinstance(tool, Tool)]


# --- which ---------------------------------------------------------------------------------------


def test_a_tool_that_nobody_here_can_run_is_not_told_of() -> None:
    """SPEC 66."""
    assert names(gathered(body={"tools": owui.openai(LOOK)})) == []
    assert names(gathered(tools={"look": {"spec": LOOK}})) == []


def test_in_pass_through_all_tools_are_told_of() -> None:
    """SPEC 64, 78."""
    kit = gathered(body={"tools": owui.openai(LOOK)}, model_takes_tools=False, is_pass_through=True)
    assert names(kit) == ["look"]


def test_a_model_without_tools_gets_none_but_those_of_the_provider() -> None:
    """SPEC 64; FACTS, server tools."""
    server = {"parameters": {}, "type": "openrouter:web_search"}
    body = {"tools": [server, {"type": "code_interpreter"}]}
    kit = gathered(tools={"look": runnable(LOOK)}, body=body, model_takes_tools=False)
    assert [json.loads(t.json) for t in kit.tools if isinstance(t, OpaqueTool)] == [server]
    assert names(kit) == []


def test_what_is_no_function_is_passed_on_as_it_is() -> None:
    body = {"tools": [{"type": "openrouter:web_fetch", "parameters": {"max_uses": 2}}]}
    (tool,) = gathered(body=body).tools
    assert tool == OpaqueTool(json='{"type":"openrouter:web_fetch","parameters":{"max_uses":2}}')


def test_a_direct_tool_needs_a_browser_that_can_be_asked() -> None:
    """SPEC 68."""
    servers = [{"url": "http://a", "specs": [LOOK]}]
    assert names(gathered(metadata={"session_id": "s", "tool_servers": servers})) == []
    assert names(gathered(metadata={"tool_servers": servers}, browser=Browser())) == []
    asked = gathered(metadata={"session_id": "s", "tool_servers": servers}, browser=Browser())
    assert names(asked) == ["look"]
    assert asked.server("look") == "http://a"


def test_flat_tools_are_read_like_nested_ones() -> None:
    flat = {"type": "function", **LOOK}
    assert names(gathered(body={"tools": [flat]}, is_pass_through=True)) == ["look"]


def test_entries_that_are_none_are_counted_and_left_out() -> None:
    rubbish = {"a": None, "b": {"spec": 3}, "look": runnable(LOOK)}
    kit = gathered(
        tools=rubbish,
        metadata={"tools": [3, {}], "tool_servers": [3, {"specs": ["x"]}]},
        body={"tools": ["x", {"type": "function"}], "extra_tools": 5},
    )
    assert names(kit) == ["look"]
    (warning,) = kit.warnings
    assert (warning.problem, warning.amount) == (KitProblem.UNREADABLE, 7)


@pytest.mark.parametrize("rubbish", [None, 3, "x", [], {}])
def test_a_request_without_tools_has_a_box_all_the_same(rubbish: object) -> None:
    kit = gathered(tools=rubbish, metadata=rubbish, body=rubbish)
    assert (kit.tools, kit.warnings) == ((), ())


def test_tools_without_end_are_cut() -> None:
    many = {f"t{n}": runnable(spec(f"t{n}")) for n in range(TOOLS_MAX + 3)}
    kit = gathered(tools=many)
    assert len(kit.tools) == TOOLS_MAX
    (warning,) = kit.warnings
    assert (warning.problem, warning.amount) == (KitProblem.TOO_MANY, 3)
    assert "3" in warning.sentence()


# --- under which names ---------------------------------------------------------------------------


def test_tools_that_do_not_clash_keep_their_names() -> None:
    """SPEC 65."""
    kit = gathered(tools={"look": runnable(LOOK)}, body={"tools": owui.openai(LOOK)})
    assert names(kit) == ["look"]
    assert kit.shown_name("look") == "look"


def test_clashing_tools_get_the_prefix_of_their_source_and_keep_their_shown_name() -> None:
    """SPEC 65."""
    other, third = spec("look", query={"type": "integer"}), spec("look", all={"type": "boolean"})
    kit = gathered(
        tools={"look": runnable(LOOK)},
        metadata={"session_id": "s", "tool_servers": [{"url": "http://a", "specs": [other]}]},
        body={
            "tools": owui.openai(spec("look", x=STRING)),
            "extra_tools": [{**owui.openai(third)[0], "callable": lambda **_: ""}],
        },
        browser=Browser(),
        is_pass_through=True,
    )
    assert names(kit) == ["owui__look", "tool__look", "direct__look", "extra__look"]
    assert {kit.shown_name(name) for name in names(kit)} == {"look"}


def test_tools_of_one_source_that_clash_are_told_apart_by_digits() -> None:
    """SPEC 65."""
    servers = [{"url": url, "specs": [LOOK]} for url in ("http://a", "http://b")]
    kit = gathered(metadata={"session_id": "s", "tool_servers": servers}, browser=Browser())
    one, other = names(kit)
    assert one != other
    for name in (one, other):
        assert name.startswith("direct__look_")
        assert len(name) == len("direct__look_") + 8
    assert {kit.server(one), kit.server(other)} == {"http://a", "http://b"}


def test_names_do_not_depend_on_the_order_of_tools() -> None:
    """A provider's prompt cache holds only while names stay (SPEC 121)."""
    servers = [{"url": url, "specs": [LOOK]} for url in ("http://a", "http://b")]
    metadata = {"session_id": "s", "tool_servers": servers}
    forth = gathered(metadata=metadata, browser=Browser())
    back = gathered(metadata={**metadata, "tool_servers": servers[::-1]}, browser=Browser())
    assert names(forth) == names(back)[::-1]


@pytest.mark.parametrize(
    ("name", "valid"),
    [("a.b/c d", "a_b_c_d"), ("größe", "gr__e"), ("ok-1_A", "ok-1_A")],
)
def test_invalid_names_are_made_valid(name: str, valid: str) -> None:
    """SPEC 65; FACTS, function names."""
    kit = gathered(tools={name: runnable(spec(name))})
    assert names(kit) == [valid]
    assert kit.shown_name(valid) == name


def test_a_name_that_is_too_long_is_cut_and_stays_different() -> None:
    """SPEC 65."""
    long = {f"{'x' * 70}{n}": runnable(spec("x")) for n in range(2)}
    one, other = names(gathered(tools=long))
    assert len(one) == len(other) == 64
    assert one != other


def test_names_that_clash_only_once_they_are_valid_are_told_apart() -> None:
    assert len(set(names(gathered(tools={n: runnable(spec(n)) for n in ("a.b", "a_b")})))) == 2


def test_a_prefixed_name_that_somebody_has_is_not_taken_twice() -> None:
    other = spec("look", query={"type": "integer"})
    kit = gathered(
        tools={"look": runnable(LOOK), "tool__look": runnable(spec("tool__look"))},
        metadata={"session_id": "s", "tool_servers": [{"url": "http://a", "specs": [other]}]},
        browser=Browser(),
    )
    assert len(set(names(kit))) == 3
    assert "tool__look" in names(kit)
    assert kit.shown_name("tool__look") == "tool__look"


def test_the_same_tool_from_two_sources_is_one() -> None:
    """SPEC 65."""
    twice = {"look": runnable(LOOK)}
    kit = gathered(
        tools=twice,
        metadata={"tools": {"look": runnable(LOOK)}},
        body={"tools": owui.openai(LOOK), "extra_tools": owui.openai(LOOK)},
        is_pass_through=True,
    )
    assert names(kit) == ["look"]


def test_tools_that_look_alike_on_two_servers_are_two() -> None:
    kit = gathered(tools=[runnable(LOOK, "server:a"), runnable(LOOK, "server:b")])
    assert len(names(kit)) == 2


# --- with which schema ---------------------------------------------------------------------------


def told(kit: ToolKit) -> tuple[object, bool | None]:
    (tool,) = kit.tools
    assert isinstance(tool, Tool)
    return json.loads(tool.parameters_json), tool.strict


def test_schemas_are_told_in_strict_form() -> None:
    """SPEC 67."""
    assert told(gathered(tools={"look": runnable(LOOK)})) == (
        strict_parameters(LOOK["parameters"]),
        True,
    )


def test_schemas_stay_as_they_are_where_nobody_wants_them_strict() -> None:
    kit = gathered(tools={"look": runnable(LOOK)}, is_strict=False)
    assert told(kit) == (LOOK["parameters"], None)


def test_pass_through_makes_no_schema_strict() -> None:
    """SPEC 78."""
    kit = gathered(body={"tools": owui.openai({**LOOK, "strict": True})}, is_pass_through=True)
    assert told(kit) == (LOOK["parameters"], True)


@pytest.mark.parametrize("is_strict", [True, False])
def test_a_tool_with_a_broken_schema_is_told_without_parameters(is_strict: bool) -> None:
    broken = {**LOOK, "strict": True, "parameters": {"type": "nonsense"}}
    kit = gathered(tools={"look": runnable(broken)}, is_strict=is_strict)
    schema, strict = told(kit)
    assert schema == {"type": "object", "properties": {}}
    assert not strict


def test_a_tool_without_parameters_is_told_as_one() -> None:
    bare = {"name": "look", "description": "Looks."}
    schema, strict = told(gathered(tools={"look": runnable(bare)}))
    assert schema == strict_parameters({})
    assert strict
