"""A damaged, foreign or forged row is refused with a reason, and nothing of it leaks (SPEC 42)."""

from __future__ import annotations

import base64
import json
import traceback
from collections.abc import Callable

import pytest

from actors.ports import Secret
from bridge.crypto.ciphertext import CIPHERTEXT_CHARS_MAX
from bridge.crypto.earlier_seal import EarlierKey
from bridge.crypto.fernet_key import fernet_of
from bridge.crypto.packing import PAYLOAD_BYTES_MAX, Packer
from bridge.crypto.seal_broken import SealBroken, WhyBroken
from bridge.crypto.sealing import associated_data, derived_key, seal
from tests.unit.crypto_stage import EARLIER_KEY, ROW, VECTORS, lz4, ring

KEY = "a-key-nobody-should-see"
PAYLOAD = b'{"type":"reasoning","text":"a-thought-nobody-should-see"}'
NONCE = bytes(12)

SEALED = ring(KEY).seal(PAYLOAD, ROW)
EARLIER = VECTORS["encrypted_rows"][0]["stored_payload"]


def why(wrapper: object, *, has_lz4: bool = True) -> WhyBroken:
    with pytest.raises(SealBroken) as broken:
        ring(KEY, EARLIER_KEY, has_lz4=has_lz4).open(wrapper, ROW)
    return broken.value.why


def sealed(packed: bytes) -> object:
    """A seal of ours that nothing is wrong with, around bytes that nobody wrote."""
    return seal(packed, ROW, derived_key(Secret(KEY)), NONCE)


def fernet(packed: bytes) -> object:
    return {"enc_v": 1, "ciphertext": fernet_of(KEY).encrypt(packed).decode()}


@pytest.mark.parametrize(
    "stored",
    [
        None,
        3,
        "text",
        [],
        {},
        {"type": "reasoning", "text": "a-thought"},
        {**SEALED, "enc_v": True},
        {**SEALED, "enc_v": 2.0},
        {**SEALED, "enc_v": "2"},
        {**SEALED, "enc_v": None},
        {**SEALED, "ciphertext": None},
        {**SEALED, "ciphertext": ["a"]},
        {**SEALED, "kid": 7},
        {**SEALED, "place": 3},
        {"enc_v": 2, "ciphertext": SEALED["ciphertext"]},
        {"enc_v": 1},
    ],
)
def test_what_has_another_shape_is_no_wrapper(stored: object) -> None:
    assert why(stored) is WhyBroken.NOT_A_WRAPPER


@pytest.mark.parametrize("version", [0, 3, -1, 2**70])
def test_a_version_that_is_not_known_here_is_refused(version: int) -> None:
    assert why({**SEALED, "enc_v": version}) is WhyBroken.UNKNOWN_VERSION


@pytest.mark.parametrize("text", ["", "AAAA", base64.b64encode(bytes(27)).decode()])
@pytest.mark.parametrize("wrapper", [SEALED, EARLIER], ids=["ours", "earlier"])
def test_what_is_too_short_for_a_seal_is_truncated(wrapper: dict[str, object], text: str) -> None:
    assert why({**wrapper, "ciphertext": text}) is WhyBroken.TRUNCATED


@pytest.mark.parametrize("wrapper", [SEALED, EARLIER], ids=["ours", "earlier"])
def test_what_ends_in_half_a_group_of_signs_is_truncated(wrapper: dict[str, object]) -> None:
    text = str(wrapper["ciphertext"])
    for cut in (1, 2, 3, 5):
        assert why({**wrapper, "ciphertext": text[:-cut]}) is WhyBroken.TRUNCATED


@pytest.mark.parametrize("wrapper", [SEALED, EARLIER], ids=["ours", "earlier"])
def test_a_row_that_was_cut_anywhere_is_refused(wrapper: dict[str, object]) -> None:
    text = str(wrapper["ciphertext"])
    for end in range(len(text)):
        assert why({**wrapper, "ciphertext": text[:end]}) in {
            WhyBroken.TRUNCATED,
            WhyBroken.TAMPERED,
            WhyBroken.FOREIGN_KEY,
        }


