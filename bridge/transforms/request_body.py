"""Open WebUI's request body to the house's `ChatRequest`. Pure.

A body is taken as it comes: what is not understood is passed on or left out and counted, never
an error (SPEC 26, 30). Only a request without a model or without a single message is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from actors.values import (
    ChatRequest,
    ImagePart,
    OpaquePart,
    Parameter,
    Part,
    Role,
    TextPart,
    Turn,
)
from bridge.transforms.json_text import NULL, json_text
from bridge.transforms.model_ids import find_exact_id
from bridge.transforms.text import whole

# What Open WebUI, its filters or a client put into a body for somebody else than the model:
# the parts that are carried in their own fields, identifiers (SPEC 176), tools (not yet sent),
# and what must never reach the provider (SPEC 107).
CONTROL_KEYS: Final = frozenset(
    {
        "background_tasks",
        "chat_id",
        "compact_token_threshold",
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
        "parallel_tool_calls",
        "params",
        "parent_id",
        "parent_message",
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
        "tool_choice",
        "tool_ids",
        "tool_servers",
        "tools",
        "truncation",
        "user",
        "user_message",
        "variables",
    }
)

_ROLES: Final = {role.value: role for role in Role}
_TEXT_TYPES: Final = frozenset({"text", "input_text", "output_text"})
_IMAGE_TYPES: Final = frozenset({"image_url", "input_image"})
_IMAGE_DETAILS: Final = frozenset({"auto", "low", "high"})
_GOT_CHARS_MAX: Final = 200
_EMPTY: Final = TextPart(text="")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBody:
    """A request and what did not go in as it came.

    `messages_dropped` had no role that is sent, or nothing to say. `blocks_opaque` are content
    blocks the house does not know; they are passed on unchanged.
    """

    request: ChatRequest
    messages_dropped: int
    blocks_opaque: int


def chat_request(
    body: object, *, request_id: str, function_id: str, model_ids: Mapping[str, str]
) -> ChatRequest:
    """Return the request alone; see `read_body`."""
    return read_body(
        body, request_id=request_id, function_id=function_id, model_ids=model_ids
    ).request


def read_body(
    body: object, *, request_id: str, function_id: str, model_ids: Mapping[str, str]
) -> ReadBody:
    """Turn a body into a request.

    Args:
        body: what Open WebUI handed over; anything but a mapping counts as empty.
        request_id: the id this request got at the door.
        function_id: the id under which Open WebUI runs this pipe.
        model_ids: exact ids by listed id, from the catalog.

    Raises:
        RequestInvalid: no model, a model that the catalog lacks, or no message.
    """
    fields: Mapping[object, object] = body if isinstance(body, Mapping) else {}
    model = _model(fields.get("model"), function_id=function_id, model_ids=model_ids)
    messages = _sequence(fields.get("messages"))
    turns = tuple(turn for message in messages if (turn := _turn(message)) is not None)
    if not turns:
        raise RequestInvalid(
            RequestFault.MESSAGES_MISSING, where="messages", got=_described(fields.get("messages"))
        )
    parts = (part for turn in turns for part in turn.parts)
    return ReadBody(
        request=ChatRequest(
            request_id=request_id,
            model=model,
            items=turns,
            parameters=tuple(_parameters(fields)),
        ),
        messages_dropped=len(messages) - len(turns),
        blocks_opaque=sum(isinstance(part, OpaquePart) for part in parts),
    )


def _model(asked: object, *, function_id: str, model_ids: Mapping[str, str]) -> str:
    if not isinstance(asked, str) or not asked.strip():
        raise RequestInvalid(RequestFault.MODEL_MISSING, where="model", got=_described(asked))
    found = find_exact_id(asked.strip(), function_id=function_id, model_ids=model_ids)
    if found is None:
        raise RequestInvalid(RequestFault.MODEL_UNKNOWN, where="model", got=whole(asked.strip()))
    return found


def _described(value: object) -> str:
    """Say what stood in a field without repeating it: it may be the words of a person."""
    if value is None:
        return "nothing"
    return f"{len(value)} entries" if isinstance(value, list | tuple) else type(value).__name__


def _turn(message: object) -> Turn | None:
    """Read one message; None when it has no role that is sent, or nothing to say.

    Tool messages are among those: without their calls a provider refuses them. So is what an
    assistant turn leaves when it only called tools.
    """
    if not isinstance(message, Mapping):
        return None
    role = message.get("role")
    known = _ROLES.get(role) if isinstance(role, str) else None
    parts = tuple(_parts(message.get("content"))) if known is not None else ()
    return Turn(role=known, parts=parts) if known is not None and parts else None


def _parts(content: object) -> Iterator[Part]:
    """Read content as Open WebUI writes it: a string, a list of blocks, or one block alone."""
    blocks: Iterable[object] = content if isinstance(content, list | tuple) else (content,)
    for block in blocks:
        part = _part(block)
        # Some providers refuse a text without a character.
        if part is not None and part != _EMPTY:
            yield part


def _part(block: object) -> Part | None:
    if isinstance(block, str):
        return TextPart(text=whole(block))
    if isinstance(block, Mapping):
        kind = str(block.get("type"))
        text = block.get("text")
        if isinstance(text, str) and kind in _TEXT_TYPES:
            return TextPart(text=whole(text))
        if kind in _IMAGE_TYPES and (image := _image(block)) is not None:
            return image
    as_json = json_text(block)
    return OpaquePart(json=as_json) if as_json != NULL else None


def _image(block: Mapping[object, object]) -> ImagePart | None:
    """Read an image whose address stands in the block or one level below; None without one."""
    image = block.get("image_url")
    source: Mapping[object, object] = image if isinstance(image, Mapping) else block
    url = image.get("url") if isinstance(image, Mapping) else image
    if not isinstance(url, str) or not url:
        return None
    detail = source.get("detail")
    # SPEC 46; anything else would be refused by the provider, so it does not get that far.
    is_known = isinstance(detail, str) and detail in _IMAGE_DETAILS
    return ImagePart(url=whole(url), detail=str(detail) if is_known else "auto")


def _parameters(fields: Mapping[object, object]) -> Iterator[Parameter]:
    """Read every other key; a null, or what JSON cannot express, was not set."""
    for name, value in fields.items():
        if isinstance(name, str) and name not in CONTROL_KEYS and value is not None:
            as_json = json_text(value)
            if as_json != NULL:
                yield Parameter(name=whole(name), json=as_json)


def _sequence(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else ()
