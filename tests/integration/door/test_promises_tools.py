"""What is promised about tools, over real sockets, on both endpoints and both ways of asking.

The stand-in calls, hears the outputs and quotes them, so an answer shows what reached the model.
It refuses a request in which a call lacks its output, tools lost their shape or signed reasoning
does not come back unchanged; every test looks that it refused nothing.
"""

import asyncio
import json
import math
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from bridge.standin.conversations import quotation
from bridge.standin.faults import ProviderFault
from bridge.standin.objections import Objection
from bridge.standin.records import RequestRecord
from bridge.standin.wishes import Wish
from tests.integration.promise_stage import (
    ERROR_ID,
    Scene,
    Way,
    Went,
    Wire,
    each_way,
    scene,
)
from tests.integration.tool_bench import DEGREES, NOON, Bench, always, deaf, fail, hang

F = ProviderFault
WIRES = pytest.mark.parametrize("wire", Wire, ids=[wire.value for wire in Wire])
WAYS = pytest.mark.parametrize("way", Way, ids=[way.value for way in Way])
ZURICH = {"city": "Zürich", "unit": "celsius"}
# A tool may take a second; the answer is there soon after.
SHORT = {"TOOL_TIMEOUT_SECONDS": 1, "TOOL_SHUTDOWN_TIMEOUT_SECONDS": 0.2}
SOON_S = 4.0
WINDOW_S = 5

MakeBench = Callable[[], Bench]


@asynccontextmanager
async def tool_scene(*wishes: Wish, **more: Any) -> AsyncIterator[Scene]:
    """A scene in which the provider may not have a reason to refuse anything."""
    async with scene(*wishes, **more) as stage:
        yield stage
        assert [record.refusal for record in stage.posts if record.refusal] == []


def playing(
    name: str, *, way: Way, wire: Wire, times: int = 40, **more: Any
) -> AbstractAsyncContextManager[Scene]:
    """A scene in which every request gets the next answer of this conversation."""
    return tool_scene(Wish(script=name, times=times), way=way, wire=wire, **more)


async def ask(stage: Scene, bench: Bench, **more: Any) -> Went:
    return await stage.ask(__tools__=bench.registry(), **more)


def outputs_in(record: RequestRecord) -> list[str]:
    """What the request tells of the tools' outputs, in order."""
    body: Any = record.body
    given = body.get("input") or body.get("messages")
    texts = [
        item.get("output") if item.get("type") == "function_call_output" else item.get("content")
        for item in given
        if item.get("type") == "function_call_output" or item.get("role") == "tool"
    ]
    return [text if isinstance(text, str) else json.dumps(text) for text in texts]


def tools_in(record: RequestRecord) -> dict[str, Any]:
    """The functions on offer in a request, by name."""
    body: Any = record.body
    functions = [tool.get("function", tool) for tool in body.get("tools") or ()]
    return {function["name"]: function for function in functions if "name" in function}


# --- calls that work ---------------------------------------------------------------------------


@WIRES
@WAYS
def test_a_call_is_run_once_and_the_model_hears_its_output(way: Way, wire: Wire) -> None:
    async def main() -> None:
        bench = Bench()
        async with playing("tool-call", way=way, wire=wire) as stage:
            went = await ask(stage, bench)
            assert bench.runs == [("get_weather", ZURICH)]
            assert went.said.text.startswith("I will look outside. ")
            assert went.said.text.endswith(quotation((DEGREES,)))
            assert went.said.ends == ("stop",)
            assert len(stage.posts) == 2
            assert set(tools_in(stage.posts[1])) == {"get_weather", "get_time"}

    asyncio.run(main())


@WIRES
@WAYS
def test_calls_of_one_answer_run_at_the_same_time(way: Way, wire: Wire) -> None:
    async def main() -> None:
        together = asyncio.Barrier(3)

        async def meet(**_: Any) -> str:
            async with asyncio.timeout(2.0):
                await together.wait()
            return DEGREES

        bench = Bench(get_weather=meet, get_time=meet)
        async with playing("parallel-calls", way=way, wire=wire) as stage:
            went = await ask(stage, bench)
            assert sorted(bench.names) == ["get_time", "get_weather", "get_weather"]
            assert went.said.text.endswith(quotation((DEGREES,) * 3))
            assert len(stage.posts) == 2

    asyncio.run(main())


