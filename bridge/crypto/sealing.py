"""Seals bytes for one row: AES-256-GCM, the row's identity as associated data (SPEC 152). Pure.

    {"enc_v": 2, "kid": "9f86d081884c7d65", "ciphertext": "<base64 of nonce, ciphertext and tag>"}

The cipher's key and its public id `kid` are both derived from the passphrase by HKDF-SHA256, under
labels of their own, so that the id tells nothing of the key. HKDF stretches, it does not harden:
a short passphrase can be guessed by whoever has a row.

Everything in a wrapper is authenticated: version and key id stand in the associated data too, and
the ciphertext has one spelling only. Nonces are random; one key is good for 2**32 rows (NIST SP
800-38D, 8.3), which is a hundred rows a second for a year.
"""

from __future__ import annotations

from typing import Final, TypedDict

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec import Struct

from actors.ports import Secret
from bridge.crypto.ciphertext import bytes_of, text_of
from bridge.crypto.fernet_key import utf8
from bridge.crypto.seal_broken import SealBroken, WhyBroken

VERSION: Final = 2
KEY_BYTES: Final = 32
KID_BYTES: Final = 8
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16

# Changing a letter of these makes every stored row unreadable.
_KEY_LABEL: Final = b"greenroom artifact row v2: AES-256-GCM key"
_KID_LABEL: Final = b"greenroom artifact row v2: key id"
_ROW_LABEL: Final = b"greenroom artifact row v2"

_LENGTH_BYTES: Final = 4


class RowIdentity(Struct, frozen=True, kw_only=True, gc=False):
    """Which row something is sealed for, exactly as its columns say. It opens under no other.

    The table is not part of it: a rotation moves rows to another one (SPEC 150).
    """

    id: str
    chat_id: str
    message_id: str
    model_id: str
    item_type: str


class Wrapper(TypedDict):
    """A sealed row as it stands in the database's JSON column."""

    enc_v: int
    kid: str
    ciphertext: str


class SealingKey:
    """One key, ready for use from any thread. `key` has `KEY_BYTES` bytes, `kid` is public."""

    __slots__ = ("_cipher", "kid")

    def __init__(self, key: bytes, kid: str) -> None:
        assert len(key) == KEY_BYTES, "AES-256 takes a key of 32 bytes"
        self.kid: Final = kid
        self._cipher: Final = AESGCM(key)

    def __repr__(self) -> str:
        return f"SealingKey({self.kid})"

    def encrypt(self, plain: bytes, associated: bytes, nonce: bytes) -> bytes:
        """Return nonce, ciphertext and tag. A nonce is never used twice with one key."""
        assert len(nonce) == NONCE_BYTES, "a nonce has 96 bits"
        return nonce + self._cipher.encrypt(nonce, plain, associated)

    def decrypt(self, sealed: bytes, associated: bytes) -> bytes | None:
        """Return what `encrypt` was given; None unless key, bytes and associated data all fit."""
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], associated)
        except InvalidTag:
            return None


def derived_key(secret: Secret) -> SealingKey:
    """Derive the key of a passphrase. It costs more than a seal, so it is done once for each."""
    passphrase = utf8(secret.reveal())
    kid = hkdf_sha256(passphrase, salt=b"", info=_KID_LABEL, size_bytes=KID_BYTES)
    key = hkdf_sha256(passphrase, salt=b"", info=_KEY_LABEL, size_bytes=KEY_BYTES)
    return SealingKey(key, kid.hex())


def hkdf_sha256(secret: bytes, *, salt: bytes, info: bytes, size_bytes: int) -> bytes:
    """Derive `size_bytes` bytes (RFC 5869); different `info` gives unrelated bytes."""
    return HKDF(algorithm=SHA256(), length=size_bytes, salt=salt, info=info).derive(secret)


def associated_data(row: RowIdentity, kid: str) -> bytes:
    """Spell the identity so that no two are spelled alike: each part after its length in bytes."""
    spelled = _ROW_LABEL
    for part in (kid, row.id, row.chat_id, row.message_id, row.model_id, row.item_type):
        encoded = utf8(part)
        spelled += len(encoded).to_bytes(_LENGTH_BYTES, "big") + encoded
    return spelled


def seal(packed: bytes, row: RowIdentity, key: SealingKey, nonce: bytes) -> Wrapper:
    """Seal bytes for a row. `nonce` is `NONCE_BYTES` random bytes, new for every call."""
    sealed = key.encrypt(packed, associated_data(row, key.kid), nonce)
    return {"enc_v": VERSION, "kid": key.kid, "ciphertext": text_of(sealed)}


def unseal(ciphertext: str, row: RowIdentity, key: SealingKey) -> bytes:
    """Open the ciphertext of a wrapper that names this key.

    Raises:
        SealBroken: it was cut, edited, or sealed for another row.
    """
    sealed = bytes_of(ciphertext)
    if len(sealed) < NONCE_BYTES + TAG_BYTES:
        raise SealBroken(WhyBroken.TRUNCATED)
    packed = key.decrypt(sealed, associated_data(row, key.kid))
    if packed is None:
        raise SealBroken(WhyBroken.TAMPERED)
    return packed
