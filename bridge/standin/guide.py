"""The page that tells a person how to use the stand-in. Pure."""

from __future__ import annotations

from bridge.standin.catalog import STANDIN_AUTHOR
from bridge.standin.faults import Moment, faults_at
from bridge.standin.scripts import library


def guide_text(origin: str) -> str:
    """Return the guide for a stand-in at this address."""
    models = "\n".join(
        f"  {STANDIN_AUTHOR}/{script.name:<16} {script.shows}" for script in library()
    )
    moments = "\n\n".join(f"{moment.value}:\n{_faults(moment)}" for moment in Moment)
    return f"""A stand-in for OpenRouter. Any key will do, for instance sk-or-v1-standin.

Base URL   {origin}/api/v1

What a request gets, the first that applies:

1. The plan. POST a JSON list to {origin}/_control; each request takes one entry:
     [{{"fault": "429-plain"}}, {{"script": "markdown", "pace_ms": 20}}, {{"n": 200, "b": 12}}]
2. A spec in the base URL:
     {origin}/s/fault=503,times=2,pace_ms=20/api/v1
   times=2 lets the first two requests fail and the others succeed.
3. The model: {STANDIN_AUTHOR}/SCRIPT plays a script, {STANDIN_AUTHOR}/fault-NAME a fault.
4. Otherwise a friendly echo.

Fields of a wish: script, recording, fault, times, n, b, reasoning_n, pace_ms, wait_ms, after,
cuts (in a URL joined by +), on (generation, models, key, all), tag.
What was asked, and when a client left: GET {origin}/_requests. Start over: DELETE {origin}/_control

Models with a script:
{models}

Faults, {moments}
"""


def _faults(moment: Moment) -> str:
    return "\n".join(f"  {fault.value:<32} {fault.imitates}" for fault in faults_at(moment))
