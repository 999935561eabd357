"""How much a model is asked to think. Pure (SPEC 115-118).

Three kinds of models: those with the `reasoning` object, older ones that only know
`include_reasoning`, and those that do not think. What the request says beats the valves; a model
whose row says nothing, or that has no row, is left to the request alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from actors.values import ChatRequest, Model, Parameter, Tool, WireFormat
from bridge.transforms.efforts import MINIMAL, OFF, weakest_first
from bridge.transforms.model_ids import ModelId
from bridge.transforms.parameters import changed, members_of, names_any, value_of, word_of
from bridge.transforms.policy import RequestPolicy

REASONING: Final = "reasoning"
EFFORT: Final = "reasoning_effort"
INCLUDE: Final = "include_reasoning"
REASONING_NAMES: Final = (REASONING, EFFORT, INCLUDE)

BETA_HEADER: Final = "x-anthropic-beta"
INTERLEAVED_BETA: Final = "interleaved-thinking-2025-05-14"
STRICT_TOOLS_BETA: Final = "structured-outputs-2025-11-13"

ANTHROPIC: Final = "anthropic"

_GOOGLE: Final = "google"
_GEMINI_2_5: Final = re.compile(r"gemini-2\.5(?![0-9])")
_GEMINI_3: Final = re.compile(r"gemini-3(?![0-9])")
_BUDGET_SHARES: Final[Mapping[str, float]] = {
    MINIMAL: 0.25,
    "low": 0.5,
    "medium": 1.0,
    "high": 2.0,
    "xhigh": 4.0,
    "max": 4.0,
}
_LOW_EFFORTS: Final = frozenset({OFF, MINIMAL, "low"})
_LEVELS: Final = frozenset({"low", "high"})
_NO_SUMMARY: Final = "disabled"


def with_reasoning(request: ChatRequest, model: Model | None, policy: RequestPolicy) -> ChatRequest:
    """Ask for thinking as far as the model can do it and the policy wants it.

    Args:
        request: as the caller made it.
        model: the row of its model; None where no row describes it.
        policy: with `asks_reasoning` off nothing is added, and the request's own words stand.
    """
    if model is None or not model.parameters:
        return request
    parameters = request.parameters
    if REASONING in model.parameters:
        if not names_any(parameters, REASONING_NAMES):
            # Nearly every request: the settings alone decide.
            return _as_the_policy_says(request, model, policy)
        wanted = _reasoning(parameters, model, policy) if _is_asked(parameters, policy) else None
        changes: dict[str, object] = {REASONING: wanted, EFFORT: None, INCLUDE: None}
        return _changed(request, changes)
    if INCLUDE not in model.parameters:
        return _changed(request, {REASONING: None, EFFORT: None, INCLUDE: False})
    included = _included(parameters, policy) if _is_asked(parameters, policy) else None
    return _changed(request, {REASONING: None, EFFORT: None, INCLUDE: included})


def _as_the_policy_says(request: ChatRequest, model: Model, policy: RequestPolicy) -> ChatRequest:
    if not policy.asks_reasoning:
        return request
    return _changed(request, {REASONING: _reasoning((), model, policy)})


def wanted_effort(request: ChatRequest, model: Model | None, policy: RequestPolicy) -> str:
    """Return the effort that a request, or else the policy, wants of a model.

    "" when neither names one, and for a model that is known not to take any.
    """
    if model is not None and model.parameters and REASONING not in model.parameters:
        return ""
    asked = _asked_effort(request.parameters)
    return asked or (policy.reasoning_effort if policy.asks_reasoning else "")


def with_effort(request: ChatRequest, effort: str) -> ChatRequest:
    """Ask for this effort instead of whatever the request says about thinking."""
    return _changed(request, {REASONING: {"effort": effort}, EFFORT: None, INCLUDE: None})


def with_betas(request: ChatRequest, policy: RequestPolicy) -> ChatRequest:
    """Tell Claude which of its newer ways are wanted.

    Thinking between calls (SPEC 118), where the endpoint takes it; and strict tools, which are
    sent as lax ones otherwise (FACTS, Tool calling).
    """
    if ModelId.parse(request.model).author != ANTHROPIC:
        return request
    takes_it = request.is_streaming or request.wire is WireFormat.CHAT
    wanted = [INTERLEAVED_BETA] if policy.interleaves_thinking and takes_it else []
    if any(isinstance(tool, Tool) and tool.strict for tool in request.tools):
        wanted.append(STRICT_TOOLS_BETA)
    if not wanted:
        return request
    given = [value for name, value in request.headers if name.lower() == BETA_HEADER]
    words = dict.fromkeys(word.strip() for value in (*given, *wanted) for word in value.split(","))
    words.pop("", None)
    others = tuple(header for header in request.headers if header[0].lower() != BETA_HEADER)
    return replace(request, headers=(*others, (BETA_HEADER, ",".join(words))))


def _changed(request: ChatRequest, values: Mapping[str, object]) -> ChatRequest:
    return replace(request, parameters=changed(request.parameters, values))


def _is_asked(parameters: tuple[Parameter, ...], policy: RequestPolicy) -> bool:
    said = (value_of(parameters, name) for name in REASONING_NAMES)
    return policy.asks_reasoning or any(value not in (None, {}, "") for value in said)


def _asked_effort(parameters: tuple[Parameter, ...]) -> str:
    own = word_of(members_of(parameters, REASONING).get("effort"))
    return own or word_of(value_of(parameters, EFFORT))


def _included(parameters: tuple[Parameter, ...], policy: RequestPolicy) -> bool:
    """Say whether an older model's thinking is wanted."""
    if value_of(parameters, INCLUDE) is False:
        return False
    if members_of(parameters, REASONING).get("enabled") is False:
        return False
    return (_asked_effort(parameters) or policy.reasoning_effort) != OFF


