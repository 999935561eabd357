"""From an admitted chat to what Open WebUI takes: lines of a stream, or one whole answer.

Whatever goes wrong becomes words in the answer. Nothing is raised into Open WebUI, which would
lose the text shown so far.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import Final, TypeAlias

from actors.kernel.errors import KernelError
from actors.kernel.future import AskFuture
from actors.ports import Cancelled, Completed, Ending, Failed
from actors.request import is_weather
from bridge.owui.error_kinds import Condition
from bridge.owui.error_text import cut_notice
from bridge.owui.event_sink import OwuiSink
from bridge.owui.reception import Call, payer_of
from bridge.owui.residence import Visit
from bridge.transforms.chat_chunks import (
    ChunkWriter,
    FinishReason,
    Piece,
    PieceKind,
    completion_dict,
    finish_reason,
    usage_dict,
)
from bridge.transforms.json_text import JsonValue
from bridge.transforms.side_event import toast
from bridge.transforms.tool_calls import call_dicts
from supervisor.gate import Admitted, Refusal, Refused

_log = logging.getLogger("greenroom.pipe")

_RULE: Final = "\n\n---\n\n"

Whole: TypeAlias = dict[str, JsonValue]


async def admitted(visit: Visit, call: Call) -> str | None:
    """Wait for admission; the words for a refusal, or None: the chat runs.

    While waiting, a stop gives the place in the queue back.
    """
    return await outcome(call, asked(visit, call))


def asked(visit: Visit, call: Call) -> AskFuture:
    """Ask to be let in. The end of the visit takes it back, or stops the chat that runs."""
    asking = visit.app.admit(
        call.request,
        call.settings,
        call.sink,
        user=call.caller.user_id,
        box=call.box,
        servers=call.servers,
        remedies=call.snapshot.remedies,
        place=call.place,
        payer=payer_of(call.given),
        is_task=not call.request.is_streaming,
    )
    visit.asking = asking
    asking.add_done_callback(partial(_answered, visit, call))
    return asking


def _answered(visit: Visit, call: Call, asking: AskFuture) -> None:
    """Keep hold of the chat that runs now; or wake who waits for it, to say why it does not.

    Not woken over good news: the next thing to hear of the chat is what it says.
    """
    answer = asking.get() if asking.error is None else None
    if isinstance(answer, Admitted):
        visit.asking, visit.chat = None, answer.ref
        visit.app.system.monitor(answer.ref, lambda _: call.sink.abandon())
    else:
        call.sink.wake()


async def outcome(call: Call, asking: AskFuture) -> str | None:
    """Wait for the gate's answer; see `admitted`."""
    error_id = call.request.request_id
    try:
        answer = await asking
    except KernelError:
        return call.failure(Condition.SERVER_BUSY, error_id)
    match answer:
        case Admitted():
            return None
        case Refused(why=Refusal.HELD, retry_after_s=retry_after_s, key=key):
            is_model = key.startswith("model:")
            held = Condition.MODEL_HELD if is_model else Condition.BREAKER_OPEN
            return call.failure(held, error_id, retry_after_s=retry_after_s)
        case _:
            return call.failure(Condition.SERVER_BUSY, error_id)


async def refused_lines(call: Call, writer: ChunkWriter, refusal: str) -> list[str]:
    """Return the lines of a chat that was not let in."""
    call.sink.abandon()
    lines = writer.lines(await call.sink.take())
    if call.messenger is not None:
        lines.append(toast(_BUSY, level="error").line)
    return [*lines, *said(writer, refusal)]


async def whole(visit: Visit, call: Call, *, completion_id: str, created_s: int) -> Whole:
    """Wait for one answer and return it in one piece (SPEC 25)."""
    sink, messenger = call.sink, call.messenger
    content: list[str] = []
    reasoning: list[str] = []
    sink.begin()
    asking = asked(visit, call)
    if messenger is not None:
        await messenger.tell(*(note.emitted() for note in call.notes))
        while not asking.is_done and (pieces := await sink.take()):
            _sort(await _placed(sink, pieces), content, reasoning)
            await messenger.tell(*sink.take_events())
    refusal = await outcome(call, asking)
    if refusal is not None:
        sink.abandon()
        if messenger is not None:
            await messenger.tell(*sink.take_events(), toast(_BUSY, level="error").emitted())
        content.append(refusal)
    else:
        while pieces := await sink.take():
            _sort(await _placed(sink, pieces), content, reasoning)
            if messenger is not None:
                await messenger.tell(*sink.take_events())
        visit.chat = None
    return _completion(call, content, reasoning, completion_id, created_s, refusal is not None)


