"""What every test shares: one Hypothesis profile, and the seed of the order when a run fails."""

import logging
from collections.abc import Iterator

import pytest
from hypothesis import settings

# The machine's speed is no property of the code, so no example has a deadline of its own; a
# failing one prints a blob that replays it.
settings.register_profile("check", deadline=None, print_blob=True)
settings.load_profile("check")


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config
) -> None:
    """Tests run in a shuffled order; one that fails only in some orders needs its seed."""
    if exitstatus == pytest.ExitCode.TESTS_FAILED:
        seed = config.getoption("randomly_seed", None)
        terminalreporter.write_line(f"same order again: pytest --randomly-seed={seed}")


@pytest.fixture(autouse=True)
def _log_level_of_its_own() -> Iterator[None]:
    """LOG_LEVEL is live: a door that one test makes must not silence the logs of the next."""
    logger = logging.getLogger("greenroom")
    level = logger.level
    yield
    logger.setLevel(level)
