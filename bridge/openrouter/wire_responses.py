"""What a /responses event looks like on the wire, as far as it is read here. Pure.

Structs name the few fields that count; the rest is skipped without being built. What may be
odd in one host or another stays raw until it is wanted, so that a strange `usage` never costs
the terminal event around it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

import msgspec
from msgspec import Raw, Struct

from actors.values import StreamFailure, Usage

# What the strict reader throws at bytes that are not the JSON it expects.
UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

FAILURE_BYTES_MAX: Final = 64 * 1024
"""How much of the event around an error is kept: it may repeat every tool of the request."""

_Wire = TypeVar("_Wire")
_NOTHING = Raw()
_NULL = Raw(b"null")


class Delta(Struct, gc=False):
    """The shape of all deltas; of any other event it tells the type, the place and the item."""

    type: str = ""
    delta: str = ""
    output_index: int = 0
    content_index: int = 0
    summary_index: int = 0
    item: Raw = _NOTHING


class Part(Struct, gc=False):
    """A content or summary part, or a `.done` event: each kind has its own text field."""

    type: str = ""
    text: str | None = None
    refusal: str | None = None
    annotations: Raw = _NOTHING

    @property
    def stated(self) -> str:
        """The part's words, whatever the field is called."""
        return self.text or self.refusal or ""


class PartDone(Struct, gc=False):
    """`content_part.done` and `reasoning_summary_part.done`."""

    part: Part


class ItemEvent(Struct, gc=False):
    """`output_item.added` and `.done`; the item is kept as it is written."""

    item: Raw


class Response(Struct, gc=False):
    """The response object of the first and the terminal events."""

    id: str | None = None
    model: str | None = None
    status: str | None = None
    error_type: str | None = None
    output: Raw = _NOTHING
    usage: Raw = _NOTHING
    error: Raw = _NOTHING
    incomplete_details: Raw = _NOTHING


class ResponseEvent(Struct, gc=False):
    """An event that carries a response, an error, or both, nested or flat."""

    response: Raw = _NOTHING
    error: Raw = _NOTHING
    usage: Raw = _NOTHING
    code: Raw = _NOTHING
    message: Raw = _NOTHING
    error_type: Raw = _NOTHING


class _ErrorMetadata(Struct, gc=False):
    error_type: str | None = None


class _ErrorBody(Struct, gc=False):
    code: str | int | float | None = None
    message: str | None = None
    error_type: str | None = None
    type: str | None = None
    metadata: _ErrorMetadata | None = None


class _IncompleteDetails(Struct, gc=False):
    reason: str | None = None


_Count = int | float | None


class _InputDetails(Struct, gc=False):
    cached_tokens: _Count = None
    cache_write_tokens: _Count = None


class _OutputDetails(Struct, gc=False):
    reasoning_tokens: _Count = None


class _UsageBody(Struct, gc=False):
    input_tokens: _Count = None
    output_tokens: _Count = None
    total_tokens: _Count = None
    cost: float | None = None
    input_tokens_details: _InputDetails | None = None
    output_tokens_details: _OutputDetails | None = None


class _WholeResponse(Struct, gc=False):
    id: str | None = None
    model: str | None = None
    status: str | None = None
    output: list[Raw] | None = None
    usage: _UsageBody | None = None
    incomplete_details: _IncompleteDetails | None = None


class _WholeEvent(Struct, gc=False):
    response: _WholeResponse


class Ending(Struct, gc=False):
    """What a terminal event without an error says."""

    status: str
    response_id: str
    model: str
    usage: Usage | None
    output: Sequence[Raw]
    incomplete_reason: str | None


_error = msgspec.json.Decoder(_ErrorBody)
_whole = msgspec.json.Decoder(_WholeEvent)
_incomplete = msgspec.json.Decoder(_IncompleteDetails)
_usage = msgspec.json.Decoder(_UsageBody, strict=False)
_parts = msgspec.json.Decoder(list[Part])
_response = msgspec.json.Decoder(Response)
_raws = msgspec.json.Decoder(list[Raw])
_text = msgspec.json.Decoder(str)


def decode_response(raw: Raw) -> Response:
    """Read the response object; one that makes no sense reads as an empty one."""
    return _optional(_response, raw) or Response()


def decode_list(raw: Raw) -> Sequence[Raw]:
    """Cut a list into its entries, unread; empty when it is missing or makes no sense."""
    return _optional(_raws, raw) or ()


def decode_parts(raw: Raw) -> Sequence[Part]:
    """Read an item's `content` or `summary`; empty when it is missing or makes no sense."""
    return _optional(_parts, raw) or ()


