"""Archives that came to harm: whatever the bytes are, they are read, or refused in one way."""

from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.log_values import Compression
from actors.ports import Secret
from bridge.session_logs.aes_zip import WhyUnreadable, ZipUnreadable, read_members, write_members
from bridge.session_logs.contents import MEMBERS, read_contents

PASSWORD = Secret("pässword")
SAID = {"meta.json": b'{"user_id":"u"}', "logs.jsonl": b'{"ts":"1"}\n' * 20}


def packed(compression: Compression, members: dict[str, bytes] | None = None) -> bytes:
    file = BytesIO()
    write_members(file, members or SAID, PASSWORD, compression=compression, level=None)
    return file.getvalue()


WHOLE = {each: packed(each) for each in Compression}


def read(data: bytes, password: Secret = PASSWORD) -> dict[str, bytes] | WhyUnreadable:
    try:
        return read_members(data, MEMBERS, password)
    except ZipUnreadable as unreadable:
        return unreadable.why


@pytest.mark.parametrize("compression", Compression)
@pytest.mark.parametrize("level", [None, 0, 1, 9])
def test_what_is_written_is_read(compression: Compression, level: int | None) -> None:
    file = BytesIO()
    write_members(file, SAID, PASSWORD, compression=compression, level=level)
    assert read(file.getvalue()) == SAID


@given(st.sampled_from(list(Compression)), st.data())
def test_a_changed_byte_is_noticed_or_changes_nothing(
    compression: Compression, data: st.DataObject
) -> None:
    whole = bytearray(WHOLE[compression])
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    found = read(bytes(whole))
    # A member whose name has changed is none of ours.
    assert isinstance(found, WhyUnreadable) or found.items() <= SAID.items()


@given(st.sampled_from(list(Compression)), st.data())
def test_an_archive_that_was_cut_off_is_refused(
    compression: Compression, data: st.DataObject
) -> None:
    whole = WHOLE[compression]
    end = data.draw(st.integers(0, len(whole) - 1))
    assert isinstance(read(whole[:end]), WhyUnreadable)


@given(st.binary(max_size=2000))
def test_bytes_that_are_no_archive_are_refused(data: bytes) -> None:
    assert read(data) is WhyUnreadable.NO_ARCHIVE


@given(st.sampled_from(list(Compression)), st.text(max_size=20))
def test_another_password_gives_nothing(compression: Compression, text: str) -> None:
    if text != PASSWORD.reveal():
        # One in 65,536 passes the first check and is caught by the seal.
        found = read(WHOLE[compression], Secret(text))
        assert found in {WhyUnreadable.WRONG_PASSWORD, WhyUnreadable.DAMAGED}


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_an_archive_of_ours_may_say_anything(meta: bytes, lines: bytes) -> None:
    data = packed(Compression.STORED, {"meta.json": meta, "logs.jsonl": lines, "logs.txt": lines})
    contents = read_contents(data, PASSWORD)
    assert contents.members["logs.jsonl"] == lines
    contents.as_text().decode()
    assert all(isinstance(each, str) for each in contents.meta.requests)


def test_what_an_archive_may_hold_has_a_bound() -> None:
    held = sum(map(len, SAID.values()))
    data = WHOLE[Compression.LZMA]
    assert read_members(data, MEMBERS, PASSWORD, bytes_max=held) == SAID
    with pytest.raises(ZipUnreadable) as refused:
        read_members(data, MEMBERS, PASSWORD, bytes_max=held - 1)
    assert refused.value.why is WhyUnreadable.TOO_LARGE
