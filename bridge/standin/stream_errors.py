"""Errors that a provider reports inside a stream, in every shape seen. Pure."""

from __future__ import annotations

from bridge.standin.chat_wire import chunk, chunk_shell
from bridge.standin.faults import ProviderFault
from bridge.standin.frames import DONE_FRAME, Endpoint, Frame, FrameKind, Json, event_frame
from bridge.standin.responses_wire import response_shell

_MESSAGE = "The provider hung up."
_RATE_LIMIT_MESSAGE = "Too many requests."
_PROMPT_MESSAGE = "This prompt is not accepted."

# What the events of one endpoint become on the other one.
_SAME_ON_CHAT = {
    ProviderFault.RESPONSE_FAILED: ProviderFault.CHAT_ERROR_TYPED,
    ProviderFault.ERROR_FLAT: ProviderFault.CHAT_ERROR_BARE,
    ProviderFault.ERROR_NESTED: ProviderFault.CHAT_ERROR_TYPED,
    ProviderFault.RESPONSE_ERROR: ProviderFault.CHAT_ERROR_EMPTY_CHOICES,
}

ERRORS_IN_STREAM = frozenset(
    {
        ProviderFault.FAILED_BEFORE_OUTPUT,
        ProviderFault.FAILED_FOR_GOOD_BEFORE_OUTPUT,
        ProviderFault.RESPONSE_FAILED,
        ProviderFault.ERROR_FLAT,
        ProviderFault.ERROR_NESTED,
        ProviderFault.RESPONSE_ERROR,
        ProviderFault.CHAT_ERROR_TYPED,
        ProviderFault.CHAT_ERROR_EMPTY_CHOICES,
        ProviderFault.CHAT_ERROR_BARE,
        ProviderFault.CHAT_FINISH_ERROR,
        ProviderFault.CHAT_ERROR_AFTER_LENGTH,
    }
)


def error_frames(
    fault: ProviderFault, *, endpoint: Endpoint, response_id: str, model: str
) -> tuple[Frame, ...]:
    """Return the frames that end a stream with this error.

    A shape that only the other endpoint knows becomes its nearest relative on this one.
    """
    if endpoint is Endpoint.CHAT:
        return _chat_frames(_SAME_ON_CHAT.get(fault, fault), chunk_shell(response_id, model))
    return _responses_frames(fault, response_id=response_id, model=model)


def _responses_frames(fault: ProviderFault, *, response_id: str, model: str) -> tuple[Frame, ...]:
    match fault:
        case ProviderFault.ERROR_FLAT:
            return (_end(type="error", code="server_error", message=_MESSAGE, param=None),)
        case ProviderFault.ERROR_NESTED:
            nested = {"type": "server_error", "code": "server_error", "message": _MESSAGE}
            return (
                _end(type="error", error={**nested, "param": None}),
                _failed(response_id, model, "server_error", _MESSAGE, "provider_unavailable"),
            )
        case ProviderFault.RESPONSE_ERROR:
            error: Json = {"code": "server_error", "message": _MESSAGE}
            return (_end(type="response.error", error=error),)
        case ProviderFault.FAILED_BEFORE_OUTPUT:
            word = "rate_limit_exceeded"
            return (_failed(response_id, model, word, _RATE_LIMIT_MESSAGE, word), DONE_FRAME)
        case ProviderFault.FAILED_FOR_GOOD_BEFORE_OUTPUT:
            word = "invalid_prompt"
            return (_failed(response_id, model, word, _PROMPT_MESSAGE, word), DONE_FRAME)
        case _:
            word = "provider_unavailable"
            return (_failed(response_id, model, "server_error", _MESSAGE, word), DONE_FRAME)


def _failed(response_id: str, model: str, code: str, message: str, error_type: str) -> Frame:
    shell = response_shell(response_id, model, status="failed")
    error: Json = {"code": code, "message": message}
    return _end(
        type="response.failed", response={**shell, "error": error, "error_type": error_type}
    )


def _end(**fields: Json) -> Frame:
    # Wire fact: some error events do not follow the numbering of the others.
    return event_frame(FrameKind.END, {**fields, "sequence_number": 1_000_000})


def _chat_error(code: int, message: str, error_type: str) -> dict[str, Json]:
    return {"code": code, "message": message, "metadata": {"error_type": error_type}}


def _chat_frames(fault: ProviderFault, shell: dict[str, Json]) -> tuple[Frame, ...]:
    silent = {"role": "assistant", "content": ""}
    failed = chunk(shell, silent, "error")
    match fault:
        case ProviderFault.CHAT_ERROR_EMPTY_CHOICES:
            error = _chat_error(502, _MESSAGE, "provider_unavailable")
            return (_chat_end({**shell, "choices": [], "error": error}), DONE_FRAME)
        case ProviderFault.CHAT_ERROR_BARE:
            return (_chat_end({"error": {"code": 502, "message": _MESSAGE}}),)
        case ProviderFault.CHAT_FINISH_ERROR:
            native = "MALFORMED_FUNCTION_CALL"
            return (_chat_end(chunk(shell, silent, "error", native)), DONE_FRAME)
        case ProviderFault.CHAT_ERROR_AFTER_LENGTH:
            error = {"code": 400, "message": "Token limit reached"}
            usage: Json = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}
            return (
                _chat_end(chunk(shell, silent, "length", "length")),
                _chat_end({**chunk(shell, silent), "error": error, "usage": usage}),
                DONE_FRAME,
            )
        case ProviderFault.FAILED_BEFORE_OUTPUT:
            error = _chat_error(429, _RATE_LIMIT_MESSAGE, "rate_limit_exceeded")
            return (_chat_end({**failed, "error": error}), DONE_FRAME)
        case ProviderFault.FAILED_FOR_GOOD_BEFORE_OUTPUT:
            error = _chat_error(400, _PROMPT_MESSAGE, "invalid_prompt")
            return (_chat_end({**failed, "error": error}), DONE_FRAME)
        case _:
            error = _chat_error(502, _MESSAGE, "provider_unavailable")
            return (_chat_end({**failed, "error": error}),)


def _chat_end(event: dict[str, Json]) -> Frame:
    return event_frame(FrameKind.END, event)
