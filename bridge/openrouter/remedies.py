"""What can be changed in a request that OpenRouter refused, so that it goes through. Pure.

The `Remedies` port. Each remedy is used once in a chat; they are looked at in the order of
`_REMEDIES`, and the first that fits is taken. One that would change nothing does not fit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from msgspec.structs import replace

from actors.ports import ProviderError, Remedied
from actors.values import (
    ChatRequest,
    Item,
    Notice,
    Noticed,
    OpaquePart,
    OpaqueTool,
    Parameter,
    Reasoning,
    Tool,
    Turn,
    WireFormat,
)
from bridge.openrouter.refusals import (
    BAD_REQUEST,
    RefusalText,
    refusal_text,
    refuses_endpoint,
    refuses_thoughts,
    rejects_reasoning,
    supported_efforts,
)
from bridge.transforms.blocks import CACHE_MARK
from bridge.transforms.efforts import OFF, nearest_effort
from bridge.transforms.json_text import json_text, json_value
from bridge.transforms.parameters import changed, members_of, names_of, value_of, word_of
from bridge.transforms.reasoning import EFFORT, REASONING, REASONING_NAMES

NO_REASONING: Final = "no-reasoning"
NEAREST_EFFORT: Final = "nearest-effort"
NO_OLD_REASONING: Final = "no-old-reasoning"
NO_CACHE_MARKS: Final = "no-cache-marks"
OTHER_ENDPOINT: Final = "other-endpoint"

_NESTING_MAX: Final = 64

_Change: TypeAlias = Callable[
    [ChatRequest, RefusalText], "tuple[ChatRequest, Noticed | None] | None"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRouterRemedies:
    """See the module docstring and `actors.ports.Remedies`.

    `falls_back_to_chat` allows a request to go to the other endpoint.
    """

    falls_back_to_chat: bool = True

    def find(
        self, request: ChatRequest, error: ProviderError, used: Collection[str]
    ) -> Remedied | None:
        """See `Remedies.find`."""
        refusal = refusal_text(error)
        for name, change in _REMEDIES.items():
            if name in used or (name == OTHER_ENDPOINT and not self.falls_back_to_chat):
                continue
            if (made := change(request, refusal)) is not None:
                remedied, notice = made
                return Remedied(name=name, request=remedied, notice=notice)
        return None


def _without_reasoning(
    request: ChatRequest, refusal: RefusalText
) -> tuple[ChatRequest, Noticed | None] | None:
    """Ask for no thinking at all (SPEC 119)."""
    if not refuses_thoughts(refusal) or not names_of(request.parameters) & set(REASONING_NAMES):
        return None
    parameters = changed(request.parameters, dict.fromkeys(REASONING_NAMES))
    return replace(request, parameters=parameters), None


def _with_nearest_effort(
    request: ChatRequest, refusal: RefusalText
) -> tuple[ChatRequest, Noticed | None] | None:
    """Ask for the effort next to the one that is not supported (SPEC 120)."""
    reasoning = members_of(request.parameters, REASONING)
    sent = word_of(reasoning.get("effort")) or word_of(value_of(request.parameters, EFFORT))
    if not sent:
        return None
    nearest = nearest_effort(sent, supported_efforts(refusal, sent))
    if nearest is None or nearest == sent:
        return None
    if nearest == OFF:
        # What only makes sense while it thinks would be the next thing to be refused.
        reasoning = {}
    changes: dict[str, object] = {REASONING: {**reasoning, "effort": nearest}, EFFORT: None}
    notice = Noticed(notice=Notice.EFFORT_CHANGED, about=nearest)
    return replace(request, parameters=changed(request.parameters, changes)), notice


def _without_old_reasoning(
    request: ChatRequest, refusal: RefusalText
) -> tuple[ChatRequest, Noticed | None] | None:
    """Leave out the thinking of earlier answers."""
    items = tuple(item for item in request.items if not isinstance(item, Reasoning))
    if len(items) == len(request.items) or not rejects_reasoning(refusal):
        return None
    return replace(request, items=items), Noticed(notice=Notice.REASONING_LEFT_OUT)


def _without_cache_marks(
    request: ChatRequest, refusal: RefusalText
) -> tuple[ChatRequest, Noticed | None] | None:
    """Say nothing about caching, in whatever place it was said (SPEC 122)."""
    if refusal.status != BAD_REQUEST:
        return None
    unmarked = replace(
        request,
        items=tuple(map(_unmarked_item, request.items)),
        parameters=tuple(
            _unmarked_parameter(each) for each in request.parameters if each.name != CACHE_MARK
        ),
        tools=tuple(map(_unmarked_tool, request.tools)),
        cache_ttl=None,
    )
    if unmarked == request:
        return None
    return unmarked, Noticed(notice=Notice.CACHE_MARKS_LEFT_OUT)


def _over_chat(
    request: ChatRequest, refusal: RefusalText
) -> tuple[ChatRequest, Noticed | None] | None:
    """Send it to the other endpoint (SPEC 101)."""
    if request.wire is not WireFormat.RESPONSES or not refuses_endpoint(refusal):
        return None
    return replace(request, wire=WireFormat.CHAT), Noticed(
        notice=Notice.ENDPOINT_CHANGED, about=WireFormat.CHAT.value
    )


_REMEDIES: Final[Mapping[str, _Change]] = {
    NO_REASONING: _without_reasoning,
    NEAREST_EFFORT: _with_nearest_effort,
    NO_OLD_REASONING: _without_old_reasoning,
    NO_CACHE_MARKS: _without_cache_marks,
    OTHER_ENDPOINT: _over_chat,
}


def _unmarked_item(item: Item) -> Item:
    if not isinstance(item, Turn):
        return item
    parts = tuple(
        OpaquePart(json=_unmarked_json(part.json)) if isinstance(part, OpaquePart) else part
        for part in item.parts
    )
    return item if parts == item.parts else replace(item, parts=parts)


def _unmarked_tool(tool: Tool | OpaqueTool) -> Tool | OpaqueTool:
    return OpaqueTool(json=_unmarked_json(tool.json)) if isinstance(tool, OpaqueTool) else tool


def _unmarked_parameter(parameter: Parameter) -> Parameter:
    return Parameter(name=parameter.name, json=_unmarked_json(parameter.json))


def _unmarked_json(text: str) -> str:
    """Take the marks out of JSON text; text without any is not touched, not even decoded."""
    if CACHE_MARK not in text:
        return text
    value = json_value(text)
    unmarked = _unmarked(value, _NESTING_MAX)
    return text if value is None or unmarked == value else json_text(unmarked)


def _unmarked(value: object, depth: int, *, is_schema: bool = False) -> object:
    """Drop the marks of all levels; in a schema's `properties` it is the name of something else."""
    if depth == 0:
        return value
    if isinstance(value, dict):
        return {
            key: _unmarked(each, depth - 1, is_schema=key == "properties")
            for key, each in value.items()
            if is_schema or key != CACHE_MARK
        }
    if isinstance(value, list):
        return [_unmarked(each, depth - 1) for each in value]
    return value
