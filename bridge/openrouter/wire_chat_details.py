"""The `reasoning_details` of a chat answer: put together from a stream, and sent back. Pure.

A provider signs or encrypts its thinking, so what goes back must be what came, whole and in
order (FACTS, Reasoning). A stream cuts the text of a detail into many; the pieces of one detail
share a type and an index, and its signature may come last, in a piece without text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Raw

from actors.values import Reasoning, WireFormat
from bridge.openrouter.loose_json import member, text
from bridge.openrouter.wire_chat import UNDECODABLE, written
from bridge.openrouter.wire_chat_json import read_json
from bridge.openrouter.wire_chat_thinking import SNAPSHOT_CHARS_MIN, news

TEXT: Final = "reasoning.text"
SUMMARY: Final = "reasoning.summary"
ENCRYPTED: Final = "reasoning.encrypted"

_TEXT_FIELDS: Final = {TEXT: "text", SUMMARY: "summary"}

_read_details = msgspec.json.Decoder(list[Raw]).decode


class _Detail:
    """One detail under way: its fields, and the pieces of its text."""

    __slots__ = ("_chars", "_common", "_fields", "_pieces", "_text_field")

    def __init__(self, first: dict[str, object], text_field: str | None) -> None:
        # The order of the fields is that of the first piece, its text included.
        self._fields = dict(first)
        self._text_field = text_field
        self._common = {name: first[name] for name in first if name != text_field}
        self._pieces: list[str] = []
        self._chars = 0

    def add(self, said: str, others: Mapping[str, object]) -> None:
        """Merge a piece: its text, and its other fields, which fill or replace."""
        if others != self._common:
            told = {name: value for name, value in others.items() if value is not None}
            self._common |= told
            self._fields |= told
        if said:
            if len(said) >= SNAPSHOT_CHARS_MIN:
                # One that says everything again, from its beginning, adds only the rest.
                said = news(said, self._pieces, self._chars)
            self._pieces.append(said)
            self._chars += len(said)

    def is_one_with(self, others: Mapping[str, object]) -> bool:
        """Whether nothing speaks against a piece with these fields being of this detail."""
        known, named = self._common.get("id"), others.get("id")
        return known is None or named is None or known == named

    def whole(self) -> dict[str, object]:
        """Return the detail with its text in one piece."""
        if self._text_field is None or not self._pieces:
            return self._fields
        return {**self._fields, self._text_field: "".join(self._pieces)}


class DetailsJoiner:
    """Collects the details of one answer in the order in which they began.

    What has no text (encrypted data, a tool call of the provider's own) is never merged; the
    same one twice is kept once.
    """

    __slots__ = ("_details", "_open", "is_summary")

    def __init__(self) -> None:
        self._details: list[_Detail] = []
        self._open: dict[tuple[str, object], _Detail] = {}
        self.is_summary = False

    def take(self, pieces: Iterable[dict[str, object]]) -> str:
        """Take the details of one chunk in, and apart; return the text that they say.

        `is_summary` tells afterwards how the last text is worded.
        """
        told = ""
        for piece in pieces:
            kind = piece.get("type")
            text_field = _TEXT_FIELDS.get(kind) if isinstance(kind, str) else None
            if not isinstance(kind, str) or text_field is None:
                if all(piece != detail.whole() for detail in self._details):
                    self._details.append(_Detail(piece, None))
                continue
            detail = self._detail_of(kind, piece, text_field)
            said = piece.pop(text_field, None)
            if not isinstance(said, str):
                said = ""
            detail.add(said, piece)
            if said:
                told = told + said if told else said
                self.is_summary = kind == SUMMARY
        return told

    def json(self) -> str:
        """Write the list, or "" when there is none."""
        whole = [detail.whole() for detail in self._details]
        return written(whole) if whole else ""

    def _detail_of(self, kind: str, piece: dict[str, object], text_field: str) -> _Detail:
        index = piece.get("index")
        key = (kind, index if isinstance(index, int) else None)
        found = self._open.get(key)
        # Without an index only neighbours belong together.
        if (
            found is None
            or (key[1] is None and found is not self._details[-1])
            or not found.is_one_with(piece)
        ):
            found = self._open[key] = _Detail(piece, text_field)
            self._details.append(found)
        return found


def details_of(thoughts: Sequence[Reasoning]) -> Raw | None:
    """Write the details of one message.

    Args:
        thoughts: what was thought on the way to it, in order. A list goes out byte for byte;
            of several lists the later ones add only what was not in the earlier.

    Returns:
        The JSON list. None: there is none, or none that can be read.
    """
    lists = [found for thought in thoughts if (found := _list_of(thought)) is not None]
    if len(lists) == 1:
        return lists[0]
    told: list[bytes] = []
    for each in lists:
        earlier = frozenset(told)
        told += [detail for raw in _read_details(each) if (detail := bytes(raw)) not in earlier]
    return Raw(b"[" + b",".join(told) + b"]") if told else None


def details_from_item(item_json: str) -> list[dict[str, object]]:
    """Turn a `reasoning` item of /responses into the details of a chat message.

    Summary, text and encrypted data become a detail each, in this order, with the item's
    format. The signature seals the text, so it goes with the last piece of it; the id names
    the encrypted data.
    """
    item = read_json(item_json)
    told: list[dict[str, object]] = [
        {"type": SUMMARY, "summary": said} for said in _texts(member(item, "summary"))
    ]
    texts: list[dict[str, object]] = [
        {"type": TEXT, "text": said} for said in _texts(member(item, "content"))
    ]
    signature = text(member(item, "signature"))
    if signature:
        sealed = texts.pop() if texts else {"type": TEXT}
        texts.append({**sealed, "signature": signature})
    told += texts
    data = text(member(item, "encrypted_content"))
    if data:
        name = text(member(item, "id"))
        told.append({"type": ENCRYPTED, "data": data, **({"id": name} if name else {})})
    wire_format = text(member(item, "format"))
    common = {"format": wire_format} if wire_format else {}
    return [{**detail, **common, "index": index} for index, detail in enumerate(told)]


def _list_of(thought: Reasoning) -> Raw | None:
    """Return the thought as a JSON list with something in it."""
    if thought.wire is WireFormat.RESPONSES:
        details = details_from_item(thought.json)
        return Raw(written(details).encode()) if details else None
    raw = thought.json.encode()
    try:
        is_list = bool(_read_details(raw))
    except UNDECODABLE:
        return None
    return Raw(raw) if is_list else None


def _texts(parts: object) -> list[str]:
    """Return what the parts of a summary or a content say; those that say nothing are left out."""
    entries = parts if isinstance(parts, list) else []
    return [said for part in entries if (said := text(member(part, "text")))]
