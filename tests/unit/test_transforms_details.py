from __future__ import annotations

import pytest

from bridge.transforms.details import without_details

OPEN = '<details type="reasoning" done="true" duration="3">'


@pytest.mark.parametrize(
    ("stored", "sent"),
    [
        (f"{OPEN}\n<summary>x</summary>\n> hm\n</details>\nHello", "Hello"),
        (f"Hello\n{OPEN}\n> hm\n</details>\nagain\n", "Hello\nagain"),
        (f"{OPEN}a</details>{OPEN}b</details>Hello", "Hello"),
        ('<details  type="tool_calls" result="&gt;">\n</details>\nHello', "Hello"),
        (f"{OPEN}hm</details>", ""),
    ],
)
def test_a_block_of_open_webui_is_taken_out(stored: str, sent: str) -> None:
    assert without_details(stored) == sent


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n Hello \n",
        "<details>mine</details>",
        '<details class="x" type="reasoning">mine</details>',
        '<details type="spoiler">mine</details>',
        f"{OPEN} and no end",
        '<details type="reasoning" and no end',
        "</details>",
    ],
)
def test_every_other_text_stays_as_it_is(text: str) -> None:
    assert without_details(text) == text


def test_what_follows_a_block_that_is_not_closed_stays() -> None:
    assert without_details(f"{OPEN}hm</details>\nHello {OPEN} open") == f"Hello {OPEN} open"


def test_a_marker_of_a_stored_artifact_stays() -> None:
    """SPEC 37."""
    marker = "[01H0000000000000ABCD]: #"
    assert without_details(f"{OPEN}hm</details>\nHello\n\n{marker}\n").endswith(marker)
