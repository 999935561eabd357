"""What comes out at the door: for a person in Open WebUI, and for a program that asks through it.

On virtual time, with the stand-in behind the ports.
"""

import asyncio
import gc
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from actors.ports import ConnectionFailed, ErrorFacts
from bridge.owui.show_pace import Reassurance
from bridge.standin.faults import ProviderFault
from bridge.standin.wishes import Wish
from tests.integration.door_stage import Said, handed_over, read, read_whole, script_text
from tests.integration.promise_stage import WHOLE, Way
from tests.integration.quiet_stage import QuietScene, heard_log, play_quietly
from tests.integration.tool_bench import DEGREES, Bench, always, hang

F = ProviderFault
WAYS = pytest.mark.parametrize("way", Way, ids=[way.value for way in Way])
PLAIN_PATH = {"user_id": "ada", "chat_id": "", "message_id": None, "session_id": None}
PROBLEMS = {"REASONING_EFFORT": "enormous"}
# The stand-in counts its requests.
CALL_ID = re.compile(r"call_standin_\d+")

KINDS = {
    "plain": Wish(script="plain"),
    "thinking": Wish(script="thinking"),
    "summary": Wish(script="summary"),
    "sources": Wish(script="sources"),
    "search": Wish(script="search"),
    "image": Wish(script="image"),
    "refusal": Wish(script="refusal"),
    "incomplete": Wish(script="incomplete"),
    "silent": Wish(script="silent"),
    "rounds": Wish(script="three-rounds", times=4),
    "no rounds left": Wish(script="endless-calls", times=9),
    "refused": Wish(fault=F.STATUS_400),
    "cut": Wish(script="plain", fault=F.CUT_MID_FRAME),
    "slow": Wish(n=3, b=10, pace_ms=9000),
}
EVERY_KIND = pytest.mark.parametrize("wish", KINDS.values(), ids=KINDS)


async def lines_of(stage: QuietScene, question: Any = None, **given: Any) -> list[str]:
    """The lines of a streamed answer, as they come."""
    around = {**stage.surroundings("ada"), **given}
    asked = stage.question() if question is None else question
    answer = await stage.door.pipe(asked, **handed_over(stage.door, around))
    return [line async for line in answer]


async def whole_of(stage: QuietScene, question: Any = None, **given: Any) -> Any:
    """A whole answer, as it is handed to Open WebUI."""
    around = {**stage.surroundings("ada"), **given}
    asked = stage.question() if question is None else question
    return await stage.door.pipe(asked | {"stream": False}, **handed_over(stage.door, around))


def described(events: Any) -> list[str]:
    return [event["data"]["description"] for event in events if event["type"] == "status"]


def is_settled(events: Any) -> bool:
    """Whether nothing spins any more: the newest status decides."""
    told = [event["data"] for event in events if event["type"] == "status"]
    return bool(told) and told[-1]["done"] is True


# --- a program ---------------------------------------------------------------------------------


@EVERY_KIND
def test_a_program_gets_nothing_but_chunks_that_openai_knows(wish: Wish) -> None:
    async def play(stage: QuietScene) -> None:
        stage.chosen = PROBLEMS
        lines = await lines_of(stage, __metadata__=PLAIN_PATH, __tools__=Bench().registry())
        chunks = [json.loads(line.removeprefix("data: ")) for line in lines]
        assert [chunk for chunk in chunks if "event" in chunk or "error" in chunk] == []
        read_ones = [ChatCompletionChunk.model_validate(chunk) for chunk in chunks]
        reasons = [choice.finish_reason for one in read_ones for choice in one.choices]
        assert [reason for reason in reasons if reason] == reasons[-1:]
        assert len({one.id for one in read_ones}) == 1
        assert "<details" not in read(lines).text
        assert stage.emitted == []

    play_quietly(play, wish, HTTP_REFERER_OVERRIDE="example.com", MAX_FUNCTION_CALL_LOOPS=3)


@EVERY_KIND
def test_a_program_that_does_not_stream_gets_the_same_answer_in_one_piece(wish: Wish) -> None:
    async def play(stage: QuietScene) -> None:
        stage.chosen = PROBLEMS
        given = {"__metadata__": PLAIN_PATH, "__tools__": Bench().registry()}
        whole = await whole_of(stage, **given)
        ChatCompletion.model_validate(whole)
        assert stage.emitted == [], "nobody looks"
        stage.standin.reset()
        stage.standin.plan(wish)
        streamed, at_once = read(await lines_of(stage, **given)), read_whole(whole)
        assert without_id(at_once) == without_id(streamed)
        assert at_once.ends == streamed.ends

    play_quietly(play, wish, MAX_FUNCTION_CALL_LOOPS=3)


