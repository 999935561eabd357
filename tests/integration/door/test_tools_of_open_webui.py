"""The tool box against tools in the shapes of the releases it has to live in."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import pytest

from actors.ports import ToolBroke, ToolRefused, ToolTimedOut, ToolUnreachable
from actors.values import OpaqueTool, Tool, ToolCall, ToolResult
from bridge.owui.tools.kit import Handed, KitProblem, ToolKit, tool_kit
from tests.fixtures import owui_tools as owui
from tests.fixtures.owui_tools import Browser, spec

STRING = {"type": "string"}
ADD = spec("add", a={"type": "integer"}, b={"type": "integer"}, required=("a", "b"))
FORECAST = spec("forecast", city=STRING, days={"type": "integer"}, required=("city",))
SEARCH = spec("search", query=STRING, required=("query",))


def add(a: int, b: int) -> int:
    return a + b


def gathered(handed: Handed, **wanted: Any) -> ToolKit:
    return asyncio.run(tool_kit(handed, **{"model_takes_tools": True, **wanted}))


def called(kit: ToolKit, name: str, arguments: object = None) -> ToolResult:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments or {})
    return asyncio.run(kit.box.invoke(ToolCall(call_id="call_1", name=name, arguments=text)))


def names(kit: ToolKit) -> list[str]:
    return [tool.name for tool in kit.tools if isinstance(tool, Tool)]


# --- 0.6.28 --------------------------------------------------------------------------------------


def test_in_0_6_direct_tools_come_with_the_metadata_and_the_rest_by_themselves() -> None:
    """SPEC 63, 68."""
    browser = Browser({"found": 1})
    registry = {"add": owui.user_tool(ADD, add)}
    kit = gathered(
        Handed(
            tools=registry,
            metadata={
                "session_id": "s1",
                # Open WebUI takes the specs out of here when it resolves a server.
                "tool_servers": [{"url": "http://localhost:9000"}],
                "tools": {"add": owui.user_tool(ADD, add), "search": owui.direct_tool(SEARCH)},
            },
            body={"tools": owui.openai(ADD, SEARCH)},
            event_call=browser.call,
        )
    )
    assert names(kit) == ["add", "search"]
    assert called(kit, "add", {"a": 1, "b": 2}).output == "3"
    assert called(kit, "search", {"query": "x", "limit": 5}).output == '{"found":1}'
    (event,) = browser.asked
    assert event["type"] == "execute:tool"
    assert event["data"].pop("id")
    assert event["data"] == {
        "name": "search",
        "params": {"query": "x"},
        "server": {"url": "http://localhost:9000", "openapi": {"paths": {}}},
        "session_id": "s1",
    }


def test_in_0_6_a_browser_that_does_not_answer_is_a_timeout() -> None:
    """SPEC 68; the socket library's error is none of Python's."""

    class TimeoutError(Exception):  # noqa: A001 - what the socket library calls it
        pass

    kit = gathered(
        Handed(
            metadata={"session_id": "s1", "tools": {"search": owui.direct_tool(SEARCH)}},
            event_call=Browser(TimeoutError()).call,
        )
    )
    with pytest.raises(ToolTimedOut) as caught:
        called(kit, "search", {"query": "x"})
    assert "browser" in caught.value.facts.detail


def test_in_0_6_a_tool_server_that_was_not_there_was_not_reached() -> None:
    """SPEC 72; Open WebUI returns the error instead of raising it."""
    problem = "Cannot connect to host localhost:9 ssl:default [Connect call failed]"

    async def forecast(**arguments: object) -> object:
        return {"error": problem}

    kit = gathered(Handed(tools={"forecast": owui.server_tool(FORECAST, forecast)}))
    assert kit.server("forecast") == "server:weather"
    with pytest.raises(ToolUnreachable) as caught:
        called(kit, "forecast", {"city": "Bonn"})
    assert caught.value.transient


def test_in_0_6_a_tool_server_that_answered_with_an_error_has_run() -> None:
    async def forecast(**arguments: object) -> object:
        return {"error": "HTTP error 500: token=abcdef123456"}

    kit = gathered(Handed(tools={"forecast": owui.server_tool(FORECAST, forecast)}))
    with pytest.raises(ToolBroke) as caught:
        called(kit, "forecast", {"city": "Bonn"})
    assert "HTTP error 500" in caught.value.facts.detail
    assert "abcdef" not in caught.value.facts.detail


def test_a_blocking_tool_runs_on_a_thread_and_a_waiting_one_on_the_loop() -> None:
    """SPEC 72."""

    def blocking() -> str:
        return threading.current_thread().name

    async def waiting() -> str:
        await asyncio.sleep(0)
        return threading.current_thread().name

    for wrap in (owui.wrapped, owui.wrapped_0_12):
        kit = gathered(
            Handed(
                tools={
                    "blocking": {"spec": spec("blocking"), "callable": wrap(blocking)},
                    "waiting": {"spec": spec("waiting"), "callable": wrap(waiting)},
                    "plain": {"spec": spec("plain"), "callable": blocking},
                }
            )
        )
        main = threading.current_thread().name
        assert called(kit, "blocking").output != main
        assert called(kit, "plain").output != main
        assert called(kit, "waiting").output == main


def test_two_servers_with_the_same_tool_both_stay_reachable() -> None:
    """0.6 keeps the name in the spec and puts the server in front of it in the registry."""
    hits: list[str] = []

    def of(server: str) -> owui.Entry:
        async def forecast(**arguments: object) -> object:
            hits.append(server)
            return server

        return owui.server_tool(FORECAST, forecast, server)

    kit = gathered(Handed(tools={"forecast": of("one"), "two_forecast": of("two")}))
    assert names(kit) == ["forecast", "two_forecast"]
    assert called(kit, "two_forecast", {"city": "Bonn"}).output == "two"
    assert hits == ["two"]


# --- 0.12.4 --------------------------------------------------------------------------------------


def handed_0_12(browser: Browser | None = None, **registry: owui.Entry) -> Handed:
    """In 0.12 the registry and the metadata hold the same tools, direct ones among them."""
    return Handed(
        tools=registry,
        metadata={
            "session_id": "s1",
            "tools": registry,
            "tool_servers": [{"url": "http://localhost:9000", "specs": [SEARCH, FORECAST]}],
        },
        body={"tools": owui.openai(*(each["spec"] for each in registry.values()))},
        event_call=browser.call if browser else None,
        event_emitter=browser.emit if browser else None,
    )


def test_in_0_12_each_tool_is_offered_once_and_only_what_open_webui_resolved() -> None:
    """It leaves out tools of a browser's server that are of no use; they do not come back."""
    kit = gathered(
        handed_0_12(Browser(), add=owui.user_tool(ADD, add), search=owui.direct_tool(SEARCH))
    )
    assert names(kit) == ["add", "search"]
    assert kit.warnings == ()


