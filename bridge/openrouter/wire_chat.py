"""What a chat chunk, or a whole chat answer, looks like on the wire, as far as it is read. Pure.

Structs name the few fields that count; the rest is skipped without being built. One of them is
made for each chunk, in one go. What is odd in one host or another (a `content` of parts, a
number for a word) makes the strict reader refuse the whole chunk; `loosened` then takes what
makes sense of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from actors.values import StreamFailure, Usage
from bridge.openrouter.loose_json import member, text, whole_number
from bridge.openrouter.wire_text import read_leniently, write_mended

# What the strict reader throws at bytes that are not the JSON it expects.
UNDECODABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class FunctionPiece(Struct, gc=False):
    """A piece of a call's wording."""

    name: str | None = None
    arguments: str | None = None


class CallPiece(Struct, gc=False):
    """One entry of `tool_calls`; id and name usually come in the first piece only."""

    index: int | None = None
    id: str | None = None
    function: FunctionPiece | None = None


class Delta(Struct, gc=False):
    """What a chunk adds, or the message of a whole answer. `reasoning_content` is an alias."""

    content: str | None = None
    reasoning: str | None = None
    reasoning_details: list[dict[str, object]] | None = None
    tool_calls: list[CallPiece] | None = None
    refusal: str | None = None
    annotations: list[dict[str, object]] | None = None
    images: list[dict[str, object]] | None = None
    reasoning_content: str | None = None


class Choice(Struct, gc=False):
    """The one choice that is asked for. `message` stands in whole answers."""

    delta: Delta | None = None
    finish_reason: str | None = None
    native_finish_reason: str | None = None
    message: Delta | None = None
    error: object = None


class Chunk(Struct, gc=False):
    """One event of a stream, or the body of an answer that is no stream."""

    choices: list[Choice] | None = None
    usage: object = None
    error: object = None


class Head(Struct, gc=False):
    """What every chunk repeats, read once."""

    id: str | None = None
    model: str | None = None


# No method may hang on these types: the collector does not see what such a constant refers to, so
# a replaced build of this module would be kept alive by way of the method's globals.
_SILENCE: Final = Delta()
_NO_CHOICE: Final = Choice()


def is_silent(delta: Delta) -> bool:
    """Say whether a delta adds nothing."""
    return delta == _SILENCE


read_chunk = msgspec.json.Decoder(Chunk).decode
_read_head = msgspec.json.Decoder(Head).decode


def first_choice(choices: Sequence[Choice] | None) -> Choice:
    """Return the choice that was asked for, or an empty one."""
    return choices[0] if choices else _NO_CHOICE


def head_of(payload: bytes) -> Head:
    """Read id and model; whatever cannot be read is missing."""
    try:
        return _read_head(payload)
    except UNDECODABLE:
        document = read_leniently(payload)
        return Head(
            id=text(member(document, "id")) or None, model=text(member(document, "model")) or None
        )


def loosened(document: object) -> Chunk | None:
    """Take from a chunk of an odd shape what makes sense.

    Args:
        document: JSON that the lenient reader took; its strings may hold surrogate halves.

    Returns:
        The chunk that the strict reader would give, were the odd fields missing. None: nothing
        in it says anything.
    """
    if not isinstance(document, Mapping):
        return None
    choices = [_choice(each) for each in _objects(document.get("choices"))]
    chunk = Chunk(choices=choices, usage=document.get("usage"), error=document.get("error") or None)
    says_something = chunk.error or usage_of(chunk.usage) or any(map(_says_something, choices))
    return chunk if says_something else None


def usage_of(value: object) -> Usage | None:
    """Read token counts and cost; None when there are none. Any sub-object may be missing."""
    if not isinstance(value, Mapping) or not value:
        return None
    inputs, outputs = _count(value, "prompt_tokens"), _count(value, "completion_tokens")
    return Usage(
        input_tokens=inputs,
        output_tokens=outputs,
        total_tokens=_count(value, "total_tokens") or inputs + outputs,
        reasoning_tokens=_count(value, "completion_tokens_details", "reasoning_tokens"),
        cached_tokens=_count(value, "prompt_tokens_details", "cached_tokens"),
        cache_write_tokens=_count(value, "prompt_tokens_details", "cache_write_tokens"),
        cost_usd=_cost(value.get("cost")),
    )


