"""A row of the table as it stands in Redis, in the form of the earlier pipe (SPEC 163). Pure.

`{"id":...,"chat_id":...,"message_id":...,"model_id":...,"item_type":...,"payload":{...},
"is_encrypted":...}`; `saved_s`, the wall clock at the acknowledgement, is ours. The payload is
what stands in the table, sealed where it is sealed there, and stays byte for byte.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Raw, Struct

from bridge.storage.rows import Row

# What a cached row that came from the database has in the place of its entry.
NO_ENTRY: Final = b"-"


class EntryBroken(Exception):
    """What stands in Redis is no row."""


class _Entry(Struct, kw_only=True, omit_defaults=True):
    id: str
    chat_id: str
    message_id: str
    item_type: str
    payload: Raw
    is_encrypted: bool = False
    model_id: str | None = ""
    saved_s: float | None = None


def written(row: Row, saved_s: float | None = None) -> bytes:
    """Write a row."""
    entry = _Entry(
        id=row.id,
        chat_id=row.chat_id,
        message_id=row.message_id,
        model_id=row.model_id,
        item_type=row.item_type,
        payload=Raw(row.payload.encode()),
        is_encrypted=row.is_encrypted,
        saved_s=saved_s,
    )
    return msgspec.json.encode(entry)


def read(text: bytes) -> tuple[Row, float | None]:
    """Read a row, and when it was acknowledged (None: nobody noted it).

    Raises:
        EntryBroken: it is none.
    """
    try:
        entry = msgspec.json.decode(text, type=_Entry)
        payload = bytes(entry.payload).decode()
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise EntryBroken from None
    if not (entry.id and entry.chat_id and entry.message_id):
        raise EntryBroken
    row = Row(
        id=entry.id,
        chat_id=entry.chat_id,
        message_id=entry.message_id,
        model_id=entry.model_id or "",
        item_type=entry.item_type,
        payload=payload,
        is_encrypted=entry.is_encrypted,
    )
    return row, entry.saved_s
