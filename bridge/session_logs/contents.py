"""What stands in an archive: three members by fixed names, and what they say (SPEC 173). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from actors.log_values import LogFormat, LogOwner
from actors.ports import Secret
from bridge.session_logs.aes_zip import (
    UNPACKED_BYTES_MAX,
    WhyUnreadable,
    ZipUnreadable,
    read_members,
)
from bridge.session_logs.lines import (
    Pages,
    merged,
    merged_texts,
    parse_jsonl,
    parse_text,
    text_of,
    write_jsonl,
    write_text,
)

META: Final = "meta.json"
JSONL: Final = "logs.jsonl"
TEXT: Final = "logs.txt"
MEMBERS: Final = (META, JSONL, TEXT)


class Meta(msgspec.Struct, frozen=True, kw_only=True):
    """What `meta.json` says. An archive that something else wrote may leave out any of it."""

    created_at: str = ""
    updated_at: str = ""
    user_id: str = ""
    session_id: str = ""
    chat_id: str = ""
    message_id: str = ""
    request_ids: tuple[str, ...] = ()
    request_id: str | None = None
    format: str = ""
    is_complete: bool = True

    @property
    def requests(self) -> tuple[str, ...]:
        """Every request that is in the archive, in whichever of two ways that is written."""
        alone = (self.request_id,) if self.request_id else ()
        return tuple(dict.fromkeys((*alone, *self.request_ids)))


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """An archive that was read. Both kinds of lines may be there, or one."""

    meta: Meta
    members: Mapping[str, bytes]
    pages: Pages

    def as_jsonl(self) -> bytes | None:
        """Return the log as JSON lines; None where the archive has none."""
        return self.members.get(JSONL)

    def as_text(self) -> bytes:
        """Return the log as text for people."""
        return write_text(self.pages.texts or [text_of(line) for line in self.pages.json_lines])


def read_contents(
    data: bytes, password: Secret, *, bytes_max: int = UNPACKED_BYTES_MAX
) -> Contents:
    """Read an archive of at most `bytes_max` bytes, unpacked.

    Raises:
        ZipUnreadable: it is none of ours, or the password does not fit, or it is damaged.
    """
    members = read_members(data, MEMBERS, password, bytes_max=bytes_max)
    if META not in members or len(members) == 1:
        raise ZipUnreadable(WhyUnreadable.NO_ARCHIVE)
    try:
        meta = msgspec.json.decode(members[META], type=Meta)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        # The log itself may still be of use.
        meta = Meta()
    pages = Pages(
        json_lines=parse_jsonl(members.get(JSONL, b"")), texts=parse_text(members.get(TEXT, b""))
    )
    return Contents(meta=meta, members=members, pages=pages)


def members_with(
    lines: Iterable[bytes],
    *,
    owner: LogOwner,
    request_ids: Iterable[str],
    log_format: LogFormat,
    is_complete: bool,
    now: str,
    before: Contents | None,
) -> dict[str, bytes]:
    """Put lines together with those that an archive holds already.

    What it holds stays, in its format; so after a change of the format it holds both.

    Args:
        lines: JSON lines, in any order.
        owner: whose they are.
        request_ids: of the requests that they come from.
        log_format: what is wanted.
        is_complete: whether the end of the answer is among the lines.
        now: the time that `meta.json` gets.
        before: the archive as it was.
    """
    pages = Pages() if before is None else before.pages
    known = Meta(created_at=now) if before is None else before.meta
    is_complete = is_complete or (before is not None and known.is_complete)
    all_lines = merged((*pages.json_lines, *lines), is_complete=is_complete)
    has_json = bool(pages.json_lines) or log_format is not LogFormat.TEXT
    has_text = bool(pages.texts) or log_format is not LogFormat.JSONL
    found: dict[str, bytes] = {}
    if has_json:
        found[JSONL] = write_jsonl(all_lines)
    if has_text:
        texts = (*pages.texts, *map(text_of, all_lines))
        found[TEXT] = write_text(merged_texts(texts, is_complete=is_complete))
    meta = {
        "created_at": known.created_at or now,
        "updated_at": now,
        "user_id": owner.user_id,
        "session_id": owner.session_id,
        "chat_id": owner.chat_id,
        "message_id": owner.message_id,
        "request_ids": list(dict.fromkeys((*known.requests, *request_ids))),
        "format": _format_name(has_json=has_json, has_text=has_text),
        "is_complete": is_complete,
    }
    # Written first: it tells what the rest is.
    return {META: msgspec.json.format(msgspec.json.encode(meta), indent=2) + b"\n", **found}


def _format_name(*, has_json: bool, has_text: bool) -> str:
    if has_json:
        return "both" if has_text else "jsonl"
    return "text"
