"""What the store asks of whoever seals its rows.

The store knows no cipher: it hands over the bytes of a payload and the identity of its row, and
gets a wrapper back that JSON can express. A `KeyRing` is such a sealer as it stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final, Protocol

from bridge.crypto.seal_broken import SealBroken, WhyBroken
from bridge.crypto.sealing import RowIdentity

REASONING: Final = "reasoning"


class Sealer(Protocol):
    """Seals payloads and opens what was sealed. Used by several threads at once."""

    def seal(self, payload: bytes, row: RowIdentity) -> Mapping[str, object]:
        """Return what is stored instead of the payload.

        Raises:
            SealBroken: `TOO_LARGE`, and no other reason.
        """

    def open(self, wrapper: Mapping[str, object], row: RowIdentity) -> bytes:
        """Return the payload as it was.

        Raises:
            SealBroken: for whatever reason; the text of it names no content.
        """


class SealPolicy(Enum):
    """Which rows are sealed when they are written. Reading opens whatever is marked as sealed.

    `EVERYTHING` is ENCRYPT_ALL; without it only thinking is sealed (SPEC 153); without a key
    nothing is.
    """

    NOTHING = "nothing"
    REASONING = "reasoning"
    EVERYTHING = "everything"

    def seals(self, item_type: str) -> bool:
        """Say whether a row of this type is to be sealed."""
        if self is SealPolicy.REASONING:
            return item_type == REASONING
        return self is SealPolicy.EVERYTHING


class NoSealer:
    """Stands where no key is set: rows are stored as they are, and sealed ones do not open.

    It goes with `SealPolicy.NOTHING` and with no other.
    """

    def seal(self, payload: bytes, row: RowIdentity) -> Mapping[str, object]:
        """See `Sealer`; nothing may be sealed without a key, so this is a bug of the caller."""
        raise AssertionError("rows are to be sealed, and there is no key")

    def open(self, wrapper: Mapping[str, object], row: RowIdentity) -> bytes:
        """See `Sealer`; a sealed row was written when there was a key."""
        raise SealBroken(WhyBroken.FOREIGN_KEY)