def without_id(said: Said) -> tuple[str, str]:
    """The text up to the id of an error, which is another one each time."""
    return said.text.partition("Error id")[0], said.thoughts


# --- a person ----------------------------------------------------------------------------------


@EVERY_KIND
@WAYS
def test_a_person_sees_what_happens_and_nothing_goes_on_spinning(way: Way, wish: Wish) -> None:
    async def play(stage: QuietScene) -> None:
        given = {"__tools__": Bench().registry()}
        if way is Way.STREAM:
            lines = await lines_of(stage, **given)
            events = read(lines).events
            for line in lines:
                chunk = json.loads(line.removeprefix("data: "))
                if "choices" in chunk:
                    ChatCompletionChunk.model_validate(chunk)
            assert stage.emitted == [], "each thing goes one way only (SPEC 85)"
        else:
            ChatCompletion.model_validate(await whole_of(stage, **given))
            events = tuple(stage.emitted)
        assert described(events)[0] == "Thinking…"
        assert is_settled(events)
        assert {event["type"] for event in events} <= {"status", "source", "notification"}

    play_quietly(play, wish, MAX_FUNCTION_CALL_LOOPS=3)


def test_both_ways_show_the_same() -> None:
    async def play(stage: QuietScene) -> None:
        stage.chosen = PROBLEMS
        given = {"__tools__": Bench().registry()}
        stage.standin.plan(Wish(script="three-rounds", times=8))
        streamed = read(await lines_of(stage, **given))
        whole = read_whole(await whole_of(stage, **given))
        assert tuple(stage.emitted) == streamed.events
        assert CALL_ID.sub("", whole.text) == CALL_ID.sub("", streamed.text)
        assert whole.usage == streamed.usage

    play_quietly(play)


@WAYS
def test_one_hears_that_one_waits_while_others_are_served(way: Way) -> None:
    """SPEC 87: at once, although the request may wait for admission for minutes."""

    async def play(stage: QuietScene) -> None:
        first = stage.begin()
        await stage.until_asked(1)
        heard: list[Any] = []

        async def emit(event: Any) -> None:
            heard.append(event)

        async def listen() -> None:
            around = {**stage.surroundings("bob"), "__event_emitter__": emit}
            answer = await stage.door.pipe(
                stage.question() | {"stream": way is Way.STREAM},
                **handed_over(stage.door, around),
            )
            if way is Way.STREAM:
                async for line in answer:
                    heard.append(json.loads(line.removeprefix("data: ")).get("event"))

        waiting = asyncio.get_running_loop().create_task(listen())
        await asyncio.sleep(1)
        assert len(stage.posts) == 1
        assert described(heard) == ["Thinking…"]
        await asyncio.sleep(4)
        assert described(heard)[1:] == [
            "Waiting for the model…",
            "Still waiting for the model…",
        ], "as time goes by, not all at once in the end"
        await first
        await waiting
        assert is_settled([event for event in heard if event])

    play_quietly(play, Wish(n=30, b=10, pace_ms=1000), MAX_CONCURRENT_REQUESTS=1)


# --- emitters that fail ------------------------------------------------------------------------


def raising(on: Callable[[Any], bool], heard: list[Any]) -> Any:
    async def emit(event: Any) -> None:
        if on(event):
            raise AttributeError("'NoneType' object has no attribute 'get'")
        heard.append(event)

    return emit


@WAYS
@pytest.mark.parametrize("kind", ["status", "source", "notification"])
def test_an_emitter_that_fails_costs_its_event_and_nothing_else(way: Way, kind: str) -> None:
    """SPEC 27. Open WebUI 0.6.28 fails like this over sources of a chat that it did not store."""

    async def play(stage: QuietScene) -> None:
        heard: list[Any] = []
        emit = raising(lambda event: event["type"] == kind, heard)
        went = await stage.ask(__event_emitter__=emit)
        assert went.said.text.startswith(script_text("search"))
        if way is Way.WHOLE:
            assert kind not in {event["type"] for event in heard}
            assert kind == "status" or is_settled(heard), "the others came"

    play_quietly(play, Wish(script="search"), way=way, HTTP_REFERER_OVERRIDE="example.com")


