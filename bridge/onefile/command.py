"""The command `greenroom pipe`: writes the two files that can be pasted into Open WebUI."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bridge.onefile.build import PipeFiles, build_pipe
from bridge.onefile.refusal import BuildRefused

READABLE_NAME = "greenroom_pipe.py"
COMPRESSED_NAME = "greenroom_pipe_compressed.py"

# Where `actors`, `supervisor` and `bridge` lie, in a checkout as well as installed.
ROOT = Path(__file__).parents[2]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "--out", type=Path, default=Path("dist"), metavar="DIR", help="folder to write to"
    )
    parser.set_defaults(root=ROOT)


def run_command(args: argparse.Namespace) -> int:
    """Write both files; the exit status is 1 when the build is refused."""
    root: Path = args.root
    out: Path = args.out
    try:
        files = build_pipe(root)
    except BuildRefused as refusal:
        print(f"No pipe file was written. {refusal}", file=sys.stderr)
        return 1
    write_files(files, out)
    return 0


def write_files(files: PipeFiles, out: Path) -> None:
    """Write what was built and tell a person what to do with it."""
    out.mkdir(parents=True, exist_ok=True)
    print(f"Build {files.build}, {len(files.paths)} modules")
    for name, content in ((READABLE_NAME, files.readable), (COMPRESSED_NAME, files.compressed)):
        (out / name).write_bytes(content)
        print(f"  {out / name}  {len(content):,} bytes")
    print(
        "Both do the same; take the compressed one where a short text matters.\n"
        "To install: in Open WebUI open Admin Panel, Functions, New Function, paste one of the\n"
        "files, save it under the id `greenroom`, switch it on, and enter the API key in its\n"
        "valves."
    )
