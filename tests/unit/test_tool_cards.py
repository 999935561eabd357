from __future__ import annotations

import html
import json
import re

from actors.values import ToolCall, ToolResult
from bridge.owui.tools.cards import FILES_CHARS_MAX, RESULT_CHARS_MAX, tool_card

CALL = ToolCall(call_id="call_1", name="tool__look", arguments='{"q":"<a>"}')


def attributes(card: str) -> dict[str, str]:
    """What Open WebUI's markdown reads out of the card."""
    match = re.fullmatch(
        r"\n\n<details ([^>\n]*)>\n<summary>Tool Executed</summary>\n</details>\n\n", card
    )
    assert match, card
    return dict(re.findall(r'(\w+)="([^"]*)"', match[1]))


def test_a_card_says_what_was_called_and_what_came_back() -> None:
    """CONTRACT 5."""
    card = tool_card(CALL, ToolResult(output='one\n"two" </details>'), shown_name="look")
    said = attributes(card)
    assert (said["type"], said["done"], said["id"], said["name"]) == (
        "tool_calls",
        "true",
        "call_1",
        "look",
    )
    assert json.loads(html.unescape(said["arguments"])) == '{"q":"<a>"}'
    assert json.loads(html.unescape(said["result"])) == 'one\n"two" </details>'
    assert said["files"] == ""


def test_nothing_in_a_card_ends_it_early() -> None:
    odd = 'a">\n\n```\u2028</details><script>'
    card = tool_card(
        ToolCall(call_id=odd, name=odd, arguments=odd), ToolResult(output=odd, files=(odd,))
    )
    said = attributes(card)
    assert json.loads(html.unescape(said["result"])) == odd
    assert "\u2028" not in card
    assert card.count("\n") == 6


def test_a_huge_result_is_cut_and_says_by_how_much() -> None:
    card = tool_card(CALL, ToolResult(output="x" * (RESULT_CHARS_MAX + 12_345)))
    shown = json.loads(html.unescape(attributes(card)["result"]))
    assert shown.endswith("[12,345 more characters are not shown here]")
    assert len(card) < RESULT_CHARS_MAX + 1_000


def test_images_are_listed_as_far_as_they_fit() -> None:
    files = ("data:image/png;base64,QUJD", "x" * FILES_CHARS_MAX)
    card = tool_card(CALL, ToolResult(output="", files=files))
    assert json.loads(html.unescape(attributes(card)["files"])) == [files[0]]


def test_a_call_without_arguments_shows_an_empty_object() -> None:
    said = attributes(
        tool_card(ToolCall(call_id="c", name="n", arguments=""), ToolResult(output=""))
    )
    assert json.loads(html.unescape(said["arguments"])) == "{}"
    assert said["name"] == "n"
