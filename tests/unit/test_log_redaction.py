"""What a log may show (SPEC 189)."""

from __future__ import annotations

import pytest

from bridge.owui.log_redaction import BASE64_CHARS_KEPT, TEXT_CHARS_MAX, Loggable, loggable

KEY = "sk-or-v1-0123456789abcdef"


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {KEY}",
        f"authorization: {KEY}",
        f"{{'Authorization': 'Bearer {KEY}', 'Accept': '*'}}",
        f"(b'Authorization', b'Bearer {KEY}')",
        '"Proxy-Authorization": "Basic 0123456789abcdef"',
        f"the key {KEY} is wrong",
        f"Bearer {KEY}",
        "Bearer 0123456789abcdef",
    ],
)
def test_a_key_is_never_shown(text: str) -> None:
    assert "0123456789" not in loggable(text)


def test_what_stands_beside_a_key_stays() -> None:
    shown = loggable(f"{{'Authorization': 'Bearer {KEY}', 'Accept': 'text/event-stream'}}")
    assert shown == "{'Authorization': '***', 'Accept': 'text/event-stream'}"


@pytest.mark.parametrize("kind", ["image/png", "audio/x-m4a", "application/vnd.a+b;charset=utf-8"])
def test_data_in_base64_are_cut_to_their_beginning(kind: str) -> None:
    data = "QUJD" * 1000
    shown = loggable(f'{{"url": "data:{kind};base64,{data}", "a": "b"}}')
    kept = data[:BASE64_CHARS_KEPT]
    assert shown == f'{{"url": "data:{kind};base64,{kept}…(4000 characters)", "a": "b"}}'


def test_short_data_are_shown() -> None:
    assert loggable("data:image/gif;base64,R0lGOD==") == "data:image/gif;base64,R0lGOD=="


def test_a_text_is_bounded_but_not_for_the_data_in_it() -> None:
    assert len(loggable("x y" * TEXT_CHARS_MAX)) < TEXT_CHARS_MAX + 100
    around = f"data:image/png;base64,{'QUJD' * TEXT_CHARS_MAX} the end"
    assert loggable(around).endswith("the end")


def test_a_value_is_turned_into_text_only_when_it_is_read() -> None:
    class Counted:
        read = 0

        def __str__(self) -> str:
            Counted.read += 1
            return KEY

    shown = Loggable(Counted())
    assert Counted.read == 0
    assert f"{shown}" == "sk-…"
    assert Counted.read == 1


def test_bytes_are_shown_as_text() -> None:
    assert str(Loggable(b"caf\xc3\xa9 \xff")) == "caf\u00e9 \ufffd"
