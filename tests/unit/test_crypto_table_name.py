"""Each pipe and key has a table of its own, by the earlier pipe's rule (SPEC 150)."""

from __future__ import annotations

import pytest

from actors.ports import Secret
from bridge.crypto.table_name import CHARS_MIN, POSTGRESQL_CHARS_MAX, table_name
from tests.unit.crypto_stage import VECTORS

UNBOUNDED = 9999
NO_KEY = Secret("")


@pytest.mark.parametrize("vector", VECTORS["tables"])
def test_the_names_of_the_earlier_pipe_are_kept(vector: dict[str, str]) -> None:
    key = Secret(vector["artifact_encryption_key"])
    assert table_name(vector["pipe_id"], key, chars_max=UNBOUNDED) == vector["table"]


@pytest.mark.parametrize("vector", VECTORS["tables"])
def test_postgresql_gets_a_name_that_fits_and_keeps_its_hash(vector: dict[str, str]) -> None:
    key = Secret(vector["artifact_encryption_key"])
    name = table_name(vector["pipe_id"], key, chars_max=POSTGRESQL_CHARS_MAX)
    assert len(name) <= POSTGRESQL_CHARS_MAX
    assert name[-9:] == vector["table"][-9:]
    if len(vector["table"]) <= POSTGRESQL_CHARS_MAX:
        assert name == vector["table"]


def test_a_long_id_is_cut_at_62_characters_and_ends_in_no_underscore() -> None:
    assert table_name("a" * 99, NO_KEY, chars_max=UNBOUNDED)[15:-9] == "a" * 62
    assert table_name("a" * 61 + ".b", NO_KEY, chars_max=UNBOUNDED)[15:-9] == "a" * 61


@pytest.mark.parametrize("pipe_id", ["", "___", "ü", "--"])
def test_an_id_of_which_nothing_is_left_gets_a_word_in_its_place(pipe_id: str) -> None:
    name = table_name(pipe_id, NO_KEY, chars_max=CHARS_MIN)
    assert name.startswith("response_items_pipe_")
    assert len(name) == CHARS_MIN


def test_ids_that_look_alike_when_sanitised_have_tables_of_their_own() -> None:
    names = {table_name(i, NO_KEY, chars_max=UNBOUNDED) for i in ("a.b", "a-b", "a_b", "A_b")}
    assert len(names) == 4


def test_half_a_character_in_a_key_is_passed_over_as_the_earlier_pipe_did() -> None:
    whole = table_name("p", Secret("key"), chars_max=UNBOUNDED)
    assert table_name("p", Secret("k\ud800ey"), chars_max=UNBOUNDED) == whole


def test_a_new_key_means_a_new_table() -> None:
    names = {table_name("p", Secret(key), chars_max=UNBOUNDED) for key in ("", "k", "K")}
    assert len(names) == 3


def test_a_name_does_not_tell_the_key() -> None:
    assert "opensesame" not in table_name("p", Secret("opensesame"), chars_max=UNBOUNDED)


def test_a_bound_without_room_for_the_hash_is_a_bug_of_the_caller() -> None:
    with pytest.raises(AssertionError):
        table_name("p", NO_KEY, chars_max=CHARS_MIN - 1)
