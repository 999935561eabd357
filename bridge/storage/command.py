"""The command `greenroom rotate-key`: puts what a pipe keeps under its current key."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event
from typing import Final

from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from actors.kernel.clock import SystemWatch, Watch
from actors.ports import Secret, StoreError
from bridge.crypto.secret_box import is_encrypted
from bridge.storage.engines import Database
from bridge.storage.keyed_store import Keys
from bridge.storage.rotation import SLICE_ROWS_MAX, Progress, Rotation

KEY_VARIABLE: Final = "ARTIFACT_ENCRYPTION_KEY"
PREVIOUS_VARIABLE: Final = "ARTIFACT_ENCRYPTION_KEY_PREVIOUS"
DATABASE_VARIABLES: Final = ("ARTIFACT_DATABASE_URL", "DATABASE_URL")
SCHEMA_VARIABLE: Final = "DATABASE_SCHEMA"

_TOLD_EVERY_S: Final = 1.0
_FAILED: Final = 1


class RotationFailed(Exception):
    """Nothing was begun; the text says why, in words for people."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.description = (
        "Seal what a pipe keeps with its current key: rows of earlier keys, and rows that lie "
        "open. Set the new key and the earlier ones in the valves first, and chat once; then "
        "nothing is unreadable at any moment. It can be interrupted and started again, and the "
        f"pipe goes on meanwhile. Keys are asked for, or taken from the environment variables "
        f"{KEY_VARIABLE} and {PREVIOUS_VARIABLE} (separated by blanks); they are never given in "
        "the command line. The exit status is 1 when rows were left that do not open."
    )
    parser.add_argument(
        "--pipe-id",
        required=True,
        metavar="ID",
        help="the id of the function in Open WebUI, as its address shows it",
    )
    parser.add_argument(
        "--database",
        metavar="URL",
        help=(
            "the address of the database as SQLAlchemy spells it "
            f"(default: the variable {' or '.join(DATABASE_VARIABLES)}, where a password is safer)"
        ),
    )
    parser.add_argument(
        "--schema",
        metavar="NAME",
        help=f"the schema of the table (default: the variable {SCHEMA_VARIABLE})",
    )
    parser.add_argument(
        "--reasoning-only",
        action="store_true",
        help="leave open what is no thinking, as ENCRYPT_ALL switched off does",
    )
    parser.add_argument(
        "--slice-rows",
        type=_positive,
        default=SLICE_ROWS_MAX,
        metavar="N",
        help=f"rows of one transaction (default: {SLICE_ROWS_MAX})",
    )
    parser.set_defaults(
        ask=getpass.getpass, environment=os.environ, watch=SystemWatch(), pause=Event().wait
    )


def run_command(args: argparse.Namespace) -> int:
    """Rotate, and tell how it goes; 1 when it did not work, or rows were left."""
    environment: Mapping[str, str] = args.environment
    try:
        database = _database(args, environment)
        keys = _keys(environment, args.ask, seals_all=not args.reasoning_only)
    except RotationFailed as failed:
        return _refused(str(failed))
    rotation = Rotation(
        database, args.pipe_id, keys, pause=args.pause, watch=args.watch, slice_rows=args.slice_rows
    )
    try:
        return _rotate(rotation, args.watch)
    except StoreError as error:
        return _refused(error.facts.detail or type(error).__name__)
    finally:
        rotation.close()


def _rotate(rotation: Rotation, watch: Watch) -> int:
    began_s = told_s = watch.now_s()
    progress = Progress()
    try:
        for progress in rotation.run():
            if watch.now_s() - told_s >= _TOLD_EVERY_S:
                told_s = watch.now_s()
                _tell(progress, told_s - began_s)
    except (KeyboardInterrupt, StoreError):
        print(
            f"{progress.rotated} rows were put under the current key; all rows can still be "
            "read. Start it again to go on.",
            file=sys.stderr,
        )
        raise
    took_s = watch.now_s() - began_s
    print(f"{progress.rotated} rows were put under the current key in {took_s:.1f} s.")
    for why, count in progress.left.items():
        print(f"{count} rows were left as they are: {why}.", file=sys.stderr)
    return _FAILED if progress.left else 0


def _tell(progress: Progress, took_s: float) -> None:
    seen = min(progress.seen, progress.rows)
    print(
        f"{seen} of {progress.rows} rows, {progress.seen / took_s:.0f} rows/s",
        file=sys.stderr,
        flush=True,
    )


def _refused(why: str) -> int:
    print(f"greenroom: {why}", file=sys.stderr)
    return _FAILED


# --- what was given -------------------------------------------------------------------------------


def _database(args: argparse.Namespace, environment: Mapping[str, str]) -> Database:
    named = (args.database, *(environment.get(name) for name in DATABASE_VARIABLES))
    url = next((each.strip() for each in named if each and each.strip()), None)
    if url is None:
        raise RotationFailed("No database is named; give --database.")
    _check_file(url)
    schema = args.schema or environment.get(SCHEMA_VARIABLE) or None
    # Of somebody else's file the mode is left as it is; of our own it is right already.
    return Database(url=Secret(url), schema=schema, is_own_file=False)


def _check_file(url: str) -> None:
    """See to it that a mistyped name makes no new file."""
    try:
        parsed = make_url(url)
    except (SQLAlchemyError, ValueError):
        return
    name = parsed.database or ""
    if (
        parsed.get_backend_name() != "sqlite"
        or name in {"", ":memory:"}
        or name.startswith("file:")
    ):
        return
    try:
        is_there = Path(name).is_file()
    except (OSError, ValueError):
        is_there = False
    if not is_there:
        raise RotationFailed("There is no such database file.")


def _keys(environment: Mapping[str, str], ask: Callable[[str], str], *, seals_all: bool) -> Keys:
    current = environment.get(KEY_VARIABLE)
    if current is None:
        current = _asked(ask, "Current key: ", KEY_VARIABLE)
    previous = environment.get(PREVIOUS_VARIABLE)
    if previous is None:
        previous = _asked(ask, "Earlier keys, separated by blanks: ", PREVIOUS_VARIABLE)
    spelt = [current.strip(), *previous.split()]
    if any(map(is_encrypted, spelt)):
        raise RotationFailed("A key is wanted as it was typed, not as the database stores it.")
    return Keys(
        current=Secret(spelt[0]),
        previous=tuple(map(Secret, dict.fromkeys(spelt[1:]))),
        seals_all=seals_all,
    )


def _asked(ask: Callable[[str], str], prompt: str, variable: str) -> str:
    try:
        return ask(prompt)
    except EOFError:
        raise RotationFailed(f"There is nobody to ask for a key; set {variable}.") from None


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("1 or more")
    return number
