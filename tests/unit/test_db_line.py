"""The line in front of the store, and the thread that empties it when a program ends."""

from __future__ import annotations

import threading
from typing import Any, cast

import pytest

from actors.artifacts import Artifact
from actors.db_line import ROW_BYTES, ExitFlush, Line, LineBounds, Place, weight_bytes
from actors.kernel.ref import ActorRef
from actors.values import OpaqueItem, Reasoning, ToolCall, ToolOutput, WireFormat
from tests.unit.storage_stage import FakeStore, artifact

WAIT_MAX_S = 5.0


def place(*ids: str) -> Place:
    artifacts = tuple(artifact(each) for each in ids)
    return Place(artifacts, weight_bytes(artifacts))


def names(batch: tuple[Place, ...]) -> list[str]:
    return [each.id for place in batch for each in place.artifacts]


def line_of(*places: Place, **bounds: int) -> Line:
    line = Line(LineBounds(**bounds))
    for each in places:
        line.add(each)
    return line


def test_a_batch_that_is_put_back_keeps_its_order_and_comes_first() -> None:
    line = line_of(place("a"), place("b"))
    batch = line.take()
    line.add(place("c"))
    line.put_back(batch)
    assert names(line.take()) == ["a", "b", "c"]


def test_what_is_on_its_way_still_takes_room() -> None:
    line = line_of(place("a", "b"), rows_max=3)
    line.take()
    assert line.rows == 2
    assert line.rows_waiting == 0
    assert line.has_room(place("c"))
    assert not line.has_room(place("c", "d"))


def test_what_is_done_takes_none() -> None:
    line = line_of(place("a"), place("b"))
    for each in line.take():
        line.done(each)
    assert (line.saves, line.rows, line.weight_bytes) == (0, 0, 0)


def test_a_suspect_goes_alone() -> None:
    suspect = place("s")
    suspect.is_suspect = True
    line = line_of(place("a"), suspect, place("b"), place("c"))
    assert [names(line.take()) for _ in range(4)] == [["a"], ["s"], ["b", "c"], []]


def test_a_payload_weighs_what_its_text_is_long() -> None:
    wire = WireFormat.RESPONSES
    for item in (
        Reasoning(wire=wire, json="x" * 100),
        OpaqueItem(wire=wire, json="x" * 100),
        ToolCall(call_id="c", name="n", arguments="x" * 100),
        ToolOutput(call_id="c", output="x" * 100),
    ):
        row = Artifact(id="a", chat_id="c", message_id="m", model_id="x", item=item)
        assert weight_bytes((row, row)) == 2 * (ROW_BYTES + 100)


def test_at_exit_all_that_is_left_is_committed_without_a_loop() -> None:
    line = line_of(place("a", "b"), place("c"), place("d"), commit_rows_max=3)
    line.take()  # What the committer had in hand is committed as well.
    store = FakeStore()
    assert ExitFlush(line, store).flush(WAIT_MAX_S) == 0
    assert store.rows.keys() == {"a", "b", "c", "d"}
    assert store.saves == [3, 1]


def test_at_exit_what_askers_of_the_dead_loop_waited_for_is_committed_as_well() -> None:
    class Gone:
        def is_alive(self) -> bool:
            return False

    asked = place("a")
    asked.reply_to = cast("ActorRef[Any]", Gone())
    store = FakeStore()
    assert ExitFlush(line_of(asked), store).flush(WAIT_MAX_S) == 0
    assert store.rows.keys() == {"a"}


def test_with_nothing_left_an_exit_touches_no_store() -> None:
    store = FakeStore()
    assert ExitFlush(Line(), store).flush(WAIT_MAX_S) == 0
    assert store.calls == 0


def test_at_exit_a_store_that_fails_is_counted_and_not_tried_again() -> None:
    line = line_of(place("a"), place("b"), place("c"), commit_rows_max=1)
    store = FakeStore(fails_from=3)
    assert ExitFlush(line, store).flush(WAIT_MAX_S) == 2
    assert store.calls == 3


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_at_exit_a_bug_of_the_store_is_not_waited_for() -> None:
    before = set(threading.enumerate())
    flushing = ExitFlush(line_of(place("a")), FakeStore(cursed={"a"}))
    (thread,) = set(threading.enumerate()) - before
    assert flushing.flush(threading.TIMEOUT_MAX) == 1
    # Its last words are for this test, and not for the next one.
    thread.join(WAIT_MAX_S)


def test_a_store_that_hangs_at_exit_is_left_to_itself() -> None:
    go_on = threading.Event()

    class Hanging(FakeStore):
        def open(self) -> None:
            go_on.wait(WAIT_MAX_S)

    assert ExitFlush(line_of(place("a")), Hanging()).flush(0.01) == 1
    go_on.set()


def test_after_an_orderly_end_the_thread_goes() -> None:
    before = set(threading.enumerate())
    flush = ExitFlush(Line(), FakeStore())
    (thread,) = set(threading.enumerate()) - before
    flush.dismiss()
    thread.join(WAIT_MAX_S)
    assert not thread.is_alive()
