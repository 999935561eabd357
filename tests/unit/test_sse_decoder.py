import pytest

from actors.ports import StreamBroken
from bridge.openrouter.sse_decoder import SseDecoder


def payloads(*chunks: bytes) -> list[bytes]:
    decoder = SseDecoder()
    return [*(payload for chunk in chunks for payload in decoder.feed(chunk)), *decoder.finish()]


def test_many_events_of_one_read_come_out_in_order() -> None:
    assert payloads(b"data: 1\n\ndata: 2\n\ndata: 3\n\n") == [b"1", b"2", b"3"]


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_every_line_end_of_the_sse_rules_is_taken(line_end: bytes) -> None:
    stream = b"data: 1\n\n: hi\n\ndata: 2\n\n".replace(b"\n", line_end)
    assert payloads(stream) == [b"1", b"2"]


def test_a_cut_inside_a_crlf_makes_no_extra_line() -> None:
    assert payloads(b"data: a\r", b"\ndata: b\r\n\r", b"\n") == [b"a\nb"]


def test_an_event_that_ends_in_cr_is_told_without_waiting_for_more() -> None:
    assert SseDecoder().feed(b"data: 1\r\n\r") == [b"1"]


def test_an_empty_read_between_the_halves_of_a_crlf_changes_nothing() -> None:
    assert payloads(b"data: a\r", b"", b"\ndata: b\r\n\r\n") == [b"a\nb"]


@pytest.mark.parametrize("cut", range(1, 4))
def test_a_byte_order_mark_is_dropped_wherever_it_is_cut(cut: int) -> None:
    stream = b"\xef\xbb\xbfdata: 1\n\n"
    assert payloads(stream[:cut], stream[cut:]) == [b"1"]


def test_a_byte_order_mark_later_on_is_part_of_the_text() -> None:
    assert payloads(b"data: 1\n\ndata: \xef\xbb\xbf\n\n") == [b"1", b"\xef\xbb\xbf"]


def test_comments_and_other_fields_are_dropped() -> None:
    stream = b": OPENROUTER PROCESSING\n\n:\n\nid: 7\nevent: x\nretry: 1\ndata: 1\nfoo\n\n"
    assert payloads(stream) == [b"1"]


def test_a_comment_between_the_lines_of_an_event_does_not_part_them() -> None:
    assert payloads(b"data: a\n: still here\ndata: b\n\n") == [b"a\nb"]


def test_one_space_after_the_colon_is_optional_and_a_second_one_is_text() -> None:
    assert payloads(b"data:1\n\ndata: 2\n\ndata:  3\n\n") == [b"1", b"2", b" 3"]


def test_several_data_lines_are_one_event() -> None:
    assert payloads(b"data: {\ndata:\ndata\ndata: }\n\n") == [b"{\n\n\n}"]


def test_a_field_that_only_begins_like_data_is_dropped() -> None:
    assert payloads(b"database: 1\ndata: 2\n\n") == [b"2"]


def test_blank_lines_alone_are_no_event() -> None:
    assert payloads(b"\n\n\ndata: 1\n\n\n\n") == [b"1"]


def test_an_event_without_its_blank_line_is_told_at_the_end() -> None:
    assert payloads(b"data: 1\n\ndata: 2\n") == [b"1", b"2"]
    assert payloads(b"data: 1\n\ndata: 2") == [b"1", b"2"]


def test_a_read_may_end_inside_a_character() -> None:
    stream = "data: é😀\n\n".encode()
    for cut in range(1, len(stream)):
        assert payloads(stream[:cut], stream[cut:]) == ["é😀".encode()]


def test_an_event_of_many_reads_is_put_together_once() -> None:
    big = b"x" * 300_000
    stream = b"data: " + big + b"\n\ndata: 2\n\n"
    decoder = SseDecoder()
    told = [payload for byte in stream for payload in decoder.feed(bytes((byte,)))]
    assert told == [big, b"2"]


def test_a_large_event_is_no_reason_to_give_up() -> None:
    big = b"x" * 5_000_000
    assert payloads(b"data: " + big, b"\n\n") == [big]


@pytest.mark.parametrize("chunk", [b"x" * 30, b"data: 12345678901234567\n", b": " + b"x" * 20])
def test_an_event_that_never_ends_breaks_the_stream_at_its_bound(chunk: bytes) -> None:
    decoder = SseDecoder(event_bytes_max=100)
    with pytest.raises(StreamBroken) as broken:
        decoder.feed(chunk * 20)
    assert broken.value.facts.code == "event_too_large"


def test_the_bound_counts_one_event_and_not_the_stream() -> None:
    decoder = SseDecoder(event_bytes_max=20)
    assert [decoder.feed(b"data: 12345\ndata: 6\n\n") for _ in range(50)] == [[b"12345\n6"]] * 50
