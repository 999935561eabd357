"""House events to the lines Open WebUI takes from a generator, and to a whole answer. Pure.

Open WebUI passes a string that begins with `data:` on untouched, and reads exactly one JSON
value out of each. So every line here is one complete chunk: never empty, never a comment, no
line break inside it, and valid whatever characters a model sends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from json.encoder import encode_basestring
from math import isfinite
from typing import Final, TypeAlias

from actors.values import (
    ReasoningAdvanced,
    RefusalAdvanced,
    StreamEvent,
    TextAdvanced,
    Usage,
)
from bridge.transforms.image_text import inline_markdown
from bridge.transforms.json_text import JsonValue, json_text
from bridge.transforms.text import whole


class PieceKind(Enum):
    """What a piece is: text that is shown, or one of three things that travel beside it.

    The text of an `EVENT` is a whole line, that of `TOOL_CALLS` a JSON list of deltas, and that
    of an `IMAGE` a `data:` URL which found no place yet.
    """

    CONTENT = "content"
    REASONING = "reasoning_content"
    EVENT = "event"
    TOOL_CALLS = "tool_calls"
    IMAGE = "image"


# Bound once: in Python 3.11 a look at a member of an enum costs as much as a call.
_CONTENT, _REASONING, _EVENT, _TOOL_CALLS, _IMAGE = PieceKind

# A plain pair: pieces are made per socket read, and only live until the next line is taken.
Piece: TypeAlias = tuple[PieceKind, str]


class FinishReason(Enum):
    """How an answer ended, in Chat Completions words."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    CONTENT_FILTER = "content_filter"
    ERROR = "error"


_CONTENT_HEAD: Final = f'{{"{PieceKind.CONTENT.value}":'
_REASONING_HEAD: Final = f'{{"{PieceKind.REASONING.value}":'
_DELTA_END: Final = '},"finish_reason":null}]}'

