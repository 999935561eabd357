"""The settings of one request, made from valves that Open WebUI swaps at any time.

Open WebUI puts a new object on the shared instance before every call (SPEC 16), and it mostly
says what the last one said. So settings, and what follows from them alone, are made once for
each different wording, and travel with the request from there on.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from pydantic import BaseModel

from actors.kernel.entropy import Entropy
from bridge.config.errors import ValveProblem
from bridge.config.settings import Settings, settings_from
from bridge.config.user_valves import UserValves
from bridge.config.valves import Valves
from bridge.openrouter.remedies import OpenRouterRemedies
from bridge.owui.error_text import template_problems
from bridge.owui.log_records import obey_level
from bridge.owui.show_looks import Looks
from bridge.transforms.policy import RequestPolicy
from bridge.transforms.reasoning_status import ThinkingMode

_log = logging.getLogger("greenroom.pipe")

# Different choices of users that are remembered; then the memory begins anew.
CHOICES_MAX: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What the valves of one request say.

    Attributes:
        settings: all of it.
        policy: what of it shapes a request.
        remedies: what may be changed in a call that was refused.
        problems: valves that are not obeyed, or not wholly.
        in_browser, in_browser_whole: how an answer looks to somebody who reads it in Open WebUI,
            as it comes or in one piece.
        log_level: least severe level that is logged.
    """

    settings: Settings
    policy: RequestPolicy
    remedies: OpenRouterRemedies
    problems: tuple[ValveProblem, ...]
    in_browser: Looks
    in_browser_whole: Looks
    log_level: int


class Snapshots:
    """Remembers the snapshots of one door; `entropy` is for the jitter of what they show."""

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._said: object = None
        self._by_choice: dict[object, Snapshot] = {}

    def of(self, valves: Valves, user_valves: object) -> Snapshot:
        """Return the snapshot of these valves.

        Args:
            valves: what stands on the instance now.
            user_valves: what Open WebUI hands over with a user: `UserValves`, a mapping of
                stored values, or anything else for none.
        """
        # Compared by value: the object is a new one before every call.
        said = (vars(valves), valves.problems(), valves.environment())
        if self._said != said:
            self._said = (dict(vars(valves)), *said[1:])
            self._by_choice = {}
        chosen = _read(user_valves)
        key = None if chosen is None else _key(chosen)
        found = self._by_choice.get(key)
        if found is None:
            if len(self._by_choice) >= CHOICES_MAX:
                self._by_choice.clear()
            found = self._by_choice[key] = _snapshot(valves, chosen, self._entropy)
        # Another function of this process, with a level of its own, may have been asked last.
        obey_level(found.log_level, is_collecting=found.settings.session_logs.is_enabled)
        return found


def _read(user_valves: object) -> UserValves | None:
    if isinstance(user_valves, UserValves):
        return user_valves
    if isinstance(user_valves, BaseModel):
        # Another build's class, while an update is under way. What nobody chose is not asked for:
        # its defaults are no choices of the user's.
        user_valves = user_valves.model_dump(exclude_unset=True, warnings="none")
    if isinstance(user_valves, Mapping) and user_valves:
        return UserValves(**{str(name): value for name, value in user_valves.items()})
    return None


def _key(chosen: UserValves) -> object:
    return (tuple(sorted(chosen.chosen().items())), chosen.problems())


def _snapshot(valves: Valves, chosen: UserValves | None, entropy: Entropy) -> Snapshot:
    settings = settings_from(valves, os.environ, chosen)
    problems = (*settings.valve_problems, *template_problems(settings.templates))
    for problem in (*problems, *settings.user_valve_problems):
        _log.warning("valve %s is not obeyed: %s", problem.valve, problem.accepted)
    looks = Looks(
        has_events=True,
        thinking=ThinkingMode(settings.show.thinking.value),
        has_final_usage=settings.show.shows_usage,
        entropy=entropy,
    )
    return Snapshot(
        in_browser=looks,
        in_browser_whole=replace(looks, is_streaming=False),
        settings=settings,
        policy=policy_of(settings),
        remedies=OpenRouterRemedies(falls_back_to_chat=settings.routing.falls_back_to_chat),
        problems=problems,
        log_level=logging.getLevelNamesMapping()[settings.log_level],
    )


def policy_of(settings: Settings) -> RequestPolicy:
    """Put what shapes a request into the words of the transforms, which know no settings."""
    routing, reasoning = settings.routing, settings.reasoning
    request, identity = settings.request, settings.identity
    return RequestPolicy(
        default_wire=routing.wire,
        force_responses=",".join(routing.responses_models),
        force_chat=",".join(routing.chat_models),
        asks_reasoning=reasoning.is_enabled,
        reasoning_effort=reasoning.effort,
        reasoning_summary=reasoning.summary or "disabled",
        gemini_level=reasoning.gemini_level or "auto",
        gemini_budget_tokens=reasoning.gemini_budget_tokens,
        interleaves_thinking=reasoning.interleaves_anthropic,
        caches_prompts=request.anthropic_cache_ttl is not None,
        cache_ttl=request.anthropic_cache_ttl or "5m",
        trims_context=request.trims_context,
        uses_output_max=request.asks_longest_answer,
        search_results_max=request.search_results_max,
        sends_user=identity.sends_user,
        sends_session=identity.sends_session,
        sends_chat=identity.sends_chat,
        sends_message=identity.sends_message,
        output_turns_kept=settings.tools.retention_turns,
        # Images are passed on as they are until attachments have valves of their own.
        images_max=None,
        task_effort=reasoning.task_effort,
    )
