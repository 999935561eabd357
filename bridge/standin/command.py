"""`greenroom standin`: run the stand-in from a terminal."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from bridge.standin.recordings import RecordingsMissing
from bridge.standin.server import StandIn

DEFAULT_PORT = 8899
_EXIT_FAILED = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.description = "Play OpenRouter on this machine, with every fault by name."
    parser.epilog = "Example: greenroom standin --port 8899 --recordings recordings/"
    parser.add_argument("--host", default="127.0.0.1", help="address to bind to")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="port; 0 takes any free one")
    parser.add_argument(
        "--recordings",
        type=Path,
        metavar="DIR",
        help="folder with index.jsonl and recorded answers",
    )


def run_command(args: argparse.Namespace) -> int:
    """Serve until interrupted; return the exit code."""
    host: str = args.host
    port: int = args.port
    recordings: Path | None = args.recordings
    try:
        asyncio.run(serve_forever(host, port, recordings))
    except OSError as error:
        print(f"Cannot listen on {host}:{port}: {error.strerror}.", file=sys.stderr)
        return _EXIT_FAILED
    except RecordingsMissing as error:
        print(str(error), file=sys.stderr)
        return _EXIT_FAILED
    except KeyboardInterrupt:
        # Where the loop takes no signal handlers, this is how an interrupt arrives.
        return 0
    return 0


async def serve_forever(
    host: str = "127.0.0.1", port: int = DEFAULT_PORT, recordings: Path | None = None
) -> None:
    """Serve until SIGINT or SIGTERM, or until cancelled.

    Raises:
        OSError: the address is taken.
        RecordingsMissing: the folder has no usable index.
    """
    stop = asyncio.Event()
    async with await StandIn.start(host, port, recordings) as standin:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        print(f"Stand-in for OpenRouter: {standin.base_url}", flush=True)
        print(f"How to use it:           {standin.origin}/   (Ctrl-C stops it)", flush=True)
        try:
            await stop.wait()
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)
