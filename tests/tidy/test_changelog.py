"""Users are told what changed."""

import tomllib

from tests.tidy.house import ROOT


def test_the_changelog_has_a_part_for_this_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    headings = [
        line
        for line in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("## ")
    ]
    assert any(project["version"] in heading for heading in headings)
