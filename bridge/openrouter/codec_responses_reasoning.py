"""Thinking that chat completions gave us, as the items of /responses. Pure.

Chat tells a message's thinking as a flat list of details; here it is items, each with its
words, its seal (a signature or encrypted data) and the format of whoever made it. A seal closes
its item: what comes after it was sealed apart (FACTS, Reasoning and its round trip).
"""

from __future__ import annotations

from typing import Final

from msgspec import UNSET, Struct, UnsetType

from bridge.openrouter.codec_responses_blocks import value_of
from bridge.openrouter.loose_json import member, text

_SUMMARY: Final = "reasoning.summary"
_TEXT: Final = "reasoning.text"
_ENCRYPTED: Final = "reasoning.encrypted"


class SummaryText(Struct, tag_field="type", tag="summary_text"):
    """One part of a summary."""

    text: str


class ReasoningText(Struct, tag_field="type", tag="reasoning_text"):
    """One part of the thinking itself."""

    text: str


class ReasoningItem(Struct, tag_field="type", tag="reasoning"):
    """A `reasoning` item of the input; what was not told is left out."""

    id: str
    summary: list[SummaryText]
    content: list[ReasoningText] | UnsetType = UNSET
    encrypted_content: str | UnsetType = UNSET
    signature: str | UnsetType = UNSET
    format: str | UnsetType = UNSET


def items_from_details(json: str, *, id_prefix: str = "rs") -> list[ReasoningItem]:
    """Turn the `reasoning_details` of one message into items, in their order.

    Args:
        json: the list as JSON text.
        id_prefix: begins the ids of items whose details have none; the endpoint wants one.

    Returns:
        One item for each run of details that belong together. Details of kinds that have no
        counterpart here, and those without content, are left out.
    """
    details = value_of(json)
    drafts: list[_Draft] = []
    for detail in details if isinstance(details, list) else ():
        if not _is_telling(detail):
            continue
        if not (drafts and drafts[-1].takes(detail)):
            drafts.append(_Draft())
        drafts[-1].take(detail)
    return [draft.item(f"{id_prefix}_{number}") for number, draft in enumerate(drafts)]


def _is_telling(detail: object) -> bool:
    match member(detail, "type"):
        case "reasoning.summary":
            return bool(text(member(detail, "summary")))
        case "reasoning.text":
            return bool(text(member(detail, "text")) or text(member(detail, "signature")))
        case "reasoning.encrypted":
            return bool(text(member(detail, "data")))
        case _:
            return False


class _Draft:
    """An item while its details are gathered."""

    def __init__(self) -> None:
        self._id = ""
        self._format = ""
        self._signature = ""
        self._encrypted = ""
        self._summaries: list[str] = []
        self._texts: list[str] = []
        self._last: tuple[str, object] = ("", None)

    def takes(self, detail: object) -> bool:
        """Say whether a detail goes on with this item: not once it is sealed."""
        return not (self._signature or self._encrypted) and all(
            _agree(known, text(member(detail, name)))
            for name, known in (("id", self._id), ("format", self._format))
        )

    def take(self, detail: object) -> None:
        """Add a detail. Pieces of one text, told by its index, are joined."""
        self._id = self._id or text(member(detail, "id"))
        self._format = self._format or text(member(detail, "format"))
        kind = text(member(detail, "type"))
        place = (kind, member(detail, "index"))
        is_same = place == self._last and place[1] is not None
        if kind == _SUMMARY:
            _add(self._summaries, text(member(detail, "summary")), is_same=is_same)
        elif kind == _TEXT:
            _add(self._texts, text(member(detail, "text")), is_same=is_same)
            self._signature = text(member(detail, "signature"))
        elif kind == _ENCRYPTED:
            self._encrypted = text(member(detail, "data"))
        self._last = place

    def item(self, made_up_id: str) -> ReasoningItem:
        """Write the item down."""
        return ReasoningItem(
            id=self._id or made_up_id,
            summary=[SummaryText(text=words) for words in self._summaries],
            content=[ReasoningText(text=words) for words in self._texts] or UNSET,
            encrypted_content=self._encrypted or UNSET,
            signature=self._signature or UNSET,
            format=self._format or UNSET,
        )


def _agree(known: str, told: str) -> bool:
    """Say whether two tellings can be of one item; what is missing fits everything."""
    return not (known and told) or known == told


def _add(texts: list[str], words: str, *, is_same: bool) -> None:
    if is_same and texts:
        texts[-1] += words
    elif words:
        texts.append(words)
