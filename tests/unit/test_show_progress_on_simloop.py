"""What somebody sees who waits for an answer (SPEC 87, 96, 186)."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from actors.kernel.entropy import SeededEntropy
from actors.ports import (
    Cancelled,
    Completed,
    Ending,
    Failed,
    ProviderUnavailable,
)
from actors.values import (
    Annotated,
    ImageMade,
    SearchAdvanced,
    Shown,
    ToolCallBegan,
    ToolsHandedOver,
    Usage,
)
from bridge.owui.show_pace import JITTER_MAX_S, REASSURE_AFTER_S
from bridge.transforms import status_text as words
from bridge.transforms.side_event import SideEvent
from tests.unit.chat_stage import text
from tests.unit.simloop_sink import UI, Screen, a_sink, call, ended, play, seen, started, thought

USAGE = Usage(input_tokens=10, output_tokens=20, total_tokens=30, cost_usd=0.5)
DONE = Completed(usage=USAGE)
NO_USAGE_LINE = replace(UI, has_final_usage=False)


def told(event: SideEvent) -> str:
    return str(event.data["description"])


REASSURANCES = [told(line) for line in words.REASSURANCES]


def test_thinking_is_said_at_once_and_responding_when_text_comes() -> None:
    screen = seen([text("Hi")], gap_s=1.0, ending=DONE)
    assert screen.statuses == [
        told(words.THINKING),
        told(words.RESPONDING),
        "Time: 2.00s  20.0 tps | Cost $0.50 | Total tokens: 30 (Input: 10, Output: 20)",
    ]
    assert screen.content == "Hi"
    assert screen.events[0][1]["done"] is False
    assert screen.is_settled


@pytest.mark.parametrize("entropy", [None, SeededEntropy(1), SeededEntropy(2)])
def test_whoever_waits_is_reassured_four_times(entropy: SeededEntropy | None) -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        sink = a_sink(replace(UI, entropy=entropy))
        begun_s = loop.time()
        at_s: list[float] = []
        screen = Screen(sink)

        async def watch() -> None:
            while pieces := await sink.take():
                at_s.append(loop.time() - begun_s)
                await screen.draw(pieces)

        async def wait() -> None:
            await asyncio.sleep(60.0)
            sink.finish(Cancelled())

        await asyncio.gather(watch(), wait())
        assert screen.statuses == [told(words.THINKING), *REASSURANCES, told(words.STOPPED)]
        assert at_s[0] == 0.0
        late_s = [came - due for came, due in zip(at_s[1:5], REASSURE_AFTER_S, strict=True)]
        assert all(-1e-6 <= late <= JITTER_MAX_S + 1e-6 for late in late_s)
        assert bool(entropy) == any(late > 0.001 for late in late_s)

    play(scene)


@pytest.mark.parametrize(
    "first",
    [
        text("Hi"),
        thought("hm"),
        ToolCallBegan(output_index=0, name="clock"),
        started(),
        SearchAdvanced(output_index=0),
        ImageMade(output_index=0, url="https://a.example/x.png"),
        ToolsHandedOver(calls=(call(),)),
    ],
    ids=lambda event: type(event).__name__,
)
def test_the_first_sign_of_life_ends_the_reassuring(first: Shown) -> None:
    async def scene() -> None:
        sink = a_sink()
        screen = Screen(sink)

        async def lead() -> None:
            await asyncio.sleep(2.0)
            sink.show([first])
            await asyncio.sleep(20.0)
            sink.finish(DONE)

        await asyncio.gather(screen.watch(), lead())
        assert [line for line in screen.statuses if line in REASSURANCES] == REASSURANCES[:1]
        assert screen.is_settled

    play(scene)


@pytest.mark.parametrize("ending", [DONE, Cancelled()])
def test_the_end_ends_the_reassuring(ending: Ending) -> None:
    async def scene() -> None:
        sink = a_sink()
        assert len(await sink.take()) == 1
        sink.finish(ending)
        await asyncio.sleep(20.0)
        assert len(await sink.take()) == 1
        assert await sink.take() == []

    play(scene)


def test_a_citation_alone_does_not_end_the_reassuring() -> None:
    cited = Annotated(output_index=0, url="https://a.example")
    assert REASSURANCES[0] in seen([cited], gap_s=1.0).statuses


def test_responding_is_said_again_only_below_other_lines() -> None:
    screen = seen(
        [text("a"), thought("hm"), text("b")],
        [started(), ended()],
        [text("c"), text("d", item=3)],
    )
    assert screen.statuses.count(told(words.RESPONDING)) == 2
    assert screen.statuses.index("clock finished in 1.5 s") < len(screen.statuses) - 2


def test_every_line_is_sent_once() -> None:
    """SPEC 85."""
    search = SearchAdvanced(output_index=0, queries=("cats",))
    screen = seen([search], [search], [text("a")])
    assert len(screen.statuses) == len(set(screen.statuses))


@pytest.mark.parametrize(
    ("shown", "usage", "line"),
    [
        ([thought("hm"), text("a")], None, "Thought for 2 seconds"),
        ([text("a")], Usage(reasoning_tokens=5), "Thought for 2 seconds"),
        ([started(), ended(), text("a")], None, "Finished in 4 seconds"),
        ([SearchAdvanced(output_index=0), text("a")], None, "Finished in 4 seconds"),
    ],
)
def test_without_the_usage_line_the_last_one_says_what_took_so_long(
    shown: list[Shown], usage: Usage | None, line: str
) -> None:
    """SPEC 96."""
    screen = seen(shown, gap_s=2.0, looks=NO_USAGE_LINE, ending=Completed(usage=usage))
    assert screen.statuses[-1] == line
    assert screen.is_settled


def test_searching_is_no_time_in_which_tokens_came() -> None:
    """SPEC 96."""
    search = SearchAdvanced(output_index=0, queries=("cats",))
    screen = seen([thought("hm")], [search], [text("a")], gap_s=2.0, ending=DONE)
    assert screen.statuses[-1].startswith("Time: 8.00s  5.0 tps")


def test_a_quick_answer_without_the_usage_line_leaves_no_line_behind() -> None:
    last = seen([text("a")], looks=NO_USAGE_LINE).all_of("status")[-1]
    assert last == {"description": "", "done": True, "hidden": True}


@pytest.mark.parametrize(
    ("error", "line"),
    [(ProviderUnavailable(), words.PROVIDER_ERROR), (ValueError(), words.INTERNAL_ERROR)],
)
@pytest.mark.parametrize("shown", [[], [text("a")], [started()]], ids=["none", "text", "tool"])
def test_an_error_is_announced_before_it_is_worded(
    error: BaseException, line: SideEvent, shown: list[Shown]
) -> None:
    """SPEC 186."""
    screen = seen(shown, ending=Failed(error=error, error_id="e", shown=bool(shown)))
    assert screen.statuses[-1] == told(line)
    assert screen.is_settled


def test_an_error_before_anybody_looked_is_announced_all_the_same() -> None:
    async def scene() -> None:
        sink = a_sink()
        sink.finish(Failed(error=ProviderUnavailable(), error_id="e", shown=False))
        screen = Screen(sink)
        await screen.watch()
        assert screen.statuses == [told(words.PROVIDER_ERROR)]

    play(scene)


def test_a_chat_that_dies_without_a_word_leaves_nothing_spinning() -> None:
    async def scene() -> None:
        sink = a_sink()
        screen = Screen(sink)
        await screen.draw(await sink.take())
        assert not screen.is_settled
        sink.abandon()
        await screen.watch()
        assert screen.is_settled
        await asyncio.sleep(20.0)
        assert await sink.take() == []

    play(scene)


def test_whoever_leaves_can_be_told_how_to_stop_the_spinning() -> None:
    """CONTRACT 6: after a stop nothing can be yielded, and the line stays as it is."""

    async def scene() -> None:
        sink = a_sink()
        await sink.take()
        assert sink.unsettled == words.STOPPED.emitted()
        sink.show([text("a")])
        assert sink.unsettled is None

    play(scene)


def test_the_wait_can_begin_before_the_first_take() -> None:
    async def scene() -> None:
        sink = a_sink()
        sink.begin()
        await asyncio.sleep(3.0)
        screen = Screen(sink)
        await screen.draw(await sink.take())
        assert screen.statuses == [told(words.THINKING), REASSURANCES[0]]

    play(scene)


def test_calls_for_open_webui_end_without_a_summary() -> None:
    """SPEC 78: it asks again with their results, and that answer tells the rest."""
    screen = seen([ToolsHandedOver(calls=(call(),))], ending=Completed(usage=USAGE, has_calls=True))
    assert screen.statuses[-1] == "Calling clock"
    assert screen.is_settled
