"""Request parameters, as people and other programs spell them, to the keys of an endpoint. Pure.

One allow-list for each endpoint says what may be sent (SPEC 103, 104): a key that is not in it
is dropped, whether it is unknown, local, meant for the other endpoint, or refused everywhere
(`store`, `truncation`, `n` and so on, SPEC 107). `user`, `session_id` and `metadata` are the
house's own: those of clients are gone before (SPEC 176).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bridge.openrouter.wire_parameter_shapes import (
    flat_choice,
    flat_format,
    nested_choice,
    nested_format,
    reasoning,
)
from bridge.openrouter.wire_parameter_values import (
    first,
    flag,
    integer,
    members,
    metadata,
    number,
    session_id,
    stop,
    told,
    user,
    word,
)

_NUMBERS: Final = ("temperature", "top_p", "frequency_penalty", "presence_penalty")
_CHAT_NUMBERS: Final = (*_NUMBERS, "min_p", "top_a", "repetition_penalty")
_INTEGERS: Final = ("top_k", "top_logprobs", "max_tool_calls")
_CHAT_INTEGERS: Final = (*_INTEGERS, "seed")
_FLAGS: Final = ("parallel_tool_calls",)
_CHAT_FLAGS: Final = (*_FLAGS, "logprobs", "include_reasoning")

# The native name comes first: where it is set, the older ones are not looked at.
_LENGTHS: Final = ("max_output_tokens", "max_completion_tokens", "max_tokens")

_VERBATIM: Final = (
    "cache_control",
    "debug",
    "image_config",
    "models",
    "plugins",
    "preset",
    "prompt_cache_key",
    "prompt_cache_options",
    "provider",
    "route",
    "service_tier",
    "stop_server_tools_when",
    "trace",
    "transforms",
)
_RESPONSES_VERBATIM: Final = (
    *_VERBATIM,
    "include",
    "instructions",
    "prompt",
    "safety_identifier",
)
_CHAT_VERBATIM: Final = (
    *_VERBATIM,
    "audio",
    "logit_bias",
    "modalities",
    "prediction",
    "web_search_options",
)

_REASONING: Final = ("effort", "summary", "max_tokens", "enabled", "context", "mode")
_CHAT_REASONING: Final = ("effort", "summary", "max_tokens", "enabled", "exclude")

_IDENTIFIERS: Final = ("metadata", "session_id", "user")
_BUILT: Final = ("max_output_tokens", "modalities", "reasoning", "text", "tool_choice")
_CHAT_BUILT: Final = (
    "max_completion_tokens",
    "max_tokens",
    "reasoning",
    "response_format",
    "stop",
    "tool_choice",
    "verbosity",
)

RESPONSES_KEYS: Final = frozenset(
    (*_NUMBERS, *_INTEGERS, *_FLAGS, *_RESPONSES_VERBATIM, *_BUILT, *_IDENTIFIERS)
)
"""Every parameter key that can stand in a /responses body; `model`, `input`, `tools` and `stream`
are the request's own."""

CHAT_KEYS: Final = frozenset(
    (*_CHAT_NUMBERS, *_CHAT_INTEGERS, *_CHAT_FLAGS, *_CHAT_VERBATIM, *_CHAT_BUILT, *_IDENTIFIERS)
)
"""Every parameter key that can stand in a chat body; `model`, `messages`, `tools` and `stream`
are the request's own, and `instructions` becomes a message."""


def responses_parameters(given: Mapping[str, object]) -> dict[str, object]:
    """Map decoded parameters to what /responses takes.

    Args:
        given: decoded JSON values by the caller's names.

    Returns:
        Wire values by /responses names, all in `RESPONSES_KEYS`, none of them None. Values that
        cannot be meant (a blank number, a metadata pair that is too long) are left out.
    """
    if not given:
        return {}
    wanted = _plain(given, _RESPONSES_VERBATIM, _NUMBERS, _INTEGERS, _FLAGS)
    wanted["max_output_tokens"] = first(integer(given.get(name)) for name in _LENGTHS)
    wanted["modalities"] = _spoken_modalities(given.get("modalities"))
    wanted["reasoning"] = reasoning(given, _REASONING)
    wanted["text"] = _text(given)
    wanted["tool_choice"] = flat_choice(given)
    return told(wanted)


def chat_parameters(given: Mapping[str, object]) -> dict[str, object]:
    """Map decoded parameters to what /chat/completions takes.

    Args:
        given: decoded JSON values by the caller's names.

    Returns:
        Wire values by chat names, all in `CHAT_KEYS`, none of them None; see
        `responses_parameters`.
    """
    if not given:
        return {}
    wanted = _plain(given, _CHAT_VERBATIM, _CHAT_NUMBERS, _CHAT_INTEGERS, _CHAT_FLAGS)
    wanted.update(_chat_length(given))
    wanted["reasoning"] = reasoning(given, _CHAT_REASONING)
    native = members(given.get("text"), ("format", "verbosity"))
    wanted["response_format"] = first(
        map(nested_format, (given.get("response_format"), native.get("format")))
    )
    wanted["verbosity"] = first(map(word, (given.get("verbosity"), native.get("verbosity"))))
    wanted["stop"] = stop(given.get("stop"))
    wanted["tool_choice"] = nested_choice(given)
    return told(wanted)


def _plain(
    given: Mapping[str, object],
    verbatim: tuple[str, ...],
    numbers: tuple[str, ...],
    integers: tuple[str, ...],
    flags: tuple[str, ...],
) -> dict[str, object]:
    """Take what keeps its name; on both endpoints identifiers have the same bounds."""
    wanted: dict[str, object] = {name: given.get(name) for name in verbatim}
    wanted.update((name, number(given.get(name))) for name in numbers)
    wanted.update((name, integer(given.get(name))) for name in integers)
    wanted.update((name, flag(given.get(name))) for name in flags)
    wanted["metadata"] = metadata(given.get("metadata"))
    wanted["session_id"] = session_id(given.get("session_id"))
    wanted["user"] = user(given.get("user"))
    return wanted


def _chat_length(given: Mapping[str, object]) -> dict[str, object]:
    """Keep the newer name where the caller uses it; otherwise the one that all hosts know."""
    newer = integer(given.get("max_completion_tokens"))
    if newer is not None:
        return {"max_completion_tokens": newer}
    return {"max_tokens": first(integer(given.get(n)) for n in ("max_tokens", "max_output_tokens"))}


def _spoken_modalities(value: object) -> object:
    """Leave out audio, which /responses refuses with the whole request (FACTS)."""
    if not isinstance(value, list):
        return value
    return [kind for kind in value if kind != "audio"] or None


def _text(given: Mapping[str, object]) -> dict[str, object] | None:
    """Build `text`: its own format and verbosity win over the chat spelling."""
    native = members(given.get("text"), ("format", "verbosity"))
    formats = map(flat_format, (native.get("format"), given.get("response_format")))
    verbosities = map(word, (native.get("verbosity"), given.get("verbosity")))
    return told({"format": first(formats), "verbosity": first(verbosities)}) or None