def test_in_0_12_a_browser_answers_with_headers() -> None:
    browser = Browser([{"found": 1}, {"content-type": "application/json"}], [["a", "b"], None])
    kit = gathered(handed_0_12(browser, search=owui.direct_tool(SEARCH)))
    assert called(kit, "search", {"query": "x"}).output == '{"found":1}'
    assert called(kit, "search", {"query": "x"}).output == '["a","b"]'


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"error": "Client session disconnected."}, ToolBroke),
        ({"error": "Tool Server Not Found"}, ToolBroke),
        ({"error": "Event call timed out. The browser tab may be inactive."}, ToolTimedOut),
        (None, ToolBroke),
        (object(), ToolBroke),
        (ValueError("no session"), ToolBroke),
    ],
)
def test_a_browser_without_a_result_is_a_failure_the_model_can_read(
    answer: object, expected: type[Exception]
) -> None:
    """SPEC 68."""
    kit = gathered(handed_0_12(Browser(answer), search=owui.direct_tool(SEARCH)))
    with pytest.raises(expected) as caught:
        called(kit, "search", {"query": "x"})
    assert "search" in getattr(caught.value, "facts").detail  # noqa: B009 - of a PortError


def test_in_0_12_a_builtin_tool_sees_the_messages_and_files_of_now() -> None:
    """CONTRACT 5."""

    async def recall(__messages__: list[object], __files__: list[object]) -> str:
        await asyncio.sleep(0)
        return json.dumps([__messages__, __files__])

    tool = owui.builtin_tool(spec("recall"), recall, __messages__=["old"], __files__=[])
    handed = Handed(tools={"recall": tool}, metadata={"files": ["f"]}, body={"messages": ["new"]})
    assert called(gathered(handed), "recall").output == '[["old"], []]'
    kit = gathered(handed, rebind=owui.get_updated_tool_function)
    assert called(kit, "recall").output == '[["new"], ["f"]]'


