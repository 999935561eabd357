"""Request parameters, as people and other programs spell them, to the keys of /responses. Pure.

One allow-list says what may be sent (SPEC 103): a key that is not in it is dropped, whether it
is unknown, local, meant for the other endpoint, or refused here (`store`, `truncation`, `n`,
`user` and so on, SPEC 107). Tools have no keys yet.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Final

INTEGER_MAX: Final = 2**53
METADATA_PAIRS_MAX: Final = 16
METADATA_KEY_CHARS_MAX: Final = 64
METADATA_VALUE_CHARS_MAX: Final = 512
SESSION_ID_CHARS_MAX: Final = 256

_NUMBERS: Final = ("temperature", "top_p", "frequency_penalty", "presence_penalty")
_INTEGERS: Final = ("top_k", "top_logprobs")
# The native name comes first: where it is set, the older ones are not looked at.
_LENGTHS: Final = ("max_output_tokens", "max_completion_tokens", "max_tokens")
_VERBATIM: Final = (
    "cache_control",
    "debug",
    "image_config",
    "include",
    "instructions",
    "modalities",
    "models",
    "plugins",
    "preset",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_options",
    "provider",
    "route",
    "safety_identifier",
    "service_tier",
    "trace",
)
_REASONING: Final = ("effort", "summary", "max_tokens", "enabled", "context", "mode")
_BUILT: Final = ("max_output_tokens", "metadata", "reasoning", "session_id", "text")

RESPONSES_KEYS: Final = frozenset((*_NUMBERS, *_INTEGERS, *_VERBATIM, *_BUILT))
"""Every parameter key that can stand in a /responses body; `model`, `input` and `stream` are
the request's own."""


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
    wanted: dict[str, object] = {name: given.get(name) for name in _VERBATIM}
    wanted.update((name, _number(given.get(name))) for name in _NUMBERS)
    wanted.update((name, _integer(given.get(name))) for name in _INTEGERS)
    wanted["max_output_tokens"] = _first(_integer(given.get(name)) for name in _LENGTHS)
    wanted["metadata"] = _metadata(given.get("metadata"))
    wanted["reasoning"] = _reasoning(given.get("reasoning"), given.get("reasoning_effort"))
    wanted["session_id"] = _session_id(given.get("session_id"))
    wanted["text"] = _text(given)
    return {name: value for name, value in wanted.items() if value is not None}


def _first(values: Iterable[object]) -> object:
    return next((value for value in values if value is not None), None)


def _number(value: object) -> float | None:
    """Read a number, also from a string; None for a blank, a flag or anything else."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if isinstance(value, int) or math.isfinite(value) else None


def _integer(value: object) -> int | None:
    """Read an integer, rounding; None for what no provider could take as one."""
    number = _number(value)
    return round(number) if number is not None and abs(number) <= INTEGER_MAX else None


def _members(value: object, names: Iterable[str]) -> dict[str, object]:
    """Take the named members of an object that are set."""
    if not isinstance(value, dict):
        return {}
    return {name: value[name] for name in names if value.get(name) is not None}


def _word(value: object) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _metadata(value: object) -> dict[str, str] | None:
    """Keep the pairs that fit, as many as fit."""
    if not isinstance(value, dict):
        return None
    fitting = [
        (key, text)
        for key, text in value.items()
        if isinstance(text, str)
        and len(text) <= METADATA_VALUE_CHARS_MAX
        and len(key) <= METADATA_KEY_CHARS_MAX
        and not {"[", "]"} & set(key)
    ]
    return dict(fitting[:METADATA_PAIRS_MAX]) or None


def _session_id(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= SESSION_ID_CHARS_MAX else None


def _reasoning(value: object, effort: object) -> dict[str, object] | None:
    """Add the older `reasoning_effort` where the request has no effort and no budget of its own.

    Effort and budget exclude each other, and the caller's own word stands.
    """
    reasoning = _members(value, _REASONING)
    reasoning["effort"] = _word(reasoning.get("effort"))
    reasoning["max_tokens"] = _integer(reasoning.get("max_tokens"))
    if reasoning["effort"] is None and reasoning["max_tokens"] is None:
        reasoning["effort"] = _word(effort)
    return {name: member for name, member in reasoning.items() if member is not None} or None


def _text(given: Mapping[str, object]) -> dict[str, object] | None:
    """Build `text`: its own format and verbosity win over the chat spelling."""
    native = _members(given.get("text"), ("format", "verbosity"))
    output_format = _format(native.get("format")) or _format(given.get("response_format"))
    verbosity = _word(native.get("verbosity")) or _word(given.get("verbosity"))
    text = {"format": output_format, "verbosity": verbosity}
    return {name: member for name, member in text.items() if member is not None} or None


def _format(value: object) -> dict[str, object] | None:
    """Flatten an output format; None when it is no format that exists.

    Chat nests a schema under `json_schema`, /responses has its members beside `type`.
    """
    kind = _members(value, ("type",)).get("type")
    if kind in ("text", "json_object"):
        return {"type": kind}
    if kind != "json_schema":
        return None
    names = ("name", "description", "schema", "strict")
    schema = _members(value, names) or _members(_members(value, (kind,)).get(kind), names)
    if not _word(schema.get("name")) or not isinstance(schema.get("schema"), dict):
        return None
    return {"type": kind, **schema}
