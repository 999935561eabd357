"""Sealed bytes as text: base64 in its one canonical spelling. Pure.

Base64 leaves room: bits after the last byte, signs that a lenient reader skips. Two spellings of
the same bytes would let somebody change a row unseen, so every spelling but one is refused.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final

from bridge.crypto.packing import PAYLOAD_BYTES_MAX
from bridge.crypto.seal_broken import SealBroken, WhyBroken

# What any seal adds to a payload is less than this: flag, nonce, tag, padding of a block.
SEAL_BYTES_MAX: Final = 128
CIPHERTEXT_CHARS_MAX: Final = (PAYLOAD_BYTES_MAX + SEAL_BYTES_MAX) * 4 // 3 + 4

STANDARD: Final = b"+/"
URL_SAFE: Final = b"-_"

_GROUP_CHARS: Final = 4


def text_of(sealed: bytes) -> str:
    """Spell bytes as base64."""
    return binascii.b2a_base64(sealed, newline=False).decode("ascii")


def bytes_of(text: str, *, alphabet: bytes = STANDARD) -> bytes:
    """Read the canonical spelling back.

    Args:
        text: what stands in the row.
        alphabet: the last two signs of the 64, `STANDARD` or `URL_SAFE`.

    Raises:
        SealBroken: it was cut, or is spelled in any other way.
    """
    if len(text) > CIPHERTEXT_CHARS_MAX:
        raise SealBroken(WhyBroken.TOO_LARGE)
    if len(text) % _GROUP_CHARS:
        raise SealBroken(WhyBroken.TRUNCATED)
    sealed = _decoded(text, alphabet)
    if sealed is None:
        raise SealBroken(WhyBroken.TAMPERED)
    return sealed


def _decoded(text: str, alphabet: bytes) -> bytes | None:
    try:
        sealed = base64.b64decode(text, alphabet)
    except ValueError:
        return None
    return sealed if base64.b64encode(sealed, alphabet) == text.encode("ascii") else None