@WIRES
@WAYS
def test_an_empty_string_stands_for_no_arguments(way: Way, wire: Wire) -> None:
    async def main() -> None:
        bench = Bench()
        async with playing("no-arguments", way=way, wire=wire) as stage:
            went = await ask(stage, bench)
            assert bench.runs == [("get_time", {})]
            assert went.said.text.endswith(quotation((NOON,)))

    asyncio.run(main())


@WIRES
@WAYS
def test_a_call_that_is_told_without_a_delta_is_run(way: Way, wire: Wire) -> None:
    async def main() -> None:
        bench = Bench()
        async with playing("stated-call", way=way, wire=wire) as stage:
            await ask(stage, bench)
            assert bench.runs == [("get_weather", ZURICH)]

    asyncio.run(main())


@WIRES
@WAYS
def test_rounds_follow_each_other_until_the_model_is_done(way: Way, wire: Wire) -> None:
    async def main() -> None:
        bench = Bench()
        async with playing("three-rounds", way=way, wire=wire) as stage:
            went = await ask(stage, bench)
            assert [arguments["city"] for _, arguments in bench.runs] == ["Zürich", "Oslo", "Lima"]
            places = [went.said.text.index(f"I look at {city}. ") for city in ("Zürich", "Oslo")]
            assert places == sorted(places)
            assert went.said.text.count("I look at ") == 3
            assert went.said.text.endswith(quotation((DEGREES,)))
            assert len(stage.posts) == 4
            assert went.said.usage is not None
            assert went.said.usage["turn_count"] == 4
            assert went.said.usage["function_call_count"] == 3

    asyncio.run(main())


@WIRES
@WAYS
def test_a_model_that_never_stops_calling_is_stopped(way: Way, wire: Wire) -> None:
    async def main() -> None:
        bench = Bench()
        async with playing("endless-calls", way=way, wire=wire, MAX_FUNCTION_CALL_LOOPS=3) as stage:
            went = await ask(stage, bench)
            # The rounds are three; whether the model may then say a last word is not promised.
            assert len(stage.posts) in (3, 4)
            assert len(bench.runs) == 3
            assert "3" in went.said.text.rpartition("I look at Zürich. ")[2], "it says why"

    asyncio.run(main())


@WIRES
@WAYS
@pytest.mark.parametrize("script", ["signed-calls", "sealed-calls"])
def test_reasoning_goes_back_unchanged_before_its_calls(way: Way, wire: Wire, script: str) -> None:
    async def main() -> None:
        bench = Bench()
        wish = Wish(script=script, times=5, objects_to=(Objection.LOST_REASONING,))
        async with tool_scene(wish, way=way, wire=wire) as stage:
            went = await ask(stage, bench)
            assert went.said.text.endswith(quotation((DEGREES,)))
            assert len(stage.posts) == 3

    asyncio.run(main())


# --- calls that are not in order ---------------------------------------------------------------


@WIRES
@WAYS
@pytest.mark.parametrize(
    "script", ["garbled-arguments", "listed-arguments", "missing-arguments", "unknown-tool"]
)
def test_a_call_that_cannot_be_run_is_told_to_the_model(way: Way, wire: Wire, script: str) -> None:
    async def main() -> None:
        bench = Bench()
        async with playing(script, way=way, wire=wire) as stage:
            went = await ask(stage, bench)
            assert bench.runs == []
            [output] = outputs_in(stage.posts[1])
            assert output, "the model reads what was wrong"
            assert went.said.text.endswith(quotation((output,)))
            assert went.said.ends == ("stop",)
            assert len(stage.posts) == 2

    asyncio.run(main())