def test_an_emitter_that_fails_once_hears_the_rest_of_what_is_told_with_it() -> None:
    async def play(stage: QuietScene) -> None:
        await stage.ask()
        heard: list[Any] = []
        await stage.ask(__event_emitter__=raising(lambda event: event["type"] == "status", heard))
        assert len(toasts(heard)) == 1

    cut = Wish(script="plain", fault=F.CUT_MID_FRAME)
    play_quietly(play, cut, way=Way.WHOLE, BREAKER_MAX_FAILURES=1)


async def deaf(event: Any) -> None:
    """An emitter that never comes back."""
    assert event["type"]
    await asyncio.Event().wait()


@WAYS
def test_an_emitter_that_never_returns_holds_up_no_answer_for_ever(way: Way) -> None:
    async def play(stage: QuietScene) -> None:
        went = await stage.ask(__event_emitter__=deaf)
        assert went.said.text == WHOLE
        assert went.elapsed_s < 10

    play_quietly(play, Wish(script="plain"), way=way)


@WAYS
def test_without_an_emitter_there_is_an_answer_all_the_same(way: Way) -> None:
    async def play(stage: QuietScene) -> None:
        for emitter in (None, "no function", 7):
            stage.standin.plan(Wish(script="plain"))
            went = await stage.ask(__event_emitter__=emitter)
            assert went.said.text == WHOLE

    play_quietly(play, way=way)


# --- refusals ----------------------------------------------------------------------------------


def toasts(events: Any) -> list[str]:
    return [event["data"]["content"] for event in events if event["type"] == "notification"]


@WAYS
@pytest.mark.parametrize(
    ("valves", "words"),
    [
        ({"MODEL_ID": "openai/gpt-4o"}, "**This model is not on offer.**"),
        ({"FREE_MODEL_FILTER": "exclude"}, "**This model is not on offer.**"),
        ({"TOOL_CALLING_FILTER": "exclude"}, "**This model is not on offer.**"),
        ({"API_KEY": ""}, "**There is no OpenRouter API key yet.**"),
        ({"API_KEY": "encrypted:nonsense"}, "**The stored API key cannot be decrypted.**"),
        ({"BASE_URL": "nowhere"}, "**The address of the provider cannot be used.**"),
    ],
)
def test_what_cannot_be_asked_is_told_without_asking(
    way: Way, valves: dict[str, object], words: str
) -> None:
    async def play(stage: QuietScene) -> None:
        stage.change(**valves)
        went = await stage.ask()
        assert went.said.text.startswith(words)
        assert went.said.ends == ("stop",)
        assert stage.posts == []
        name = next(iter(valves))
        if name in ("MODEL_ID", "FREE_MODEL_FILTER", "TOOL_CALLING_FILTER"):
            assert name in went.said.text.replace("\\", ""), "it names what keeps the model out"

    play_quietly(play, way=way)


@WAYS
def test_without_a_list_of_models_it_says_why_and_tries_again_with_the_next(way: Way) -> None:
    """SPEC 20."""

    async def play(stage: QuietScene) -> None:
        stage.world.no_catalog = ConnectionFailed(ErrorFacts(code="dns"))
        # A new address: nothing is known of its models.
        stage.change(BASE_URL=f"{stage.door.valves.BASE_URL}/")
        stage.change(BASE_URL="https://quiet.invalid/other")
        went = await stage.ask()
        assert went.said.text.startswith("**Service unavailable due to startup issues.**")
        assert "could not be reached" in went.said.text
        assert went.said.ends == ("stop",)
        stage.change(BASE_URL="https://quiet.invalid/api/v1")
        stage.world.no_catalog = None
        assert (await stage.ask()).said.text == WHOLE

    play_quietly(play, Wish(script="plain"), way=way)


@WAYS
def test_a_user_who_failed_too_often_is_told_when_to_come_again(way: Way) -> None:
    """SPEC 21: in a toast and in the text."""

    async def play(stage: QuietScene) -> None:
        await stage.ask()
        stage.emitted.clear()
        went = await stage.ask()
        assert "your requests are temporarily disabled" in went.said.text
        assert "in 60 seconds" in went.said.text
        assert went.said.ends == ("stop",)
        (told,) = toasts(stage.beside(went))
        assert "not started" in told
        assert is_settled(stage.beside(went))
        plain = await stage.ask(__metadata__=PLAIN_PATH)
        assert plain.said.text.startswith("**After several failures")
        assert plain.said.events == ()

    play_quietly(
        play,
        Wish(script="plain", fault=F.CUT_MID_FRAME),
        way=way,
        BREAKER_MAX_FAILURES=1,
    )


