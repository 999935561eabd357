"""The house language: the nouns that messages, ports and pure functions share.

Everything here is a frozen value. Bytes from outside become these values at the door they
come in by; inside, nothing is validated twice. What is made for every request or every read is a
`Struct`: as frozen as a dataclass, at a fifth of the cost. None of them can hold itself, so the
garbage collector need not look at them (`gc=False`). For that reason no module keeps one whose
class has methods: it would keep the class, and with it every module of a build that was replaced.
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


class TextPart(Struct, frozen=True, kw_only=True, gc=False):
    """Plain text, verbatim."""

    text: str


class ImagePart(Struct, frozen=True, kw_only=True, gc=False):
    """An image by URL or `data:` URL, passed on as it is."""

    url: str
    detail: str = "auto"


class OpaquePart(Struct, frozen=True, kw_only=True, gc=False):
    """A content block that the house does not know: its JSON text, passed on unchanged."""

    json: str


Part: TypeAlias = TextPart | ImagePart | OpaquePart


class Turn(Struct, frozen=True, kw_only=True, gc=False):
    """One message of the history, in order of its parts.

    `annotations` holds what a provider noted beside an earlier answer (citations, parsed files),
    each as JSON text, to be sent back as it is. `phase` is the provider's own word for an
    answer's place in a longer work (`commentary`, `final_answer`), kept and sent back.
    """

    role: Role
    parts: tuple[Part, ...]
    annotations: tuple[str, ...] = ()
    phase: str = ""


class ToolCall(Struct, frozen=True, kw_only=True, gc=False):
    """A tool the model wants to be run. `arguments` is JSON text as the model wrote it, or ""."""

    call_id: str
    name: str
    arguments: str

    def __repr__(self) -> str:
        return f"ToolCall({self.call_id!r}, {self.name!r})"


class ToolOutput(Struct, frozen=True, kw_only=True, gc=False):
    """What a call gave back, for the model to read."""

    call_id: str
    output: str

    def __repr__(self) -> str:
        return f"ToolOutput({self.call_id!r})"


class WireFormat(Enum):
    """The two ways in which the provider takes a conversation."""

    RESPONSES = "responses"
    CHAT = "chat_completions"


class Reasoning(Struct, frozen=True, kw_only=True, gc=False):
    """A model's thinking as the provider wants it back: whole, unchanged and in its place.

    `json` is one `reasoning` item (`RESPONSES`) or the list of `reasoning_details` of one
    message (`CHAT`), byte for byte as it came. The codec of the other format converts it.
    """

    wire: WireFormat
    json: str

    def __repr__(self) -> str:
        return f"Reasoning({self.wire.value})"


class OpaqueItem(Struct, frozen=True, kw_only=True, gc=False):
    """An item that the house does not know: its JSON text, as one provider format spells it.

    The codec of that format passes it on unchanged, the other one leaves it out.
    """

    wire: WireFormat
    json: str

    def __repr__(self) -> str:
        return f"OpaqueItem({self.wire.value})"


class Mark(Struct, frozen=True, kw_only=True, gc=False):
    """Here belongs a stored artifact. Marks are replaced before a request is encoded."""

    artifact_id: str


Item: TypeAlias = Turn | ToolCall | ToolOutput | Reasoning | OpaqueItem | Mark


class Tool(Struct, frozen=True, kw_only=True, gc=False):
    """A function that the model may call. `parameters_json` is its JSON schema."""

    name: str
    description: str
    parameters_json: str
    strict: bool | None = None


class OpaqueTool(Struct, frozen=True, kw_only=True, gc=False):
    """A tool that runs at the provider: its JSON text, passed on unchanged."""

    json: str


class Parameter(Struct, frozen=True, kw_only=True, gc=False):
    """One request parameter by its wire name, the value as JSON text."""

    name: str
    json: str


class ChatRequest(Struct, frozen=True, kw_only=True, gc=False):
    """What a person asked for, free of any door's or provider's spelling.

    Attributes:
        request_id: the id this request got at the door.
        model: the exact provider id (`openai/gpt-4o-mini`), its variant included.
        items: the conversation, oldest first.
        parameters: what the caller or a policy set (temperature, reasoning and so on); order is
            kept, names do not repeat. A codec leaves out what its format does not know, so that
            a request can change over to the other one.
        tools: what the model may call.
        wire: the format it goes out in.
        headers: beyond those that every request carries.
        cache_ttl: `5m` or `1h` where the provider is to be told which prefix to cache.
        is_streaming: whether the answer comes as a stream or as one body.
    """

    request_id: str
    model: str
    items: tuple[Item, ...]
    parameters: tuple[Parameter, ...] = ()
    tools: tuple[Tool | OpaqueTool, ...] = ()
    wire: WireFormat = WireFormat.RESPONSES
    headers: tuple[tuple[str, str], ...] = ()
    cache_ttl: str | None = None
    is_streaming: bool = True


# --- what a stream says -----------------------------------------------------------------------
#
# Events of one socket read are joined by kind and place: one `TextAdvanced` may stand for many
# deltas on the wire. `output_index` keys the item (wire fact: items overlap, ids are made up).


class TextAdvanced(Struct, frozen=True, kw_only=True, gc=False):
    """Visible answer text was appended to an item."""

    output_index: int
    content_index: int
    text: str


class TextStated(Struct, frozen=True, kw_only=True, gc=False):
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


class ReasoningStated(Struct, frozen=True, kw_only=True, gc=False):
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


class RefusalStated(Struct, frozen=True, kw_only=True, gc=False):
    """A later, full statement of a refusal: fills a part only when no delta ever came."""

    output_index: int
    content_index: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCallBegan:
    """The model has begun to write a call. Nothing of it may be run yet."""

    output_index: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCalled:
    """A call in its final wording, once for each. The arguments may still be no JSON."""

    output_index: int
    call: ToolCall


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasoningMade:
    """A finished piece of thinking, to be sent back with what follows. Nothing to show."""

    output_index: int
    reasoning: Reasoning


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePhased:
    """The provider's word for the place of the message at this index (see `Turn.phase`)."""

    output_index: int
    phase: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotated:
    """A note on the answer's text: a page it cites (`url`), or a file that was parsed (no url).

    `json` is the annotation as the provider spelt it.
    """

    output_index: int
    url: str = ""
    title: str = ""
    text: str = field(default="", repr=False)
    json: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageMade:
    """A finished image. `url` is a `data:` URL or an address; `item_id` may be "" or repeat."""

    output_index: int
    url: str = field(repr=False)
    item_id: str = ""


