"""The command line names its commands, shows how each is used, and ends with a fitting status."""

import argparse
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.cli import COMMANDS, Command, main, run_line

PROJECT = Path(__file__).parents[2] / "pyproject.toml"


def command_that(run: Callable[[argparse.Namespace], int]) -> Command:
    """A command without arguments that does this."""
    return Command(
        name="act",
        purpose="act",
        example="greenroom act",
        add_arguments=lambda parser: None,
        run=run,
    )


def test_the_status_of_a_command_is_the_status_of_the_program() -> None:
    assert run_line(["act"], [command_that(lambda args: 7)]) == 7


def test_an_interrupt_ends_a_command_with_130_and_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted(args: argparse.Namespace) -> int:
        raise KeyboardInterrupt

    assert run_line(["act"], [command_that(interrupted)]) == 130
    assert capsys.readouterr().err.strip() == "Interrupted."


def test_without_a_command_the_overview_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    shown = capsys.readouterr().err
    assert all(command.purpose in shown for command in COMMANDS)


def test_a_command_that_does_not_exist_is_refused_with_those_that_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["dmeo"])
    assert left.value.code == 2
    assert "'demo', 'logs', 'pipe', 'rotate-key', 'sim', 'standin'" in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_help_of_every_command_shows_an_example(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main([command.name, "--help"])
    assert left.value.code == 0
    assert f"Example: greenroom {command.name}" in capsys.readouterr().out


def test_the_version_is_that_of_the_project(capsys: pytest.CaptureFixture[str]) -> None:
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    with pytest.raises(SystemExit) as left:
        main(["--version"])
    assert left.value.code == 0
    assert capsys.readouterr().out == f"greenroom {project['version']}\n"


@pytest.mark.parametrize("pace", ["0", "201", "quick", "nan"])
def test_an_impossible_pace_is_refused_with_what_would_be_accepted(
    pace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["demo", "--pace-ms", pace])
    assert left.value.code == 2
    assert f"'{pace}' is not a number from 1 to 200" in capsys.readouterr().err
