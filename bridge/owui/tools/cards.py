"""How a finished call is shown: a card that opens, in every version of Open WebUI.

It is text of the answer. Open WebUI's own markdown turns it into a box that a reader can open;
what is in it is JSON inside HTML attributes, so nothing of a result can break out of it.
"""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from typing import Final

from actors.values import ToolCall, ToolResult
from bridge.transforms.text import whole

ARGUMENTS_CHARS_MAX: Final = 10_000
RESULT_CHARS_MAX: Final = 20_000
FILES_CHARS_MAX: Final = 200_000
NAME_CHARS_MAX: Final = 200

# Line breaks to JavaScript, whose patterns read an attribute up to the end of a line.
_LINE_BREAKS: Final = (("\x85", "\\u0085"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029"))


def tool_card(call: ToolCall, result: ToolResult, *, shown_name: str = "") -> str:
    """Write the card of a call that is over.

    Args:
        call: what the model wanted.
        result: what it read; failed or not, a reader may look at it.
        shown_name: what people call the tool; the name of the call if that is not given.

    Returns:
        Markdown with an empty line on either side, so that the text before stays a paragraph
        and the text after becomes one. A huge result is cut and says by how much.
    """
    name = (shown_name or call.name)[:NAME_CHARS_MAX]
    attributes = (
        'type="tool_calls" done="true"',
        f'id="{_plain(call.call_id[:NAME_CHARS_MAX])}"',
        f'name="{_plain(name)}"',
        f'arguments="{_quoted(_cut(call.arguments or "{}", ARGUMENTS_CHARS_MAX))}"',
        f'result="{_quoted(_cut(result.output, RESULT_CHARS_MAX))}"',
        f'files="{_files(result.files)}"',
    )
    return f"\n\n<details {' '.join(attributes)}>\n<summary>Tool Executed</summary>\n</details>\n\n"


def _cut(text: str, chars_max: int) -> str:
    if len(text) <= chars_max:
        return text
    return f"{text[:chars_max]}\n[{len(text) - chars_max:,} more characters are not shown here]"


def _files(files: Sequence[str]) -> str:
    """Write the files that fit; the chat is stored with the card, again and again."""
    kept: list[str] = []
    left = FILES_CHARS_MAX
    for file in files:
        left -= len(file)
        if left >= 0:
            kept.append(file)
    return _quoted(kept) if kept else ""


def _quoted(value: object) -> str:
    """Write JSON inside an attribute, on one line."""
    text = whole(json.dumps(value, ensure_ascii=False))
    for line_break, escape in _LINE_BREAKS:
        text = text.replace(line_break, escape)
    return html.escape(text)


def _plain(text: str) -> str:
    """Write text inside an attribute, on one line."""
    return html.escape(" ".join(whole(text).split()))
