"""The page of valves is written from the valves."""

import os
import subprocess
import sys

from tests.tidy.house import ROOT

COMMAND = "python docs/valves_page.py > docs/valves.md"


def test_the_page_of_valves_is_up_to_date() -> None:
    printed = subprocess.run(
        [sys.executable, "docs/valves_page.py"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=True,
    )
    page = (ROOT / "docs" / "valves.md").read_bytes()
    assert page == printed.stdout, f"write it anew: {COMMAND}"
