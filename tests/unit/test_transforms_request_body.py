from __future__ import annotations

import json

import pytest

from actors.values import (
    ChatRequest,
    ImagePart,
    Model,
    OpaquePart,
    Parameter,
    Role,
    TextPart,
    ToolOutput,
    Turn,
    WireFormat,
)
from bridge.transforms.model_ids import listed_id
from bridge.transforms.policy import Caller, RequestPolicy
from bridge.transforms.request_body import (
    ReadBody,
    RequestFault,
    RequestInvalid,
    chat_request,
    read_body,
)

IDS = {"openai.gpt-4o": "openai/gpt-4o", "a.b:free": "a/b:free"}
HELLO = {"role": "user", "content": "hello"}


def read(**body: object) -> ReadBody:
    whole_body = {"model": "room.openai.gpt-4o", "messages": [HELLO], **body}
    return read_body(whole_body, request_id="r1", function_id="room", model_ids=IDS)


def parts_of(content: object) -> tuple[object, ...]:
    return read(messages=[{"role": "user", "content": content}]).request.items[0].parts


def refusal(body: object) -> RequestInvalid:
    with pytest.raises(RequestInvalid) as caught:
        chat_request(body, request_id="r1", function_id="room", model_ids=IDS)
    return caught.value


def test_a_plain_question_becomes_a_request() -> None:
    body = {"model": "room.openai.gpt-4o", "stream": True, "messages": [HELLO], "temperature": 0.5}
    assert chat_request(body, request_id="r1", function_id="room", model_ids=IDS) == ChatRequest(
        request_id="r1",
        model="openai/gpt-4o",
        items=(Turn(role=Role.USER, parts=(TextPart(text="hello"),)),),
        parameters=(Parameter(name="temperature", json="0.5"),),
    )


@pytest.mark.parametrize(
    ("asked", "exact"),
    [
        ("room.a.b:free", "a/b:free"),
        ("a.b:free", "a/b:free"),
        ("a/b:free", "a/b:free"),
        (" room.openai/gpt-4o ", "openai/gpt-4o"),
    ],
)
def test_a_model_is_found_by_its_listed_and_its_exact_id(asked: str, exact: str) -> None:
    assert read(model=asked).request.model == exact


def test_a_maker_may_bear_the_name_of_the_function() -> None:
    for asked in ("openai.gpt-4o", "openai.openai.gpt-4o"):
        body = {"model": asked, "messages": [HELLO]}
        request = chat_request(body, request_id="r", function_id="openai", model_ids=IDS)
        assert request.model == "openai/gpt-4o"


def test_an_unknown_model_is_refused_by_name() -> None:
    error = refusal({"model": "room.no.such", "messages": [HELLO]})
    assert (error.fault, error.where) == (RequestFault.MODEL_UNKNOWN, "model")
    assert error.got == "room.no.such"


@pytest.mark.parametrize("model", [None, "", "  ", 7, ["a"], {}])
def test_a_request_without_a_model_is_refused(model: object) -> None:
    assert refusal({"model": model, "messages": [HELLO]}).fault is RequestFault.MODEL_MISSING


@pytest.mark.parametrize("body", [None, "body", 7, [], object()])
def test_a_body_that_is_no_mapping_counts_as_empty(body: object) -> None:
    assert refusal(body).fault is RequestFault.MODEL_MISSING


@pytest.mark.parametrize(
    "messages",
    [
        None,
        "hello",
        7,
        {},
        [],
        ["hello"],
        [{"content": "hello"}],
        [{"role": "tool"}],
        [HELLO, 1][1:],
    ],
)
def test_a_request_without_a_message_is_refused(messages: object) -> None:
    error = refusal({"model": "room.openai.gpt-4o", "messages": messages})
    assert error.fault is RequestFault.MESSAGES_MISSING


def test_a_refusal_repeats_no_word_of_a_person() -> None:
    messages = [{"role": "nobody", "content": "my secret"}]
    error = refusal({"model": "room.openai.gpt-4o", "messages": messages})
    assert "secret" not in f"{error} {error!r} {error.got}"


