from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import Any

import pytest

from actors.kernel.entropy import SeededEntropy
from actors.ports import ToolBroke, ToolError, ToolRefused
from actors.values import ToolCall, ToolResult
from bridge.owui.tools.box import OwuiToolBox, Runnable, Surroundings
from bridge.owui.tools.offers import Offer, Origin
from bridge.transforms.json_text import json_text
from tests.fixtures.owui_tools import wrapped

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
ANY_CITY = {**CITY, "required": []}


def box(function: Callable[..., Any] | None, schema: object = CITY, **wanted: Any) -> OwuiToolBox:
    offer = Offer(
        origin=Origin.REGISTRY,
        name="look",
        parameters_json=json_text(schema),
        function=function,
        kind=wanted.get("kind", ""),
    )
    tool = Runnable(offer=offer, is_strict=wanted.get("is_strict", False))
    return OwuiToolBox({"look": tool}, Surroundings(entropy=SeededEntropy(1)))


def called(
    tools: OwuiToolBox, arguments: str = '{"city":"Bonn"}', name: str = "look"
) -> ToolResult:
    return asyncio.run(tools.invoke(ToolCall(call_id="c", name=name, arguments=arguments)))


def refusal(tools: OwuiToolBox, arguments: str = '{"city":"Bonn"}', name: str = "look") -> str:
    with pytest.raises(ToolRefused) as caught:
        called(tools, arguments, name)
    return caught.value.facts.detail


def echo(**arguments: object) -> dict[str, object]:
    return arguments


def never(**arguments: object) -> None:
    raise AssertionError("it was run")


# --- what is refused before anything runs --------------------------------------------------------


def test_an_unknown_tool_is_refused_and_the_model_hears_which_there_are() -> None:
    """SPEC 70."""
    told = refusal(box(never), name="book")
    assert "`book`" in told
    assert "`look`" in told


def test_a_call_without_a_name_is_refused() -> None:
    """SPEC 70."""
    assert "names no tool" in refusal(box(never), name="")


def test_a_tool_that_cannot_be_run_is_refused() -> None:
    """SPEC 70."""
    assert "cannot be run" in refusal(box(None))


@pytest.mark.parametrize("text", ['{"city": "sk-or-v1-0123456789abcdef', "[1]", '"Bonn"', "3"])
def test_arguments_that_are_no_object_are_refused_without_repeating_them(text: str) -> None:
    """SPEC 70."""
    told = refusal(box(never), text)
    assert "not a JSON object" in told
    assert "sk-or" not in told


def test_no_arguments_are_an_error_only_where_some_are_required() -> None:
    """SPEC 70."""
    assert "`city`" in refusal(box(never), "")
    assert "`city`" in refusal(box(never), "{}")
    assert called(box(echo, ANY_CITY), "").output == "{}"


def test_arguments_that_the_function_does_not_take_are_refused() -> None:
    def look(town: str) -> str:
        return town

    assert "do not fit" in refusal(box(wrapped(look)))


def test_a_required_name_that_is_no_parameter_is_not_asked_of_a_model() -> None:
    """0.6 takes its own parameters out of the properties and leaves them required."""
    schema = {**CITY, "required": ["city", "__user__"]}
    assert called(box(echo, schema)).output == '{"city":"Bonn"}'


# --- what a tool is called with ------------------------------------------------------------------


def test_only_the_parameters_of_the_tool_are_passed_on() -> None:
    """CONTRACT 5."""
    assert called(box(echo), '{"city":"Bonn","zip":3}').output == '{"city":"Bonn"}'


def test_a_model_cannot_stand_in_for_open_webui() -> None:
    schema = {"type": "object", "properties": {}, "additionalProperties": True}
    text = '{"city":"Bonn","__user__":{"role":"admin"}}'
    assert called(box(echo, schema), text).output == '{"city":"Bonn"}'


def test_nulls_of_the_strict_form_are_left_out() -> None:
    """SPEC 67."""
    tools = box(echo, ANY_CITY, is_strict=True)
    assert called(tools, '{"city":null}').output == "{}"
    assert called(box(echo, ANY_CITY), '{"city":null}').output == '{"city":null}'


