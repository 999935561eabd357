"""What an answer holds beside its words and its calls, each told once."""

import json
from base64 import b64encode

import pytest

from actors.values import (
    Annotated,
    ImageMade,
    MessagePhased,
    Reasoning,
    ReasoningMade,
    SearchAction,
    SearchAdvanced,
    StreamEvent,
    WireFormat,
)
from tests.unit.responses_script import (
    before_the_end,
    completed,
    decoded,
    event,
    item_added,
    item_done,
    message,
    sse,
    text_delta,
)

THOUGHT = (
    '{"type":"reasoning","id":"rs_tmp_1",  "summary":[],"encrypted_content":"gA==.e30","n":1.0}'
)
CITATION = {
    "type": "url_citation",
    "url": "https://a.test/x",
    "title": "A page",
    "content": "Its words",
    "start_index": 1,
    "end_index": 5,
}


def of_kind(kind: type[StreamEvent], events: list[StreamEvent]) -> list[StreamEvent]:
    return [each for each in events if isinstance(each, kind)]


def noted(**fields: object) -> dict[str, object]:
    return event("response.output_text.annotation.added", output_index=0, content_index=0, **fields)


def message_with(*annotations: object) -> dict[str, object]:
    part = {"type": "output_text", "text": "A", "annotations": annotations}
    return {"type": "message", "content": [part]}


# --- thinking ---------------------------------------------------------------------------------


def made(output: int = 0) -> ReasoningMade:
    reasoning = Reasoning(wire=WireFormat.RESPONSES, json=THOUGHT)
    return ReasoningMade(output_index=output, reasoning=reasoning)


def test_a_finished_item_of_thinking_is_kept_byte_for_byte() -> None:
    added = sse(item_added({"type": "reasoning", "id": "rs_tmp_0", "summary": []}))
    done = b'data: {"type":"response.output_item.done","output_index":0,"item":%s}\n\n'
    assert decoded(added, done % THOUGHT.encode()) == [made()]


def test_an_item_of_thinking_that_only_the_terminal_output_has_is_told_from_there() -> None:
    ending = b'data: {"type":"response.completed","response":{"output":[%s]}}\n\n'
    assert decoded(ending % THOUGHT.encode())[:-1] == [made()]


def test_thinking_is_told_once_though_its_id_changes() -> None:
    done = b'data: {"type":"response.output_item.done","output_index":0,"item":%s}\n\n'
    other = json.loads(THOUGHT) | {"id": "rs_tmp_2"}
    assert decoded(done % THOUGHT.encode(), sse(completed(other)))[:-1] == [made()]


def test_thinking_that_has_only_begun_is_not_told() -> None:
    assert before_the_end(item_added({"type": "reasoning", "id": "rs_1"})) == []


def test_thinking_stays_out_of_the_representation() -> None:
    assert "gA==" not in repr(made())


# --- phases -----------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [item_added, item_done, completed])
def test_the_phase_of_a_message_is_told_once(step: object) -> None:
    assert callable(step)
    item = {**message(), "phase": "commentary"}
    told = decoded(sse(step(item), completed(item)))
    assert of_kind(MessagePhased, told) == [MessagePhased(output_index=0, phase="commentary")]


@pytest.mark.parametrize("phase", [None, "", 7])
def test_a_message_without_a_phase_has_none(phase: object) -> None:
    assert before_the_end(item_done({**message(), "phase": phase})) == []


# --- annotations ------------------------------------------------------------------------------


def test_an_annotation_is_told_with_what_it_cites_and_as_it_is_written() -> None:
    (told,) = before_the_end(noted(annotation=CITATION, annotation_index=0))
    assert isinstance(told, Annotated)
    assert (told.output_index, told.url, told.title) == (0, "https://a.test/x", "A page")
    assert (told.text, json.loads(told.json)) == ("Its words", CITATION)


@pytest.mark.parametrize("streamed", [True, False])
def test_an_annotation_is_told_once_wherever_it_stands(streamed: bool) -> None:
    item = message_with(CITATION)
    part_done = event(
        "response.content_part.done", output_index=0, content_index=0, part=item["content"][0]
    )
    statements = (part_done, item_done(item), completed(item))
    beginning = [text_delta("A"), *([noted(annotation=CITATION)] if streamed else [])]
    for first in range(3):
        told = decoded(sse(*beginning, *statements[first:]))
        assert len(of_kind(Annotated, told)) == 1


def test_two_places_of_one_page_are_two_annotations() -> None:
    again = {**CITATION, "start_index": 7}
    told = before_the_end(item_done(message_with(CITATION, again)))
    assert len(of_kind(Annotated, told)) == 2


def test_an_annotation_in_the_spelling_of_chat_is_understood() -> None:
    nested = {"type": "url_citation", "url_citation": {"url": "https://b.test", "title": "B"}}
    (told,) = before_the_end(noted(annotation=nested))
    assert isinstance(told, Annotated)
    assert (told.url, told.title) == ("https://b.test", "B")


def test_a_parsed_file_is_a_note_without_a_page_and_told_once() -> None:
    note = {"type": "file", "file": {"hash": "h1", "name": "a.pdf", "content": [{"type": "text"}]}}
    told = before_the_end(noted(annotation=note), item_done(message_with(note)))
    (annotation,) = of_kind(Annotated, told)
    assert isinstance(annotation, Annotated)
    assert (annotation.url, annotation.title) == ("", "a.pdf")
    assert json.loads(annotation.json) == note


@pytest.mark.parametrize("annotations", [None, {}, "x", [None, 7]])
def test_strange_annotations_cost_nothing_else(annotations: object) -> None:
    item = {"type": "message", "content": [{"type": "output_text", "text": "A"}]}
    item["content"][0]["annotations"] = annotations  # type: ignore[index]
    told = decoded(sse(item_done(item), completed(item)))
    assert [type(each).__name__ for each in told] == ["TextStated", "StreamEnded"]


