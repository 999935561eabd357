"""Ids of artifacts sort by time, also beside those of the earlier pipe (SPEC 38)."""

import json
from pathlib import Path

from actors.artifact_ids import ALPHABET, chance_bytes, new_ids
from actors.artifacts import ID_CHARS

EARLIER: list[str] = json.loads(
    (Path(__file__).parents[1] / "fixtures" / "earlier_pipe.json").read_text()
)["item_ids"]
# When those ids were made: 2026-11-23.
EARLIER_S = 1_795_401_269.651898794


def ids(count: int, wall_s: float, chance: str = "5a") -> tuple[str, ...]:
    return new_ids(count, wall_s=wall_s, token=chance * chance_bytes(count))


def test_an_id_is_20_characters_of_crockfords_alphabet() -> None:
    assert len(ALPHABET) == 32
    for each in ids(3, EARLIER_S):
        assert len(each) == ID_CHARS
        assert set(each) <= set(ALPHABET)


def test_ids_sort_around_those_of_the_earlier_pipe() -> None:
    before, after = ids(1, EARLIER_S - 0.001), ids(1, EARLIER_S + 0.001)
    assert sorted([*after, *EARLIER, *before]) == [*before, *EARLIER, *after]


def test_the_time_in_an_id_is_that_of_the_earlier_pipe() -> None:
    """Twelve characters of nanoseconds: up to a millisecond or so, the ids are the same."""
    assert ids(1, EARLIER_S)[0][:12] == EARLIER[0][:12]


def test_ids_made_together_sort_in_their_order() -> None:
    made = ids(200, EARLIER_S)
    assert list(made) == sorted(set(made))


def test_answers_that_end_at_the_same_time_do_not_share_ids() -> None:
    assert not set(ids(50, 1.0, "00")) & set(ids(50, 1.0, "a7"))


def test_chance_counts_the_nanoseconds_that_a_clock_does_not() -> None:
    one, two = (new_ids(1, wall_s=1.0, token=f"00000{digit}123456") for digit in "12")
    assert (one[0][16:], one < two) == (two[0][16:], True)


def test_the_last_characters_are_chance() -> None:
    low, high = ids(1, EARLIER_S, "00")[0], ids(1, EARLIER_S, "ff")[0]
    assert (low[16:], high[16:]) == ("0000", "ZZZZ")


def test_no_ids_take_no_name() -> None:
    assert ids(0, EARLIER_S) == ()
