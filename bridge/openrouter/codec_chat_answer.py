"""One chat answer as it comes in, chunk by chunk, and how it ended. Pure, no I/O.

Everything has a fixed place in the output: thinking at 0, the message with its notes and images
at 1, calls after it. Text of one kind that follows itself in a read becomes one event.

An answer ends when a reason to finish was given and the usage came with or after it; without
usage, at the end of the stream. Most hosts give the reason twice, the second time beside the
usage. What is sent back to the model (thinking, calls) is told right before the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum, auto
from typing import Final

from actors.ports import ErrorFacts, StreamBroken
from actors.values import (
    EndStatus,
    EventSkipped,
    ReasoningAdvanced,
    ReasoningKind,
    ReasoningMade,
    RefusalAdvanced,
    StreamEnded,
    StreamEvent,
    StreamFailure,
    TextAdvanced,
    Usage,
    WireFormat,
)
from actors.values import Reasoning as Thought
from bridge.openrouter.codec_chat_calls import CallCollector
from bridge.openrouter.codec_chat_notes import MESSAGE, NoteCollector
from bridge.openrouter.wire_chat import (
    CallPiece,
    Choice,
    Chunk,
    Delta,
    failure_of,
    first_choice,
    head_of,
    usage_of,
)
from bridge.openrouter.wire_chat_details import DetailsJoiner
from bridge.openrouter.wire_chat_thinking import Thinking
from bridge.openrouter.wire_text import REPLACEMENT, is_torn, split_open_half

THINKING: Final = 0
"""Output index of what the model thinks."""

HELD_BYTES_MAX: Final = 256 * 1024 * 1024
"""What of a stream may be held until its end, because only then it is whole: thinking, calls,
and what was told and must not be told again. Counted as it came in, framing and all."""


class _Kind(IntEnum):
    """What a run of text is. A number, because it is compared for every chunk."""

    TEXT = auto()
    REFUSAL = auto()
    RAW = auto()
    SUMMARY = auto()


# Bound once: in Python 3.11 a look at a member of an enum costs as much as a call.
_TEXT, _REFUSAL, _RAW, _SUMMARY = _Kind

_ERROR_WORD: Final = "error"
_LENGTH: Final = "max_output_tokens"
_CUT_WORDS: Final = {
    "length": _LENGTH,
    "max_tokens": _LENGTH,
    "max_output_tokens": _LENGTH,
    "content_filter": "content_filter",
}
_LENGTH_NATIVE: Final = frozenset({"length", "max_tokens", "max_output_tokens"})
# Running out of room after a part of the answer is a short answer, not a failed one; see the
# decoder of the other endpoint.
_LENGTH_ERRORS: Final = frozenset(
    {"context_length_exceeded", "max_tokens_exceeded", "token_limit_exceeded", "string_too_long"}
)


class ChatAnswer:
    """Takes chunks in and gives events out. After the terminal event nothing is taken any more."""

    def __init__(self, *, held_bytes_max: int = HELD_BYTES_MAX) -> None:
        self._held_bytes_max = held_bytes_max
        self._held_bytes = 0
        self.is_over = False
        self._events: list[StreamEvent] = []
        self._run: list[str] = []
        self._run_kind = _TEXT
        self._halves: dict[_Kind, str] = {}
        self._is_torn = False
        self._has_output = False
        self._thinking = Thinking()
        self._details = DetailsJoiner()
        self._calls = CallCollector()
        self._notes = NoteCollector()
        self._skipped_count = 0
        self._first = b""
        self._last = b""
        self._finish = ""
        self._native = ""
        self._usage: Usage | None = None

    def take(self, chunk: Chunk, payload: bytes) -> None:
        """Take one chunk of a stream in; `payload` is what it was read from."""
        if not self._first:
            self._first = payload
        choice = first_choice(chunk.choices)
        delta = choice.delta
        if delta is not None:
            if delta.reasoning_details or delta.reasoning or delta.reasoning_content:
                self._think(delta)
                self._held_bytes += len(payload)
            if delta.content:
                self._say(_TEXT, delta.content)
            if delta.tool_calls:
                self._take_calls(delta.tool_calls)
                self._held_bytes += len(payload)
            if delta.refusal or delta.annotations or delta.images:
                self._take_others(delta)
                self._held_bytes += len(payload)
        if choice.finish_reason or chunk.usage or chunk.error or choice.error:
            self._note_ending(choice, chunk, payload)
        elif choice.native_finish_reason:
            self._native = choice.native_finish_reason

    def take_whole(self, chunk: Chunk, payload: bytes) -> None:
        """Take an answer in that came as one body, and end it.

        A body tells thinking for people in `reasoning` alone; its details are to be sent back.
        One that has a message and names no reason to finish has finished all the same.
        """
        self._first = payload
        choice = first_choice(chunk.choices)
        message = choice.message
        if message is not None:
            if message.reasoning_details:
                self._details.take(message.reasoning_details)
            self._say(self._thought_kind(), message.reasoning or message.reasoning_content or "")
            self._say(_TEXT, message.content or "")
            self._take_others(message)
            self._take_calls(message.tool_calls or ())
            self._finish, self._last = "stop", payload
        if choice.finish_reason or chunk.usage or chunk.error or choice.error:
            self._note_ending(choice, chunk, payload)
        self.close()

    def note_torn_text(self, chunk: Chunk) -> None:
        """Look out for surrogate halves, once the lenient reader was needed.

        The strict reader never lets one through, so other streams skip all of this.
        """
        choice = first_choice(chunk.choices)
        for said in (choice.delta, choice.message):
            if said is not None:
                texts = (said.content, said.reasoning, said.reasoning_content, said.refusal)
                details = said.reasoning_details or ()
                told = (value for detail in details for value in detail.values())
                self._is_torn = self._is_torn or any(
                    isinstance(text, str) and is_torn(text) for text in (*texts, *told)
                )

    def skip(self) -> None:
        """Count an event that could not be understood."""
        self._skipped_count += 1

    def close(self) -> None:
        """Take note that nothing more will come; the answer ends if it was said how."""
        if self.is_over:
            return
        if self._finish:
            self._end()
        else:
            self._release_halves()
        self.is_over = True

    def take_events(self) -> Sequence[StreamEvent]:
        """Give out what one read brought.

        Raises:
            StreamBroken: the answer is larger than any real one.
        """
        if self._held_bytes > self._held_bytes_max:
            raise StreamBroken(ErrorFacts(code="answer_too_large"))
        self._flush_run()
        self._flush_skipped()
        events, self._events = self._events, []
        return events

    def _say(self, kind: _Kind, text: str) -> None:
        """Add text to the run, or end the run and begin another."""
        if not text:
            return
        if kind is not self._run_kind:
            self._flush_run()
            self._run_kind = kind
        self._run.append(text)

    def _think(self, delta: Delta) -> None:
        plain = delta.reasoning or delta.reasoning_content or ""
        details = delta.reasoning_details
        detailed = self._details.take(details) if details else ""
        self._say(self._thought_kind(), self._thinking.advance(plain, detailed))

    def _thought_kind(self) -> _Kind:
        return _SUMMARY if self._details.is_summary else _RAW

    def _take_calls(self, pieces: Sequence[CallPiece]) -> None:
        for piece in pieces:
            begun = self._calls.take(piece)
            if begun is not None:
                self._tell((begun,))

    def _take_others(self, said: Delta) -> None:
        """Take in what is rare; notes and images are told one by one."""
        self._say(_REFUSAL, said.refusal or "")
        self._tell(self._notes.take(said.annotations or (), said.images or ()))

    def _tell(self, events: Sequence[StreamEvent]) -> None:
        """Tell what is no text, after the text before it."""
        if events:
            self._flush_run()
            self._events += events
            self._has_output = True

    def _note_ending(self, choice: Choice, chunk: Chunk, payload: bytes) -> None:
        """Take in a reason to finish, an error, usage, or several of them."""
        usage = usage_of(chunk.usage)
        self._usage = usage or self._usage
        self._native = choice.native_finish_reason or self._native
        if choice.finish_reason and not (self._is_settled() or self._finish == _ERROR_WORD):
            self._finish, self._last = choice.finish_reason.lower(), payload
        if (chunk.error or choice.error) and not self._is_settled():
            # It says all there is to say, and the rest of the stream may never come.
            self._finish, self._last = _ERROR_WORD, payload
            self._end()
        elif self._finish and usage is not None:
            self._end()

    def _is_settled(self) -> bool:
        """Whether the answer was cut before; an error after that takes nothing back."""
        return self._finish in _CUT_WORDS

    def _end(self) -> None:
        """Tell how the answer ended, after all that was still to be told."""
        self._release_halves()
        head, first = head_of(self._last), head_of(self._first)
        answer_id = head.id or first.id or ""
        status, reason, failure = self._ending()
        if failure is None:
            details = self._details.json()
            if details:
                thought = Thought(wire=WireFormat.CHAT, json=details)
                self._events.append(ReasoningMade(output_index=THINKING, reasoning=thought))
            self._events += self._calls.called(answer_id)
            self._skipped_count += self._calls.nameless_count()
        self._flush_skipped()
        self._events.append(
            StreamEnded(
                status=status,
                incomplete_reason=reason,
                usage=self._usage,
                failure=failure,
                response_id=answer_id,
                model=head.model or first.model or "",
                native_reason=self._native,
            )
        )
        self.is_over = True

    def _ending(self) -> tuple[EndStatus, str | None, StreamFailure | None]:
        reason = _CUT_WORDS.get(self._finish)
        if self._finish == _ERROR_WORD:
            failure = failure_of(self._last, native_reason=self._native)
            if not (self._has_output and {failure.code, failure.error_type} & _LENGTH_ERRORS):
                return EndStatus.ERROR, None, failure
            reason = _LENGTH
        if reason is None and self._native.lower() in _LENGTH_NATIVE:
            # A call that was cut comes with the reason of a whole one (FACTS, fact 1).
            reason = _LENGTH if self._calls.has_cut_call() else None
        return (EndStatus.INCOMPLETE if reason else EndStatus.COMPLETED), reason, None

    def _flush_run(self) -> None:
        if not self._run:
            return
        text = self._run[0] if len(self._run) == 1 else "".join(self._run)
        self._run = []
        if self._is_torn:
            kind = self._run_kind
            text, half = split_open_half(self._halves.pop(kind, "") + text)
            if half:
                self._halves[kind] = half
        if text:
            self._has_output = True
            self._events.append(_advanced(self._run_kind, text))

    def _release_halves(self) -> None:
        """Let go of every half that waits: its partner will not come."""
        self._flush_run()
        self._events += [_advanced(kind, REPLACEMENT) for kind in self._halves]
        self._halves.clear()

    def _flush_skipped(self) -> None:
        if self._skipped_count:
            self._events.append(EventSkipped(count=self._skipped_count))
            self._skipped_count = 0


def _advanced(kind: _Kind, text: str) -> StreamEvent:
    if kind is _TEXT:
        return TextAdvanced(output_index=MESSAGE, content_index=0, text=text)
    if kind is _REFUSAL:
        return RefusalAdvanced(output_index=MESSAGE, content_index=0, text=text)
    worded = ReasoningKind.SUMMARY if kind is _SUMMARY else ReasoningKind.RAW
    return ReasoningAdvanced(output_index=THINKING, part_index=0, kind=worded, text=text)
