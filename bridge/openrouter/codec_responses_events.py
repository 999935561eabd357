"""The events of one /responses answer to the house's events. Pure, no I/O.

Items overlap and their ids are made up, so everything is kept by `output_index`. `.done` events,
finished items and the terminal `output` say again, later and sometimes more fully, what the
deltas said: they fill what is missing and are never added.

All deltas of one kind and place that follow each other in one read become one event, so a delta
costs one small struct. Whatever is not a delta is decoded a second time, by its own shape.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Raw

from actors.values import (
    EndStatus,
    EventSkipped,
    StreamEnded,
    StreamEvent,
    StreamFailure,
    TextAdvanced,
    Usage,
)
from bridge.openrouter.codec_responses_answer import PART_KINDS, Answer
from bridge.openrouter.codec_responses_parts import PartKind, Place
from bridge.openrouter.wire_responses import (
    UNDECODABLE,
    Delta,
    ItemEvent,
    Part,
    PartDone,
    Response,
    ResponseEvent,
    decode_ending,
    decode_failure,
    decode_incomplete_reason,
    decode_list,
    decode_response,
    decode_usage,
    is_told,
)
from bridge.openrouter.wire_responses_items import (
    AnnotationEvent,
    CallStatement,
    Search,
)
from bridge.openrouter.wire_text import read_leniently, write_mended

_TEXT_DELTA: Final = "response.output_text.delta"
_DELTAS: Final = {
    _TEXT_DELTA: PartKind.TEXT,
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
_CALL_DELTAS: Final = frozenset(
    {"response.function_call_arguments.delta", "response.custom_tool_call_input.delta"}
)
_CALLS_DONE: Final = (
    "response.function_call_arguments.done",
    "response.custom_tool_call_input.done",
)
_SEARCHING: Final = ("response.web_search_call.in_progress", "response.web_search_call.searching")
_BEGINNINGS: Final = ("response.created", "response.queued", "response.in_progress")
# How they are written by nearly every host; what is written otherwise is decoded like the rest.
_BEGINNING_HEADS: Final = tuple(b'{"type":"%b"' % kind.encode() for kind in _BEGINNINGS)
_ENDINGS: Final = {
    "response.completed": EndStatus.COMPLETED,
    "response.incomplete": EndStatus.INCOMPLETE,
    "response.failed": EndStatus.FAILED,
    "response.error": EndStatus.ERROR,
    "error": EndStatus.ERROR,
}
# The endings that carry no error, and the status that agrees with them.
_CALM_ENDINGS: Final = {"response.completed": "completed", "response.incomplete": "incomplete"}
# What a `response.completed` may own up to in its `status`.
_STATUSES: Final = {"incomplete": EndStatus.INCOMPLETE, "failed": EndStatus.FAILED}
# Running out of room after a part of the answer is a short answer, not a failed one. Before any
# answer it stays an error, or the user would get nothing at all, and no reason for it.
_LENGTH_WORDS: Final = frozenset(
    {"context_length_exceeded", "max_tokens_exceeded", "token_limit_exceeded", "string_too_long"}
)
_LENGTH_REASON: Final = "max_output_tokens"
# Inside a text its quotes would be escaped.
_UNNOTED: Final = b'"annotations":[]'
_TEXT, _SUMMARY = PartKind.TEXT, PartKind.SUMMARY
_DONE_MARK: Final = Delta(type="done mark")
# An event that means nothing here: unknown, blank, or counted as skipped already.
_IGNORED: Final = Delta(type="ignored")

_read_delta = msgspec.json.Decoder(Delta).decode
_read_part = msgspec.json.Decoder(Part).decode
_read_part_done = msgspec.json.Decoder(PartDone).decode
_read_annotation = msgspec.json.Decoder(AnnotationEvent).decode
_read_call_done = msgspec.json.Decoder(CallStatement).decode
_read_item_event = msgspec.json.Decoder(ItemEvent).decode
_read_response_event = msgspec.json.Decoder(ResponseEvent).decode


class EventReader:
    """See the module docstring. After the terminal event or `[DONE]` nothing is read any more.

    A stream without a terminal event yields no `StreamEnded`: the reader knows that it is broken.
    An `error` ends the stream by itself and at once; a `response.failed` that some hosts send
    after it says the same again.
    """

    __slots__ = (
        "_answer",
        "_beginning",
        "_is_under_way",
        "_parts",
        "_skipped_count",
        "_text_content",
        "_text_output",
        "is_over",
    )

    def __init__(self) -> None:
        self._answer = Answer()
        self._parts = self._answer.parts
        self._skipped_count = 0
        self._beginning = b""
        self._is_under_way = False
        # Where a lone event last told text.
        self._text_output = self._text_content = -1
        self.is_over = False

    def read_one(self, payload: bytes) -> Sequence[StreamEvent]:
        """Read a lone event, which is what a live stream brings, and return what it tells."""
        try:
            event = _read_delta(payload)
        except UNDECODABLE:
            event, payload = self._salvage(payload)
        parts, text = self._parts, event.delta
        if (
            event.type == _TEXT_DELTA
            and event.output_index == self._text_output
            and event.content_index == self._text_content
            and text
            and not parts.is_torn
        ):
            # Nearly every event of a long answer is this: more text where there was some.
            return (
                TextAdvanced(
                    output_index=event.output_index, content_index=event.content_index, text=text
                ),
            )
        kind = _DELTAS.get(event.type)
        if kind is None:
            self._read_other(event, payload)
        else:
            parts.advance(_place(kind, event), text)
            if kind is _TEXT and text:
                self._text_output, self._text_content = event.output_index, event.content_index
        return self.take_events()

    def close(self) -> None:
        """Let go of half a character: the body has ended."""
        self._parts.close()

    def take_events(self) -> Sequence[StreamEvent]:
        """Return what was told since the last time."""
        parts = self._parts
        if self._skipped_count:
            self._flush_skipped()
        events, parts.events = parts.events, []
        return events

    def read(self, payloads: Sequence[bytes]) -> None:
        """Go through the payloads of one read; runs of deltas are collected on the way."""
        if not self._is_under_way:
            payloads = self._behind_beginnings(payloads)
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
            if self.is_over:
                return
        if run_type is not None:
            self._end_run(run, texts)

    def _behind_beginnings(self, payloads: Sequence[bytes]) -> Sequence[bytes]:
        """Put the first events aside without reading them: they tell nothing that is shown."""
        for at, payload in enumerate(payloads):
            if not payload.startswith(_BEGINNING_HEADS):
                self._is_under_way = True
                return payloads[at:]
            self._beginning = payload
        return ()

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
        read = _READERS.get(event.type)
        if read is not None:
            try:
                read(self, event, payload)
            except UNDECODABLE:
                self._skipped_count += 1
        elif event is _DONE_MARK:
            self._parts.close()
            self.is_over = True

    def _read_beginning(self, _: Delta, payload: bytes) -> None:
        # Nearly always the terminal event says it all again; it is read when it does not.
        self._beginning = payload

    def _read_done(self, event: Delta, payload: bytes) -> None:
        place = _place(_DONE[event.type], event)
        # The long text is not even read where deltas have told it.
        stated = "" if self._parts.is_told(place) else _read_part(payload).stated
        self._parts.state(place, stated)

    def _read_part_done(self, event: Delta, payload: bytes) -> None:
        is_told = False
        for possible in _PARTS_DONE[event.type]:
            if self._parts.is_told(_place(possible, event)):
                is_told = True
                break
        # Where any kind of part was told, only what stands beside its text can be new.
        if is_told and (_UNNOTED in payload or b"annotations" not in payload):
            return
        part = _read_part_done(payload).part
        kind = None if is_told else PART_KINDS.get(part.type)
        if kind is not None:
            self._parts.state(_place(kind, event), part.stated)
        self._answer.tell(
            self._answer.items.note_all(event.output_index, event.content_index, part.annotations)
        )

    def _read_annotation(self, event: Delta, payload: bytes) -> None:
        note = _read_annotation(payload).annotation
        self._answer.tell(self._answer.items.note(event.output_index, event.content_index, (note,)))

    def _read_call_delta(self, event: Delta, _: bytes) -> None:
        self._answer.calls.advance(event.output_index, event.delta)

    def _read_call_done(self, event: Delta, payload: bytes) -> None:
        self._answer.tell(self._answer.calls.state(event.output_index, _read_call_done(payload)))

    def _read_searching(self, event: Delta, _: bytes) -> None:
        self._answer.tell(self._answer.items.search(event.output_index, Search()))

    def _read_item_added(self, event: Delta, payload: bytes) -> None:
        self._answer.begin_item(event.output_index, _item_of(event, payload))

    def _read_item_done(self, event: Delta, payload: bytes) -> None:
        self._answer.finish_item(event.output_index, _item_of(event, payload))

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

    def _read_untyped(self, _: Delta, payload: bytes) -> None:
        """An error may come bare, as `{"error": ...}`; anything else needs a type."""
        event = _read_response_event(payload)
        if is_told(event.error):
            self._end(EndStatus.ERROR, event, payload)
        else:
            self._skipped_count += 1

    def _read_ending(self, event: Delta, payload: bytes) -> None:
        kind = event.type
        if not (kind in _CALM_ENDINGS and self._end_calmly(kind, payload)):
            self._end(_ENDINGS[kind], _read_response_event(payload), payload)

    def _end_calmly(self, kind: str, payload: bytes) -> bool:
        """Take the usual terminal event, in the usual shape. False: look at it more closely."""
        ending = decode_ending(payload)
        if ending is None or ending.status != _CALM_ENDINGS[kind] or ending.usage is None:
            return False
        if not (ending.response_id and ending.model):
            return False
        self._answer.state_output(ending.output)
        status = self._answer.close(_ENDINGS[kind])
        is_cut = status is EndStatus.INCOMPLETE
        self._say_end(
            StreamEnded(
                status=status,
                incomplete_reason=ending.incomplete_reason if is_cut else None,
                usage=ending.usage,
                response_id=ending.response_id,
                model=ending.model,
            )
        )
        return True

    def _end(self, named: EndStatus, event: ResponseEvent, payload: bytes) -> None:
        """Tell how the stream ended, after all that was still to be told."""
        response = decode_response(event.response)
        self._answer.state_output(decode_list(response.output))
        status = named
        if named is EndStatus.COMPLETED:
            status = _STATUSES.get(response.status or "", named)
        failure: StreamFailure | None = None
        reason = decode_incomplete_reason(response.incomplete_details)
        if status in (EndStatus.FAILED, EndStatus.ERROR):
            failure = decode_failure(event, response, payload)
            if self._is_cut_by_length(failure):
                status, reason, failure = EndStatus.INCOMPLETE, _LENGTH_REASON, None
        status = self._answer.close(status)
        usage = decode_usage(response.usage) or decode_usage(event.usage)
        begun = response
        if not (usage and response.id and response.model):
            begun, begun_usage = self._begun()
            usage = usage or begun_usage
        self._say_end(
            StreamEnded(
                status=status,
                incomplete_reason=reason if status is EndStatus.INCOMPLETE else None,
                usage=usage,
                failure=failure,
                response_id=response.id or begun.id or "",
                model=response.model or begun.model or "",
            )
        )

    def _say_end(self, ended: StreamEnded) -> None:
        self._flush_skipped()
        self._parts.events.append(ended)
        self.is_over = True

    def _is_cut_by_length(self, failure: StreamFailure) -> bool:
        words = {failure.code, failure.error_type}
        return not self._parts.is_empty and not words.isdisjoint(_LENGTH_WORDS)

    def _flush_skipped(self) -> None:
        if self._skipped_count:
            self._parts.events.append(EventSkipped(count=self._skipped_count))
            self._skipped_count = 0


def _place(kind: PartKind, event: Delta) -> Place:
    index = event.summary_index if kind is _SUMMARY else event.content_index
    return (kind, event.output_index, index)


def _item_of(event: Delta, payload: bytes) -> Raw:
    # One that was mended is not in the event.
    return event.item if len(event.item) else _read_item_event(payload).item


def _delta_of(document: Mapping[str, object]) -> Delta | None:
    """Read the fields of a delta out of a leniently read event; null counts as missing.

    None: the type is no word, or a delta has fields of the wrong type.
    """
    kind = document.get("type") or ""
    if not isinstance(kind, str):
        return None
    names = ("output_index", "content_index", "summary_index")
    fields = {name: document[name] for name in names if document.get(name)}
    is_delta = kind in _DELTAS or kind in _CALL_DELTAS
    if is_delta:
        fields["delta"] = document.get("delta") or ""
    try:
        return msgspec.convert({"type": kind, **fields}, Delta)
    except msgspec.ValidationError:
        # An event that is not known here may use the names for something else.
        return None if is_delta else Delta(type=kind)


_READERS: Final[Mapping[str, Callable[[EventReader, Delta, bytes], None]]] = {
    **dict.fromkeys(_DONE, EventReader._read_done),
    **dict.fromkeys(_PARTS_DONE, EventReader._read_part_done),
    **dict.fromkeys(_CALL_DELTAS, EventReader._read_call_delta),
    **dict.fromkeys(_CALLS_DONE, EventReader._read_call_done),
    **dict.fromkeys(_SEARCHING, EventReader._read_searching),
    **dict.fromkeys(_BEGINNINGS, EventReader._read_beginning),
    **dict.fromkeys(_ENDINGS, EventReader._read_ending),
    "response.output_text.annotation.added": EventReader._read_annotation,
    "response.output_item.added": EventReader._read_item_added,
    "response.output_item.done": EventReader._read_item_done,
    "": EventReader._read_untyped,
}
