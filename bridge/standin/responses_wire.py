"""Plays a script in the spelling of `/responses`. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
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
from bridge.standin.responses_items import Item, source_annotation
from bridge.standin.script_values import (
    WHOLE_VOICES,
    Beat,
    Close,
    Finish,
    Piece,
    Script,
    Telling,
    Unheard,
    Voice,
)

_VISIBLE = (Voice.TEXT, Voice.REFUSAL, Voice.TOOL_CALL)
# What a model says while it draws or searches.
_STEPS = {
    Voice.IMAGE: ("response.image_generation_call", ("in_progress", "generating")),
    Voice.SEARCH: ("response.web_search_call", ("in_progress", "searching")),
}


def render_responses(
    script: Script, *, response_id: str, model: str, billing: Billing
) -> tuple[Frame, ...]:
    """Return the whole event stream of a script, from the first comment to [DONE]."""
    teller = _Teller(script=script, response_id=response_id)
    shell = response_shell(response_id, model, status="in_progress")
    teller.frames.append(comment_frame())
    teller.event(FrameKind.HEAD, "response.created", response=shell)
    teller.event(FrameKind.HEAD, "response.in_progress", response=shell)
    for beat in script.beats:
        teller.play(beat)
    # A message may be finished before the reasoning with a lower index: the later one first.
    for item in sorted(teller.open_items, reverse=True):
        teller.close(item)
    final = final_response(script, response_id=response_id, model=model, billing=billing)
    teller.event(FrameKind.END, f"response.{final['status']}", response=final)
    teller.frames.append(DONE_FRAME)
    return tuple(teller.frames)


def final_response(script: Script, *, response_id: str, model: str, billing: Billing) -> JsonObject:
    """Return the response object that ends a stream; a plain answer is the same object."""
    is_complete = script.finish is Finish.STOP
    status = "completed" if is_complete else "incomplete"
    items: dict[int, Item] = {}
    for piece in script.pieces_told:
        if piece.item not in items:
            items[piece.item] = Item.begun_by(piece, script, response_id)
        items[piece.item].add(piece)
    phases = dict(script.phases)
    output = [
        items[index].finished(status, phases.get(index), is_terminal=True)
        for index in sorted(items)
    ]
    return {
        **response_shell(response_id, model, status=status),
        "completed_at": CREATED_AT_EPOCH_S + 1 if is_complete else None,
        "incomplete_details": None if is_complete else {"reason": script.finish.value},
        "output": output,
        # Wire fact: this may be empty although text was sent.
        "output_text": "",
        "usage": responses_usage(billing),
    }


def response_shell(response_id: str, model: str, *, status: str) -> JsonObject:
    """Return a response object without output, as every event with `response` repeats it."""
    return {
        "id": response_id,
        "object": "response",
        "created_at": CREATED_AT_EPOCH_S,
        "model": model,
        "status": status,
        "completed_at": None,
        "output": [],
        "error": None,
        "incomplete_details": None,
        "tools": [],
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "max_output_tokens": None,
        "temperature": 1,
        "top_p": 1,
        "presence_penalty": 0,
        "frequency_penalty": 0,
        "top_logprobs": 0,
        "max_tool_calls": None,
        "metadata": {},
        "background": False,
        "previous_response_id": None,
        "service_tier": "auto",
        "truncation": "disabled",
        "store": False,
        "instructions": None,
        "text": {"format": {"type": "text"}},
        "reasoning": None,
        "safety_identifier": None,
        "prompt_cache_key": None,
        "usage": None,
    }


def responses_usage(billing: Billing) -> JsonObject:
    """Return the usage object of `/responses`."""
    usage: JsonObject = {
        "input_tokens": billing.input_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": billing.output_tokens,
        "output_tokens_details": {"reasoning_tokens": billing.reasoning_tokens},
        "total_tokens": billing.total_tokens,
        "cost": billing.cost_usd,
        "is_byok": False,
        "cost_details": {
            "upstream_inference_cost": billing.token_cost_usd,
            "upstream_inference_input_cost": billing.input_cost_usd,
            "upstream_inference_output_cost": billing.output_cost_usd,
        },
    }
    return {**usage, **billing.server_tool_use}


@dataclass(slots=True, kw_only=True)
class _Teller:
    """Turns beats into frames and keeps what is open."""

    script: Script
    response_id: str
    frames: list[Frame] = field(default_factory=list)
    open_items: dict[int, Item] = field(default_factory=dict)
    sequence_number: int = 0

    def event(self, kind: FrameKind, event_type: str, **fields: Json) -> None:
        numbered = {"type": event_type, **fields, "sequence_number": self.sequence_number}
        self.sequence_number += 1
        self.frames.append(event_frame(kind, numbered))

    def play(self, beat: Beat) -> None:
        if isinstance(beat, Unheard):
            self.event(FrameKind.TAIL, beat.event_type, payload={"stand_in": True})
        elif self.script.telling is Telling.AT_THE_END:
            return
        elif isinstance(beat, Close):
            self.close(beat.item)
        else:
            self._tell(beat)

    def _tell(self, piece: Piece) -> None:
        item = self.open_items.get(piece.item)
        if item is None:
            item = Item.begun_by(piece, self.script, self.response_id)
            self.open_items[piece.item] = item
            self.event(
                FrameKind.HEAD,
                "response.output_item.added",
                output_index=piece.item,
                item=item.begun(),
            )
        is_new_part = piece.part not in item.told
        item.add(piece)
        if piece.voice is Voice.SOURCE:
            self._tell_source(item)
        elif piece.voice in WHOLE_VOICES:
            self._tell_steps(item)
        elif piece.voice not in (Voice.SEALED, Voice.SIGNATURE):
            if is_new_part and item.has_parts:
                self._announce_part(item, piece.part)
            # Wire fact: a call without arguments has no delta either.
            if self.script.telling is Telling.BY_DELTAS and piece.text:
                self._tell_delta(item, piece)

    def _tell_source(self, item: Item) -> None:
        self.event(
            FrameKind.TAIL,
            "response.output_text.annotation.added",
            output_index=item.index,
            item_id=item.identity(),
            content_index=0,
            annotation_index=len(item.sources) - 1,
            annotation=source_annotation(item.sources[-1]),
        )

    def _tell_steps(self, item: Item) -> None:
        stem, steps = _STEPS[item.voice]
        for step in steps:
            self.event(
                FrameKind.HEAD,
                f"{stem}.{step}",
                output_index=item.index,
                item_id=item.identity(),
            )

    def _announce_part(self, item: Item, part: int) -> None:
        is_summary = item.voice is Voice.SUMMARY
        self.event(
            FrameKind.HEAD,
            "response.reasoning_summary_part.added"
            if is_summary
            else "response.content_part.added",
            output_index=item.index,
            item_id=item.identity(),
            **{_index_name(item.voice): part},
            part=item.part(part, is_empty=True),
        )

    def _tell_delta(self, item: Item, piece: Piece) -> None:
        kind = FrameKind.OUTPUT if piece.voice in _VISIBLE else FrameKind.REASONING
        self.event(
            kind,
            f"{_event_stem(piece.voice)}.delta",
            output_index=item.index,
            item_id=item.identity(),
            **_place(piece.voice, piece.part),
            delta=piece.text,
            **_logprobs(piece.voice),
        )

    def close(self, index: int) -> None:
        """Tell each part of the item whole, then the item."""
        item = self.open_items.pop(index)
        if item.voice in WHOLE_VOICES:
            stem, _ = _STEPS[item.voice]
            place: dict[str, Json] = {"output_index": index, "item_id": item.identity()}
            self.event(FrameKind.TAIL, f"{stem}.completed", **place)
        else:
            for part in sorted(item.told):
                self._close_part(item, part)
        status = "completed" if self.script.finish is Finish.STOP else "incomplete"
        self.event(
            # A picture is first seen when its item is finished.
            FrameKind.OUTPUT if item.voice is Voice.IMAGE else FrameKind.TAIL,
            "response.output_item.done",
            output_index=index,
            item=item.finished(status, dict(self.script.phases).get(index)),
        )

    def _close_part(self, item: Item, part: int) -> None:
        place: dict[str, Json] = {"output_index": item.index, "item_id": item.identity()}
        text = item.text(part)
        # Without deltas the statement is the first the reader sees of the answer.
        is_first = self.script.telling is Telling.BY_STATEMENTS and item.voice in _VISIBLE
        self.event(
            FrameKind.OUTPUT if is_first else FrameKind.TAIL,
            f"{_event_stem(item.voice)}.done",
            **place,
            **_place(item.voice, part),
            **_statement(item, text),
            **_logprobs(item.voice),
        )
        if item.has_parts:
            is_summary = item.voice is Voice.SUMMARY
            self.event(
                FrameKind.TAIL,
                "response.reasoning_summary_part.done"
                if is_summary
                else "response.content_part.done",
                **place,
                **_place(item.voice, part),
                part=item.part(part),
            )


def _event_stem(voice: Voice) -> str:
    match voice:
        case Voice.TEXT | Voice.SOURCE:
            return "response.output_text"
        case Voice.REFUSAL:
            return "response.refusal"
        case Voice.THINKING | Voice.SEALED | Voice.SIGNATURE:
            return "response.reasoning_text"
        case Voice.SUMMARY:
            return "response.reasoning_summary_text"
        case Voice.TOOL_CALL:
            return "response.function_call_arguments"
        case Voice.IMAGE | Voice.SEARCH:
            return _STEPS[voice][0]
        case _:
            assert_never(voice)


def _index_name(voice: Voice) -> str:
    return "summary_index" if voice is Voice.SUMMARY else "content_index"


def _place(voice: Voice, part: int) -> dict[str, Json]:
    return {} if voice is Voice.TOOL_CALL else {_index_name(voice): part}


def _statement(item: Item, text: str) -> dict[str, Json]:
    if item.voice is Voice.TOOL_CALL:
        return {"name": item.name, "arguments": text}
    return {"refusal": text} if item.voice is Voice.REFUSAL else {"text": text}


def _logprobs(voice: Voice) -> dict[str, Json]:
    return {"logprobs": []} if voice is Voice.TEXT else {}
