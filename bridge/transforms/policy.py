"""What an admin's settings say about requests, and who asks: plain values for the transforms.

The transforms know no valves. The composition root fills a `RequestPolicy` from the valves of
a request, by one flat mapping (`POLICY_VALVES`), and a `Caller` from what Open WebUI tells.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec import Struct

from actors.values import WireFormat
from bridge.transforms.text import whole

SEARCH_FEATURE: Final = "openrouter_web_search"
"""What the search filter sets in `metadata.features` (SPEC 135)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestPolicy:
    """How requests are shaped; the defaults are those of the valves.

    Attributes:
        default_wire: the format of models that no list names.
        force_responses, force_chat: comma lists of globs over model ids.
        asks_reasoning: whether models are asked to think where the request says nothing.
        reasoning_effort: how hard, where the request says nothing.
        reasoning_summary: `auto`, `concise`, `detailed`, or `disabled`.
        gemini_level: `auto`, `low` or `high`, for Gemini 3.
        gemini_budget_tokens: what effort `medium` may think on Gemini 2.5; 0 is not at all.
        interleaves_thinking: whether Claude may think between its calls.
        caches_prompts: whether Claude is told what to cache; `cache_ttl` is `5m` or `1h`.
        trims_context: whether a conversation that is too long is cut in its middle.
        uses_output_max: whether answers may be as long as the catalog allows.
        search_results_max: pages a web search brings along; None leaves it to the provider.
        sends_user, sends_session, sends_chat, sends_message: which identifiers go along.
        output_turns_kept: turns whose tool outputs stay whole; 0 keeps all.
        images_max: images of one request; None passes on whatever is there.
        image_selection: `user_turn_only` or `user_then_assistant`.
        task_effort: how hard a task is thought about.
    """

    default_wire: WireFormat = WireFormat.RESPONSES
    force_responses: str = ""
    force_chat: str = ""
    asks_reasoning: bool = True
    reasoning_effort: str = "medium"
    reasoning_summary: str = "auto"
    gemini_level: str = "auto"
    gemini_budget_tokens: int = 1024
    interleaves_thinking: bool = True
    caches_prompts: bool = True
    cache_ttl: str = "5m"
    trims_context: bool = True
    uses_output_max: bool = False
    search_results_max: int | None = 3
    sends_user: bool = False
    sends_session: bool = False
    sends_chat: bool = False
    sends_message: bool = False
    output_turns_kept: int = 10
    images_max: int | None = 5
    image_selection: str = "user_then_assistant"
    task_effort: str = "low"


POLICY_VALVES: Final[Mapping[str, str]] = {
    "DEFAULT_LLM_ENDPOINT": "default_wire",
    "FORCE_RESPONSES_MODELS": "force_responses",
    "FORCE_CHAT_COMPLETIONS_MODELS": "force_chat",
    "ENABLE_REASONING": "asks_reasoning",
    "REASONING_EFFORT": "reasoning_effort",
    "REASONING_SUMMARY_MODE": "reasoning_summary",
    "GEMINI_THINKING_LEVEL": "gemini_level",
    "GEMINI_THINKING_BUDGET": "gemini_budget_tokens",
    "ENABLE_ANTHROPIC_INTERLEAVED_THINKING": "interleaves_thinking",
    "ENABLE_ANTHROPIC_PROMPT_CACHING": "caches_prompts",
    "ANTHROPIC_PROMPT_CACHE_TTL": "cache_ttl",
    "AUTO_CONTEXT_TRIMMING": "trims_context",
    "USE_MODEL_MAX_OUTPUT_TOKENS": "uses_output_max",
    "WEB_SEARCH_MAX_RESULTS": "search_results_max",
    "SEND_END_USER_ID": "sends_user",
    "SEND_SESSION_ID": "sends_session",
    "SEND_CHAT_ID": "sends_chat",
    "SEND_MESSAGE_ID": "sends_message",
    "TOOL_OUTPUT_RETENTION_TURNS": "output_turns_kept",
    "MAX_INPUT_IMAGES_PER_REQUEST": "images_max",
    "IMAGE_INPUT_SELECTION": "image_selection",
    "TASK_MODEL_REASONING_EFFORT": "task_effort",
}
"""The valve behind each field of `RequestPolicy`."""


def policy_from(valves: Mapping[str, object]) -> RequestPolicy:
    """Make the policy of one request.

    Args:
        valves: values by valve name, a user's own already among them; what is missing keeps its
            default, other valves are not looked at.

    Raises:
        msgspec.ValidationError: a value has not the type of its valve; a bug, as valves are
            checked where they come in.
    """
    fields = {name: valves[valve] for valve, name in POLICY_VALVES.items() if valve in valves}
    return msgspec.convert(fields, RequestPolicy)


class Caller(Struct, frozen=True, kw_only=True):
    """Who asks, from where. "" stands for what is not known.

    `searches_web` says that the reader switched the provider's web search on for this message.
    """

    user_id: str = ""
    session_id: str = ""
    chat_id: str = ""
    message_id: str = ""
    searches_web: bool = False


NOBODY: Final = Caller()


def caller_of(user: object, metadata: object) -> Caller:
    """Read who asks from what Open WebUI hands to a pipe; anything but mappings is nobody."""
    about, said = _members(user), _members(metadata)
    user_id, features = about.get("id"), said.get("features")
    session_id, chat_id = said.get("session_id"), said.get("chat_id")
    message_id = said.get("message_id")
    # Nearly always all of it is plain text.
    return Caller(
        user_id=user_id if type(user_id) is str and user_id.isascii() else _text(user_id),
        session_id=(
            session_id if type(session_id) is str and session_id.isascii() else _text(session_id)
        ),
        chat_id=chat_id if type(chat_id) is str and chat_id.isascii() else _text(chat_id),
        message_id=(
            message_id if type(message_id) is str and message_id.isascii() else _text(message_id)
        ),
        searches_web=bool(features) and _members(features).get(SEARCH_FEATURE) is True,
    )


def _members(value: object) -> Mapping[object, object]:
    # `dict` first: to ask for the abstract class costs a multiple.
    return value if isinstance(value, (dict, Mapping)) else {}


def _text(value: object) -> str:
    return whole(value) if isinstance(value, str) else ""