def said(writer: ChunkWriter, text: str, reason: FinishReason = FinishReason.STOP) -> list[str]:
    """Return the lines that say one thing and end."""
    return [writer.delta(PieceKind.CONTENT, text), writer.finish(reason)]


async def settle(call: Call) -> None:
    """Stop the newest status line, where the answer ended without a word about it."""
    event = call.sink.unsettled
    if event is not None and call.messenger is not None:
        await call.messenger.tell(event)


# --- the end of an answer ----------------------------------------------------------------------

_BUSY: Final = "Your request was not started; the answer says why."


def last_lines(call: Call, writer: ChunkWriter) -> list[str]:
    """What closes the stream: the one terminal outcome in the door's words."""
    match call.sink.ending:
        case Completed(usage=usage, incomplete_reason=reason) as ending:
            lines = [writer.finish(finish_reason(reason, has_calls=ending.has_calls))]
            if usage is not None:
                told = writer.usage(usage, rounds=ending.rounds, tool_calls=ending.tool_calls)
                lines.append(told)
            return lines
        case Failed() as failed:
            return said(writer, failure_text(call, failed), _cut_reason(failed))
        case ending:
            return said(writer, unfinished_text(call, ending), FinishReason.LENGTH)


def is_to_be_continued(call: Call) -> bool:
    """Whether the answer ended with calls that Open WebUI runs, and comes back with (SPEC 168)."""
    ending = call.sink.ending
    return isinstance(ending, Completed) and ending.has_calls


def failure_text(call: Call, failed: Failed) -> str:
    """Word a failure, and log its facts under the same id; what was shown stays."""
    kind = type(failed.error).__name__
    status = getattr(getattr(failed.error, "facts", None), "status", None)
    level = logging.WARNING if is_weather(failed.error) else logging.ERROR
    _log.log(level, "request failed: %s (status %s), error id %s", kind, status, failed.error_id)
    if failed.shown:
        return cut_notice(failed.error, error_id=failed.error_id)
    return call.failure(failed.error, failed.error_id)


def unfinished_text(call: Call, ending: Ending | None) -> str:
    """The tree went away while somebody was still reading: a cut answer says that it is."""
    error_id = call.request.request_id
    if isinstance(ending, Cancelled):
        return _RULE + call.failure(Condition.STOPPED, "")
    _log.error("a chat ended without an outcome, error id %s", error_id)
    return _RULE + call.failure(Condition.INTERNAL, error_id)


def _cut_reason(failed: Failed) -> FinishReason:
    # To a program, a cut answer is one that is not whole.
    return FinishReason.LENGTH if failed.shown else FinishReason.STOP


async def _placed(sink: OwuiSink, pieces: list[Piece]) -> list[Piece]:
    """Find a place for images, where there are any."""
    return await sink.stored(pieces) if sink.has_images else pieces


def _sort(pieces: list[Piece], content: list[str], reasoning: list[str]) -> None:
    for kind, text in pieces:
        if kind is PieceKind.CONTENT:
            content.append(text)
        elif kind is PieceKind.REASONING:
            reasoning.append(text)


def _completion(
    call: Call,
    content: list[str],
    reasoning: list[str],
    completion_id: str,
    created_s: int,
    is_refused: bool,
) -> Whole:
    usage: dict[str, JsonValue] | None = None
    calls: list[JsonValue] = []
    reason = FinishReason.STOP
    match call.sink.ending:
        case Completed() as ending:
            reason = finish_reason(ending.incomplete_reason, has_calls=ending.has_calls)
            calls = list(call_dicts(call.sink.calls, call.shown_name))
            if ending.usage is not None:
                usage = usage_dict(ending.usage, rounds=ending.rounds, tool_calls=ending.tool_calls)
        case Failed() as failed:
            content.append(failure_text(call, failed))
            reason = _cut_reason(failed)
        case unfinished:
            if not is_refused:
                content.append(unfinished_text(call, unfinished))
                reason = FinishReason.LENGTH
    return completion_dict(
        model=call.about.requested_model,
        completion_id=completion_id,
        created_s=created_s,
        content="".join(content),
        reason=reason,
        reasoning="".join(reasoning),
        usage=usage,
        tool_calls=calls,
    )
