"""How each fault of a connection or a stream is played. Pure: a stage in, steps out."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType

from bridge.standin.faults import ProviderFault
from bridge.standin.frame_rewrites import REWRITES, UNDECODABLE, keep_alive
from bridge.standin.frames import (
    DONE_FRAME,
    Frame,
    FrameKind,
)
from bridge.standin.stage import Ending, Pause, Stage, Steps, Write, whole_steps
from bridge.standin.stream_errors import ERRORS_IN_STREAM, error_frames

SLOW_S = 3.0
KEEP_ALIVE_EVERY_S = 0.5
# A reset throws away what has not left yet; this is plenty for a loopback interface.
BEFORE_RESET_S = 0.02

_GZIP_BYTES_KEPT = 16
_CONTINUATION_MASK, _CONTINUATION = 0xC0, 0x80

Act = Callable[[Stage], Steps]


def stream_steps(stage: Stage) -> Steps:
    """Play an event stream with the fault of its wish, or undisturbed."""
    fault = stage.wish.fault
    if fault is None:
        return whole_steps(stage)
    if fault in ERRORS_IN_STREAM:
        return _error_in_stream(stage, fault)
    if fault in REWRITES:
        return whole_steps(_with_frames(stage, REWRITES[fault](stage)))
    return _ACTS.get(fault, whole_steps)(stage)


def document_steps(stage: Stage) -> Steps:
    """Play an answer that is one JSON document, with the fault of its wish.

    The document stands on the stage as one frame. Faults that only an event stream can have
    leave it whole.
    """
    fault = stage.wish.fault
    if fault is not None and fault in _ACTS and fault not in _ONLY_IN_STREAMS:
        return _ACTS[fault](stage)
    return whole_steps(stage)


def is_played(fault: ProviderFault) -> bool:
    """Whether the fault is one of a connection or a stream, so that it is played here."""
    return fault in _ACTS or fault in REWRITES or fault in ERRORS_IN_STREAM


def _with_frames(stage: Stage, frames: tuple[Frame, ...]) -> Stage:
    return replace(stage, before=(), rest=frames)


def _error_in_stream(stage: Stage, fault: ProviderFault) -> Steps:
    yield stage.head()
    yield from stage.told(stage.before)
    yield from stage.told(
        error_frames(
            fault, endpoint=stage.endpoint, response_id=stage.response_id, model=stage.model
        )
    )
    yield from stage.ended()


# --- before the headers ------------------------------------------------------------------------


def _connect_reset(_: Stage) -> Steps:
    yield Ending.RESET


def _close_before_headers(_: Stage) -> Steps:
    yield Ending.CLOSE


def _half_headers(stage: Stage) -> Steps:
    head = stage.head().data
    yield Write(data=head[: len(head) // 2])
    yield Ending.CLOSE


def _garbage_status_line(_: Stage) -> Steps:
    yield Write(data=b"220 mail.example.org ESMTP ready\r\n\r\n")
    yield Ending.CLOSE


def _slow_headers(stage: Stage) -> Steps:
    yield Pause(seconds=stage.wish.wait_s(SLOW_S))
    yield from whole_steps(stage)


def _half_open(_: Stage) -> Steps:
    yield Ending.HANG


# --- a 200 that is none ------------------------------------------------------------------------


def _empty_200(stage: Stage) -> Steps:
    yield stage.head()
    yield from stage.ended()


def _wrong_content_type(stage: Stage) -> Steps:
    yield stage.head(content_type="application/octet-stream")
    yield from stage.told(stage.frames)
    yield from stage.ended()


def _truncated_gzip(stage: Stage) -> Steps:
    packed = gzip.compress(b"".join(frame.data for frame in stage.frames), mtime=0)
    yield stage.head(extra=(("content-encoding", "gzip"),))
    yield stage.body(packed[:_GZIP_BYTES_KEPT])
    yield from stage.ended()


# --- cut, silent or slow -----------------------------------------------------------------------


def _half_open_after_headers(stage: Stage) -> Steps:
    yield stage.head()
    yield Ending.HANG


def _slow_first_token(stage: Stage) -> Steps:
    yield stage.head()
    yield from stage.told(stage.before)
    yield Pause(seconds=stage.wish.wait_s(SLOW_S))
    yield from stage.told(stage.rest)
    yield from stage.ended()


def _keep_alives_only(stage: Stage) -> Steps:
    yield stage.head()
    # Bounded by the client's patience: this ends when it leaves.
    while True:
        yield stage.body(keep_alive(stage.endpoint).data)
        yield Pause(seconds=stage.wish.wait_s(KEEP_ALIVE_EVERY_S))


def _cut(stage: Stage) -> Steps:
    yield stage.head()
    yield from stage.told(stage.before)
    yield Ending.CLOSE


def _reset(stage: Stage) -> Steps:
    yield stage.head()
    yield from stage.told(stage.before)
    yield Pause(seconds=BEFORE_RESET_S)
    yield Ending.RESET


def _hang(stage: Stage) -> Steps:
    yield stage.head()
    yield from stage.told(stage.before)
    yield Ending.HANG


def _clean_end(stage: Stage) -> Steps:
    yield stage.head()
    yield from stage.told(stage.before)
    yield from stage.ended()


def _done_without_completion(stage: Stage) -> Steps:
    yield stage.head()
    yield from stage.told((*stage.before, DONE_FRAME))
    yield from stage.ended()


def _garbage_for_good(stage: Stage) -> Steps:
    yield stage.head()
    yield from stage.told((*stage.before, *(UNDECODABLE,) * len(stage.rest)))
    yield from stage.ended()


def _cut_mid_frame(stage: Stage) -> Steps:
    yield stage.head()
    yield from stage.told(stage.before)
    torn = stage.rest[0].data
    yield stage.body(torn[: len(torn) // 2])
    yield Ending.CLOSE


def _cut_mid_chunk_header(stage: Stage) -> Steps:
    yield stage.head()
    yield from stage.told(stage.before)
    # The length is told, the line end that must follow is not.
    yield Write(data=b"1f")
    yield Ending.CLOSE


def _cut_mid_code_point(stage: Stage) -> Steps:
    places = [i for i, f in enumerate(stage.rest) if _places_inside_characters(f.data)]
    if not places:
        # A text of plain ASCII has no such place; inside an event comes nearest.
        yield from _cut_mid_frame(stage)
        return
    yield stage.head()
    yield from stage.told((*stage.before, *stage.rest[: places[0]]))
    torn = stage.rest[places[0]].data
    yield stage.body(torn[: _places_inside_characters(torn)[0]])
    yield Ending.CLOSE


def _cut_after_completion(stage: Stage) -> Steps:
    yield stage.head()
    yield from stage.told(frame for frame in stage.frames if frame.kind is not FrameKind.DONE)
    yield Ending.CLOSE


def _open_after_done(stage: Stage) -> Steps:
    yield stage.head()
    yield from stage.told(stage.frames)
    yield Ending.HANG


def _split_everywhere(stage: Stage) -> Steps:
    yield stage.head()
    data = b"".join(frame.data for frame in stage.frames)
    yield from stage.cut_at(data, range(len(data)), pause_s=0)
    yield from stage.ended()


def _split_code_point(stage: Stage) -> Steps:
    yield stage.head()
    data = b"".join(frame.data for frame in stage.frames)
    yield from stage.cut_at(data, _places_inside_characters(data), pause_s=stage.wish.pace_s)
    yield from stage.ended()


def _places_inside_characters(data: bytes) -> list[int]:
    return [i for i, byte in enumerate(data) if byte & _CONTINUATION_MASK == _CONTINUATION]


_ACTS: MappingProxyType[ProviderFault, Act] = MappingProxyType(
    {
        ProviderFault.CONNECT_RESET: _connect_reset,
        ProviderFault.CLOSE_BEFORE_HEADERS: _close_before_headers,
        ProviderFault.HALF_HEADERS: _half_headers,
        ProviderFault.GARBAGE_STATUS_LINE: _garbage_status_line,
        ProviderFault.SLOW_HEADERS: _slow_headers,
        ProviderFault.HALF_OPEN: _half_open,
        ProviderFault.EMPTY_200: _empty_200,
        ProviderFault.WRONG_CONTENT_TYPE: _wrong_content_type,
        ProviderFault.TRUNCATED_GZIP: _truncated_gzip,
        ProviderFault.HALF_OPEN_AFTER_HEADERS: _half_open_after_headers,
        ProviderFault.SLOW_FIRST_TOKEN: _slow_first_token,
        ProviderFault.STALL_BETWEEN_FRAMES: _slow_first_token,
        ProviderFault.KEEP_ALIVES_ONLY: _keep_alives_only,
        ProviderFault.CUT_BEFORE_OUTPUT: _cut,
        ProviderFault.CUT_BETWEEN_FRAMES: _cut,
        ProviderFault.RESET_BEFORE_OUTPUT: _reset,
        ProviderFault.RESET_MID_STREAM: _reset,
        ProviderFault.HALF_OPEN_MID_STREAM: _hang,
        ProviderFault.CLEAN_END_BEFORE_OUTPUT: _clean_end,
        ProviderFault.CLEAN_END_WITHOUT_COMPLETION: _clean_end,
        ProviderFault.DONE_WITHOUT_COMPLETION: _done_without_completion,
        ProviderFault.GARBAGE_FOR_GOOD: _garbage_for_good,
        ProviderFault.CUT_MID_FRAME: _cut_mid_frame,
        ProviderFault.CUT_MID_CHUNK_HEADER: _cut_mid_chunk_header,
        ProviderFault.CUT_MID_CODE_POINT: _cut_mid_code_point,
        ProviderFault.CUT_AFTER_COMPLETION: _cut_after_completion,
        ProviderFault.OPEN_AFTER_DONE: _open_after_done,
        ProviderFault.SPLIT_EVERYWHERE: _split_everywhere,
        ProviderFault.SPLIT_CODE_POINT: _split_code_point,
    }
)

_ONLY_IN_STREAMS = frozenset(
    {
        ProviderFault.KEEP_ALIVES_ONLY,
        ProviderFault.DONE_WITHOUT_COMPLETION,
        ProviderFault.OPEN_AFTER_DONE,
        ProviderFault.CUT_AFTER_COMPLETION,
    }
)