def failure_of(payload: bytes, *, native_reason: str) -> StreamFailure:
    """Gather what an error says about itself, wherever this host has put it.

    Shapes: `error` in the chunk or in its choice, as an object or as a sentence; or none at all,
    and then the upstream's own word for the end is the only reason given.
    """
    document = read_leniently(payload)
    choices = _objects(member(document, "choices"))
    error = member(document, "error") or member(choices[0] if choices else None, "error")
    return StreamFailure(
        code=_code(member(error, "code"), member(error, "http_status")) or native_reason,
        error_type=_first_text(
            member(error, "metadata", "error_type"),
            member(error, "error_type"),
            member(document, "metadata", "error_type"),
            member(error, "type"),
        ),
        message=text(member(error, "message")) or text(error),
        json=payload.decode("utf-8", "replace").strip(),
    )


def written(value: object) -> str:
    """Write a value that was read off the wire; surrogate halves become U+FFFD."""
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError:
        return write_mended(value).decode()


def _says_something(choice: Choice) -> bool:
    said = choice.delta or choice.message or _SILENCE
    return bool(choice.finish_reason or choice.error or not is_silent(said))


def _choice(value: Mapping[str, object]) -> Choice:
    return Choice(
        delta=_delta(value.get("delta")),
        finish_reason=_word(value, "finish_reason"),
        native_finish_reason=_word(value, "native_finish_reason"),
        message=_delta(value.get("message")),
        error=value.get("error"),
    )


def _delta(value: object) -> Delta | None:
    if not isinstance(value, Mapping):
        return None
    return Delta(
        content=_content(value.get("content")),
        reasoning=_word(value, "reasoning"),
        reasoning_details=_objects_or_none(value.get("reasoning_details")),
        tool_calls=_calls(value.get("tool_calls")),
        refusal=_word(value, "refusal"),
        annotations=_objects_or_none(value.get("annotations")),
        images=_objects_or_none(value.get("images")),
        reasoning_content=_word(value, "reasoning_content"),
    )


def _content(value: object) -> str | None:
    """Read a text, or the texts of a list of parts."""
    if isinstance(value, str):
        return value
    said = "".join(text(member(part, "text")) for part in _objects(value))
    return said or None


def _calls(value: object) -> list[CallPiece] | None:
    if not isinstance(value, list):
        return None
    return [
        CallPiece(
            index=whole_number(piece.get("index")),
            id=_word(piece, "id"),
            function=_function(piece.get("function")),
        )
        for piece in _objects(value)
    ]


def _function(value: object) -> FunctionPiece | None:
    if not isinstance(value, Mapping):
        return None
    arguments = value.get("arguments")
    # Some hosts forget to write the arguments as text.
    told = written(arguments) if isinstance(arguments, dict) else arguments
    return FunctionPiece(
        name=_word(value, "name"), arguments=told if isinstance(told, str) else None
    )


def _word(value: Mapping[str, object], name: str) -> str | None:
    found = value.get(name)
    return found if isinstance(found, str) else None


def _objects(value: object) -> list[dict[str, object]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _objects_or_none(value: object) -> list[dict[str, object]] | None:
    return _objects(value) if isinstance(value, list) else None


def _first_text(*values: object) -> str:
    return next((found for value in values if (found := text(value))), "")


def _code(*values: object) -> str:
    """Read a code, which is a number at one host and a word at another."""
    for value in values:
        number = whole_number(value)
        if number is not None:
            return str(number)
        if text(value):
            return text(value)
    return ""


def _count(value: object, *path: str) -> int:
    return max(whole_number(member(value, *path)) or 0, 0)


def _cost(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if math.isfinite(value) else None
