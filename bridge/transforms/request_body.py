"""Open WebUI's request body to the house's `ChatRequest`. Pure.

A body is taken as it comes: what is not understood is passed on or left out and counted, never
an error (SPEC 26, 30). Only a request without a model or without a single message is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from actors.retention import with_short_outputs
from actors.values import ChatRequest, Item, Model, Parameter, WireFormat
from bridge.transforms.history import history_of
from bridge.transforms.images import ChosenImages, with_chosen_images
from bridge.transforms.json_text import NULL, json_text
from bridge.transforms.model_ids import NO_MODELS, FoundModel, find_model
from bridge.transforms.policy import NOBODY, Caller, RequestPolicy
from bridge.transforms.request_policies import under_policy, with_custom_parameters
from bridge.transforms.text import whole
from bridge.transforms.tool_specs import tool_choice_from
from bridge.transforms.wires import wire_for

# What Open WebUI, its filters or a client put into a body for somebody else than the model:
# the parts that are carried in their own fields (tools are read by `tools_of`), identifiers
# (SPEC 176), flags that are for us (SPEC 113, 131), and what must never reach the provider
# (SPEC 107).
CONTROL_KEYS: Final = frozenset(
    {
        "background_tasks",
        "chat_id",
        "compact_token_threshold",
        "disable_capability_updates",
        "disable_description_updates",
        "disable_direct_uploads_auto_attach",
        "disable_image_updates",
        "disable_model_metadata_sync",
        "disable_openrouter_search_auto_attach",
        "disable_openrouter_search_default_on",
        "extra_tools",
        "features",
        "files",
        "filter_ids",
        "function_call",
        "function_calling",
        "functions",
        "id",
        "message_id",
        "messages",
        "metadata",
        "model",
        "model_controls",
        "model_item",
        "n",
        "openrouter",
        "openrouter_pipe",
        "params",
        "parent_id",
        "parent_message",
        "pipe",
        "reasoning_tags",
        "session_id",
        "skill_ids",
        "store",
        "stream",
        "stream_delta_chunk_size",
        "stream_options",
        "stream_response",
        "suffix",
        "system",
        "terminal_id",
        "tool_approval_mode",
        "tool_ids",
        "tool_servers",
        "tools",
        "truncation",
        "user",
        "user_message",
        "variables",
    }
)

_TOOL_CHOICE: Final = "tool_choice"
_GOT_CHARS_MAX: Final = 200


class RequestFault(Enum):
    """What makes a request unanswerable."""

    MODEL_MISSING = "model_missing"
    MODEL_UNKNOWN = "model_unknown"
    MESSAGES_MISSING = "messages_missing"


class RequestInvalid(Exception):
    """The request cannot be sent to any model; an answer to the user, not a failure of ours.

    `where` names the field of the body. `got` says what stood there (a model id, or the type
    of the value, never the words of a message) and is for the user alone.
    """

    def __init__(self, fault: RequestFault, *, where: str, got: str) -> None:
        self.fault = fault
        self.where = where
        self.got = got[:_GOT_CHARS_MAX]
        super().__init__()

    def __str__(self) -> str:
        return f"{self.fault.value} at {self.where}"


class ReadBody(Struct, frozen=True, kw_only=True, gc=False):
    """A request and what did not go in as it came.

    Attributes:
        request: what is sent.
        model: the row of its model; None where no row describes it.
        may_search: whether custom parameters leave the provider's web search alone.
        messages_dropped: had no role that is sent, or nothing to say.
        items_dropped: calls and outputs without each other, and thinking that led to nothing.
        blocks_opaque: content blocks that are not known and passed on unchanged.
        marks_dropped: marks of artifacts, more than a conversation may have.
        images_surplus: images of the newest question over the limit (SPEC 48).
        images_unseen: images that the model does not take (SPEC 50).
    """

    request: ChatRequest
    model: Model | None = None
    may_search: bool = True
    messages_dropped: int = 0
    items_dropped: int = 0
    blocks_opaque: int = 0
    marks_dropped: int = 0
    images_surplus: int = 0
    images_unseen: int = 0


def chat_request(
    body: object,
    *,
    request_id: str,
    function_id: str,
    model_ids: Mapping[str, str],
    models: Mapping[str, Model] = NO_MODELS,
    policy: RequestPolicy | None = None,
    caller: Caller = NOBODY,
) -> ChatRequest:
    """Return the request alone; see `read_body`."""
    return read_body(
        body,
        request_id=request_id,
        function_id=function_id,
        model_ids=model_ids,
        models=models,
        policy=policy,
        caller=caller,
    ).request


def read_body(
    body: object,
    *,
    request_id: str,
    function_id: str,
    model_ids: Mapping[str, str],
    models: Mapping[str, Model] = NO_MODELS,
    policy: RequestPolicy | None = None,
    caller: Caller = NOBODY,
    recalls: bool = False,
) -> ReadBody:
    """Turn a body into a request, shaped by the settings.

    Args:
        body: what Open WebUI handed over; anything but a mapping counts as empty.
        request_id: the id this request got at the door.
        function_id: the id under which Open WebUI runs this pipe.
        model_ids: exact ids by listed id, from the catalog.
        models: rows by exact id, from the same catalog.
        policy: the settings. Without them nothing is added, shortened or left out.
        caller: who asks.
        recalls: whether marks of artifacts become items, for `actors.recall` to fill (SPEC 40:
            there is a chat, a model and a store); otherwise they are taken out.

    Raises:
        RequestInvalid: no model, a model that the catalog lacks, or no message.
    """
    read = read_plain_body(
        body,
        request_id=request_id,
        function_id=function_id,
        model_ids=model_ids,
        models=models,
        policy=policy,
        recalls=recalls,
    )
    if policy is None:
        return read
    if not read.may_search:
        caller = replace(caller, searches_web=False)
    request = under_policy(read.request, model=read.model, policy=policy, caller=caller)
    return replace(read, request=request)


def read_plain_body(
    body: object,
    *,
    request_id: str,
    function_id: str,
    model_ids: Mapping[str, str],
    models: Mapping[str, Model] = NO_MODELS,
    policy: RequestPolicy | None = None,
    recalls: bool = False,
) -> ReadBody:
    """Turn a body into a request with the parameters that the caller set; see `read_body`.

    Of the settings only those count that say in which format the conversation goes out, and
    how much of it.
    """
    # `dict` first: to ask for the abstract class costs a multiple.
    fields: Mapping[object, object] = body if isinstance(body, (dict, Mapping)) else {}
    found = _model(fields.get("model"), function_id, model_ids, models)
    wire = _wire(found.id, policy)
    history = history_of(
        fields.get("messages"), keeps_marks=wire is WireFormat.CHAT, recalls=recalls
    )
    if not history.items:
        raise RequestInvalid(
            RequestFault.MESSAGES_MISSING, where="messages", got=_described(fields.get("messages"))
        )
    chosen = _of_use(history.items, found.model, policy)
    request, may_search = with_custom_parameters(
        ChatRequest(
            request_id=request_id,
            model=found.id,
            items=chosen.items,
            parameters=_parameters(fields),
            wire=wire,
        ),
        function_id=function_id,
        model_ids=model_ids,
    )
    return ReadBody(
        request=request,
        model=found.model,
        may_search=may_search,
        messages_dropped=history.messages_dropped,
        items_dropped=history.items_dropped,
        blocks_opaque=history.blocks_opaque,
        marks_dropped=history.marks_dropped,
        images_surplus=chosen.surplus,
        images_unseen=chosen.unseen,
    )


def _model(
    asked: object, function_id: str, model_ids: Mapping[str, str], models: Mapping[str, Model]
) -> FoundModel:
    if not isinstance(asked, str) or not asked.strip():
        raise RequestInvalid(RequestFault.MODEL_MISSING, where="model", got=_described(asked))
    asked = whole(asked.strip())
    found = find_model(asked, function_id=function_id, model_ids=model_ids, models=models)
    if found is None:
        raise RequestInvalid(RequestFault.MODEL_UNKNOWN, where="model", got=asked)
    return found


def _wire(model_id: str, policy: RequestPolicy | None) -> WireFormat:
    if policy is None:
        return WireFormat.RESPONSES
    return wire_for(
        model_id,
        default=policy.default_wire,
        force_responses=policy.force_responses,
        force_chat=policy.force_chat,
    )


def _of_use(
    items: Sequence[Item], model: Model | None, policy: RequestPolicy | None
) -> ChosenImages:
    """Leave out what has grown old: long outputs of tools, and images."""
    if policy is None:
        return ChosenImages(items=tuple(items))
    items = with_short_outputs(items, turns_kept=policy.output_turns_kept)
    if policy.images_max is None:
        return ChosenImages(items=items)
    return with_chosen_images(
        items,
        images_max=policy.images_max,
        selection=policy.image_selection,
        sees_images=model is None or "image" in model.input_modalities,
    )


def _described(value: object) -> str:
    """Say what stood in a field without repeating it: it may be the words of a person."""
    if value is None:
        return "nothing"
    return f"{len(value)} entries" if isinstance(value, list | tuple) else type(value).__name__


def _parameters(fields: Mapping[object, object]) -> tuple[Parameter, ...]:
    """Read every other key; a null, or what JSON cannot express, was not set."""
    parameters: list[Parameter] = []
    for name, value in fields.items():
        if name not in CONTROL_KEYS and value is not None and isinstance(name, str):
            as_json = json_text(value)
            if as_json != NULL:
                parameters.append(Parameter(name=whole(name), json=as_json))
    called = fields.get("function_call")
    if called is not None and fields.get(_TOOL_CHOICE) is None:
        choice = tool_choice_from(called)
        if choice is not None:
            parameters.append(Parameter(name=_TOOL_CHOICE, json=json_text(choice)))
    return tuple(parameters)