@WIRES
@WAYS
def test_a_call_that_was_cut_in_half_is_never_run(way: Way, wire: Wire) -> None:
    async def main() -> None:
        bench = Bench()
        async with playing("tool-call-cut", way=way, wire=wire) as stage:
            went = await ask(stage, bench)
            assert bench.runs == []
            assert went.said.text or stage.beside(went), "a cut is never silent"
            assert len(stage.posts) <= 2

    asyncio.run(main())


@WIRES
@WAYS
def test_a_history_that_ends_with_a_call_without_output_is_answered(way: Way, wire: Wire) -> None:
    async def main() -> None:
        function = {"name": "get_weather", "arguments": '{"city":"Oslo"}'}
        calls = [{"id": "call_lost", "type": "function", "function": function}]
        history = [
            {"role": "user", "content": "What is it like outside?"},
            {"role": "assistant", "content": "I will look.", "tool_calls": calls},
        ]
        async with tool_scene(Wish(script="plain"), way=way, wire=wire) as stage:
            went = await ask(stage, Bench(), question=stage.question(messages=history))
            assert went.said.ends == ("stop",)
            assert "call_lost" not in json.dumps(stage.posts[0].body)

    asyncio.run(main())


# --- tools that misbehave ----------------------------------------------------------------------


@WIRES
@WAYS
def test_a_tool_that_fails_is_told_to_the_model_and_not_run_again(way: Way, wire: Wire) -> None:
    async def main() -> None:
        bench = Bench(get_weather=fail)
        async with playing("tool-call", way=way, wire=wire) as stage:
            went = await ask(stage, bench)
            assert bench.names == ["get_weather"]
            [output] = outputs_in(stage.posts[1])
            assert output
            assert went.said.text.endswith(quotation((output,)))
            assert went.said.ends == ("stop",)

    asyncio.run(main())


@WIRES
def test_a_tool_that_hangs_is_given_up_in_time(wire: Wire) -> None:
    async def main(way: Way) -> None:
        bench = Bench(get_weather=hang, get_time=always(NOON))
        async with playing("parallel-calls", way=way, wire=wire, **SHORT) as stage:
            went = await ask(stage, bench)
            first, second, third = outputs_in(stage.posts[1])
            assert third == NOON, "what did finish keeps its output"
            assert "get_weather" in first
            assert "1" in second
            assert sorted(bench.names) == ["get_time", "get_weather", "get_weather"]
            assert bench.cancelled == ["get_weather"] * 2
            assert went.elapsed_s < SOON_S
            assert len(stage.posts) == 2

    each_way(main)


@WIRES
def test_a_tool_that_ignores_its_cancellation_holds_nothing_up(wire: Wire) -> None:
    async def main(way: Way) -> None:
        released = asyncio.Event()
        bench = Bench(get_weather=deaf(released))
        async with playing("tool-call", way=way, wire=wire, **SHORT) as stage:
            went = await ask(stage, bench)
            assert went.elapsed_s < SOON_S
            [output] = outputs_in(stage.posts[1])
            assert went.said.text.endswith(quotation((output,)))
            assert bench.names == ["get_weather"]
            released.set()

    each_way(main)


@WIRES
@WAYS
@pytest.mark.parametrize(
    ("returned", "is_heard"),
    [
        (None, ""),
        ({"degrees": 18}, "degrees"),
        (["rain", 7], "rain"),
        (18, "18"),
        (b"\xff\xfe", None),
        (math.nan, None),
        ({1, 2}, None),
        (object(), None),
        ({"self": [object()]}, None),
        ("\ud83d half a character", "half a character"),
        ("x" * 300_000, "xxx"),
    ],
    ids=[
        "none",
        "dict",
        "list",
        "int",
        "bytes",
        "nan",
        "set",
        "object",
        "deep",
        "surrogate",
        "big",
    ],
)
def test_a_tool_that_returns_anything_gives_the_model_a_text(
    way: Way, wire: Wire, returned: object, is_heard: str | None
) -> None:
    async def main() -> None:
        bench = Bench(get_weather=always(returned))
        async with playing("tool-call", way=way, wire=wire) as stage:
            went = await ask(stage, bench)
            assert bench.names == ["get_weather"]
            [output] = outputs_in(stage.posts[1])
            assert output == "" if is_heard == "" else (is_heard or "") in output
            assert went.said.ends == ("stop",)

    asyncio.run(main())


