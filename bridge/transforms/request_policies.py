"""What the settings add to a request, and what of it stays behind. Pure.

Each function takes a request and gives one back; `under_policy` puts them in their order. What
the caller said about the same thing always stands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from msgspec.structs import replace

from actors.values import ChatRequest, Model, OpaqueTool, Tool, WireFormat
from bridge.transforms.blocks import CACHE_MARK
from bridge.transforms.efforts import MINIMAL
from bridge.transforms.model_ids import ModelId, find_model
from bridge.transforms.parameters import (
    changed,
    entries_of,
    names_any,
    names_of,
    value_of,
    word_of,
)
from bridge.transforms.policy import NOBODY, Caller, RequestPolicy
from bridge.transforms.reasoning import (
    ANTHROPIC,
    REASONING_NAMES,
    wanted_effort,
    with_betas,
    with_reasoning,
)

FALLBACK_FLAG: Final = "model_fallback"
NO_SEARCH_FLAGS: Final = ("disable_native_websearch", "disable_native_web_search")

WEB_PLUGIN: Final = "web"
TRIMMING_PLUGIN: Final = "context-compression"

USER_CHARS_MAX: Final = 128
SESSION_CHARS_MAX: Final = 256
IDENTIFIER_CHARS_MAX: Final = 512

_FLAGS: Final = (FALLBACK_FLAG, *NO_SEARCH_FLAGS)
_IDENTIFIERS: Final = ("user", "session_id", "metadata")
_PLUGINS: Final = "plugins"
_SEARCH_OPTIONS: Final = "web_search_options"
_SEARCH_PRICE: Final = "web_search"
_LENGTHS: Final = ("max_output_tokens", "max_completion_tokens", "max_tokens")
_TOOL_SETTINGS: Final = ("tool_choice", "parallel_tool_calls")
_TRANSFORMS: Final = "transforms"
_YES: Final = frozenset({"1", "true", "yes", "on"})

# A request that names none of these gets what every other one to its model gets.
_SHAPED: Final = frozenset(
    {*REASONING_NAMES, *_IDENTIFIERS, *_LENGTHS, _PLUGINS, _TRANSFORMS, CACHE_MARK}
)
# Models, and settings of users, of which is remembered what that is.
_REMEMBERED_MAX: Final = 512


def under_policy(
    request: ChatRequest, *, model: Model | None, policy: RequestPolicy, caller: Caller
) -> ChatRequest:
    """Shape a request by the settings, once its custom parameters are dealt with.

    Args:
        request: see `with_custom_parameters`.
        model: the row of its model; None where no row describes it.
        policy: the settings.
        caller: who asks, and whether they want the web searched.
    """
    sends_identifiers = (
        policy.sends_user or policy.sends_session or policy.sends_chat or policy.sends_message
    )
    if (
        sends_identifiers
        or caller.searches_web
        or request.tools
        or request.headers
        or names_any(request.parameters, _SHAPED)
    ):
        return _shaped(request, model, policy, caller)
    added = _alone(request.model, model, policy, request.wire, request.is_streaming)
    return replace(
        request,
        parameters=request.parameters + added.parameters,
        headers=added.headers,
        cache_ttl=added.cache_ttl or request.cache_ttl,
    )


@lru_cache(maxsize=_REMEMBERED_MAX)
def _alone(
    name: str, model: Model | None, policy: RequestPolicy, wire: WireFormat, is_streaming: bool
) -> ChatRequest:
    """Return what the settings alone make of a request to this model."""
    request = ChatRequest(request_id="", model=name, items=(), wire=wire, is_streaming=is_streaming)
    return _shaped(request, model, policy, NOBODY)


def _shaped(
    request: ChatRequest, model: Model | None, policy: RequestPolicy, caller: Caller
) -> ChatRequest:
    """See `under_policy`."""
    # Models that think as little as they can are not able to search (SPEC 136).
    if caller.searches_web and wanted_effort(request, model, policy) != MINIMAL:
        request = with_web_search(request, model, results_max=policy.search_results_max)
    request = with_reasoning(request, model, policy)
    if policy.trims_context:
        request = with_trimming(request)
    if policy.uses_output_max:
        request = with_output_max(request, model)
    if policy.caches_prompts:
        request = with_cache_ttl(request, policy.cache_ttl)
    return with_betas(with_identifiers(request, policy, caller), policy)


def is_yes(value: object) -> bool:
    """Read a flag as people write it into a text field (SPEC 131)."""
    return value is True or value == 1 or word_of(value) in _YES


def with_custom_parameters(
    request: ChatRequest, *, function_id: str, model_ids: Mapping[str, str]
) -> tuple[ChatRequest, bool]:
    """Carry out what people put into a model's custom parameters (SPEC 113).

    Returns:
        The request without those flags, and whether the web may be searched for it.
    """
    parameters = request.parameters
    if not names_any(parameters, _FLAGS):
        return request, True
    fallbacks = _fallbacks(value_of(parameters, FALLBACK_FLAG), function_id, model_ids)
    may_search = not any(is_yes(value_of(parameters, flag)) for flag in NO_SEARCH_FLAGS)
    flags: dict[str, object] = dict.fromkeys(_FLAGS)
    if fallbacks:
        given = [each for each in entries_of(parameters, "models") if isinstance(each, str)]
        flags["models"] = list(dict.fromkeys((*given, *fallbacks)))
    request = replace(request, parameters=changed(parameters, flags))
    return (request if may_search else without_web_search(request)), may_search


def without_web_search(request: ChatRequest) -> ChatRequest:
    """Take the provider's web search away, in each of its spellings."""
    changes: dict[str, object] = {_SEARCH_OPTIONS: None}
    plugins = entries_of(request.parameters, _PLUGINS)
    left = [plugin for plugin in plugins if _plugin_id(plugin) != WEB_PLUGIN]
    if len(left) < len(plugins):
        changes[_PLUGINS] = left or None
    return replace(request, parameters=changed(request.parameters, changes))


