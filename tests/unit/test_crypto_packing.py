"""A payload becomes a flag and JSON, compressed only where it pays (SPEC 152, 153)."""

from __future__ import annotations

import tracemalloc
from types import ModuleType

import lz4.frame
import pytest

from bridge.crypto.lz4_frames import installed_lz4
from bridge.crypto.packing import PAYLOAD_BYTES_MAX, Packer
from bridge.crypto.seal_broken import SealBroken, WhyBroken
from tests.unit.crypto_stage import LONG_OUTPUT, THINKING
from tests.unit.crypto_stage import lz4 as library

RAW, LZ4 = b"\x00", b"\x01"


def packer(compress_min_bytes: int | None) -> Packer:
    return Packer(lz4=library(), compress_min_bytes=compress_min_bytes)


def why(packed: bytes) -> WhyBroken:
    with pytest.raises(SealBroken) as broken:
        packer(None).unpack(packed)
    return broken.value.why


def test_text_stays_as_it_is_behind_its_flag() -> None:
    odd = b' { "b" : 1.50, "a":\t"\\ud800" } '
    assert packer(None).pack(odd) == RAW + odd
    assert packer(None).unpack(RAW + odd) == odd


def test_json_of_the_least_size_is_compressed_and_shorter_json_is_not() -> None:
    assert packer(len(LONG_OUTPUT)).pack(LONG_OUTPUT)[:1] == LZ4
    assert packer(len(LONG_OUTPUT) + 1).pack(LONG_OUTPUT) == RAW + LONG_OUTPUT
    assert packer(None).pack(LONG_OUTPUT) == RAW + LONG_OUTPUT


def test_what_does_not_get_smaller_is_not_compressed() -> None:
    assert packer(0).pack(THINKING)[:1] == RAW
    assert packer(0).pack(b"{}")[:1] == RAW


def test_a_compressed_payload_is_one_frame_and_smaller() -> None:
    packed = packer(0).pack(LONG_OUTPUT)
    assert len(packed) < len(LONG_OUTPUT)
    assert lz4.frame.decompress(packed[1:]) == LONG_OUTPUT
    assert packer(None).unpack(packed) == LONG_OUTPUT


def test_without_the_library_nothing_is_compressed() -> None:
    assert Packer(lz4=None, compress_min_bytes=0).pack(LONG_OUTPUT) == RAW + LONG_OUTPUT


def test_a_library_that_is_missing_is_no_error() -> None:
    def missing(name: str) -> ModuleType:
        raise ModuleNotFoundError(name=name)

    assert installed_lz4(missing) is None


@pytest.mark.parametrize("states_size", [True, False])
def test_a_frame_that_holds_too_much_is_refused(states_size: bool) -> None:
    bomb = lz4.frame.compress(bytes(PAYLOAD_BYTES_MAX + 1), store_size=states_size)
    assert len(bomb) < PAYLOAD_BYTES_MAX // 100, "a small frame, and a large claim"
    assert why(LZ4 + bomb) is WhyBroken.TOO_LARGE


@pytest.mark.parametrize("states_size", [True, False])
def test_a_frame_that_holds_too_much_is_not_unpacked_to_its_end(states_size: bool) -> None:
    bomb = lz4.frame.compress(bytes(64 * 1024 * 1024), store_size=states_size)
    tracemalloc.start()
    try:
        with pytest.raises(SealBroken):
            library().decompress(bomb, 1024 * 1024)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 8 * 1024 * 1024


@pytest.mark.parametrize("states_size", [True, False])
def test_a_frame_may_hold_exactly_as_much_as_the_bound(states_size: bool) -> None:
    plain = b"x" * 70_000
    frame = lz4.frame.compress(plain, store_size=states_size)
    assert library().decompress(frame, len(plain)) == plain
    with pytest.raises(SealBroken) as broken:
        library().decompress(frame, len(plain) - 1)
    assert broken.value.why is WhyBroken.TOO_LARGE


def test_a_frame_that_understates_its_size_is_refused() -> None:
    frame = bytearray(lz4.frame.compress(LONG_OUTPUT, store_size=True))
    honest = lz4.frame.compress(LONG_OUTPUT[:10], store_size=True)
    frame[:15] = honest[:15]  # Magic number, descriptor with the stated size, its checksum.
    assert why(LZ4 + bytes(frame)) is WhyBroken.COMPRESSED_BADLY


@pytest.mark.parametrize("states_size", [True, False])
def test_less_than_a_whole_frame_is_refused(states_size: bool) -> None:
    frame = lz4.frame.compress(LONG_OUTPUT, store_size=states_size)
    assert {why(LZ4 + frame[:end]) for end in range(len(frame))} == {WhyBroken.COMPRESSED_BADLY}


def test_more_than_one_frame_is_refused() -> None:
    frame = lz4.frame.compress(LONG_OUTPUT)
    assert why(LZ4 + frame + frame) is WhyBroken.COMPRESSED_BADLY
    assert why(LZ4 + frame + b"\x00") is WhyBroken.COMPRESSED_BADLY


def test_raw_text_over_the_bound_is_refused() -> None:
    assert why(RAW + b" " * (PAYLOAD_BYTES_MAX + 1)) is WhyBroken.TOO_LARGE
