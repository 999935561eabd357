"""What Open WebUI 0.6 keeps inside an answer's text and no model should read again. Pure.

It stores thinking, tool calls and code runs as `<details type="...">` in front of or between
the text. Its browser takes them out before it sends the history on; programs that read the
stored text do not (CONTRACT 5).
"""

from __future__ import annotations

import re
from typing import Final

_OPENS: Final = "<details"
_KIND: Final = re.compile(r'<details\s+type="(?:reasoning|tool_calls|code_interpreter)"')
_CLOSES: Final = "</details>"


def without_details(text: str) -> str:
    """Take those blocks out, each with the line break behind it.

    A block that is not closed stays: then it is no block of Open WebUI's. One pass, whatever
    the text holds.
    """
    kept: list[str] = []
    start = at = 0
    while (at := text.find(_OPENS, at)) >= 0:
        if not _KIND.match(text, at):
            at += len(_OPENS)
            continue
        tag_end = text.find(">", at)
        end = text.find(_CLOSES, tag_end) if tag_end >= 0 else -1
        if end < 0:
            break
        kept.append(text[start:at])
        start = at = end + len(_CLOSES)
        if text.startswith("\n", at):
            start = at = at + 1
    if not kept:
        return text
    kept.append(text[start:])
    return "".join(kept).strip("\n")
