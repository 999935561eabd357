"""From a request for an answer and a wish to the steps to play. Pure but for recordings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import cached_property

import msgspec

from bridge.standin.catalog import RECORDED_AUTHOR
from bridge.standin.chat_wire import final_completion, render_chat
from bridge.standin.conversations import conversations, named_conversation, play
from bridge.standin.error_answers import (
    JSON_TYPE,
    PlainAnswer,
    RetryAfter,
    json_answer,
    refusal,
)
from bridge.standin.faults import ProviderFault
from bridge.standin.followups import keeps_reasoning
from bridge.standin.frames import Billing, Endpoint, Frame, FrameKind, Json, JsonObject
from bridge.standin.heard import Heard, heard_in
from bridge.standin.http1 import HttpRequest
from bridge.standin.objections import Objection, invalid_signature, objection_to
from bridge.standin.recordings import Recording, recorded_frames
from bridge.standin.responses_wire import final_response, render_responses
from bridge.standin.script_values import Script
from bridge.standin.scripts import echo, generated, library
from bridge.standin.stage import EVENT_STREAM_TYPE, Stage, Steps, plain_steps, split_for_fault
from bridge.standin.stream_errors import ERRORS_IN_STREAM
from bridge.standin.stream_faults import document_steps, stream_steps
from bridge.standin.tasks import is_task, task_answer
from bridge.standin.wishes import Wish, WishRejected

RETRY_AFTER_DEFAULT_S = 1.0
BYTES_PER_TOKEN = 4

# These need characters of several bytes to show anything.
_MULTI_BYTE_FAULTS = (ProviderFault.SPLIT_CODE_POINT, ProviderFault.CUT_MID_CODE_POINT)


@dataclass(frozen=True, kw_only=True)
class Question:
    """A request for an answer, checked."""

    request: HttpRequest
    endpoint: Endpoint
    document: JsonObject
    response_id: str

    @property
    def model(self) -> str:
        """The model by the name that the client used."""
        return str(self.document["model"])

    @cached_property
    def heard(self) -> Heard:
        """The turn under way, as the request tells it."""
        return heard_in(self.endpoint, self.document)

    @property
    def wants_stream(self) -> bool:
        """Whether the answer is to come as events."""
        return self.document.get("stream") is True


def early_refusal(
    fault: ProviderFault | None, wish: Wish, request: HttpRequest, now: datetime
) -> PlainAnswer | None:
    """Return the answer of a fault that comes as a status, on whatever path."""
    if fault is None:
        return None
    wait_s = wish.wait_s(RETRY_AFTER_DEFAULT_S)
    date = format_datetime(now + timedelta(seconds=wait_s), usegmt=True)
    retry = RetryAfter(seconds=round(wait_s), date=date)
    answer = refusal(fault, path=request.path, retry=retry)
    if answer is None:
        return None
    # A client reads dates against the server's own clock.
    told_at = ("date", format_datetime(now, usegmt=True))
    return replace(answer, headers=(*answer.headers, told_at))


def objection_of(question: Question, wish: Wish) -> PlainAnswer | None:
    """Return the refusal of a model that does not take something in the request, or None."""
    conversation = named_conversation(wish.script)
    own = conversation.objections if conversation is not None else ()
    for objection in (*wish.objects_to, *own):
        refused = objection_to(objection, question.endpoint, question.document)
        if refused is not None:
            return refused
        if (
            objection is Objection.LOST_REASONING
            and conversation is not None
            and not keeps_reasoning(conversation, question.heard)
        ):
            return invalid_signature()
    return None


def scripted_steps(question: Question, wish: Wish) -> Steps:
    """Play the script that the wish names, or an echo of the question."""
    script = _script(question, wish)
    billing = Billing(
        input_tokens=max(1, len(question.request.body) // BYTES_PER_TOKEN),
        output_tokens=script.pieces,
        reasoning_tokens=script.thinking_pieces,
        searches=script.searches,
    )
    is_responses = question.endpoint is Endpoint.RESPONSES
    if question.wants_stream:
        render = render_responses if is_responses else render_chat
        frames = render(
            script, response_id=question.response_id, model=question.model, billing=billing
        )
        return stream_steps(_stage(question, wish, frames, EVENT_STREAM_TYPE))
    finish = final_response if is_responses else final_completion
    whole = finish(script, response_id=question.response_id, model=question.model, billing=billing)
    return _document(question, wish, whole)


def document_answer_steps(
    request: HttpRequest, wish: Wish, document: JsonObject, response_id: str
) -> Steps:
    """Send a JSON document that is no answer of a model, with the fault of the wish."""
    body = msgspec.json.encode(document)
    return document_steps(
        Stage(
            before=(),
            rest=(Frame(kind=FrameKind.OUTPUT, data=body),),
            wish=wish,
            endpoint=Endpoint.RESPONSES,
            response_id=response_id,
            model="",
            content_type=JSON_TYPE,
            takes_chunks=request.takes_chunks,
            keeps_alive=request.keeps_alive,
        )
    )


def recorded_steps(question: Question, wish: Wish, recording: Recording) -> Steps:
    """Play a recording; a fault of the wish disturbs it like any other answer.

    Raises:
        WishRejected: it was recorded at the other endpoint.
    """
    if not recording.entry.endpoint.endswith(question.endpoint.value):
        there = recording.entry.endpoint
        raise WishRejected(f"{RECORDED_AUTHOR}/{recording.path.stem} was recorded at {there}.")
    body = recording.read()
    if recording.is_stream:
        frames = recorded_frames(body)
        return stream_steps(_stage(question, wish, frames, recording.content_type))
    answer = PlainAnswer(
        status=recording.entry.http_status,
        body=body,
        content_type=recording.content_type,
        headers=tuple(
            (name, value)
            for name, value in recording.entry.headers.items()
            if name.lower() in ("retry-after", "x-generation-id")
        ),
    )
    return plain_steps(answer, question.request)


def _document(question: Question, wish: Wish, document: JsonObject) -> Steps:
    if wish.fault in ERRORS_IN_STREAM:
        error: Json = {"code": 502, "message": "The provider hung up."}
        return plain_steps(json_answer({"choices": [], "error": error}), question.request)
    if wish.fault is ProviderFault.USAGE_MISSING:
        document = {**document, "usage": None}
    return document_answer_steps(question.request, wish, document, question.response_id)


def _stage(question: Question, wish: Wish, frames: tuple[Frame, ...], content_type: str) -> Stage:
    before, rest = split_for_fault(frames, wish.outputs_before_fault)
    return Stage(
        before=before,
        rest=rest,
        wish=wish,
        endpoint=question.endpoint,
        response_id=question.response_id,
        model=question.model,
        content_type=content_type,
        takes_chunks=question.request.takes_chunks,
        keeps_alive=question.request.keeps_alive,
    )


def _script(question: Question, wish: Wish) -> Script:
    if wish.n or wish.reasoning_n:
        return generated(wish.n, wish.b, wish.reasoning_n)
    name = wish.script
    if not name and wish.fault in _MULTI_BYTE_FAULTS:
        name = "multi-byte"
    asked = question.heard.question
    if name in ("", "echo"):
        return task_answer(asked) if is_task(asked) else echo(asked)
    if name == "task":
        return task_answer(asked)
    script = play(name, question.heard)
    if script is None:
        names = [one.name for one in library()] + [one.name for one in conversations()]
        raise WishRejected(f"There is no script {name!r}; there are: {', '.join(names)}.")
    return script
