"""Images as Markdown (SPEC 94)."""

from __future__ import annotations

import pytest

from bridge.transforms.image_text import (
    INLINE_CHARS_MAX,
    image_markdown,
    inline_markdown,
    is_address,
    is_image_data,
)

DATA = "data:image/png;base64,iVBORw0KGgo="


def test_an_address_cannot_leave_its_link() -> None:
    assert image_markdown('https://a.example/a b).png?"<x>') == (
        "![Generated image](https://a.example/a%20b%29.png?%22%3Cx%3E)"
    )


def test_a_small_image_stands_in_the_text() -> None:
    assert inline_markdown(DATA) == f"![Generated image]({DATA})"


def test_a_large_image_is_a_notice() -> None:
    large = DATA.replace("=", "A" * INLINE_CHARS_MAX)
    assert inline_markdown(large) == "*An image of 1.5 MB could not be stored.*"


@pytest.mark.parametrize(
    "url", ["data:text/html;base64,AAAA", "data:image/png;base64,A)A", "data:image/png,A", "x"]
)
def test_what_is_no_image_is_a_notice(url: str) -> None:
    assert not is_image_data(url)
    assert "](" not in inline_markdown(url)


@pytest.mark.parametrize(
    ("url", "is_one"),
    [
        ("https://a.example/x.png", True),
        ("/api/v1/files/1/content", True),
        (DATA, False),
        ("javascript:x", False),
    ],
)
def test_an_address_is_what_a_browser_can_load(url: str, is_one: bool) -> None:
    assert is_address(url) is is_one