@WIRES
@WAYS
@pytest.mark.parametrize("kind", ["reference", "cycle", "text", "number", "deep"])
def test_a_schema_out_of_order_harms_nobody(way: Way, wire: Wire, kind: str) -> None:
    node: dict[str, Any] = {"type": "object", "properties": {"child": {"$ref": "#/$defs/node"}}}
    cycle: dict[str, Any] = {"type": "object", "properties": {}}
    cycle["properties"]["self"] = cycle
    deep: dict[str, Any] = {"type": "string"}
    for _ in range(200):
        deep = {"type": "object", "properties": {"child": deep}}
    schemas: dict[str, Any] = {
        "reference": {**node, "$defs": {"node": node}},
        "cycle": cycle,
        "text": "nonsense",
        "number": 7,
        "deep": deep,
    }

    async def main() -> None:
        odd = {"get_time": schemas[kind]}
        bench = Bench(odd, get_weather=always(DEGREES), get_time=always(NOON))
        async with playing("tool-call", way=way, wire=wire) as stage:
            went = await ask(stage, bench)
            assert bench.runs == [("get_weather", ZURICH)], "the other tool works"
            assert went.said.text.endswith(quotation((DEGREES,)))

    asyncio.run(main())


@WIRES
@WAYS
def test_a_registry_that_cannot_be_had_leaves_the_chat_without_tools(way: Way, wire: Wire) -> None:
    async def main() -> None:
        async def registry() -> dict[str, Any]:
            raise RuntimeError("no tools today")

        async with tool_scene(Wish(script="plain"), way=way, wire=wire) as stage:
            went = await stage.ask(__tools__=registry())
            assert went.said.ends == ("stop",)
            assert not tools_in(stage.posts[0])
            assert any(event["type"] == "notification" for event in stage.beside(went))

    asyncio.run(main())


# --- breakers, and a provider that fails in between --------------------------------------------


@WIRES
def test_a_tools_breaker_opens_refuses_probes_and_closes(wire: Wire) -> None:
    async def main(way: Way) -> None:
        is_broken = True

        async def moody(**_: Any) -> str:
            if is_broken:
                raise RuntimeError("not today")
            return DEGREES

        bench = Bench(get_weather=moody, get_time=always(NOON))
        valves = {"BREAKER_MAX_FAILURES": 2, "BREAKER_WINDOW_SECONDS": WINDOW_S}
        async with tool_scene(way=way, wire=wire, **valves) as stage:
            for _ in range(2):
                await ask(stage, bench, question=stage.question("standin.tool-call"))
            opened_s = asyncio.get_running_loop().time()
            assert bench.names == ["get_weather"] * 2
            refused = await ask(stage, bench, question=stage.question("standin.tool-call"))
            assert bench.names == ["get_weather"] * 2, "an open breaker runs nothing"
            [output] = outputs_in(stage.posts[-1])
            assert output
            assert refused.said.text.endswith(quotation((output,)))
            await ask(stage, bench, question=stage.question("standin.no-arguments"))
            assert bench.names[2:] == ["get_time"], "another tool still works"
            await ask(stage, bench, question=stage.question("standin.tool-call"), user="bob")
            assert bench.names[3:] == ["get_weather"], "it is open for one user only"
            is_broken = False
            left_s = opened_s + WINDOW_S - asyncio.get_running_loop().time()
            await asyncio.sleep(left_s + 0.1)
            for _ in range(2):
                went = await ask(stage, bench, question=stage.question("standin.tool-call"))
                assert went.said.text.endswith(quotation((DEGREES,)))
            assert bench.names[4:] == ["get_weather"] * 2, "a probe closes it"

    each_way(main)


