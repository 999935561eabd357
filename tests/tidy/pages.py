"""The pages that people read, taken apart for the tests that hold them against the code."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.tidy.house import ROOT

PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")])

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")


def text_of(name: str) -> str:
    """Read a page by its name in the project's folder."""
    return (ROOT / name).read_text(encoding="utf-8")


def prose(text: str) -> str:
    """Leave blocks of code out."""
    return _FENCE.sub("", text)


def blocks(text: str, language: str) -> list[str]:
    """Return the blocks of code in a language; "" for those that name none."""
    return [found[2] for found in _FENCE.finditer(text) if found[1] == language]


def code_words(text: str) -> list[str]:
    """Return what stands between single backticks."""
    return _CODE.findall(prose(text))


def part(text: str, heading: str) -> str:
    """Return what stands below a heading, up to the next one of its level or higher."""
    level = heading.count("#", 0, heading.index(" "))
    after = text.partition(f"\n{heading}\n")[2]
    assert after, f"there is no heading {heading!r}"
    return re.split(rf"^#{{1,{level}}} ", after, maxsplit=1, flags=re.MULTILINE)[0]


def rows(text: str) -> Iterator[tuple[str, ...]]:
    """Return the rows of all tables, cell by cell, without their heads."""
    is_body = False
    for line in text.splitlines():
        if not line.startswith("|"):
            is_body = False
        elif set(line) <= set("|-: "):
            is_body = True
        elif is_body:
            yield tuple(cell.strip() for cell in line.strip("|").split("|"))


def anchors(page: Path) -> set[str]:
    """Return the names under which a page's headings can be linked to, as GitHub makes them."""
    found: dict[str, int] = {}
    for line in prose(page.read_text(encoding="utf-8")).splitlines():
        if line.startswith("#"):
            words = line.lstrip("#").strip().lower()
            name = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
            found[name] = found.get(name, 0) + 1
    return {
        name if not number else f"{name}-{number}"
        for name, count in found.items()
        for number in range(count)
    }
