"""Faults that tell the same answer in another form: frames in, frames out. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType

import msgspec

from bridge.standin.chat_wire import KEEP_ALIVE_TEXT, chunk, chunk_shell
from bridge.standin.faults import ProviderFault
from bridge.standin.frames import (
    DONE_FRAME,
    Endpoint,
    Frame,
    FrameKind,
    Json,
    comment_frame,
    event_frame,
)
from bridge.standin.stage import Stage

COMMENTS_IN_A_FLOOD = 500
GIANT_FRAME_BYTES = 512 * 1024

UNDECODABLE = Frame(kind=FrameKind.TAIL, data=b'data: {"type":"response.output_text.de\n\n')
_NOT_UTF8 = Frame(kind=FrameKind.TAIL, data=b'data: {"type":"\xff\xfe\xc3\x28"}\n\n')

Rewrite = Callable[[Stage], tuple[Frame, ...]]


def keep_alive(endpoint: Endpoint) -> Frame:
    """Return the comment that the endpoint sends while it waits."""
    return comment_frame(KEEP_ALIVE_TEXT if endpoint is Endpoint.CHAT else "")


def _comment_flood(stage: Stage) -> tuple[Frame, ...]:
    flood = (keep_alive(stage.endpoint),) * COMMENTS_IN_A_FLOOD
    spread = [part for frame in stage.rest for part in (keep_alive(stage.endpoint), frame)]
    return (*flood, *stage.before, *flood, *spread)


def _without(kind: FrameKind) -> Rewrite:
    return lambda stage: tuple(frame for frame in stage.frames if frame.kind is not kind)


def _unterminated(stage: Stage) -> tuple[Frame, ...]:
    *told, last = _without(FrameKind.DONE)(stage)
    return (*told, replace(last, data=last.data.removesuffix(b"\n\n")))


def _double_done(stage: Stage) -> tuple[Frame, ...]:
    return (*stage.frames, DONE_FRAME)


def _data_after_done(stage: Stage) -> tuple[Frame, ...]:
    stray = next((f for f in stage.frames if f.kind is FrameKind.OUTPUT), UNDECODABLE)
    return (*stage.frames, stray)


def _garbage_first(stage: Stage) -> tuple[Frame, ...]:
    return (UNDECODABLE, *stage.frames)


def _garbage_between(stage: Stage) -> tuple[Frame, ...]:
    return (*stage.before, UNDECODABLE, *stage.rest)


def _garbage_last(stage: Stage) -> tuple[Frame, ...]:
    return (*_without(FrameKind.DONE)(stage), UNDECODABLE, DONE_FRAME)


def _invalid_utf8(stage: Stage) -> tuple[Frame, ...]:
    return (*stage.before, _NOT_UTF8, *stage.rest)


def _each(change: Callable[[bytes], bytes]) -> Rewrite:
    return lambda stage: tuple(replace(f, data=change(f.data)) for f in stage.frames)


def _bom(stage: Stage) -> tuple[Frame, ...]:
    first, *others = stage.frames
    return (replace(first, data=b"\xef\xbb\xbf" + first.data), *others)


def _over_lines(data: bytes) -> bytes:
    document = data.removeprefix(b"data: ").strip()
    if not data.startswith(b"data: {"):
        return data
    lines = msgspec.json.format(document, indent=1).split(b"\n")
    return b"".join(b"data: " + line + b"\n" for line in lines) + b"\n"


def _with_fields(data: bytes) -> bytes:
    if not data.startswith(b"data: "):
        return data
    return b"id: 7\nretry: 3000\nevent: message\n" + data


def _giant_frame(stage: Stage) -> tuple[Frame, ...]:
    filling = "x" * GIANT_FRAME_BYTES
    if stage.endpoint is Endpoint.CHAT:
        shell = chunk_shell(stage.response_id, stage.model)
        giant: dict[str, Json] = {**chunk(shell, {"content": ""}), "debug": {"echo": filling}}
    else:
        giant = {"type": "response.debug", "debug": {"echo": filling}, "sequence_number": 0}
    return (*stage.before, event_frame(FrameKind.TAIL, giant), *stage.rest)


def _usage_missing(stage: Stage) -> tuple[Frame, ...]:
    return tuple(
        _without_usage(frame) if b'"usage":{' in frame.data else frame for frame in stage.frames
    )


def _without_usage(frame: Frame) -> Frame:
    event = msgspec.json.decode(frame.data.removeprefix(b"data: "), type=dict[str, msgspec.Raw])
    event.pop("usage", None)
    if "response" in event:
        response = msgspec.json.decode(event["response"], type=dict[str, msgspec.Raw])
        response["usage"] = msgspec.Raw(b"null")
        event["response"] = msgspec.Raw(msgspec.json.encode(response))
    return replace(frame, data=b"data: " + msgspec.json.encode(event) + b"\n\n")


REWRITES: MappingProxyType[ProviderFault, Rewrite] = MappingProxyType(
    {
        ProviderFault.COMMENT_FLOOD: _comment_flood,
        ProviderFault.NO_DONE: _without(FrameKind.DONE),
        ProviderFault.UNTERMINATED_LAST_EVENT: _unterminated,
        ProviderFault.DOUBLE_DONE: _double_done,
        ProviderFault.DATA_AFTER_DONE: _data_after_done,
        ProviderFault.GARBAGE_BEFORE_TEXT: _garbage_first,
        ProviderFault.GARBAGE_BETWEEN_TEXT: _garbage_between,
        ProviderFault.GARBAGE_AFTER_TEXT: _garbage_last,
        ProviderFault.INVALID_UTF8: _invalid_utf8,
        ProviderFault.CRLF: _each(lambda data: data.replace(b"\n", b"\r\n")),
        ProviderFault.CR_ONLY: _each(lambda data: data.replace(b"\n", b"\r")),
        ProviderFault.BOM: _bom,
        ProviderFault.NO_SPACE_AFTER_COLON: _each(
            lambda data: data.replace(b"data: ", b"data:", 1)
        ),
        ProviderFault.MULTI_LINE_DATA: _each(_over_lines),
        ProviderFault.EXTRA_FIELDS: _each(_with_fields),
        ProviderFault.GIANT_FRAME: _giant_frame,
        ProviderFault.USAGE_MISSING: _usage_missing,
    }
)