@pytest.mark.parametrize("wrapper", [SEALED, EARLIER], ids=["ours", "earlier"])
def test_any_flip_of_any_stored_bit_is_refused(wrapper: dict[str, object]) -> None:
    stored = json.dumps(wrapper, separators=(",", ":")).encode()
    read = 0
    for at in range(len(stored) * 8):
        flipped = bytearray(stored)
        flipped[at // 8] ^= 1 << at % 8
        try:
            changed = json.loads(flipped.decode())
        except ValueError:
            continue  # The database gives no such value.
        read += 1
        why(changed)
    assert read > len(stored) * 5, "most flips leave JSON"


@pytest.mark.parametrize(
    "spelled",
    [lambda text: f"{text} \n\r ", lambda text: f"{text}====", lambda text: f"ä{text}   "],
)
@pytest.mark.parametrize("wrapper", [SEALED, EARLIER], ids=["ours", "earlier"])
def test_the_same_bytes_in_another_spelling_are_refused(
    wrapper: dict[str, object], spelled: Callable[[str], str]
) -> None:
    assert why({**wrapper, "ciphertext": spelled(str(wrapper["ciphertext"]))}) in {
        WhyBroken.TAMPERED,
        WhyBroken.TRUNCATED,
    }


def test_a_row_under_the_name_of_another_key_of_the_ring_is_refused() -> None:
    other = derived_key(Secret(EARLIER_KEY)).kid
    assert why({**SEALED, "kid": other}) is WhyBroken.TAMPERED


def test_a_row_of_one_version_does_not_pass_for_the_other() -> None:
    # Spelled as the other one spells: only the seal itself is left to say no.
    ours = base64.b64decode(SEALED["ciphertext"])
    theirs = base64.urlsafe_b64decode(EARLIER["ciphertext"])
    as_theirs = {"enc_v": 1, "ciphertext": base64.urlsafe_b64encode(ours).decode()}
    as_ours = {**SEALED, "ciphertext": base64.b64encode(theirs).decode()}
    assert why(as_theirs) is WhyBroken.FOREIGN_KEY
    assert why(as_ours) is WhyBroken.TAMPERED


@pytest.mark.parametrize("packed", [b"", b'{"type":"reasoning"}', b"\x02{}", b"\xff"])
@pytest.mark.parametrize("wrapped", [sealed, fernet])
def test_what_has_no_header_is_refused(wrapped: Callable[[bytes], object], packed: bytes) -> None:
    assert why(wrapped(packed)) is WhyBroken.HEADERLESS


def test_a_compressed_row_without_the_library_has_a_reason_of_its_own() -> None:
    packed = Packer(lz4=lz4(), compress_min_bytes=0).pack(b"x" * 1000)
    assert why(sealed(packed), has_lz4=False) is WhyBroken.LZ4_MISSING
    assert why(VECTORS["encrypted_rows"][3]["stored_payload"], has_lz4=False) is (
        WhyBroken.LZ4_MISSING
    )


def test_a_ciphertext_over_the_bound_is_refused_before_it_is_decoded() -> None:
    # No base64 at all: were it decoded, it would count as tampered with.
    long = "*" * (CIPHERTEXT_CHARS_MAX + 1)
    assert why({**SEALED, "ciphertext": long}) is WhyBroken.TOO_LARGE
    assert why({**EARLIER, "ciphertext": long}) is WhyBroken.TOO_LARGE


def test_the_largest_payload_comes_back_and_a_larger_one_is_not_sealed() -> None:
    keys = ring(KEY)
    largest = b"a" * PAYLOAD_BYTES_MAX
    assert keys.open(keys.seal(largest, ROW), ROW) == largest
    with pytest.raises(SealBroken) as broken:
        keys.seal(largest + b"a", ROW)
    assert broken.value.why is WhyBroken.TOO_LARGE


BROKEN = [
    {**SEALED, "enc_v": 9},
    {**SEALED, "kid": "0" * 16},
    {**SEALED, "ciphertext": "AAAA"},
    {**SEALED, "ciphertext": base64.b64encode(bytes(99)).decode()},
    {**SEALED, "ciphertext": SEALED["ciphertext"] + "=*=*"},
    {**EARLIER, "ciphertext": EARLIER["ciphertext"][:-8]},
    json.loads(PAYLOAD),
    sealed(PAYLOAD),
    fernet(PAYLOAD),
    sealed(b"\x01" + PAYLOAD),
    fernet(b"\x01" + PAYLOAD),
]


@pytest.mark.parametrize("wrapper", BROKEN)
def test_an_error_tells_nothing_of_payload_or_key(wrapper: object) -> None:
    with pytest.raises(SealBroken) as broken:
        ring(KEY, EARLIER_KEY).open(wrapper, ROW)
    error = broken.value
    assert error.__cause__ is None
    assert error.__context__ is None, "what it follows from may hold the payload"
    text = "".join(traceback.format_exception_only(error)) + repr(error) + repr(vars(error))
    assert not any(part in text for part in ("should-see", EARLIER_KEY, ROW.chat_id))


def test_nothing_that_holds_a_key_shows_it() -> None:
    key = derived_key(Secret(KEY))
    held = [ring(KEY, EARLIER_KEY), key, EarlierKey(Secret(KEY)), ring("", KEY)]
    shown = "".join(f"{thing!r} {thing}" for thing in held)
    assert KEY not in shown
    assert EARLIER_KEY not in shown
    assert key.kid in shown, "the public id is there to be shown"


def test_the_public_id_is_no_part_of_the_key() -> None:
    # Somebody who has the id and guesses that it is made like the key gets nothing.
    key = derived_key(Secret(KEY))
    other = derived_key(Secret(key.kid))
    assert other.kid != key.kid
    assert other.decrypt(key.encrypt(b"x", b"", NONCE), b"") is None
    assert key.kid.encode() in associated_data(ROW, key.kid)
