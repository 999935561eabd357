"""Everything beside the plain flow of text, as a reader sees it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import cast

import pytest

from actors.conversation import Conversation, advance
from actors.ports import Completed
from actors.values import (
    Annotated,
    ImageMade,
    Marked,
    Notice,
    Noticed,
    ReasoningKind,
    ReasoningStated,
    RefusalAdvanced,
    SearchAdvanced,
    Shown,
    Source,
    StreamEvent,
    ToolCallBegan,
    ToolEnded,
    ToolResult,
    ToolsHandedOver,
)
from bridge.owui.show_answer import SOURCES_MAX
from bridge.owui.show_looks import PLAIN, Looks
from bridge.transforms.chat_chunks import PieceKind
from bridge.transforms.reasoning_status import ThinkingMode
from tests.unit.chat_stage import text
from tests.unit.simloop_sink import (
    CONTENT,
    UI,
    Screen,
    a_sink,
    call,
    ended,
    play,
    seen,
    started,
    thought,
)

PNG = "data:image/png;base64,iVBORw0KGgo="
GIF = "data:image/gif;base64,R0lGODlh"
PAGE = "https://www.news.example/a"
SUMMARY = ReasoningKind.SUMMARY


def cited(url: str = PAGE) -> Annotated:
    return Annotated(output_index=0, url=url, title="News")


def card(done: ToolEnded) -> str:
    return f"<details>\n{done.result.output}\n</details>\n"


WITH_CARDS = replace(UI, card=card)

EVERYTHING: list[Shown] = [
    thought("hm"),
    text("a"),
    cited(),
    SearchAdvanced(output_index=0, queries=("cats",)),
    ToolCallBegan(output_index=1, name="clock"),
    started(),
    ended(result=ToolResult(output="noon", sources=(Source(name="n"),), files=(PNG,))),
    ImageMade(output_index=2, url="https://a.example/x.png"),
    Noticed(notice=Notice.TOOL_ROUNDS_SPENT, amount=3),
    Noticed(notice=Notice.ENDPOINT_CHANGED),
    RefusalAdvanced(output_index=3, content_index=0, text="no"),
    ToolsHandedOver(calls=(call(),)),
]


# --- text and thinking ---------------------------------------------------------------------------


def test_messages_of_one_answer_are_paragraphs() -> None:
    screen = seen([text("One"), text(" two"), text("Three", item=2), text(" four", item=2)])
    assert screen.content == "One two\n\nThree four"


def test_messages_that_overlap_are_not_torn_into_paragraphs() -> None:
    screen = seen([text("a"), text("b", item=1), text("c"), text("d", item=1)])
    assert screen.content == "a\n\nbcd"


def test_thinking_between_words_of_a_message_leaves_it_whole() -> None:
    screen = seen([text("One"), thought("hm"), text(" two")])
    assert (screen.content, screen.reasoning) == ("One two", "hm")


def test_an_empty_delta_begins_nothing() -> None:
    screen = seen([text(""), thought("")], ending=Completed())
    assert screen.statuses == ["Thinking…", "Time: 0.00s"]


def test_parts_of_a_summary_are_paragraphs_so_that_titles_are_titles() -> None:
    """SPEC 90."""
    parts = [
        thought("**One**\n\n", 0, kind=SUMMARY),
        thought("body", 0, kind=SUMMARY),
        thought("**Two**", 1, kind=SUMMARY),
        thought("raw", 1),
    ]
    assert seen(parts).reasoning == "**One**\n\nbody\n\n**Two**\n\nraw"


@pytest.mark.parametrize(
    ("mode", "box", "lines"),
    [
        (ThinkingMode.BOX, "I look. Then", []),
        (ThinkingMode.STATUS, "", ["I look.", "Then"]),
        (ThinkingMode.BOTH, "I look. Then", ["I look.", "Then"]),
    ],
)
def test_thinking_is_shown_where_the_reader_wants_it(
    mode: ThinkingMode, box: str, lines: list[str]
) -> None:
    """SPEC 88."""
    screen = seen(
        [thought("I look"), thought(". Then")], [text("a")], looks=replace(UI, thinking=mode)
    )
    assert screen.reasoning == box
    assert screen.statuses[1:-2] == lines
    assert screen.is_settled


@pytest.mark.parametrize("ending_with", [[text("a")], [started()], []], ids=["text", "tool", "end"])
def test_the_rest_of_a_thought_is_not_lost(ending_with: list[Shown]) -> None:
    """SPEC 88."""
    looks = replace(UI, thinking=ThinkingMode.STATUS)
    assert "half a" in seen([thought("half a")], ending_with, looks=looks).statuses


def test_each_part_of_a_summary_begins_a_line_of_its_own() -> None:
    """SPEC 90."""
    looks = replace(UI, thinking=ThinkingMode.STATUS)
    parts = [thought("**One**\n\nbody", 0, kind=SUMMARY), thought("**Two**", 1, kind=SUMMARY)]
    assert seen(parts, looks=looks).statuses[1:-1] == ["One: body", "Two"]


def test_a_snapshot_of_a_thought_is_not_shown_twice() -> None:
    """SPEC 89."""
    events: list[StreamEvent] = [
        thought("so it is"),
        ReasoningStated(output_index=0, part_index=0, kind=ReasoningKind.RAW, text="so it is"),
        ReasoningStated(output_index=1, part_index=0, kind=ReasoningKind.RAW, text="and so"),
    ]
    _, shown = advance(Conversation(), events)
    assert seen(shown).reasoning == "so it is\n\nand so"


# --- sources -------------------------------------------------------------------------------------


def test_a_page_is_a_source_once_however_it_is_marked() -> None:
    """SPEC 92."""
    by_tool = ToolResult(output="", sources=(Source(name="x", url=PAGE), Source(name="book")))
    screen = seen([text("a"), cited(), cited(f"{PAGE}?utm_source=openai")], [ended(result=by_tool)])
    names = [cast("dict[str, str]", data["source"])["name"] for data in screen.all_of("source")]
    assert names == ["news.example", "book"]


def test_citations_do_not_get_between_words() -> None:
    screen = seen([text("a"), cited(), text("b")])
    assert screen.content == "ab"
    assert screen.statuses.count("Responding to the user…") == 1


def test_sources_have_an_end() -> None:
    pages = [cited(f"https://a.example/{number}") for number in range(SOURCES_MAX + 5)]
    assert len(seen(pages).all_of("source")) == SOURCES_MAX


# --- tools ---------------------------------------------------------------------------------------


def test_a_tool_is_announced_runs_and_ends() -> None:
    looks = replace(UI, shown_name=str.upper)
    began = ToolCallBegan(output_index=0, name="clock")
    screen = seen(
        [began], [started()], [ended()], [started()], [ended(is_failed=True)], looks=looks
    )
    assert screen.statuses[1:-1] == [
        "Preparing CLOCK…",
        "Running CLOCK…",
        "CLOCK finished in 1.5 s",
        "Running CLOCK…",
        "CLOCK failed after 1.5 s",
    ]


def test_several_tools_run_at_once() -> None:
    screen = seen([started("a", "1"), started("b", "2")], [ended("a", "1")], [ended("b", "2")])
    assert screen.statuses[1:-1] == [
        "Running a…",
        "Running b…",
        "a finished in 1.5 s; running b…",
        "b finished in 1.5 s",
    ]


def test_a_card_stands_by_itself_between_texts() -> None:
    screen = seen([text("One")], [ended(), ended(call_id="c2")], [text("two")], looks=WITH_CARDS)
    block = "<details>\nnoon\n</details>\n\n"
    assert screen.content == f"One\n\n{block}{block}two"


def test_a_card_that_comes_first_begins_the_answer() -> None:
    assert seen([ended()], looks=WITH_CARDS).content == "<details>\nnoon\n</details>\n\n"


def test_a_round_without_cards_still_ends_a_paragraph() -> None:
    screen = seen([text("One")], [started(), ended()], [text("two")], looks=PLAIN)
    assert screen.content == "One\n\ntwo"


def test_images_of_a_tool_stand_below_its_card() -> None:
    """SPEC 94."""
    result = ToolResult(output="drawn", files=("https://a.example/x.png", PNG))
    screen = seen([ended(result=result)], looks=WITH_CARDS)
    assert screen.content == (
        "<details>\ndrawn\n</details>\n\n"
        "![Generated image](https://a.example/x.png)\n\n"
        f"![Generated image]({PNG})\n\n"
    )


def test_calls_for_whoever_asked_have_an_index_each_and_their_own_names() -> None:
    """SPEC 78."""
    handed = [
        ToolsHandedOver(calls=(call("owui__a", "1", ""), call("b", "2", '{"x":1}'))),
        ToolsHandedOver(calls=(call("c", "3"),)),
    ]
    looks = replace(UI, shown_name=lambda name: name.removeprefix("owui__"))
    calls = seen(handed, looks=looks).calls
    assert [(each["index"], each["id"], each["type"]) for each in calls] == [
        (0, "1", "function"),
        (1, "2", "function"),
        (2, "3", "function"),
    ]
    assert [each["function"] for each in calls] == [
        {"name": "a", "arguments": "{}"},
        {"name": "b", "arguments": '{"x":1}'},
        {"name": "c", "arguments": "{}"},
    ]


def test_when_the_rounds_are_spent_the_answer_and_a_toast_say_so() -> None:
    """SPEC 69."""
    spent = Noticed(notice=Notice.TOOL_ROUNDS_SPENT, amount=3)
    looks = replace(UI, rounds_text=lambda notice: f"Enough after {notice.amount}.")
    screen = seen([text("a"), spent], looks=looks)
    assert screen.content == "a\n\nEnough after 3.\n\n"
    assert len(screen.all_of("notification")) == 1


def test_a_notice_before_the_answer_lets_the_wait_go_on() -> None:
    screen = seen([Noticed(notice=Notice.EFFORT_CHANGED, about="low")], gap_s=2.0)
    assert "Still waiting for the model…" in screen.statuses


# --- images --------------------------------------------------------------------------------------


def test_a_remote_image_is_kept_and_shown_once() -> None:
    """SPEC 94."""
    image = ImageMade(output_index=1, url="https://a.example/x.png")
    screen = seen([text("Here:"), image, image, text("Nice.", item=2)])
    assert screen.content == "Here:\n\n![Generated image](https://a.example/x.png)\n\nNice."


@pytest.mark.parametrize("found", ["/api/v1/files/1/content", None])
def test_an_image_is_stored_while_the_reader_waits(found: str | None) -> None:
    """SPEC 94."""
    asked: list[str] = []

    async def store(url: str) -> str | None:
        asked.append(url)
        await asyncio.sleep(5.0)
        return found

    screen = seen(
        [text("Here:"), ImageMade(output_index=1, url=PNG), text("Nice.", item=2)],
        [ImageMade(output_index=3, url=GIF)],
        store_image=store,
    )
    assert asked == [PNG, GIF]
    assert screen.content.startswith(f"Here:\n\n![Generated image]({found or PNG})\n\nNice.\n\n![")


def test_an_image_that_is_none_is_a_notice() -> None:
    async def store(_: str) -> str | None:
        return None

    image = ImageMade(output_index=0, url="data:text/html;base64,AAAA")
    screen = seen([image], store_image=store)
    assert "](" not in screen.content
    assert "cannot be shown" in screen.content


# --- the two other ways --------------------------------------------------------------------------


def test_without_somebody_who_looks_there_is_text_thinking_and_calls_alone() -> None:
    """SPEC 84, 86."""
    looks = replace(PLAIN, thinking=ThinkingMode.STATUS, card=card)
    screen = seen(EVERYTHING, looks=looks, gap_s=2.0)
    assert screen.events == []
    assert screen.reasoning == "hm"
    assert "details" not in screen.content
    assert len(screen.calls) == 1


def test_a_whole_answer_collects_its_events_and_wakes_whoever_takes() -> None:
    """SPEC 85."""

    async def scene() -> None:
        sink = a_sink(Looks(has_events=True, is_streaming=False))
        pieces = await sink.take()
        assert pieces == [(CONTENT, "")]
        assert [event["type"] for event in sink.take_events()] == ["status"]
        assert sink.take_events() == []
        sink.show(EVERYTHING)
        sink.finish(Completed(has_calls=True))
        pieces = await sink.take()
        assert {kind for kind, _ in pieces} == {CONTENT, PieceKind.REASONING}
        kinds = [event["type"] for event in sink.take_events()]
        assert {*kinds} == {"status", "source", "notification"}
        assert sink.calls == (call(),)

    play(scene)


def test_everything_at_once_still_settles() -> None:
    screen = seen(*[[event] for event in EVERYTHING], gap_s=1.0)
    assert screen.is_settled
    assert all(line.startswith("data: {") and line.splitlines() == [line] for line in screen.lines)


def test_what_waits_is_weighed_whatever_it_is() -> None:
    async def scene() -> None:
        sink = a_sink()
        await sink.take()
        large = "data:image/png;base64," + "A" * 2_000_000
        assert not sink.show([ImageMade(output_index=0, url=large)])
        screen = Screen(sink)
        await screen.draw(await sink.take())
        assert sink.show([cited()])

    play(scene)


# --- marks ---------------------------------------------------------------------------------------

MARK = "0001HTMBY4XE60DACCVS"


@pytest.mark.parametrize("looks", [UI, PLAIN, replace(UI, is_streaming=False)])
def test_marks_end_the_answer(looks: Looks) -> None:
    """SPEC 37."""
    marked = Marked(ids=(MARK, MARK[:-1] + "T"))
    screen = seen([text("Five.")], [marked], looks=looks, ending=Completed())
    assert screen.content == f"Five.\n\n[{MARK}]: #\n[{MARK[:-1]}T]: #\n"


def test_marks_stand_behind_all_that_is_shown() -> None:
    screen = seen([started(), ended()], [Marked(ids=(MARK,))], looks=WITH_CARDS)
    assert screen.content.startswith("<details>")
    assert screen.content.endswith(f"</details>\n\n\n\n[{MARK}]: #\n")


def test_marks_are_no_words() -> None:
    """Nothing is said about them: an answer of marks alone is still no answer."""
    marked = seen([thought("hm")], [Marked(ids=(MARK,))], ending=Completed())
    assert marked.statuses == seen([thought("hm")], ending=Completed()).statuses
    assert marked.content == f"\n\n[{MARK}]: #\n"


def test_nothing_kept_is_nothing_shown() -> None:
    assert seen([text("Five.")], [Marked(ids=())]).content == "Five."