def _reasoning(
    parameters: tuple[Parameter, ...], model: Model, policy: RequestPolicy
) -> dict[str, object] | None:
    """Write the `reasoning` object; what the request has in it stays.

    Effort and budget exclude each other, and so do either of them and switching it off.
    """
    own = members_of(parameters, REASONING)
    own.pop("effort", None)
    if value_of(parameters, INCLUDE) is False:
        # The older word for thinking that is not shown.
        own.setdefault("exclude", True)
    if own.get("enabled") is False:
        if not model.is_reasoning_mandatory:
            return own
        del own["enabled"]
    asked = _asked_effort(parameters)
    if "max_tokens" in own:
        amount: dict[str, object] = {"effort": asked} if asked else {}
    else:
        amount = _amount(asked or policy.reasoning_effort, model, policy)
    if amount.get("effort") == OFF:
        own.pop("enabled", None)
        return {**own, **amount}
    said: dict[str, object] = {**amount, "enabled": True, **own}
    if policy.reasoning_summary != _NO_SUMMARY:
        said.setdefault("summary", policy.reasoning_summary)
    return said


def _amount(effort: str, model: Model, policy: RequestPolicy) -> dict[str, object]:
    """Say how much, in the words that this model's family takes.

    A model that always thinks refuses to be told not to; it is asked for as little as it names.
    """
    if effort == OFF and model.is_reasoning_mandatory:
        effort = next((each for each in weakest_first(model.efforts) if each != OFF), "")
    if not effort or effort == OFF:
        return {"effort": effort} if effort else {}
    known = ModelId.parse(model.id)
    if known.author == _GOOGLE and _GEMINI_2_5.match(known.slug):
        return _budget(effort, model, policy.gemini_budget_tokens)
    if known.author == _GOOGLE and _GEMINI_3.match(known.slug):
        return {"effort": _level(effort, policy.gemini_level)}
    return {"effort": effort}


def _budget(effort: str, model: Model, base_tokens: int) -> dict[str, object]:
    """Write Gemini 2.5's effort as tokens to think with (SPEC 117)."""
    if base_tokens <= 0:
        return {} if model.is_reasoning_mandatory else {"effort": OFF}
    return {"max_tokens": max(1, round(base_tokens * _BUDGET_SHARES.get(effort, 1.0)))}


def _level(effort: str, level: str) -> str:
    """Write Gemini 3's effort as one of its two levels (SPEC 117)."""
    if level in _LEVELS:
        return level
    return "low" if effort in _LOW_EFFORTS else "high"
