"""The command `greenroom sim`: breaks the tree on purpose, and says whether it held."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from time import perf_counter  # noqa: TID251 - measures the machine; simulated time is the loop's
from typing import Final

from actors.testing.choices import ReplayInvalid, replay_from_json, taken_count
from actors.testing.shrink import NotReproducible
from bridge.chaos.campaign import run_campaign
from bridge.chaos.report import campaign_json, campaign_text, verdict_text
from bridge.chaos.runner import run_replay, run_seed, shrunk

DEFAULT_SEEDS: Final = 200
DEFAULT_JOBS: Final = 2

_FAILED: Final = 1
_NOT_UNDERSTOOD: Final = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--seeds", type=_count, default=DEFAULT_SEEDS, metavar="N", help="how many runs"
    )
    what.add_argument("--seed", type=int, metavar="S", help="run this seed alone, and tell more")
    what.add_argument("--replay", type=Path, metavar="FILE", help="run a replay file")
    parser.add_argument(
        "--first", type=int, default=0, metavar="S", help="the first seed of a campaign"
    )
    parser.add_argument(
        "--jobs", type=_count, default=DEFAULT_JOBS, metavar="N", help="processes to use"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.add_argument(
        "--shrink",
        type=Path,
        metavar="FILE",
        help="with --seed: write the smallest failing replay there",
    )


def run_command(args: argparse.Namespace) -> int:
    """Do what was asked; 1 when a promise was broken."""
    seed: int | None = args.seed
    replay: Path | None = args.replay
    shrink_to: Path | None = args.shrink
    if replay is not None:
        return _replay(replay)
    if shrink_to is not None:
        if seed is None:
            print("--shrink needs a --seed that fails.", file=sys.stderr)
            return _NOT_UNDERSTOOD
        return _shrink(seed, shrink_to)
    if seed is not None:
        verdict = run_seed(seed)
        print(verdict_text(verdict))
        return 0 if verdict.is_pass else _FAILED
    first: int = args.first
    count: int = args.seeds
    return _campaign(range(first, first + count), args.jobs, args.json)


def _campaign(seeds: range, jobs: int, json_to: Path | None) -> int:
    started_s = perf_counter()

    def progress(done: int, failed: int) -> None:
        rate = done / (perf_counter() - started_s)
        line = f"{done}/{len(seeds)} seeds, {failed} failed, {rate:.0f}/s"
        if sys.stderr.isatty():
            print(f"\r{line}", end="" if done < len(seeds) else "\n", file=sys.stderr, flush=True)

    campaign = run_campaign(seeds, jobs=jobs, progress=progress)
    elapsed_s = perf_counter() - started_s
    print(campaign_text(campaign, elapsed_s))
    if json_to is not None:
        json_to.write_bytes(campaign_json(campaign, elapsed_s))
    return 0 if campaign.is_pass else _FAILED


def _replay(file: Path) -> int:
    try:
        replay = replay_from_json(file.read_bytes())
    except OSError as error:
        print(f"Cannot read {file}: {error.strerror}.", file=sys.stderr)
        return _NOT_UNDERSTOOD
    except ReplayInvalid as error:
        print(f"{file} is no replay file: {error}.", file=sys.stderr)
        return _NOT_UNDERSTOOD
    verdict = run_replay(replay)
    print(verdict_text(verdict))
    return 0 if verdict.is_pass else _FAILED


def _shrink(seed: int, file: Path) -> int:
    if run_seed(seed).is_pass:
        print(f"Seed {seed} passes; there is nothing to shrink.", file=sys.stderr)
        return _NOT_UNDERSTOOD
    try:
        replay, verdict = shrunk(seed)
    except NotReproducible as error:
        print(f"{error}.", file=sys.stderr)
        return _FAILED
    file.write_text(replay.to_json(), encoding="utf-8")
    print(verdict_text(verdict))
    print(
        f"  {taken_count(replay.taken)} choices out of the ordinary are left in {file}\n"
        f"  run it again   greenroom sim --replay {file}"
    )
    return _FAILED


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError(f"{count} is too few; give 1 or more")
    return count