def decode_incomplete_reason(raw: Raw) -> str | None:
    """Read why an answer is incomplete: `max_output_tokens`, `content_filter`, or None."""
    details = _optional(_incomplete, raw)
    return details.reason if details is not None else None


def decode_usage(raw: Raw) -> Usage | None:
    """Read token counts and cost; None when there are none. Any sub-object may be missing."""
    body = _optional(_usage, raw)
    return None if body is None else _usage_of(body)


def decode_ending(payload: bytes) -> Ending | None:
    """Read a terminal event in one go; None when any of it has an unusual shape."""
    try:
        response = _whole.decode(payload).response
    except UNDECODABLE:
        return None
    details = response.incomplete_details
    return Ending(
        status=response.status or "",
        response_id=response.id or "",
        model=response.model or "",
        usage=None if response.usage is None else _usage_of(response.usage),
        output=response.output or (),
        incomplete_reason=None if details is None else details.reason,
    )


def _usage_of(body: _UsageBody) -> Usage:
    asked, answered, total = body.input_tokens, body.output_tokens, body.total_tokens
    input_tokens = asked if type(asked) is int else _count(asked)
    output_tokens = answered if type(answered) is int else _count(answered)
    inputs, outputs = body.input_tokens_details, body.output_tokens_details
    return Usage(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        total_tokens=_count(total) or input_tokens + output_tokens,
        cached_tokens=_count(inputs.cached_tokens) if inputs else 0,
        cache_write_tokens=_count(inputs.cache_write_tokens) if inputs else 0,
        reasoning_tokens=_count(outputs.reasoning_tokens) if outputs else 0,
        cost_usd=body.cost,
    )


def decode_failure(event: ResponseEvent, response: Response, payload: bytes) -> StreamFailure:
    """Gather what an error says about itself, wherever this host has put it.

    Shapes: `error` in the response (`response.failed`), `error` in the event, or `code` and
    `message` flat in the event. The precise word is `error_type`; the native code is coarse.
    `payload` is the event's text.
    """
    nested = response.error if is_told(response.error) else event.error
    body = _optional(_error, nested) or _ErrorBody()
    metadata = body.metadata or _ErrorMetadata()
    code = body.code if body.code is not None else _scalar(event.code)
    return StreamFailure(
        code="" if code is None else str(code),
        error_type=response.error_type
        or text_of(event.error_type)
        or metadata.error_type
        or body.error_type
        or body.type
        or "",
        message=body.message or text_of(event.message) or text_of(nested),
        json=payload[:FAILURE_BYTES_MAX].decode("utf-8", "ignore"),
    )


def place_items(types: Sequence[str], announced: Mapping[int, str]) -> list[int | None]:
    """Say which output index each item of a terminal `output` has.

    The list carries no indexes, its ids can be new ones, and items a host hides leave gaps in
    the indexes of the stream. So positions count only where they fit all that was announced;
    otherwise the items of a type stand in the order of that type's announced indexes.

    Args:
        types: item types of the terminal `output`, in order.
        announced: output index -> item type, from the events before.

    Returns:
        One index for each item. None: it cannot be told apart from what was streamed, and
        showing it could show it twice.
    """
    if all(index < len(types) and types[index] == kind for index, kind in announced.items()):
        return list(range(len(types)))
    waiting = {kind: iter(_indexes(announced, kind)) for kind in set(types)}
    fresh = max(announced) + 1
    return [
        next(waiting[kind], None) if kind in announced.values() else fresh + position
        for position, kind in enumerate(types)
    ]


def _indexes(announced: Mapping[int, str], kind: str) -> list[int]:
    return sorted(index for index, announced_kind in announced.items() if announced_kind == kind)


def _optional(decoder: msgspec.json.Decoder[_Wire], raw: Raw) -> _Wire | None:
    """Decode what is there; None when it is missing, null or of another shape."""
    if not is_told(raw):
        return None
    try:
        return decoder.decode(raw)
    except UNDECODABLE:
        return None


def is_told(raw: Raw) -> bool:
    """Say whether a raw field is there and not null."""
    return len(raw) > 0 and raw != _NULL


def text_of(raw: Raw) -> str:
    """Read a string; "" when it is missing or something else."""
    return _optional(_text, raw) or ""


def _scalar(raw: Raw) -> str | None:
    """Read a flat code, which is a word at one host and a number at another."""
    return (text_of(raw) or bytes(raw).decode()) if is_told(raw) else None


def _count(value: _Count) -> int:
    if type(value) is int:
        return value
    return 0 if value is None else round(value)