def test_a_tool_that_cannot_be_bound_anew_runs_as_it_was_made() -> None:
    def broken(function: object, extra: object) -> object:
        raise RuntimeError

    kit = gathered(Handed(tools={"add": owui.user_tool(ADD, add)}), rebind=broken)
    assert called(kit, "add", {"a": 1, "b": 2}).output == "3"


def test_in_0_12_an_external_tool_returns_a_result_and_headers() -> None:
    async def forecast(**arguments: object) -> object:
        return ({"sun": True}, {"Content-Type": "application/json"})

    async def gone(**arguments: object) -> object:
        return ({"error": "Cannot connect to host a:1 ssl:default [x]"}, None)

    kit = gathered(
        handed_0_12(
            forecast=owui.server_tool_0_12(FORECAST, forecast),
            search=owui.server_tool_0_12(SEARCH, gone),
        )
    )
    assert called(kit, "forecast", {"city": "Bonn"}).output == '{"sun":true}'
    with pytest.raises(ToolUnreachable):
        called(kit, "search", {"query": "x"})


def test_in_0_12_content_blocks_of_an_mcp_server_are_joined() -> None:
    async def look(**arguments: object) -> object:
        return [
            {"type": "text", "text": "one"},
            {"type": "image", "mimeType": "image/png", "data": "QUJD"},
            {"type": "text", "text": "two"},
            {"type": "resource", "resource": {"uri": "file:///a", "text": "three"}},
            {"type": "audio", "mimeType": "audio/wav", "data": "QUJD"},
        ]

    kit = gathered(handed_0_12(look=owui.mcp_tool(spec("look"), look)))
    result = called(kit, "look", {"anything": 1})
    assert result.output == "one\ntwo\nthree\n[audio, audio/wav, not shown]"
    assert result.files == ("data:image/png;base64,QUJD",)


def test_an_mcp_server_gets_all_its_arguments_and_its_errors_are_failures() -> None:
    got: dict[str, object] = {}

    async def look(**arguments: object) -> object:
        got.update(arguments)
        raise RuntimeError("MCP client is not connected.")

    kit = gathered(handed_0_12(look=owui.mcp_tool(spec("look"), look)))
    with pytest.raises(ToolUnreachable):
        called(kit, "look", {"anything": 1})
    assert got == {"anything": 1}


def test_in_0_12_a_page_is_shown_in_the_chat_and_the_model_reads_what_it_is_about() -> None:
    async def chart() -> object:
        return (owui.HTMLResponse("<b>chart</b>"), {"points": 3})

    browser = Browser()
    kit = gathered(
        handed_0_12(browser, chart=owui.builtin_tool(spec("chart"), chart)),
        rebind=owui.get_updated_tool_function,
    )
    assert called(kit, "chart").output == '{"points":3}'
    assert browser.events == [{"type": "embeds", "data": {"embeds": ["<b>chart</b>"]}}]


def test_where_no_page_can_be_shown_the_model_reads_it() -> None:
    """0.6 knows no embedded pages; nothing is said to be visible that is not."""

    async def chart() -> object:
        return (owui.HTMLResponse("<b>chart</b>"), {"points": 3})

    kit = gathered(handed_0_12(Browser(), chart=owui.builtin_tool(spec("chart"), chart)))
    assert called(kit, "chart").output == "<b>chart</b>"