class SearchAction(Enum):
    """What a search at the provider is doing."""

    SEARCH = "search"
    OPEN_PAGE = "open_page"
    FIND_IN_PAGE = "find_in_page"


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchAdvanced:
    """The provider searches the web for the model. `is_done`: this step is over."""

    output_index: int
    action: SearchAction = SearchAction.SEARCH
    queries: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    is_done: bool = False


class Usage(Struct, frozen=True, kw_only=True, gc=False):
    """What an answer consumed, in the model's own tokens; `cost_usd` as the account pays it."""

    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    reasoning_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    cost_usd: float | None = None


def summed(first: Usage | None, second: Usage | None) -> Usage | None:
    """Add up what two provider calls of one answer consumed; None where nothing is known."""
    if first is None or second is None:
        return first or second
    costs = [usage.cost_usd for usage in (first, second) if usage.cost_usd is not None]
    return Usage(
        input_tokens=first.input_tokens + second.input_tokens,
        output_tokens=first.output_tokens + second.output_tokens,
        total_tokens=first.total_tokens + second.total_tokens,
        reasoning_tokens=first.reasoning_tokens + second.reasoning_tokens,
        cached_tokens=first.cached_tokens + second.cached_tokens,
        cache_write_tokens=first.cache_write_tokens + second.cache_write_tokens,
        cost_usd=sum(costs) if costs else None,
    )


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
    never to a log, a dead letter or an exception text. `json` is the whole event around it, so
    that whoever words the error can look for more.
    """

    code: str = ""
    error_type: str = ""
    message: str = field(default="", repr=False)
    json: str = field(default="", repr=False)


class StreamEnded(Struct, frozen=True, kw_only=True, gc=False):
    """The terminal event. `failure` is set for `FAILED` and `ERROR` only.

    `native_reason` is the word of the provider behind the provider (`end_turn`, `MAX_TOKENS`).
    """

    status: EndStatus
    incomplete_reason: str | None = None
    usage: Usage | None = None
    failure: StreamFailure | None = None
    response_id: str = ""
    model: str = ""
    native_reason: str = ""


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
    | ToolCallBegan
    | ToolCalled
    | ReasoningMade
    | MessagePhased
    | Annotated
    | ImageMade
    | SearchAdvanced
    | StreamEnded
    | EventSkipped
)


# --- what a reader is shown -------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A place that an answer or a tool drew on."""

    name: str
    url: str = ""
    text: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """What a tool gave back: text for the model, and what else there is to show.

    `files` are addresses or `data:` URLs of images.
    """

    output: str = field(repr=False)
    sources: tuple[Source, ...] = ()
    files: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolStarted:
    """A call has begun to run."""

    call: ToolCall


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolEnded:
    """A call is over. `result.output` is what the model reads, failed or not."""

    call: ToolCall
    result: ToolResult
    is_failed: bool
    elapsed_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolsHandedOver:
    """Calls that whoever asked is to run: the answer ends with them (SPEC 78)."""

    calls: tuple[ToolCall, ...]


