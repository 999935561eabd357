"""The hand-over at the door: bounded, lazy, and honest about slow readers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from actors.ports import Completed
from actors.testing.choices import Choices
from actors.testing.simulate import simulate
from actors.values import ReasoningAdvanced, ReasoningKind
from bridge.owui.event_sink import OwuiSink, SlowReaderLog
from bridge.transforms.chat_chunks import PieceKind
from tests.unit.chat_stage import text


def a_sink(
    *,
    bytes_max: int = 1000,
    pieces_max: int | None = None,
    warn_pieces: int = 1000,
    slow_after_s: float | None = None,
    slow_log: SlowReaderLog | None = None,
) -> OwuiSink:
    return OwuiSink(
        bytes_max=bytes_max,
        pieces_max=pieces_max,
        warn_pieces=warn_pieces,
        slow_after_s=slow_after_s,
        slow_log=slow_log or SlowReaderLog(),
    )


def play(scene: Callable[[], Awaitable[None]]) -> None:
    """Run a scene on the simulated loop, where waiting costs nothing."""

    async def scenario(_: asyncio.AbstractEventLoop) -> None:
        await scene()

    run = simulate(scenario, Choices.from_seed(0))
    if run.error is not None:
        raise run.error


def test_pieces_come_out_in_order_and_by_kind() -> None:
    async def scene() -> None:
        sink = a_sink()
        thought = ReasoningAdvanced(output_index=0, part_index=0, kind=ReasoningKind.RAW, text="hm")
        assert sink.show([thought, text("Hel"), text("lo")])
        sink.finish(Completed())
        assert await sink.take() == [
            (PieceKind.REASONING, "hm"),
            (PieceKind.CONTENT, "Hel"),
            (PieceKind.CONTENT, "lo"),
        ]
        assert await sink.take() == []

    play(scene)


@pytest.mark.parametrize(
    ("limits", "words"), [({"bytes_max": 8}, "twelve bytes"), ({"pieces_max": 1}, "x")]
)
def test_a_full_sink_says_so_and_calls_back_when_it_is_emptied(
    limits: dict[str, int], words: str
) -> None:
    async def scene() -> None:
        sink = a_sink(**limits)
        called: list[bool] = []
        assert not sink.show([text(words)])
        sink.when_room(lambda: called.append(True))
        assert not called
        await sink.take()
        assert called == [True]

    play(scene)


def test_characters_outside_ascii_weigh_what_they_may_take() -> None:
    async def scene() -> None:
        assert a_sink(bytes_max=9).show([text("12345678")])
        assert not a_sink(bytes_max=9).show([text("日本語")])

    play(scene)


def test_a_backlog_is_logged_once_in_a_while(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        log = SlowReaderLog()
        for _ in range(3):
            a_sink(warn_pieces=2, slow_log=log).show([text("a"), text("b")])
        assert len(caplog.records) == 1
        await asyncio.sleep(31.0)
        a_sink(warn_pieces=2, slow_log=log).show([text("a"), text("b")])

    with caplog.at_level(logging.WARNING, "greenroom.pipe"):
        play(scene)
    assert [record.args for record in caplog.records] == [(2,), (2,)]
    assert "ab" not in caplog.text


def test_a_full_queue_that_nobody_takes_from_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        standing = a_sink(bytes_max=1, slow_after_s=5.0)
        taken = a_sink(bytes_max=1, slow_after_s=5.0)
        never = a_sink(bytes_max=1, slow_after_s=None)
        for sink in (standing, taken, never):
            assert not sink.show([text("a")])
        await asyncio.sleep(4.0)
        await taken.take()
        assert not caplog.records
        await asyncio.sleep(2.0)

    with caplog.at_level(logging.WARNING, "greenroom.pipe"):
        play(scene)
    assert len(caplog.records) == 1


def test_more_of_a_thought_is_a_piece_like_any_other() -> None:
    async def scene() -> None:
        sink = a_sink(bytes_max=4)
        thought = ReasoningAdvanced(output_index=0, part_index=0, kind=ReasoningKind.RAW, text="hm")
        assert sink.show([thought])
        assert not sink.show([thought])
        assert await sink.take() == [(PieceKind.REASONING, "hm"), (PieceKind.REASONING, "hm")]

    play(scene)


def test_an_abandoned_sink_ends_and_forgets_its_timer(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        sink = a_sink(bytes_max=1, slow_after_s=5.0)
        sink.show([text("a")])
        sink.abandon()
        await asyncio.sleep(10.0)
        assert await sink.take() == [(PieceKind.CONTENT, "a")]
        assert await sink.take() == []

    with caplog.at_level(logging.WARNING, "greenroom.pipe"):
        play(scene)
    assert not caplog.records
