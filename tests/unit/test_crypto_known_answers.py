"""The ciphers give the published answers, and the stored form never changes by accident (SPEC 152).

Sources: RFC 5869, appendix A (HKDF with SHA-256); McGrew and Viega, "The Galois/Counter Mode of
Operation", appendix B, cases 13 to 16 (AES-256), which NIST took over.
"""

from __future__ import annotations

import pytest

from bridge.crypto.key_ring import KeyRing
from bridge.crypto.sealing import SealingKey, hkdf_sha256
from tests.unit.crypto_stage import KEY, LONG_OUTPUT, ROW, THINKING, CountedNonces, ring

HKDF_CASES = [
    (
        b"\x0b" * 22,
        bytes(range(0x0D)),
        bytes(range(0xF0, 0xFA)),
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    ),
    (
        bytes(range(0x50)),
        bytes(range(0x60, 0xB0)),
        bytes(range(0xB0, 0x100)),
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
        "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
        "cc30c58179ec3e87c14c01d5c1f3434f1d87",
    ),
    (
        b"\x0b" * 22,
        b"",
        b"",
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    ),
]

ZEROS = "00" * 32
LETTERS = "feffe9928665731c6d6a8f9467308308" * 2
SENTENCE = (
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255"
)
HIDDEN = (
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
    "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad"
)
GCM_CASES = [
    (ZEROS, "00" * 12, "", "", "530f8afbc74536b9a963b4f1c4cb738b"),
    (
        ZEROS,
        "00" * 12,
        "00" * 16,
        "",
        "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919",
    ),
    (
        LETTERS,
        "cafebabefacedbaddecaf888",
        SENTENCE,
        "",
        f"{HIDDEN}b094dac5d93471bdec1a502270e3cc6c",
    ),
    (
        LETTERS,
        "cafebabefacedbaddecaf888",
        SENTENCE[:120],
        "feedfacedeadbeeffeedfacedeadbeefabaddad2",
        f"{HIDDEN[:120]}76fc6ece0f4e1768cddf8853bb2d551b",
    ),
]

# Made once by a program of its own out of `hmac`, `hashlib`, AES-GCM and what the docstring of
# `bridge.crypto.sealing` says. If these fail, stored rows have become unreadable.
RAW_WRAPPER = {
    "enc_v": 2,
    "kid": "e97d018c3ea9f3fc",
    "ciphertext": (
        "AAECAwQFBgcICQoLBvl1it1RW1If7TXcApru6HRHgDHnXh87UwpAbIaGy7zYnZar/EL1yf+pKhw/Aw19DvHpuq/g"
        "8hKleFWzoMyLicaDHhAB43ohhzlY5KHnAsTNmFu7y7AKLlHTbn3pLt1npv/brB8pATNB6tPLQg=="
    ),
}
COMPRESSED_WRAPPER = {
    "enc_v": 2,
    "kid": "e97d018c3ea9f3fc",
    "ciphertext": (
        "AAECAwQFBgcICQoLB4Z1s7xJfuYnz0e5Y+mBxVsp5xM6bQ19BUkSe9fj2PiB0Yaq+ED65OXqfCsbTgxwDuG/oqGx"
        "iX+KcEPoxbLusoODHhBpho1vh3APuO+1AvHthSQRuy7sgu2MEyCUD63fR3zL8+1uv4vJ6NqWexg="
    ),
}


@pytest.fixture
def counted() -> KeyRing:
    return ring(KEY, entropy=CountedNonces())


@pytest.mark.parametrize(("secret", "salt", "info", "derived"), HKDF_CASES)
def test_keys_are_derived_as_rfc_5869_has_it(
    secret: bytes, salt: bytes, info: bytes, derived: str
) -> None:
    size_bytes = len(derived) // 2
    assert hkdf_sha256(secret, salt=salt, info=info, size_bytes=size_bytes).hex() == derived


@pytest.mark.parametrize(("key", "nonce", "plain", "associated", "sealed"), GCM_CASES)
def test_bytes_are_encrypted_as_gcm_has_it(
    key: str, nonce: str, plain: str, associated: str, sealed: str
) -> None:
    sealing = SealingKey(bytes.fromhex(key), kid="")
    made = sealing.encrypt(*(bytes.fromhex(text) for text in (plain, associated, nonce)))
    assert made.hex() == nonce + sealed
    assert sealing.decrypt(made, bytes.fromhex(associated)) == bytes.fromhex(plain)


def test_a_row_is_written_in_the_pinned_form(counted: KeyRing) -> None:
    assert counted.seal(THINKING, ROW) == RAW_WRAPPER


def test_rows_in_the_pinned_form_open(counted: KeyRing) -> None:
    assert counted.open(RAW_WRAPPER, ROW) == THINKING
    assert counted.open(COMPRESSED_WRAPPER, ROW) == LONG_OUTPUT


def test_a_key_has_the_same_public_id_everywhere(counted: KeyRing) -> None:
    assert counted.kid == "e97d018c3ea9f3fc"
