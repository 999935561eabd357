"""Any id of a pipe gives a name that any database takes (SPEC 150)."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from actors.ports import Secret
from bridge.crypto.table_name import CHARS_MIN, table_name

# Half of a surrogate pair is rare among all characters, so it gets a share of its own.
IDS = st.text(st.characters() | st.characters(categories=["Cs"]), max_size=200)
KEYS = IDS.map(Secret)
BOUNDS = st.integers(CHARS_MIN, 200)
NAME = re.compile(r"response_items_[a-z0-9](?:[a-z0-9_]*[a-z0-9])?_[0-9a-f]{8}", re.ASCII)


@given(pipe_id=IDS, key=KEYS, chars_max=BOUNDS)
def test_a_name_is_plain_and_keeps_its_bound(pipe_id: str, key: Secret, chars_max: int) -> None:
    name = table_name(pipe_id, key, chars_max=chars_max)
    assert NAME.fullmatch(name)
    assert len(name) <= chars_max


@given(pipe_id=IDS, key=KEYS, chars_max=BOUNDS)
def test_the_bound_changes_a_name_only_where_it_does_not_fit(
    pipe_id: str, key: Secret, chars_max: int
) -> None:
    whole = table_name(pipe_id, key, chars_max=200)
    name = table_name(pipe_id, key, chars_max=chars_max)
    assert (name == whole) == (len(whole) <= chars_max)
    assert name[-8:] == whole[-8:]