class Notice(Enum):
    """What happened beside the answer and a reader should hear of."""

    # The request was sent once more, changed in this way.
    EFFORT_CHANGED = "effort_changed"
    REASONING_LEFT_OUT = "reasoning_left_out"
    CACHE_MARKS_LEFT_OUT = "cache_marks_left_out"
    ENDPOINT_CHANGED = "endpoint_changed"
    # Tools.
    TOOL_PAUSED = "tool_paused"
    TOOL_ROUNDS_SPENT = "tool_rounds_spent"
    CALL_CUT_OFF = "call_cut_off"
    # Storage: `amount` is the time in seconds until it is tried again.
    STORAGE_PAUSED = "storage_paused"
    STORAGE_UNAVAILABLE = "storage_unavailable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Noticed:
    """One notice. `about` names what it concerns (a tool, an effort), `amount` how much of it."""

    notice: Notice
    about: str = ""
    amount: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """What is kept of the answer: the ids of its artifacts, for marks at its very end.

    Nothing to see, and nothing is said after it.
    """

    ids: tuple[str, ...]


Shown: TypeAlias = (
    TextAdvanced
    | ReasoningAdvanced
    | RefusalAdvanced
    | ToolCallBegan
    | Annotated
    | ImageMade
    | SearchAdvanced
    | ToolStarted
    | ToolEnded
    | ToolsHandedOver
    | Noticed
    | Marked
)


# --- the catalog -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One row of the provider's catalog, as far as the house needs it.

    Attributes:
        parameters: what `supported_parameters` names; empty when the row has no such list.
        efforts: reasoning efforts the row names, weakest first; empty when it names none.
        is_reasoning_mandatory: thinking cannot be switched off.
        prices: every numeric price by its name, in dollars; what varies is not in it.
    """

    id: str
    name: str
    input_modalities: tuple[str, ...] = ("text",)
    output_modalities: tuple[str, ...] = ("text",)
    context_tokens: int | None = None
    output_tokens_max: int | None = None
    parameters: tuple[str, ...] = ()
    efforts: tuple[str, ...] = ()
    is_reasoning_mandatory: bool = False
    prices: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """All models on offer, in the provider's order; ids are unique. Never empty."""

    models: tuple[Model, ...]
