"""Records that say whose request they are about, written from a thread (SPEC 188)."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator

import pytest

from bridge.owui.log_records import LogIds, LogWriter, RequestLog, announce

IDS = LogIds(session_id="s", user_id="u", request_id="r")
NAME = "greenroom.test"
NAMES = (NAME, "greenroom")


class Ear(logging.Handler):
    """What a server's handler hears, and on which thread.

    The thread of a door that another test has left may still have something to hand on.
    """

    def __init__(self) -> None:
        super().__init__()
        self.addFilter(lambda record: record.name in NAMES)
        self.heard: list[logging.LogRecord] = []
        self.threads: set[str] = set()
        self.began = threading.Event()
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def emit(self, record: logging.LogRecord) -> None:
        self.began.set()
        self.may_go_on.wait(30)
        self.heard.append(record)
        self.threads.add(threading.current_thread().name)

    @property
    def messages(self) -> list[str]:
        return [record.getMessage() for record in self.heard]

    def ids(self) -> list[tuple[object, ...]]:
        names = ("session_id", "user_id", "request_id")
        return [tuple(vars(record)[name] for name in names) for record in self.heard]


@pytest.fixture
def ear() -> Iterator[Ear]:
    """A handler of the server's, above ours."""
    ear, logger = Ear(), logging.getLogger("greenroom")
    logging.getLogger().addHandler(ear)
    logger.setLevel(logging.INFO)
    yield ear
    logging.getLogger().removeHandler(ear)


@pytest.fixture
def writer(ear: Ear) -> Iterator[LogWriter]:
    writer = LogWriter()
    writer.attach()
    yield writer
    ear.may_go_on.set()
    writer.close()


def test_a_record_is_handed_on_once_and_from_the_writers_thread(
    ear: Ear, writer: LogWriter
) -> None:
    logging.getLogger(NAME).warning("so %s", "much")
    writer.close()
    assert ear.messages == ["so much"]
    assert ear.threads == {"greenroom-writer"}


def test_a_handler_that_stands_still_holds_nobody_up_and_what_is_lost_is_told(ear: Ear) -> None:
    writer = LogWriter(records_max=2)
    writer.attach()
    ear.may_go_on.clear()
    log = logging.getLogger(NAME)
    log.warning("0")
    assert ear.began.wait(30)
    for number in range(1, 6):
        log.warning("%d", number)
    assert (ear.heard, writer.dropped) == ([], 3)
    ear.may_go_on.set()
    writer.close()
    told = "3 log records were left out: too many at once"
    assert sorted(ear.messages) == ["0", "1", "2", told]


def test_a_request_log_stamps_its_records(ear: Ear, writer: LogWriter) -> None:
    RequestLog(NAME, IDS, "INFO").info("one")
    logging.getLogger(NAME).info("two")
    writer.close()
    assert ear.ids() == [("s", "u", "r"), ("", "", "")]


def test_what_is_announced_stamps_the_records_of_its_context_alone(
    ear: Ear, writer: LogWriter
) -> None:
    async def request(name: str) -> None:
        announce(LogIds(request_id=name))
        await asyncio.sleep(0)
        logging.getLogger(NAME).info(name)

    async def both() -> None:
        await asyncio.gather(request("a"), request("b"))

    asyncio.run(both())
    writer.close()
    assert sorted(ear.ids()) == [("", "", "a"), ("", "", "b")]


@pytest.mark.parametrize(
    ("level", "heard"),
    [("DEBUG", ["debug", "info", "warning"]), ("INFO", ["info", "warning"]), ("ERROR", [])],
)
def test_each_request_logs_by_its_own_level(
    ear: Ear, writer: LogWriter, level: str, heard: list[str]
) -> None:
    log = RequestLog(NAME, IDS, level)
    for name in ("debug", "info", "warning"):
        getattr(log, name)(name)
    writer.close()
    assert ear.messages == heard


def test_nothing_is_formatted_that_nobody_reads(ear: Ear, writer: LogWriter) -> None:
    class Touchy:
        def __str__(self) -> str:
            raise AssertionError("nobody asked")

    log = RequestLog(NAME, IDS, "WARNING")
    assert not log.isEnabledFor(logging.INFO)
    log.info("%s", Touchy())
    log.warning("heard")
    writer.close()
    assert ear.messages == ["heard"]


def test_a_record_that_cannot_be_formatted_ends_nothing(ear: Ear, writer: LogWriter) -> None:
    class Touchy:
        def __str__(self) -> str:
            # Only there: the test runner may listen on the way and would fail for its own part.
            if threading.current_thread().name == "greenroom-writer":
                raise TypeError("my prompt")
            return "fine"

    log = logging.getLogger(NAME)
    log.warning("%s", Touchy())
    log.warning("next")
    writer.close()
    assert ear.messages == ["a log record could not be formatted: TypeError", "next"]


def test_a_request_log_names_the_place_of_its_call(ear: Ear, writer: LogWriter) -> None:
    RequestLog(NAME, IDS, "INFO").error("here")
    writer.close()
    (record,) = ear.heard
    assert (record.filename, record.funcName, record.name) == (
        "test_log_records.py",
        "test_a_request_log_names_the_place_of_its_call",
        NAME,
    )


def test_a_failure_is_told_with_its_place_and_without_keys(ear: Ear, writer: LogWriter) -> None:
    log = RequestLog(NAME, IDS, "INFO")
    try:
        raise ValueError("sk-or-v1-0123456789")
    except ValueError as error:
        log.exception("one")
        log.error("two", exc_info=error)
        log.error("three", exc_info=(ValueError, error, None))
    writer.close()
    assert all(record.exc_info is None for record in ear.heard)
    texts = [logging.Formatter().format(record) for record in ear.heard]
    assert all("ValueError: sk-…" in text for text in texts)
    assert all("0123456789" not in text for text in texts)
    assert all("test_a_failure_is_told" in text for text in texts[:2])


def test_there_is_one_writer_at_a_time(ear: Ear, writer: LogWriter) -> None:
    newer = LogWriter()
    newer.attach()
    newer.attach()
    logging.getLogger(NAME).warning("once")
    newer.close()
    assert ear.messages == ["once"]


def test_without_a_writer_records_go_their_usual_way(ear: Ear, writer: LogWriter) -> None:
    writer.detach()
    logging.getLogger(NAME).warning("now")
    assert ear.messages == ["now"]
    assert "greenroom-writer" not in ear.threads
