"""The page that tells a person how to use the stand-in. Pure."""

from __future__ import annotations

from bridge.standin.catalog import STANDIN_AUTHOR
from bridge.standin.conversations import conversations
from bridge.standin.faults import Moment, faults_at
from bridge.standin.objections import Objection
from bridge.standin.scripts import library


def guide_text(origin: str) -> str:
    """Return the guide for a stand-in at this address."""
    shown = [(script.name, script.shows) for script in library()]
    shown += [(conversation.name, conversation.shows) for conversation in conversations()]
    models = "\n".join(f"  {STANDIN_AUTHOR}/{name:<18} {shows}" for name, shows in shown)
    objections = "\n".join(f"  {one.value:<18} {one.imitates}" for one in Objection)
    moments = "\n\n".join(f"{moment.value}:\n{_faults(moment)}" for moment in Moment)
    return f"""A stand-in for OpenRouter. Any key will do, for instance sk-or-v1-standin.

Base URL   {origin}/api/v1

What a request gets, the first that applies:

1. The plan. POST a JSON list to {origin}/_control; each request takes one entry:
     [{{"fault": "429-plain"}}, {{"script": "markdown", "pace_ms": 20}}, {{"n": 200, "b": 12}}]
2. A spec in the base URL:
     {origin}/s/fault=503,times=2,pace_ms=20/api/v1
   times=2 lets the first two requests fail and the others succeed.
3. The model: {STANDIN_AUTHOR}/SCRIPT plays a script, {STANDIN_AUTHOR}/fault-NAME a fault,
   {STANDIN_AUTHOR}/objects-to-NAME is a model that does not take something.
4. Otherwise a friendly echo.

Fields of a wish: script, recording, fault, times, n, b, reasoning_n, pace_ms, wait_ms, after,
cuts, objects_to (both joined by + in a URL), on (generation, models, key, all), tag.
What was asked, and when a client left: GET {origin}/_requests. Start over: DELETE {origin}/_control

Models with a script:
{models}

What a model may object to; the refusal lasts until the request has changed:
{objections}

Faults, {moments}
"""


def _faults(moment: Moment) -> str:
    return "\n".join(f"  {fault.value:<32} {fault.imitates}" for fault in faults_at(moment))