# --- images -----------------------------------------------------------------------------------

PNG, JPEG = b"\x89PNG\r\n\x1a\n" + bytes(20), b"\xff\xd8\xff\xe0" + bytes(20)
GIF, WEBP = b"GIF89a" + bytes(20), b"RIFF\x01\x02\x03\x04WEBPVP8 " + bytes(20)
AVIF = bytes(4) + b"ftypavif" + bytes(20)


def base64(data: bytes) -> str:
    return b64encode(data).decode()


@pytest.mark.parametrize(
    ("result", "mime"),
    [
        (base64(PNG), "image/png"),
        (base64(JPEG), "image/jpeg"),
        (base64(GIF), "image/gif"),
        (base64(WEBP), "image/webp"),
        (base64(AVIF), "image/avif"),
        (base64(b"who knows what this is"), "image/png"),
        ("short", "image/png"),
        ("naïve", "image/png"),
    ],
)
def test_a_finished_image_becomes_a_data_url_of_its_kind(result: str, mime: str) -> None:
    item = {"type": "image_generation_call", "id": "ig_1", "result": result}
    assert decoded(sse(item_done(item, 2), completed(*[{"type": "x"}] * 2, item)))[:-1] == [
        ImageMade(output_index=2, url=f"data:{mime};base64,{result}", item_id="ig_1")
    ]


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({"result": "https://a.test/i.png", "imageB64": "AAAA"}, "https://a.test/i.png"),
        ({"result": "data:image/webp;base64,AA=="}, "data:image/webp;base64,AA=="),
        ({"result": None, "imageUrl": "https://a.test/i.png"}, "https://a.test/i.png"),
        ({"imageB64": base64(GIF)}, f"data:image/gif;base64,{base64(GIF)}"),
    ],
)
def test_an_image_of_the_provider_s_own_tool_is_found_in_any_field(
    fields: dict[str, object], url: str
) -> None:
    item = {"type": "openrouter:image_generation", "id": "st_tmp_1", "status": "completed"}
    assert before_the_end(item_added(item), item_done({**item, **fields})) == [
        ImageMade(output_index=0, url=url, item_id="st_tmp_1")
    ]


@pytest.mark.parametrize("result", [None, "", 7])
def test_an_image_that_failed_is_not_told(result: object) -> None:
    item = {"type": "image_generation_call", "status": "failed", "result": result}
    assert before_the_end(item_done(item)) == []


def test_an_image_that_is_being_painted_is_not_told() -> None:
    partial = event(
        "response.image_generation_call.partial_image", output_index=0, partial_image_b64="AAAA"
    )
    item = {"type": "image_generation_call", "status": "in_progress", "result": "AAAA"}
    assert before_the_end(item_added(item), partial) == []


# --- searches ---------------------------------------------------------------------------------


def search_event(step: str) -> dict[str, object]:
    return event(f"response.web_search_call.{step}", output_index=0, item_id="ws_1")


def search_item(**action: object) -> dict[str, object]:
    return {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": action}


def test_a_search_is_told_when_it_begins_and_when_it_is_over() -> None:
    item = search_item(
        type="search",
        query="greenroom",
        sources=[{"type": "url", "url": "https://a.test"}, {"type": "api", "name": "oai-x"}],
    )
    told = decoded(
        sse(
            item_added({"type": "web_search_call", "id": "ws_1", "status": "in_progress"}),
            search_event("in_progress"),
            search_event("searching"),
            search_event("completed"),
            item_done(item),
            completed(item),
        )
    )
    assert told[:-1] == [
        SearchAdvanced(output_index=0),
        SearchAdvanced(
            output_index=0, queries=("greenroom",), urls=("https://a.test",), is_done=True
        ),
    ]


@pytest.mark.parametrize(
    ("action", "told"),
    [
        (
            {"type": "search", "query": "a", "queries": ["a", "b"]},
            SearchAdvanced(output_index=0, queries=("a", "b"), is_done=True),
        ),
        (
            {"type": "open_page", "url": "https://a.test"},
            SearchAdvanced(
                output_index=0,
                action=SearchAction.OPEN_PAGE,
                urls=("https://a.test",),
                is_done=True,
            ),
        ),
        (
            {"type": "open_page", "url": None},
            SearchAdvanced(output_index=0, action=SearchAction.OPEN_PAGE, is_done=True),
        ),
        (
            {"type": "find_in_page", "url": "https://a.test", "pattern": "b"},
            SearchAdvanced(
                output_index=0,
                action=SearchAction.FIND_IN_PAGE,
                queries=("b",),
                urls=("https://a.test",),
                is_done=True,
            ),
        ),
        ({"type": "new", "sources": 7}, SearchAdvanced(output_index=0, is_done=True)),
    ],
)
@pytest.mark.parametrize("kind", ["web_search_call", "openrouter:web_search"])
def test_every_step_of_a_search_says_what_it_is_after(
    kind: str, action: dict[str, object], told: SearchAdvanced
) -> None:
    assert before_the_end(item_done({**search_item(**action), "type": kind})) == [told]


def test_a_search_whose_end_is_never_told_is_over_with_the_answer() -> None:
    assert before_the_end(search_event("searching"), search_event("completed")) == [
        SearchAdvanced(output_index=0),
        SearchAdvanced(output_index=0, is_done=True),
    ]
    broken = decoded(sse(search_event("searching"), event("error", message="Boom")))
    assert of_kind(SearchAdvanced, broken) == [SearchAdvanced(output_index=0)]
