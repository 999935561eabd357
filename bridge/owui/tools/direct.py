"""Runs a tool of a server that only the user's browser can reach (SPEC 68).

Open WebUI 0.6 raises when the browser does not answer within a minute; 0.12 waits and returns
`{"error": ...}`. Either becomes a failure that the model can read.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

from actors.ports import ErrorFacts, ToolBroke, ToolTimedOut
from bridge.owui.tools import words
from bridge.owui.tools.offers import Offer

EventCall: TypeAlias = Callable[[dict[str, object]], Awaitable[object]]

_JSON: Final = (str, int, float, bool, list, dict)
_TIMED_OUT: Final = "timed out"


async def run_in_browser(
    event_call: EventCall,
    offer: Offer,
    arguments: Mapping[str, object],
    *,
    run_id: str,
    session_id: str,
) -> object:
    """Have the browser run a tool and return its answer.

    Args:
        event_call: Open WebUI's way to ask the browser something.
        offer: the tool, under the name its server knows.
        arguments: those the tool takes, and no others.
        run_id: names this run.
        session_id: the browser's session; no other one answers.

    Raises:
        ToolTimedOut: no answer in time.
        ToolBroke: the browser could not be asked, or answered no result.
    """
    asked: dict[str, object] = {
        "id": run_id,
        "name": offer.name,
        "params": dict(arguments),
        "server": dict(offer.server or {}),
        "session_id": session_id,
    }
    try:
        answer = await event_call({"type": "execute:tool", "data": asked})
    except Exception as error:  # a door: the socket library's own errors are not known here
        if _is_timeout(error):
            raise ToolTimedOut(_facts(words.browser_silent(offer.name))) from error
        raise ToolBroke(_facts(words.broke(offer.name, type(error).__name__))) from error
    if not isinstance(answer, _JSON):
        raise ToolBroke(_facts(words.browser_odd(offer.name)))
    problem = answer.get("error") if isinstance(answer, dict) and len(answer) == 1 else None
    if isinstance(problem, str) and _TIMED_OUT in problem:
        raise ToolTimedOut(_facts(words.browser_silent(offer.name)))
    return answer


def _is_timeout(error: Exception) -> bool:
    """Say whether an error is a timeout, the socket library's own included."""
    return any(kind.__name__ == "TimeoutError" for kind in type(error).__mro__)


def _facts(detail: str) -> ErrorFacts:
    return ErrorFacts(code="browser", detail=detail)
