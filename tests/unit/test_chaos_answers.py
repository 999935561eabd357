"""Scripted chats: what they say, how long they are, and which calls they end with."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from actors.call_book import open_book, startable, with_begun, with_output
from actors.conversation import Conversation, advance
from actors.ports import StreamDecoder
from actors.tool_plan import are_arguments_json
from actors.values import EndStatus, Shown, TextAdvanced, ToolCall, ToolOutput, WireFormat
from bridge.chaos.faults.answers import (
    CALLING,
    CALLING_SHAPES,
    Answer,
    Part,
    ScriptedCall,
    Shape,
    Wants,
    round_name,
    round_of_call,
)
from bridge.chaos.faults.reels import reel
from bridge.chaos.wires import CODECS
from bridge.standin.stage import Write

LAST = Answer(shape=Shape.PLAIN, words=1)


def calling(wants: Wants, shape: Shape = Shape.PLAIN) -> Answer:
    return Answer(shape=shape, words=2, wants=wants)


def body(answer: Answer, wire: WireFormat) -> bytes:
    """The whole body of an answer in its first round, undisturbed."""
    steps = reel(answer, None, wire=wire, after=1, name="v1r1", is_joined=True)
    return b"".join(step.data for step in steps if isinstance(step, Write))


def decoded(decoder: StreamDecoder, data: bytes) -> tuple[Conversation, Sequence[Shown]]:
    return advance(Conversation(), [*decoder.feed(data), *decoder.finish()])


def called(answer: Answer) -> list[ToolCall]:
    return [
        ToolCall(call_id=call.call_id, name=call.name, arguments=call.arguments)
        for call in answer.calls("v1r1")
    ]


@pytest.mark.parametrize("wire", CODECS)
@pytest.mark.parametrize("shape", CALLING_SHAPES)
@pytest.mark.parametrize("wants", CALLING)
def test_the_real_codec_reads_the_words_and_the_calls_of_an_answer(
    wants: Wants, shape: Shape, wire: WireFormat
) -> None:
    answer = calling(wants, shape)
    conversation, shown = decoded(CODECS[wire]().decoder(), body(answer, wire))
    assert [each.call for each in conversation.calls] == called(answer)
    content = "".join(event.text for event in shown if isinstance(event, TextAdvanced))
    assert content == answer.told("v1r1")[0]
    assert conversation.ended is not None
    status = EndStatus.INCOMPLETE if answer.is_cut_off else EndStatus.COMPLETED
    assert conversation.ended.status is status


def test_on_the_other_endpoint_calls_come_in_pieces_and_the_end_names_them() -> None:
    chunks = [
        msgspec.json.decode(line.removeprefix(b"data: "))
        for line in body(calling(Wants.ALIKE), WireFormat.CHAT).split(b"\n\n")
        if line.startswith(b"data: {")
    ]
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    pieces = [p for choice in choices for p in choice["delta"].get("tool_calls", ())]
    arguments = dict.fromkeys(range(3), "")
    for piece in pieces:
        arguments[piece["index"]] += piece["function"]["arguments"]
    assert list(arguments.values()) == [call.arguments for call in called(calling(Wants.ALIKE))]
    assert [p["id"] for p in pieces if "id" in p] == [f"call_v1r1_{n}" for n in range(3)]
    assert [choice["finish_reason"] for choice in choices[-2:]] == ["tool_calls"] * 2


@pytest.mark.parametrize("wants", Wants)
def test_what_a_script_says_of_its_calls_is_what_the_planner_makes_of_them(wants: Wants) -> None:
    scripted = calling(wants).calls("v1r1")
    book = open_book(called(calling(wants)), batch_max=9)
    while not book.is_over:
        ready = startable(book, parallel_max=9)
        over = {output.call_id for output in book.outputs}
        assert {call.call_id for _, call in ready} == {
            call.call_id
            for call in scripted
            if call.call_id not in over and _ids(scripted, call) <= over
        }
        for _, call in ready:
            book = with_begun(book, call.call_id)
        for _, call in ready:
            book = with_output(book, ToolOutput(call_id=call.call_id, output=""))
    for call, made in zip(scripted, called(calling(wants)), strict=True):
        assert call.is_whole is are_arguments_json(made)


def _ids(calls: tuple[ScriptedCall, ...], call: ScriptedCall) -> set[str]:
    return {calls[place].call_id for place in call.needs}


def rounds(*answers: Answer, requests_max: int = 9, runs_tools: bool = True) -> int:
    return Part(answers=answers).rounds(requests_max=requests_max, runs_tools=runs_tools)


def test_a_chat_ends_with_the_first_answer_that_is_not_gone_on_from() -> None:
    one = calling(Wants.ONE)
    assert rounds(LAST) == 1
    assert rounds(one, one, LAST) == 3
    assert rounds(one, one, LAST, requests_max=2) == 2
    assert rounds(one) == 9
    assert rounds(one, calling(Wants.CUT_OFF), LAST) == 2
    assert rounds(one, LAST, runs_tools=False) == 1


def test_what_is_told_is_the_row_of_all_rounds_each_with_its_name() -> None:
    part = Part(answers=(calling(Wants.ONE), LAST))
    content, reasoning = part.told("v7", 2)
    assert content == part.answer(1).told("v7r1")[0] + LAST.told("v7r2")[0]
    assert "v7r1" in content
    assert reasoning == ""


def test_a_call_names_its_round() -> None:
    [call] = calling(Wants.ONE).calls(round_name("v12", 3))
    assert round_of_call(call.call_id) == 3
    assert round_of_call("call_x") == 0