# --- what can go wrong while it runs -------------------------------------------------------------


def failure(error: BaseException, **wanted: Any) -> ToolError:
    async def look(city: str) -> str:
        raise error

    with pytest.raises(ToolError) as caught:
        called(box(look, **wanted))
    return caught.value


def test_an_error_in_a_tool_is_told_to_the_model_with_its_keys_masked() -> None:
    broke = failure(ValueError("key=sk-or-v1-0123456789abcdef is wrong"))
    assert isinstance(broke, ToolBroke)
    assert "ValueError" in broke.facts.detail
    assert "sk-or" not in broke.facts.detail
    assert "sk-or" not in str(broke)


def test_an_error_without_a_text_is_told_by_its_name() -> None:
    assert failure(KeyError()).facts.detail.endswith("failed: KeyError")


def test_a_huge_error_is_cut() -> None:
    assert len(failure(ValueError("x" * 100_000)).facts.detail) < 1_000


def test_a_refused_connection_inside_a_function_proves_nothing() -> None:
    """SPEC 72: it may have done half of its work before."""
    assert not failure(ConnectionRefusedError("no")).transient


def test_a_refused_connection_to_a_server_is_worth_one_more_try() -> None:
    """SPEC 72."""
    for kind in ("mcp", "external"):
        assert failure(ConnectionRefusedError("no"), kind=kind).transient
        assert not failure(ConnectionResetError("cut"), kind=kind).transient


def test_the_one_error_in_a_group_is_the_error() -> None:
    grouped = ExceptionGroup("many", [ExceptionGroup("more", [ValueError("inner")])])
    assert "ValueError: inner" in failure(grouped).facts.detail


def test_a_tool_that_ends_the_program_only_fails() -> None:
    def leave(city: str) -> None:
        raise SystemExit(3)

    for function in (leave, wrapped(leave)):
        with pytest.raises(ToolBroke):
            called(box(function))


def test_a_tool_that_cancels_itself_has_failed_like_any_other() -> None:
    """SPEC 75: its breaker hears of it."""

    async def give_up(city: str) -> str:
        raise asyncio.CancelledError

    async def wait_for_what_was_cancelled(city: str) -> str:
        gone = asyncio.get_running_loop().create_future()
        gone.cancel()
        return str(await gone)

    for function in (give_up, wait_for_what_was_cancelled):
        with pytest.raises(ToolBroke) as caught:
            called(box(function))
        assert "CancelledError" in caught.value.facts.detail


def test_a_call_that_is_stopped_is_cancelled_and_has_not_failed() -> None:
    async def stopped() -> None:
        async def wait(city: str) -> None:
            await asyncio.Event().wait()

        call = ToolCall(call_id="c", name="look", arguments='{"city":"Bonn"}')
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await box(wait).invoke(call)

    asyncio.run(stopped())


def test_a_tool_that_raises_stop_iteration_does_not_hang_the_chat() -> None:
    """A future cannot hold this exception, and would never be done."""

    def stop(city: str) -> None:
        raise StopIteration(city)

    for function in (stop, wrapped(stop)):
        with pytest.raises(ToolBroke):
            called(box(function))


def test_a_result_that_cannot_be_read_is_a_failure() -> None:
    class Odd:
        def __str__(self) -> str:
            raise ValueError("odd")

    with pytest.raises(ToolBroke):
        called(box(lambda city: Odd()))


# --- functions of any kind -----------------------------------------------------------------------


def test_functions_of_any_kind_are_run() -> None:
    async def waiting(city: str) -> str:
        await asyncio.sleep(0)
        return city

    class Waiting:
        async def __call__(self, city: str) -> str:
            return await waiting(city)

    class Plain:
        def __call__(self, city: str) -> str:
            return city

    def handing_on(city: str) -> object:
        return waiting(city)

    partial = functools.partial(waiting)
    for function in (waiting, Waiting(), Plain(), handing_on, wrapped(handing_on), partial):
        assert called(box(function)).output == "Bonn"
