"""Text from outside, made fit to stand in a message for people. Pure.

It is bounded, shows no key, and has lost its meaning for Markdown, HTML and Open WebUI.
"""

from __future__ import annotations

import re
from typing import Final

_MARKDOWN_MARKS: Final = re.compile(r"([\\`*_\[\]$|~!])")
# A word may begin behind an escape of JSON, where no blank tells it from the letter before.
_BEGIN: Final = r"(?:\b|(?<=\\[nrtbf])|(?<=\\u[0-9a-fA-F]{4}))"
_KEYS: Final = re.compile(
    _BEGIN + r"(?:sk-[A-Za-z0-9_\-]{6,}|Bearer\s+[A-Za-z0-9._~+/=\-]{6,})", re.I
)
_LINKS: Final = re.compile(r"!(?=\[)|\](?=[(:\[])")


def masked(text: str) -> str:
    """Return the text without keys."""
    return _KEYS.sub(lambda found: "sk-…" if found[0][:2].lower() == "sk" else "Bearer …", text)


def shortened(text: str, chars_max: int) -> str:
    """Return one line without keys, cut to a bound."""
    # Twice the bound is more than enough to fill a line; the rest is not even looked at.
    line = masked(" ".join(text[: 2 * chars_max].split()))
    return line if len(line) <= chars_max else line[: chars_max - 1] + "…"


def harmless(line: str) -> str:
    r"""Take the meaning for Markdown, HTML and Open WebUI's own tags out of a line.

    An image would be fetched, and a `<details>` or `<think>` be understood by Open WebUI, which
    looks for them as text: a backslash does not stop it, an entity does.
    """
    return _MARKDOWN_MARKS.sub(r"\\\1", line).replace("<", "&lt;")


def harmless_block(text: str, chars_max: int) -> str:
    """Make several lines, such as JSON, fit to stand inside a code block or outside of one.

    Escapes would show inside of it. So what opens a tag, closes the block, makes an image or a
    link is replaced by what looks alike.
    """
    block = masked(text[:chars_max]).replace("<", "\u2039").replace("`", "'").replace("~~~", "~")
    return _LINKS.sub(lambda found: f"{found[0]} ", block.replace("\r", ""))
