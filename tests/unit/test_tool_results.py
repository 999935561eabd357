from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from pydantic import BaseModel

from bridge.owui.tools.offers import Offer, Origin
from bridge.owui.tools.results import FILES_MAX, OUTPUT_CHARS_MAX, Reading, read_result
from tests.fixtures.owui_tools import HTMLResponse

PNG = "data:image/png;base64,QUJD"
MCP_ERROR = {"content": [{"type": "text", "text": "no"}], "isError": True}


def read(raw: object, *, can_embed: bool = True, **about: Any) -> Reading:
    offer = Offer(origin=Origin.REGISTRY, name="look", **about)
    return read_result(raw, offer, can_embed=can_embed)


class Point(BaseModel):
    x: int


class Named:
    def __str__(self) -> str:
        return "named"


def circle() -> list[object]:
    around: list[object] = []
    around += [around, around]
    return around


@pytest.mark.parametrize(
    ("raw", "output"),
    [
        (None, ""),
        ("text", "text"),
        ("", ""),
        (3, "3"),
        (True, "True"),
        (float("nan"), "nan"),
        (date(2026, 1, 2), "2026-01-02"),
        ({"a": [1, None]}, '{"a":[1,null]}'),
        ([1, "ä"], '[1,"ä"]'),
        ((1, 2), "[1,2]"),
        (Named(), "named"),
        ([Named()], '["named"]'),
        (Point(x=1), '{"x":1}'),
        ({"p": Point(x=1)}, '{"p":{"x":1}}'),
        (b"abc", "[3 bytes]"),
        ({(1, 2): 3}, '{"(1, 2)":3}'),
        ("\ud83d", "\ufffd"),
        (["\ud83d"], '["\ufffd"]'),
    ],
)
def test_a_model_reads_text(raw: object, output: str) -> None:
    """SPEC 77."""
    assert read(raw).output == output


def test_a_result_that_holds_itself_is_read_all_the_same() -> None:
    assert "[...]" in read(circle()).output


def test_an_image_is_a_file_wherever_it_stands() -> None:
    reading = read(PNG)
    assert (reading.files, reading.output) == ((PNG,), "look: an image was read.")
    reading = read({"a": [PNG, "x"]})
    assert (reading.files, reading.output) == ((PNG,), '{"a":["[image]","x"]}')


def test_other_data_in_base64_is_not_read_aloud() -> None:
    assert read("data:application/pdf;base64," + "A" * 9_000).output.endswith("... [not shown]")


def test_text_that_only_begins_like_data_stays() -> None:
    assert read("data: see below").output == "data: see below"


def test_images_without_end_are_counted_and_left_out() -> None:
    reading = read([PNG] * (FILES_MAX + 2))
    assert len(reading.files) == FILES_MAX
    assert "2 images" in reading.output


def test_output_without_end_is_cut_and_says_so() -> None:
    output = read("x" * (OUTPUT_CHARS_MAX + 5)).output
    assert output.endswith("[cut: 5 more characters]")


def test_a_page_that_wants_to_be_embedded_is() -> None:
    reading = read(HTMLResponse("<p>"))
    assert reading.embeds == ("<p>",)
    assert "user can see it" in reading.output


def test_a_page_may_say_what_the_model_reads() -> None:
    assert read((HTMLResponse("<p>"), "a chart")).output == "a chart"


def test_a_page_with_an_error_says_so() -> None:
    assert "500" in read(HTMLResponse("<p>", status_code=500)).output


@pytest.mark.parametrize("can_embed", [True, False])
def test_a_page_that_is_not_embedded_is_read(can_embed: bool) -> None:
    page = HTMLResponse("<p>", inline=not can_embed)
    reading = read(page, can_embed=can_embed)
    assert (reading.output, reading.embeds) == ("<p>", ())


INLINE = {"Content-Disposition": "inline", "Content-Type": "text/html"}
ELSEWHERE = {"content-disposition": "inline", "location": "https://a.example/"}


@pytest.mark.parametrize(
    ("raw", "embeds", "output"),
    [
        (("<p>", INLINE), ("<p>",), "The result is embedded in the chat, and the user can see it."),
        ((("<p>", {"n": 1}), INLINE), ("<p>",), '{"n":1}'),
        (({"n": 1}, ELSEWHERE), ("https://a.example/",), None),
        (({"n": 1}, {"Content-Type": "text/html"}), (), '{"n":1}'),
        (({"n": 1}, None), (), '{"n":1}'),
        ((1, 2, 3), (), "[1,2,3]"),
    ],
)
def test_a_tool_server_answers_with_headers(
    raw: object, embeds: tuple[str, ...], output: str | None
) -> None:
    reading = read(raw, kind="external")
    assert reading.embeds == embeds
    assert output is None or reading.output == output


def test_a_list_of_two_is_a_pair_only_where_the_second_is_headers() -> None:
    server: dict[str, object] = {"url": "http://a"}
    assert read([{"a": 1}, {"b": 2}], server=server).output == '[{"a":1},{"b":2}]'
    assert read([{"a": 1}, {"Content-Type": "x"}], server=server).output == '{"a":1}'
    assert read([{"a": 1}, {"Content-Type": "x"}]).output == '[{"a":1},{"Content-Type":"x"}]'


def test_an_error_alone_is_a_failure_of_a_server_and_a_result_of_a_function() -> None:
    """A function may well return a table of errors; a server's caller says so when it failed."""
    assert read({"error": "no"}, kind="external").failure == "no"
    assert read({"error": "no"}, home="server:a").failure == "no"
    assert read({"error": "no"}).failure is None
    assert read({"error": "no", "data": 1}, kind="external").failure is None
    assert read({"error": None}, kind="external").failure is None


def test_an_mcp_answer_may_come_in_its_envelope_and_say_that_it_failed() -> None:
    assert read(MCP_ERROR, kind="mcp").failure == "no"
    assert read({**MCP_ERROR, "isError": False}, kind="mcp").output == "no"
    assert read({"content": [], "isError": True}, kind="mcp").failure == "it gave no reason"
    assert read(MCP_ERROR).failure is None


@pytest.mark.parametrize(
    ("block", "output"),
    [
        ({"type": "resource_link", "uri": "file:///a"}, "file:///a"),
        ({"type": "resource", "resource": {"uri": "u", "blob": "AA"}}, "u: binary"),
        ({"type": "resource", "resource": {"uri": "u"}}, "u"),
        ({"type": "resource", "resource": 3}, "resource"),
        ({"type": "new", "x": 1}, '"x":1'),
        ("plain", "plain"),
    ],
)
def test_blocks_of_every_kind_leave_a_word(block: object, output: str) -> None:
    assert output in read([block], kind="mcp").output


def test_an_image_in_a_resource_is_a_file() -> None:
    resource = {"uri": "u", "blob": "QUJD", "mimeType": "image/gif"}
    reading = read([{"type": "resource", "resource": resource}], kind="mcp")
    assert reading.files == ("data:image/gif;base64,QUJD",)


def test_sources_in_open_webuis_own_form_are_found() -> None:
    listed = [{"source": {"name": "A", "url": "https://a"}, "document": ["one", 3, "two"]}, 3, {}]
    (source,) = read({"sources": listed}).sources
    assert (source.name, source.url, source.text) == ("A", "https://a", "one\ntwo")
