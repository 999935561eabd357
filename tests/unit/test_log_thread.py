"""Writing from a thread: in order, bounded, and all of it before the end."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from bridge.owui.log_thread import BATCH_MAX, WriterThread

CLOSE_S = 30.0


class Slow:
    """Writes nothing before it is let go."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.began = threading.Event()
        self.may_go_on = threading.Event()

    def __call__(self, batch: Sequence[int]) -> None:
        self.began.set()
        self.may_go_on.wait(CLOSE_S)
        self.batches.append(list(batch))

    @property
    def written(self) -> list[int]:
        return [item for batch in self.batches for item in batch]


def test_everything_is_written_in_order_before_the_end() -> None:
    slow = Slow()
    writer = WriterThread("test", slow, items_max=10_000)
    slow.may_go_on.set()
    assert all(writer.offer(number) for number in range(1000))
    assert writer.close(CLOSE_S)
    assert slow.written == list(range(1000))
    assert max(map(len, slow.batches)) <= BATCH_MAX


def test_what_there_is_no_room_for_is_dropped_and_counted() -> None:
    slow = Slow()
    writer = WriterThread("test", slow, items_max=3)
    writer.offer(0)
    assert slow.began.wait(CLOSE_S)
    # The first one is being written and waits no more.
    assert [writer.offer(number) for number in (1, 2, 3, 4, 5)] == [True] * 3 + [False] * 2
    assert writer.dropped == 2
    slow.may_go_on.set()
    assert writer.close(CLOSE_S)
    assert slow.written == [0, 1, 2, 3]


def test_there_is_no_thread_before_the_first_thing_and_none_after_the_end() -> None:
    before = threading.active_count()
    slow = Slow()
    slow.may_go_on.set()
    writer = WriterThread("test", slow, items_max=3)
    assert writer.close(CLOSE_S)
    assert (writer.is_running, threading.active_count()) == (False, before)
    writer.offer(1)
    assert writer.is_running
    assert writer.close(CLOSE_S)
    assert (writer.is_running, threading.active_count()) == (False, before)


def test_after_the_end_it_can_begin_again() -> None:
    slow = Slow()
    slow.may_go_on.set()
    writer = WriterThread("test", slow, items_max=3)
    for number in (1, 2):
        writer.offer(number)
        assert writer.close(CLOSE_S)
    assert slow.written == [1, 2]


def test_an_end_that_takes_too_long_is_told_and_still_comes() -> None:
    slow = Slow()
    writer = WriterThread("test", slow, items_max=3)
    writer.offer(1)
    assert slow.began.wait(CLOSE_S)
    (thread,) = [each for each in threading.enumerate() if each.name == "test"]
    assert not writer.close(0.0)
    slow.may_go_on.set()
    thread.join(CLOSE_S)
    assert slow.written == [1]