def test_messages_keep_their_order_roles_and_words() -> None:
    roles = ["system", "developer", "user", "assistant", "user"]
    made = read(messages=[{"role": role, "content": f" {role}\n"} for role in roles])
    assert [turn.role.value for turn in made.request.items] == roles
    assert [turn.parts for turn in made.request.items] == [
        (TextPart(text=f" {role}\n"),) for role in roles
    ]


def test_messages_that_cannot_be_sent_are_dropped_and_counted() -> None:
    dropped: list[object] = [
        {"content": "no role"},
        {"role": "function", "content": "result", "name": "f"},
        {"role": ["user"], "content": "odd"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "c1"}]},
        {"role": "assistant", "content": ""},
        "text",
        None,
    ]
    made = read(messages=[*dropped, HELLO])
    assert made.messages_dropped == len(dropped)
    assert len(made.request.items) == 1


def test_an_assistant_that_called_tools_keeps_its_words() -> None:
    message = {"role": "assistant", "content": "let me see", "tool_calls": [{"id": "c1"}]}
    (turn,) = read(messages=[message]).request.items
    assert turn == Turn(role=Role.ASSISTANT, parts=(TextPart(text="let me see"),))


@pytest.mark.parametrize("kind", ["text", "input_text", "output_text"])
def test_a_text_block_is_text(kind: str) -> None:
    assert parts_of([{"type": kind, "text": "hi"}]) == (TextPart(text="hi"),)


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA", "detail": "low"}},
        {"type": "image_url", "image_url": "data:image/png;base64,AA", "detail": "low"},
        {"type": "input_image", "image_url": "data:image/png;base64,AA", "detail": "low"},
    ],
)
def test_an_image_is_read_in_every_spelling(block: object) -> None:
    assert parts_of([block]) == (ImagePart(url="data:image/png;base64,AA", detail="low"),)


@pytest.mark.parametrize("detail", [None, "enormous", 7, ["low"]])
def test_an_image_without_a_known_detail_is_sent_as_auto(detail: object) -> None:
    block = {"type": "image_url", "image_url": {"url": "https://a.example/x.png", "detail": detail}}
    assert parts_of([block]) == (ImagePart(url="https://a.example/x.png", detail="auto"),)


@pytest.mark.parametrize(
    "block",
    [
        {"type": "file", "file": {"filename": "ä.pdf", "file_data": "data:,x"}},
        {"type": "text", "text": 7},
        {"type": ["text"], "text": "x"},
        {"type": "image_url", "image_url": {"url": ""}},
        {"type": "image_url"},
        {"no": "type"},
        [1, 2],
        7,
    ],
)
def test_an_unknown_block_is_passed_on_unchanged_and_counted(block: object) -> None:
    made = read(messages=[{"role": "user", "content": ["look:", block]}])
    text, opaque = made.request.items[0].parts
    assert text == TextPart(text="look:")
    assert isinstance(opaque, OpaquePart)
    assert json.loads(opaque.json) == block
    assert made.blocks_opaque == 1


def test_a_block_alone_stands_for_a_list_of_one() -> None:
    assert parts_of({"type": "text", "text": "hi"}) == (TextPart(text="hi"),)


def test_parameters_are_all_other_keys_in_their_order() -> None:
    made = read(top_p=1, stop=["a"], reasoning={"effort": "low"}, custom="x")
    assert [(p.name, p.json) for p in made.request.parameters] == [
        ("top_p", "1"),
        ("stop", '["a"]'),
        ("reasoning", '{"effort":"low"}'),
        ("custom", '"x"'),
    ]


def test_keys_that_are_not_for_the_model_stay_behind() -> None:
    names = (
        "stream stream_options metadata user session_id chat_id id tools tool_ids files "
        "features n store functions suffix truncation openrouter_pipe"
    )
    control = dict.fromkeys(names.split(), 1)
    assert read(**control).request.parameters == ()


@pytest.mark.parametrize("value", [None, float("nan"), object()])
def test_a_value_that_json_cannot_express_was_not_set(value: object) -> None:
    assert read(temperature=value).request.parameters == ()