def test_builtin_tools_name_their_sources() -> None:
    async def fetch_url(url: str) -> str:
        return "page text"

    about = spec("fetch_url", url=STRING, required=("url",))
    kit = gathered(handed_0_12(fetch_url=owui.builtin_tool(about, fetch_url)))
    (source,) = called(kit, "fetch_url", {"url": "https://a.example/"}).sources
    assert (source.name, source.url, source.text) == (
        "https://a.example/",
        "https://a.example/",
        "page text",
    )


def test_tools_that_were_put_aside_are_run_through_the_one_that_finds_them() -> None:
    """0.12's tool search: large tools are named in the prompt and found when they are needed."""
    call_tool = {
        "tool_id": "builtin:call_tool",
        "type": "builtin",
        "spec": spec("call_tool", tool_name=STRING, params=STRING),
    }
    registry = {"add": owui.user_tool(ADD, add), "call_tool": call_tool}
    kit = gathered(Handed(tools=registry, metadata={"tools": registry, "deferred_tools": ["add"]}))
    assert names(kit) == ["call_tool"]
    found = {"tool_name": "add", "params": '{"a": 1, "b": 2}'}
    assert called(kit, "call_tool", found).output == "3"
    for wrong in ({"tool_name": "call_tool", "params": "{}"}, {"tool_name": "add"}):
        with pytest.raises(ToolRefused):
            called(kit, "call_tool", wrong)


@pytest.mark.parametrize("answer", [False, None, {"error": "Client session disconnected."}, "yes"])
def test_where_the_user_wants_to_be_asked_only_yes_is_yes(answer: object) -> None:
    """Open WebUI 0.12 asks in its own chat loop, which a call of ours does not pass."""
    ran: list[int] = []
    tool = owui.user_tool(spec("act"), lambda: ran.append(1) or "done")
    browser = Browser(answer, True)
    kit = gathered(
        Handed(
            tools={"act": tool},
            metadata={"session_id": "s1", "params": {"tool_approval_mode": "ask"}},
            event_call=browser.call,
        )
    )
    with pytest.raises(ToolRefused):
        called(kit, "act")
    assert not ran
    assert called(kit, "act").output == "done"
    assert [event["type"] for event in browser.asked] == ["confirmation", "confirmation"]


# --- any release ---------------------------------------------------------------------------------


def test_a_registry_may_be_awaited() -> None:
    """SPEC 63."""

    async def registry() -> object:
        return [owui.user_tool(ADD, add)]

    async def both() -> ToolKit:
        return await tool_kit(Handed(tools=registry()), model_takes_tools=True)

    assert names(asyncio.run(both())) == ["add"]


def test_a_registry_that_fails_leaves_a_warning_and_a_chat() -> None:
    """SPEC 63."""

    async def registry() -> object:
        raise LookupError("secret")

    async def kit() -> ToolKit:
        body = {"extra_tools": [{"type": "openrouter:web_search"}]}
        return await tool_kit(Handed(tools=registry(), body=body), model_takes_tools=True)

    made = asyncio.run(kit())
    assert made.tools == (OpaqueTool(json='{"type":"openrouter:web_search"}'),)
    (warning,) = made.warnings
    assert warning.problem is KitProblem.REGISTRY_FAILED
    assert "LookupError" in warning.sentence()
    assert "secret" not in warning.sentence()


def test_a_filter_may_add_tools_of_its_own() -> None:
    """SPEC 63, 66."""
    extra = [{**owui.openai(ADD)[0], "callable": add}, *owui.openai(SEARCH)]
    kit = gathered(Handed(body={"extra_tools": extra}))
    assert names(kit) == ["add"]
    assert called(kit, "add", {"a": 2, "b": 2}).output == "4"


def test_a_cancelled_call_is_cancelled() -> None:
    async def wait() -> None:
        await asyncio.Event().wait()

    async def stopped() -> None:
        kit = await tool_kit(
            Handed(tools={"wait": owui.user_tool(spec("wait"), wait)}), model_takes_tools=True
        )
        call = ToolCall(call_id="a", name="wait", arguments="")
        async with asyncio.timeout(0):
            await kit.box.invoke(call)

    with pytest.raises(TimeoutError):
        asyncio.run(stopped())
