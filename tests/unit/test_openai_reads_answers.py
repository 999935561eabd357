"""A program that talks to a model through Open WebUI reads every chunk by OpenAI's own types."""

from __future__ import annotations

import json
from typing import cast

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from actors.ports import Completed
from actors.values import (
    Annotated,
    ImageMade,
    Notice,
    Noticed,
    SearchAdvanced,
    Shown,
    Source,
    ToolCallBegan,
    ToolResult,
    ToolsHandedOver,
    Usage,
)
from bridge.owui.show_looks import PLAIN
from bridge.transforms.chat_chunks import (
    ChunkWriter,
    FinishReason,
    completion_dict,
    finish_reason,
    usage_dict,
)
from bridge.transforms.tool_calls import call_dicts
from tests.unit.chat_stage import text
from tests.unit.simloop_sink import call, ended, seen, started, thought

USAGE = Usage(input_tokens=1, output_tokens=2, reasoning_tokens=1, cached_tokens=1, cost_usd=0.1)
CALL = call(arguments='{"at":"noon"}')
SHOWN: tuple[Shown, ...] = (
    thought("hm"),
    text("Hi"),
    SearchAdvanced(output_index=0, queries=("cats",)),
    Annotated(output_index=0, url="https://a.example"),
    ToolCallBegan(output_index=1, name="clock"),
    started(),
    ended(result=ToolResult(output="noon", sources=(Source(name="n"),))),
    ImageMade(output_index=2, url="https://a.example/x.png"),
    ImageMade(output_index=2, url="data:image/png;base64,AAAA"),
    Noticed(notice=Notice.ENDPOINT_CHANGED),
    Noticed(notice=Notice.CALL_CUT_OFF),
    ToolsHandedOver(calls=(CALL,)),
)


@pytest.mark.parametrize("gap_s", [0.0, 2.0])
def test_every_chunk_of_a_plain_stream_is_a_chunk_to_openai(gap_s: float) -> None:
    """SPEC 84, 86: no side event gets between them, and nothing is said while somebody waits."""
    writer = ChunkWriter(model="m", completion_id="c", created_s=1)
    lines = [
        *seen(*([event] for event in SHOWN), looks=PLAIN, gap_s=gap_s, ending=Completed()).lines,
        writer.finish(finish_reason(None, has_calls=True)),
        writer.usage(USAGE, rounds=2, tool_calls=1),
    ]
    chunks = [ChatCompletionChunk.model_validate(json.loads(line[6:])) for line in lines]
    assert [len(chunk.choices) for chunk in chunks] == [1] * (len(chunks) - 1) + [0]
    content = "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1])
    assert content.startswith("Hi")
    (told,) = [calls for chunk in chunks[:-1] if (calls := chunk.choices[0].delta.tool_calls)]
    function = told[0].function
    assert function is not None
    assert (told[0].index, told[0].id, told[0].type) == (0, "c1", "function")
    assert (function.name, function.arguments) == ("clock", '{"at":"noon"}')
    assert chunks[-2].choices[0].finish_reason == "tool_calls"
    usage = chunks[-1].usage
    assert usage is not None
    assert usage.completion_tokens == 2


def test_a_whole_answer_is_a_completion_to_openai() -> None:
    """SPEC 25, 78."""
    answer = completion_dict(
        model="m",
        completion_id="c",
        created_s=1,
        content="",
        reason=FinishReason.TOOL_CALLS,
        usage=usage_dict(USAGE, rounds=1, tool_calls=0),
        tool_calls=call_dicts([CALL], str),
    )
    completion = ChatCompletion.model_validate(cast("dict[str, object]", answer))
    (told,) = completion.choices[0].message.tool_calls or []
    assert told.type == "function"
    assert told.function.arguments == '{"at":"noon"}'
    assert completion.choices[0].finish_reason == "tool_calls"
