"""An artifact as a row of the table, and back. Pure.

Nothing is refused for how it is spelt: one id that no column takes must not hold up the rows of
other chats, which are saved in the same transaction. What is longer than its column, or holds
what a database takes from nobody (NUL, lone surrogates), is stored under its digest; whoever asks
for it by its name gets it.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec

from actors.artifacts import Artifact
from bridge.crypto.seal_broken import SealBroken, WhyBroken
from bridge.crypto.sealing import RowIdentity
from bridge.storage.payloads import PayloadBroken, item_of, payload_text, type_of
from bridge.storage.sealing import Sealer, SealPolicy
from bridge.transforms.json_text import json_text

ID_CHARS_MAX: Final = 20
CHAT_ID_CHARS_MAX: Final = 64
MESSAGE_ID_CHARS_MAX: Final = 64
MODEL_ID_CHARS_MAX: Final = 128
ITEM_TYPE_CHARS_MAX: Final = 64

# Rows of session logs share the table; they are nobody's artifacts.
STAGED_LOGS: Final = "session_log"

# What a digest begins with. A name of somebody else's making that begins so is digested too, so
# that nobody can ask for what belongs to another name.
_DIGEST: Final = "~"
_NO_TYPE: Final = "opaque"


class RowUnreadable(Exception):
    """A row is there and gives no artifact; `why` says so without any of its content."""

    def __init__(self, why: str = "damaged") -> None:
        self.why = why
        super().__init__(why)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The columns of one row, without its time. `payload` is JSON text."""

    id: str
    chat_id: str
    message_id: str
    model_id: str
    item_type: str
    payload: str = field(repr=False)
    is_encrypted: bool

    @property
    def identity(self) -> RowIdentity:
        """What the payload is sealed together with."""
        return RowIdentity(
            id=self.id,
            chat_id=self.chat_id,
            message_id=self.message_id,
            model_id=self.model_id,
            item_type=self.item_type,
        )


def fitted(text: str, chars_max: int) -> str:
    """Return what a column of this width holds for the text: itself, or its digest."""
    if len(text) <= chars_max and "\0" not in text and not text.startswith(_DIGEST):
        if text.isascii():
            return text
        try:
            text.encode()
        except UnicodeEncodeError:
            pass
        else:
            return text
    digest = hashlib.sha512(text.encode("utf-8", "surrogatepass")).digest()
    return (_DIGEST + base64.b32encode(digest).decode().lower().rstrip("="))[:chars_max]


def id_column(artifact_id: str) -> str:
    """Return how an id stands in the table."""
    return fitted(artifact_id, ID_CHARS_MAX)


def chat_column(chat_id: str) -> str:
    """Return how a chat's id stands in the table."""
    return fitted(chat_id, CHAT_ID_CHARS_MAX)


def row_of(artifact: Artifact, sealer: Sealer, policy: SealPolicy) -> Row:
    """Write an artifact, sealed where the policy says so."""
    assert artifact.chat_id, "an artifact belongs to a chat (SPEC 154)"
    assert artifact.message_id, "an artifact belongs to an answer (SPEC 154)"
    plain = Row(
        id=id_column(artifact.id),
        chat_id=chat_column(artifact.chat_id),
        message_id=fitted(artifact.message_id, MESSAGE_ID_CHARS_MAX),
        model_id=fitted(artifact.model_id, MODEL_ID_CHARS_MAX),
        item_type=fitted(type_of(artifact.item) or _NO_TYPE, ITEM_TYPE_CHARS_MAX),
        payload=payload_text(artifact.item, artifact.place),
        is_encrypted=False,
    )
    if not policy.seals(plain.item_type):
        return plain
    wrapper = sealer.seal(plain.payload.encode(), plain.identity)
    return replace(plain, payload=json_text(wrapper), is_encrypted=True)


def artifact_of(row: Row, sealer: Sealer, *, artifact_id: str, chat_id: str) -> Artifact:
    """Read a row that was asked for by this id and chat.

    Raises:
        RowUnreadable: it gives no artifact.
    """
    try:
        payload = _opened(row, sealer) if row.is_encrypted else row.payload
        item, place = item_of(payload)
    except SealBroken as broken:
        raise RowUnreadable(broken.why.value) from None
    except (PayloadBroken, UnicodeDecodeError):
        raise RowUnreadable from None
    return Artifact(
        id=artifact_id,
        chat_id=chat_id,
        message_id=row.message_id,
        model_id=row.model_id,
        item=item,
        place=place,
    )


def _opened(row: Row, sealer: Sealer) -> str:
    try:
        wrapper = msgspec.json.decode(row.payload, type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise SealBroken(WhyBroken.NOT_A_WRAPPER) from None
    return sealer.open(wrapper, row.identity).decode()
