"""Plays a script in the spelling of `/chat/completions`. Pure."""

from __future__ import annotations

from typing import assert_never

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
from bridge.standin.script_values import Close, Finish, Piece, Script, Unheard, Voice

PROVIDER_NAME = "Stand-In"
KEEP_ALIVE_TEXT = "OPENROUTER PROCESSING"

_NATIVE_REASONS = {"stop": "completed", "length": "max_output_tokens", "tool_calls": "completed"}


def render_chat(
    script: Script, *, response_id: str, model: str, billing: Billing
) -> tuple[Frame, ...]:
    """Return the whole event stream of a script, from the first comment to [DONE]."""
    frames = [comment_frame(KEEP_ALIVE_TEXT)]
    shell = chunk_shell(response_id, model)
    calls_told: set[int] = set()
    for beat in script.beats:
        if isinstance(beat, Piece):
            is_first = beat.item not in calls_told
            calls_told.add(beat.item)
            frames.append(_piece_frame(shell, beat, is_first=is_first))
        elif isinstance(beat, Unheard):
            unheard = {**shell, "choices": [], "debug": {"about": beat.event_type}}
            frames.append(event_frame(FrameKind.TAIL, unheard))
        elif not isinstance(beat, Close):
            assert_never(beat)
    reason = finish_reason(script)
    last = chunk(shell, {"role": "assistant", "content": ""}, reason, _NATIVE_REASONS.get(reason))
    frames.append(event_frame(FrameKind.END, last))
    # Wire fact: the last chunk has the usage and repeats the finish reason.
    frames.append(event_frame(FrameKind.TAIL, {**last, "usage": chat_usage(billing)}))
    frames.append(DONE_FRAME)
    return tuple(frames)


def finish_reason(script: Script) -> str:
    """Return the chat word for how the script ends."""
    if script.said(Voice.TOOL_CALL):
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


def _piece_frame(shell: dict[str, Json], piece: Piece, *, is_first: bool) -> Frame:
    visible = (Voice.TEXT, Voice.REFUSAL, Voice.TOOL_CALL)
    if piece.voice is Voice.SOURCE:
        kind = FrameKind.TAIL
    else:
        kind = FrameKind.OUTPUT if piece.voice in visible else FrameKind.REASONING
    delta = {"role": "assistant", **_delta(piece, is_first=is_first)}
    return event_frame(kind, chunk(shell, delta))


def _delta(piece: Piece, *, is_first: bool) -> JsonObject:
    match piece.voice:
        case Voice.TEXT:
            return {"content": piece.text}
        case Voice.REFUSAL:
            return {"content": "", "refusal": piece.text}
        case Voice.THINKING | Voice.SUMMARY:
            # Wire fact: the same text twice, a client shows one of them.
            return {
                "content": "",
                "reasoning": piece.text,
                "reasoning_details": [_reasoning_detail(piece)],
            }
        case Voice.SEALED:
            return {"content": "", "reasoning_details": [_reasoning_detail(piece)]}
        case Voice.SOURCE:
            return {"content": "", "annotations": [_annotation(piece.text)]}
        case Voice.TOOL_CALL:
            return {"content": None, "tool_calls": [_call_piece(piece, is_first=is_first)]}
        case _:
            assert_never(piece.voice)


def _reasoning_detail(piece: Piece) -> JsonObject:
    common: dict[str, Json] = {"format": "openai-responses-v1", "index": piece.part}
    if piece.voice is Voice.SEALED:
        return {"type": "reasoning.encrypted", "data": piece.text, "id": "rs_standin", **common}
    if piece.voice is Voice.SUMMARY:
        return {"type": "reasoning.summary", "summary": piece.text, **common}
    return {"type": "reasoning.text", "text": piece.text, **common}


def _annotation(url: str) -> JsonObject:
    citation: JsonObject = {
        "url": url,
        "title": f"Found at {url}",
        "content": "",
        "start_index": 0,
        "end_index": 0,
    }
    return {"type": "url_citation", "url_citation": citation}


def _call_piece(piece: Piece, *, is_first: bool) -> JsonObject:
    if not is_first:
        return {"index": 0, "function": {"arguments": piece.text}}
    return {"index": 0, **_call(piece.item, piece.text)}


def _call(item: int, arguments: str) -> JsonObject:
    return {
        "id": f"call_standin_{item}",
        "type": "function",
        "function": {"name": "get_weather", "arguments": arguments},
    }


def chat_usage(billing: Billing) -> JsonObject:
    """Return the usage object of `/chat/completions`."""
    return {
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
            "upstream_inference_cost": billing.cost_usd,
            "upstream_inference_prompt_cost": billing.input_cost_usd,
            "upstream_inference_completions_cost": billing.output_cost_usd,
        },
        "completion_tokens_details": {
            "reasoning_tokens": billing.reasoning_tokens,
            "image_tokens": 0,
            "audio_tokens": 0,
        },
    }


def final_completion(
    script: Script, *, response_id: str, model: str, billing: Billing
) -> JsonObject:
    """Return the answer as one object, for a request without `stream`."""
    reason = finish_reason(script)
    choice: JsonObject = {
        "index": 0,
        "message": _message(script),
        "finish_reason": reason,
        "native_finish_reason": _NATIVE_REASONS.get(reason),
        "logprobs": None,
    }
    shell = {**chunk_shell(response_id, model), "object": "chat.completion"}
    return {**shell, "choices": [choice], "usage": chat_usage(billing)}


def _message(script: Script) -> JsonObject:
    pieces = [beat for beat in script.beats if isinstance(beat, Piece)]
    details = [_reasoning_detail(piece) for piece in pieces if _is_thinking(piece.voice)]
    sources = [_annotation(piece.text) for piece in pieces if piece.voice is Voice.SOURCE]
    call_items = [piece.item for piece in pieces if piece.voice is Voice.TOOL_CALL]
    message: dict[str, Json] = {
        "role": "assistant",
        "content": script.said(Voice.TEXT),
        "refusal": script.said(Voice.REFUSAL) or None,
        "reasoning": script.said(Voice.THINKING) + script.said(Voice.SUMMARY) or None,
    }
    if details:
        message["reasoning_details"] = details
    if sources:
        message["annotations"] = sources
    if call_items:
        message["tool_calls"] = [_call(call_items[0], script.said(Voice.TOOL_CALL))]
    return message


def _is_thinking(voice: Voice) -> bool:
    return voice in (Voice.THINKING, Voice.SUMMARY, Voice.SEALED)
