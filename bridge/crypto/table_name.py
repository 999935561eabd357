"""Which table holds the artifacts of a pipe (SPEC 150). Pure.

    response_items_<id of the pipe, sanitised>_<first 8 hex of sha256(key + id of the pipe)>

Another key is another table. The names are those of the earlier pipe, so that its tables are
found; it let them grow to 86 characters, which PostgreSQL does not take. There the middle is cut
shorter. No table is missed by that: the earlier pipe could not make one of a longer name.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from actors.ports import Secret

PREFIX: Final = "response_items_"

# What PostgreSQL takes as a name. What stands here is ASCII, so characters are bytes.
POSTGRESQL_CHARS_MAX: Final = 63

_ID_CHARS_MAX: Final = 62
_HASH_CHARS: Final = 8
_NAMELESS: Final = "pipe"

# A name needs room for at least this much.
CHARS_MIN: Final = len(PREFIX) + len(_NAMELESS) + 1 + _HASH_CHARS


def table_name(pipe_id: str, key: Secret, *, chars_max: int) -> str:
    """Name the table of one pipe under one key.

    Args:
        pipe_id: the id of the function in Open WebUI, as it is spelled there.
        key: the key whose rows the table holds; empty when rows are stored as they are.
        chars_max: the longest name the database takes, `CHARS_MIN` or more
            (`dialect.max_identifier_length` of its engine).
    """
    assert chars_max >= CHARS_MIN, "a name must have room for its hash"
    tail = _hash_of(key.reveal() + pipe_id)
    room_chars = min(_ID_CHARS_MAX, chars_max - len(PREFIX) - 1 - len(tail))
    return f"{PREFIX}{_sanitised(pipe_id, room_chars)}_{tail}"


def _sanitised(pipe_id: str, chars_max: int) -> str:
    """Keep `a-z`, `0-9` and `_` of the lower-case id; all else becomes `_`, except at the ends."""
    safe = re.sub(r"[^a-z0-9_]", "_", pipe_id.lower()).strip("_")
    return safe[:chars_max].rstrip("_") or _NAMELESS


def _hash_of(text: str) -> str:
    # Lone surrogates are left out, as the earlier pipe did.
    return hashlib.sha256(text.encode("utf-8", "ignore")).hexdigest()[:_HASH_CHARS]
