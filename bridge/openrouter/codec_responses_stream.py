"""A /responses event stream to the house's events: one decoder for one attempt. Pure, no I/O.

Items overlap and their ids are made up, so everything is kept by `output_index`. `.done` events,
finished items and the terminal `output` say again, later and sometimes more fully, what the
deltas said: they fill what is missing and are never added.

All deltas of one kind and place that follow each other in one read become one event, so a delta
costs one small struct. Whatever is not a delta is decoded a second time, by its own shape.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from actors.values import (
    EndStatus,
    EventSkipped,
    StreamEnded,
    StreamEvent,
    StreamFailure,
    Usage,
)
from bridge.openrouter.codec_responses_parts import PartKind, PartLedger, Place
from bridge.openrouter.sse_decoder import SseDecoder
from bridge.openrouter.wire_responses import (
    UNDECODABLE,
    Delta,
    Item,
    ItemEvent,
    Part,
    PartDone,
    Response,
    ResponseEvent,
    decode_ending,
    decode_failure,
    decode_incomplete_reason,
    decode_output,
    decode_parts,
    decode_response,
    decode_usage,
    is_told,
    place_items,
)
from bridge.openrouter.wire_text import read_leniently, write_mended

_DELTAS: Final = {
    "response.output_text.delta": PartKind.TEXT,
    "response.refusal.delta": PartKind.REFUSAL,
    "response.reasoning_text.delta": PartKind.RAW_THINKING,
    "response.reasoning_summary_text.delta": PartKind.SUMMARY,
}
_DONE: Final = {
    "response.output_text.done": PartKind.TEXT,
    "response.refusal.done": PartKind.REFUSAL,
    "response.reasoning_text.done": PartKind.RAW_THINKING,
    "response.reasoning_summary_text.done": PartKind.SUMMARY,
}
_PARTS_DONE: Final = {
    "response.content_part.done": (PartKind.TEXT, PartKind.REFUSAL, PartKind.RAW_THINKING),
    "response.reasoning_summary_part.done": (PartKind.SUMMARY,),
}
_PART_KINDS: Final = {
    "output_text": PartKind.TEXT,
    "refusal": PartKind.REFUSAL,
    "reasoning_text": PartKind.RAW_THINKING,
    "summary_text": PartKind.SUMMARY,
}
_BEGINNINGS: Final = ("response.created", "response.queued", "response.in_progress")
_ENDINGS: Final = {
    "response.completed": EndStatus.COMPLETED,
    "response.incomplete": EndStatus.INCOMPLETE,
    "response.failed": EndStatus.FAILED,
    "response.error": EndStatus.ERROR,
    "error": EndStatus.ERROR,
}
# The endings that carry no error, and the status that agrees with them.
_CALM_ENDINGS: Final = {"response.completed": "completed", "response.incomplete": "incomplete"}
_TELLING_ITEMS: Final = ("message", "reasoning")
# What a `response.completed` may own up to in its `status`.
_STATUSES: Final = {"incomplete": EndStatus.INCOMPLETE, "failed": EndStatus.FAILED}
# Running out of room after a part of the answer is a short answer, not a failed one. Before any
# answer it stays an error, or the user would get nothing at all, and no reason for it.
_LENGTH_WORDS: Final = frozenset(
    {"context_length_exceeded", "max_tokens_exceeded", "token_limit_exceeded", "string_too_long"}
)
_LENGTH_REASON: Final = "max_output_tokens"
_SUMMARY: Final = PartKind.SUMMARY
_DONE_MARK: Final = Delta(type="done mark")
# An event that means nothing here: unknown, blank, or counted as skipped already.
_IGNORED: Final = Delta(type="ignored")

_read_delta = msgspec.json.Decoder(Delta).decode
_read_part = msgspec.json.Decoder(Part).decode
_read_part_done = msgspec.json.Decoder(PartDone).decode
_read_item_event = msgspec.json.Decoder(ItemEvent).decode
_read_response_event = msgspec.json.Decoder(ResponseEvent).decode


class ResponsesDecoder:
    """See the module docstring. After the terminal event or `[DONE]` nothing is read any more.

    A stream without a terminal event yields no `StreamEnded`: the reader knows that it is broken.
    An `error` ends the stream by itself and at once; a `response.failed` that some hosts send
    after it says the same again.
    """

    def __init__(self) -> None:
        self._sse = SseDecoder()
        self._parts = PartLedger()
        self._skipped_count = 0
        self._is_over = False
        self._item_types: dict[int, str] = {}
        self._items_added: list[tuple[int, bytes]] = []
        self._beginning = b""
        self._payloads = 0

    @property
    def payloads(self) -> int:
        """See `StreamDecoder.payloads`."""
        return self._payloads

    def feed(self, data: bytes) -> Sequence[StreamEvent]:
        """Decode one socket read; deltas that belong together are joined.

        Raises:
            StreamBroken: one event is larger than any real one.
        """
        if self._is_over:
            return ()
        payloads = self._sse.feed(data)
        self._payloads += len(payloads)
        if len(payloads) == 1:
            self._decode_one(payloads[0])
        elif payloads:
            self._decode(payloads)
        return self._take_events()

    def finish(self) -> Sequence[StreamEvent]:
        """Decode an event that lacks its blank line, and let go of half a character."""
        if self._is_over:
            return ()
        self._decode(self._sse.finish())
        self._parts.close()
        return self._take_events()

    def _decode_one(self, payload: bytes) -> None:
        """Read a lone event, which is what a live stream brings; there is no run to collect."""
        try:
            event = _read_delta(payload)
        except UNDECODABLE:
            event, payload = self._salvage(payload)
        kind = _DELTAS.get(event.type)
        if kind is None:
            self._read_other(event, payload)
        else:
            self._parts.advance(_place(kind, event), event.delta)

    def _decode(self, payloads: Sequence[bytes]) -> None:
        """Go through the payloads of one read; runs of deltas are collected on the way."""
        run, texts = Delta(), [""]
        run_type: str | None = None
        run_output = run_content = run_summary = 0
        for payload in payloads:
            try:
                event = _read_delta(payload)
            except UNDECODABLE:
                event, payload = self._salvage(payload)  # noqa: PLW2901 - the same one, repaired
            if (
                event.type == run_type
                and event.output_index == run_output
                and event.content_index == run_content
                and event.summary_index == run_summary
            ):
                texts.append(event.delta)
                continue
            if run_type is not None:
                self._end_run(run, texts)
            if event.type in _DELTAS:
                run, texts, run_type = event, [event.delta], event.type
                run_output, run_content = event.output_index, event.content_index
                run_summary = event.summary_index
                continue
            # Only deltas are joined; anything else has to be looked at one by one.
            run_type = None
            self._read_other(event, payload)
            if self._is_over:
                return
        if run_type is not None:
            self._end_run(run, texts)

    def _end_run(self, run: Delta, texts: Sequence[str]) -> None:
        self._parts.advance(_place(_DELTAS[run.type], run), "".join(texts))

    def _salvage(self, payload: bytes) -> tuple[Delta, bytes]:
        """Find out what the strict reader refused: the end mark, torn text, or rubbish."""
        bare = payload.strip()
        if not bare or bare == b"[DONE]":
            return _DONE_MARK if bare else _IGNORED, payload
        document = read_leniently(payload)
        event = _delta_of(document) if isinstance(document, dict) else None
        if event is None:
            self._skipped_count += 1
            return _IGNORED, payload
        self._parts.note_torn_text(event.delta)
        return event, payload if event.type in _DELTAS else write_mended(document)

    def _read_other(self, event: Delta, payload: bytes) -> None:
        """Read an event that is no delta. Types that are not listed are nobody's business here."""
        kind = event.type
        try:
            if kind in _DONE:
                self._read_done(_place(_DONE[kind], event), payload)
            elif kind in _PARTS_DONE:
                if not self._is_part_told(event):
                    self._state_part(event, _read_part_done(payload).part)
            elif kind == "response.output_item.added":
                self._items_added.append((event.output_index, payload))
            elif kind == "response.output_item.done":
                self._read_item_done(event.output_index, _read_item_event(payload).item)
            elif kind in _BEGINNINGS:
                # Nearly always the terminal event says it all again; it is read when it does not.
                self._beginning = payload
            elif kind in _ENDINGS:
                if not (kind in _CALM_ENDINGS and self._end_calmly(kind, payload)):
                    self._end(_ENDINGS[kind], _read_response_event(payload))
            elif event is _DONE_MARK:
                self._parts.close()
                self._is_over = True
            elif not kind:
                self._read_untyped(_read_response_event(payload))
        except UNDECODABLE:
            self._skipped_count += 1

    def _read_done(self, place: Place, payload: bytes) -> None:
        # The long text is not even read where deltas have told it.
        stated = "" if self._parts.is_told(place) else _read_part(payload).stated
        self._parts.state(place, stated)

    def _is_part_told(self, event: Delta) -> bool:
        """Whether any kind of part at this place was told; then the event says nothing new."""
        return any(self._parts.is_told(_place(kind, event)) for kind in _PARTS_DONE[event.type])

    def _state_part(self, event: Delta, part: Part) -> None:
        kind = _PART_KINDS.get(part.type)
        if kind is not None:
            self._parts.state(_place(kind, event), part.stated)

    def _read_item_done(self, output_index: int, item: Item) -> None:
        self._item_types[output_index] = item.type
        self._state_item(output_index, item)

    def _state_item(self, output_index: int, item: Item) -> None:
        """State what a finished item holds. Other types have content of other shapes."""
        if item.type in _TELLING_ITEMS:
            self._state_parts(output_index, decode_parts(item.content))
            self._state_parts(output_index, decode_parts(item.summary))

    def _state_parts(self, output_index: int, parts: Sequence[Part]) -> None:
        for index, part in enumerate(parts):
            kind = _PART_KINDS.get(part.type)
            if kind is not None:
                self._parts.state((kind, output_index, index), part.stated)

    def _begun(self) -> tuple[Response, Usage | None]:
        """Read what the first event said and an `error` later on does not say again."""
        if not self._beginning:
            return Response(), None
        try:
            event = _read_response_event(self._beginning)
            response = decode_response(event.response)
        except UNDECODABLE:
            self._skipped_count += 1
            return Response(), None
        return response, decode_usage(response.usage) or decode_usage(event.usage)

    def _read_untyped(self, event: ResponseEvent) -> None:
        """An error may come bare, as `{"error": ...}`; anything else needs a type."""
        if is_told(event.error):
            self._end(EndStatus.ERROR, event)
        else:
            self._skipped_count += 1

    def _end_calmly(self, kind: str, payload: bytes) -> bool:
        """Take the usual terminal event, in the usual shape. False: look at it more closely."""
        ending = decode_ending(payload)
        if ending is None or ending.status != _CALM_ENDINGS[kind] or ending.usage is None:
            return False
        if not (ending.response_id and ending.model):
            return False
        if ending.output:
            places = self._places([item.type for item in ending.output])
            for output_index, item in zip(places, ending.output, strict=True):
                if output_index is not None and item.type in _TELLING_ITEMS:
                    self._state_parts(output_index, item.content or ())
                    self._state_parts(output_index, item.summary or ())
        self._parts.close()
        self._flush_skipped()
        status = _ENDINGS[kind]
        is_cut = status is EndStatus.INCOMPLETE
        ended = StreamEnded(
            status=status,
            incomplete_reason=ending.incomplete_reason if is_cut else None,
            usage=ending.usage,
            response_id=ending.response_id,
            model=ending.model,
        )
        self._parts.events.append(ended)
        self._is_over = True
        return True

    def _end(self, named: EndStatus, event: ResponseEvent) -> None:
        """Tell how the stream ended, after all that was still to be told."""
        response = decode_response(event.response)
        self._state_output(decode_output(response.output))
        self._parts.close()
        self._flush_skipped()
        self._parts.events.append(self._ended(named, event, response))
        self._is_over = True

    def _ended(self, named: EndStatus, event: ResponseEvent, response: Response) -> StreamEnded:
        status = named
        if named is EndStatus.COMPLETED:
            status = _STATUSES.get(response.status or "", named)
        failure: StreamFailure | None = None
        reason = decode_incomplete_reason(response.incomplete_details)
        if status in (EndStatus.FAILED, EndStatus.ERROR):
            failure = decode_failure(event, response)
            if self._is_cut_by_length(failure):
                status, reason, failure = EndStatus.INCOMPLETE, _LENGTH_REASON, None
        usage = decode_usage(response.usage) or decode_usage(event.usage)
        if not (usage and response.id and response.model):
            begun, begun_usage = self._begun()
            usage = usage or begun_usage
        else:
            begun = response
        return StreamEnded(
            status=status,
            incomplete_reason=reason if status is EndStatus.INCOMPLETE else None,
            usage=usage,
            failure=failure,
            response_id=response.id or begun.id or "",
            model=response.model or begun.model or "",
        )

    def _is_cut_by_length(self, failure: StreamFailure) -> bool:
        words = {failure.code, failure.error_type}
        return not self._parts.is_empty and not words.isdisjoint(_LENGTH_WORDS)

    def _state_output(self, output: Sequence[Item]) -> None:
        if not output:
            return
        places = self._places([item.type for item in output])
        for output_index, item in zip(places, output, strict=True):
            if output_index is not None:
                self._state_item(output_index, item)

    def _places(self, types: Sequence[str]) -> Sequence[int | None]:
        announced = {**self._parts.item_types(), **self._announced(), **self._item_types}
        return place_items(types, announced)

    def _announced(self) -> Mapping[int, str]:
        """Read the types of the items that began; only the terminal output asks for them."""
        types: dict[int, str] = {}
        for output_index, payload in self._items_added:
            try:
                types[output_index] = _read_item_event(payload).item.type
            except UNDECODABLE:
                self._skipped_count += 1
        return types

    def _flush_skipped(self) -> None:
        if self._skipped_count:
            self._parts.events.append(EventSkipped(count=self._skipped_count))
            self._skipped_count = 0

    def _take_events(self) -> Sequence[StreamEvent]:
        self._flush_skipped()
        events, self._parts.events = self._parts.events, []
        return events


def _place(kind: PartKind, event: Delta) -> Place:
    index = event.summary_index if kind is _SUMMARY else event.content_index
    return (kind, event.output_index, index)


def _delta_of(document: Mapping[str, object]) -> Delta | None:
    """Read the fields of a delta out of a leniently read event; null counts as missing.

    None: the type is no word, or a delta has fields of the wrong type.
    """
    kind = document.get("type") or ""
    if not isinstance(kind, str):
        return None
    names = ("output_index", "content_index", "summary_index")
    fields = {name: document[name] for name in names if document.get(name)}
    if kind in _DELTAS:
        fields["delta"] = document.get("delta") or ""
    try:
        return msgspec.convert({"type": kind, **fields}, Delta)
    except msgspec.ValidationError:
        # An event that is not known here may use the names for something else.
        return None if kind in _DELTAS else Delta(type=kind)
