"""The house language: the nouns that messages, ports and pure functions share.

Everything here is a frozen value. Bytes from outside become these values at the door they
come in by; inside, nothing is validated twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from msgspec import Struct


class Role(Enum):
    """Who speaks in a turn of the history."""

    SYSTEM = "system"
    DEVELOPER = "developer"
    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True, kw_only=True)
class TextPart:
    """Plain text, verbatim."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePart:
    """An image by URL or `data:` URL, passed on as it is."""

    url: str
    detail: str = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpaquePart:
    """A content block that the house does not know: its JSON text, passed on unchanged."""

    json: str


Part: TypeAlias = TextPart | ImagePart | OpaquePart


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One message of the history, in order of its parts."""

    role: Role
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One request parameter by its wire name, the value as JSON text."""

    name: str
    json: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """What a person asked for, free of any door's or provider's spelling.

    `model` is the exact provider id (`openai/gpt-4o-mini`). `parameters` holds what the caller
    set (temperature, max_tokens and so on); order is kept, names do not repeat.
    """

    request_id: str
    model: str
    turns: tuple[Turn, ...]
    parameters: tuple[Parameter, ...] = ()


# --- what a stream says -----------------------------------------------------------------------
#
# Events of one socket read are joined by kind and place: one `TextAdvanced` may stand for many
# deltas on the wire. `output_index` keys the item (wire fact: items overlap, ids are made up).
# What is made for every read is a `Struct`: as frozen as a dataclass, at a fifth of the cost.


class TextAdvanced(Struct, frozen=True, kw_only=True, gc=False):
    """Visible answer text was appended to an item."""

    output_index: int
    content_index: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TextStated:
    """A later, full statement of a part's text: fills it only when no delta ever came."""

    output_index: int
    content_index: int
    text: str


class ReasoningKind(Enum):
    """How a model words its thinking."""

    RAW = "raw"
    SUMMARY = "summary"


class ReasoningAdvanced(Struct, frozen=True, kw_only=True, gc=False):
    """Thinking was appended. `part_index` is the content or the summary index."""

    output_index: int
    part_index: int
    kind: ReasoningKind
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasoningStated:
    """A later, full statement of thinking: fills a part only when no delta ever came."""

    output_index: int
    part_index: int
    kind: ReasoningKind
    text: str


class RefusalAdvanced(Struct, frozen=True, kw_only=True, gc=False):
    """The model's refusal was appended."""

    output_index: int
    content_index: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalStated:
    """A later, full statement of a refusal: fills a part only when no delta ever came."""

    output_index: int
    content_index: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What an answer consumed, in the model's own tokens; `cost_usd` as the account pays it."""

    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    reasoning_tokens: int = 0
    cached_tokens: int = 0
    cost_usd: float | None = None


class EndStatus(Enum):
    """How the provider says a stream ended."""

    COMPLETED = "completed"
    INCOMPLETE = "incomplete"
    FAILED = "failed"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamFailure:
    """An error that the provider reported inside a stream.

    `message` is the provider's own text and may quote the prompt: it goes to the user who asked,
    never to a log, a dead letter or an exception text.
    """

    code: str = ""
    error_type: str = ""
    message: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEnded:
    """The terminal event. `failure` is set for `FAILED` and `ERROR` only."""

    status: EndStatus
    incomplete_reason: str | None = None
    usage: Usage | None = None
    failure: StreamFailure | None = None
    response_id: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSkipped:
    """`count` events of one read could not be understood; the answer goes on."""

    count: int


StreamEvent: TypeAlias = (
    TextAdvanced
    | TextStated
    | ReasoningAdvanced
    | ReasoningStated
    | RefusalAdvanced
    | RefusalStated
    | StreamEnded
    | EventSkipped
)


# --- the catalog -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One row of the provider's catalog, as far as the house needs it."""

    id: str
    name: str
    input_modalities: tuple[str, ...] = ("text",)
    output_modalities: tuple[str, ...] = ("text",)
    context_tokens: int | None = None
    output_tokens_max: int | None = None
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """All models on offer, in the provider's order; ids are unique. Never empty."""

    models: tuple[Model, ...]
