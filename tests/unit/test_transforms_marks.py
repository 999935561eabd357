"""Marks in an answer's text: found where they are lines, nowhere else (SPEC 37, 39)."""

import json
from pathlib import Path

import pytest

from actors.values import ImagePart, Mark, OpaquePart, TextPart
from bridge.transforms.marks import cut, has_marks, in_order, mark_line, marks_text, without_marks

EARLIER = json.loads((Path(__file__).parents[1] / "fixtures" / "earlier_pipe.json").read_text())
A, B, C = EARLIER["item_ids"]
MARK_A, MARK_B, MARK_C = (Mark(artifact_id=each) for each in (A, B, C))
LINE_A, LINE_B, LINE_C = EARLIER["markers"]


def text(words: str) -> TextPart:
    return TextPart(text=words)


def test_a_mark_is_the_line_that_the_earlier_pipe_wrote() -> None:
    assert [mark_line(each) for each in (A, B, C)] == EARLIER["markers"]


def test_marks_are_appended_as_the_earlier_pipe_did() -> None:
    assert "The sum is five." + marks_text([A, B]) == EARLIER["assistant_text_with_markers"]


def test_no_marks_are_no_text() -> None:
    assert marks_text([]) == ""


def test_a_text_of_the_earlier_pipe_is_cut() -> None:
    cut_up = cut(EARLIER["assistant_text_with_markers"])
    assert cut_up == ("The sum is five.", MARK_A, MARK_B)


@pytest.mark.parametrize(
    "kept",
    [
        "nothing here",
        "[a link]: # in the middle of a line",
        f"see {LINE_A}",
        f"{LINE_A} behind it",
        f"`{LINE_A}`",
        f"> {LINE_A}",
        f"- {LINE_A}",
        f"    {LINE_A}",
        f"[{A[:-1]}]: #",
        f"[{A}0]: #",
        f"[{A[:-1]}U]: #",
        f"[{A.lower()}]: #",
        f"[{A}]: #anchor",
        f"[{A}]: https://a.example/#",
    ],
)
def test_what_is_no_mark_stays_as_it_is(kept: str) -> None:
    assert cut(kept) == (kept,)


@pytest.mark.parametrize(
    "stored",
    [
        f"Five.\r\n\r\n{LINE_A}\r\n{LINE_B}\r\n",
        f"Five.\n\n{LINE_A}  \n{LINE_B}\t\n\n",
        f"Five.\n{LINE_A}\n{LINE_B}",
        f"Five.\n\n\n\n{LINE_A}\n\n{LINE_B}\n\n\n",
        f"Five.  \n\n  {LINE_A}\n[{B}]:#",
    ],
)
def test_marks_survive_what_a_store_does_to_the_space_around_them(stored: str) -> None:
    assert cut(stored) == ("Five.", MARK_A, MARK_B)


def test_a_mark_in_the_middle_parts_the_text() -> None:
    assert cut(f"One.\n\n{LINE_A}\n\n  Two.\n{LINE_B}") == ("One.", MARK_A, "  Two.", MARK_B)


def test_a_text_of_marks_alone_has_no_words() -> None:
    assert cut(f"\n\n{LINE_A}\n") == (MARK_A,)


@pytest.mark.parametrize(
    ("opening", "closing"),
    [
        ("```", "```"),
        ("````markdown", "````"),
        ("~~~", "~~~~~"),
        ("  ```", "  ```"),
        ("```\nx = [1]", "y\n```"),
    ],
)
def test_marks_in_fenced_code_are_text(opening: str, closing: str) -> None:
    shown = f"So it looks:\n{opening}\n{LINE_A}\n{closing}\nDone."
    assert cut(shown) == (shown,)


def test_marks_behind_fenced_code_count() -> None:
    code = f"```\n{LINE_C}\n```"
    assert cut(f"{code}\nSo.\n{LINE_A}\nAnd.") == (f"{code}\nSo.", MARK_A, "And.")


@pytest.mark.parametrize(
    ("opening", "no_closing"), [("````", "```"), ("```", "~~~"), ("```", "```python")]
)
def test_another_fence_closes_nothing(opening: str, no_closing: str) -> None:
    shown = f"{opening}\n{no_closing}\n{LINE_A}\n{opening}\nDone."
    assert cut(shown) == (shown,)


def test_code_within_a_line_opens_no_fence() -> None:
    assert cut(f"```x``` is it.\n{LINE_A}\nDone.") == ("```x``` is it.", MARK_A, "Done.")


def test_marks_at_the_end_count_even_where_code_was_cut_off() -> None:
    """An answer that ran out of tokens in the middle of code is marked as any other."""
    assert cut(f"```python\nx = 1{marks_text([A, B])}") == ("```python\nx = 1", MARK_A, MARK_B)


def test_only_texts_and_cached_texts_are_looked_at() -> None:
    assert has_marks((text("x"), text(LINE_A)))
    assert has_marks((OpaquePart(json=json.dumps({"type": "text", "text": LINE_A})),))
    assert not has_marks((text("x"), ImagePart(url=f"data:{LINE_A}")))


def test_marks_at_the_end_go_before_the_words_they_end() -> None:
    said = (text(f"Five.{marks_text([A, B])}"),)
    assert in_order(said) == (MARK_A, MARK_B, (text("Five."),))


def test_marks_in_the_middle_stay_where_they_are() -> None:
    said = (text(f"One.\n\n{LINE_A}\n\nTwo.\n\n{LINE_B}\n"),)
    assert in_order(said) == ((text("One."),), MARK_A, MARK_B, (text("Two."),))
    assert in_order((text(f"{LINE_A}\nTwo."),)) == (MARK_A, (text("Two."),))


def test_marks_at_the_end_belong_to_all_parts_of_the_answer() -> None:
    """Open WebUI may hand a text over in pieces."""
    image = ImagePart(url="https://a.example/x.png")
    said = (text("Look:"), image, text(f"A cat.\n\n{LINE_A}\n"), text(LINE_B))
    assert in_order(said) == (MARK_A, MARK_B, (text("Look:"), image, text("A cat.")))


def test_marks_alone_are_marks_alone() -> None:
    assert in_order((text(LINE_A),)) == (MARK_A,)


def test_a_text_that_says_what_to_cache_is_marked_as_well() -> None:
    block = {"type": "text", "text": f"Five.\n\n{LINE_A}\n", "cache_control": {"type": "ephemeral"}}
    clean = OpaquePart(json=json.dumps({**block, "text": "Five."}, separators=(",", ":")))
    said = (OpaquePart(json=json.dumps(block)),)
    assert in_order(said) == (MARK_A, (clean,))
    assert without_marks(said) == (clean,)


@pytest.mark.parametrize("broken", ['{"text": 5, "x": "]: #"}', "[1, ']: #'", '"]: #"'])
def test_a_block_that_only_looks_like_it_is_passed_on(broken: str) -> None:
    assert in_order((OpaquePart(json=broken),)) == ((OpaquePart(json=broken),),)


def test_without_marks_a_text_is_one_text() -> None:
    said = (text(f"One.\n\n{LINE_A}\n\nTwo.\n\n{LINE_B}\n"), text(LINE_C))
    assert without_marks(said) == (text("One.\n\nTwo."),)
