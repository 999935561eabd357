"""Answers the small jobs that Open WebUI asks for beside a chat: titles, tags and so on.

One call in one piece, two attempts, no tools, no events: the reader looks at something else. When
a key was refused, in a chat or in a job, jobs of the same user are answered here for a while, so
that a wrong key does not cost a request for every title (SPEC 145-148).
"""

from __future__ import annotations

import logging
from typing import Final

from actors.kernel.entropy import Entropy
from actors.ports import AccessRefused, AuthRejected, Completed, Ending, Endpoint, Failed
from bridge.owui.answers import admitted
from bridge.owui.given import Given
from bridge.owui.listing import unusable
from bridge.owui.reception import Call, Reception, Refusal
from bridge.owui.residence import Residence, Visit
from bridge.owui.snapshots import Snapshot
from bridge.transforms.chat_chunks import PieceKind
from bridge.transforms.tasks import failed_task_text, local_task_answer, task_name

_log = logging.getLogger("greenroom.pipe")

# For how long jobs are answered here after the key was refused.
PAUSE_S: Final = 60.0
# Users and sessions with such a pause; the oldest goes first.
PAUSES_MAX: Final = 1000


class TaskDesk:
    """Answers the jobs of one door.

    Args:
        reception: prepares a call.
        residence: where the tree lives.
        entropy: for error ids.
    """

    def __init__(self, reception: Reception, residence: Residence, entropy: Entropy) -> None:
        self._reception = reception
        self._residence = residence
        self._entropy = entropy
        # Of which key, until when. Another key has no part in it: it may be the right one.
        self._pauses: dict[tuple[str, str], tuple[Endpoint, float]] = {}

    async def answer(self, given: Given, snapshot: Snapshot, error_id: str) -> str:
        """Return the text of a job; never raises for what a provider does."""
        if unusable(snapshot.settings) is not None:
            return local_task_answer(given.task) or failed_task_text(given.task)
        visit = self._residence.enter(snapshot.settings.shutdown_grace_s)
        try:
            if self._is_paused(given, snapshot, visit.app.now_s()):
                return local_task_answer(given.task) or failed_task_text(given.task)
            call = await self._reception.task(self._residence.enter, given, snapshot, error_id)
            return await self._asked(visit, given, call)
        except Refusal:
            return failed_task_text(given.task)
        finally:
            visit.end()

    async def _asked(self, visit: Visit, given: Given, call: Call) -> str:
        if await admitted(visit, call) is not None:
            return failed_task_text(given.task)
        content: list[str] = []
        while pieces := await call.sink.take():
            content += (text for kind, text in pieces if kind is PieceKind.CONTENT)
        visit.chat = None
        ending = call.sink.ending
        if isinstance(ending, Completed):
            return "".join(content)
        if isinstance(ending, Failed):
            kind = type(ending.error).__name__
            _log.warning(
                "task %s failed: %s, error id %s", task_name(given.task), kind, ending.error_id
            )
            if self.hear(given, call.snapshot, ending, visit.app.now_s()):
                return local_task_answer(given.task) or failed_task_text(given.task)
        return failed_task_text(given.task)

    def hear(self, given: Given, snapshot: Snapshot, ending: Ending | None, now_s: float) -> bool:
        """Learn how a chat or a job ended. True: its key was refused, and jobs are paused."""
        if not isinstance(ending, Failed):
            return False
        is_refused = isinstance(ending.error, AuthRejected | AccessRefused)
        if is_refused:
            whose = _whose(given)
            self._pauses.pop(whose, None)
            self._pauses[whose] = (snapshot.settings.endpoint, now_s + PAUSE_S)
            if len(self._pauses) > PAUSES_MAX:
                del self._pauses[next(iter(self._pauses))]
        return is_refused

    def _is_paused(self, given: Given, snapshot: Snapshot, now_s: float) -> bool:
        found = self._pauses.get(_whose(given))
        if found is None:
            return False
        endpoint, until_s = found
        return now_s < until_s and endpoint == snapshot.settings.endpoint


def _whose(given: Given) -> tuple[str, str]:
    return (str(given.user.get("id") or ""), str(given.metadata.get("session_id") or ""))
