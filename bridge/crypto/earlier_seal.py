"""Rows that the earlier pipe sealed: `{"ciphertext": <Fernet token>, "enc_v": 1}` (SPEC 152).

They are only read. Such a row names neither its key nor the row it belongs to, so every key is
tried, and a token that was moved to another row opens there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cryptography.fernet import Fernet, InvalidToken

from actors.ports import Secret
from bridge.crypto.ciphertext import URL_SAFE, bytes_of
from bridge.crypto.fernet_key import fernet_of
from bridge.crypto.seal_broken import SealBroken, WhyBroken

VERSION: Final = 1

# Version, time, initialisation vector, one block, and the tag: no token is shorter.
_TOKEN_BYTES_MIN: Final = 1 + 8 + 16 + 16 + 32


class EarlierKey:
    """Opens what the earlier pipe sealed with one passphrase."""

    __slots__ = ("_fernet",)

    def __init__(self, secret: Secret) -> None:
        self._fernet: Final[Fernet] = fernet_of(secret.reveal())

    def opened(self, token: str) -> bytes | None:
        """Return what is inside a token; None: another key, or it was edited."""
        try:
            return self._fernet.decrypt(token)
        except InvalidToken:
            return None


def opened_by_any(keys: Iterable[EarlierKey], token: str) -> bytes:
    """Open a token with the first key that fits.

    Raises:
        SealBroken: none fits, or it is no token.
    """
    if len(bytes_of(token, alphabet=URL_SAFE)) < _TOKEN_BYTES_MIN:
        raise SealBroken(WhyBroken.TRUNCATED)
    for key in keys:
        if (packed := key.opened(token)) is not None:
            return packed
    raise SealBroken(WhyBroken.FOREIGN_KEY)