@WAYS
def test_a_model_that_fails_for_everybody_is_paused(way: Way) -> None:
    async def play(stage: QuietScene) -> None:
        for number in range(4):
            await stage.ask(user=f"user {number}")
        went = await stage.ask(user="somebody else")
        assert went.said.text.startswith("**This model has failed for many requests in a row")
        assert len(toasts(stage.beside(went))) >= 1
        other = await stage.ask(stage.question("standin.markdown"), user="somebody else")
        assert other.said.text == script_text("plain"), "another model goes on"

    play_quietly(
        play,
        Wish(fault=F.STATUS_500, times=12),
        Wish(script="plain"),
        way=way,
        BREAKER_MAX_FAILURES=1,
    )


@WAYS
def test_a_full_house_says_so_at_once(way: Way) -> None:
    """SPEC 17: as an event and as the answer."""

    async def play(stage: QuietScene) -> None:
        running = stage.begin()
        await stage.until_asked(1)
        asked = [stage.begin(user=f"user {number}") for number in range(1000)]
        await asyncio.sleep(0.1)
        went = await stage.ask(user="ada")
        assert went.elapsed_s < 1
        assert went.said.text.startswith("**Server busy (503).**")
        assert len(toasts(stage.beside(went))) >= 1
        for asking in (running, *asked):
            asking.cancel()
        await asyncio.wait((running, *asked))

    play_quietly(play, Wish(n=300, b=10, pace_ms=1000), way=way, MAX_CONCURRENT_REQUESTS=1)


@WAYS
def test_a_bug_before_the_chat_is_told_in_the_words_of_the_valve(way: Way) -> None:
    class Awkward:
        def __bool__(self) -> bool:
            raise RuntimeError("a secret of somebody")

    async def play(stage: QuietScene) -> None:
        with heard_log() as log:
            went = await stage.ask(__tools__=Awkward())
        assert went.said.text.startswith("Ours ")
        assert len(went.said.text) == len("Ours ") + 16
        assert went.said.text.removeprefix("Ours ") in " ".join(log.texts)
        assert went.said.ends == ("stop",)

    play_quietly(play, way=way, INTERNAL_ERROR_TEMPLATE="Ours {error_id}")


# --- tools that Open WebUI runs ----------------------------------------------------------------


@WAYS
@pytest.mark.parametrize("calling", ["legacy", "default"])
def test_tools_that_open_webui_has_run_are_not_told_of_again(way: Way, calling: str) -> None:
    async def play(stage: QuietScene) -> None:
        bench = Bench()
        metadata: Any = stage.surroundings("ada")["__metadata__"]
        metadata |= {"params": {"function_calling": calling}, "tools": bench.registry()}
        went = await stage.ask(__tools__=bench.registry(), __metadata__=metadata)
        assert went.said.text == WHOLE
        body: Any = stage.posts[0].body
        assert "tools" not in body
        assert "tool_choice" not in body
        assert bench.runs == []

    play_quietly(play, Wish(script="plain"), way=way)


@WAYS
def test_tools_in_the_body_are_native_whatever_it_is_called(way: Way) -> None:
    async def play(stage: QuietScene) -> None:
        bench = Bench()
        metadata: Any = stage.surroundings("ada")["__metadata__"]
        metadata |= {"params": {"function_calling": "default"}}
        tools = [
            {"type": "function", "function": tool["spec"]} for tool in bench.registry().values()
        ]
        question = stage.question(tools=tools)
        went = await stage.ask(question, __tools__=bench.registry(), __metadata__=metadata)
        assert DEGREES in went.said.text
        assert bench.names == ["get_weather"]

    play_quietly(play, Wish(script="tool-call", times=2), way=way)


@WAYS
def test_calls_are_handed_over_with_the_names_that_open_webui_knows(way: Way) -> None:
    """SPEC 78: no run of ours, no empty arguments, and the finish reason that asks for a run."""

    async def play(stage: QuietScene) -> None:
        bench = Bench()
        went = await stage.ask(__tools__=bench.registry())
        assert bench.runs == []
        assert went.said.ends == ("tool_calls",)
        (call,) = went.said.calls
        assert call["function"]["name"] == "get_weather"
        assert json.loads(call["function"]["arguments"])["city"] == "Zürich"
        (first,) = stage.posts
        body: Any = first.body
        assert {tool.get("strict") for tool in body["tools"]} == {None}

    play_quietly(play, Wish(script="tool-call"), way=way, TOOL_EXECUTION_MODE="Open-WebUI")