# Valid inside JSON, but a line break to clients that read lines with `str.splitlines`.
_LINE_BREAKS: Final = (("\x85", "\\u0085"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029"))


_FINISHES: Final = {
    reason: f'{{"index":0,"delta":{{}},"finish_reason":"{reason.value}"}}]}}'
    for reason in FinishReason
}


class ChunkWriter:
    """Writes the chunks of one answer; what they have in common is prepared once.

    What is not text goes through here as well, so that everything keeps its order.

    `model` is the name the caller used, `created_s` the epoch second of the answer.
    """

    __slots__ = ("_content", "_opening", "_reasoning")

    def __init__(self, *, model: str, completion_id: str, created_s: int) -> None:
        self._opening = (
            f'data: {{"id":{quoted(completion_id)},"object":"chat.completion.chunk",'
            f'"created":{created_s},"model":{quoted(model)},"choices":['
        )
        delta = f'{self._opening}{{"index":0,"delta":'
        self._content = delta + _CONTENT_HEAD
        self._reasoning = delta + _REASONING_HEAD

    def delta(self, kind: PieceKind, text: str) -> str:
        """Write text that was appended to the answer or to the thinking."""
        # No table by kind: the hash of an enum member costs more than the rest of the line.
        head = self._content if kind is _CONTENT else self._reasoning
        return head + quoted(text) + _DELTA_END

    def lines(self, pieces: Sequence[Piece]) -> list[str]:
        """Write all that waits: neighbours of a kind share one line, empty text makes none."""
        if len(pieces) == 1:
            kind, text = pieces[0]
            if kind is _CONTENT:  # Nearly every line of an answer.
                return [self._content + quoted(text) + _DELTA_END] if text else []
            if kind is _REASONING:
                return [self.delta(kind, text)] if text else []
            return [self._other(kind, text)]
        lines: list[str] = []
        last: PieceKind | None = None
        run = ""
        for kind, text in pieces:
            if kind is last:
                run += text
                continue
            if run and last is not None:
                lines.append(self.delta(last, run))
            if kind is _CONTENT or kind is _REASONING:
                last, run = kind, text
            else:
                last, run = None, ""
                if text:
                    lines.append(self._other(kind, text))
        if run and last is not None:
            lines.append(self.delta(last, run))
        return lines

    def _other(self, kind: PieceKind, text: str) -> str:
        if kind is _TOOL_CALLS:
            calls = _one_line(text)
            return f'{self._opening}{{"index":0,"delta":{{"tool_calls":{calls}{_DELTA_END}'
        # An image that nobody stored is shown as far as that can be done.
        return text if kind is _EVENT else self.delta(_CONTENT, f"{inline_markdown(text)}\n\n")

    def finish(self, reason: FinishReason) -> str:
        """Write the chunk that closes every answer (SPEC 84)."""
        return self._opening + _FINISHES[reason]

    def usage(
        self, usage: Usage, *, rounds: int | None = None, tool_calls: int | None = None
    ) -> str:
        """Write what the answer consumed, in a chunk without choices; see `usage_dict`."""
        told = usage_dict(usage, rounds=rounds, tool_calls=tool_calls)
        return f'{self._opening}],"usage":{_json(told)}}}'


def quoted(text: str) -> str:
    """Return the text as a JSON string on one line."""
    if text.isascii():
        return encode_basestring(text)
    return _one_line(encode_basestring(whole(text)))


def event_line(kind: str, data: Mapping[str, JsonValue]) -> str:
    """Write a side event (status, source, notification, files) for Open WebUI's emitter."""
    return f"data: {_json({'event': {'type': kind, 'data': data}})}"


def error_line(message: str) -> str:
    """Write an error that is shown beside the text so far, which stays."""
    return f"data: {_json(error_dict(message))}"


def error_dict(message: str) -> dict[str, JsonValue]:
    """Return an error as an answer; an object in both fields, as old versions insist on it."""
    return {"error": {"message": message, "detail": message}}


def pieces_of(events: Iterable[StreamEvent]) -> list[Piece]:
    """Pick what is shown out of stream events, in order.

    A refusal is shown as the answer it is. Later statements (`TextStated` and its kin) are not
    looked at: whoever keeps the conversation knows whether they fill a gap, and then sends what
    was missing as an advance.
    """
    pieces: list[Piece] = []
    for event in events:
        match event:
            case TextAdvanced() | RefusalAdvanced():
                pieces.append((_CONTENT, event.text))
            case ReasoningAdvanced():
                pieces.append((_REASONING, event.text))
            case _:
                pass
    return pieces


def finish_reason(incomplete_reason: str | None, *, has_calls: bool = False) -> FinishReason:
    """Translate why a model stopped; None means that it said all it wanted.

    With `has_calls` the answer ends with calls for whoever asked, and is to be gone on with.
    """
    if incomplete_reason is None:
        return FinishReason.TOOL_CALLS if has_calls else FinishReason.STOP
    if incomplete_reason == FinishReason.CONTENT_FILTER.value:
        return FinishReason.CONTENT_FILTER
    # Whatever the word for it: the answer is not whole, and `stop` would say that it is.
    return FinishReason.LENGTH


def usage_dict(
    usage: Usage, *, rounds: int | None = None, tool_calls: int | None = None
) -> dict[str, JsonValue]:
    """Return usage in Chat Completions words; the cost only when it is known.

    `rounds` is how often the provider was asked, `tool_calls` how many tools ran on the way
    (SPEC 95).
    """
    counts: dict[str, JsonValue] = {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens or usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }
    if usage.cost_usd is not None and isfinite(usage.cost_usd):
        counts["cost"] = usage.cost_usd
    if rounds is not None:
        counts["turn_count"] = rounds
    if tool_calls is not None:
        counts["function_call_count"] = tool_calls
    return counts


def completion_dict(
    *,
    model: str,
    completion_id: str,
    created_s: int,
    content: str,
    reason: FinishReason,
    reasoning: str = "",
    usage: Mapping[str, JsonValue] | Usage | None = None,
    tool_calls: Sequence[JsonValue] = (),
) -> dict[str, JsonValue]:
    """Return a whole answer for a caller that does not stream (SPEC 25).

    `usage` may be a `usage_dict` that says more; `tool_calls` are those of `call_dicts`.
    """
    message: dict[str, JsonValue] = {"role": "assistant", "content": whole(content)}
    if tool_calls:
        message["tool_calls"] = list(tool_calls)
        message["content"] = whole(content) or None
    if reasoning:
        message["reasoning_content"] = whole(reasoning)
    choice: dict[str, JsonValue] = {
        "index": 0,
        "message": message,
        "finish_reason": reason.value,
    }
    answer: dict[str, JsonValue] = {
        "id": completion_id,
        "object": "chat.completion",
        "created": created_s,
        "model": model,
        "choices": [choice],
    }
    if usage is not None:
        answer["usage"] = usage_dict(usage) if isinstance(usage, Usage) else usage
    return answer


def _json(value: JsonValue) -> str:
    return _one_line(json_text(value))


def _one_line(text: str) -> str:
    if text.isascii():
        return text
    for line_break, escape in _LINE_BREAKS:
        if line_break in text:
            text = text.replace(line_break, escape)
    return text
