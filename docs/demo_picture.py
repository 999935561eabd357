"""Plays the demo and prints a part of it: `python docs/demo_picture.py > docs/images/demo.svg`."""

import asyncio
import re
import sys
from html import escape
from io import StringIO

from bridge.demo.command import PACE_MS, direct_to_loopback, play_all
from bridge.demo.scenes import SCENES
from bridge.demo.screen import Screen
from bridge.onefile.build import build_pipe
from bridge.onefile.command import ROOT

# The first and the last scene of the picture, counted from 1.
FIRST, LAST = 3, 5

MARGIN = 16.0
TOP = 52
CHARACTER = 7.8
LINE = 17
STYLES = {"": "p", "1": "b", "2": "d", "32": "g", "31": "r"}
_INKED = re.compile(r"\x1b\[(\d+)m(.*?)\x1b\[0m")
HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
    'height="{height}" role="img" aria-label="greenroom demo in a terminal">\n'
    "<style>text{{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',"
    "monospace;white-space:pre}}.p{{fill:#d8dee9}}.b{{fill:#fff;font-weight:700}}"
    ".d{{fill:#8b95a5}}.g{{fill:#8fd694}}.r{{fill:#ff7b72}}</style>\n"
    '<rect width="{width}" height="{height}" rx="8" fill="#161b22"/>\n'
    '<g fill="#3b434f"><circle cx="20" cy="18" r="5"/><circle cx="38" cy="18" r="5"/>'
    '<circle cx="56" cy="18" r="5"/></g>\n'
    '<text x="78" y="22" class="d">$ greenroom demo</text>\n'
)


def played() -> str:
    """Play all scenes and return what a terminal with colours would get."""
    out = StringIO()
    screen = Screen(out, is_coloured=True)
    with direct_to_loopback():
        asyncio.run(play_all(screen, build_pipe(ROOT).readable.decode(), PACE_MS))
    return out.getvalue()


def part(text: str) -> list[str]:
    """Return the lines of the scenes that are shown."""
    heading = "\n\x1b[1m{}/" + str(len(SCENES))
    begin = text.index(heading.format(FIRST)) + 1
    return text[begin : text.index(heading.format(LAST + 1))].rstrip("\n").split("\n")


def spans(line: str) -> list[str]:
    """Return a line as pieces of one style, each at its place."""
    pieces: list[tuple[int, str, str]] = []
    column = end = 0
    for found in [*_INKED.finditer(line), None]:
        plain = line[end : found.start() if found else len(line)]
        pieces.append((column, STYLES[""], plain))
        column += len(plain)
        if found:
            pieces.append((column, STYLES[found[1]], found[2]))
            column += len(found[2])
            end = found.end()
    return [
        f'<tspan x="{_at(column + len(text) - len(text.lstrip()))}" class="{style}" '
        f'textLength="{len(text.strip()) * CHARACTER:.4g}">{escape(text.strip(), quote=False)}'
        "</tspan>"
        for column, style, text in _joined(pieces)
        if text.strip()
    ]


def _joined(pieces: list[tuple[int, str, str]]) -> list[tuple[int, str, str]]:
    """Put words of one style together: the screen inks word by word."""
    joined: list[tuple[int, str, str]] = []
    for column, style, text in pieces:
        is_gap = style == STYLES[""] and text == " "
        if joined and (joined[-1][1] == style or is_gap):
            before = joined.pop()
            joined.append((before[0], before[1], before[2] + text))
        else:
            joined.append((column, style, text))
    return joined


def _at(column: int) -> str:
    return f"{MARGIN + column * CHARACTER:.4g}"


def picture(lines: list[str]) -> str:
    """Draw lines of a terminal."""
    longest = max(len(_INKED.sub(r"\2", line)) for line in lines)
    width, height = round(2 * MARGIN + longest * CHARACTER), TOP + LINE * len(lines)
    drawn = [
        f'<text y="{TOP + LINE * number}">{"".join(spans(line))}</text>\n'
        for number, line in enumerate(lines)
        if line.strip()
    ]
    return HEAD.format(width=width, height=height) + "".join(drawn) + "</svg>"


if __name__ == "__main__":
    sys.stdout.write(picture(part(played())) + "\n")
