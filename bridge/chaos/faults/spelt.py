"""An answer in the spelling of either endpoint: the stand-in's words, and the calls after them.

The calls are told like any other output: begun, in two pieces, stated whole, and once more in the
terminal event, each as far as the endpoint does that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from actors.values import WireFormat
from bridge.chaos.faults.answers import Answer, ScriptedCall
from bridge.standin.chat_wire import chunk, chunk_shell, render_chat
from bridge.standin.frames import Billing, Endpoint, Frame, FrameKind, JsonObject, event_frame
from bridge.standin.responses_wire import render_responses
from bridge.standin.script_values import Finish, Piece, Telling

GENERATION: Final = "gen-sim"
MODEL: Final = "sim"
BILLING: Final = Billing(input_tokens=8, output_tokens=8, reasoning_tokens=0)

# What a provider says of calls that ran out of room, and only there (FACTS, row 1).
_NATIVE: Final = {Finish.STOP: "completed", Finish.LENGTH: "max_output_tokens"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """One way to tell an answer. `endpoint` is what the stand-in calls it."""

    endpoint: Endpoint
    frames: Callable[[Answer], tuple[Frame, ...]]


def _responses_frames(answer: Answer) -> tuple[Frame, ...]:
    script = answer.script
    frames = render_responses(script, response_id=GENERATION, model=MODEL, billing=BILLING)
    calls = answer.calls()
    if not calls:
        return frames
    first = 1 + max((beat.item for beat in script.beats if isinstance(beat, Piece)), default=-1)
    status = "incomplete" if answer.is_cut_off else "completed"
    items = [(first + place, call) for place, call in enumerate(calls)]
    told: list[Frame] = []
    if script.telling is not Telling.AT_THE_END:
        told = [frame for place, call in items for frame in _call_item(place, call, status)]
    output = [_item(place, call, call.arguments, status) for place, call in items]
    return _with_calls(frames, told, lambda frame: _with_output(frame, output))


def _call_item(place: int, call: ScriptedCall, status: str) -> Iterator[Frame]:
    def event(kind: FrameKind, about: str, **fields: Any) -> Frame:
        return event_frame(kind, {"type": f"response.{about}", "output_index": place, **fields})

    identity = {"item_id": f"fc_{place}"}
    added = _item(place, call, "", "in_progress")
    yield event(FrameKind.HEAD, "output_item.added", item=added)
    for delta in _halves(call.arguments):
        yield event(FrameKind.OUTPUT, "function_call_arguments.delta", delta=delta, **identity)
    yield event(
        FrameKind.TAIL,
        "function_call_arguments.done",
        name=call.name,
        arguments=call.arguments,
        **identity,
    )
    done = _item(place, call, call.arguments, status)
    yield event(FrameKind.TAIL, "output_item.done", item=done)


def _item(place: int, call: ScriptedCall, arguments: str, status: str) -> JsonObject:
    return {
        "type": "function_call",
        "id": f"fc_{place}",
        "call_id": call.call_id,
        "name": call.name,
        "arguments": arguments,
        "status": status,
    }


def _with_output(frame: Frame, items: list[JsonObject]) -> Frame:
    """Add the calls to the output of the terminal event."""
    event = _event_of(frame)
    event["response"]["output"] += items
    return event_frame(frame.kind, event)


def _chat_frames(answer: Answer) -> tuple[Frame, ...]:
    script = answer.script
    frames = render_chat(script, response_id=GENERATION, model=MODEL, billing=BILLING)
    calls = answer.calls()
    if not calls:
        return frames
    told = [frame for place, call in enumerate(calls) for frame in _call_chunks(place, call)]
    return _with_calls(frames, told, lambda frame: _with_reason(frame, _NATIVE[script.finish]))


def _call_chunks(place: int, call: ScriptedCall) -> Iterator[Frame]:
    # Only the first piece says whose it is.
    known: JsonObject = {"id": call.call_id, "type": "function"}
    named: JsonObject = {"name": call.name}
    for text in _halves(call.arguments) or ("",):
        piece = {"index": place, **known, "function": {**named, "arguments": text}}
        known, named = {}, {}
        delta: JsonObject = {"role": "assistant", "content": None, "tool_calls": [piece]}
        yield event_frame(FrameKind.OUTPUT, chunk(chunk_shell(GENERATION, MODEL), delta))


def _with_reason(frame: Frame, native: str) -> Frame:
    """Say in the chunks that end an answer that it ends with calls."""
    event = _event_of(frame)
    for choice in event["choices"]:
        choice["finish_reason"], choice["native_finish_reason"] = "tool_calls", native
    return event_frame(frame.kind, event)


def _with_calls(
    frames: tuple[Frame, ...], told: list[Frame], ended: Callable[[Frame], Frame]
) -> tuple[Frame, ...]:
    """Put the calls before the end, and change whatever says how the answer ended."""
    end = next(place for place, frame in enumerate(frames) if frame.kind is FrameKind.END)
    last = (frame if frame.kind is FrameKind.DONE else ended(frame) for frame in frames[end:])
    return (*frames[:end], *told, *last)


def _halves(arguments: str) -> tuple[str, ...]:
    """Cut arguments into two deltas; where there are none, there is no delta either."""
    middle = len(arguments) // 2
    return tuple(filter(None, (arguments[:middle], arguments[middle:])))


def _event_of(frame: Frame) -> dict[str, Any]:
    event: dict[str, Any] = msgspec.json.decode(frame.data.removeprefix(b"data: "))
    return event


SPELLINGS: Final[Mapping[WireFormat, Spelling]] = {
    WireFormat.RESPONSES: Spelling(endpoint=Endpoint.RESPONSES, frames=_responses_frames),
    WireFormat.CHAT: Spelling(endpoint=Endpoint.CHAT, frames=_chat_frames),
}