def test_lone_surrogates_never_reach_the_provider() -> None:
    made = read(
        messages=[{"role": "user", "content": ["\ud83d\ude00 \ud83d", {"x": "\ude00"}]}],
        stop="\ud83d",
    )
    text, opaque = made.request.items[0].parts
    assert text == TextPart(text="\U0001f600 \ufffd")
    assert opaque == OpaquePart(json='{"x":"\ufffd"}')
    assert made.request.parameters == (Parameter(name="stop", json='"\ufffd"'),)


def test_a_block_that_holds_itself_is_left_out() -> None:
    endless: list[object] = []
    endless.append(endless)
    assert parts_of(["hi", {"type": "x", "y": endless}]) == (TextPart(text="hi"),)


def test_what_is_said_about_calling_tools_is_for_the_model() -> None:
    """SPEC 106."""
    made = read(function_call={"name": "f"}, parallel_tool_calls=False)
    assert {p.name: json.loads(p.json) for p in made.request.parameters} == {
        "parallel_tool_calls": False,
        "tool_choice": {"type": "function", "function": {"name": "f"}},
    }
    made = read(function_call="none", tool_choice="auto")
    assert made.request.parameters == (Parameter(name="tool_choice", json='"auto"'),)


LONG = "x" * 1000


def history(turns: int) -> list[object]:
    call = {"id": "c", "function": {"name": "f"}}
    picture = {"type": "image_url", "image_url": {"url": "https://a.example/x.png"}}
    return [
        message
        for at in range(turns)
        for message in (
            {"role": "user", "content": [f"question {at}", picture]},
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c", "content": LONG},
            {"role": "assistant", "content": "so"},
        )
    ]


def ruled(policy: RequestPolicy | None, model: Model, turns: int = 3, **body: object) -> ReadBody:
    return read_body(
        {"model": model.id, "messages": history(turns), **body},
        request_id="r1",
        function_id="room",
        model_ids={listed_id(model.id): model.id},
        models={model.id: model},
        policy=policy,
    )


def test_without_settings_everything_goes_as_it_came() -> None:
    made = ruled(None, Model(id="a/b", name="x", parameters=("reasoning",)), turns=30)
    images = [p for t in made.request.items if isinstance(t, Turn) for p in t.parts]
    assert sum(isinstance(part, ImagePart) for part in images) == 30
    assert all(o.output == LONG for o in made.request.items if isinstance(o, ToolOutput))
    assert (made.request.parameters, made.request.wire) == ((), WireFormat.RESPONSES)
    assert (made.request.cache_ttl, made.request.headers) == (None, ())


def test_settings_shape_all_of_a_request() -> None:
    model = Model(
        id="anthropic/claude-x",
        name="x",
        input_modalities=("text",),
        parameters=("reasoning",),
        output_tokens_max=99,
    )
    policy = RequestPolicy(force_chat="anthropic.*", output_turns_kept=1, uses_output_max=True)
    made = ruled(policy, model, temperature=1)
    assert made.request.wire is WireFormat.CHAT
    assert made.request.cache_ttl == "5m"
    assert dict(made.request.headers) == {"x-anthropic-beta": "interleaved-thinking-2025-05-14"}
    assert [p.name for p in made.request.parameters] == [
        "temperature",
        "reasoning",
        "plugins",
        "max_output_tokens",
    ]
    assert made.images_unseen == 1
    outputs = [o.output == LONG for o in made.request.items if isinstance(o, ToolOutput)]
    assert outputs == [False, False, True]


def test_images_over_the_limit_are_counted() -> None:
    seeing = Model(id="a/b", name="x", input_modalities=("image", "text"))
    assert ruled(RequestPolicy(images_max=0), seeing).images_surplus == 1
    assert ruled(RequestPolicy(images_max=None), seeing).images_surplus == 0


def test_a_search_that_custom_parameters_forbid_is_not_made() -> None:
    """SPEC 113."""
    searching = Model(id="a/b", name="x", parameters=("web_search_options",))
    for flag, plugins in ((True, 0), (False, 1)):
        request = chat_request(
            {"model": "a/b", "messages": [HELLO], "disable_native_websearch": flag},
            request_id="r",
            function_id="room",
            model_ids={"a.b": "a/b"},
            models={"a/b": searching},
            policy=RequestPolicy(trims_context=False),
            caller=Caller(searches_web=True),
        )
        assert sum(p.name == "plugins" for p in request.parameters) == plugins