# --- stops -------------------------------------------------------------------------------------


def waiting_lines() -> int:
    """How many answers have a timer for their next line."""
    gc.collect()
    return sum(isinstance(each, Reassurance) for each in gc.get_objects())


def stopped(events: Any) -> bool:
    return is_settled(events) and described(events)[-1] == "Stopped"


@WAYS
def test_a_stop_while_waiting_leaves_nothing_spinning(way: Way) -> None:
    async def play(stage: QuietScene) -> None:
        first = stage.begin(user="bob")
        await stage.until_asked(1)
        stage.emitted.clear()
        asking = stage.begin()
        await asyncio.sleep(1)
        assert not asking.done()
        await stage.stop(asking)
        assert stopped(stage.emitted)
        assert stage.door.residence.guests == 1
        await first
        assert len(stage.posts) == 1, "its place in the queue was given back"

    play_quietly(play, Wish(n=9, b=10, pace_ms=1000), way=way, MAX_CONCURRENT_REQUESTS=1)


@WAYS
def test_a_request_that_is_given_up_while_it_waits_is_not_kept_by_a_timer(way: Way) -> None:
    """Its next line would be due seconds later, and there may be a thousand of them."""

    async def play(stage: QuietScene) -> None:
        first = stage.begin(user="bob")
        await stage.until_asked(1)
        await asyncio.sleep(0.5)  # It has begun to answer, and waits for nothing.
        before = waiting_lines()
        asking = stage.begin()
        await asyncio.sleep(1)
        assert waiting_lines() == before + 1
        await stage.stop(asking)
        assert waiting_lines() == before
        await first

    play_quietly(play, Wish(n=9, b=10, pace_ms=1000), way=way, MAX_CONCURRENT_REQUESTS=1)


@WAYS
@pytest.mark.parametrize(
    "wish",
    [
        Wish(script="plain", fault=F.HALF_OPEN),
        Wish(reasoning_n=50, n=5, b=9, pace_ms=1000),
    ],
    ids=["before the answer", "in a thought"],
)
def test_a_stop_before_the_text_leaves_nothing_spinning(way: Way, wish: Wish) -> None:
    async def play(stage: QuietScene) -> None:
        asking = stage.begin()
        await stage.until_asked(1)
        await asyncio.sleep(5)
        await stage.stop(asking)
        assert stopped(stage.emitted)
        await asyncio.sleep(1)
        assert stage.world.open_streams == 0

    play_quietly(play, wish, way=way, THINKING_OUTPUT_MODE="status")


@WAYS
def test_a_stop_during_a_tool_cancels_it_and_leaves_nothing_spinning(way: Way) -> None:
    async def play(stage: QuietScene) -> None:
        bench = Bench(get_weather=hang, get_time=always("noon"))
        asking = stage.begin(__tools__=bench.registry())
        async with asyncio.timeout(3):
            await bench.began.wait()
        await stage.stop(asking)
        assert stopped(stage.emitted)
        await asyncio.sleep(1)
        assert bench.cancelled == ["get_weather"]
        assert len(stage.posts) == 1

    play_quietly(play, Wish(script="tool-call", times=2), way=way)


@WAYS
def test_a_stop_with_an_emitter_that_fails_is_a_stop(way: Way) -> None:
    async def play(stage: QuietScene) -> None:
        asking = stage.begin(__event_emitter__=raising(lambda _: True, []))
        await stage.until_asked(1)
        await asyncio.sleep(5)
        await stage.stop(asking)
        await asyncio.sleep(1)
        assert stage.world.open_streams == 0

    play_quietly(play, Wish(script="plain", fault=F.HALF_OPEN), way=way)


@WAYS
def test_a_stop_with_an_emitter_that_never_returns_closes_the_connection_at_once(way: Way) -> None:
    async def play(stage: QuietScene) -> None:
        asking = stage.begin(__event_emitter__=deaf)
        await stage.until_asked(1)
        asking.cancel()
        await asyncio.sleep(0.1)
        assert stage.world.open_streams == 0
        await asyncio.wait((asking,), timeout=10)
        assert asking.done()

    play_quietly(play, Wish(script="plain", fault=F.HALF_OPEN), way=way)
