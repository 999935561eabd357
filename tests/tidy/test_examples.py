"""An example that says it runs offline does, and without a warning."""

import os
import subprocess
import sys
from pathlib import Path

from tests.tidy.house import ROOT, name_of

MARK = "# runs offline"
TIMEOUT_S = 50.0


def runs_offline(path: Path) -> bool:
    """Whether the first comment of the example makes the promise."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return next((line for line in lines if line.startswith("#")), "") == MARK


def test_every_offline_example_runs() -> None:
    offline = [path for path in sorted((ROOT / "examples").glob("*.py")) if runs_offline(path)]
    environment = {name: text for name, text in os.environ.items() if name != "OPENROUTER_API_KEY"}
    environment |= {"PYTHONWARNINGS": "error", "PYTHONPATH": str(ROOT)}
    assert offline, "no example runs offline"
    for path in offline:
        command = [sys.executable, name_of(path)]
        ended = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, timeout=TIMEOUT_S, check=False
        )
        assert ended.returncode == 0, f"{name_of(path)}: {ended.stderr.decode()}"
