"""`greenroom demo`: builds the pipe file, then lets it answer while its provider misbehaves."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TextIO

from bridge.demo.installed import installed
from bridge.demo.scenes import SCENES
from bridge.demo.screen import Ink, Screen
from bridge.demo.show import DemoFailed, LogTape, Show
from bridge.onefile.build import PipeFiles, build_pipe
from bridge.onefile.command import READABLE_NAME, ROOT
from bridge.onefile.refusal import BuildRefused
from bridge.standin import StandIn

PACE_MS: Final = 35.0
# Slower, and the longest answer would not end in the time that a scene has.
PACE_MS_MAX: Final = 200.0
_KEY: Final = "sk-or-v1-demo"
_PROXY_EXCEPTIONS: Final = ("NO_PROXY", "no_proxy")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.description = (
        "Build the pipe file, load it the way Open WebUI does, and chat with it while a stand-in "
        "for OpenRouter fails in scripted ways. Needs no key, no network and no Open WebUI; takes "
        "about ten seconds. The exit status is 1 when anything went differently."
    )
    parser.set_defaults(root=ROOT)
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder for the pipe file (default: dist/ of the checkout, else a temporary one)",
    )
    parser.add_argument(
        "--pace-ms",
        type=_pace,
        default=PACE_MS,
        metavar="MS",
        help=f"milliseconds between two words, 1 to {PACE_MS_MAX:.0f} (default: {PACE_MS:.0f})",
    )


def run_command(args: argparse.Namespace) -> int:
    """Build, play, and say what to do next; return the exit status."""
    root: Path = args.root
    out: Path | None = args.out
    pace_ms: float = args.pace_ms
    screen = Screen(sys.stdout, is_coloured=_wants_colour(sys.stdout))
    screen.heading("Greenroom: chats that survive their provider's bad moments")
    try:
        files = build_pipe(root)
        path = write_pipe(files, out or default_folder())
        screen.say("pipe", f"{path}, {len(files.readable):,} bytes, build {files.build}")
        with direct_to_loopback():
            asyncio.run(play_all(screen, files.readable.decode(), pace_ms))
    except BuildRefused as refusal:
        screen.say("failed", f"no pipe file was written: {refusal}", Ink.RED)
    except OSError as error:
        screen.say("failed", f"this machine said: {error}", Ink.RED)
    except DemoFailed as failed:
        screen.say("failed", f"not as scripted: {failed}", Ink.RED)
    else:
        say_what_next(screen, path)
        return 0
    return 1


async def play_all(screen: Screen, content: str, pace_ms: float) -> None:
    """Start the provider, load the pipe and play every scene.

    Raises:
        DemoFailed: something did not go as scripted.
        OSError: nothing can listen on this machine's loopback interface.
    """
    tape = LogTape(screen)
    with tape.recording(), installed(content) as door_class:
        async with await StandIn.start() as standin:
            screen.say("provider", f"a stand-in for OpenRouter at {standin.base_url}")
            door = door_class()
            # All of the log is shown, whatever the environment says.
            door.valves = door_class.Valves(
                BASE_URL=standin.base_url, API_KEY=_KEY, LOG_LEVEL="INFO"
            )
            show = Show(screen, standin, door, tape, pace_ms=pace_ms)
            try:
                await show.list_models({scene.model for scene in SCENES})
                for number, scene in enumerate(SCENES, 1):
                    await show.play(scene, f"{number}/{len(SCENES)}")
            finally:
                await door.close()


def write_pipe(files: PipeFiles, folder: Path) -> Path:
    """Write the readable pipe file and return where it is."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / READABLE_NAME
    path.write_bytes(files.readable)
    return path


def default_folder() -> Path:
    """Return `dist/` of the checkout, or a new temporary folder when this is an installed copy."""
    if (ROOT / "pyproject.toml").is_file():
        # Short where it can be: people copy this path.
        dist = ROOT / "dist"
        return dist.relative_to(Path.cwd()) if dist.is_relative_to(Path.cwd()) else dist
    return Path(tempfile.mkdtemp(prefix="greenroom-"))


@contextmanager
def direct_to_loopback() -> Iterator[None]:
    """Keep a proxy that the environment asks for from standing before this very machine."""
    before = {name: os.environ.get(name) for name in _PROXY_EXCEPTIONS}
    for name, hosts in before.items():
        os.environ[name] = ",".join(filter(None, (hosts, "127.0.0.1")))
    try:
        yield
    finally:
        for name, hosts in before.items():
            if hosts is None:
                del os.environ[name]
            else:
                os.environ[name] = hosts


def say_what_next(screen: Screen, path: Path) -> None:
    """Tell a person who liked it what to do now."""
    screen.heading("All of it went as scripted. What next?")
    screen.line(
        "install",
        f"1. In Open WebUI: Admin Panel, Functions, New Function.\n"
        f"2. Paste all of {path}; save it under the id `greenroom`.\n"
        "3. Switch it on. Behind its gear, enter your OpenRouter key in API_KEY.\n"
        "4. Start a chat: the model list holds every OpenRouter model.",
    )
    if (ROOT / "Makefile").is_file():
        screen.line("try it", "make owui   a real Open WebUI on this machine, key or no key (3 GB)")
        screen.line("read", "docs/admins.md, docs/operators.md, docs/engineers.md")


def _pace(text: str) -> float:
    try:
        pace_ms = float(text)
    except ValueError:
        pace_ms = 0.0
    if not 1 <= pace_ms <= PACE_MS_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {PACE_MS_MAX:.0f}")
    return pace_ms


def _wants_colour(out: TextIO) -> bool:
    return out.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
