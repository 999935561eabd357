"""The command line: `greenroom COMMAND`. Every command lives with what it is about."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bridge.chaos import command as sim
from bridge.demo import command as demo
from bridge.onefile import command as pipe
from bridge.session_logs import command as logs
from bridge.standin import command as standin
from bridge.storage import command as rotate_key

_USAGE_EXIT: Final = 2
_INTERRUPTED_EXIT: Final = 130
_FRONT_MATTER: Final = Path(__file__).parent / "owui" / "function.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One subcommand: its line in the overview, an example, and the module that does it."""

    name: str
    purpose: str
    example: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


COMMANDS: Final = (
    Command(
        name="demo",
        purpose="watch chats survive their provider's failures, offline",
        example="greenroom demo",
        add_arguments=demo.add_arguments,
        run=demo.run_command,
    ),
    Command(
        name="logs",
        purpose="read encrypted archives of session logs",
        example="greenroom logs open ARCHIVE.zip --out DIR",
        add_arguments=logs.add_arguments,
        run=logs.run_command,
    ),
    Command(
        name="pipe",
        purpose="write the one file that an admin pastes into Open WebUI",
        example="greenroom pipe --out dist",
        add_arguments=pipe.add_arguments,
        run=pipe.run_command,
    ),
    Command(
        name="rotate-key",
        purpose="seal with the current key what earlier keys have sealed",
        example="greenroom rotate-key --pipe-id greenroom --database sqlite:////data/webui.db",
        add_arguments=rotate_key.add_arguments,
        run=rotate_key.run_command,
    ),
    Command(
        name="sim",
        purpose="run the whole tree in seeded simulations, or replay one seed",
        example="greenroom sim --seed 7",
        add_arguments=sim.add_arguments,
        run=sim.run_command,
    ),
    Command(
        name="standin",
        purpose="serve a stand-in for OpenRouter that fails on request",
        example="greenroom standin --port 8899",
        add_arguments=standin.add_arguments,
        run=standin.run_command,
    ),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    Args:
        argv: what follows the program's name; by default what this process was started with.

    Raises:
        SystemExit: help or the version was asked for (0), or the line was not understood (2).
    """
    return run_line(argv, COMMANDS)


def run_line(argv: Sequence[str] | None, commands: Sequence[Command]) -> int:
    """Do what `main` does, with the commands given."""
    parser = make_parser(commands)
    args = parser.parse_args(argv)
    if args.command is None:
        parser.print_help(sys.stderr)
        return _USAGE_EXIT
    run: Callable[[argparse.Namespace], int] = args.run
    try:
        status = run(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return _INTERRUPTED_EXIT
    except BrokenPipeError:
        # Whoever read the output has gone (`| head`); the flush at exit must not complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


def make_parser(commands: Sequence[Command]) -> argparse.ArgumentParser:
    """Describe the commands."""
    examples = "\n".join(f"  {command.example}" for command in commands)
    parser = argparse.ArgumentParser(
        prog="greenroom",
        description="Every OpenRouter model in Open WebUI, kept going by supervised actors.",
        epilog=f"examples:\n{examples}\n\n`greenroom COMMAND --help` tells more.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"greenroom {version()}")
    choices = parser.add_subparsers(dest="command", metavar="COMMAND")
    for command in commands:
        below = choices.add_parser(
            command.name,
            help=command.purpose,
            description=f"{command.purpose[0].upper()}{command.purpose[1:]}.",
            epilog=f"Example: {command.example}",
        )
        command.add_arguments(below)
        below.set_defaults(run=command.run)
    return parser


def version() -> str:
    """Return the version that Open WebUI shows for the pipe file."""
    found = re.search(r"^version: (\S+)$", _FRONT_MATTER.read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None, "the front matter names the version"
    return found[1]


if __name__ == "__main__":
    sys.exit(main())
