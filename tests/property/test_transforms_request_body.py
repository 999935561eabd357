from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from actors.values import ImagePart, OpaquePart, TextPart
from bridge.transforms.json_text import json_text
from bridge.transforms.model_ids import listed_id
from bridge.transforms.request_body import CONTROL_KEYS, RequestInvalid, chat_request, read_body
from bridge.transforms.text import whole

TEXTS = st.text(alphabet=st.characters(exclude_categories=()))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
# Nearly right bodies: the known keys, with anything below them.
BLOCKS = JSON | st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "image_url", "input_image", "x"]) | JSON},
    optional={"text": JSON, "image_url": JSON | st.fixed_dictionaries({"url": JSON})},
)
MESSAGES = JSON | st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "system", "tool"]) | JSON},
    optional={"content": st.lists(BLOCKS, max_size=3) | BLOCKS, "tool_calls": JSON},
)
BODIES = JSON | st.fixed_dictionaries(
    {"model": st.just("room.a.b") | JSON, "messages": st.lists(MESSAGES, max_size=3) | JSON},
    optional={"temperature": JSON, "user": JSON},
)
IDS = {"a.b": "a/b"}


@given(body=BODIES)
def test_any_body_is_either_read_or_refused(body: object) -> None:
    try:
        made = read_body(body, request_id="r", function_id="room", model_ids=IDS)
    except RequestInvalid as error:
        f"{error} {error.got}".encode()
        return
    assert made.request.items
    for part in (part for turn in made.request.items for part in turn.parts):
        match part:
            case TextPart(text=text):
                assert text.encode()
            case ImagePart(url=url):
                assert url.encode()
            case OpaquePart(json=text):
                json.loads(text.encode())
    for parameter in made.request.parameters:
        assert json.loads(parameter.json.encode()) is not None
        assert parameter.name not in CONTROL_KEYS


@given(words=st.lists(TEXTS.filter(bool), min_size=1))
def test_what_people_wrote_arrives_word_for_word(words: list[str]) -> None:
    messages = [{"role": "user", "content": text} for text in words]
    body = {"model": "room.a.b", "messages": messages}
    request = chat_request(body, request_id="r", function_id="room", model_ids=IDS)
    assert [turn.parts for turn in request.items] == [(TextPart(text=whole(t)),) for t in words]


@given(exact=st.text(min_size=1).filter(lambda text: text.strip() == text))
def test_a_listed_model_is_mapped_back_to_its_exact_id(exact: str) -> None:
    body = {
        "model": f"room.{listed_id(exact)}",
        "messages": [{"role": "user", "content": "hi"}],
    }
    ids = {listed_id(exact): exact}
    request = chat_request(body, request_id="r", function_id="room", model_ids=ids)
    assert request.model == exact


@given(value=JSON)
def test_json_survives_unless_it_holds_half_a_character(value: object) -> None:
    text = json_text(value)
    text.encode()
    if not any("\ud800" <= char <= "\udfff" for char in json.dumps(value, ensure_ascii=False)):
        assert json.loads(text) == value


@given(text=TEXTS)
def test_whole_text_is_whole_and_stays_so(text: str) -> None:
    once = whole(text)
    once.encode()
    assert whole(once) == once
    assert len(once) <= len(text)
    if "\ufffd" not in once:
        assert once.encode("utf-16", "surrogatepass") == text.encode("utf-16", "surrogatepass")
