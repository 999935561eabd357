"""What a request logs is collected until it ends: of any level, bounded, and off the loop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from actors.kernel.entropy import SeededEntropy
from actors.log_values import LogOwner, LogSegment
from actors.ports import Secret, SessionLogSettings
from actors.testing.manual_clock import ManualClock
from bridge.owui.log_records import LogIds, LogWriter, RequestLog, announce, obey_level
from bridge.owui.log_sessions import LEFT_OUT, SessionLogs
from tests.unit.log_stage import SETTINGS, owner, warnings

NAME = "greenroom.test"
WAIT_S = 30.0


class Shelf:
    """Takes what is delivered, and says on which thread."""

    def __init__(self) -> None:
        self.segments: list[LogSegment] = []
        self.settings: list[SessionLogSettings] = []
        self.threads: set[str] = set()
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def __call__(self, segment: LogSegment, settings: SessionLogSettings) -> None:
        self.may_go_on.wait(WAIT_S)
        self.segments.append(segment)
        self.settings.append(settings)
        self.threads.add(threading.current_thread().name)

    @property
    def messages(self) -> list[str]:
        (segment,) = self.segments
        return [entry.message for entry in segment.entries]


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def logs(shelf: Shelf) -> Iterator[SessionLogs]:
    logging.getLogger("greenroom").setLevel(logging.DEBUG)
    logs = SessionLogs(shelf, ManualClock(), SeededEntropy(1))
    yield logs
    shelf.may_go_on.set()
    logs.close()


def log_of(request_id: str = "r", level: str = "DEBUG") -> RequestLog:
    return RequestLog(NAME, LogIds(request_id=request_id), level, is_collecting=True)


def handlers() -> int:
    return len(logging.getLogger("greenroom").handlers)


def test_records_of_any_level_are_delivered_when_the_request_ends(
    logs: SessionLogs, shelf: Shelf
) -> None:
    """SPEC 167, 168."""
    assert logs.begin(owner(), SETTINGS)
    for level in ("debug", "info", "warning", "error"):
        getattr(log_of(), level)("at %s", level)
    logs.end("r", is_terminal=True)
    logs.close()
    assert shelf.messages == ["at debug", "at info", "at warning", "at error"]
    (segment,) = shelf.segments
    assert (segment.owner, segment.is_terminal) == (owner(), True)
    assert shelf.settings == [SETTINGS]
    assert shelf.threads == {"greenroom-session-logs"}


def test_an_entry_says_when_where_and_what_kind(logs: SessionLogs, shelf: Shelf) -> None:
    logs.begin(owner(), SETTINGS)
    log_of().info("here", extra={"event_type": "attempt"})
    logs.end("r", is_terminal=False)
    logs.close()
    (segment,) = shelf.segments
    (entry,) = segment.entries
    assert not segment.is_terminal
    assert (entry.level, entry.logger, entry.event_type) == ("INFO", NAME, "attempt")
    assert entry.module == "test_session_log_collector"
    assert entry.func == "test_an_entry_says_when_where_and_what_kind"
    assert entry.lineno > 0
    assert entry.ts_s > 0


def test_requests_do_not_mix(logs: SessionLogs, shelf: Shelf) -> None:
    for request_id in ("a", "b"):
        logs.begin(owner(request_id=request_id), SETTINGS)
    for number in range(3):
        log_of("a").info("a%d", number)
        log_of("b").info("b%d", number)
        log_of("c").info("of nobody who is collected")
        logging.getLogger(NAME).info("of nobody")
    logs.end("b", is_terminal=True)
    logs.end("a", is_terminal=True)
    logs.close()
    found = {
        each.owner.request_id: [entry.message for entry in each.entries] for each in shelf.segments
    }
    assert found == {"a": ["a0", "a1", "a2"], "b": ["b0", "b1", "b2"]}


def test_what_is_announced_belongs_to_the_request_as_well(logs: SessionLogs, shelf: Shelf) -> None:
    logs.begin(owner(), SETTINGS)
    announce(LogIds(request_id="r"))
    logging.getLogger(NAME).info("said in its context")
    announce(LogIds())
    logs.end("r", is_terminal=True)
    logs.close()
    assert shelf.messages == ["said in its context"]


def test_of_too_many_lines_the_last_ones_stay_and_the_others_are_counted(
    logs: SessionLogs, shelf: Shelf
) -> None:
    """SPEC 167: SESSION_LOG_MAX_LINES."""
    logs.begin(owner(), replace(SETTINGS, lines_max=100))
    for number in range(250):
        log_of().info("%d", number)
    logs.end("r", is_terminal=True)
    logs.close()
    note, *rest = shelf.messages
    assert note == "150 lines of this log were left out"
    assert rest == [str(number) for number in range(150, 250)]
    assert shelf.segments[0].entries[0].event_type == LEFT_OUT


def test_all_requests_together_have_a_bound(shelf: Shelf) -> None:
    logging.getLogger("greenroom").setLevel(logging.DEBUG)
    logs = SessionLogs(shelf, ManualClock(), SeededEntropy(1), chars_max=3000)
    for request_id in ("a", "b"):
        logs.begin(owner(request_id=request_id), SETTINGS)
        for _ in range(20):
            log_of(request_id).info("x" * 400)
    logs.end("a", is_terminal=True)
    logs.end("b", is_terminal=True)
    # What has ended gives its room back.
    logs.begin(owner(request_id="c"), SETTINGS)
    for _ in range(5):
        log_of("c").info("x" * 400)
    logs.end("c", is_terminal=True)
    logs.close()
    first, second, third = (len(each.entries) for each in shelf.segments)
    assert first + second <= 8
    assert third == 5


def test_records_that_come_too_fast_are_counted_in_the_log(shelf: Shelf) -> None:
    logging.getLogger("greenroom").setLevel(logging.DEBUG)
    logs = SessionLogs(shelf, ManualClock(), SeededEntropy(1), queue_max=5)
    logs.begin(owner(request_id="first"), SETTINGS)
    logs.begin(owner(), SETTINGS)
    shelf.may_go_on.clear()
    logs.end("first", is_terminal=True)
    for number in range(1000):
        log_of().info("%d", number)
    logs.end("r", is_terminal=True)
    shelf.may_go_on.set()
    logs.close()
    last = shelf.segments[-1]
    note, *rest = [entry.message for entry in last.entries]
    assert last.owner.request_id == "r"
    assert len(rest) < 1000
    assert note == f"{1000 - len(rest)} lines of this log were left out"


def test_a_request_that_logs_is_never_held_up(logs: SessionLogs, shelf: Shelf) -> None:
    """The thread stands still meanwhile; were it waited for, this test would not come to an end."""
    logs.begin(owner(request_id="first"), SETTINGS)
    logs.begin(owner(), SETTINGS)
    shelf.may_go_on.clear()
    logs.end("first", is_terminal=True)
    for number in range(100):
        log_of().info("%d", number)
    logs.end("r", is_terminal=True)
    assert shelf.segments == []
    shelf.may_go_on.set()
    logs.close()
    assert len(shelf.segments) == 2


def test_keys_and_long_data_are_left_out_as_in_the_servers_log(
    logs: SessionLogs, shelf: Shelf
) -> None:
    """SPEC 189."""
    logs.begin(owner(), SETTINGS)
    log_of().info("Authorization: Bearer sk-or-v1-0123456789, data:image/png;base64,%s", "A" * 500)
    try:
        raise ValueError("sk-or-v1-0123456789")
    except ValueError:
        log_of().exception("failed")
    logs.end("r", is_terminal=True)
    logs.close()
    (segment,) = shelf.segments
    text = repr([(entry.message, entry.exception) for entry in segment.entries])
    assert "0123456789" not in text
    assert "A" * 100 not in text
    assert "ValueError" in segment.entries[1].exception


def test_text_that_cannot_be_encoded_is_mended(logs: SessionLogs, shelf: Shelf) -> None:
    logs.begin(owner(), SETTINGS)
    log_of().info("half \ud800 a pair, und ä")
    logs.end("r", is_terminal=True)
    logs.close()
    assert shelf.messages == ["half ? a pair, und ä"]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (replace(SETTINGS, is_enabled=False), []),
        (
            replace(SETTINGS, password=Secret("")),
            ["session logs are not kept: SESSION_LOG_ZIP_PASSWORD is empty"],
        ),
        (
            replace(SETTINGS, folder=" "),
            ["session logs are not kept: SESSION_LOG_DIR names no folder"],
        ),
    ],
    ids=["off", "no password", "no folder"],
)
def test_without_what_it_needs_nothing_is_collected_and_that_is_told_once(
    settings: SessionLogSettings,
    told: list[str],
    logs: SessionLogs,
    shelf: Shelf,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """SPEC 166."""
    before = handlers()
    for _ in range(3):
        assert not logs.begin(owner(), settings)
    log_of().info("heard by nobody")
    logs.end("r", is_terminal=True)
    assert handlers() == before
    logs.close()
    assert (shelf.segments, warnings(caplog)) == ([], told)


@pytest.mark.parametrize("missing", ["user_id", "chat_id", "message_id", "request_id"])
def test_a_request_without_all_of_its_ids_is_skipped_silently(
    missing: str, logs: SessionLogs, shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    """SPEC 166."""
    ids = dict.fromkeys(("user_id", "chat_id", "message_id", "request_id"), "x")
    assert not logs.begin(LogOwner(**(ids | {missing: ""})), SETTINGS)
    assert warnings(caplog) == []


def test_while_it_is_off_there_is_no_handler_and_no_thread(logs: SessionLogs, shelf: Shelf) -> None:
    before, threads = handlers(), threading.active_count()
    logs.begin(owner(), replace(SETTINGS, is_enabled=False))
    assert (handlers(), threading.active_count()) == (before, threads)
    logs.begin(owner(), SETTINGS)
    assert handlers() == before + 1
    logs.end("r", is_terminal=True)
    logs.begin(owner(), replace(SETTINGS, is_enabled=False))
    assert handlers() == before


def test_an_end_without_a_beginning_is_harmless(logs: SessionLogs, shelf: Shelf) -> None:
    logs.end("r", is_terminal=True)
    logs.close()
    assert shelf.segments == []


def test_segments_have_names_that_sort_by_time(shelf: Shelf) -> None:
    clock = ManualClock()
    logs = SessionLogs(shelf, clock, SeededEntropy(1))
    for number in range(5):
        logs.begin(owner(request_id=str(number)), SETTINGS)
        logs.end(str(number), is_terminal=True)
        logs.close()
        clock.advance(0.001)
    ids = [each.id for each in shelf.segments]
    assert ids == sorted(ids)
    assert {len(each) for each in ids} == {20}
    assert len(set(ids)) == 5


def test_the_servers_log_shows_its_own_level_while_session_logs_take_all(
    logs: SessionLogs, shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    writer = LogWriter()
    writer.attach()
    try:
        obey_level(logging.WARNING, is_collecting=True)
        logs.begin(owner(), SETTINGS)
        announce(LogIds(request_id="r"))
        logging.getLogger(NAME).info("plain")
        announce(LogIds())
        log_of(level="WARNING").info("of the request")
        log_of(level="WARNING").warning("for both")
        logs.end("r", is_terminal=True)
    finally:
        writer.close()
    logs.close()
    assert shelf.messages == ["plain", "of the request", "for both"]
    shown = [record.getMessage() for record in caplog.records if record.name == NAME]
    assert shown == ["for both"]


def test_without_session_logs_nothing_below_the_level_is_made(
    caplog: pytest.LogCaptureFixture,
) -> None:
    obey_level(logging.WARNING, is_collecting=False)
    assert not logging.getLogger(NAME).isEnabledFor(logging.INFO)
    assert not RequestLog(NAME, LogIds(), "WARNING").isEnabledFor(logging.INFO)
