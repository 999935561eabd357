"""The lines of an archive: how they are written, told apart, put in order and shown. Pure.

A line of `logs.jsonl` is one JSON object (SPEC 174). In `logs.txt` an entry is one line, and more
that are indented where its message or its traceback has several. Lines that an archive holds are
carried over byte for byte, whoever wrote them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from actors.log_values import LogBundle, LogEntry, LogOwner, LogSegment

INCOMPLETE: Final = "session_log.incomplete"
"""The event type of the line that says that the end is missing (SPEC 170)."""

UNREADABLE: Final = "session_log.unreadable"

_LOGGER: Final = "greenroom.session_log"
_INDENT: Final = "    "

_INCOMPLETE_TEXT: Final = re.compile(rf"\S+ WARNING {re.escape(_LOGGER)} \[.*?\] <{INCOMPLETE}> ")

# What moves a cursor, colours a screen or ends a line for some readers and not for others.
_CONTROLS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class JsonLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One line of `logs.jsonl`, its keys in their order."""

    ts: str
    level: str
    logger: str
    request_id: str
    user_id: str
    session_id: str
    chat_id: str
    message_id: str
    event_type: str
    module: str
    func: str
    lineno: int
    exception: str | msgspec.UnsetType = msgspec.UNSET
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """What an archive holds, as it is written: JSON lines, and entries of text.

    Where an archive holds both, each is a whole log.
    """

    json_lines: tuple[bytes, ...] = ()
    texts: tuple[str, ...] = ()


def stamp(ts_s: float) -> str:
    """Write a time so that later ones sort behind: UTC, to the microsecond."""
    return f"{datetime.fromtimestamp(ts_s, UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def lines_of(bundle: LogBundle) -> list[bytes]:
    """Write a bundle as JSON lines, with a word about what is missing.

    The same bundle gives the same lines, so that putting it into an archive twice adds nothing.
    """
    lines = [
        _line(segment.owner, entry) for segment in bundle.segments for entry in segment.entries
    ]
    last = bundle.segments[-1]
    if bundle.unreadable:
        text = f"{bundle.unreadable} segments of this log could not be read"
        lines.append(_line(last.owner, _note(last, UNREADABLE, text)))
    if not bundle.is_complete:
        text = "this log is incomplete: the end of the answer was never recorded"
        lines.append(_line(last.owner, _note(last, INCOMPLETE, text)))
    return lines


def merged(lines: Iterable[bytes], *, is_complete: bool) -> tuple[bytes, ...]:
    """Put lines in the order of their times, each once.

    Where the log has come to be complete, nothing says any more that it is not.
    """
    known = [(_read(line), line) for line in dict.fromkeys(lines)]
    if is_complete:
        known = [(said, line) for said, line in known if said.get("event_type") != INCOMPLETE]
    known.sort(key=lambda pair: _text(pair[0], "ts"))
    return tuple(line for _, line in known)


def merged_texts(texts: Iterable[str], *, is_complete: bool) -> tuple[str, ...]:
    """Do the same with entries of text."""
    known = dict.fromkeys(texts)
    kept = [text for text in known if not (is_complete and _INCOMPLETE_TEXT.match(text))]
    return tuple(sorted(kept, key=lambda text: text.partition(" ")[0]))


def text_of(line: bytes) -> str:
    """Write a JSON line as an entry of text. One that is no JSON stays what it is."""
    said = _read(line)
    if not said:
        return _plain(line.decode("utf-8", "replace"))
    event = _text(said, "event_type")
    words = [
        _text(said, "ts"),
        _text(said, "level"),
        _text(said, "logger"),
        f"[{_text(said, 'request_id')}]",
        *([] if event in ("", "log") else [f"<{event}>"]),
        _text(said, "message"),
    ]
    exception = _text(said, "exception")
    return _plain("\n".join([" ".join(words), *([exception] if exception else [])]))


def shown(text: str) -> str:
    """Make text fit for a terminal, line by line: it can neither move a cursor nor hide a thing."""
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def parse_jsonl(data: bytes) -> tuple[bytes, ...]:
    """Take `logs.jsonl` apart."""
    return tuple(line for line in data.split(b"\n") if line.strip())


def parse_text(data: bytes) -> tuple[str, ...]:
    """Take `logs.txt` apart, entry by entry."""
    texts: list[list[str]] = []
    for line in data.decode("utf-8", "replace").split("\n"):
        if texts and line.startswith(_INDENT):
            texts[-1].append(line)
        elif line.strip():
            texts.append([line])
    return tuple("\n".join(lines) for lines in texts)


def write_jsonl(lines: Sequence[bytes]) -> bytes:
    """Put `logs.jsonl` together."""
    return b"".join(line + b"\n" for line in lines)


def write_text(texts: Sequence[str]) -> bytes:
    """Put `logs.txt` together."""
    return "".join(f"{text}\n" for text in texts).encode()


def _line(owner: LogOwner, entry: LogEntry) -> bytes:
    return msgspec.json.encode(
        JsonLine(
            ts=stamp(entry.ts_s),
            level=entry.level,
            logger=entry.logger,
            request_id=owner.request_id,
            user_id=owner.user_id,
            session_id=owner.session_id,
            chat_id=owner.chat_id,
            message_id=owner.message_id,
            event_type=entry.event_type,
            module=entry.module,
            func=entry.func,
            lineno=entry.lineno,
            exception=entry.exception or msgspec.UNSET,
            message=entry.message,
        )
    )


def _note(segment: LogSegment, event_type: str, text: str) -> LogEntry:
    """Say something about the log itself, at its end."""
    ts_s = max((entry.ts_s for entry in segment.entries), default=segment.created_s)
    return LogEntry(
        ts_s=ts_s,
        level="WARNING",
        logger=_LOGGER,
        module="session_log",
        func="",
        lineno=0,
        message=text,
        event_type=event_type,
    )


def _read(line: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}


def _text(said: dict[str, Any], key: str) -> str:
    value = said.get(key, "")
    return value if isinstance(value, str) else ""


def _plain(text: str) -> str:
    """Indent what continues an entry, so that every entry can be told from the next."""
    return shown(text).replace("\n", f"\n{_INDENT}")