@WIRES
@WAYS
def test_a_provider_that_fails_between_rounds_runs_no_tool_twice(way: Way, wire: Wire) -> None:
    async def main() -> None:
        bench = Bench()
        broken = Wish(script="tool-call", fault=F.CUT_MID_FRAME)
        async with tool_scene(Wish(script="tool-call"), broken, way=way, wire=wire) as stage:
            went = await ask(stage, bench)
            assert bench.names == ["get_weather"]
            assert went.said.text.count("I will look outside. ") == 1
            assert went.said.text.count("The tools said: ") == 1
            assert ERROR_ID.search(went.said.text), "a cut is never silent"
            assert len(stage.posts) == 2

    asyncio.run(main())


# --- stops -------------------------------------------------------------------------------------


@WIRES
@WAYS
def test_a_stop_while_a_tool_runs_cancels_it(way: Way, wire: Wire) -> None:
    async def main() -> None:
        bench = Bench(get_weather=hang)
        async with playing("tool-call", way=way, wire=wire, **SHORT) as stage:
            asking = stage.begin(__tools__=bench.registry())
            await bench.until_begun()
            await stage.stop(asking)
            assert bench.names == ["get_weather"]
            assert len(stage.posts) == 1

    asyncio.run(main())


@WIRES
@WAYS
def test_a_stop_while_a_deaf_tool_runs_is_over_at_once(way: Way, wire: Wire) -> None:
    async def main() -> None:
        released = asyncio.Event()
        bench = Bench(get_weather=deaf(released))
        async with playing("tool-call", way=way, wire=wire, **SHORT) as stage:
            asking = stage.begin(__tools__=bench.registry())
            await bench.until_begun()
            await stage.stop(asking)
            assert len(stage.posts) == 1
            released.set()

    asyncio.run(main())


@WIRES
@WAYS
@pytest.mark.parametrize("fault", [F.HALF_OPEN, F.HALF_OPEN_MID_STREAM], ids=lambda f: f.value)
def test_a_stop_between_rounds_closes_the_connection(
    way: Way, wire: Wire, fault: ProviderFault
) -> None:
    async def main() -> None:
        bench = Bench()
        second = Wish(script="tool-call", fault=fault)
        patient = {"HTTP_SOCK_READ_SECONDS": 60}
        async with tool_scene(
            Wish(script="tool-call"), second, way=way, wire=wire, **patient
        ) as stage:
            asking = stage.begin(__tools__=bench.registry())
            await stage.until_asked(2)
            await stage.stop(asking)
            assert bench.names == ["get_weather"]
            assert len(stage.posts) == 2

    asyncio.run(main())


# --- calls that Open WebUI runs itself ---------------------------------------------------------


@WIRES
@WAYS
def test_calls_are_handed_to_open_webui_where_it_runs_them(way: Way, wire: Wire) -> None:
    async def main() -> None:
        bench = Bench()
        async with playing(
            "parallel-calls", way=way, wire=wire, TOOL_EXECUTION_MODE="Open-WebUI"
        ) as stage:
            tools = [
                {"type": "function", "function": entry["spec"]}
                for entry in bench.registry().values()
            ]
            went = await ask(stage, bench, question=stage.question(tools=tools))
            assert bench.runs == []
            assert went.said.ends == ("tool_calls",)
            assert len(stage.posts) == 1
            assert handed_over(went) == [
                ("get_weather", {"city": "Zürich", "unit": "celsius"}),
                ("get_weather", {"city": "Oslo", "unit": "celsius"}),
                ("get_time", {}),
            ]

    asyncio.run(main())


def handed_over(went: Went) -> list[tuple[str, Any]]:
    """Join the pieces of the calls by their index."""
    joined: dict[int, list[str]] = {}
    for place, piece in enumerate(went.said.calls):
        name, arguments = joined.setdefault(piece.get("index", place), ["", ""])
        function = piece["function"]
        joined[piece.get("index", place)] = [
            name + function.get("name", ""),
            arguments + function.get("arguments", ""),
        ]
    return [(name, json.loads(arguments)) for name, arguments in joined.values()]
