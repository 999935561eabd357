"""Recorded streams live outside the project; a run without them says what it left out.

Real databases are started by the first test that asks for one.
"""

import pytest

from tests.integration import conformance
from tests.integration.servers import postgres_server, valkey_server

__all__ = ["postgres_server", "valkey_server"]

LEFT_OUT = pytest.StashKey[int]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    marked = [item for item in items if item.get_closest_marker("conformance")]
    if conformance.folder() is None:
        config.stash[LEFT_OUT] = len(marked)
        config.hook.pytest_deselected(items=marked)
        items[:] = [item for item in items if item not in marked]


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    left_out = config.stash.get(LEFT_OUT, 0)
    if left_out:
        terminalreporter.write_line(
            f"conformance: tests over recorded streams left out: {left_out};"
            " GREENROOM_CONFORMANCE names no folder"
        )
    elif conformance.folder() is not None:
        extent = "every cut" if conformance.is_whole() else "a tenth of the cuts"
        terminalreporter.write_line(
            f"conformance: {len(conformance.recordings())} recordings at hand, {extent},"
            f" GREENROOM_SEED={conformance.seed()}"
        )
