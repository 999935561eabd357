"""Marks come out of a text as they went in, and take nothing with them (SPEC 37-39)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from actors.artifact_ids import ALPHABET, chance_bytes, new_ids
from actors.artifacts import ID_CHARS
from actors.values import Mark, Part, Role, TextPart, Turn
from bridge.transforms.history import history_of
from bridge.transforms.marks import cut, has_marks, in_order, mark_line, marks_text, without_marks

IDS = st.text(ALPHABET, min_size=ID_CHARS, max_size=ID_CHARS)
# Whatever could be mistaken: brackets, fences, line ends of every kind, half characters.
WORDS = st.text(st.sampled_from("ab[]:# `~\n\r\t>-\u2028é\ud83d"), max_size=40)
LINES = st.lists(
    WORDS | IDS.map(mark_line) | st.sampled_from(["```", "~~~", "````md", "  ```", "a ```b```"]),
    max_size=12,
).map("\n".join)
TEXTS = WORDS | LINES


def squeezed(text: str) -> str:
    return "".join(text.split())


@given(text=TEXTS, ids=st.lists(IDS, min_size=1, max_size=5))
def test_what_is_appended_is_found_whatever_the_text_is(text: str, ids: list[str]) -> None:
    pieces = cut(text + marks_text(ids))
    assert pieces[-len(ids) :] == tuple(Mark(artifact_id=each) for each in ids)


@given(text=WORDS, ids=st.lists(IDS, min_size=1, max_size=5))
def test_a_text_comes_back_without_its_marks(text: str, ids: list[str]) -> None:
    words = [piece for piece in cut(text + marks_text(ids)) if isinstance(piece, str)]
    assert words == ([text.rstrip().lstrip("\r\n")] if text.strip() else [])


@given(text=TEXTS)
def test_only_marks_are_cut_out_and_nothing_else_is_lost(text: str) -> None:
    pieces = cut(text)
    spelt = [mark_line(p.artifact_id) if isinstance(p, Mark) else p for p in pieces]
    assert squeezed("".join(spelt)) == squeezed(text)


@given(text=TEXTS)
def test_what_was_cut_is_not_cut_again(text: str) -> None:
    """What is left is what the model reads; it must be the same in every later turn."""
    for piece in cut(text):
        if isinstance(piece, str) and "`" not in text and "~" not in text:
            assert cut(piece) == (piece,)


@given(texts=st.lists(TEXTS, max_size=4))
def test_putting_marks_in_order_loses_no_word_and_no_mark(texts: list[str]) -> None:
    said: tuple[Part, ...] = tuple(TextPart(text=each) for each in texts)
    cut_up = [piece for text in texts for piece in cut(text)]
    runs = in_order(said)
    marks = [run for run in runs if isinstance(run, Mark)]
    words = [p.text for run in runs if isinstance(run, tuple) for p in run if type(p) is TextPart]
    assert marks == [piece for piece in cut_up if isinstance(piece, Mark)]
    assert words == [piece for piece in cut_up if isinstance(piece, str)]
    # Nothing ends with marks but an answer of nothing else.
    assert not (runs and words and isinstance(runs[-1], Mark))
    assert not marks or has_marks(said)


@given(texts=st.lists(TEXTS, max_size=4))
def test_an_answer_is_the_same_words_with_its_marks_and_without(texts: list[str]) -> None:
    said: tuple[Part, ...] = tuple(TextPart(text=each) for each in texts)
    words = [
        part.text
        for run in in_order(said)
        if isinstance(run, tuple)
        for part in run
        if type(part) is TextPart
    ]
    plain = [part.text for part in without_marks(said) if type(part) is TextPart]
    assert squeezed("".join(plain)) == squeezed("".join(words))


@given(text=TEXTS, recalls=st.booleans(), role=st.sampled_from(["user", "system", "developer"]))
def test_no_mark_is_looked_for_in_what_others_said(text: str, recalls: bool, role: str) -> None:
    read = history_of([{"role": role, "content": text}], recalls=recalls).items
    plain = history_of([{"role": role, "content": text}]).items
    assert read == plain
    assert all(isinstance(item, Turn) and item.role is Role(role) for item in read)


@given(
    count=st.integers(0, 20),
    wall_s=st.floats(0, 4e9),
    later_s=st.floats(0.001, 1e6),
    data=st.data(),
)
def test_ids_sort_by_time_and_do_not_repeat(
    count: int, wall_s: float, later_s: float, data: st.DataObject
) -> None:
    size = chance_bytes(count)
    first, second = (
        new_ids(count, wall_s=at_s, token=data.draw(st.binary(min_size=size, max_size=size)).hex())
        for at_s in (wall_s, wall_s + later_s)
    )
    assert [*first, *second] == sorted({*first, *second})
