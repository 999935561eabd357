"""A ring seals with its current key and opens with all of them (SPEC 152)."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from actors.kernel.entropy import SystemEntropy
from bridge.crypto.key_ring import KEYS_MAX
from bridge.crypto.seal_broken import SealBroken, WhyBroken
from bridge.crypto.sealing import RowIdentity, Wrapper
from tests.unit.crypto_stage import (
    EARLIER_KEY,
    LONG_OUTPUT,
    ROW,
    THINKING,
    VECTORS,
    ring,
)

EARLIER_ROWS = VECTORS["encrypted_rows"]
EARLIER = EARLIER_ROWS[0]["stored_payload"]


@pytest.mark.parametrize("vector", EARLIER_ROWS)
def test_a_row_of_the_earlier_pipe_is_read_exactly(vector: dict[str, object]) -> None:
    key, stored = vector["artifact_encryption_key"], vector["stored_payload"]
    assert json.loads(ring(str(key)).open(stored, ROW)) == vector["payload"]
    assert json.loads(ring("new", "other", str(key)).open(stored, ROW)) == vector["payload"]


def test_a_row_of_the_earlier_pipe_needs_one_of_its_keys() -> None:
    with pytest.raises(SealBroken) as broken:
        ring("new", "other").open(EARLIER, ROW)
    assert broken.value.why is WhyBroken.FOREIGN_KEY


def test_what_was_sealed_opens_for_the_same_row() -> None:
    keys = ring(compress_min_bytes=0)
    assert keys.open(keys.seal(THINKING, ROW), ROW) == THINKING
    assert keys.open(keys.seal(LONG_OUTPUT, ROW), ROW) == LONG_OUTPUT


@pytest.mark.parametrize("key", ["k", " ", "\ud800", "\0", "long " * 1000])
def test_any_key_that_is_not_empty_seals(key: str) -> None:
    keys = ring(key)
    assert keys.is_sealing
    assert keys.open(keys.seal(THINKING, ROW), ROW) == THINKING


def test_the_same_payload_is_never_sealed_alike() -> None:
    keys = ring()
    sealed = {keys.seal(THINKING, ROW)["ciphertext"] for _ in range(100)}
    assert len(sealed) == 100


@pytest.mark.parametrize("part", list(RowIdentity.__struct_fields__))
def test_a_row_does_not_open_under_another_identity(part: str) -> None:
    parts = {name: getattr(ROW, name) for name in ROW.__struct_fields__}
    other = RowIdentity(**{**parts, part: "other"})
    keys = ring()
    with pytest.raises(SealBroken) as broken:
        keys.open(keys.seal(THINKING, ROW), other)
    assert broken.value.why is WhyBroken.TAMPERED


def test_a_previous_key_opens_and_does_not_seal() -> None:
    old, new = ring("old"), ring("new", "old")
    wrapper = old.seal(THINKING, ROW)
    assert new.open(wrapper, ROW) == THINKING
    assert new.seal(THINKING, ROW)["kid"] == ring("new").kid != wrapper["kid"]


def test_a_row_of_a_key_that_is_not_at_hand_is_told_from_a_damaged_one() -> None:
    with pytest.raises(SealBroken) as broken:
        ring("new").open(ring("old").seal(THINKING, ROW), ROW)
    assert broken.value.why is WhyBroken.FOREIGN_KEY


def test_without_a_current_key_nothing_is_sealed_and_old_rows_still_open() -> None:
    keys = ring("", "old", EARLIER_KEY)
    assert not keys.is_sealing
    assert keys.kid == ""
    assert keys.open(ring("old").seal(THINKING, ROW), ROW) == THINKING
    assert json.loads(keys.open(EARLIER, ROW)) == EARLIER_ROWS[0]["payload"]
    with pytest.raises(AssertionError, match="is_sealing"):
        keys.seal(THINKING, ROW)


def test_a_ring_without_any_key_opens_nothing() -> None:
    for wrapper in (EARLIER, ring().seal(THINKING, ROW)):
        with pytest.raises(SealBroken) as broken:
            ring("").open(wrapper, ROW)
        assert broken.value.why is WhyBroken.FOREIGN_KEY


def test_more_keys_than_the_bound_are_refused_and_repetitions_do_not_count() -> None:
    many = [f"key {number}" for number in range(KEYS_MAX)]
    assert ring(many[0], *many, "").open(ring(many[-1]).seal(THINKING, ROW), ROW) == THINKING
    with pytest.raises(ValueError, match=f"{KEYS_MAX + 1} keys") as refused:
        ring("one more", *many)
    assert "one more" not in str(refused.value)


def test_a_row_needs_rotation_unless_it_has_the_current_version_and_key() -> None:
    keys = ring("new", "old", EARLIER_KEY)
    assert not keys.needs_rotation(keys.seal(THINKING, ROW))
    assert keys.needs_rotation(ring("old").seal(THINKING, ROW))
    assert keys.needs_rotation(ring("stranger").seal(THINKING, ROW))
    assert keys.needs_rotation(EARLIER)


@pytest.mark.parametrize("stored", [None, [], "text", {}, {"type": "reasoning"}, {"enc_v": 2}])
def test_what_is_not_sealed_needs_rotation(stored: object) -> None:
    assert ring().needs_rotation(stored)


def test_without_a_current_key_every_row_needs_rotation() -> None:
    assert ring("", "old").needs_rotation(ring("old").seal(THINKING, ROW))


def test_a_resealed_row_opens_with_the_new_key_alone() -> None:
    keys = ring("new", "old", EARLIER_KEY)
    for wrapper, payload in (
        (ring("old").seal(THINKING, ROW), THINKING),
        (EARLIER, keys.open(EARLIER, ROW)),
    ):
        fresh = keys.reseal(wrapper, ROW)
        assert not keys.needs_rotation(fresh)
        assert ring("new").open(fresh, ROW) == payload


def test_a_compressed_row_is_resealed_where_the_lz4_library_is_missing() -> None:
    compressed = ring("old", compress_min_bytes=0).seal(LONG_OUTPUT, ROW)
    fresh = ring("new", "old", has_lz4=False).reseal(compressed, ROW)
    assert ring("new").open(fresh, ROW) == LONG_OUTPUT


def test_a_row_that_does_not_open_is_not_resealed() -> None:
    with pytest.raises(SealBroken):
        ring("new").reseal(ring("old").seal(THINKING, ROW), ROW)


def test_one_ring_serves_many_threads() -> None:
    keys = ring("new", EARLIER_KEY, compress_min_bytes=0, entropy=SystemEntropy())

    def sealed(number: int) -> Wrapper:
        payload = b"x" * number
        wrapper = keys.seal(payload, ROW)
        assert keys.open(wrapper, ROW) == payload
        assert json.loads(keys.open(EARLIER, ROW)) == EARLIER_ROWS[0]["payload"]
        return wrapper

    with ThreadPoolExecutor(max_workers=8) as threads:
        wrappers = list(threads.map(sealed, range(500)))
    assert len({wrapper["ciphertext"] for wrapper in wrappers}) == 500
