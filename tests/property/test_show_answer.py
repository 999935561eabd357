"""Whatever happens in an answer, in whatever order: what a reader sees of it holds together."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.ports import Cancelled, Completed, Ending, Failed, ProviderUnavailable
from actors.values import (
    Annotated,
    ImageMade,
    Notice,
    Noticed,
    ReasoningAdvanced,
    ReasoningKind,
    RefusalAdvanced,
    SearchAction,
    SearchAdvanced,
    Shown,
    Source,
    TextAdvanced,
    ToolCall,
    ToolCallBegan,
    ToolEnded,
    ToolResult,
    ToolsHandedOver,
    ToolStarted,
    Usage,
)
from bridge.owui.show_looks import PLAIN
from bridge.transforms.reasoning_status import ThinkingMode, ThoughtLines
from tests.unit.simloop_sink import UI, seen

WORDS = st.sampled_from(["", "a", "so. ", "**T**\n\n", "\ud83d", "\u2028", "x" * 200])
INDEX = st.integers(0, 2)
URLS = st.sampled_from(["https://a.example/", "https://b.example/?utm_source=openai", "", "x"])
CALL = st.builds(ToolCall, call_id=st.sampled_from(["1", "2"]), name=WORDS, arguments=WORDS)
TEXTS = st.builds(TextAdvanced, output_index=INDEX, content_index=INDEX, text=WORDS) | st.builds(
    RefusalAdvanced, output_index=INDEX, content_index=INDEX, text=WORDS
)
THOUGHTS = st.builds(
    ReasoningAdvanced,
    output_index=INDEX,
    part_index=INDEX,
    kind=st.sampled_from(ReasoningKind),
    text=WORDS,
)
OTHERS: st.SearchStrategy[Shown] = st.one_of(
    st.builds(Annotated, output_index=INDEX, url=URLS, title=WORDS, text=WORDS),
    st.builds(ImageMade, output_index=INDEX, url=URLS),
    st.builds(
        SearchAdvanced,
        output_index=INDEX,
        action=st.sampled_from(SearchAction),
        queries=st.lists(WORDS, max_size=3).map(tuple),
        urls=st.lists(URLS, max_size=3).map(tuple),
        is_done=st.booleans(),
    ),
    st.builds(ToolCallBegan, output_index=INDEX, name=WORDS),
    st.builds(ToolStarted, call=CALL),
    st.builds(
        ToolEnded,
        call=CALL,
        result=st.builds(
            ToolResult,
            output=WORDS,
            sources=st.lists(st.builds(Source, name=WORDS, url=URLS), max_size=2).map(tuple),
            files=st.lists(URLS, max_size=2).map(tuple),
        ),
        is_failed=st.booleans(),
        elapsed_s=st.floats(0, 9),
    ),
    st.builds(ToolsHandedOver, calls=st.lists(CALL, max_size=2).map(tuple)),
    st.builds(Noticed, notice=st.sampled_from(Notice), about=WORDS),
)
READS = st.lists(st.lists(TEXTS | THOUGHTS | OTHERS, max_size=4), max_size=6)
ENDINGS: st.SearchStrategy[Ending] = st.one_of(
    st.builds(
        Completed, usage=st.none() | st.just(Usage(output_tokens=3)), has_calls=st.booleans()
    ),
    st.just(Cancelled()),
    st.just(Failed(error=ProviderUnavailable(), error_id="e", shown=True)),
)
LOOKS = st.builds(
    lambda thinking, has_final_usage: replace(
        UI, thinking=thinking, has_final_usage=has_final_usage
    ),
    st.sampled_from(ThinkingMode),
    st.booleans(),
)


def squeezed(text: str) -> str:
    return "".join(text.split())


def texts(
    reads: list[list[Shown]], *kinds: type[TextAdvanced | RefusalAdvanced | ReasoningAdvanced]
) -> str:
    return "".join(event.text for read in reads for event in read if isinstance(event, kinds))


@settings(max_examples=60, deadline=None)
@given(reads=READS, ending=ENDINGS, gap_s=st.sampled_from([0.0, 0.9]), data=st.data())
def test_every_line_is_whole_every_event_comes_once_and_nothing_is_left_spinning(
    reads: list[list[Shown]], ending: Ending, gap_s: float, data: st.DataObject
) -> None:
    screen = seen(*reads, looks=data.draw(LOOKS), ending=ending, gap_s=gap_s)
    assert all(line.startswith("data: {") and line.splitlines() == [line] for line in screen.lines)
    assert screen.is_settled
    statuses = [status for kind, status in screen.events if kind == "status"]
    assert all(one != other for one, other in pairwise(statuses))
    sources = screen.all_of("source")
    assert len(sources) == len({str(source) for source in sources})


@settings(max_examples=60, deadline=None)
@given(reads=READS)
def test_a_plain_stream_has_no_events_and_loses_no_call(reads: list[list[Shown]]) -> None:
    screen = seen(*reads, looks=PLAIN)
    assert screen.events == []
    handed = [
        call
        for read in reads
        for event in read
        if isinstance(event, ToolsHandedOver)
        for call in event.calls
    ]
    assert [call["index"] for call in screen.calls] == list(range(len(handed)))


@settings(max_examples=60, deadline=None)
@given(reads=st.lists(st.lists(TEXTS | THOUGHTS, max_size=4), max_size=6))
def test_no_word_of_text_or_thought_is_lost_or_told_twice(reads: list[list[Shown]]) -> None:
    screen = seen(*reads)
    said = texts(reads, TextAdvanced, RefusalAdvanced), texts(reads, ReasoningAdvanced)
    if "\ud83d" not in "".join(said):
        assert (squeezed(screen.content), squeezed(screen.reasoning)) == (
            squeezed(said[0]),
            squeezed(said[1]),
        )


@given(deltas=st.lists(st.tuples(st.text("ab .!\n1", max_size=60), st.floats(0, 2)), max_size=40))
def test_status_lines_tell_a_thought_whole_and_in_order(deltas: list[tuple[str, float]]) -> None:
    lines, now_s, shown = ThoughtLines(), 0.0, []
    for text, gap_s in deltas:
        now_s += gap_s
        shown += lines.take(text, now_s)
    shown += lines.rest(now_s)
    assert squeezed("".join(shown)) == squeezed("".join(text for text, _ in deltas))
    assert all(line and line == " ".join(line.split()) for line in shown)
