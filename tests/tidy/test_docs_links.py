"""Whatever a page points at is there: other pages, headings, files, make targets."""

import re
from pathlib import Path

import pytest

from tests.tidy.house import PRODUCT, ROOT, all_files, name_of
from tests.tidy.pages import PAGES, anchors, code_words, prose, text_of

LINK = re.compile(r"\]\(([^)\s]+)\)")
FAR = ("https://", "http://")
FOLDERS = (*PRODUCT, "tests", "examples", "docs", "benchmarks")
A_PAGE = pytest.mark.parametrize("page", PAGES, ids=name_of)


def links_of(page: Path) -> list[str]:
    """Every link and image of a page that leads to something of ours."""
    found = LINK.findall(prose(page.read_text(encoding="utf-8")))
    return [target for target in found if not target.startswith(FAR)]


def problem_of(page: Path, target: str) -> str:
    """Say what is wrong with a link, or nothing."""
    path, _, anchor = target.partition("#")
    file = (page.parent / path).resolve() if path else page
    if not file.is_file():
        return f"{name_of(page)}: {target} leads to no file"
    if anchor and anchor not in anchors(file):
        return f"{name_of(page)}: {target} leads to no heading"
    return ""


@A_PAGE
def test_no_link_is_dead(page: Path) -> None:
    assert [said for target in links_of(page) if (said := problem_of(page, target))] == []


def test_dead_links_are_noticed() -> None:
    page = ROOT / "README.md"
    assert problem_of(page, "docs/nowhere.md").endswith("leads to no file")
    assert problem_of(page, "docs/admins.md#nowhere").endswith("leads to no heading")
    assert problem_of(page, "docs/admins.md#install") == ""


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = set[Path](), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        targets = (target.partition("#")[0] for target in links_of(page))
        linked = [(page.parent / target).resolve() for target in targets if target]
        waiting += [path for path in linked if path.suffix == ".md"]
    assert [name_of(page) for page in PAGES if page not in reached] == []


def test_every_picture_is_shown_somewhere() -> None:
    shown = {(page.parent / target).resolve() for page in PAGES for target in links_of(page)}
    pictures = sorted((ROOT / "docs" / "images").iterdir())
    assert [name_of(picture) for picture in pictures if picture not in shown] == []


@A_PAGE
def test_every_file_that_is_named_is_there(page: Path) -> None:
    named = [
        word
        for word in code_words(page.read_text(encoding="utf-8"))
        if word.startswith(tuple(f"{folder}/" for folder in FOLDERS)) and " " not in word
    ]
    assert [word for word in named if not list(ROOT.glob(word.rstrip("/")))] == []


def test_every_module_that_is_named_alone_is_somewhere() -> None:
    files = {path.name for path in all_files()}
    named = {
        word
        for page in PAGES
        for word in code_words(page.read_text(encoding="utf-8"))
        if re.fullmatch(r"\w+\.py", word)
    }
    # What a build writes is in no folder of the project.
    assert sorted(named - files - {"greenroom_pipe.py", "greenroom_pipe_compressed.py"}) == []


@A_PAGE
def test_every_make_target_that_is_named_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", text_of("Makefile"), re.MULTILINE))
    named = re.findall(r"\bmake ([a-z][a-z0-9-]*)\b(?=`| [A-Z]+=|  )", page.read_text("utf-8"))
    assert [name for name in named if name not in targets] == []
