"""Plays a script in the spelling of `/chat/completions`. Pure."""

from __future__ import annotations

from typing import assert_never

from bridge.standin.chat_pieces import CallWriter, delta_of, message_of
from bridge.standin.frames import (
    CREATED_AT_EPOCH_S,
    DONE_FRAME,
    Billing,
    Frame,
    FrameKind,
    Json,
    JsonObject,
    comment_frame,
    event_frame,
)
from bridge.standin.script_values import (
    REASONING_VOICES,
    Close,
    Finish,
    Piece,
    Script,
    Unheard,
    Voice,
)

PROVIDER_NAME = "Stand-In"
KEEP_ALIVE_TEXT = "OPENROUTER PROCESSING"

# Wire fact: only this word tells that a call was cut by the token limit.
_NATIVE_REASONS = {
    Finish.STOP: "completed",
    Finish.LENGTH: "max_output_tokens",
    Finish.FILTER: "content_filter",
}


def render_chat(
    script: Script, *, response_id: str, model: str, billing: Billing
) -> tuple[Frame, ...]:
    """Return the whole event stream of a script, from the first comment to [DONE]."""
    frames = [comment_frame(KEEP_ALIVE_TEXT)]
    shell = chunk_shell(response_id, model)
    calls = CallWriter(script, response_id)
    for beat in script.beats:
        if isinstance(beat, Piece):
            frame = _piece_frame(shell, beat, script, calls)
            frames.extend(() if frame is None else (frame,))
        elif isinstance(beat, Unheard):
            unheard = {**shell, "choices": [], "debug": {"about": beat.event_type}}
            frames.append(event_frame(FrameKind.TAIL, unheard))
        elif not isinstance(beat, Close):
            assert_never(beat)
    reason = finish_reason(script)
    last = chunk(
        shell, {"role": "assistant", "content": ""}, reason, _NATIVE_REASONS[script.finish]
    )
    frames.append(event_frame(FrameKind.END, last))
    # Wire fact: the last chunk has the usage and repeats the finish reason.
    frames.append(event_frame(FrameKind.TAIL, {**last, "usage": chat_usage(billing)}))
    frames.append(DONE_FRAME)
    return tuple(frames)


def finish_reason(script: Script) -> str:
    """Return the chat word for how the script ends."""
    if script.call_items:
        # Wire fact: a call that the token limit cut is announced as any other.
        return "tool_calls"
    match script.finish:
        case Finish.STOP:
            return "stop"
        case Finish.LENGTH:
            return "length"
        case Finish.FILTER:
            return "content_filter"
        case _:
            assert_never(script.finish)


def chunk_shell(response_id: str, model: str) -> dict[str, Json]:
    """Return what every chunk of a stream repeats."""
    return {
        "id": response_id,
        "object": "chat.completion.chunk",
        "created": CREATED_AT_EPOCH_S,
        "model": model,
        "provider": PROVIDER_NAME,
    }


def chunk(
    shell: dict[str, Json], delta: JsonObject, reason: str | None = None, native: str | None = None
) -> dict[str, Json]:
    """Return one chunk with one choice."""
    choice: JsonObject = {
        "index": 0,
        "delta": delta,
        "finish_reason": reason,
        "native_finish_reason": native,
    }
    return {**shell, "choices": [choice]}


def _piece_frame(
    shell: dict[str, Json], piece: Piece, script: Script, calls: CallWriter
) -> Frame | None:
    delta = delta_of(piece, script, calls)
    if delta is None:
        return None
    if piece.voice is Voice.SOURCE:
        kind = FrameKind.TAIL
    else:
        kind = FrameKind.REASONING if piece.voice in REASONING_VOICES else FrameKind.OUTPUT
    return event_frame(kind, chunk(shell, {"role": "assistant", **delta}))


def chat_usage(billing: Billing) -> JsonObject:
    """Return the usage object of `/chat/completions`."""
    usage: JsonObject = {
        "prompt_tokens": billing.input_tokens,
        "completion_tokens": billing.output_tokens,
        "total_tokens": billing.total_tokens,
        "cost": billing.cost_usd,
        "is_byok": False,
        "prompt_tokens_details": {
            "cached_tokens": 0,
            "cache_write_tokens": 0,
            "audio_tokens": 0,
            "video_tokens": 0,
        },
        "cost_details": {
            "upstream_inference_cost": billing.token_cost_usd,
            "upstream_inference_prompt_cost": billing.input_cost_usd,
            "upstream_inference_completions_cost": billing.output_cost_usd,
        },
        "completion_tokens_details": {
            "reasoning_tokens": billing.reasoning_tokens,
            "image_tokens": 0,
            "audio_tokens": 0,
        },
    }
    return {**usage, **billing.server_tool_use}


def final_completion(
    script: Script, *, response_id: str, model: str, billing: Billing
) -> JsonObject:
    """Return the answer as one object, for a request without `stream`."""
    reason = finish_reason(script)
    choice: JsonObject = {
        "index": 0,
        "message": message_of(script, CallWriter(script, response_id)),
        "finish_reason": reason,
        "native_finish_reason": _NATIVE_REASONS[script.finish],
        "logprobs": None,
    }
    shell = {**chunk_shell(response_id, model), "object": "chat.completion"}
    return {**shell, "choices": [choice], "usage": chat_usage(billing)}
