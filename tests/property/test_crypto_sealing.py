"""Whatever is sealed comes back, and only as it was, only there (SPEC 152)."""

from __future__ import annotations

from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.crypto.ciphertext import text_of
from bridge.crypto.key_ring import KeyRing
from bridge.crypto.seal_broken import SealBroken
from bridge.crypto.sealing import RowIdentity, associated_data
from tests.unit.crypto_stage import ROW, VECTORS, ring

# Lone surrogates are part of JSON, and of ids that somebody made up. Among all characters they
# are rare, so they get a share of their own.
TEXTS = st.text() | st.text(st.characters() | st.characters(categories=["Cs"]))
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=5),
)
PAYLOADS = st.binary()
ROWS = st.builds(RowIdentity, **dict.fromkeys(RowIdentity.__struct_fields__, TEXTS))
KEYS = TEXTS.filter(bool)
THRESHOLDS = st.none() | st.integers(0, 200)

RING = ring("k", compress_min_bytes=0)


def opens(keys: KeyRing, wrapper: object, row: RowIdentity) -> bool:
    try:
        keys.open(wrapper, row)
    except SealBroken:
        return False
    return True


@given(payload=PAYLOADS, row=ROWS, key=KEYS, compress_min_bytes=THRESHOLDS)
def test_any_payload_comes_back_as_it_was(
    payload: bytes, row: RowIdentity, key: str, compress_min_bytes: int | None
) -> None:
    keys = ring(key, compress_min_bytes=compress_min_bytes)
    assert keys.open(keys.seal(payload, row), row) == payload


@given(payload=PAYLOADS, repeated=st.binary(), times=st.integers(0, 2000))
def test_compression_changes_the_size_and_nothing_else(
    payload: bytes, repeated: bytes, times: int
) -> None:
    payload += repeated * times
    compressed, plain = RING.seal(payload, ROW), ring("k").seal(payload, ROW)
    assert len(compressed["ciphertext"]) <= len(plain["ciphertext"])
    assert RING.open(compressed, ROW) == RING.open(plain, ROW) == payload


@given(payload=PAYLOADS, at=st.integers(0, 10**6))
def test_any_flipped_bit_of_what_is_sealed_is_refused(payload: bytes, at: int) -> None:
    wrapper = RING.seal(payload, ROW)
    sealed = bytearray(b64decode(wrapper["ciphertext"]))
    bit = at % (len(sealed) * 8)
    sealed[bit // 8] ^= 1 << bit % 8
    assert not opens(RING, {**wrapper, "ciphertext": text_of(bytes(sealed))}, ROW)


@given(payload=PAYLOADS, kept=st.floats(0, 1, exclude_max=True), data=st.data())
def test_a_shortened_or_lengthened_row_is_refused(
    payload: bytes, kept: float, data: st.DataObject
) -> None:
    wrapper = RING.seal(payload, ROW)
    text = wrapper["ciphertext"]
    assert not opens(RING, {**wrapper, "ciphertext": text[: int(len(text) * kept)]}, ROW)
    more = data.draw(st.text(min_size=1))
    assert not opens(RING, {**wrapper, "ciphertext": text + more}, ROW)


@given(payload=PAYLOADS, row=ROWS, other=ROWS)
def test_a_row_opens_for_its_own_identity_alone(
    payload: bytes, row: RowIdentity, other: RowIdentity
) -> None:
    wrapper = RING.seal(payload, row)
    assert opens(RING, wrapper, row)
    assert opens(RING, wrapper, other) == (row == other)


@given(
    text=st.text(max_size=12),
    cuts=st.tuples(*[st.lists(st.integers(0, 12), min_size=4, max_size=4)] * 2),
)
def test_moving_letters_between_the_parts_of_an_identity_makes_another_one(
    text: str, cuts: tuple[list[int], list[int]]
) -> None:
    one, other = (identity_cut(text, sorted(at)) for at in cuts)
    assert (associated_data(one, "kid") == associated_data(other, "kid")) == (one == other)


def identity_cut(text: str, at: list[int]) -> RowIdentity:
    first, second, third, fourth = at
    return RowIdentity(
        id=text[:first],
        chat_id=text[first:second],
        message_id=text[second:third],
        model_id=text[third:fourth],
        item_type=text[fourth:],
    )


@given(
    wrapper=JSON
    | st.fixed_dictionaries(
        {"enc_v": JSON | st.sampled_from([1, 2]), "ciphertext": JSON},
        optional={"kid": JSON | st.just(RING.kid)},
    )
)
def test_whatever_stands_in_a_row_is_refused_in_one_way(wrapper: object) -> None:
    with pytest.raises(SealBroken):
        RING.open(wrapper, ROW)
    assert RING.needs_rotation(wrapper) in {True, False}


@given(payload=PAYLOADS, row=ROWS, old=KEYS, new=KEYS)
def test_a_rotated_row_holds_what_it_held(
    payload: bytes, row: RowIdentity, old: str, new: str
) -> None:
    keys = ring(new, old)
    before = ring(old, compress_min_bytes=0).seal(payload, row)
    after = keys.reseal(before, row)
    assert keys.needs_rotation(before) == (old != new)
    assert not keys.needs_rotation(after)
    assert keys.open(before, row) == ring(new).open(after, row) == payload


@given(at=st.integers(0, 10**6), vector=st.sampled_from(VECTORS["encrypted_rows"]))
def test_an_edited_row_of_the_earlier_pipe_is_refused(at: int, vector: dict[str, object]) -> None:
    stored = vector["stored_payload"]
    token = bytearray(stored["ciphertext"].encode())
    bit = at % (len(token) * 8)
    token[bit // 8] ^= 1 << bit % 8
    edited = {**stored, "ciphertext": token.decode("latin-1")}
    assert not opens(ring(str(vector["artifact_encryption_key"])), edited, ROW)
