"""The command `greenroom logs open`: reads an encrypted archive of session logs."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from actors.log_values import LogFormat
from actors.ports import Secret
from bridge.session_logs.aes_zip import ZipUnreadable
from bridge.session_logs.contents import JSONL, META, TEXT, Contents, read_contents
from bridge.session_logs.lines import shown

PASSWORD_VARIABLE: Final = "GREENROOM_LOG_PASSWORD"  # noqa: S105 - the name of a variable
BYTES_MAX: Final = 4_294_967_296
"""What an archive may hold that is opened by hand: far more than one can ever be given."""

_STDOUT: Final = "-"
_FAILED: Final = 1


class OpenFailed(Exception):
    """The archive was not opened; the text says why, in words for people."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    opening = verbs.add_parser(
        "open",
        help="decrypt an archive",
        description=(
            "Decrypt an archive of session logs. The password is asked for, or taken from the "
            f"environment variable {PASSWORD_VARIABLE}. Files that are there already are left "
            "as they are."
        ),
    )
    opening.add_argument("archive", type=Path, metavar="ARCHIVE", help="the zip file")
    opening.add_argument(
        "--out",
        default=_STDOUT,
        metavar="DIR",
        help="write the files into this folder; - prints the log (default)",
    )
    opening.add_argument(
        "--format",
        choices=[each.value for each in LogFormat],
        help="text for people, jsonl for programs (default: text when printed, else all there is)",
    )
    parser.set_defaults(ask=getpass.getpass, environment=os.environ)


def run_command(args: argparse.Namespace) -> int:
    """Do what was asked; 1 when the archive was not opened, with one line that says why."""
    ask: Callable[[str], str] = args.ask
    environment: Mapping[str, str] = args.environment
    wanted = LogFormat(args.format) if args.format else None
    try:
        data = _read(args.archive)
        contents = _opened(data, _password(environment, ask))
        if args.out == _STDOUT:
            _print(contents, wanted or LogFormat.TEXT)
        else:
            _write(contents, Path(args.out), wanted)
    except OpenFailed as failed:
        print(f"greenroom: {shown(str(args.archive))}: {failed}.", file=sys.stderr)
        return _FAILED
    return 0


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > BYTES_MAX:
            raise OpenFailed("it is too large")
        return path.read_bytes()
    except OSError as error:
        raise OpenFailed(error.strerror or type(error).__name__) from error
    except ValueError as error:
        raise OpenFailed("there can be no such file") from error


def _password(environment: Mapping[str, str], ask: Callable[[str], str]) -> Secret:
    if PASSWORD_VARIABLE in environment:
        return Secret(environment[PASSWORD_VARIABLE])
    try:
        return Secret(ask("Password of the archive: "))
    except EOFError as error:
        raise OpenFailed(f"there is nobody to ask for the password; set {PASSWORD_VARIABLE}") from (
            error
        )


def _opened(data: bytes, password: Secret) -> Contents:
    try:
        return read_contents(data, password, bytes_max=BYTES_MAX)
    except ZipUnreadable as unreadable:
        raise OpenFailed(unreadable.why.value) from unreadable


def _print(contents: Contents, wanted: LogFormat) -> None:
    """Print the log. What would move a terminal's cursor stands there as an escape."""
    for name, data in _chosen(contents, wanted).items():
        if name == META:
            continue
        text = data.decode("utf-8", "replace")
        text = text if name == JSONL and not sys.stdout.isatty() else shown(text)
        encoding = sys.stdout.encoding or "utf-8"
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))


def _write(contents: Contents, folder: Path, wanted: LogFormat | None) -> None:
    """Write the files by names of our own, so that none can lead out of the folder."""
    chosen = _chosen(contents, wanted) if wanted else contents.members
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, data in chosen.items():
            _write_new(folder / name, data)
    except OSError as error:
        about = shown(str(error.filename or folder))
        raise OpenFailed(f"{about}: {error.strerror or type(error).__name__}") from error
    except ValueError as error:
        raise OpenFailed("there can be no such folder") from error
    for name in chosen:
        print(shown(str(folder / name)))


def _write_new(path: Path, data: bytes) -> None:
    """Write a file that is not there yet; a link that is there is not followed."""
    with open(path, "xb", opener=_for_oneself) as file:
        file.write(data)


def _for_oneself(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)


def _chosen(contents: Contents, wanted: LogFormat) -> dict[str, bytes]:
    """Return the files of this format. Text can always be made, JSON lines cannot."""
    chosen = {META: contents.members[META]}
    if wanted is not LogFormat.TEXT:
        jsonl = contents.as_jsonl()
        if jsonl is None:
            raise OpenFailed("it holds no JSON lines; ask for the format text")
        chosen[JSONL] = jsonl
    if wanted is not LogFormat.JSONL:
        chosen[TEXT] = contents.as_text()
    return chosen
