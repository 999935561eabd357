"""Every fault by name, seen on a raw socket."""

from __future__ import annotations

import asyncio
import re

import pytest

from bridge.standin import Moment, ProviderFault, StandIn
from tests.integration.standin_wire import Seen, ask, chat_body, responses_body

F = ProviderFault

ENDINGS = {
    F.CONNECT_RESET: "reset",
    F.CLOSE_BEFORE_HEADERS: "closed",
    F.HALF_HEADERS: "closed",
    F.GARBAGE_STATUS_LINE: "closed",
    F.HALF_OPEN: "silent",
    F.HALF_OPEN_AFTER_HEADERS: "silent",
    F.KEEP_ALIVES_ONLY: "silent",
    F.CUT_BEFORE_OUTPUT: "closed",
    F.RESET_BEFORE_OUTPUT: "reset",
    F.CUT_MID_FRAME: "closed",
    F.CUT_BETWEEN_FRAMES: "closed",
    F.CUT_MID_CHUNK_HEADER: "closed",
    F.CUT_MID_CODE_POINT: "closed",
    F.RESET_MID_STREAM: "reset",
    F.HALF_OPEN_MID_STREAM: "silent",
    F.OPEN_AFTER_DONE: "silent",
    F.CUT_AFTER_COMPLETION: "closed",
}
# The others keep the connection in order: they play with what is inside the body.

PATHS = {"responses": "/responses", "chat": "/chat/completions"}
SPEAKERS = pytest.mark.parametrize("endpoint", PATHS)
VISIBLE = re.compile(rb'output_text\.delta|"content":\s?"[^"]')
TERMINAL = re.compile(rb'"type":\s?"response\.(completed|failed)"|"finish_reason":\s?"')


def see(fault: ProviderFault, endpoint: str, *, stream: bool = True) -> Seen:
    async def scenario() -> Seen:
        async with await StandIn.start() as standin:
            body = responses_body() if endpoint == "responses" else chat_body()
            # Silence shows only by waiting; everything else ends long before.
            patience_s = 0.15 if ENDINGS.get(fault) == "silent" else 5.0
            path = f"/s/fault={fault.value},wait_ms=30/api/v1{PATHS[endpoint]}"
            return await ask(standin, path, {**body, "stream": stream}, patience_s=patience_s)

    return asyncio.run(scenario())


@SPEAKERS
@pytest.mark.parametrize("fault", [f for f in F if f.value.startswith("status-")])
def test_a_status_is_what_its_name_says(fault: ProviderFault, endpoint: str) -> None:
    seen = see(fault, endpoint)
    assert seen.status == int(fault.value.split("-")[1])
    assert b'"error"' in seen.body
    assert (b"retry-after" in seen.head) == ("retry-after" in fault.value or fault in WITH_RETRY)


WITH_RETRY = (F.STATUS_503, F.STATUS_402_IN_FLIGHT)


@SPEAKERS
@pytest.mark.parametrize("fault", F)
def test_a_connection_ends_as_its_fault_says(fault: ProviderFault, endpoint: str) -> None:
    assert see(fault, endpoint).ending == ENDINGS.get(fault, "ended")


@SPEAKERS
@pytest.mark.parametrize("fault", F)
def test_a_plain_answer_suffers_the_same_faults(fault: ProviderFault, endpoint: str) -> None:
    seen = see(fault, endpoint, stream=False)
    only_in_streams = (
        F.KEEP_ALIVES_ONLY,
        F.OPEN_AFTER_DONE,
        F.CUT_AFTER_COMPLETION,
    )
    assert seen.ending == ("ended" if fault in only_in_streams else ENDINGS.get(fault, "ended"))


@SPEAKERS
@pytest.mark.parametrize("fault", [f for f in F if f.moment is Moment.AFTER_OUTPUT])
def test_a_fault_after_output_comes_after_output(fault: ProviderFault, endpoint: str) -> None:
    body = see(fault, endpoint).raw
    assert len(VISIBLE.findall(body)) >= 3


SLOW = (F.SLOW_HEADERS, F.SLOW_FIRST_TOKEN, F.WRONG_CONTENT_TYPE)


@SPEAKERS
@pytest.mark.parametrize(
    "fault", [f for f in F if f.moment is Moment.BEFORE_OUTPUT and f not in SLOW]
)
def test_a_fault_before_output_shows_no_output(fault: ProviderFault, endpoint: str) -> None:
    assert not VISIBLE.search(see(fault, endpoint).raw)


@SPEAKERS
@pytest.mark.parametrize("fault", [*[f for f in F if f.leaves_answer_whole], *SLOW])
def test_a_harmless_fault_leaves_the_answer_whole(fault: ProviderFault, endpoint: str) -> None:
    body = see(fault, endpoint).body
    assert VISIBLE.search(body)
    assert TERMINAL.search(body)


@SPEAKERS
@pytest.mark.parametrize(
    "fault",
    [
        F.CUT_MID_FRAME,
        F.CUT_BETWEEN_FRAMES,
        F.CLEAN_END_WITHOUT_COMPLETION,
        F.DONE_WITHOUT_COMPLETION,
        F.HALF_OPEN_MID_STREAM,
        F.RESET_MID_STREAM,
    ],
)
def test_a_broken_stream_has_no_terminal_event(fault: ProviderFault, endpoint: str) -> None:
    assert not TERMINAL.search(see(fault, endpoint).raw)


