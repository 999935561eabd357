"""A campaign, or one run, told to a person in a terminal and to a program in JSON."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Mapping
from typing import Final

import msgspec

from bridge.chaos.campaign import Campaign
from bridge.chaos.invariants import INVARIANTS, ON_THE_WAY
from bridge.chaos.runner import Verdict

WIDTH: Final = 100
BREACHES_SHOWN_MAX: Final = 5
FAILURES_SHOWN_MAX: Final = 5

_SECONDS_PER_HOUR = 3600.0


def campaign_text(campaign: Campaign, elapsed_s: float) -> str:
    """Tell a whole campaign; `elapsed_s` is what it took by the clock on the wall."""
    seeds, hours = campaign.seeds, campaign.simulated_s / _SECONDS_PER_HOUR
    last = campaign.first_seed + seeds - 1
    return "\n".join(
        [
            f"seeds       {seeds:,} ({campaign.first_seed} to {last}) in {elapsed_s:.1f} s",
            f"simulated   {hours:,.1f} hours, {campaign.visits:,} visits, {campaign.steps:,} steps",
            f"speed       {seeds / elapsed_s:,.1f} seeds/s, {campaign.steps / elapsed_s:,.0f} "
            f"steps/s, {campaign.jobs} process(es)",
            f"messages    {_counts(campaign.messages)}",
            "",
            "faults and states met",
            *_fired_lines(campaign.fired),
            "",
            *_campaign_verdict(campaign),
        ]
    )


def verdict_text(verdict: Verdict) -> str:
    """Tell one run."""
    lines = [
        f"seed {verdict.seed}: {verdict.visits} visits, {verdict.simulated_s:.1f} simulated s, "
        f"{verdict.steps:,} steps, digest {verdict.digest}",
        "faults and states met",
        *_fired_lines(verdict.fired),
        "",
    ]
    if verdict.is_pass:
        return "\n".join([*lines, "PASS: every promise was kept."])
    return "\n".join([*lines, *verdict.story, "", *failure_lines(verdict)])


def failure_lines(verdict: Verdict) -> list[str]:
    """Say what a failing run broke, and how to run it again."""
    promises = {each.name: each.promise for each in INVARIANTS} | ON_THE_WAY
    lines = [f"FAIL seed {verdict.seed}"]
    if not verdict.breaches:
        lines.append(f"  {verdict.failure}")
    for breach in verdict.breaches[:BREACHES_SHOWN_MAX]:
        promise = promises.get(breach.invariant, "")
        lines += [f"  {breach.invariant}: {breach.what}", f"    promised: {promise}"]
    if (more := len(verdict.breaches) - BREACHES_SHOWN_MAX) > 0:
        lines.append(f"  and {more} more")
    seed = verdict.seed
    lines += [
        f"  run it again   make sim SEED={seed}   (greenroom sim --seed {seed})",
        f"  make it small  greenroom sim --seed {seed} --shrink sim-{seed}.json",
    ]
    return lines


def campaign_json(campaign: Campaign, elapsed_s: float) -> bytes:
    """Return the campaign for a program."""
    fields = {
        "verdict": "pass" if campaign.is_pass else "fail",
        "elapsed_s": round(elapsed_s, 3),
        "campaign": campaign,
        "invariants": {each.name: each.promise for each in INVARIANTS} | ON_THE_WAY,
    }
    return msgspec.json.format(msgspec.json.encode(fields), indent=2) + b"\n"


def _campaign_verdict(campaign: Campaign) -> list[str]:
    lines: list[str] = []
    for verdict in campaign.failures[:FAILURES_SHOWN_MAX]:
        lines += failure_lines(verdict)
    if campaign.failed > FAILURES_SHOWN_MAX:
        lines.append(f"and {campaign.failed - FAILURES_SHOWN_MAX} more failing seeds")
    if campaign.missing:
        lines += ["never met, though a campaign of this size must:"]
        lines += [f"  {name}" for name in campaign.missing]
    promises = len(INVARIANTS) + len(ON_THE_WAY)
    if campaign.is_pass:
        return [f"PASS: {promises} promises kept in every run."]
    return [*lines, f"FAIL: {campaign.failed} of {campaign.seeds} runs broke a promise."]


def _fired_lines(fired: Mapping[str, int]) -> list[str]:
    by_kind: defaultdict[str, list[str]] = defaultdict(list)
    for name in sorted(fired):
        kind, _, rest = name.partition(" ")
        by_kind[kind.rstrip(":")].append(f"{rest} {fired[name]:,}")
    lines: list[str] = []
    for kind, counts in by_kind.items():
        lines += textwrap.wrap(
            ", ".join(counts),
            WIDTH,
            initial_indent=f"  {kind:<10}",
            subsequent_indent=" " * 12,
            break_on_hyphens=False,
        )
    return lines


def _counts(messages: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in messages.items())
