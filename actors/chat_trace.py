"""What a chat goes through, as log records of its own: facts and counts, never what was said.

They are of level DEBUG: they fill session logs (SPEC 167), and the server's log where LOG_LEVEL
asks for them. Actors share no context with the call that they work for, so each record names it.
"""

from __future__ import annotations

import logging
from typing import Final

LOGGER_NAME: Final = "greenroom.chat"

_log = logging.getLogger(LOGGER_NAME)


def is_traced() -> bool:
    """Say whether anybody wants to know; where not, what would be told need not be found out."""
    return _log.isEnabledFor(logging.DEBUG)


def trace(request_id: str, event_type: str, text: str, *args: object) -> None:
    """Log one step of a chat; next to nothing where nobody wants to know.

    Args:
        request_id: whose step it is.
        event_type: what kind of step, for machines; `attempt.begun` and the like.
        text: for people, as `logging` takes it.
        *args: what stands in it.
    """
    if is_traced():
        about = {"request_id": request_id, "event_type": event_type}
        _log.debug(text, *args, extra=about, stacklevel=2)