@pytest.mark.parametrize(
    ("fault", "endpoint", "expected"),
    [
        (F.RESPONSE_FAILED, "responses", rb'"error_type":"provider_unavailable"'),
        (F.FAILED_BEFORE_OUTPUT, "responses", rb'"error_type":"rate_limit_exceeded"'),
        (F.FAILED_FOR_GOOD_BEFORE_OUTPUT, "responses", rb'"error_type":"invalid_prompt"'),
        (F.ERROR_FLAT, "responses", rb'{"type":"error","code":"server_error","message":'),
        (F.ERROR_NESTED, "responses", rb'{"type":"error","error":{'),
        (F.RESPONSE_ERROR, "responses", rb'{"type":"response.error","error":{'),
        (F.CHAT_ERROR_TYPED, "chat", rb'"finish_reason":"error".*"error":{"code":502'),
        (F.CHAT_ERROR_EMPTY_CHOICES, "chat", rb'"choices":\[\],"error":{'),
        (F.CHAT_ERROR_BARE, "chat", rb'data: {"error":{'),
        (F.CHAT_FINISH_ERROR, "chat", rb'"native_finish_reason":"MALFORMED_FUNCTION_CALL"'),
        (F.CHAT_ERROR_AFTER_LENGTH, "chat", rb'"finish_reason":"length"[^}]*}\]}'),
        (F.EMPTY_200, "responses", rb"^$"),
        (F.HTML_ERROR_BODY, "chat", rb"<!DOCTYPE html>"),
        (F.EMPTY_ERROR_BODY, "chat", rb"^$"),
        (F.ERROR_ONLY_200, "chat", rb'^{"choices":\[\],"error":'),
        (F.COMMENT_FLOOD, "responses", rb"^(:\n\n){500}"),
        (F.COMMENT_FLOOD, "chat", rb"^(: OPENROUTER PROCESSING\n\n){500}"),
        (F.KEEP_ALIVES_ONLY, "responses", rb"^(:\n\n)+$"),
        (F.DOUBLE_DONE, "chat", rb"data: \[DONE\]\n\ndata: \[DONE\]\n\n$"),
        (F.DATA_AFTER_DONE, "responses", rb"\[DONE\]\n\ndata: .*delta"),
        (F.GARBAGE_BEFORE_TEXT, "chat", rb"^data: [^}]*\n\n: OPENROUTER"),
        (F.INVALID_UTF8, "responses", rb"\xff\xfe"),
        (F.CRLF, "chat", rb"data: \[DONE\]\r\n\r\n$"),
        (F.CR_ONLY, "chat", rb"data: \[DONE\]\r\r$"),
        (F.BOM, "responses", rb"^\xef\xbb\xbf:"),
        (F.NO_SPACE_AFTER_COLON, "responses", rb'\ndata:{"type"'),
        (F.MULTI_LINE_DATA, "responses", rb'data: {\ndata:  "type"'),
        (F.EXTRA_FIELDS, "chat", rb"id: 7\nretry: 3000\nevent: message\ndata: {"),
        (F.UNTERMINATED_LAST_EVENT, "responses", rb"}$"),
        (F.CUT_MID_CODE_POINT, "responses", rb"[\xc2-\xf4]$"),
        (F.GARBAGE_STATUS_LINE, "chat", rb"^$"),
    ],
)
def test_a_fault_looks_as_described(fault: ProviderFault, endpoint: str, expected: bytes) -> None:
    assert re.search(expected, see(fault, endpoint).body, re.DOTALL)


def test_every_byte_can_come_in_a_chunk_of_its_own() -> None:
    assert {len(chunk) for chunk in see(F.SPLIT_EVERYWHERE, "responses").chunks} == {1}


def test_characters_are_split_between_chunks() -> None:
    torn = [
        chunk
        for chunk in see(F.SPLIT_CODE_POINT, "chat").chunks
        if chunk.decode(errors="ignore").encode() != chunk
    ]
    assert len(torn) > 20


def test_usage_can_be_missing() -> None:
    for endpoint in PATHS:
        body = see(F.USAGE_MISSING, endpoint).body
        assert b"input_tokens" not in body
        assert b"prompt_tokens" not in body


def test_a_giant_event_is_half_a_megabyte() -> None:
    assert max(map(len, see(F.GIANT_FRAME, "responses").body.split(b"\n\n"))) > 500_000


def test_a_redirect_points_at_itself() -> None:
    seen = see(F.REDIRECT_LOOP, "responses")
    assert seen.status == 307
    assert b"location: /s/fault=redirect-loop,wait_ms=30/api/v1/responses" in seen.head


def test_retry_after_has_its_forms() -> None:
    assert b"retry-after: 1000000000" in see(F.STATUS_429_RETRY_AFTER_ABSURD, "chat").head
    assert b"retry-after: 0" in see(F.STATUS_429_RETRY_AFTER_SECONDS, "chat").head
    assert re.search(
        rb"retry-after: \w{3}, \d\d \w{3} \d{4} .* GMT",
        see(F.STATUS_429_RETRY_AFTER_DATE, "chat").head,
    )
