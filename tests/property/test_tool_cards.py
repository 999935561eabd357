from __future__ import annotations

import html
import json
import re

from hypothesis import given
from hypothesis import strategies as st

from actors.values import ToolCall, ToolResult
from bridge.owui.tools.cards import tool_card
from bridge.transforms.text import whole

TEXTS = st.text(alphabet=st.characters(exclude_categories=()), max_size=40)
# As the browser's pattern reads it: a dot stands for anything but a line break of JavaScript.
CARD = re.compile(
    r"\n\n<details ([^>\n\r\u2028\u2029]*)>\n<summary>[^<]*</summary>\n</details>\n\n"
)


@given(call_id=TEXTS, name=TEXTS, arguments=TEXTS, output=TEXTS, files=st.lists(TEXTS, max_size=2))
def test_whatever_a_tool_says_stays_inside_its_card(
    call_id: str, name: str, arguments: str, output: str, files: list[str]
) -> None:
    card = tool_card(
        ToolCall(call_id=call_id, name=name, arguments=arguments),
        ToolResult(output=output, files=tuple(files)),
    )
    card.encode()
    match = CARD.fullmatch(card)
    assert match
    said = dict(re.findall(r'(\w+)="([^"]*)"', match[1]))
    assert set(said) == {"type", "done", "id", "name", "arguments", "result", "files"}
    assert json.loads(html.unescape(said["arguments"])) == whole(arguments or "{}")
    assert json.loads(html.unescape(said["result"])) == whole(output)
