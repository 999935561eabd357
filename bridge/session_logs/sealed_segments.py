"""Staged segments, sealed as artifacts are: what an archive hides must not lie open before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import msgspec

from actors.ports import ErrorFacts, StoreMisfit
from bridge.crypto.key_ring import KeyRing
from bridge.crypto.seal_broken import SealBroken
from bridge.crypto.sealing import RowIdentity
from bridge.session_logs.segment_rows import PackingBroken, SegmentRow

_TOO_LARGE: Final = "A session log is too large to be sealed."


class SealedSegments:
    """See `Packing`.

    Args:
        ring: gives the keys there are now. Without a current one rows are stored as they are.
    """

    def __init__(self, ring: Callable[[], KeyRing]) -> None:
        self._ring = ring

    def pack(self, row: SegmentRow) -> SegmentRow:
        """See `Packing`.

        Raises:
            StoreMisfit: it is too large.
        """
        ring = self._ring()
        if not ring.is_sealing:
            return row
        try:
            wrapper = ring.seal(row.payload.encode(), _identity(row))
        except SealBroken:
            raise StoreMisfit(ErrorFacts(detail=_TOO_LARGE)) from None
        return replace(row, payload=msgspec.json.encode(wrapper).decode(), is_encrypted=True)

    def unpack(self, row: SegmentRow) -> SegmentRow:
        """See `Packing`."""
        if not row.is_encrypted:
            return row
        try:
            wrapper = msgspec.json.decode(row.payload)
            plain = self._ring().open(wrapper, _identity(row)).decode()
        except (SealBroken, msgspec.MsgspecError, UnicodeError, RecursionError):
            raise PackingBroken from None
        return replace(row, payload=plain, is_encrypted=False)


def _identity(row: SegmentRow) -> RowIdentity:
    return RowIdentity(
        id=row.id,
        chat_id=row.chat_id,
        message_id=row.message_id,
        model_id=row.model_id,
        item_type=row.item_type,
    )
