from __future__ import annotations

import pytest

from bridge.owui.tools.words import ERROR_CHARS_MAX, NAMES_MAX, masked, unknown

KEY = "0123456789abcdefABCDEF"


@pytest.mark.parametrize(
    "text",
    [
        f"bad key sk-or-v1-{KEY}",
        f"Authorization: Bearer {KEY}",
        f"{{'api_key': '{KEY}'}}",
        f"https://x.example/?token={KEY}&a=1",
        f"password={KEY}",
        f"postgres://bob:{KEY}@db/x",
        f"eyJhbGciOiJI.{KEY}.{KEY}",
        f"ghp_{KEY}",
    ],
)
def test_what_looks_like_a_key_is_masked(text: str) -> None:
    said = masked(text)
    assert KEY not in said
    assert "***" in said


def test_the_rest_of_a_text_stays() -> None:
    assert masked("HTTP error 404: no city called Bonn") == "HTTP error 404: no city called Bonn"
    assert masked(f"a token={KEY}, b") == "a token=***, b"


def test_a_long_text_is_cut() -> None:
    assert len(masked("x" * 10_000)) < ERROR_CHARS_MAX + 10


def test_a_model_is_not_told_more_tools_than_it_can_use() -> None:
    said = unknown("x" * 500, [f"t{n}" for n in range(NAMES_MAX + 4)])
    assert "and 4 more" in said
    assert len(said) < 1_000
    assert "no tools in this chat" in unknown("x", [])
