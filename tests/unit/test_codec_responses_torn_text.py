r"""Half a character in a delta: JSON can escape it, UTF-8 cannot hold it (SPEC 91)."""

import pytest

from actors.values import StreamEvent, TextAdvanced, TextStated
from tests.unit.responses_script import DONE, completed, decoded, sse


def delta(escaped: str, output: int = 0) -> bytes:
    """A text delta with its text in JSON's own escapes."""
    return b'data: {"type":"response.output_text.delta","output_index":%d,"delta":"%s"}\n\n' % (
        output,
        escaped.encode(),
    )


HIGH, LOW = r"\ud83d", r"\ude00"
END = sse(completed())


def texts(events: list[StreamEvent]) -> list[str]:
    return [event.text for event in events if isinstance(event, TextAdvanced)]


def test_halves_in_two_deltas_of_one_read_meet() -> None:
    assert texts(decoded(delta("a" + HIGH) + delta(LOW + "b") + END)) == ["a😀b"]


def test_halves_in_two_reads_meet_and_nothing_is_told_twice() -> None:
    assert texts(decoded(delta("a" + HIGH), delta(LOW + "b"), END)) == ["a", "😀b"]


def test_a_delta_that_is_only_half_a_character_waits() -> None:
    assert texts(decoded(delta(HIGH), delta(LOW), END)) == ["😀"]


def test_halves_of_two_items_do_not_meet() -> None:
    told = decoded(delta(HIGH, 0), delta(HIGH, 1), delta(LOW, 0), delta(LOW, 1), END)
    assert texts(told) == ["😀", "😀"]


@pytest.mark.parametrize("rest", [END, DONE, b"", delta("b") + END])
def test_a_half_without_its_partner_becomes_a_replacement_character(rest: bytes) -> None:
    assert "".join(texts(decoded(delta("a" + HIGH), rest))).startswith("a\ufffd")
    assert "".join(texts(decoded(delta("a" + HIGH) + rest))).startswith("a\ufffd")


def test_a_second_half_alone_becomes_a_replacement_character() -> None:
    assert texts(decoded(delta(LOW + "x") + END)) == ["\ufffdx"]


def test_a_part_that_is_done_lets_go_of_its_half() -> None:
    done = b'data: {"type":"response.output_text.done","output_index":0,"text":"whole"}\n\n'
    told = decoded(delta("a" + HIGH) + done, delta("b", 1))
    assert texts(told) == ["a", "\ufffd", "b"]


def test_whole_pairs_need_no_repair() -> None:
    assert texts(decoded(delta(HIGH + LOW) + END)) == ["😀"]


def test_a_torn_statement_is_mended() -> None:
    done = rb'data: {"type":"response.output_text.done","output_index":0,"text":"a\ud83d"}'
    assert decoded(done) == [TextStated(output_index=0, content_index=0, text="a\ufffd")]