def with_web_search(
    request: ChatRequest, model: Model | None, *, results_max: int | None
) -> ChatRequest:
    """Have the web searched for the model, if it can use that (SPEC 136)."""
    if not can_search(model):
        return request
    plugin: dict[str, object] = {"id": WEB_PLUGIN}
    if results_max is not None:
        plugin["max_results"] = results_max
    return _with_plugin(request, plugin)


def can_search(model: Model | None) -> bool:
    """Say whether a model searches the web natively; one without a row may be able to."""
    if model is None:
        return True
    return _SEARCH_OPTIONS in model.parameters or _SEARCH_PRICE in dict(model.prices)


def with_trimming(request: ChatRequest) -> ChatRequest:
    """Have a conversation that is too long cut in its middle (SPEC 112)."""
    if names_any(request.parameters, (_TRANSFORMS,)):
        return request
    return _with_plugin(request, {"id": TRIMMING_PLUGIN, "engine": "middle-out"})


def with_output_max(request: ChatRequest, model: Model | None) -> ChatRequest:
    """Let an answer be as long as the catalog says it may be (SPEC 111)."""
    if model is None or model.output_tokens_max is None:
        return request
    given = (value_of(request.parameters, name) for name in _LENGTHS)
    if any(value is not None and value != "" for value in given):
        return request
    # Blanks go: they would be read instead.
    lengths: dict[str, object] = dict.fromkeys(_LENGTHS)
    lengths[_LENGTHS[0]] = model.output_tokens_max
    return replace(request, parameters=changed(request.parameters, lengths))


def with_cache_ttl(request: ChatRequest, ttl: str) -> ChatRequest:
    """Have Claude's prompts cached (SPEC 121); a caller that says how has it done that way."""
    is_claude = ModelId.parse(request.model).author == ANTHROPIC
    if not is_claude or CACHE_MARK in names_of(request.parameters):
        return request
    return replace(request, cache_ttl=ttl)


def with_identifiers(request: ChatRequest, policy: RequestPolicy, caller: Caller) -> ChatRequest:
    """Say who asks, as far as the settings allow; nothing else does (SPEC 176, 177)."""
    is_silent = not (
        policy.sends_user or policy.sends_session or policy.sends_chat or policy.sends_message
    )
    if is_silent and not names_any(request.parameters, _IDENTIFIERS):
        return request
    user = caller.user_id if policy.sends_user and _fits(caller.user_id, USER_CHARS_MAX) else None
    session = caller.session_id if policy.sends_session else None
    session = session if session and _fits(session, SESSION_CHARS_MAX) else None
    metadata = {
        "user_id": user,
        "session_id": session,
        "chat_id": caller.chat_id if policy.sends_chat else None,
        "message_id": caller.message_id if policy.sends_message else None,
    }
    sent = {name: each for name, each in metadata.items() if each and _fits(each)}
    identifiers: dict[str, object] = {
        "user": user,
        "session_id": session,
        "metadata": sent or None,
    }
    return replace(request, parameters=changed(request.parameters, identifiers))


def with_tools(
    request: ChatRequest, tools: Sequence[Tool | OpaqueTool], policy: RequestPolicy
) -> ChatRequest:
    """Give the model its tools; without any, what the request says about calling them goes too."""
    request = replace(request, tools=tuple(tools))
    if tools:
        return with_betas(request, policy)
    settings: dict[str, object] = dict.fromkeys(_TOOL_SETTINGS)
    return replace(request, parameters=changed(request.parameters, settings))


def _fallbacks(value: object, function_id: str, model_ids: Mapping[str, str]) -> list[str]:
    """Read a comma list of models, spelt as in Open WebUI or as the provider spells them."""
    names = [name for part in str(value or "").split(",") if (name := part.strip())]
    found = (find_model(name, function_id=function_id, model_ids=model_ids) for name in names)
    return [name if each is None else each.id for name, each in zip(names, found, strict=True)]


def _with_plugin(request: ChatRequest, plugin: dict[str, object]) -> ChatRequest:
    """Add a plugin, unless the request has it: switched off by hand, it stays off."""
    plugins = entries_of(request.parameters, _PLUGINS)
    if any(_plugin_id(each) == plugin["id"] for each in plugins):
        return request
    return replace(request, parameters=changed(request.parameters, {_PLUGINS: [*plugins, plugin]}))


def _plugin_id(plugin: object) -> object:
    return plugin.get("id") if isinstance(plugin, dict) else None


def _fits(identifier: str, chars_max: int = IDENTIFIER_CHARS_MAX) -> bool:
    return 0 < len(identifier) <= chars_max
